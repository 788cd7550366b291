package teach

import (
	"context"
	"io"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/workspace"
)

// SettingsStore reads what servers chose.
type SettingsStore interface {
	Settings(ctx context.Context, server record.ServerID) (record.Settings, error)
}

// CorrectionStore keeps what people corrected.
type CorrectionStore interface {
	SaveCorrection(ctx context.Context, c record.Correction) (record.CorrectionID, error)
	Corrections(ctx context.Context, server record.ServerID, onlyUnabsorbed bool) ([]record.Correction, error)
	MarkAbsorbed(ctx context.Context, server record.ServerID, model record.ModelID, upTo record.CorrectionID) error
	DeleteCorrection(ctx context.Context, server record.ServerID, id record.CorrectionID) (bool, error)
}

// ExampleStore keeps what was taught.
type ExampleStore interface {
	AddExamples(ctx context.Context, server record.ServerID, examples []record.Example) (added, duplicates int, err error)
	Examples(ctx context.Context, server record.ServerID, dataset string) ([]record.Example, error)
	// CountExamples counts those of each dataset that are not disabled.
	CountExamples(ctx context.Context, server record.ServerID) (map[string]int, error)
	RemoveExamples(ctx context.Context, server record.ServerID, filter record.ExampleFilter) (int, error)
	DisableExamples(ctx context.Context, server record.ServerID, filter record.ExampleFilter, disabled bool) (int, error)
	// EditExample returns [record.ErrDuplicate] where another example says the same, and false where
	// the example isn't there.
	EditExample(ctx context.Context, server record.ServerID, e record.Example) (bool, error)
}

// ModelStore knows the trained models of a server.
type ModelStore interface {
	// SaveModel keeps a new model and returns it with its id and number. An
	// active one takes the place of the one before it. The error is
	// [record.ErrForgotten], and nothing is kept, where somebody had deleted what
	// they had taught since the training began.
	SaveModel(ctx context.Context, m record.Model) (record.Model, error)
	Models(ctx context.Context, server record.ServerID) ([]record.Model, error)
	ActiveModel(ctx context.Context, server record.ServerID) (record.Model, bool, error)
	Promote(ctx context.Context, server record.ServerID, id record.ModelID) error
	// Restore goes back to a model that was in use; the one after it becomes a candidate.
	Restore(ctx context.Context, server record.ServerID, id record.ModelID) error
}

// BlobStore keeps the models themselves.
type BlobStore interface {
	PutBlob(ctx context.Context, key string, r io.Reader) error
	OpenBlob(ctx context.Context, key string) (io.ReadCloser, error)
	// DeleteBlob removes one; that it isn't there is no error.
	DeleteBlob(ctx context.Context, key string) error
}

// Jobs tells whose a job is: who asked for it may have deleted what is kept about them.
type Jobs interface {
	Job(ctx context.Context, server record.ServerID, id record.JobID) (record.Job, bool, error)
}

// Workspaces gives each server its own folder.
type Workspaces interface {
	Workspace(server record.ServerID) (*workspace.Workspace, error)
	Servers() ([]record.ServerID, error)
}

// TuningService fine-tunes models elsewhere.
type TuningService interface {
	// FineTune starts a job, or finds the one that was started under the tag. The error wraps
	// [learn.ErrTooFew] where the service wants more examples than there are.
	FineTune(ctx context.Context, tag string, examples []record.Example) (TuningJob, error)
	// Follow asks every interval until the job has ended.
	Follow(ctx context.Context, id string, interval time.Duration, update func(TuningJob)) (TuningJob, error)
	Cancel(ctx context.Context, id string) (TuningJob, error)
	// Delete deletes a model that FineTune made.
	Delete(ctx context.Context, model string) error
}

// TuningJob is a fine-tuning job at a service.
type TuningJob struct {
	ID     string
	Status string // as the service calls it: validating_files, queued, running, succeeded, failed or cancelled
	Model  string // of a job that succeeded: the name to use from then on
	Error  string // of a job that failed
	File   string // the examples that were uploaded for it, as the service calls them
}

// MinFineTuning is the fewest examples that OpenAI's fine-tuning accepts.
const MinFineTuning = 10
