package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Each name that a server may choose stands for its recognizer: the services are asked at their configured addresses, with
// the deadline of the conversation.
func TestTalkRecognizers(t *testing.T) {
	hang := make(chan struct{})
	stand := func(path, answer string) string {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			switch {
			case r.URL.Path != path:
				http.NotFound(w, r)
			case strings.Contains(r.URL.RawQuery, "lang=de"):
				<-hang
			default:
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, answer)
			}
		}))
		t.Cleanup(s.Close)
		return s.URL
	}
	t.Cleanup(func() { close(hang) })
	var cfg config.Config
	cfg.Speech.Recognizer = "local"
	cfg.Google.Endpoint = stand("/g", `{"result":[{"alternative":[{"transcript":"heard by Google","confidence":0.9}]}]}`) + "/g"
	cfg.OpenAI.BaseURL = stand("/v1/audio/transcriptions", `{"text":"heard by the server"}`) + "/v1"
	catalogue, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	none, err := models.Open(catalogue, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	engines, err := openEngines(&cfg, none, nil, nil, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := engines.Close(); err != nil {
			t.Error(err)
		}
	})
	choose := liveRecognizer(engines)
	sound := func() []float32 { return make([]float32, spoken.Rate) }
	for name, want := range map[string]string{"google": "heard by Google", "openai": "heard by the server"} {
		got, err := choose(name).Utterance(t.Context(), sound(), "en")
		if err != nil || got.Text != want {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		if all := choose(name).Languages(); !slices.Contains(all, "en") || !slices.Contains(all, "ru") {
			t.Errorf("%s understands %v", name, all)
		}
	}
	// Nothing is installed here.
	if got, err := choose("").Utterance(t.Context(), sound(), "en"); err == nil || len(choose("").Languages()) != 0 {
		t.Errorf("the usual one: %+v", got)
	}
	if choose("off") != nil {
		t.Error("there is a recognizer where there is to be none")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got, err := choose("google").Utterance(ctx, sound(), "de"); err == nil {
		t.Errorf("a service that doesn't answer: %+v", got)
	}
}
