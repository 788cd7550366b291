package voice

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// The tests of the player run in a bubble whose clock goes on only while everybody waits, so that they are not late when the
// machine is.

// recorder is a frameWriter that keeps when frames came.
type recorder struct {
	mu       sync.Mutex
	at       []time.Time
	steps    []uint32
	silent   []bool
	speaking []bool
	got      chan struct{}
}

func newRecorder() *recorder { return &recorder{got: make(chan struct{}, 10000)} }

func (r *recorder) Speaking(_ context.Context, on bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.speaking = append(r.speaking, on)
	return nil
}

func (r *recorder) WriteFrame(frame []byte, frames uint32) error {
	r.mu.Lock()
	r.at = append(r.at, time.Now())
	r.steps = append(r.steps, frames)
	r.silent = append(r.silent, isSilence(frame))
	r.mu.Unlock()
	r.got <- struct{}{}
	return nil
}

func (r *recorder) wait(n int) {
	for range n {
		<-r.got
	}
}

func testPlayer(t *testing.T) (*Player, *recorder) {
	p := newPlayer(func() int { return 32000 }, make(chan struct{}, 1), nil, time.Now)
	r := newRecorder()
	p.attach(r)
	t.Cleanup(p.close)
	return p, r
}

func play(t *testing.T, p *Player, s Source) *Item {
	t.Helper()
	i, err := p.Play(context.Background(), "test", s)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func TestPlayerKeepsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := testPlayer(t)
		i := play(t, p, newTone(440, 2*time.Second))
		<-i.Done()
		r.wait(100)
		took := r.at[99].Sub(r.at[0])
		if drift := (took - 99*FrameTime).Abs(); drift > FrameTime {
			t.Errorf("100 frames took %v", took)
		}
		for k := 1; k < 100; k++ {
			if r.steps[k] != 1 {
				t.Errorf("frame %d is %d frames behind the last", k, r.steps[k])
			}
		}
		if i.Played() != 2*time.Second || i.Err() != nil {
			t.Errorf("played %v, %v", i.Played(), i.Err())
		}
	})
}

// Two items follow each other without a pause; behind the last one five frames of silence come, and speaking ends.
func TestPlayerQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := testPlayer(t)
		a, b := play(t, p, newTone(440, 200*time.Millisecond)), play(t, p, newTone(660, 200*time.Millisecond))
		if q := p.Queue(); len(q) != 2 || q[0] != a || q[1] != b {
			t.Errorf("queue %v", q)
		}
		<-a.Done()
		<-b.Done()
		r.mu.Lock()
		defer r.mu.Unlock()
		if len(r.at) != 25 {
			t.Fatalf("%d frames", len(r.at))
		}
		for k, silent := range r.silent {
			if silent != (k >= 20) {
				t.Errorf("frame %d: silence is %v", k, silent)
			}
		}
		if len(r.speaking) != 2 || !r.speaking[0] || r.speaking[1] {
			t.Errorf("speaking %v", r.speaking)
		}
	})
}

func TestPlayerStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := testPlayer(t)
		a, b := play(t, p, newTone(440, time.Hour)), play(t, p, newTone(440, time.Hour))
		r.wait(5)
		began := time.Now()
		if n := p.Stop(); n != 2 {
			t.Errorf("stopped %d", n)
		}
		<-a.Done()
		<-b.Done()
		if d := time.Since(began); d > 100*time.Millisecond {
			t.Errorf("stopping took %v", d)
		}
		if !errors.Is(a.Err(), ErrSkipped) {
			t.Errorf("stopped with %v", a.Err())
		}
		if n := p.Stop(); n != 0 {
			t.Errorf("stopped %d of nothing", n)
		}
	})
}

// stuttering yields its sound with a pause in the middle.
type stuttering struct {
	tone  *tone
	pause chan struct{}
	read  int
}

func (s *stuttering) Read(ctx context.Context, dst []float32) (int, error) {
	if s.read++; s.read == 10 {
		select {
		case <-s.pause:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	return s.tone.Read(ctx, dst)
}

// A source that runs dry is bridged by silence; when it goes on, the clock of the packets has gone on too.
func TestPlayerRunsDry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := testPlayer(t)
		s := &stuttering{tone: newTone(440, 400*time.Millisecond), pause: make(chan struct{})}
		i := play(t, p, s)
		r.wait(9 + silenceFrames)
		time.AfterFunc(300*time.Millisecond, func() { close(s.pause) })
		<-i.Done()
		r.mu.Lock()
		defer r.mu.Unlock()
		total, silent := uint32(0), 0
		for k := range r.at {
			total += r.steps[k]
			if r.silent[k] {
				silent++
			}
		}
		elapsed := r.at[len(r.at)-1].Sub(r.at[0])
		if d := (time.Duration(total-1)*FrameTime - elapsed).Abs(); d > FrameTime {
			t.Errorf("the packets' clock went on by %v in %v", time.Duration(total-1)*FrameTime, elapsed)
		}
		if silent != 2*silenceFrames {
			t.Errorf("%d frames of silence", silent)
		}
	})
}

// A connection that goes and comes back loses nothing of what is said in between.
func TestPlayerWaitsForConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, r := testPlayer(t)
		i := play(t, p, newTone(440, 400*time.Millisecond))
		r.wait(5)
		p.attach(nil)
		second := newRecorder()
		p.attach(second)
		<-i.Done()
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := len(r.at) + len(second.at); n != 20+silenceFrames {
			t.Errorf("%d frames", n)
		}
		if len(second.speaking) == 0 || !second.speaking[0] {
			t.Error("the new connection was not told that sound begins")
		}
	})
}

func TestVolume(t *testing.T) {
	pcm := []float32{0.1, -0.2, 0.6, -0.9}
	scale(pcm, 2)
	for k, want := range []float32{0.2, -0.4} {
		if pcm[k] != want {
			t.Errorf("sample %d: %v", k, pcm[k])
		}
	}
	if pcm[2] >= 1 || pcm[3] <= -1 {
		t.Errorf("clipped: %v", pcm)
	}
}
