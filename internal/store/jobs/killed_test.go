package jobs_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/jobs"
)

// The environment makes this test program a victim: a process that begins a job
// on the store in victimEnv and never ends it.
const (
	victimEnv    = "MYNAH_TEST_VICTIM" // the data folder
	victimURLEnv = "MYNAH_TEST_VICTIM_URL"
	victimNewEnv = "MYNAH_TEST_VICTIM_NEW" // "1": enqueue a job first
)

func victim() {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, "victim:", err)
			os.Exit(1)
		}
	}
	s, err := store.Open(ctx, store.Config{Dir: os.Getenv(victimEnv), URL: os.Getenv(victimURLEnv)})
	fail(err)
	j, err := jobs.New(ctx, s, jobs.Config{Heartbeat: 100 * time.Millisecond})
	fail(err)
	j.Handle("train", func(_ context.Context, job record.Job, progress func(any) error) error {
		fail(progress(map[string]int{"attempt": job.Attempt}))
		fmt.Println(job.Attempt)
		select {} // until killed
	})
	fail(j.Start(ctx))
	if os.Getenv(victimNewEnv) != "" {
		_, err := j.Enqueue(ctx, record.Job{Server: server, Kind: "train", Message: 1234})
		fail(err)
	}
	select {}
}

// testKilled kills the process that runs a job, more than once, and sees the
// job run to its end in the next one.
func testKilled(t *testing.T, c store.Config) {
	const kills = 2
	for attempt := 1; attempt <= kills; attempt++ {
		cmd := exec.Command(os.Args[0], "-test.run=^$")
		cmd.Env = append(os.Environ(), victimEnv+"="+c.Dir, victimURLEnv+"="+c.URL)
		if attempt == 1 {
			cmd.Env = append(cmd.Env, victimNewEnv+"=1")
		}
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		said := make(chan string, 1)
		go func() {
			line, _ := bufio.NewReader(out).ReadString('\n')
			said <- line
		}()
		line := wait(t, said, "the victim to begin the job")
		if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // "signal: killed"
		if line != strconv.Itoa(attempt)+"\n" {
			t.Fatalf("attempt %q, want %d", line, attempt)
		}
	}
	began := time.Now()
	f := begin(t, c, func(j *jobs.Jobs) {
		j.Handle("train", func(_ context.Context, job record.Job, progress func(any) error) error {
			if string(job.Progress) != fmt.Sprintf(`{"attempt":%d}`, kills) {
				return fmt.Errorf("the progress before was %s", job.Progress)
			}
			return progress("all of it")
		})
	})
	j := wait(t, f.ended, "the end")
	t.Logf("taken up and ended %v after the start", time.Since(began).Round(time.Millisecond))
	if j.State != record.JobDone || j.Attempt != kills+1 || j.Message != 1234 || string(j.Progress) != `"all of it"` {
		t.Errorf("%+v", j)
	}
}

// TestGivenUp begins with a job that was running at every crash so far.
func TestGivenUp(t *testing.T) {
	c := store.Config{Dir: t.TempDir()}
	s, err := store.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	j, err := jobs.New(t.Context(), s, jobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	id, err := j.Enqueue(t.Context(), record.Job{Server: server, Kind: "train"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.SQL().ExecContext(t.Context(), `UPDATE job SET state = 'running', attempt = $1`, jobs.MaxAttempts); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	f := begin(t, c, func(j *jobs.Jobs) {
		j.Handle("train", func(context.Context, record.Job, func(any) error) error {
			t.Error("begun once more")
			return nil
		})
	})
	if j := wait(t, f.ended, "the end"); j.ID != id || j.State != record.JobFailed || j.Error == "" {
		t.Errorf("%+v", j)
	}
}
