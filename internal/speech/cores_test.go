package speech

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mynahbot/mynah/internal/spoken"
)

// What is due first goes first, and nobody waits for a seat while a core is free that another could use.
func TestCoresOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cores := NewCores(2)
		recognizer, voice := cores.Seats(2), cores.Seats(1)
		var mu sync.Mutex
		var order []string
		most, now := 0, 0
		var calls sync.WaitGroup
		call := func(name string, s *Seats, due time.Duration) {
			ctx := t.Context()
			if due >= 0 {
				ctx = spoken.WithDue(ctx, time.Now().Add(due))
			}
			calls.Go(func() {
				leave, err := s.Take(ctx)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				order = append(order, name)
				now++
				most = max(most, now)
				mu.Unlock()
				time.Sleep(100 * time.Millisecond)
				mu.Lock()
				now--
				mu.Unlock()
				leave()
			})
			synctest.Wait()
		}
		call("first", recognizer, 5*time.Second)
		call("second", voice, 5*time.Second)
		time.Sleep(10 * time.Millisecond)
		call("file", recognizer, -1)
		call("speculation", recognizer, 300*time.Millisecond)
		call("rest of an answer", voice, time.Second)
		call("first words", voice, 0)
		call("end of a turn", recognizer, 0)
		call("later words", voice, 20*time.Second)
		calls.Wait()
		// "first words" can begin when "second" has left its voice, so "end of a turn" takes the core of "first".
		want := []string{"first", "second", "first words", "end of a turn", "speculation", "rest of an answer", "file", "later words"}
		slices.Sort(order[2:4])
		slices.Sort(order[4:6])
		slices.Sort(order[6:8])
		for _, pair := range [][]string{want[2:4], want[4:6], want[6:8]} {
			slices.Sort(pair)
		}
		if !slices.Equal(order, want) {
			t.Errorf("order %q, not %q", order, want)
		}
		if most != 2 {
			t.Errorf("%d at once", most)
		}
	})
}

// One voice that is busy keeps no core from a recognizer, however urgent those are who wait for it.
func TestCoresBusyModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cores := NewCores(2)
		voice, recognizer := cores.Seats(1), cores.Seats(2)
		leave, err := voice.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancelCause(spoken.WithDue(t.Context(), time.Now()))
		gone := errors.New("gone")
		waiting := make(chan error, 1)
		go func() { _, err := voice.Take(ctx); waiting <- err }()
		synctest.Wait()
		other, err := recognizer.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		cancel(gone)
		if err := <-waiting; !errors.Is(err, gone) {
			t.Errorf("who left: %v", err)
		}
		if _, err := voice.Take(ctx); !errors.Is(err, gone) {
			t.Errorf("who came too late: %v", err)
		}
		leave()
		other()
		if cores.free != 2 || voice.free != 1 || recognizer.free != 2 || len(cores.waiting) != 0 {
			t.Errorf("afterwards: %+v", cores)
		}
	})
}
