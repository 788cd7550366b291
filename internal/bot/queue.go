package bot

import (
	"context"
	"errors"
	"sync"
)

const (
	// maxQueuedPerLane is how much may wait in one lane. More than that is
	// more than anybody reads.
	maxQueuedPerLane = 128
	// maxLanes is how many lanes may be busy at once, over all channels.
	maxLanes = 4096
)

// errBusy is returned where a lane, or all of them together, are full.
var errBusy = errors.New("too much is waiting already")

// lanes run work in order within a lane, and lanes beside each other. A lane
// costs nothing while it has no work.
type lanes[K comparable] struct {
	mu     sync.Mutex
	busy   map[K][]func() // what waits; a key is there while its goroutine runs
	closed bool
	wg     sync.WaitGroup
}

func newLanes[K comparable]() *lanes[K] { return &lanes[K]{busy: map[K][]func(){}} }

// add puts work at the end of a lane and returns at once.
func (l *lanes[K]) add(key K, work func()) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return context.Canceled
	}
	waiting, running := l.busy[key]
	switch {
	case running && len(waiting) >= maxQueuedPerLane, !running && len(l.busy) >= maxLanes:
		return errBusy
	case running:
		l.busy[key] = append(waiting, work)
		return nil
	}
	l.busy[key] = nil
	l.wg.Add(1)
	go l.run(key, work)
	return nil
}

// run does the lane's work until there is none.
func (l *lanes[K]) run(key K, work func()) {
	defer l.wg.Done()
	for {
		work()
		l.mu.Lock()
		waiting := l.busy[key]
		if len(waiting) == 0 {
			delete(l.busy, key)
			l.mu.Unlock()
			return
		}
		work = waiting[0]
		waiting[0] = nil
		l.busy[key] = waiting[1:]
		l.mu.Unlock()
	}
}

// close takes nothing more. What waits is still done; wait waits for it.
func (l *lanes[K]) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
}

// wait returns when nothing runs any more. Call close first.
func (l *lanes[K]) wait() { l.wg.Wait() }
