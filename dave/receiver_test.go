package dave

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// senderAt returns a sender whose next frame has the given number.
func senderAt(base [keySize]byte, frame uint64) *frameSender {
	s := newFrameSender(base)
	s.counter = frame - 1 // which may wrap: frame 0 has number 0
	s.ratchet.advance(uint32(frame >> generationShift))
	s.aead = s.ratchet.aead()
	return s
}

func sealOne(t testing.TB, s *frameSender) []byte {
	t.Helper()
	b, err := s.appendEncrypt(nil, []byte("media"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestGenerations(t *testing.T) {
	const day = 24 * time.Hour
	const perGeneration = 1 << generationShift
	for _, tc := range []struct {
		name  string
		frame uint64
		age   time.Duration // of the key at the receiver
		want  error
	}{
		{"first frame", 1, 0, nil},
		{"nonce zero", 0, 0, nil},
		{"end of generation 0", perGeneration - 1, 0, nil},
		{"generation 1 too early", perGeneration, time.Hour, ErrGeneration},
		{"generation 1", perGeneration, 2 * day, nil},
		{"generation 250", 250 * perGeneration, 300 * day, nil},
		{"generation 251, beyond the gap", 251 * perGeneration, 300 * day, ErrGeneration},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, r := newTestPair()
			_, err := r.appendDecrypt(nil, sealOne(t, senderAt(testBase(0), tc.frame)), false, at(testStart.Add(tc.age)))
			if !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
}

// A sender goes through more generations than the nonce's 8 bits can tell apart.
func TestGenerationsWrap(t *testing.T) {
	_, r := newTestPair()
	now := testStart.Add(10 * 365 * 24 * time.Hour)
	s := senderAt(testBase(0), 1)
	for generation := uint64(0); generation < 600; generation += 100 {
		s.counter = generation<<generationShift + 5
		if _, err := r.appendDecrypt(nil, sealOne(t, s), false, at(now)); err != nil {
			t.Fatalf("generation %d: %v", generation, err)
		}
		now = now.Add(retention)
	}
	if n := len(r.epochs[0].ciphers); n > 3 {
		t.Errorf("%d ciphers are held", n)
	}
}

func TestOldGenerationExpires(t *testing.T) {
	_, r := newTestPair()
	now := testStart.Add(48 * time.Hour)
	late := []([]byte){
		sealOne(t, senderAt(testBase(0), 1<<generationShift-2)),
		sealOne(t, senderAt(testBase(0), 1<<generationShift-1)),
	}
	if _, err := r.appendDecrypt(nil, sealOne(t, senderAt(testBase(0), 1<<generationShift)), false, at(now)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.appendDecrypt(nil, late[0], false, at(now.Add(retention-1))); err != nil {
		t.Errorf("a late frame within retention: %v", err)
	}
	if _, err := r.appendDecrypt(nil, late[1], false, at(now.Add(retention))); err == nil {
		t.Error("a late frame after retention was opened")
	}
}

func TestForgedGenerationsHoldNoMemory(t *testing.T) {
	_, r := newTestPair()
	now := testStart.Add(3 * 365 * 24 * time.Hour)
	for i := range 500 {
		forged := append(make([]byte, 12+tagSize), 0)
		forged = appendTrailer(forged[:12+tagSize], uint32(i)<<generationShift)
		if _, err := r.appendDecrypt(nil, forged, false, at(now)); err == nil {
			t.Fatal("a forged frame was opened")
		}
	}
	if n := len(r.epochs[0].ciphers); n > 2 {
		t.Errorf("forged frames made the receiver hold %d ciphers", n)
	}
}

func TestEpochsExpire(t *testing.T) {
	r := &frameReceiver{}
	old, current := newFrameSender(testBase(1)), newFrameSender(testBase(2))
	r.install(testBase(1), testStart)
	r.install(testBase(2), testStart.Add(time.Minute))
	switched := testStart.Add(time.Minute)
	for _, tc := range []struct {
		name string
		s    *frameSender
		at   time.Duration
		ok   bool
	}{
		{"current", current, 0, true},
		{"old, in time", old, retention - 1, true},
		{"old, too late", old, retention, false},
		{"current, later", current, time.Hour, true},
	} {
		if _, err := r.appendDecrypt(nil, sealOne(t, tc.s), false, at(switched.Add(tc.at))); (err == nil) != tc.ok {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	r.retire(switched)
	if r.expire(switched.Add(retention)) {
		t.Error("a retired sender's keys are still held")
	}
	for i := range 100 {
		r.install(testBase(byte(i)), switched)
	}
	if len(r.epochs) > maxRetainedEpochs {
		t.Errorf("%d epochs are held", len(r.epochs))
	}
}

func TestReplays(t *testing.T) {
	s, r := newTestPair()
	var frames [][]byte
	for range windowSize + 2 {
		frames = append(frames, sealOne(t, s))
	}
	for i, tc := range []struct {
		frame int
		want  error
	}{
		{1, nil}, {1, ErrReplay}, {0, nil}, {0, ErrReplay}, // a frame that overtook the first is no obstacle
		{windowSize, nil}, {1, ErrReplay}, {2, nil}, {2, ErrReplay},
		{windowSize + 1, nil}, {3, nil}, {windowSize + 1, ErrReplay},
	} {
		if _, err := r.appendDecrypt(nil, frames[tc.frame], false, at(testStart)); !errors.Is(err, tc.want) {
			t.Errorf("step %d, frame %d: %v, want %v", i, tc.frame, err, tc.want)
		}
	}
}

// The window agrees with a set of used nonces.
func TestReplayWindowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var w replayWindow
		used := map[uint64]bool{}
		newest := uint64(0)
		for _, n := range rapid.SliceOfN(rapid.OneOf(rapid.Uint64Range(0, 50), rapid.Uint64Range(0, 3*windowSize),
			rapid.Uint64Range(1<<40, 1<<40+windowSize)), 1, 300).Draw(t, "nonces") {
			want := !used[n] && (len(used) == 0 || n+windowSize > newest)
			if got := w.unused(n); got != want {
				t.Fatalf("nonce %d after newest %d: unused %v, want %v", n, newest, got, want)
			}
			if want {
				w.use(n)
				used[n] = true
				newest = max(newest, n)
			}
		}
	})
}
