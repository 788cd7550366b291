package teach

import (
	"log/slog"
	"testing"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/answer/answertest"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/jobs"
	"github.com/mynahbot/mynah/internal/workspace"
)

// newTeacher is a Teacher on a store of its own.
func newTeacher(t *testing.T) *Teacher {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	spaces := workspace.Open(dir)
	t.Cleanup(func() {
		if err := spaces.Close(); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.DiscardHandler)
	j, err := jobs.New(t.Context(), s, jobs.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	a, err := answer.New(answer.Config{Matcher: answertest.ByWords(t), Settings: s, Corrections: s, Examples: s, Models: s, Blobs: s, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	teacher, err := New(Config{
		Settings: s, Corrections: s, Examples: s, Models: s, Blobs: s, Jobs: j, Workspaces: spaces, Answers: a, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	return teacher
}
