package discord

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// answers is a transport that gives what a test lists, in order.
type answers struct {
	mu    sync.Mutex // requests may come at once
	list  []func() (*http.Response, error)
	times []time.Time
	body  []string
}

func (a *answers) RoundTrip(rq *http.Request) (*http.Response, error) {
	raw, err := io.ReadAll(rq.Body)
	if err != nil {
		return nil, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.times = append(a.times, time.Now())
	a.body = append(a.body, string(raw))
	next := a.list[0]
	a.list = a.list[1:]
	return next()
}

func answered(status int, body string, headers ...string) func() (*http.Response, error) {
	return func() (*http.Response, error) {
		h := http.Header{}
		for i := 0; i+1 < len(headers); i += 2 {
			h.Set(headers[i], headers[i+1])
		}
		return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}, nil
	}
}

func cutOff() (*http.Response, error) { return nil, errors.New("connection reset") }

func post(t *testing.T, ctx context.Context, l *limited, path string) (*http.Response, error) {
	t.Helper()
	rq, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://discord.com/api/v10"+path, strings.NewReader("hello"))
	if err != nil {
		t.Fatal(err)
	}
	return l.RoundTrip(rq)
}

func TestRequestsAreRepeatedAndLimitsKept(t *testing.T) {
	const path = "/channels/123456789012345678/messages"
	for name, tc := range map[string]struct {
		first  []func() (*http.Response, error)
		status int
		waited time.Duration // in all
	}{
		"at once":              {[]func() (*http.Response, error){answered(200, "{}")}, 200, 0},
		"429 with a fraction":  {[]func() (*http.Response, error){answered(429, `{"retry_after":0.25}`, "Retry-After", "1"), answered(200, "{}")}, 200, 250 * time.Millisecond},
		"429 of a proxy":       {[]func() (*http.Response, error){answered(429, "<html>error code: 1015", "Retry-After", "2"), answered(200, "{}")}, 200, time.Minute},
		"429 of a slow mode":   {[]func() (*http.Response, error){answered(429, `{"retry_after":2,"code":20016}`)}, 429, 0},
		"429 for too long":     {[]func() (*http.Response, error){answered(429, `{"retry_after":600}`)}, 429, 0},
		"500 and a lost one":   {[]func() (*http.Response, error){answered(500, ""), cutOff, answered(204, "")}, 204, 300 * time.Millisecond},
		"an error of ours":     {[]func() (*http.Response, error){answered(400, "{}")}, 400, 0},
		"failing all the time": {[]func() (*http.Response, error){answered(503, ""), answered(503, ""), answered(503, ""), answered(503, ""), answered(503, ""), answered(503, "")}, 503, 3100 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{list: tc.first}
				l := newLimited(a, newMetrics(), slog.New(slog.DiscardHandler))
				began := time.Now()
				rs, err := post(t, t.Context(), l, path)
				if err != nil || rs.StatusCode != tc.status {
					t.Fatalf("%v %v", rs, err)
				}
				if took := time.Since(began); took != tc.waited {
					t.Errorf("took %v, want %v", took, tc.waited)
				}
				for i, body := range a.body {
					if body != "hello" {
						t.Errorf("attempt %d sent %q", i, body)
					}
				}
			})
		})
	}
}

func TestAnEmptyBucketIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spent := answered(200, "{}", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset-After", "1.5")
		a := &answers{list: []func() (*http.Response, error){spent, answered(200, "{}"), answered(200, "{}"), answered(200, "{}")}}
		l := newLimited(a, newMetrics(), slog.New(slog.DiscardHandler))
		for _, path := range []string{
			"/channels/123456789012345678/messages", "/channels/223456789012345678/messages", "/channels/123456789012345678/typing", "/channels/123456789012345678/messages",
		} {
			if _, err := post(t, t.Context(), l, path); err != nil {
				t.Fatal(err)
			}
		}
		for i, want := range []time.Duration{0, 0, 0, 1500 * time.Millisecond} {
			if got := a.times[i].Sub(a.times[0]); got != want {
				t.Errorf("request %d after %v, want %v", i, got, want)
			}
		}
	})
}

func TestAGlobalLimitStopsEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{list: []func() (*http.Response, error){answered(429, `{"retry_after":0.5,"global":true}`), answered(200, "{}"), answered(200, "{}")}}
		l := newLimited(a, newMetrics(), slog.New(slog.DiscardHandler))
		done := make(chan error)
		go func() {
			_, err := post(t, t.Context(), l, "/channels/123456789012345678/messages")
			done <- err
		}()
		synctest.Wait()
		began := time.Now()
		if _, err := post(t, t.Context(), l, "/guilds/123456789012345678"); err != nil || time.Since(began) != 500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestAnswersToInteractionsAreNotHeldBack(t *testing.T) {
	for name, tc := range map[string]struct {
		first  func() (*http.Response, error)
		waited time.Duration
	}{
		"a global limit":     {answered(429, `{"retry_after":5,"global":true}`), 0},
		"a proxy's refusal":  {answered(429, "<html>", "Retry-After", "90"), 90 * time.Second},
		"another's own":      {answered(429, `{"retry_after":5}`), 0},
		"without any number": {answered(429, "<html>"), time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &answers{list: []func() (*http.Response, error){tc.first, answered(200, "{}"), answered(200, "{}")}}
				l := newLimited(a, newMetrics(), slog.New(slog.DiscardHandler))
				go func() { _, _ = post(t, t.Context(), l, "/channels/123456789012345678/messages") }()
				synctest.Wait()
				began := time.Now()
				if _, err := post(t, t.Context(), l, "/interactions/123456789012345678/token/callback"); err != nil || time.Since(began) != tc.waited {
					t.Errorf("%v after %v, want %v", err, time.Since(began), tc.waited)
				}
			})
		})
	}
}

func TestWhatCantBeRepeatedIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for path, tries := range map[string]int{
			"/webhooks/123456789012345678/token":              1,
			"/interactions/123456789012345678/token/callback": 2,
			"/channels/123456789012345678/messages":           2,
		} {
			a := &answers{list: []func() (*http.Response, error){answered(502, "<html>"), answered(200, "{}")}}
			l := newLimited(a, newMetrics(), slog.New(slog.DiscardHandler))
			if _, err := post(t, t.Context(), l, path); err != nil || len(a.times) != tries {
				t.Errorf("%s: %d tries, %v", path, len(a.times), err)
			}
		}
	})
}

func TestRefusalsSlowDownBeforeABan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimited(refusing{}, newMetrics(), slog.New(slog.DiscardHandler))
		began, n := time.Now(), 0
		for time.Since(began) < breakerWindow {
			ctx, cancel := context.WithDeadline(t.Context(), began.Add(breakerWindow))
			if _, err := post(t, ctx, l, "/channels/123456789012345678/messages"); err == nil {
				n++
			}
			cancel()
		}
		if n <= slowFrom || n >= 10_000 {
			t.Errorf("%d refused requests in ten minutes", n)
		}
		time.Sleep(breakerWindow)
		began = time.Now()
		for range 100 {
			if _, err := post(t, t.Context(), l, "/channels/123456789012345678/messages"); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took != 0 {
			t.Errorf("slow for %v ten minutes later", took)
		}
	})
}

// refusing is a Discord that forbids all.
type refusing struct{}

func (refusing) RoundTrip(rq *http.Request) (*http.Response, error) {
	return answered(403, `{"code":50013,"message":"Missing Permissions"}`)()
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := &answers{list: []func() (*http.Response, error){answered(429, `{"retry_after":30}`)}}
		l := newLimited(a, newMetrics(), slog.New(slog.DiscardHandler))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		if _, err := post(t, ctx, l, "/channels/123456789012345678/messages"); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestRoutes(t *testing.T) {
	for _, tc := range []struct {
		a, b string
		same bool
	}{
		{"/api/v10/channels/123456789012345678/messages/223456789012345678", "/api/v10/channels/123456789012345678/messages/323456789012345678", true},
		{"/api/v10/channels/123456789012345678/messages", "/api/v10/channels/223456789012345678/messages", false},
		{"/api/v10/channels/123456789012345678/messages", "/api/v10/channels/123456789012345678/typing", false},
		{"/api/v10/webhooks/123456789012345678/tokenA/messages/@original", "/api/v10/webhooks/123456789012345678/tokenB/messages/@original", false},
	} {
		a, b := route("PATCH", tc.a), route("PATCH", tc.b)
		if (a == b) != tc.same {
			t.Errorf("%s and %s: %q, %q", tc.a, tc.b, a, b)
		}
		if strings.Contains(a+b, "token") {
			t.Errorf("a token stands in %q or %q", a, b)
		}
	}
}
