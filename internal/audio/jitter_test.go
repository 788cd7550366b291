package audio

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// arrival is one packet of a script: sequence number and milliseconds after the start.
type arrival struct {
	sequence uint16
	at       int
}

// play runs a script through a buffer and lists what comes out: sequence numbers, lost ones negative.
func play(b *JitterBuffer, script []arrival) (out []int, delays []time.Duration) {
	start := time.Unix(1000, 0)
	drain := func(now time.Time) {
		for {
			f, ok := b.Pop(now)
			if !ok {
				return
			}
			if f.Payload == nil {
				out = append(out, -int(f.Sequence))
				continue
			}
			out = append(out, int(f.Sequence))
			delays = append(delays, now.Sub(f.At))
		}
	}
	for _, a := range script {
		at := start.Add(time.Duration(a.at) * time.Millisecond)
		for {
			d, ok := b.Deadline()
			if !ok || d.After(at) {
				break
			}
			drain(d)
		}
		b.Push(a.sequence, uint32(a.sequence)*960, []byte{byte(a.sequence)}, at)
		drain(at)
	}
	if d, ok := b.Deadline(); ok {
		drain(d)
	}
	return out, delays
}

func TestJitterBufferOrders(t *testing.T) {
	for name, tc := range map[string]struct {
		script []arrival
		want   []int
		stats  JitterStats
	}{
		"in order":        {[]arrival{{1, 0}, {2, 20}, {3, 40}}, []int{1, 2, 3}, JitterStats{Packets: 3}},
		"swapped":         {[]arrival{{1, 0}, {3, 20}, {2, 25}, {4, 60}}, []int{1, 2, 3, 4}, JitterStats{Packets: 4}},
		"twice":           {[]arrival{{1, 0}, {3, 20}, {3, 21}, {2, 22}}, []int{1, 2, 3}, JitterStats{Packets: 3, Duplicates: 1}},
		"lost":            {[]arrival{{1, 0}, {3, 40}, {4, 60}, {5, 80}}, []int{1, -2, 3, 4, 5}, JitterStats{Packets: 4, Lost: 1}},
		"two lost":        {[]arrival{{1, 0}, {4, 60}, {5, 80}, {6, 100}}, []int{1, -2, -3, 4, 5, 6}, JitterStats{Packets: 4, Lost: 2}},
		"too late":        {[]arrival{{1, 0}, {3, 40}, {4, 60}, {5, 80}, {2, 140}}, []int{1, -2, 3, 4, 5}, JitterStats{Packets: 4, Lost: 1, Late: 1}},
		"around the end":  {[]arrival{{65534, 0}, {0, 20}, {65535, 30}, {1, 40}}, []int{65534, 65535, 0, 1}, JitterStats{Packets: 4}},
		"a long gap":      {[]arrival{{1, 0}, {40, 40}, {41, 60}, {42, 90}}, []int{1, 40, 41, 42}, JitterStats{Packets: 4, Lost: 38}},
		"a new beginning": {[]arrival{{1, 0}, {9000, 40}, {9001, 60}}, []int{1, 9000, 9001}, JitterStats{Packets: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			b := NewJitterBuffer(JitterConfig{})
			got, _ := play(b, tc.script)
			if !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
			s := b.Stats()
			s.Jitter, s.Wait = 0, 0
			if s != tc.stats {
				t.Errorf("stats %+v, want %+v", s, tc.stats)
			}
		})
	}
}

// A packet in order must not wait: a recognizer has no use for a playout delay.
func TestJitterBufferAddsNoDelay(t *testing.T) {
	var script []arrival
	for i := range 200 {
		script = append(script, arrival{uint16(i), 20*i + i%7})
	}
	_, delays := play(NewJitterBuffer(JitterConfig{}), script)
	if m := slices.Max(delays); m != 0 {
		t.Errorf("a packet in order waited %v", m)
	}
}

// The wait grows with what the network does, so that after a while reordering loses nothing, and shrinks again.
func TestJitterBufferAdapts(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var script []arrival
	for i := range 2000 {
		script = append(script, arrival{uint16(i), 20*i + r.IntN(120)})
	}
	slices.SortStableFunc(script, func(a, b arrival) int { return a.at - b.at })
	b := NewJitterBuffer(JitterConfig{})
	out, _ := play(b, script)
	lost := 0
	for _, s := range out[len(out)/2:] {
		if s < 0 {
			lost++
		}
	}
	if lost > 0 {
		t.Errorf("%d of %d packets were given up though all came within 120 ms", lost, len(out)/2)
	}
	grown := b.Stats().Wait
	if grown < 60*time.Millisecond {
		t.Errorf("the wait is %v", grown)
	}
	for i := range 3000 {
		at := time.Unix(2000, 0).Add(time.Duration(20*i) * time.Millisecond)
		b.Push(uint16(2000+i), uint32(2000+i)*960, []byte{1}, at)
		for {
			if _, ok := b.Pop(at); !ok {
				break
			}
		}
	}
	if w := b.Stats().Wait; w >= grown*2/3 {
		t.Errorf("after a quiet minute the wait is still %v, of %v", w, grown)
	}
}

// A sender that starts over with lower numbers is followed after a while.
func TestJitterBufferFollowsARestart(t *testing.T) {
	var script []arrival
	for i := range 50 {
		script = append(script, arrival{uint16(30000 + i), 20 * i})
	}
	for i := range 50 {
		script = append(script, arrival{uint16(100 + i), 1000 + 20*i})
	}
	out, _ := play(NewJitterBuffer(JitterConfig{}), script)
	if last := out[len(out)-1]; last != 149 {
		t.Errorf("ends with %d", last)
	}
}

func TestJitterBufferAllocates(t *testing.T) {
	b := NewJitterBuffer(JitterConfig{})
	at := time.Unix(1000, 0)
	payload := make([]byte, 160)
	for i := range 128 {
		b.Push(uint16(i), 0, payload, at)
		b.Pop(at)
	}
	i := 128
	if n := testing.AllocsPerRun(200, func() {
		b.Push(uint16(i), 0, payload, at)
		b.Pop(at)
		i++
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

func FuzzJitterBuffer(f *testing.F) {
	f.Add([]byte{0, 1, 0, 2, 0, 3})
	f.Add([]byte{255, 255, 0, 0, 0, 2, 0, 1, 128, 0})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := NewJitterBuffer(JitterConfig{})
		at := time.Unix(1000, 0)
		out := 0
		for i := 0; i+1 < len(script) && i < 2000; i += 2 {
			at = at.Add(time.Duration(script[i]%50) * time.Millisecond)
			b.Push(uint16(script[i])<<8|uint16(script[i+1]), uint32(i)*960, script[i:i+1], at)
			for {
				f, ok := b.Pop(at)
				if !ok {
					break
				}
				if out++; f.Payload != nil && len(f.Payload) != 1 {
					t.Fatalf("payload of %d bytes", len(f.Payload))
				}
			}
		}
		if s := b.Stats(); uint64(out) > s.Packets+s.Lost {
			t.Fatalf("%d frames from %+v", out, s)
		}
	})
}
