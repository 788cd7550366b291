package localdiscord

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// DefaultBucketRequests is how many requests a second one account may make to one bucket, where the world does not say
// otherwise: far more than Discord grants, and enough to show a client that it runs wild.
const DefaultBucketRequests = 5000

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
}

// takeRequest counts a request against the caller's buckets. Called with mu held.
func (s *Server) takeRequest(c *call, pattern string, r *http.Request) rateLimit {
	limits := s.cfg.World.RateLimits
	if limits.Requests == 0 {
		limits.Requests, limits.Seconds = DefaultBucketRequests, 1
	}
	window := time.Duration(max(limits.Seconds, 1)) * time.Second
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
	l := rateLimit{limit: limits.Requests, bucket: hex.EncodeToString(sum[:8])}
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
	if limits.Global > 0 && c.account != nil && !exempt {
		if b, ok := take(bucketKey{account: c.account.id}, limits.Global, time.Second); !ok {
			l.refused, l.global, l.reset, l.after = true, true, b.reset, b.reset.Sub(now)
			return l
		}
	}
	b, ok := take(key, limits.Requests, window)
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
	h.Set("Retry-After", strconv.Itoa(int(math.Ceil(l.after.Seconds()))))
	scope := "user"
	if l.global {
		scope = "global"
		h.Set("X-RateLimit-Global", "true")
	}
	h.Set("X-RateLimit-Scope", scope)
	writeJSON(w, http.StatusTooManyRequests, map[string]any{"message": "You are being rate limited.",
		"retry_after": math.Max(l.after.Seconds(), 0.001), "global": l.global, "code": 0})
}
