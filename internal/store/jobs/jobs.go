// Package jobs runs work that outlives the command that asked for it, and the
// program's end: River on the store's own database.
//
// Make the jobs with [New], give a handler for each kind with [Jobs.Handle], then
// [Jobs.Start]. [Jobs.Enqueue] works from New on. [Jobs.Stop] cancels what runs
// and waits; what did not end is run again after the next start.
//
// A job whose process was killed is run again too: with SQLite as soon as the
// next process starts, since only one owns the database; with PostgreSQL when
// its process hasn't been heard of for [StaleHeartbeats] heartbeats. So a
// handler may be run more than once for a job, never twice at a time, and must
// be able to begin anew: record.Job.Attempt tells. A handler that returns an
// error has failed, and is not run again.
//
// Each job is a row of the store, which is what people see; River's job is only
// the ticket with which a process takes it up. A ticket that is not the row's
// own any more does nothing.
package jobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
)

const (
	// StaleHeartbeats is after how many heartbeats without a word a process is
	// taken for dead.
	StaleHeartbeats = 5
	// MaxAttempts is how often a job is begun. One that was under way at each of
	// so many crashes is likely their cause.
	MaxAttempts = 10
	// lastWrites is how long keeping a job's outcome may take when it was cancelled.
	lastWrites = 3 * time.Second
)

// ErrLost is returned to a handler that reports progress on a job that
// another process has taken up since.
var ErrLost = errors.New("another process runs this job now")

// Handler does a job. It reports with progress, whose value is kept as JSON,
// and returns soon after ctx ends: somebody cancelled the job, or the program
// stops.
type Handler func(ctx context.Context, job record.Job, progress func(any) error) error

// Config says how to run jobs; its zero value works.
type Config struct {
	Workers   int           // jobs at a time in this process; default 2
	Heartbeat time.Duration // how often a process says that it lives (PostgreSQL only); default 3 s
	Log       *slog.Logger  // default slog.Default()

	// Ended is told of every job that ended here: done, failed, or cancelled,
	// also one that never ran. It may be nil.
	Ended func(ctx context.Context, job record.Job)
}

// Jobs keeps and runs jobs. It is safe for concurrent use.
type Jobs struct {
	store    *store.Store
	config   Config
	log      *slog.Logger
	queue    queue
	handlers map[string]Handler

	mu      sync.Mutex
	running map[record.JobID]int // attempt of each job that runs here
	stop    context.CancelFunc   // ends the heartbeat
	beating sync.WaitGroup
}

// queue is River on one kind of database.
type queue interface {
	start(ctx context.Context) error
	stop(ctx context.Context) error
	// enqueue keeps a job and its ticket, both or none.
	enqueue(ctx context.Context, j record.Job) (record.JobID, error)
	// cancel cancels a job's ticket and, when it doesn't run, the job. It returns
	// the state that the job had.
	cancel(ctx context.Context, server record.ServerID, id record.JobID) (record.JobState, error)
	// reclaim gives new tickets to jobs whose process hasn't been heard of since
	// the given time, and fails those that were begun too often.
	reclaim(ctx context.Context, since time.Time) (again, failed []record.JobID, err error)
}

// New prepares the store's database for jobs.
func New(ctx context.Context, s *store.Store, c Config) (*Jobs, error) {
	c.Workers = cmp.Or(c.Workers, 2)
	c.Heartbeat = cmp.Or(c.Heartbeat, 3*time.Second)
	c.Log = cmp.Or(c.Log, slog.Default())
	j := &Jobs{
		store: s, config: c, log: c.Log,
		handlers: make(map[string]Handler),
		running:  make(map[record.JobID]int),
	}
	var err error
	if j.queue, err = newQueue(ctx, j); err != nil {
		return nil, fmt.Errorf("prepare the database for jobs: %w", err)
	}
	return j, nil
}

// Handle sets what does the jobs of a kind. Call it before Start.
func (j *Jobs) Handle(kind string, run Handler) { j.handlers[kind] = run }

// Start takes up what was left undone and begins to run jobs. It returns soon;
// Stop ends what it began, the end of ctx doesn't.
func (j *Jobs) Start(ctx context.Context) error {
	since := time.Now()
	if j.store.Postgres() != nil {
		since = j.stale()
	}
	if err := j.reclaim(ctx, since); err != nil {
		return fmt.Errorf("take up jobs again: %w", err)
	}
	ctx = context.WithoutCancel(ctx)
	if err := j.queue.start(ctx); err != nil {
		return fmt.Errorf("start running jobs: %w", err)
	}
	ctx, j.stop = context.WithCancel(ctx)
	if j.store.Postgres() != nil {
		j.beating.Go(func() { j.beat(ctx) })
	}
	return nil
}

// Stop takes no more jobs, cancels those that run and waits for their handlers
// until ctx ends. What has not ended is run again after the next start.
func (j *Jobs) Stop(ctx context.Context) error {
	if j.stop == nil {
		return nil
	}
	err := j.queue.stop(ctx)
	j.stop()
	j.beating.Wait()
	if err != nil {
		return fmt.Errorf("stop running jobs: %w", err)
	}
	return nil
}

// Enqueue keeps a job to be run as soon as a worker is free, and returns its id.
// Of the job given, who asks, where, what kind and the arguments count.
func (j *Jobs) Enqueue(ctx context.Context, job record.Job) (record.JobID, error) {
	id, err := j.queue.enqueue(ctx, job)
	if err != nil {
		return 0, fmt.Errorf("keep a %q job of server %s: %w", job.Kind, job.Server, err)
	}
	return id, nil
}

// Job returns a job of a server.
func (j *Jobs) Job(ctx context.Context, server record.ServerID, id record.JobID) (record.Job, bool, error) {
	return j.store.Job(ctx, server, id)
}

// Jobs returns up to limit jobs of a server, newest first.
func (j *Jobs) Jobs(ctx context.Context, server record.ServerID, limit int) ([]record.Job, error) {
	return j.store.Jobs(ctx, server, limit)
}

// Cancel ends a job: at once when it waits; by ending its handler's context,
// wherever that runs, when it runs. It returns [record.ErrNoJob] or [record.ErrJobEnded] where it
// must.
func (j *Jobs) Cancel(ctx context.Context, server record.ServerID, id record.JobID) error {
	state, err := j.queue.cancel(ctx, server, id)
	if err != nil {
		return fmt.Errorf("cancel job %s: %w", id, err)
	}
	if state == record.JobQueued {
		j.ended(ctx, id)
	}
	return nil
}

// SetMessage names the message that is edited with the job's progress.
func (j *Jobs) SetMessage(ctx context.Context, id record.JobID, message record.MessageID) error {
	if _, err := j.store.SQL().ExecContext(ctx, `UPDATE job SET message = $1 WHERE id = $2`, int64(message), int64(id)); err != nil {
		return fmt.Errorf("set the message of job %s: %w", id, err)
	}
	return nil
}

// stale is since when a living process must have been heard of.
func (j *Jobs) stale() time.Time { return time.Now().Add(-StaleHeartbeats * j.config.Heartbeat) }

func (j *Jobs) reclaim(ctx context.Context, since time.Time) error {
	again, failed, err := j.queue.reclaim(ctx, since)
	if err != nil {
		return err
	}
	if len(again) > 0 {
		j.log.Info("jobs of a process that died are run again", "jobs", again)
	}
	for _, id := range failed {
		j.log.Error("a job was under way at too many crashes; it is given up", "job", id)
		j.ended(ctx, id)
	}
	return nil
}

// beat says again and again that this process lives, and takes up the jobs of
// those that don't.
func (j *Jobs) beat(ctx context.Context) {
	tick := time.NewTicker(j.config.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := errors.Join(j.alive(ctx), j.reclaim(ctx, j.stale()))
		if err != nil && ctx.Err() == nil {
			j.log.Error("the heartbeat of jobs failed", "err", err)
		}
	}
}

func (j *Jobs) alive(ctx context.Context) error {
	j.mu.Lock()
	ids := make([]record.JobID, 0, len(j.running))
	for id := range j.running {
		ids = append(ids, id)
	}
	j.mu.Unlock()
	for _, id := range ids {
		if _, err := j.store.SQL().ExecContext(ctx, `UPDATE job SET alive_at = $1 WHERE id = $2`, time.Now().UnixMicro(), int64(id)); err != nil {
			return err
		}
	}
	return nil
}

// ended tells of a job that ended.
func (j *Jobs) ended(ctx context.Context, id record.JobID) {
	if j.config.Ended == nil {
		return
	}
	job, found, err := j.store.JobOfAnyServer(ctx, id)
	if err != nil || !found {
		j.log.Error("a job that ended can't be read", "job", id, "err", err)
		return
	}
	j.config.Ended(ctx, job)
}

// encode makes the JSON that is kept of a progress.
func encode(progress any) (string, error) {
	text, err := json.Marshal(progress)
	if err != nil {
		return "", fmt.Errorf("progress of a job: %w", err)
	}
	return string(text), nil
}
