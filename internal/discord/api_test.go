package discord

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/rest"
)

func TestErrorsAreShortAndHoldNoSecret(t *testing.T) {
	const token = "aW50ZXJhY3Rpb24sZWNyZXQ"
	for name, answer := range map[string]func(http.ResponseWriter){
		"a page": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte("<html><body>" + strings.Repeat("error code: 1020 ", 1000) + "</body></html>"))
		},
		"a long message": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"code":50035,"message":"` + strings.Repeat("much ", 500) + `","errors":{"a":{"_errors":[{"code":1,"message":"` +
				strings.Repeat("more ", 500) + `"}]}}}`))
		},
		"errors of another form": func(w http.ResponseWriter) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"code":50035,"message":"Invalid Form Body","errors":{"a":[1]}}`))
		},
		"an answer that can't be read": func(w http.ResponseWriter) { _, _ = w.Write([]byte("<html>" + token)) },
		"no answer": func(w http.ResponseWriter) {
			c, _, _ := w.(http.Hijacker).Hijack()
			_ = c.Close()
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
			defer server.Close()
			client := cleanClient{rest.NewClient("token", rest.WithURL(server.URL), rest.WithHTTPClient(server.Client()),
				rest.WithRateLimiter(noLimits{rest.NewNoopRateLimiter()}), rest.WithLogger(slog.New(slog.DiscardHandler)))}
			_, err := rest.New(client).CreateFollowupMessage(1, token, discord.MessageCreate{Content: "x"}, rest.WithCtx(context.Background()))
			if err == nil {
				t.Fatal("no error")
			}
			text := err.Error()
			if strings.Contains(text, "<html") || strings.Contains(text, "\n") || strings.Contains(text, token) || len([]rune(text)) > 300 {
				t.Errorf("%d characters: %s", len(text), text)
			}
		})
	}
}
