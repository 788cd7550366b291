package sherpa

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mynahbot/mynah/internal/speech"
)

// ErrClosed is returned by what was closed.
var ErrClosed = errors.New("the speech model is closed")

// ErrHangs is returned while so many native calls hang that none can be started. Only a restart frees them.
var ErrHangs = errors.New("the speech model hangs: restart Mynah")

// pool runs the native calls of one model, which nothing can interrupt, each in a seat of the model. Whoever waits for one
// leaves when its context ends; the call itself then runs on in its seat. A call that takes longer than the limit
// gives its seat up, so that it can't hold up the others forever.
type pool struct {
	seats *speech.Seats
	limit time.Duration
	hung  atomic.Int32

	mu    sync.Mutex
	open  context.Context // until the pool is closed
	shut  context.CancelFunc
	calls sync.WaitGroup
}

func newPool(seats *speech.Seats, limit time.Duration) *pool {
	open, shut := context.WithCancel(context.Background())
	return &pool{seats: seats, limit: limit, open: open, shut: shut}
}

// do runs call in a seat of the model.
func (p *pool) do(ctx context.Context, call func() error) error {
	if int(p.hung.Load()) >= p.seats.Total() {
		return ErrHangs
	}
	waiting, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(p.open, func() { cancel(ErrClosed) })()
	give, err := p.seats.Take(waiting)
	if err != nil {
		return err
	}
	leave := sync.OnceFunc(give)
	p.mu.Lock()
	if p.open.Err() != nil {
		p.mu.Unlock()
		leave()
		return ErrClosed
	}
	p.calls.Add(1)
	p.mu.Unlock()

	result := make(chan error, 1)
	overdue := make(chan struct{})
	go func() {
		defer p.calls.Done()
		timer := time.AfterFunc(p.limit, func() {
			p.hung.Add(1)
			leave()
			close(overdue)
		})
		err := call()
		if !timer.Stop() {
			<-overdue
			p.hung.Add(-1)
		}
		leave()
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-overdue:
		return ErrHangs
	}
}

// close refuses further calls and waits up to the limit for those that run. It reports whether all have ended: only
// then may the memory that they use be freed.
func (p *pool) close() bool {
	p.mu.Lock()
	p.shut()
	p.mu.Unlock()
	ended := make(chan struct{})
	go func() { p.calls.Wait(); close(ended) }()
	timer := time.NewTimer(p.limit)
	defer timer.Stop()
	select {
	case <-ended:
		return true
	case <-timer.C:
		return false
	}
}
