package teach

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// ErrNoService says that no service that fine-tunes is configured.
var ErrNoService = errors.New("no service that fine-tunes is configured")

// ServiceError says that the service that fine-tunes gave no model. A [learn.ErrTooFew] in it says
// that it wants at least [MinFineTuning] examples.
type ServiceError struct{ Err error }

func (e *ServiceError) Error() string { return "fine-tuning: " + e.Err.Error() }
func (e *ServiceError) Unwrap() error { return e.Err }

// errNoModel is about a service whose job succeeded without a model.
var errNoModel = errors.New("the service named no model")

// fineTune has the service train a model on what was gathered, and returns its name there. A job that
// was started before a crash is followed again.
func (r *run) fineTune(ctx context.Context) (model string, err error) {
	service := r.cfg.Tuning
	if service == nil {
		return "", ErrNoService
	}
	tag := fmt.Sprintf("server %s, training %s of %d", r.job.Server, r.job.ID, r.job.CreatedAt.UnixMicro())
	if r.remote == "" {
		job, err := service.FineTune(ctx, tag, r.material.Examples)
		if err != nil {
			return "", &ServiceError{err}
		}
		r.remote = job.ID
		r.report(Progress{Stage: "service", Status: job.Status})
	}
	job, err := service.Follow(ctx, r.remote, r.cfg.TuningPoll, func(j TuningJob) {
		r.report(Progress{Stage: "service", Status: j.Status})
	})
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case err != nil:
		return "", &ServiceError{err}
	case job.Model == "":
		return "", &ServiceError{errNoModel}
	}
	return job.Model, nil
}

// remoteCancelTime is how long cancelling a service's job may take.
const remoteCancelTime = 20 * time.Second

// CancelRemote cancels a service's job.
func (t *Teacher) CancelRemote(ctx context.Context, id string) error {
	if t.cfg.Tuning == nil {
		return ErrNoService
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), remoteCancelTime)
	defer cancel()
	_, err := t.cfg.Tuning.Cancel(ctx, id)
	return err
}

// RemoveStale deletes what models keep of examples that were deleted: their snapshots, and the models
// themselves, which answer no more.
func (t *Teacher) RemoveStale(ctx context.Context, server record.ServerID) error {
	all, err := t.cfg.Models.Models(ctx, server)
	if err != nil {
		return err
	}
	for _, m := range all {
		if m.State != record.ModelStale {
			continue
		}
		if err := t.removeModel(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

// removeModel deletes a model itself and all that holds what it learned.
func (t *Teacher) removeModel(ctx context.Context, m record.Model) error {
	t.forgetTuned(ctx, m)
	for _, key := range []string{m.Blob, heldOutKey(m.Blob), snapshotKey(m.Server, m.Snapshot)} {
		if err := t.cfg.Blobs.DeleteBlob(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

// forgetTuned deletes the fine-tuned model behind one that may answer no more.
func (t *Teacher) forgetTuned(ctx context.Context, m record.Model) {
	summary, err := m.Training()
	if err != nil {
		t.log.Warn("a model's summary can't be read", "model", m.ID, "err", err)
	}
	name := summary.Tuned
	if name == "" {
		return
	}
	err = ErrNoService
	if t.cfg.Tuning != nil {
		err = t.cfg.Tuning.Delete(ctx, name)
	}
	if err != nil {
		t.log.Error("a fine-tuned model stays at its service", "server", m.Server, "model", name, "err", err)
	}
}
