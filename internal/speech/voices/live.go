package voices

import (
	"context"
	"sync"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/sentence"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Live speaks in a voice channel: at [spoken.SayRate], whatever the rate of the voice, and texts in
// parts, so that the first words come early. Make one with [NewLive]; it is safe for concurrent use.
type Live struct {
	voice      speech.Synthesizer
	mu         sync.Mutex
	resamplers map[int]*sync.Pool // by the rate that they change: making one takes milliseconds
}

// NewLive lets a synthesizer speak in voice channels.
func NewLive(s speech.Synthesizer) *Live { return &Live{voice: s, resamplers: map[int]*sync.Pool{}} }

// pool are the resamplers from a rate.
func (l *Live) pool(rate int) *sync.Pool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.resamplers[rate] == nil {
		l.resamplers[rate] = &sync.Pool{}
	}
	return l.resamplers[rate]
}

// Split cuts a text into parts that are synthesized one by one, the first of them short.
func (*Live) Split(text string) []spoken.Part { return sentence.Split(sentence.Clean(text)) }

// Synthesize gives emit the speech as mono samples at [spoken.SayRate], each stretch as soon as it is
// ready. It stops at emit's first error and returns it.
func (l *Live) Synthesize(ctx context.Context, what spoken.Speech, emit func([]float32) error) error {
	var resample *audio.Resampler
	rate := 0
	err := l.voice.Synthesize(ctx, what, func(p audio.PCM) error {
		if p.Rate == spoken.SayRate {
			return emit(p.Samples)
		}
		if resample == nil {
			rate = p.Rate
			if resample, _ = l.pool(rate).Get().(*audio.Resampler); resample == nil {
				var err error
				if resample, err = audio.NewResampler(rate, spoken.SayRate); err != nil {
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
	l.pool(rate).Put(resample)
	return emit(rest)
}
