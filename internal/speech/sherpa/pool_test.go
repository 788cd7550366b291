package sherpa

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mynahbot/mynah/internal/speech"
)

func TestPoolRunsSoManyAtOnce(t *testing.T) {
	p := newPool(speech.NewCores(2).Seats(2), time.Minute)
	var now, most atomic.Int32
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			err := p.do(t.Context(), func() error {
				n := now.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				now.Add(-1)
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if most.Load() > 2 {
		t.Errorf("%d calls at once", most.Load())
	}
	if !p.close() {
		t.Error("close: calls are left")
	}
	if err := p.do(t.Context(), func() error { return nil }); !errors.Is(err, ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

func TestPoolHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(speech.NewCores(2).Seats(1), time.Minute)
		hang := make(chan struct{})
		started := make(chan struct{})

		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error, 1)
		go func() { first <- p.do(ctx, func() error { close(started); <-hang; return nil }) }()
		<-started
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Fatalf("the caller of a hanging call: %v", err)
		}

		// The seat is still taken: the next waits only as long as its context.
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := p.do(ctx, func() error { return nil }); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("the next in the queue: %v", err)
		}

		// After the limit the seat is free, but a pool all of whose seats hang takes no more.
		time.Sleep(time.Minute)
		synctest.Wait()
		if err := p.do(t.Context(), func() error { return nil }); !errors.Is(err, ErrHangs) {
			t.Fatalf("after the limit: %v", err)
		}
		if p.close() {
			t.Fatal("close: no calls are left, but one hangs")
		}
		close(hang)
		synctest.Wait()
		if n := p.hung.Load(); n != 0 {
			t.Errorf("%d calls hang after the last returned", n)
		}
		if !p.close() {
			t.Error("close: calls are left")
		}
	})
}

func TestPoolOverdue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPool(speech.NewCores(2).Seats(2), time.Minute)
		hang := make(chan struct{})
		if err := p.do(t.Context(), func() error { <-hang; return nil }); !errors.Is(err, ErrHangs) {
			t.Fatalf("a call over the limit: %v", err)
		}
		if err := p.do(t.Context(), func() error { return nil }); err != nil {
			t.Fatalf("a call beside a hanging one: %v", err)
		}
		close(hang)
	})
}
