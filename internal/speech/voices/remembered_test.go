package voices

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/spoken"
)

// countingVoice says each letter as a sample, in two pieces, and counts what it is asked.
type countingVoice struct {
	mu    sync.Mutex
	asked int
	err   error
}

func (v *countingVoice) Synthesize(_ context.Context, s spoken.Speech, emit func(audio.PCM) error) error {
	v.mu.Lock()
	v.asked++
	err := v.err
	v.mu.Unlock()
	for _, text := range []string{s.Text[:1], s.Text[1:]} {
		var samples []float32
		for _, b := range []byte(text) {
			samples = append(samples, float32(b)*float32(s.Pace()))
		}
		if err := emit(audio.PCM{Rate: 22050, Samples: samples}); err != nil {
			return err
		}
	}
	return err
}

func TestRemembered(t *testing.T) {
	voice := &countingVoice{}
	r := Remember(voice, 4*10)
	said := func(s spoken.Speech) (all []float32) {
		t.Helper()
		err := r.Synthesize(t.Context(), s, func(p audio.PCM) error {
			all = append(all, p.Samples...)
			clear(p.Samples) // what is emitted is the receiver's
			if p.Rate != 22050 {
				t.Errorf("a rate of %d", p.Rate)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	abc := spoken.Speech{Text: "abc", Voice: "v", Language: "en", Speed: 1}
	slow, other, russian, usual := abc, abc, abc, abc
	slow.Speed, other.Voice, russian.Language, usual.Speed = 0.5, "w", "ru", 0
	for _, step := range []struct {
		name  string
		what  spoken.Speech
		asked int // of the voice, so far
	}{
		{"new", abc, 1}, {"again", abc, 1}, {"no speed is the usual speed", usual, 1}, {"another speed", slow, 2}, {"another voice", other, 3},
		{"again, the others are not in the way", abc, 3}, {"another language: the oldest is forgotten", russian, 4}, {"the oldest", slow, 5},
		{"what was used lately is still known", abc, 5}, {"too long to be remembered", spoken.Speech{Text: "abcdefghijk"}, 6},
		{"too long", spoken.Speech{Text: "abcdefghijk"}, 7}, {"that forgot nothing", abc, 7},
	} {
		var want []float32
		for _, b := range []byte(step.what.Text) {
			want = append(want, float32(b)*float32(step.what.Pace()))
		}
		if got := said(step.what); !slices.Equal(got, want) || voice.asked != step.asked {
			t.Errorf("%s: %v after %d questions; want %v after %d", step.name, got, voice.asked, want, step.asked)
		}
	}
	if r.bytes > r.room || len(r.known) != r.used.Len() {
		t.Errorf("%d bytes, %d known, %d used", r.bytes, len(r.known), r.used.Len())
	}
}

// What failed, or was not listened to until its end, is not remembered.
func TestRememberedFailure(t *testing.T) {
	broken := errors.New("broken")
	voice := &countingVoice{err: broken}
	r := Remember(voice, 1000)
	s := spoken.Speech{Text: "abc"}
	if err := r.Synthesize(t.Context(), s, func(audio.PCM) error { return nil }); !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	voice.err = nil
	enough := errors.New("enough")
	if err := r.Synthesize(t.Context(), s, func(audio.PCM) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
	for range 2 {
		if err := r.Synthesize(t.Context(), s, func(audio.PCM) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := r.Synthesize(ended, s, func(audio.PCM) error { return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
	if voice.asked != 3 {
		t.Errorf("asked %d times", voice.asked)
	}
}

func TestRememberedForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		voice := &countingVoice{}
		r := Remember(voice, 1000)
		for i, asked := range []int{1, 1, 2, 2} {
			if err := r.Synthesize(t.Context(), spoken.Speech{Text: "abc"}, func(audio.PCM) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if n := remembered(r); voice.asked != asked || n != 12 {
				t.Errorf("time %d: asked %d times, %d bytes", i+1, voice.asked, n)
			}
			time.Sleep(40 * time.Minute)
		}
		synctest.Wait()
		if n := remembered(r); n != 0 { // nobody asks for it: it goes all the same
			t.Errorf("%d bytes are remembered for too long", n)
		}
	})
}

// remembered is how many bytes are.
func remembered(r *Remembered) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes
}

// What is to be forgotten is: what is remembered, and what is being made.
func TestRememberedForget(t *testing.T) {
	voice := &countingVoice{}
	r := Remember(voice, 1000)
	abc := spoken.Speech{Text: "abc"}
	for i, step := range []struct {
		emit  func(audio.PCM) error
		bytes int
	}{
		{func(audio.PCM) error { return nil }, 12},
		{func(audio.PCM) error { r.Forget(); return nil }, 0},
		{func(audio.PCM) error { r.Forget(); return nil }, 0},
		{func(audio.PCM) error { return nil }, 12},
	} {
		if err := r.Synthesize(t.Context(), abc, step.emit); err != nil || r.bytes != step.bytes || len(r.known) != step.bytes/12 || r.used.Len() != len(r.known) {
			t.Errorf("step %d: %v, %d bytes of %d", i, err, r.bytes, len(r.known))
		}
	}
	if voice.asked != 3 {
		t.Errorf("asked %d times", voice.asked)
	}
}

func TestRememberedAtOnce(t *testing.T) {
	r := Remember(&countingVoice{}, 400)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 50 {
				s := spoken.Speech{Text: string(rune('a'+(i+j)%26)) + "bcdefgh"}
				if err := r.Synthesize(t.Context(), s, func(audio.PCM) error { return nil }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if r.bytes > r.room || r.used.Len() != len(r.known) || r.bytes != 32*len(r.known) {
		t.Errorf("%d bytes in %d", r.bytes, len(r.known))
	}
}
