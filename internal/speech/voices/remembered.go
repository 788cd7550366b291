package voices

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/spoken"
)

// rememberedFor is how long a sound is remembered: a service that failed for a while, or a better voice that was installed
// since, is heard again after that.
const rememberedFor = time.Hour

// Remembered is a [speech.Synthesizer] that says again what it said before without making it again, so that what is
// said often ("Yes?", the answers to frequent questions) is heard at once. It remembers the sound of what was said last, for an
// hour at most, and of the texts no more than a hash. What is said may be about people: [Remembered.Forget] drops all of it.
// It is safe for concurrent use.
type Remembered struct {
	from speech.Synthesizer
	room int // bytes

	mu    sync.Mutex
	known map[[sha256.Size]byte]*list.Element // of *memory
	used  *list.List                          // the last used first
	bytes int
	times int // that all was forgotten
}

// memory is the sound of one text.
type memory struct {
	key   [sha256.Size]byte
	sound []audio.PCM
	bytes int
	end   *time.Timer // forgets it
}

// Remember makes a synthesizer that remembers at most so many bytes of what another one makes: 88 KB a second at Piper's
// usual rate.
func Remember(from speech.Synthesizer, bytes int) *Remembered {
	return &Remembered{from: from, room: bytes, known: map[[sha256.Size]byte]*list.Element{}, used: list.New()}
}

// Synthesize is that of [speech.Synthesizer].
func (r *Remembered) Synthesize(ctx context.Context, s spoken.Speech, emit func(audio.PCM) error) error {
	key := keyOf(s)
	if sound, ok := r.recall(key); ok {
		for _, p := range sound {
			if err := ctx.Err(); err != nil {
				return err
			}
			p.Samples = append([]float32(nil), p.Samples...) // emit may change it
			if err := emit(p); err != nil {
				return err
			}
		}
		return nil
	}
	m := &memory{key: key}
	r.mu.Lock()
	began := r.times
	r.mu.Unlock()
	err := r.from.Synthesize(ctx, s, func(p audio.PCM) error {
		m.bytes += 4 * len(p.Samples)
		if m.bytes <= r.room {
			m.sound = append(m.sound, audio.PCM{Rate: p.Rate, Samples: append([]float32(nil), p.Samples...)})
		}
		return emit(p)
	})
	if err == nil && m.bytes <= r.room {
		r.keep(m, began)
	}
	return err
}

// keyOf tells what is said in different ways apart.
func keyOf(s spoken.Speech) [sha256.Size]byte {
	h := sha256.New()
	var n [8]byte
	for _, part := range []string{s.Voice, s.Language, s.Text} {
		binary.LittleEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write([]byte(part))
	}
	binary.LittleEndian.PutUint64(n[:], math.Float64bits(s.Pace()))
	h.Write(n[:])
	return [sha256.Size]byte(h.Sum(nil))
}

func (r *Remembered) recall(key [sha256.Size]byte) ([]audio.PCM, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.known[key]
	if !ok {
		return nil, false
	}
	r.used.MoveToFront(e)
	return e.Value.(*memory).sound, true
}

// keep remembers what was begun when all had been forgotten so many times.
func (r *Remembered) keep(m *memory, began int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known[m.key] != nil || r.times != began {
		return // somebody else was quicker, or it was to be forgotten meanwhile
	}
	e := r.used.PushFront(m)
	r.known[m.key] = e
	r.bytes += m.bytes
	m.end = time.AfterFunc(rememberedFor, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.known[m.key] == e {
			r.forget(e)
		}
	})
	for r.bytes > r.room {
		r.forget(r.used.Back())
	}
}

// Forget drops all that is remembered, and what is being made now is not remembered either.
func (r *Remembered) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.times++
	for r.used.Len() > 0 {
		r.forget(r.used.Back())
	}
}

func (r *Remembered) forget(e *list.Element) {
	m := r.used.Remove(e).(*memory)
	m.end.Stop()
	delete(r.known, m.key)
	r.bytes -= m.bytes
}
