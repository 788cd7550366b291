package conversation

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/spoken"
)

// utterance is something to say: parts of text with their sound, filled by a synthesizer while it is being played. Its
// Sound methods may be used several times, so that what was interrupted can go on.
type utterance struct {
	mu      sync.Mutex
	texts   []string // that are still to be taken up
	ended   bool     // no further text comes
	parts   []spokenPart
	samples []float32 // at SpokenRate
	done    bool
	err     error
	more    chan struct{} // closed and replaced when something was added
	first   time.Time     // when the first samples were taken to be played
	added   time.Time     // when the first samples were there
	taken   int           // samples that were taken to be played
	onFirst func(time.Time)
}

// spokenPart is a stretch of an utterance's text, and where its sound lies.
type spokenPart struct {
	text       string
	start, end int // samples; start is -1 before it is synthesized, and end 0 until it has been
}

// synthesizedAhead is how much sound is synthesized before it is played. More would be in the way of others' first words,
// and is thrown away when an answer is interrupted or withdrawn.
const synthesizedAhead = 1500 * time.Millisecond

// maxSpoken bounds the sound of one utterance.
const maxSpoken = 3 * 60 * spoken.SayRate

var errTooLong = errors.New("conversation: too long to be spoken")

func newUtterance() *utterance { return &utterance{more: make(chan struct{})} }

// write adds a text to what is to be said; end tells that it was the last.
func (u *utterance) write(text string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.texts = append(u.texts, text)
	u.tell()
}

func (u *utterance) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ended = true
	u.tell()
}

// synthesize fills the utterance, part by part, and returns when all of it is there. how tells everything but the text, and
// due when its first sound is wanted.
func (u *utterance) synthesize(ctx context.Context, s Synthesizer, how spoken.Speech, pronounce func(string) string, due time.Time) error {
	err := u.synthesizeAll(ctx, s, how, pronounce, due)
	u.mu.Lock()
	u.done, u.err = true, err
	u.tell()
	u.mu.Unlock()
	return err
}

func (u *utterance) synthesizeAll(ctx context.Context, s Synthesizer, how spoken.Speech, pronounce func(string) string, due time.Time) error {
	pause := time.Duration(0) // behind the last part
	for {
		parts, first, err := u.takeUp(ctx, s)
		if err != nil || len(parts) == 0 {
			return err
		}
		for i, part := range parts {
			if err := u.waitForPlayback(ctx); err != nil {
				return err
			}
			if err := u.add(make([]float32, int(pause.Seconds()*spoken.SayRate))); err != nil {
				return err
			}
			u.begin(first + i)
			how.Text = pronounce(part.Text)
			if err := s.Synthesize(spoken.WithDue(ctx, u.runsOut(due)), how, u.add); err != nil {
				return err
			}
			u.finish(first + i)
			pause = part.Pause
		}
	}
}

// takeUp waits for the next text and returns its parts, and the number of the first of them; none where no text comes any more.
func (u *utterance) takeUp(ctx context.Context, s Synthesizer) (parts []spoken.Part, first int, err error) {
	for {
		u.mu.Lock()
		for len(u.texts) > 0 && len(parts) == 0 {
			parts, first = s.Split(u.texts[0]), len(u.parts)
			u.texts = u.texts[1:]
			for _, part := range parts {
				u.parts = append(u.parts, spokenPart{text: part.Text, start: -1})
			}
		}
		ended, more := u.ended, u.more
		u.mu.Unlock()
		if ended || len(parts) > 0 {
			return parts, first, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// waitForPlayback returns when more sound is needed.
func (u *utterance) waitForPlayback(ctx context.Context) error {
	for {
		u.mu.Lock()
		enough, more := len(u.samples)-u.taken > int(synthesizedAhead.Seconds()*spoken.SayRate), u.more
		u.mu.Unlock()
		if !enough {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// runsOut is when more sound is wanted: when what is there has been played, which begins at due at the earliest.
func (u *utterance) runsOut(due time.Time) time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	if now := time.Now(); now.After(due) && len(u.samples) > 0 {
		due = now
	}
	return due.Add(time.Duration(len(u.samples)-u.taken) * time.Second / spoken.SayRate)
}

func (u *utterance) begin(part int) {
	u.mu.Lock()
	u.parts[part].start = len(u.samples)
	u.mu.Unlock()
}

func (u *utterance) finish(part int) {
	u.mu.Lock()
	u.parts[part].end = len(u.samples)
	u.mu.Unlock()
}

func (u *utterance) add(samples []float32) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.samples)+len(samples) > maxSpoken {
		return errTooLong
	}
	if u.added.IsZero() && len(samples) > 0 {
		u.added = time.Now()
	}
	u.samples = append(u.samples, samples...)
	u.tell()
	return nil
}

// tell wakes those who wait for more. mu is held.
func (u *utterance) tell() {
	close(u.more)
	u.more = make(chan struct{})
}

// firstAdded is when the first samples were there.
func (u *utterance) firstAdded() time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.added
}

// reading is a Sound of an utterance from a place on.
type reading struct {
	u  *utterance
	at int
}

// Read is that of [Sound].
func (r *reading) Read(ctx context.Context, dst []float32) (int, error) {
	for {
		r.u.mu.Lock()
		n := copy(dst, r.u.samples[min(r.at, len(r.u.samples)):])
		r.at += n
		if n > 0 && r.at > r.u.taken {
			r.u.taken = r.at
			if !r.u.done {
				r.u.tell()
			}
		}
		done, more := r.u.done, r.u.more
		var first func(time.Time)
		var at time.Time
		if n > 0 && r.u.first.IsZero() {
			r.u.first = time.Now()
			first, at = r.u.onFirst, r.u.first
		}
		r.u.mu.Unlock()
		if first != nil {
			first(at)
		}
		switch {
		case n > 0:
			return n, nil
		case done:
			return 0, io.EOF // what was synthesized before an error is said
		}
		select {
		case <-more:
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
}

// from is the sound from a place on, given as a duration.
func (u *utterance) from(at time.Duration) *reading {
	return &reading{u: u, at: int(at.Seconds() * spoken.SayRate)}
}

// resumeAt is where to go on after an interruption at a place: behind the last pause before it, or a little before it.
func (u *utterance) resumeAt(at time.Duration) time.Duration {
	const (
		back  = 700 * time.Millisecond
		quiet = 0.02
		pause = spoken.SayRate / 25 // 40 ms
	)
	u.mu.Lock()
	defer u.mu.Unlock()
	end := min(int(at.Seconds()*spoken.SayRate), len(u.samples))
	run := 0
	for i := end - 1; i >= 0 && i > end-int(back.Seconds()*spoken.SayRate); i-- {
		if x := u.samples[i]; x < quiet && x > -quiet {
			if run++; run >= pause {
				return time.Duration(i+run/2) * time.Second / spoken.SayRate
			}
			continue
		}
		run = 0
	}
	return max(0, at-back/2)
}

// split tells which words were said up to a place and which were not. Within a part the words are taken to be as long as
// their letters.
func (u *utterance) split(at time.Duration) (said, unsaid string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	const packet = spoken.SayRate / 50
	end := int(at.Seconds()*spoken.SayRate) + packet // the last packet may be half full
	var before, after []string
	for _, p := range u.parts {
		stop := p.end
		if stop == 0 {
			stop = len(u.samples)
		}
		switch {
		case p.end != 0 && end >= stop:
			before = append(before, p.text)
		case p.start < 0, end <= p.start, stop == p.start:
			after = append(after, p.text)
		default:
			share := float64(end-p.start) / float64(stop-p.start)
			ws := strings.Fields(p.text)
			n, letters := 0, 0
			for n < len(ws) && float64(letters+len(ws[n])) <= share*float64(len(p.text)) {
				letters += len(ws[n]) + 1
				n++
			}
			if n > 0 {
				before = append(before, strings.Join(ws[:n], " "))
			}
			if n < len(ws) {
				after = append(after, strings.Join(ws[n:], " "))
			}
		}
	}
	return strings.Join(before, " "), strings.Join(append(after, u.texts...), " ")
}
