package localdiscord

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

const (
	// DefaultBucketRequests is how many requests a second a person may make to one bucket, where the world does not say
	// otherwise: enough to show a client that it runs wild.
	DefaultBucketRequests = 5000
	// DefaultGlobalRequests is how many requests a second a bot may make in all, but for the answers to interactions.
	DefaultGlobalRequests = 50
)

// bucketLimits are what Discord has granted bots for a route and its channel, server or webhook, as seen in its headers. They are
// documented nowhere and change, so clients have to read the headers.
var bucketLimits = map[string]struct{ requests, seconds int }{
	"POST /channels/{channel}/messages":                                {5, 5},
	"PATCH /channels/{channel}/messages/{message}":                     {5, 5},
	"DELETE /channels/{channel}/messages/{message}":                    {5, 1},
	"PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me": {4, 1},
	"POST /channels/{channel}/typing":                                  {5, 5},
	"PUT /applications/{app}/commands":                                 {5, 20},
	"POST /webhooks/{app}/{token}":                                     {5, 2},
	"PATCH /webhooks/{app}/{token}/messages/{message}":                 {5, 2},
	"POST /interactions/{interaction}/{token}/callback":                {DefaultBucketRequests, 1},
}

// limitsOf are the limits of a request: so many to the bucket in a window, and so many a second in all (0: any number).
func (s *Server) limitsOf(a *account, pattern string) (requests int, window time.Duration, global int) {
	own := s.cfg.World.RateLimits
	bot := a == nil || a.bot // without a token it is a bot's interaction
	requests, window = DefaultBucketRequests, time.Second
	switch {
	case own.Unlimited:
		return requests, window, 0
	case own.Requests > 0:
		requests, window = own.Requests, time.Duration(max(own.Seconds, 1))*time.Second
	case bot:
		l, known := bucketLimits[pattern]
		if !known {
			l.requests, l.seconds = 50, 1
		}
		requests, window = l.requests, time.Duration(l.seconds)*time.Second
	}
	if global = own.Global; global == 0 && bot {
		global = DefaultGlobalRequests
	}
	return requests, window, global
}

// bucketKey is what a rate limit counts by: who asks, which route, and the top-level resource in its path.
type bucketKey struct {
	account ID
	route   string // empty for the account's global limit
	major   string
}

type bucket struct {
	remaining int
	reset     time.Time
}

// rateLimit is the outcome for one request.
type rateLimit struct {
	limit, remaining int
	reset            time.Time
	after            time.Duration
	bucket           string
	refused, global  bool
	scope            string // "" is user or global
	silent           bool   // without a Retry-After
}

// takeRequest counts a request against the caller's buckets. Called with mu held.
func (s *Server) takeRequest(c *call, pattern string, r *http.Request) rateLimit {
	requests, window, global := s.limitsOf(c.account, pattern)
	now := s.cfg.Now()
	key := bucketKey{route: pattern}
	if c.account != nil {
		key.account = c.account.id
	}
	for _, name := range []string{"channel", "guild", "token"} {
		if v := r.PathValue(name); v != "" {
			key.major = v
			break
		}
	}
	sum := sha256.Sum256([]byte(pattern))
	l := rateLimit{limit: requests, bucket: hex.EncodeToString(sum[:8])}
	take := func(key bucketKey, limit int, window time.Duration) (b *bucket, ok bool) {
		b = s.buckets[key]
		if b == nil || !now.Before(b.reset) {
			b = &bucket{remaining: limit, reset: now.Add(window)}
			s.buckets[key] = b
		}
		if b.remaining == 0 {
			return b, false
		}
		b.remaining--
		return b, true
	}
	exempt := r.PathValue("token") != "" // interactions do not count against the global limit
	if global > 0 && c.account != nil && !exempt {
		if b, ok := take(bucketKey{account: c.account.id}, global, time.Second); !ok {
			l.refused, l.global, l.reset, l.after = true, true, b.reset, b.reset.Sub(now)
			return l
		}
	}
	b, ok := take(key, requests, window)
	l.refused, l.remaining, l.reset, l.after = !ok, b.remaining, b.reset, b.reset.Sub(now)
	return l
}

// sweepBuckets forgets buckets that are full again. Called with mu held.
func (s *Server) sweepBuckets(now time.Time) {
	for key, b := range s.buckets {
		if !now.Before(b.reset) {
			delete(s.buckets, key)
		}
	}
}

func (l rateLimit) headers(h http.Header) {
	// Clients take a 429 without Via for one from Cloudflare, which blocks them as a whole.
	h.Set("Via", "1.1 localdiscord")
	if l.global {
		return
	}
	h.Set("X-RateLimit-Limit", strconv.Itoa(l.limit))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(l.remaining))
	h.Set("X-RateLimit-Reset", fmt.Sprintf("%.3f", float64(l.reset.UnixMilli())/1000))
	h.Set("X-RateLimit-Reset-After", fmt.Sprintf("%.3f", l.after.Seconds()))
	h.Set("X-RateLimit-Bucket", l.bucket)
}

// write answers 429.
func (l rateLimit) write(w http.ResponseWriter) {
	h := w.Header()
	if !l.silent {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(l.after.Seconds()))))
	}
	scope := cmp.Or(l.scope, "user")
	if l.global {
		scope = "global"
		h.Set("X-RateLimit-Global", "true")
	}
	h.Set("X-RateLimit-Scope", scope)
	writeJSON(w, http.StatusTooManyRequests, map[string]any{"message": "You are being rate limited.",
		"retry_after": math.Max(l.after.Seconds(), 0.001), "global": l.global, "code": 0})
}
