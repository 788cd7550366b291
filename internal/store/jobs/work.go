package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/mynahbot/mynah/internal/record"
)

// ticket is what River keeps of a job.
type ticket struct {
	Job record.JobID `json:"job"`
}

// Kind is the name of a ticket in River's table.
func (ticket) Kind() string { return "mynah" }

// worker takes tickets.
type worker struct {
	river.WorkerDefaults[ticket]
	jobs *Jobs
}

// Timeout lets a job take as long as it takes; its handler knows better.
func (*worker) Timeout(*river.Job[ticket]) time.Duration { return -1 }

// NextRetry makes a ticket whose run was cut short good again at once.
func (*worker) NextRetry(*river.Job[ticket]) time.Time { return time.Now() }

// Work runs a ticket's job. An error that isn't a river.JobCancel keeps the
// ticket good for the next start.
func (w *worker) Work(ctx context.Context, t *river.Job[ticket]) error {
	j := w.jobs
	id := t.Args.Job
	attempt, err := j.begin(ctx, id, t.ID)
	if errors.Is(err, sql.ErrNoRows) {
		return nil // ended meanwhile, or not its ticket any more
	} else if err != nil {
		return fmt.Errorf("begin job %s: %w", id, err)
	}
	j.mu.Lock()
	j.running[id] = attempt
	j.mu.Unlock()
	defer func() {
		j.mu.Lock()
		delete(j.running, id)
		j.mu.Unlock()
	}()

	err = j.run(ctx, id, attempt)
	state, said := outcome(ctx, err)
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWrites)
	defer cancel()
	if kept := j.end(last, id, attempt, state, said); kept != nil {
		return fmt.Errorf("keep the outcome of job %s: %w", id, kept)
	}
	switch state {
	case record.JobQueued:
		j.log.Info("a job was interrupted and will be run again", "job", id)
		return err
	case record.JobFailed:
		j.log.Error("a job failed", "job", id, "err", err)
	}
	j.ended(last, id)
	if err != nil {
		return river.JobCancel(err)
	}
	return nil
}

// outcome tells a job's state from what its handler returned, and the error to
// be shown to people.
func outcome(ctx context.Context, err error) (state record.JobState, said string) {
	switch {
	case err == nil:
		return record.JobDone, ""
	case errors.Is(context.Cause(ctx), rivertype.ErrJobCancelledRemotely):
		return record.JobCancelled, ""
	case ctx.Err() != nil:
		return record.JobQueued, "" // the program stops
	}
	return record.JobFailed, err.Error()
}

// begin marks a job as running and returns which attempt this is. The error is
// sql.ErrNoRows when the ticket is not to be run.
func (j *Jobs) begin(ctx context.Context, id record.JobID, ticket int64) (attempt int, err error) {
	now := time.Now().UnixMicro()
	err = j.store.SQL().QueryRowContext(ctx, `UPDATE job
		SET state = $1, attempt = attempt + 1, started_at = $2, alive_at = $2
		WHERE id = $3 AND river = $4 AND state = $5 RETURNING attempt`,
		string(record.JobRunning), now, int64(id), ticket, string(record.JobQueued)).Scan(&attempt)
	return attempt, err
}

// run calls the job's handler. A panic in it is an error.
func (j *Jobs) run(ctx context.Context, id record.JobID, attempt int) (err error) {
	job, found, err := j.store.JobOfAnyServer(ctx, id)
	if err != nil {
		return err
	} else if !found {
		return record.ErrNoJob
	}
	handler := j.handlers[job.Kind]
	if handler == nil {
		return fmt.Errorf("nothing here can do a job of the kind %q", job.Kind)
	}
	defer func() {
		if p := recover(); p != nil {
			j.log.Error("panic in a job", "job", id, "kind", job.Kind, "value", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("internal error: %v", p)
		}
	}()
	return handler(ctx, job, func(progress any) error {
		text, err := encode(progress)
		if err != nil {
			return err
		}
		result, err := j.store.SQL().ExecContext(ctx, `UPDATE job SET progress = $1 WHERE id = $2 AND attempt = $3 AND state = $4`,
			text, int64(id), attempt, string(record.JobRunning))
		if err != nil {
			return fmt.Errorf("keep the progress of job %s: %w", id, err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrLost, err)
		}
		return nil
	})
}

// end keeps a run's outcome, unless another process has taken the job up since.
func (j *Jobs) end(ctx context.Context, id record.JobID, attempt int, state record.JobState, said string) error {
	var finished int64
	if state.Ended() {
		finished = time.Now().UnixMicro()
	}
	_, err := j.store.SQL().ExecContext(ctx, `UPDATE job SET state = $1, error = $2, finished_at = $3
		WHERE id = $4 AND attempt = $5 AND state = $6`,
		string(state), said, finished, int64(id), attempt, string(record.JobRunning))
	return err
}
