package answer

import (
	"container/list"
	"context"
	"sync"

	"github.com/mynahbot/mynah/internal/record"
)

// maxLoaded is how many servers' knowledge is kept in memory; what nobody asked for longest goes first.
const maxLoaded = 64

// cache loads each server's knowledge when it is first asked for, and keeps the newest.
type cache struct {
	mu      sync.Mutex
	loaded  map[record.ServerID]*list.Element // of *entry
	recency *list.List                        // newest first
}

type entry struct {
	server    record.ServerID
	ready     chan struct{} // closed when knowledge and err are set
	knowledge *Knowledge
	err       error
}

func newCache() cache {
	return cache{loaded: map[record.ServerID]*list.Element{}, recency: list.New()}
}

// get returns a server's knowledge, which load reads where it isn't there. Who comes while it is read
// waits for the same reading, which no caller's end cancels.
func (c *cache) get(ctx context.Context, server record.ServerID, load func(context.Context) (*Knowledge, error)) (*Knowledge, error) {
	c.mu.Lock()
	at, ok := c.loaded[server]
	if ok {
		c.recency.MoveToFront(at)
	} else {
		at = c.recency.PushFront(&entry{server: server, ready: make(chan struct{})})
		c.loaded[server] = at
		if c.recency.Len() > maxLoaded {
			oldest := c.recency.Remove(c.recency.Back()).(*entry)
			delete(c.loaded, oldest.server)
		}
		go c.fill(context.WithoutCancel(ctx), at, load)
	}
	e := at.Value.(*entry)
	c.mu.Unlock()
	select {
	case <-e.ready:
		return e.knowledge, e.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// fill reads an entry. One that can't be read is tried again by the next who asks.
func (c *cache) fill(ctx context.Context, at *list.Element, load func(context.Context) (*Knowledge, error)) {
	e := at.Value.(*entry)
	e.knowledge, e.err = load(ctx)
	if e.err != nil {
		c.mu.Lock()
		if c.loaded[e.server] == at {
			c.recency.Remove(at)
			delete(c.loaded, e.server)
		}
		c.mu.Unlock()
	}
	close(e.ready)
}

// peek returns a server's knowledge where it is in memory, else nil.
func (c *cache) peek(server record.ServerID) *Knowledge {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, ok := c.loaded[server]
	if !ok {
		return nil
	}
	e := at.Value.(*entry)
	select {
	case <-e.ready:
		return e.knowledge
	default:
		return nil
	}
}

func (c *cache) forget(server record.ServerID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at, ok := c.loaded[server]; ok {
		c.recency.Remove(at)
		delete(c.loaded, server)
	}
}

func (c *cache) forgetAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.loaded)
	c.recency.Init()
}
