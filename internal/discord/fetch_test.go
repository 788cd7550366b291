package discord

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/mynahbot/mynah/internal/bot"
)

// TestAttachmentsAreReadSlowly reads what was fetched when Discord and the fetch's time are gone, as recognizing an hour
// of audio does.
func TestAttachmentsAreReadSlowly(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	content := bytes.Repeat([]byte("sound"), 1<<20) // more than any socket's buffer
	limit := int64(len(content))
	for name, c := range map[string]struct {
		serve http.HandlerFunc
		fault bot.FetchFault
		fails bool
	}{
		"whole": {serve: func(w http.ResponseWriter, _ *http.Request) { w.Write(content) }},
		"too large, said at the end": {serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Write(content)
			w.Write([]byte("!"))
		}, fault: bot.FetchTooLarge, fails: true},
		"too large, said at once": {serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "99999999")
		}, fault: bot.FetchTooLarge, fails: true},
		"cut short": {serve: func(w http.ResponseWriter, _ *http.Request) {
			w.Write(content[:len(content)/2])
			panic(http.ErrAbortHandler)
		}, fault: bot.FetchFailed, fails: true},
		"refused": {serve: http.NotFound, fault: bot.FetchFailed, fails: true},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(c.serve)
			defer server.Close()
			f, err := newFetcher(server.URL)
			if err != nil {
				t.Fatal(err)
			}
			defer f.client.CloseIdleConnections()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			body, err := f.Fetch(ctx, bot.Attachment{Name: "a.ogg", URL: server.URL + "/a.ogg"}, limit)
			if c.fails {
				if fetch, ok := errors.AsType[*bot.FetchError](err); !ok || fetch.Fault != c.fault {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			server.Close()
			if got, err := io.ReadAll(body); err != nil || !bytes.Equal(got, content) {
				t.Errorf("%d bytes of %d, %v", len(got), len(content), err)
			}
			if err := body.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
