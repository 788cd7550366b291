package record

import "errors"

// Errors of what keeps records that its users tell apart.
var (
	// ErrForgotten says that somebody had deleted what they had taught while a model learned it.
	// The model isn't kept.
	ErrForgotten = errors.New("what it learned was deleted during the training")
	// ErrDuplicate says that another example says the same.
	ErrDuplicate = errors.New("there is such an example already")
	// ErrNoJob says that the server has no such job.
	ErrNoJob = errors.New("this server has no such job")
	// ErrJobEnded says that a job that is to be cancelled has ended already.
	ErrJobEnded = errors.New("this job has ended already")
)
