package bot

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

const (
	// recentExchanges is how many exchanges are kept in memory, so that a
	// correction or a reaction that comes soon finds its question.
	recentExchanges = 2048
	// maxUnsavedExchanges is how many may wait for the disk. Then answering waits too.
	maxUnsavedExchanges = 4096
	// saveExchangeTime is how long saving one may take.
	saveExchangeTime = 10 * time.Second
)

// exchangeLog writes exchanges behind: an answer doesn't wait for the disk.
type exchangeLog struct {
	store ExchangeStore
	log   *slog.Logger
	queue chan unsaved

	ending sync.RWMutex // held for writing while the queue is closed
	ended  bool

	mu       sync.Mutex
	sending  map[uint64]chan struct{} // answers that are on their way, and have no id yet
	serial   uint64
	recent   [recentExchanges]record.Exchange // a ring
	next     int
	byAnswer map[record.MessageID]int // index in recent
	last     map[place]int            // index in recent
	askers   map[asker]int            // index in recent of the last that a person asked in a place
}

// unsaved is an exchange to be saved, or a mark that is closed when all before it are.
type unsaved struct {
	exchange record.Exchange
	mark     chan struct{}
}

// asker is a person in a place.
type asker struct {
	place
	user record.UserID
}

type place struct {
	server  record.ServerID
	channel record.ChannelID
}

func newExchangeLog(store ExchangeStore, log *slog.Logger) *exchangeLog {
	return &exchangeLog{
		store: store, log: log,
		queue:    make(chan unsaved, maxUnsavedExchanges),
		sending:  map[uint64]chan struct{}{},
		byAnswer: map[record.MessageID]int{},
		last:     map[place]int{},
		askers:   map[asker]int{},
	}
}

// run saves until close is called and all is saved.
func (l *exchangeLog) run() {
	for u := range l.queue {
		if u.mark != nil {
			close(u.mark)
			continue
		}
		e := u.exchange
		ctx, cancel := context.WithTimeout(context.Background(), saveExchangeTime)
		if _, err := l.store.SaveExchange(ctx, e); err != nil {
			l.log.Error("an exchange could not be saved", "server", e.Server, "channel", e.Channel, "err", err)
		}
		cancel()
	}
}

// close ends run. What is added after it is not saved.
func (l *exchangeLog) close() {
	l.ending.Lock()
	defer l.ending.Unlock()
	l.ended = true
	close(l.queue)
}

// errEnded is returned once nothing is saved any more.
var errEnded = errors.New("exchanges are not saved any more")

// push puts something behind what is to be saved.
func (l *exchangeLog) push(ctx context.Context, u unsaved) error {
	l.ending.RLock()
	defer l.ending.RUnlock()
	if l.ended {
		return errEnded
	}
	select {
	case l.queue <- u:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin is called before an answer is sent, and what it returns after it was
// added or not: somebody may point at the answer before its id is known here.
func (l *exchangeLog) begin() (end func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.serial++
	id, done := l.serial, make(chan struct{})
	l.sending[id] = done
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.sending, id)
		close(done)
	}
}

// settle waits for the answers that are on their way now.
func (l *exchangeLog) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, settleTime)
	defer cancel()
	l.mu.Lock()
	var all []chan struct{}
	for _, done := range l.sending {
		all = append(all, done)
	}
	l.mu.Unlock()
	for _, done := range all {
		select {
		case <-done:
		case <-ctx.Done():
			return
		}
	}
}

// settleTime bounds the wait for answers that Discord takes slowly.
const settleTime = time.Second

// add remembers an exchange at once and saves it soon.
func (l *exchangeLog) add(e record.Exchange) {
	l.mu.Lock()
	at := l.next
	l.drop(at)
	l.recent[at] = e
	for _, id := range append([]record.MessageID{e.AnsweredIn}, e.Parts...) {
		if id != 0 {
			l.byAnswer[id] = at
		}
	}
	l.last[place{e.Server, e.Channel}] = at
	l.askers[asker{place{e.Server, e.Channel}, e.Asker}] = at
	l.next = (at + 1) % recentExchanges
	l.mu.Unlock()
	if err := l.push(context.Background(), unsaved{exchange: e}); err != nil { // a conversation may end after the bot
		l.log.Warn("an exchange was not saved", "server", e.Server, "channel", e.Channel, "err", err)
	}
}

// drop empties a place in recent. The caller holds the lock.
func (l *exchangeLog) drop(at int) {
	e := &l.recent[at]
	for _, id := range append([]record.MessageID{e.AnsweredIn}, e.Parts...) {
		if l.byAnswer[id] == at {
			delete(l.byAnswer, id)
		}
	}
	if where := (place{e.Server, e.Channel}); l.last[where] == at {
		delete(l.last, where)
	}
	if who := (asker{place{e.Server, e.Channel}, e.Asker}); l.askers[who] == at {
		delete(l.askers, who)
	}
	*e = record.Exchange{}
}

// flush waits until everything that was added before is saved.
func (l *exchangeLog) flush(ctx context.Context) error {
	mark := make(chan struct{})
	if err := l.push(ctx, unsaved{mark: mark}); err != nil {
		return err
	}
	select {
	case <-mark:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// forget drops from memory what a function chooses.
func (l *exchangeLog) forget(chosen func(record.Exchange) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for at := range l.recent {
		if chosen(l.recent[at]) {
			l.drop(at)
		}
	}
}

// byMessage returns the exchange that a message of Mynah's answered.
func (l *exchangeLog) byMessage(ctx context.Context, server record.ServerID, answer record.MessageID) (record.Exchange, bool, error) {
	if e, ok := l.remembered(server, answer); ok {
		return e, true, nil
	}
	l.settle(ctx)
	if e, ok := l.remembered(server, answer); ok {
		return e, true, nil
	}
	return l.store.ExchangeByAnswer(ctx, server, answer)
}

func (l *exchangeLog) remembered(server record.ServerID, answer record.MessageID) (record.Exchange, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.byAnswer[answer]
	e := l.recent[at]
	return e, ok && e.Server == server
}

// asked returns the newest of the remembered exchanges that a person began in a channel.
func (l *exchangeLog) asked(server record.ServerID, channel record.ChannelID, user record.UserID) (record.Exchange, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.askers[asker{place{server, channel}, user}]
	return l.recent[at], ok
}

// latest returns the newest exchange in a channel.
func (l *exchangeLog) latest(ctx context.Context, server record.ServerID, channel record.ChannelID) (record.Exchange, bool, error) {
	l.mu.Lock()
	at, ok := l.last[place{server, channel}]
	e := l.recent[at]
	l.mu.Unlock()
	if ok {
		return e, true, nil
	}
	return l.store.LastExchange(ctx, server, channel)
}
