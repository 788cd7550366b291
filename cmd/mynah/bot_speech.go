package main

import (
	"cmp"
	"context"
	"errors"
	"io"
	"math"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/models"
)

// hearing is recognition as the bot wants it.
type hearing struct {
	engines map[string]*engine.Engine
	usual   string        // the configured one of them
	limit   time.Duration // of a recording
}

func (h hearing) Transcribe(ctx context.Context, r io.Reader, q bot.Recording) (bot.Transcript, error) {
	e := h.engines[cmp.Or(q.Recognizer, h.usual)]
	if e == nil {
		return bot.Transcript{}, &bot.HearingError{Fault: bot.HearingNoRecognizer}
	}
	t, err := e.Transcribe(ctx, r, primary(q.Language), nil)
	if err != nil {
		return bot.Transcript{}, h.explain(err)
	}
	return bot.Transcript{Text: t.Text, Language: t.Language, Seconds: t.Audio.Seconds()}, nil
}

// explain makes the bot's error of what is to be told to people.
func (h hearing) explain(err error) error {
	var noModel *speech.NoModelError
	switch {
	case errors.As(err, &noModel):
		return &bot.HearingError{Fault: bot.HearingNoModel, Language: noModel.Language, Install: noModel.Install, Err: err}
	case errors.Is(err, models.ErrNotInstalled):
		return &bot.HearingError{Fault: bot.HearingNoRecognizer, Install: models.SpeechPack, Err: err}
	case errors.Is(err, audio.ErrTooLong):
		return &bot.HearingError{Fault: bot.HearingTooLong, Minutes: int(math.Round(h.limit.Minutes())), Err: err}
	case errors.Is(err, audio.ErrEmpty), errors.Is(err, audio.ErrNoAudio), errors.Is(err, audio.ErrUndecodable):
		return &bot.HearingError{Fault: bot.HearingNoAudio, Err: err}
	}
	return err
}

// speaking is the voices as the bot wants them.
type speaking struct {
	synthesizer speech.Synthesizer
	usual       string // voice where none is asked for
}

// Synthesize speaks with the usual voice where none is asked for.
func (s speaking) Synthesize(ctx context.Context, q speech.Speech, emit func(audio.PCM) error) error {
	q.Language, q.Voice = primary(q.Language), cmp.Or(q.Voice, s.usual)
	return s.synthesizer.Synthesize(ctx, q, emit)
}

func (s speaking) Speak(ctx context.Context, text string, q bot.Speech) (bot.VoiceMessage, error) {
	sound, err := speak(ctx, s.synthesizer, speech.Speech{Text: text, Language: primary(q.Language), Voice: cmp.Or(q.Voice, s.usual)})
	if err != nil {
		return bot.VoiceMessage{}, err
	}
	if len(sound.Samples) == 0 {
		return bot.VoiceMessage{}, errNothingToSay
	}
	m, err := audio.EncodeVoiceMessage(ctx, sound)
	if err != nil {
		return bot.VoiceMessage{}, err
	}
	return bot.VoiceMessage{Ogg: m.Ogg, Seconds: m.Duration.Seconds(), Waveform: m.Waveform}, nil
}
