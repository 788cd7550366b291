package conversation

import (
	"sync"

	"github.com/mynahbot/mynah/internal/record"
)

// Choices holds who wants to be heard on one server: its rule for those who chose nothing, and what each person chose,
// everywhere or for this server. It is a [Consent] and safe for concurrent use.
type Choices struct {
	server record.ServerID

	mu         sync.RWMutex
	deaf       bool // nobody is heard
	optOut     bool // who chose nothing is heard
	here       map[record.UserID]bool
	everywhere map[record.UserID]bool
}

// NewChoices makes the choices of a server from what was kept. With optOut, people are heard until they say no; else only
// once they have said yes.
func NewChoices(server record.ServerID, optOut bool, kept []record.Consent) *Choices {
	c := &Choices{server: server, optOut: optOut, here: map[record.UserID]bool{}, everywhere: map[record.UserID]bool{}}
	for _, k := range kept {
		c.Choose(k)
	}
	return c
}

// Choose takes one person's choice. One for another server is ignored.
func (c *Choices) Choose(k record.Consent) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch k.Server {
	case 0:
		c.everywhere[k.User] = k.Heard
		delete(c.here, k.User) // the last choice holds
	case c.server:
		c.here[k.User] = k.Heard
	}
}

// Forget drops a person's wish to be heard: the server's rule holds for them again. That they don't want to be heard stays.
func (c *Choices) Forget(user record.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, chosen := range []map[record.UserID]bool{c.here, c.everywhere} {
		if chosen[user] {
			delete(chosen, user)
		}
	}
}

// SetOptOut changes the server's rule.
func (c *Choices) SetOptOut(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.optOut = on
}

// SetDeaf has nobody heard, whatever they chose, until it is taken back.
func (c *Choices) SetDeaf(on bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deaf = on
}

// Deaf reports whether nobody is heard.
func (c *Choices) Deaf() bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.deaf
}

// Heard tells whether a person may be heard: as they chose for this server, else everywhere, else as the server's rule is.
func (c *Choices) Heard(user record.UserID) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if c.deaf {
		return false
	}
	if heard, ok := c.here[user]; ok {
		return heard
	}
	if heard, ok := c.everywhere[user]; ok {
		return heard
	}
	return c.optOut
}
