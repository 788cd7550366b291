package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxTries is how often one request is made in all.
	maxTries = 6
	// attemptTime is how long one attempt may take, its answer included.
	attemptTime = 30 * time.Second
	// maxRetryAfter is the longest that is waited for a rate limit; Discord asks
	// for more only of clients that misbehave.
	maxRetryAfter = 60 * time.Second
	// slowMode is Discord's code for a channel's slow mode, which comes as a 429 too.
	slowMode = 20016
	// blockedTime is how long at least nothing is asked once a proxy has refused this machine.
	blockedTime = time.Minute
	// maxBuckets is how many rate limits are remembered.
	maxBuckets = 4096
	// maxResponse is the largest answer that is read, bytes.
	maxResponse = 16 << 20
)

// limited is an http.RoundTripper that keeps to Discord's rate limits
// (https://docs.discord.com/developers/topics/rate-limits): it waits before a
// request that would be refused, and repeats what was refused with 429 or
// failed on Discord's side, where a repetition can't do a thing twice. It follows
// the answers' headers and knows no limits by itself.
type limited struct {
	next    http.RoundTripper
	log     *slog.Logger
	m       *metrics
	breaker breaker

	mu      sync.Mutex
	buckets map[string]*bucket // by route and its major id
	global  time.Time          // nothing before then, but answers to interactions
	blocked time.Time          // nothing at all before then: the address was refused, not the bot
}

// bucket is what is left of one rate limit.
type bucket struct {
	left  int
	reset time.Time
}

func newLimited(next http.RoundTripper, m *metrics, log *slog.Logger) *limited {
	return &limited{next: next, log: log, m: m, buckets: map[string]*bucket{}}
}

// RoundTrip makes a request, again if need be. The answer's body is whole.
func (l *limited) RoundTrip(rq *http.Request) (*http.Response, error) {
	ctx := rq.Context()
	key := route(rq.Method, rq.URL.Path)
	for try := 1; ; try++ {
		if err := l.wait(ctx, key); err != nil {
			return nil, err
		}
		rs, err := l.attempt(ctx, rq)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		again, after := false, time.Duration(0)
		switch {
		case err != nil:
			again, after = repeatable(rq), backoff(try)
		case rs.StatusCode == http.StatusTooManyRequests:
			after = l.refused(key, rs)
			again = after <= maxRetryAfter
		case rs.StatusCode >= 500:
			again, after = repeatable(rq), backoff(try)
			fallthrough
		default:
			l.learn(key, rs.Header)
		}
		status := 0
		if rs != nil {
			status = rs.StatusCode
			l.count(status, rs.Header)
		}
		if !again || try == maxTries {
			return rs, err
		}
		l.log.Info("a request to Discord is repeated", "route", key, "status", status, "err", err, "in", after)
		select {
		case <-time.After(after):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// repeatable reports whether a request whose answer was lost can be made again: what it does is done once however often it is
// asked for. New messages carry a nonce, and an interaction is answered once; its follow-ups have neither.
func repeatable(rq *http.Request) bool {
	return rq.Method != http.MethodPost || !strings.Contains(rq.URL.Path, "/webhooks/")
}

// exempt reports whether a route is that of an answer to an interaction, which no global limit holds back.
func exempt(key string) bool {
	return strings.Contains(key, " interactions/") || strings.Contains(key, " webhooks/")
}

// count notes a refusal. Those of a limit that everybody shares don't count at Discord either.
func (l *limited) count(status int, h http.Header) {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests:
	default:
		return
	}
	l.m.refused.WithLabelValues(strconv.Itoa(status)).Inc()
	if h.Get("X-RateLimit-Scope") == "shared" {
		return
	}
	n := l.breaker.count(time.Now())
	l.m.invalid.Set(float64(n))
	if n == slowFrom {
		l.log.Warn("Discord has refused many requests; the next ones are slowed down, since it bans who makes 10,000 such in ten minutes", "in ten minutes", n)
	}
}

// backoff is the wait after failure number try.
func backoff(try int) time.Duration { return 100 * time.Millisecond << min(try-1, 6) }

// attempt makes the request once and reads the answer.
func (l *limited) attempt(ctx context.Context, rq *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, attemptTime)
	defer cancel()
	one := rq.Clone(ctx)
	if rq.GetBody != nil {
		body, err := rq.GetBody()
		if err != nil {
			return nil, err
		}
		one.Body = body
	}
	rs, err := l.next.RoundTrip(one)
	if err != nil {
		return nil, err
	}
	defer rs.Body.Close()
	raw, err := io.ReadAll(io.LimitReader(rs.Body, maxResponse))
	if err != nil {
		return nil, err
	}
	rs.Body = io.NopCloser(bytes.NewReader(raw))
	return rs, nil
}

// wait returns when the route may be used, and counts the use.
func (l *limited) wait(ctx context.Context, key string) error {
	for {
		now := time.Now()
		l.mu.Lock()
		until := l.blocked
		if !exempt(key) && l.global.After(until) {
			until = l.global
		}
		if b := l.buckets[key]; b != nil && b.reset.After(now) {
			if b.left > 0 && !until.After(now) {
				b.left--
			} else if b.left <= 0 && b.reset.After(until) {
				until = b.reset
			}
		}
		l.mu.Unlock()
		if !until.After(now) {
			if until = l.breaker.next(now); !until.After(now) {
				return ctx.Err()
			}
		}
		select {
		case <-time.After(until.Sub(now)):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// learn notes what an answer's headers say of its bucket.
func (l *limited) learn(key string, h http.Header) {
	left, err := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	if err != nil {
		return
	}
	after, err := strconv.ParseFloat(h.Get("X-RateLimit-Reset-After"), 64)
	if err != nil || after < 0 || after > maxRetryAfter.Seconds() {
		return
	}
	reset := time.Now().Add(time.Duration(after * float64(time.Second)))
	l.mu.Lock()
	defer l.mu.Unlock()
	if b := l.buckets[key]; b != nil && b.reset.After(time.Now()) {
		// Answers overtake each other: the smallest remainder is the newest.
		b.left = min(b.left, left)
		if reset.Sub(b.reset) > time.Second/2 { // more than jitter: a new window
			b.left, b.reset = left, reset
		}
		return
	}
	if len(l.buckets) >= maxBuckets {
		l.prune()
	}
	l.buckets[key] = &bucket{left: left, reset: reset}
}

// prune forgets limits that have been lifted.
func (l *limited) prune() {
	now := time.Now()
	for key, b := range l.buckets {
		if b.reset.Before(now) {
			delete(l.buckets, key)
		}
	}
	if len(l.buckets) >= maxBuckets {
		clear(l.buckets)
	}
}

// refused notes a 429 and returns how long to wait. One that isn't Discord's JSON comes from the proxy before it, which refuses
// all that comes from this address.
func (l *limited) refused(key string, rs *http.Response) time.Duration {
	raw, err := io.ReadAll(rs.Body) // read before, so this can't fail
	rs.Body = io.NopCloser(bytes.NewReader(raw))
	var body struct {
		RetryAfter float64 `json:"retry_after"`
		Global     bool    `json:"global"`
		Code       int     `json:"code"`
	}
	own := err == nil && json.Unmarshal(raw, &body) == nil
	if body.RetryAfter <= 0 {
		body.RetryAfter, _ = strconv.ParseFloat(rs.Header.Get("Retry-After"), 64)
	}
	if body.RetryAfter <= 0 {
		body.RetryAfter = 1
	}
	after := time.Duration(body.RetryAfter * float64(time.Second))
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case !own:
		after = max(after, blockedTime)
		l.blocked = time.Now().Add(after)
		l.log.Warn("Discord's proxy refuses this machine; no request is made for a while", "for", after)
	case body.Code == slowMode: // of the channel, not of the route
		return maxRetryAfter + 1
	case body.Global || rs.Header.Get("X-RateLimit-Global") != "":
		l.global = time.Now().Add(min(after, maxRetryAfter))
	default:
		l.buckets[key] = &bucket{reset: time.Now().Add(min(after, maxRetryAfter))}
	}
	return after
}

var (
	apiVersion = regexp.MustCompile(`^.*/v[0-9]+/`)
	snowflakes = regexp.MustCompile(`/[0-9]{15,20}`)
	reactions  = regexp.MustCompile(`/reactions/.*$`)
)

// route returns what a rate limit is counted by: the method, the path with its
// ids blanked, and the id of the channel, server, webhook or interaction.
func route(method, path string) string {
	path = apiVersion.ReplaceAllString(path, "")
	parts := strings.SplitN(path, "/", 4)
	major := ""
	rest := path
	if len(parts) >= 2 {
		switch parts[0] {
		case "channels", "guilds":
			major = parts[1]
		case "webhooks", "interactions":
			if len(parts) >= 3 {
				// The token is part of the limit and belongs in no log.
				sum := 0
				for _, c := range parts[2] {
					sum = (sum*31 + int(c)) & 0xffffffff
				}
				major = parts[1] + ":" + strconv.FormatInt(int64(sum), 36)
				rest = parts[0] + "/" + parts[1] + "/…"
				if len(parts) == 4 {
					rest += "/" + parts[3]
				}
			}
		}
	}
	rest = reactions.ReplaceAllString(rest, "/reactions")
	rest = snowflakes.ReplaceAllString(rest, "/…")
	return method + " " + rest + " " + major
}
