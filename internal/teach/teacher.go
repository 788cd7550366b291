package teach

import (
	"cmp"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// Config is what a Teacher needs. The stores, Jobs, Workspaces and Answers are required.
type Config struct {
	Settings    SettingsStore
	Corrections CorrectionStore
	Examples    ExampleStore
	Models      ModelStore
	Blobs       BlobStore
	Jobs        Jobs
	Workspaces  Workspaces
	Answers     *answer.Answerer // that reads what is taught
	Datasets    dataset.Reader   // of files; the zero Reader reads text files only

	// Tuning fine-tunes models at a service; nil: none is configured. TuningPoll is how often it is
	// asked how far it is; 0 = 10 s.
	Tuning     TuningService
	TuningPoll time.Duration
	Encoder    learn.Encoder // gives sentences' vectors to trainings; nil: they do without

	MaxExamples   int           // of one training; 0 = as many as learn takes
	TrainBudget   time.Duration // for choosing hyperparameters; 0 = learn's default
	RefusalTarget float64       // share of known questions that may be refused, where a server chose none; 0 = learn's default

	Log *slog.Logger     // nil = slog.Default()
	Now func() time.Time // nil = time.Now
}

// Teacher changes what servers' Mynahs know. Safe for concurrent use.
type Teacher struct {
	cfg Config
	log *slog.Logger
}

// New checks the configuration and returns a Teacher.
func New(cfg Config) (*Teacher, error) {
	switch {
	case cfg.Settings == nil, cfg.Corrections == nil, cfg.Examples == nil, cfg.Models == nil, cfg.Blobs == nil,
		cfg.Jobs == nil, cfg.Workspaces == nil, cfg.Answers == nil:
		return nil, errors.New("teach: a store is missing in the configuration")
	}
	cfg.MaxExamples = min(cmp.Or(cfg.MaxExamples, learn.MaxExamples), learn.MaxExamples)
	cfg.TuningPoll = cmp.Or(cfg.TuningPoll, 10*time.Second)
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Teacher{cfg: cfg, log: cfg.Log}, nil
}

// MaxExamples is how many examples one training may learn.
func (t *Teacher) MaxExamples() int { return t.cfg.MaxExamples }

// Datasets reads files as trainings do.
func (t *Teacher) Datasets() dataset.Reader { return t.cfg.Datasets }

// CanTune reports whether a service that fine-tunes is configured.
func (t *Teacher) CanTune() bool { return t.cfg.Tuning != nil }

// May reports whether a person may train and change what a server's Mynah knows: whoever manages the
// server, and those with a role that the server has named.
func May(s record.Settings, manager bool, roles []record.RoleID) bool {
	return manager || slices.ContainsFunc(roles, func(r record.RoleID) bool { return slices.Contains(s.TrainRoles, r) })
}
