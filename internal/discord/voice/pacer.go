package voice

import (
	"context"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// pacer sends packets at their moments, those of all connections from one thread. A goroutine that waits for a timer runs when one of the
// process's threads is free and the kernel lets it, which can be 10 ms late on a busy machine. This thread wakes by itself at each tick
// and, where the kernel allows it, before all others (see realTime). The thread lives while something is played.
type pacer struct {
	mu      sync.Mutex
	players int  // that play
	running bool // the thread
	waiting []departure
}

// departure is a packet that waits for its moment.
type departure struct {
	at   time.Time
	send func()
	sent chan struct{} // has room for one
}

// begin is told that a player plays, end that it has ended.
func (p *pacer) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.players++
	if !p.running {
		p.running = true
		go p.run()
	}
}

func (p *pacer) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.players--
}

// depart has a packet sent at its moment, between begin and end, and returns when that was done, or, with the cause, when ctx is done before it.
func (p *pacer) depart(ctx context.Context, d departure) error {
	p.mu.Lock()
	p.waiting = append(p.waiting, d)
	p.mu.Unlock()
	select {
	case <-d.sent:
		return nil
	case <-ctx.Done():
	}
	p.mu.Lock()
	for i, w := range p.waiting {
		if w.sent == d.sent {
			p.waiting = append(p.waiting[:i], p.waiting[i+1:]...)
			p.mu.Unlock()
			return context.Cause(ctx)
		}
	}
	p.mu.Unlock()
	<-d.sent // it is on its way
	return nil
}

// longestPause is how long the thread sleeps at most. The first packet that a player hands over is due at least so long after its
// start; those that make up for a delay may be sooner, and leave a tick late.
const longestPause = FrameTime - sendTick

// run is the thread.
func (p *pacer) run() {
	runtime.LockOSThread() // for good: the thread, with its priority, ends with this goroutine
	realTime()
	var due []departure
	next := time.Now()
	for {
		pause := syscall.NsecToTimespec(int64(max(0, time.Until(next))))
		_ = syscall.Nanosleep(&pause, nil) // a signal wakes it early, which does no harm
		now := time.Now()
		p.mu.Lock()
		if p.players == 0 {
			p.running = false
			p.mu.Unlock()
			return
		}
		due = due[:0]
		stay := p.waiting[:0]
		next = floor(now, sendTick).Add(longestPause)
		for _, d := range p.waiting {
			if !d.at.After(now) {
				due = append(due, d)
				continue
			}
			stay = append(stay, d)
			if d.at.Before(next) {
				next = floor(d.at.Add(sendTick-1), sendTick)
			}
		}
		clear(p.waiting[len(stay):])
		p.waiting = stay
		p.mu.Unlock()
		for _, d := range due {
			d.send()
			d.sent <- struct{}{}
		}
		clear(due)
	}
}
