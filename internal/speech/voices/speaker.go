package voices

import (
	"cmp"
	"context"
	"errors"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/spoken"
)

// ErrNothingToSay says that a text holds nothing that can be spoken.
var ErrNothingToSay = errors.New("there is nothing to say in this text")

// Speaker speaks with a usual voice where none is asked for.
type Speaker struct {
	speech.Synthesizer
	Usual string
}

// Synthesize implements [speech.Synthesizer].
func (s Speaker) Synthesize(ctx context.Context, q spoken.Speech, emit func(audio.PCM) error) error {
	q.Language, q.Voice = spoken.Primary(q.Language), cmp.Or(q.Voice, s.Usual)
	return s.Synthesizer.Synthesize(ctx, q, emit)
}

// Speak makes a voice message of a text. The error is [ErrNothingToSay] where nothing in it is spoken.
func (s Speaker) Speak(ctx context.Context, q spoken.Speech) (spoken.VoiceMessage, error) {
	sound, err := Whole(ctx, s, q)
	if err != nil {
		return spoken.VoiceMessage{}, err
	}
	if len(sound.Samples) == 0 {
		return spoken.VoiceMessage{}, ErrNothingToSay
	}
	return audio.EncodeVoiceMessage(ctx, sound)
}

// Whole returns the whole of a speech, empty for a text without anything to say.
func Whole(ctx context.Context, v speech.Synthesizer, q spoken.Speech) (audio.PCM, error) {
	var all audio.PCM
	err := v.Synthesize(ctx, q, func(piece audio.PCM) error {
		all.Rate = piece.Rate
		all.Samples = append(all.Samples, piece.Samples...)
		return nil
	})
	return all, err
}
