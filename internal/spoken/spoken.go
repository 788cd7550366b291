// Package spoken is the vocabulary of speech: what is heard and what is said, as values and small
// interfaces. Those who recognize and speak (package speech and those below it), those who hold a
// conversation, and the bot use the same words.
//
// Audio is mono float32, -1..1: at [Rate] what is heard, at [SayRate] what is said. Languages are BCP 47
// primary tags ("en", "ru").
package spoken

import (
	"context"
	"fmt"
	"time"
)

// Rate is the sample rate of what is heard, in Hz.
const Rate = 16000

// MaxUtterance is the longest utterance that a [Recognizer] takes. Models loop and lose words on longer audio.
const MaxUtterance = 15 * time.Second

// MinSamples is the shortest utterance, in samples, that models are given: shorter ones hold no word, and leave some models with no
// frame at all.
const MinSamples = Rate / 10

// Utterance is one stretch of speech of at most [MaxUtterance].
type Utterance struct {
	Samples  []float32 // mono, 16 kHz, -1..1; only read, and not kept after Recognize returns
	Language string    // BCP 47 primary tag; "" leaves the choice to the recognizer
}

// Transcript is what was recognized.
type Transcript struct {
	Text       string        // "" where nobody spoke, or nothing could be made out
	Guess      string        // what may have been said, where some of it is not certain enough to be in Text; "" otherwise
	Language   string        // the language it was recognized in
	Confidence float64       // 0..1; 1 where the recognizer gives none
	Audio      time.Duration // length of the audio
	Speech     time.Duration // how much of it the voice activity detector took for speech
	Took       time.Duration // time spent in recognition; Took / Audio is the real-time factor
	Scorer     Scorer        // nil where the recognizer can't tell more than the text
}

// Certain is the confidence from which a text is believed. Of English clips all were at 0.61 and above; what a model for
// English makes of other languages was at 0.46 and below.
const Certain = 0.55

// Scorer compares texts as what was said in an utterance that was recognized.
type Scorer interface {
	// Score returns for each text the natural logarithm of the probability that the model gives it as a whole. A text's own is
	// comparable with that of other texts for the same utterance only. It may be called after the utterance's samples
	// are gone, and returns soon after ctx ends.
	Score(ctx context.Context, texts ...string) ([]float64, error)
}

// Recognizer makes text from utterances. It is safe for concurrent use, and returns as soon as ctx ends. It returns
// a *[NoModelError] for a language outside Languages. An utterance without samples has no text, and so only asks
// whether the language is covered.
type Recognizer interface {
	Recognize(ctx context.Context, u Utterance) (Transcript, error)
	Languages() []string // BCP 47 primary tags, the recognizer's own first
}

// VAD is a voice activity detector for one stream of audio. It is not safe for concurrent use.
type VAD interface {
	// Probability of speech, 0..1, in the next frame: [FrameSize] samples at 16 kHz. Frames follow on each other.
	Probability(frame []float32) (float32, error)
	// Reset forgets the stream so far.
	Reset()
}

// FrameSize is the number of samples in a [VAD]'s frame: 32 ms.
const FrameSize = 512

// NoModelError says that no installed recognizer covers a language, and what to install for it.
type NoModelError struct {
	Language string // BCP 47 primary tag
	Install  string // name of a model in the catalogue that covers it; "" where none is known
}

func (e *NoModelError) Error() string {
	if e.Install == "" {
		return fmt.Sprintf("no installed speech model understands the language %q", e.Language)
	}
	return fmt.Sprintf("no installed speech model understands the language %q: install %s", e.Language, e.Install)
}

// Duration of n samples at [Rate].
func Duration(n int) time.Duration { return time.Duration(n) * time.Second / Rate }

type dueKey struct{}

// WithDue says when the result of what ctx is passed to will be wanted. A time in the past means now.
func WithDue(ctx context.Context, due time.Time) context.Context {
	return context.WithValue(ctx, dueKey{}, due)
}

// Due returns when the result of a call to a recognizer or a synthesizer will be wanted; ok is false
// where ctx doesn't say. Those that can't do everything at once should do first what is due first:
// what ends a turn before what is only a guess that it has ended, and the first words of an answer
// before its later sentences.
func Due(ctx context.Context) (due time.Time, ok bool) {
	due, ok = ctx.Value(dueKey{}).(time.Time)
	return due, ok
}
