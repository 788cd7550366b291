package discord

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/disgoorg/disgo/discord"
)

const (
	// youngSession is how long a session must live for its end not to count as one that died young.
	youngSession = 5 * time.Second
	// maxYoungWait is the longest wait after sessions that died young.
	maxYoungWait = 15 * time.Minute
	// identifyEvery is how far apart sessions begin: Discord's five seconds
	// (https://docs.discord.com/developers/events/gateway#rate-limiting), and how much later than another an identify may get there.
	identifyEvery = 5*time.Second + 500*time.Millisecond
	// identifyReserve are the sessions of a day that are left for a restart by hand.
	identifyReserve = 20
	// warnWait is the wait for a session that somebody should know of.
	warnWait = 30 * time.Second
)

// budget keeps to what Discord grants of new sessions: so many a day, after which it resets the token, and one in five seconds.
// Of a day's first half any may be spent; what is left of the second is spread over the rest of the day.
type budget struct {
	// ask gets the present budget from Discord.
	ask func(ctx context.Context) (*discord.GatewayBot, error)
	log *slog.Logger
	m   *metrics

	mu    sync.Mutex
	total int
	left  int
	reset time.Time
	last  time.Time // when the last session was begun
	young int       // sessions in a row that died young
	asked bool      // what Discord said holds for the next session
}

// told takes what Discord says of the budget.
func (b *budget) told(l discord.SessionStartLimit) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.total, b.left, b.asked = l.Total, l.Remaining, true
	b.reset = time.Now().Add(time.Duration(l.ResetAfter) * time.Millisecond)
	b.m.left.Set(float64(b.left))
}

// wait returns when a session may begin.
func (b *budget) wait(ctx context.Context) error {
	b.mu.Lock()
	asked := b.asked
	b.mu.Unlock()
	if !asked {
		b.refresh(ctx)
	}
	wait := b.pause(time.Now())
	if wait > warnWait {
		b.mu.Lock()
		b.log.Warn("sessions at Discord end soon after they begin; the next one waits", "in", wait.Round(time.Second),
			"left today", b.left, "in a row", b.young)
		b.mu.Unlock()
	}
	select {
	case <-time.After(wait):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// refresh asks Discord for the budget. Where it doesn't answer, what is known is counted on.
func (b *budget) refresh(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	if about, err := b.ask(ctx); err == nil {
		b.told(about.SessionStartLimit)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if time.Now().After(b.reset) {
		b.left, b.reset = b.total, time.Now().Add(24*time.Hour)
	}
}

// pause is how long the next session must wait from now on.
func (b *budget) pause(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := time.Duration(0)
	if b.young > 0 {
		wait = min(time.Second<<min(b.young-1, 10), maxYoungWait)
		wait = wait/2 + rand.N(wait/2+1)
	}
	if !b.last.IsZero() {
		wait = max(wait, b.last.Add(identifyEvery).Sub(now))
	}
	rest := max(0, b.reset.Sub(now))
	switch spare := b.left - identifyReserve; {
	case b.total == 0 || b.left > b.total/2:
	case b.left <= 0 || spare <= 0 && !b.last.IsZero():
		wait = max(wait, rest)
	case b.last.IsZero(): // the first session of this process
	default:
		wait = max(wait, rest/time.Duration(spare)-now.Sub(b.last))
	}
	return max(0, wait)
}

// spend counts a session that begins.
func (b *budget) spend() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.left, b.last, b.asked = b.left-1, time.Now(), false
	b.m.left.Set(float64(b.left))
	b.m.identifies.Inc()
}

// ended counts a session that is over, born at the time of its READY (zero: it never got so far).
func (b *budget) ended(born time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !born.IsZero() && time.Since(born) >= youngSession {
		b.young = 0
	} else {
		b.young++
	}
	b.m.young.Set(float64(b.young))
}
