package main

import (
	"cmp"
	"context"
	"sync"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/bot/conversation"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/sentence"
)

// What a conversation needs of speech, made of the engine and the voices.

// understander recognizes stretches of speech; the speech engine is one.
type understander interface {
	Utterance(ctx context.Context, samples []float32, language string) (speech.Transcript, error)
	Languages() []string
}

// talkRecognizer lets a conversation understand speech.
type talkRecognizer struct {
	understander
	any bool // without a list of languages it takes any
}

func (r talkRecognizer) Recognize(ctx context.Context, samples []float32, language string) (conversation.Transcript, error) {
	t, err := r.Utterance(hurried(ctx), samples, language)
	if err != nil {
		return conversation.Transcript{}, err
	}
	return conversation.Transcript{Text: t.Text, Language: t.Language, Confidence: t.Confidence, Scorer: t.Scorer}, nil
}

// Languages are those of the recognizer; one that takes whatever it is given is asked for those that Mynah speaks.
func (r talkRecognizer) Languages() []string {
	if all := r.understander.Languages(); len(all) > 0 || !r.any {
		return all
	}
	return conversation.Languages()
}

// talkRecognizers lets each server's conversation understand speech with the engine that it chose; "" is the usual one.
func talkRecognizers(engines map[string]*engine.Engine, usual string) func(name string) conversation.Recognizer {
	return func(name string) conversation.Recognizer {
		name = cmp.Or(name, usual)
		e := engines[name]
		if e == nil {
			return nil
		}
		return talkRecognizer{e, name != "local"}
	}
}

// hurried tells the models when a conversation wants a result.
func hurried(ctx context.Context) context.Context {
	if due, ok := conversation.Due(ctx); ok {
		return speech.WithDue(ctx, due)
	}
	return ctx
}

// talkVAD lets a conversation find speech with the engine's voice activity detector.
func talkVAD(engine interface{ NewVAD() (speech.VAD, error) }) func() (conversation.VAD, error) {
	return func() (conversation.VAD, error) { return engine.NewVAD() }
}

// newTalkSynthesizer lets a conversation speak.
func newTalkSynthesizer(s speech.Synthesizer) conversation.Synthesizer {
	return &talkSynthesizer{Synthesizer: s, resamplers: map[int]*sync.Pool{}}
}

type talkSynthesizer struct {
	speech.Synthesizer
	mu         sync.Mutex
	resamplers map[int]*sync.Pool // by the rate that they change: making one takes milliseconds
}

// pool are the resamplers from a rate.
func (s *talkSynthesizer) pool(rate int) *sync.Pool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resamplers[rate] == nil {
		s.resamplers[rate] = &sync.Pool{}
	}
	return s.resamplers[rate]
}

// Split cuts a text where the voices of this machine do.
func (*talkSynthesizer) Split(text string) []conversation.Part {
	var parts []conversation.Part
	for _, p := range sentence.Split(sentence.Clean(text)) {
		parts = append(parts, conversation.Part{Text: p.Text, Pause: p.Pause})
	}
	return parts
}

// Synthesize makes speech at the rate of a voice channel.
func (s *talkSynthesizer) Synthesize(ctx context.Context, what conversation.Speech, emit func([]float32) error) error {
	var resample *audio.Resampler
	rate := 0
	err := s.Synthesizer.Synthesize(hurried(ctx), speech.Speech(what), func(p audio.PCM) error {
		if p.Rate == conversation.SpokenRate {
			return emit(p.Samples)
		}
		if resample == nil {
			rate = p.Rate
			if resample, _ = s.pool(rate).Get().(*audio.Resampler); resample == nil {
				var err error
				if resample, err = audio.NewResampler(rate, conversation.SpokenRate); err != nil {
					return err
				}
			}
		}
		return emit(resample.Resample(nil, p.Samples))
	})
	if err != nil || resample == nil {
		return err
	}
	rest := resample.Flush(nil)
	s.pool(rate).Put(resample)
	return emit(rest)
}
