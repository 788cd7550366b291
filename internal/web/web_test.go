package web_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
	"github.com/mynahbot/mynah/internal/store/jobs"
	"github.com/mynahbot/mynah/internal/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestServer(t *testing.T) {
	s, err := store.Open(t.Context(), store.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	queue, err := jobs.New(t.Context(), s, jobs.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := queue.Enqueue(t.Context(), record.Job{Server: 1, Kind: "train"}); err != nil {
			t.Fatal(err)
		}
	}
	metrics := web.NewRegistry(s.SQL(), s)
	talk := web.NewTalkMeter(metrics)
	talk.Stage("total", 600*time.Millisecond)
	talk.Stage("total", 3*time.Second)
	talk.Count("barge_in")
	var broken atomic.Bool
	server, err := web.Start(t.Context(), web.Config{
		Listen:  "127.0.0.1:0",
		Metrics: metrics,
		Checks: []web.Check{{"store", s.Ping}, {"discord", func(context.Context) error {
			if broken.Load() {
				return errors.New("the token geheim is refused")
			}
			return nil
		}}},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(path string) (int, string) {
		t.Helper()
		response, err := client.Get("http://" + server.Addr() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	if code, body := get("/healthz"); code != 200 || body != "ok\n" {
		t.Errorf("%d %q", code, body)
	}
	broken.Store(true)
	if code, body := get("/healthz"); code != 503 || body != "discord fails\n" {
		t.Errorf("%d %q", code, body)
	}
	code, body := get("/metrics")
	for _, want := range []string{"\nmynah_jobs{state=\"queued\"} 3\n", "\nmynah_jobs{state=\"running\"} 0\n", "go_goroutines ", "go_sql_open_connections{db_name=\"mynah\"}", "process_resident_memory_bytes ",
		"mynah_turn_seconds_bucket{stage=\"total\",le=\"0.65\"} 1\n", "mynah_turn_seconds_count{stage=\"total\"} 2\n", "mynah_talk_events_total{event=\"barge_in\"} 1\n"} {
		if code != 200 || !strings.Contains(body, want) {
			t.Errorf("%d, %q is missing", code, want)
		}
	}
	if code, _ := get("/"); code != 404 {
		t.Errorf("/ answers %d", code)
	}
	if err := server.Close(); err != nil {
		t.Error(err)
	}
	if _, err := web.Start(t.Context(), web.Config{Listen: "nowhere"}); err == nil {
		t.Error("listens nowhere")
	}
}

// A web page that has its own name lead to this machine, or that asks across sites, learns nothing.
func TestHosts(t *testing.T) {
	server, err := web.Start(t.Context(), web.Config{
		Listen: "127.0.0.1:0", Hosts: []string{"mynah.lan"}, Metrics: prometheus.NewRegistry(), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, path := range []string{"/metrics", "/healthz"} {
		for name, test := range map[string]struct {
			host   string
			header http.Header
			want   int
		}{
			"its address":          {server.Addr(), nil, 200},
			"localhost":            {"LOCALHOST:9", nil, 200},
			"another address":      {"192.168.1.7:9100", nil, 200},
			"IPv6":                 {"[::1]:9100", nil, 200},
			"a configured name":    {"mynah.lan", nil, 200},
			"a page's name":        {"evil.example", nil, 421},
			"one with its port":    {"evil.example:9100", nil, 421},
			"one like an address":  {"127.0.0.1.evil.example", nil, 421},
			"another site":         {server.Addr(), http.Header{"Origin": {"http://evil.example"}}, 403},
			"another site's image": {server.Addr(), http.Header{"Sec-Fetch-Site": {"cross-site"}}, 403},
		} {
			request, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+server.Addr()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Host = test.host
			for k, v := range test.header {
				request.Header[k] = v
			}
			response, err := client.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			response.Body.Close()
			if response.StatusCode != test.want {
				t.Errorf("%s as %s: %d, want %d", path, name, response.StatusCode, test.want)
			}
		}
	}
}
