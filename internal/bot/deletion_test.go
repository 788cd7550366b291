package bot

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/jobs"
	"github.com/mynahbot/mynah/internal/teach"
	"github.com/mynahbot/mynah/internal/workspace"
)

// unreachable is a store whose blobs can't be reached for a while.
type unreachable struct {
	*store.Store
	away *atomic.Bool
}

func (u unreachable) DeleteBlob(ctx context.Context, key string) error {
	if u.away.Load() {
		return errors.New("the bucket can't be reached")
	}
	return u.Store.DeleteBlob(ctx, key)
}

// overhearing keeps what is said.
type overhearing struct{ said []string }

func (o *overhearing) Send(_ context.Context, r Reply) (record.MessageID, error) {
	o.said = append(o.said, r.Text)
	return 1, nil
}
func (o *overhearing) Working(context.Context, bool) error { return nil }

// A deletion that a bucket's outage stops in the middle doesn't say that it is done, nor that nothing happened; it is finished later, by
// the next process if need be.
func TestDeletionIsFinished(t *testing.T) {
	const server, alice = record.ServerID(1), record.UserID(7)
	dir, ctx := t.TempDir(), t.Context()
	s, err := store.Open(ctx, store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	spaces := workspace.Open(dir)
	defer spaces.Close()
	kept := unreachable{s, &atomic.Bool{}}
	log := slog.New(slog.DiscardHandler)
	j, err := jobs.New(ctx, s, jobs.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	answers, err := answer.New(ctx, answer.Config{Settings: s, Corrections: s, Examples: s, Models: s, Blobs: s, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	teacher, err := teach.New(teach.Config{
		Settings: s, Corrections: s, Examples: s, Models: s, Blobs: kept, Jobs: j, Workspaces: spaces, Answers: answers, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	process := func() *Bot {
		b, err := New(Config{
			Answers: answers, Teacher: teacher,
			Settings: s, Exchanges: s, Corrections: s, Feedback: s, Examples: s,
			Models: s, Privacy: s, Workspaces: spaces, Transcripts: s, Retention: s, Jobs: j, Log: log,
		})
		if err != nil {
			t.Fatal(err)
		}
		b.wg.Go(b.memory.run) // without what runs by the clock
		t.Cleanup(func() {
			if err := b.Stop(context.WithoutCancel(ctx)); err != nil {
				t.Error(err)
			}
		})
		return b
	}
	say := func(b *Bot, name string, args Arguments) string {
		heard := &overhearing{}
		c := &Call{
			bot: b, responder: heard, Server: server, Author: Person{ID: alice}, args: args, Interaction: true,
			Command: b.named(name), translation: b.in("en", record.Settings{}),
		}
		b.guard(ctx, c, func(ctx context.Context) error { return b.run(ctx, c) })
		return strings.Join(heard.said, "\n")
	}
	put := func(name string) {
		t.Helper()
		w, err := spaces.Workspace(server)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Create(name, strings.NewReader("hers")); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = s.AddExamples(ctx, server, []record.Example{{Text: "hers", Label: "x", Origin: record.Origin{Author: alice, At: time.Now()}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.PutBlob(ctx, "models/1", strings.NewReader("hers")); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SaveModel(ctx, record.Model{Server: server, State: record.ModelActive, Blob: "models/1", Began: time.Now(), At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"datasets/hers.csv", "datasets/his.csv", "archives/all.zip", "files/dataset.jsonl"} {
		put(name)
	}
	if err := s.SaveFile(ctx, record.File{Server: server, Path: "datasets/hers.csv", By: alice, At: time.Now()}); err != nil {
		t.Fatal(err)
	}

	kept.away.Store(true)
	b := process()
	for range 2 {
		if said := say(b, "privacy delete", Arguments{"confirm": "true"}); !strings.Contains(said, "Still to do") || !strings.Contains(said, "of 1 servers") {
			t.Errorf("with a bucket away: %s", said)
		}
	}
	if said := say(b, "status", nil); !strings.Contains(said, "Still to do") {
		t.Errorf("status: %s", said)
	}
	if err := b.FinishDeletions(ctx); err == nil {
		t.Error("finished without the bucket")
	}

	kept.away.Store(false)
	next := process() // as after a crash
	if err := next.FinishDeletions(ctx); err != nil {
		t.Fatal(err)
	}
	if r, err := s.OpenBlob(ctx, "models/1"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the model is there: %v, %v", r, err)
	}
	w, err := spaces.Workspace(server)
	if err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"datasets/hers.csv": false, "datasets/his.csv": true, "archives/all.zip": false, "files/dataset.jsonl": false} {
		if _, err := w.Stat(name); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	if said := say(next, "status", nil); strings.Contains(said, "Still to do") {
		t.Errorf("status at the end: %s", said)
	}
	if said := say(next, "privacy delete", Arguments{"confirm": "true"}); !strings.Contains(said, "kept about you is deleted") {
		t.Errorf("again: %s", said)
	}
}
