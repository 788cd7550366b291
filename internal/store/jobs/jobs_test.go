package jobs_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/jobs"
	"github.com/mynahbot/mynah/internal/store/storetest"
)

var postgres storetest.Server

func TestMain(m *testing.M) {
	if os.Getenv(victimEnv) != "" {
		victim()
	}
	code := m.Run()
	postgres.Stop()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

const server record.ServerID = 4711

// patience bounds every wait; none is expected to take nearly as long.
const patience = 2 * time.Minute

type fixture struct {
	*jobs.Jobs
	ended chan record.Job
}

// begin opens a store and prepares jobs on it; setup names the handlers.
func begin(t *testing.T, c store.Config, setup func(j *jobs.Jobs)) fixture {
	t.Helper()
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	f := fixture{ended: make(chan record.Job, 100)}
	f.Jobs, err = jobs.New(t.Context(), s, jobs.Config{
		Heartbeat: 100 * time.Millisecond,
		Log:       slog.New(slog.NewTextHandler(t.Output(), nil)),
		Ended:     func(_ context.Context, j record.Job) { f.ended <- j },
	})
	if err != nil {
		t.Fatal(err)
	}
	setup(f.Jobs)
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := errors.Join(f.Stop(ctx), s.Close()); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f fixture) enqueue(t *testing.T, kind string) record.JobID {
	t.Helper()
	id, err := f.Enqueue(t.Context(), record.Job{Server: server, Channel: 5, By: 6, Kind: kind, Args: json.RawMessage(`{"n":1}`)})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (f fixture) get(t *testing.T, id record.JobID) record.Job {
	t.Helper()
	j, found, err := f.Job(t.Context(), server, id)
	if err != nil || !found {
		t.Fatalf("job %s: found %v, %v", id, found, err)
	}
	return j
}

func wait[T any](t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(patience):
		t.Fatalf("waited too long for: %s", what)
	}
	return v
}

func TestJobs(t *testing.T) {
	for _, backend := range postgres.Backends() {
		t.Run(backend.Name, func(t *testing.T) {
			for name, test := range map[string]func(*testing.T, store.Config){
				"Done": testDone, "Failed": testFailed, "Panic": testPanic, "UnknownKind": testUnknownKind,
				"CancelRunning": testCancelRunning, "CancelWaiting": testCancelWaiting, "Restart": testRestart,
				"Killed": testKilled, "Many": testMany,
			} {
				t.Run(name, func(t *testing.T) {
					test(t, store.Config{Dir: t.TempDir(), URL: backend.URL(t)})
				})
			}
		})
	}
}

func testDone(t *testing.T, c store.Config) {
	reported, goOn := make(chan record.JobID), make(chan struct{})
	f := begin(t, c, func(j *jobs.Jobs) {
		j.Handle("train", func(ctx context.Context, job record.Job, progress func(any) error) error {
			if job.Server != server || job.Channel != 5 || job.By != 6 || job.Attempt != 1 || string(job.Args) != `{"n":1}` {
				return fmt.Errorf("got %+v", job)
			}
			if err := progress(map[string]int{"percent": 50}); err != nil {
				return err
			}
			reported <- job.ID
			<-goOn
			return nil
		})
	})
	id := f.enqueue(t, "train")
	if err := f.SetMessage(t.Context(), id, 99); err != nil {
		t.Fatal(err)
	}
	wait(t, reported, "progress")
	j := f.get(t, id)
	if j.State != record.JobRunning || string(j.Progress) != `{"percent":50}` || j.Message != 99 || j.StartedAt.IsZero() || !j.FinishedAt.IsZero() {
		t.Errorf("running: %+v", j)
	}
	close(goOn)
	j = wait(t, f.ended, "the end")
	if j.ID != id || j.State != record.JobDone || j.FinishedAt.Before(j.StartedAt) || j.Error != "" {
		t.Errorf("ended: %+v", j)
	}
	if _, found, err := f.Job(t.Context(), server+1, id); found || err != nil {
		t.Errorf("another server sees it: %v, %v", found, err)
	}
	if err := f.Cancel(t.Context(), server, id); !errors.Is(err, record.ErrJobEnded) {
		t.Errorf("cancelled after the end: %v", err)
	}
	if err := f.Cancel(t.Context(), server+1, id); !errors.Is(err, record.ErrNoJob) {
		t.Errorf("cancelled by another server: %v", err)
	}
}

func testFailed(t *testing.T, c store.Config) {
	var runs atomic.Int32
	f := begin(t, c, func(j *jobs.Jobs) {
		j.Handle("train", func(context.Context, record.Job, func(any) error) error {
			runs.Add(1)
			return errors.New("one label only")
		})
	})
	id := f.enqueue(t, "train")
	wait(t, f.ended, "the end")
	if j := f.get(t, id); j.State != record.JobFailed || j.Error != "one label only" || j.FinishedAt.IsZero() || runs.Load() != 1 {
		t.Errorf("%+v after %d runs", j, runs.Load())
	}
}

func testPanic(t *testing.T, c store.Config) {
	f := begin(t, c, func(j *jobs.Jobs) {
		j.Handle("train", func(context.Context, record.Job, func(any) error) error { panic("no such word") })
	})
	f.enqueue(t, "train")
	if j := wait(t, f.ended, "the end"); j.State != record.JobFailed || j.Error != "internal error: no such word" || j.Attempt != 1 {
		t.Errorf("%+v", j)
	}
}

func testUnknownKind(t *testing.T, c store.Config) {
	f := begin(t, c, func(*jobs.Jobs) {})
	f.enqueue(t, "knit")
	if j := wait(t, f.ended, "the end"); j.State != record.JobFailed || j.Error == "" {
		t.Errorf("%+v", j)
	}
}

func testCancelRunning(t *testing.T, c store.Config) {
	started := make(chan struct{})
	f := begin(t, c, func(j *jobs.Jobs) {
		j.Handle("train", func(ctx context.Context, _ record.Job, _ func(any) error) error {
			close(started)
			<-ctx.Done()
			return ctx.Err()
		})
	})
	id := f.enqueue(t, "train")
	wait(t, started, "the start")
	if err := f.Cancel(t.Context(), server, id); err != nil {
		t.Fatal(err)
	}
	if j := wait(t, f.ended, "the end"); j.State != record.JobCancelled || j.FinishedAt.IsZero() {
		t.Errorf("%+v", j)
	}
}

func testCancelWaiting(t *testing.T, c store.Config) {
	release := make(chan struct{})
	ran := make(chan record.JobID, 10)
	f := begin(t, c, func(j *jobs.Jobs) {
		j.Handle("train", func(ctx context.Context, job record.Job, _ func(any) error) error {
			ran <- job.ID
			<-release
			return nil
		})
	})
	first, second := f.enqueue(t, "train"), f.enqueue(t, "train") // two workers
	wait(t, ran, "one job")
	wait(t, ran, "another job")
	waiting := f.enqueue(t, "train")
	if err := f.Cancel(t.Context(), server, waiting); err != nil {
		t.Fatal(err)
	}
	if j := wait(t, f.ended, "the cancelled one"); j.ID != waiting || j.State != record.JobCancelled || j.Attempt != 0 {
		t.Errorf("%+v", j)
	}
	last := f.enqueue(t, "train")
	close(release)
	if id := wait(t, ran, "the last job"); id != last {
		t.Errorf("job %s ran, not %s", id, last)
	}
	for range 3 {
		wait(t, f.ended, "the rest")
	}
	listed, err := f.Jobs.Jobs(t.Context(), server, 3)
	if err != nil || len(listed) != 3 || listed[0].ID != last || listed[1].ID != waiting || listed[2].ID != second {
		t.Errorf("listed %+v, %v (first is %s)", listed, err, first)
	}
}

// testRestart stops the program in the middle of a job, in good order.
func testRestart(t *testing.T, c store.Config) {
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	j, err := jobs.New(t.Context(), s, jobs.Config{Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	j.Handle("train", func(ctx context.Context, _ record.Job, _ func(any) error) error {
		close(started)
		<-ctx.Done()
		return fmt.Errorf("training was interrupted: %w", ctx.Err())
	})
	if err := j.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	id, err := j.Enqueue(t.Context(), record.Job{Server: server, Kind: "train", Message: 7})
	if err != nil {
		t.Fatal(err)
	}
	wait(t, started, "the start")
	if err := errors.Join(j.Stop(t.Context()), s.Close()); err != nil {
		t.Fatal(err)
	}
	f := begin(t, c, func(j *jobs.Jobs) {
		j.Handle("train", func(context.Context, record.Job, func(any) error) error { return nil })
	})
	if j := wait(t, f.ended, "the end"); j.ID != id || j.State != record.JobDone || j.Attempt != 2 || j.Message != 7 {
		t.Errorf("%+v", j)
	}
}

func testMany(t *testing.T, c store.Config) {
	const n = 50
	var runs atomic.Int32
	f := begin(t, c, func(j *jobs.Jobs) {
		j.Handle("train", func(_ context.Context, _ record.Job, progress func(any) error) error {
			runs.Add(1)
			return progress(1)
		})
	})
	for range n {
		f.enqueue(t, "train")
	}
	for range n {
		if j := wait(t, f.ended, "all"); j.State != record.JobDone || j.Attempt != 1 {
			t.Errorf("%+v", j)
		}
	}
	if runs.Load() != n {
		t.Errorf("%d runs", runs.Load())
	}
}
