package learn

import (
	"slices"
	"sync"

	"github.com/mynahbot/mynah/internal/record"
)

// Corrections answers questions that people corrected, at once and without a training: the same question after
// normalization, and close paraphrases. The zero value is empty and ready. Safe for concurrent use.
type Corrections struct {
	mu      sync.RWMutex
	entries []correction
	exact   map[string]int // normalized question → entry
}

type correction struct {
	example record.Example
	key     string
	wording wording
}

// Add teaches e, whose Text is the question and whose Reply (or Label) is right. It replaces an earlier correction of the
// same question.
func (c *Corrections) Add(e record.Example) {
	key := Normalize(e.Text)
	entry := correction{e, key, wordingOf(e.Text)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.exact == nil {
		c.exact = map[string]int{}
	}
	if i, ok := c.exact[key]; ok {
		c.entries[i] = entry
		return
	}
	c.exact[key] = len(c.entries)
	c.entries = append(c.entries, entry)
}

// Remove forgets the correction of question and reports whether there was one.
func (c *Corrections) Remove(question string) bool {
	key := Normalize(question)
	return c.RemoveFunc(func(e record.Example) bool { return Normalize(e.Text) == key }) > 0
}

// RemoveFunc forgets every correction for which remove returns true, and says how many.
func (c *Corrections) RemoveFunc(remove func(record.Example) bool) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.entries)
	c.entries = slices.DeleteFunc(c.entries, func(e correction) bool { return remove(e.example) })
	clear(c.exact)
	for i, e := range c.entries {
		c.exact[e.key] = i
	}
	return n - len(c.entries)
}

// Len is the number of corrections.
func (c *Corrections) Len() int {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return len(c.entries)
}

// Examples returns all corrections, oldest first, for the next training.
func (c *Corrections) Examples() []record.Example {
	c.mu.RLock()
	defer c.mu.RUnlock()
	out := make([]record.Example, len(c.entries))
	for i, e := range c.entries {
		out[i] = e.example
	}
	return out
}

// Answer returns the correction that applies to text, if any.
func (c *Corrections) Answer(text string) (record.Example, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if len(c.entries) == 0 {
		return record.Example{}, false
	}
	if i, ok := c.exact[Normalize(text)]; ok {
		return c.entries[i].example, true
	}
	w := wordingOf(text)
	for _, e := range slices.Backward(c.entries) { // the newest first
		if e.wording.same(w) {
			return e.example, true
		}
	}
	return record.Example{}, false
}
