package speech

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/spoken"
)

// unhurried is when a call is due that nobody waits for at a certain time: late enough to let a conversation go first, and
// soon enough to get its turn beside many of them.
const unhurried = 10 * time.Second

// Cores shares the processors among calls that keep one of them busy and that nothing can interrupt, those of recognizers
// and voices: so many run at once, and of those that wait the one that is due first goes first. More at once would make
// all of them slower, and what is wanted now would wait for what is wanted later. It is safe for concurrent use.
type Cores struct {
	decoders *audio.Decoders

	mu      sync.Mutex
	free    int
	waiting []*waiter // by when they are due
}

// NewCores makes so many calls run at once, at least one.
func NewCores(n int) *Cores { return &Cores{free: max(n, 1), decoders: audio.NewDecoders(n)} }

// Decoders are the programs that read files beside those calls: at most as many at once. nil has no bound.
func (c *Cores) Decoders() *audio.Decoders {
	if c == nil {
		return nil
	}
	return c.decoders
}

// Seats are the calls that one model can take at once.
type Seats struct {
	cores *Cores
	total int
	free  int
}

// waiter is a call that waits for a core.
type waiter struct {
	due   time.Time
	seats *Seats
	taken chan struct{} // closed when it has one
}

// Seats makes room for n calls of one model, at least one.
func (c *Cores) Seats(n int) *Seats { return &Seats{cores: c, total: max(n, 1), free: max(n, 1)} }

// Total is how many calls the model can take at once.
func (s *Seats) Total() int { return s.total }

// Take waits for a seat and a core, behind those that are due before ctx's call is (see [spoken.WithDue]). Whoever gets them calls
// leave, once. Take returns the cause of ctx's end when that comes first.
func (s *Seats) Take(ctx context.Context) (leave func(), err error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	due, ok := spoken.Due(ctx)
	if !ok {
		due = time.Now().Add(unhurried)
	}
	c := s.cores
	w := &waiter{due, s, make(chan struct{})}
	c.mu.Lock()
	at, _ := slices.BinarySearchFunc(c.waiting, w, func(a, b *waiter) int {
		if a.due.After(b.due) {
			return 1
		}
		return -1 // behind those that are due at the same time
	})
	c.waiting = slices.Insert(c.waiting, at, w)
	c.seat()
	c.mu.Unlock()
	select {
	case <-w.taken:
		return s.leave, nil
	case <-ctx.Done():
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := slices.Index(c.waiting, w); at >= 0 {
		c.waiting = slices.Delete(c.waiting, at, at+1)
		return nil, context.Cause(ctx)
	}
	return s.leave, nil // it was taken just now
}

// leave gives a seat and its core back.
func (s *Seats) leave() {
	s.cores.mu.Lock()
	defer s.cores.mu.Unlock()
	s.free++
	s.cores.free++
	s.cores.seat()
}

// seat gives the free cores to the first waiters whose models have a seat. mu is held.
func (c *Cores) seat() {
	c.waiting = slices.DeleteFunc(c.waiting, func(w *waiter) bool {
		if c.free == 0 || w.seats.free == 0 {
			return false
		}
		c.free--
		w.seats.free--
		close(w.taken)
		return true
	})
}
