package bot

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/mynahbot/mynah/internal/record"
)

const (
	// A person who doesn't wait for answers may send personBurst commands and
	// questions at once and personRate a second for long. Whoever waits for each
	// answer is never too fast.
	personBurst = 15
	personRate  = rate.Limit(5)
	// maxPeopleLimited is how many people's limits are kept. Those who were
	// silent for long enough to have their whole burst again go first.
	maxPeopleLimited = 10_000
)

// verdict is what the limiter says to one more command.
type verdict int

const (
	allowed verdict = iota
	refused         // too fast; the person should be told
	ignored         // too fast, and told already
)

// personLimiter bounds how much of each person's is waiting to be answered.
type personLimiter struct {
	mu     sync.Mutex
	people map[record.UserID]*personLimit
	now    func() time.Time
}

type personLimit struct {
	limiter *rate.Limiter
	waiting int  // messages that came and were not looked at yet
	told    bool // since the person last waited for a while
	last    time.Time
}

func newPersonLimiter(now func() time.Time) *personLimiter {
	return &personLimiter{people: map[record.UserID]*personLimit{}, now: now}
}

// arrived counts a message, or an interaction, that was put in a queue, and returns when that was.
func (l *personLimiter) arrived(id record.UserID) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.people[id]
	if p == nil {
		if len(l.people) >= maxPeopleLimited {
			l.forget()
		}
		p = &personLimit{limiter: rate.NewLimiter(personRate, personBurst)}
		l.people[id] = p
	}
	p.waiting++
	p.last = l.now()
	return p.last
}

// done takes one out of the count again.
func (l *personLimiter) done(id record.UserID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p := l.people[id]; p != nil {
		p.waiting = max(p.waiting-1, 0)
	}
}

// allow is asked before a command or a question is answered, between its
// arrived (at) and its done. It is the pace of the person that counts, not that of the answers, which Discord may slow down.
func (l *personLimiter) allow(id record.UserID, at time.Time) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.people[id]
	if p == nil {
		return allowed
	}
	if p.waiting <= 1 { // nothing of theirs beside this one
		// Whoever is in the middle of a flood may have a moment in which nothing of theirs waits.
		p.told = p.told && p.limiter.TokensAt(at) < personBurst/2
		return allowed
	}
	if p.limiter.AllowN(at, 1) {
		return allowed
	}
	if p.told {
		return ignored
	}
	p.told = true
	return refused
}

// forget drops everybody whose burst is whole again.
func (l *personLimiter) forget() {
	refill := time.Duration(float64(personBurst) / float64(personRate) * float64(time.Second))
	now := l.now()
	for id, p := range l.people {
		if p.waiting == 0 && now.Sub(p.last) > refill {
			delete(l.people, id)
		}
	}
	if len(l.people) >= maxPeopleLimited {
		clear(l.people) // ten thousand people within three seconds: begin again
	}
}
