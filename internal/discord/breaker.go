package discord

import (
	"sync"
	"time"
)

const (
	// breakerWindow and breakerLimit are Discord's: more invalid requests than that ban the machine's address
	// (https://docs.discord.com/developers/topics/rate-limits#invalid-request-limit-aka-cloudflare-bans). The limit leaves a tenth.
	breakerWindow = 10 * time.Minute
	breakerLimit  = 9000
	// slowFrom is how many invalid requests in the window slow all requests down.
	slowFrom = 2000
	// breakerSlots is how finely the window is cut.
	breakerSlots = 60
)

// breaker slows requests down when many were refused: so many a second that the limit isn't met before the oldest refusals are ten
// minutes old, though each of them be refused too. The zero value works.
type breaker struct {
	mu    sync.Mutex
	slots [breakerSlots]int
	at    int64 // number of the newest slot
	last  time.Time
}

// turn forgets slots that are out of the window. The caller holds the lock.
func (b *breaker) turn(now time.Time) int64 {
	slot := now.UnixNano() / int64(breakerWindow/breakerSlots)
	for n := max(b.at+1, slot-breakerSlots+1); n <= slot; n++ {
		b.slots[n%breakerSlots] = 0
	}
	b.at = max(b.at, slot)
	return b.at
}

func (b *breaker) sum() int {
	n := 0
	for _, s := range b.slots {
		n += s
	}
	return n
}

// count notes an invalid request and returns how many there were in the window.
func (b *breaker) count(now time.Time) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.slots[b.turn(now)%breakerSlots]++
	return b.sum()
}

// next is when the next request may be made; one that may be made now is counted to the pace.
func (b *breaker) next(now time.Time) time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn(now)
	n := b.sum()
	if n < slowFrom {
		return now
	}
	pace := breakerWindow / time.Duration(max(1, breakerLimit-n))
	if at := b.last.Add(pace); at.After(now) {
		return at
	}
	b.last = now
	return now
}
