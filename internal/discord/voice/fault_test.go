package voice

import (
	"context"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

// With packets lost, late, in disorder, twice or damaged, what is heard stays the sound that was sent, at its length.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		faults localvoice.Faults
		power  float64
	}{
		"1 % lost":      {localvoice.Faults{Drop: 0.01}, 0.9},
		"5 % lost":      {localvoice.Faults{Drop: 0.05}, 0.85},
		"10 % lost":     {localvoice.Faults{Drop: 0.10}, 0.75},
		"50 ms jitter":  {localvoice.Faults{Jitter: 50 * time.Millisecond}, 0.85},
		"10 % reorder":  {localvoice.Faults{Reorder: 0.1}, 0.85},
		"20 % twice":    {localvoice.Faults{Duplicate: 0.2}, 0.9},
		"5 % corrupted": {localvoice.Faults{Corrupt: 0.05}, 0.85},
		"everything":    {localvoice.Faults{Drop: 0.02, Jitter: 30 * time.Millisecond, Reorder: 0.02, Duplicate: 0.02, Corrupt: 0.02}, 0.8},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newMainGateway(t, localvoice.Config{})
			e := newEar()
			mynah := g.person(1, Config{Listen: func(snowflake.ID) Listener { return e }})
			other := g.person(2, Config{})
			open(t, mynah, 77)
			open(t, other, 77)
			g.server.SetFaults(1, false, tc.faults)
			const seconds = 4
			item := play(t, other.Player(), newTone(440, seconds*time.Second))
			<-item.Done()
			e.until(t, "the tone", func() bool { return len(e.of(2)) > (seconds*16000)*9/10 })
			heard := e.of(2)
			if n := len(heard); n > (seconds*16000)*21/20+3200 {
				t.Errorf("%d samples of %d", n, seconds*16000)
			}
			// Concealment shifts the phase, so pieces are measured.
			good, pieces := 0, 0
			for at := 3200; at+800 <= min(len(heard), seconds*16000-1600); at += 800 {
				pieces++
				if power(heard[at:at+800], 440) > 0.8 {
					good++
				}
			}
			if share := float64(good) / float64(pieces); share < tc.power {
				t.Errorf("the tone is in %.2f of what was heard; %+v", share, mynah.Health().Speakers)
			}
		})
	}
}

// Who is not to be heard is dropped before decryption, decoding and everything else.
func TestUnwantedIsDropped(t *testing.T) {
	t.Parallel()
	g := newMainGateway(t, localvoice.Config{})
	e := newEar()
	e.deafTo[2] = true
	mynah := g.person(1, Config{Listen: func(snowflake.ID) Listener { return e }})
	deaf, heard := g.person(2, Config{}), g.person(3, Config{})
	for _, c := range []*Conn{mynah, deaf, heard} {
		open(t, c, 77)
	}
	a := play(t, deaf.Player(), newTone(440, time.Second))
	b := play(t, heard.Player(), newTone(660, time.Second))
	<-a.Done()
	<-b.Done()
	e.until(t, "the one who wants to be heard", func() bool { return len(e.of(3)) >= 15000 })
	if n := len(e.of(2)); n > 0 {
		t.Errorf("%d samples of the other were heard", n)
	}
	for _, s := range mynah.Health().Speakers {
		if s.User == 2 && (s.Decoded > 0 || s.Packets > 0 || s.Unwanted < 40) {
			t.Errorf("unwanted, and yet %+v", s)
		}
	}
}

// Thousandfold joining and leaving leaves nothing behind.
func TestStartStop(t *testing.T) {
	rounds := 100
	if os.Getenv("MYNAH_LONG") != "" {
		rounds = 1000
	}
	g := newMainGateway(t, localvoice.Config{})
	other := g.person(2, Config{})
	open(t, other, 77)
	round := func() {
		c := g.person(1, Config{Listen: func(snowflake.ID) Listener { return newEar() }})
		open(t, c, 77)
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		c.Close(ctx)
		<-c.Done()
	}
	for range 10 {
		round()
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	goroutines := runtime.NumGoroutine()
	for range rounds {
		round()
	}
	// The server's side of the last rounds ends behind ours.
	limit := time.After(patience)
	for n := runtime.NumGoroutine() - goroutines; n > 5; n = runtime.NumGoroutine() - goroutines {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-limit:
			t.Fatalf("%d goroutines more", n)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20+int64(rounds)*2048 {
		t.Errorf("the heap has grown by %d KiB", grown>>10)
	}
}
