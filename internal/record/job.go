package record

import (
	"encoding/json"
	"time"
)

// JobState says how far a job is.
type JobState string

const (
	JobQueued    JobState = "queued"
	JobRunning   JobState = "running"
	JobDone      JobState = "done"
	JobFailed    JobState = "failed"
	JobCancelled JobState = "cancelled"
)

// Ended reports whether the job will do nothing more.
func (s JobState) Ended() bool { return s == JobDone || s == JobFailed || s == JobCancelled }

// JobTrain is the kind of a job that trains a model.
const JobTrain = "train"

// Job is work that outlives the command that asked for it, and the program's end.
type Job struct {
	ID         JobID           `json:"id"`
	Server     ServerID        `json:"server"`
	Channel    ChannelID       `json:"channel,omitempty"`
	Message    MessageID       `json:"message,omitempty"` // the message that is edited with progress; 0 = none yet
	By         UserID          `json:"by"`
	Kind       string          `json:"kind"`
	Args       json.RawMessage `json:"args,omitempty"`
	State      JobState        `json:"state"`
	Progress   json.RawMessage `json:"progress,omitempty"` // what the handler reported last
	Error      string          `json:"error,omitempty"`    // why it failed
	Attempt    int             `json:"attempt"`            // runs begun so far; more than 1 after a crash
	CreatedAt  time.Time       `json:"created_at"`
	StartedAt  time.Time       `json:"started_at,omitzero"`  // of the last run
	FinishedAt time.Time       `json:"finished_at,omitzero"` // zero until it ended
}
