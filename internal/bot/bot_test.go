package bot

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/answer/answertest"
	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/spoken"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/jobs"
	"github.com/mynahbot/mynah/internal/teach"
	"github.com/mynahbot/mynah/internal/workspace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hearing is what a conversation takes, of which nothing is used.
func hearing() *Talking {
	return &Talking{
		Recognizer: func(string) conversation.Recognizer { return nil },
		NewVAD:     func() (spoken.VAD, error) { return nil, errors.New("not here") },
	}
}

// newTestBot is a bot with a real store, which is not started.
func newTestBot(t testing.TB) *Bot { return newTestBotWith(t, nil, nil) }

// newTestBotWith is that with another configuration.
func newTestBotWith(t testing.TB, asks func(*answer.Config), change func(*Config)) *Bot {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	log := slog.New(slog.DiscardHandler)
	j, err := jobs.New(t.Context(), s, jobs.Config{Log: log})
	if err != nil {
		t.Fatal(err)
	}
	asked := answer.Config{Matcher: answertest.ByWords(t), Settings: s, Corrections: s, Examples: s, Models: s, Blobs: s, Log: log}
	if asks != nil {
		asks(&asked)
	}
	answers, err := answer.New(asked)
	if err != nil {
		t.Fatal(err)
	}
	spaces := workspace.Open(t.TempDir())
	teacher, err := teach.New(teach.Config{
		Settings: s, Corrections: s, Examples: s, Models: s, Blobs: s, Jobs: j, Workspaces: spaces, Answers: answers, Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Answers: answers, Teacher: teacher,
		Settings: s, Exchanges: s, Corrections: s, Feedback: s, Examples: s,
		Models: s, Privacy: s, Workspaces: spaces, Transcripts: s, Retention: s, Jobs: j, Log: log,
		Talking: hearing(), Recognizers: []string{"local", "google", "openai"}, // so that everything is declared
	}
	if change != nil {
		change(&cfg)
	}
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// textKeys finds the keys of texts in this package's source.
func textKeys(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	literal := regexp.MustCompile(`"([a-z]+\.[a-z_]*[a-z])"`)
	heads := map[string]bool{
		"hi": true, "help": true, "mention": true, "answer": true, "limit": true, "error": true, "argument": true,
		"attachment": true, "audio": true, "settings": true, "train": true, "job": true, "test": true, "dataset": true,
		"files": true, "correct": true, "feedback": true, "models": true, "privacy": true, "call": true,
		"testset": true, "response": true, "skip": true, "refused": true, "choice": true,
	}
	// Some are put together from a name that the type of a value limits.
	keys := []string{
		"train.stage_reading", "train.stage_training", "train.stage_replies", "train.stage_evaluating", "train.stage_report",
		"job.state_queued", "job.state_running", "job.state_done", "job.state_failed", "job.state_cancelled",
		"models.state_active", "models.state_candidate", "models.state_retired", "models.state_stale",
		"dataset.origin_file", "dataset.origin_message", "dataset.origin_correction", "dataset.origin_voice",
	}
	for _, f := range files {
		if strings.HasSuffix(f, "_test.go") {
			continue
		}
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllStringSubmatch(string(raw), -1) {
			head, _, _ := strings.Cut(m[1], ".")
			if heads[head] && !strings.HasSuffix(m[1], ".json") && !strings.HasSuffix(m[1], ".jsonl") {
				keys = append(keys, m[1])
			}
		}
	}
	return keys
}
