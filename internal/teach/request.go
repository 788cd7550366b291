package teach

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// Request is what a training is asked to do: the arguments of a job of the kind [record.JobTrain].
type Request struct {
	Language   string               `json:"language"` // of the messages about it
	Dataset    record.DatasetChoice `json:"dataset,omitzero"`
	Uploads    []string             `json:"uploads,omitempty"` // in the workspace, taken away when they are read
	Label      string               `json:"label,omitempty"`   // of uploaded texts, and of the named dataset's, that come without one
	Named      bool                 `json:"named,omitempty"`   // the command named the dataset
	Message    record.MessageID     `json:"message,omitempty"` // that taught it
	Added      int                  `json:"added,omitempty"`   // examples that the command itself added
	Duplicates int                  `json:"duplicates,omitempty"`
	Provider   string               `json:"provider,omitempty"` // who fine-tunes a model; "" = nobody
	Shown      string               `json:"shown,omitempty"`    // how files were understood, as the message about it says it first
}

// ReadRequest reads the arguments of a job.
func ReadRequest(job record.Job) (r Request, err error) {
	if err := json.Unmarshal(job.Args, &r); err != nil {
		return r, fmt.Errorf("arguments of job %d: %w", job.ID, err)
	}
	return r, nil
}

// Progress is how far a training is. The newest one is kept with its job.
type Progress struct {
	Stage string        `json:"stage"` // "reading", "training", "replies", "evaluating", "report", "service"
	Done  float64       `json:"done"`  // 0 to 1
	Left  time.Duration `json:"left,omitempty"`

	// Of the stage "service": the job at the service that fine-tunes, which is
	// followed again after a crash, and how far the service says that it is.
	Remote string `json:"remote,omitempty"`
	Status string `json:"status,omitempty"`
}

// ReadProgress reads what a job reported; ok is false where it is nothing yet.
func ReadProgress(job record.Job) (p Progress, ok bool) {
	return p, len(job.Progress) > 0 && json.Unmarshal(job.Progress, &p) == nil && p.Stage != ""
}
