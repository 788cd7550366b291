package bot

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

func TestWhoeverWaitsIsNeverTooFast(t *testing.T) {
	now := time.Unix(0, 0)
	l := newPersonLimiter(func() time.Time { return now })
	for i := range 1000 {
		at := l.arrived(1)
		if l.allow(1, at) != allowed {
			t.Fatalf("message %d was refused", i)
		}
		l.done(1)
	}
}

func TestAFloodIsBoundedAndToldOnce(t *testing.T) {
	now := time.Unix(0, 0)
	l := newPersonLimiter(func() time.Time { return now })
	var at []time.Time
	for range 50 {
		at = append(at, l.arrived(1))
	}
	count := map[verdict]int{}
	for i := range 50 {
		now = now.Add(time.Second) // however slowly they are answered
		count[l.allow(1, at[i])]++
		l.done(1)
	}
	// The last one finds nothing of its author's waiting any more.
	if count[allowed] != personBurst+1 || count[refused] != 1 || count[ignored] != 50-personBurst-2 {
		t.Errorf("%v", count)
	}
	l.arrived(2)
	if l.allow(2, l.arrived(2)) != allowed {
		t.Error("somebody else was refused")
	}
}

func TestLimitsAreForgotten(t *testing.T) {
	now := time.Unix(0, 0)
	l := newPersonLimiter(func() time.Time { return now })
	for i := range 3 * maxPeopleLimited {
		l.arrived(record.UserID(i))
		l.done(record.UserID(i))
		now = now.Add(time.Millisecond)
	}
	if n := len(l.people); n > maxPeopleLimited {
		t.Errorf("%d people are remembered", n)
	}
}

func TestLanesKeepTheirOrderAndRunBesideEachOther(t *testing.T) {
	l := newLanes[string]()
	var mu sync.Mutex
	var order []int
	started, release := make(chan struct{}), make(chan struct{})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(l.add("a", func() { close(started); <-release }))
	<-started
	for i := range 20 {
		must(l.add("a", func() { mu.Lock(); order = append(order, i); mu.Unlock() }))
	}
	other := make(chan struct{})
	must(l.add("b", func() { close(other) }))
	<-other // while a still waits
	close(release)
	l.close()
	l.wait()
	want := make([]int, 20)
	for i := range want {
		want[i] = i
	}
	if !slices.Equal(order, want) {
		t.Errorf("order: %v", order)
	}
	if l.add("a", func() {}) == nil {
		t.Error("work was taken after the end")
	}
	if len(l.busy) != 0 {
		t.Errorf("%d lanes are left", len(l.busy))
	}
}

func TestLanesAreBounded(t *testing.T) {
	l := newLanes[int]()
	release := make(chan struct{})
	for i := range maxQueuedPerLane + 1 {
		if err := l.add(1, func() { <-release }); err != nil {
			t.Fatalf("%d: %v", i, err)
		}
	}
	if err := l.add(1, func() {}); err != errBusy {
		t.Errorf("a full lane: %v", err)
	}
	close(release)
	l.close()
	l.wait()
}
