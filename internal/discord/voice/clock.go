package voice

import (
	"context"
	"sync"
	"time"
)

// The moments at which connections wake to send and to read. All of a process's share them: waking a process costs more than what is
// done for a packet, and a hundred channels would otherwise wake it ten thousand times a second. Sending has more of them, so that a
// hundred channels don't send all at once.
const (
	sendTick = 5 * time.Millisecond
	readTick = 10 * time.Millisecond
)

// floor returns the tick at t or before it.
func floor(t time.Time, tick time.Duration) time.Time {
	return t.Add(-time.Duration(t.UnixNano() % int64(tick)))
}

// clock gives out slots of one frame each, at ticks. It does not drift: slots are counted from its start. After a delay it
// catches up with packets at half the distance, never in a burst; when it is too far behind it gives the lost slots up.
type clock struct {
	origin time.Time
	slot   int64 // the next slot
	last   time.Time
	timer  *time.Timer
	behind time.Duration // how long after its slot the last packet was sent; that of the first slot is 0
}

func (c *clock) running() bool { return !c.origin.IsZero() }

// start begins with a slot at now, which counts as that of the last tick: the second slot comes up to a tick early rather than
// the first one late. It returns how many frames passed since the clock was stopped.
func (c *clock) start(now time.Time) uint32 {
	var gone uint32
	if !c.last.IsZero() {
		gone = uint32(max(0, now.Sub(c.last)/FrameTime))
	}
	c.origin, c.slot, c.last = floor(now, sendTick), 0, now
	return gone
}

// stop halts the clock until start.
func (c *clock) stop() { c.origin = time.Time{} }

// advance moves to the next slot once a packet was sent, and returns how many frames later than the last one it is: more than
// one when slots were given up.
func (c *clock) advance() uint32 {
	now := time.Now()
	c.last, c.behind = now, 0
	if c.slot > 0 {
		c.behind = max(0, now.Sub(c.due()))
	}
	c.slot++
	if late := now.Sub(c.due()); late > maxBehind {
		lost := int64(late / FrameTime)
		c.slot += lost
		return uint32(1 + lost)
	}
	return 1
}

func (c *clock) due() time.Time { return c.origin.Add(time.Duration(c.slot) * FrameTime) }

// moment is when the next packet is to be sent: when its slot is due, and not too soon after the last one.
func (c *clock) moment() time.Time {
	due := c.due()
	if spaced := c.last.Add(minSpacing); due.Before(spaced) {
		return spaced
	}
	return due
}

// wait waits for that moment.
func (c *clock) wait(ctx context.Context) error {
	d := time.Until(c.moment())
	if d > 0 {
		if c.timer == nil {
			c.timer = time.NewTimer(d)
		} else {
			c.timer.Reset(d)
		}
		select {
		case <-c.timer.C:
		case <-ctx.Done():
			c.timer.Stop()
			return context.Cause(ctx)
		}
	} else if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// lateBuckets are the upper bounds of a lateness histogram.
var lateBuckets = [...]time.Duration{time.Millisecond, 2 * time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond}

// lateness counts how late packets left.
type lateness struct {
	mu     sync.Mutex
	counts [len(lateBuckets) + 1]uint64
}

func (l *lateness) add(d time.Duration) {
	k := 0
	for k < len(lateBuckets) && d > lateBuckets[k] {
		k++
	}
	l.mu.Lock()
	l.counts[k]++
	l.mu.Unlock()
}

// within returns how many packets left within 5 ms of their slot, and how many there were.
func (l *lateness) within5ms() (within, all uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for k, n := range l.counts {
		all += n
		if k < 3 {
			within += n
		}
	}
	return within, all
}
