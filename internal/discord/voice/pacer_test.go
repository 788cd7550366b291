package voice

import (
	"context"
	"errors"
	"testing"
	"time"
)

// Packets leave not before their moment, and those that are called back in time not at all.
func TestPacer(t *testing.T) {
	t.Parallel()
	var p pacer
	p.begin()
	defer p.end()
	sent := make(chan struct{}, 1)
	at := time.Now().Add(12 * time.Millisecond)
	var left time.Time
	if err := p.depart(t.Context(), departure{at, func() { left = time.Now() }, sent}); err != nil || left.Before(at) {
		t.Errorf("left %v after its moment, %v", left.Sub(at), err)
	}
	why := errors.New("skipped")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	err := p.depart(ctx, departure{time.Now().Add(time.Hour), func() { t.Error("left all the same") }, sent})
	if !errors.Is(err, why) || len(p.waiting) != 0 {
		t.Errorf("called back with %v, %d wait", err, len(p.waiting))
	}
}

// The thread ends when nobody plays, and begins again.
func TestPacerEnds(t *testing.T) {
	t.Parallel()
	var p pacer
	for range 3 {
		p.begin()
		done := false
		if err := p.depart(t.Context(), departure{time.Now(), func() { done = true }, make(chan struct{}, 1)}); err != nil || !done {
			t.Fatalf("done %v, %v", done, err)
		}
		p.end()
		deadline, tick := time.After(patience), time.NewTicker(time.Millisecond)
		for running := true; running; {
			select {
			case <-tick.C:
			case <-deadline:
				t.Fatal("the thread does not end")
			}
			p.mu.Lock()
			running = p.running
			p.mu.Unlock()
		}
		tick.Stop()
	}
}
