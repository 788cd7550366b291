package conversation

import "sync"

// inbox keeps what the loop is to do, in its order. It takes everything until it is closed: what people ask for, such as that
// something about them is forgotten, is never lost.
type inbox struct {
	mu      sync.Mutex
	waiting []func()
	closed  bool
	more    chan struct{} // full while something may wait
}

func newInbox() *inbox { return &inbox{more: make(chan struct{}, 1)} }

// put has f done after all that waits. It reports false where the inbox is closed.
func (b *inbox) put(f func()) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	b.waiting = append(b.waiting, f)
	b.signal()
	return true
}

// next takes the first that waits, nil for nothing.
func (b *inbox) next() func() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		return nil
	}
	f := b.waiting[0]
	b.waiting[0] = nil
	b.waiting = b.waiting[1:]
	if len(b.waiting) > 0 {
		b.signal()
	}
	return f
}

// close takes nothing more; what waits is not done.
func (b *inbox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed, b.waiting = true, nil
}

func (b *inbox) signal() {
	select {
	case b.more <- struct{}{}:
	default:
	}
}
