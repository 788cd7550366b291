package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mynahbot/mynah/internal/audio/wav"
)

// errRead is wrapped by errors of reading a WAVE file.
var errRead = errors.New("read the audio file")

// wavFile is a plain WAVE file, which needs no ffmpeg: to start that takes as long as recognizing a second of speech.
type wavFile struct {
	*wav.Reader
	resampler *Resampler // nil for a file at [DecodeRate]
}

// openWAV returns nil for every other file.
func openWAV(r io.Reader) *wavFile {
	w, err := wav.NewReader(r)
	if err != nil {
		return nil
	}
	resampler, err := NewResampler(w.Rate(), DecodeRate)
	if err != nil {
		return nil
	}
	return &wavFile{w, resampler}
}

// decode gives the file's samples to emit, as [Recording.Decode] does.
func (f *wavFile) decode(ctx context.Context, limits Limits, emit func([]float32) error) error {
	var total int64
	give := func(samples []float32) error {
		total += int64(len(samples))
		switch {
		case total > limits.samples():
			return limits.tooLong()
		case len(samples) == 0:
			return nil
		}
		return emit(samples)
	}
	frames, mono, out := make([]float32, block*f.Channels()), make([]float32, block), []float32(nil)
	mix := downmix{channels: f.Channels()}
	for ctx.Err() == nil {
		n, err := f.ReadFrames(frames)
		mix.mono(mono, frames[:n*f.Channels()])
		out = mono[:n]
		if f.resampler != nil {
			out = f.resampler.Resample(out[:0:0], mono[:n])
		}
		if err := give(out); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			if f.resampler != nil {
				if err := give(f.resampler.Flush(nil)); err != nil {
					return err
				}
			}
			if total == 0 {
				return ErrEmpty
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errRead, err)
		}
	}
	return context.Cause(ctx)
}

// StreamWAV reads a WAVE stream as it comes and hands it to emit in blocks of the given length, at the stream's own rate;
// the last one may be shorter. Each block is emit's to keep. The error is emit's, wav's, or the stream's.
func StreamWAV(r io.Reader, block time.Duration, emit func(PCM) error) error {
	w, err := wav.NewReader(r)
	if err != nil {
		return err
	}
	for {
		samples := make([]float32, int(block.Seconds()*float64(w.Rate())))
		n, err := w.Read(samples)
		if n > 0 {
			if err := emit(PCM{Rate: w.Rate(), Samples: samples[:n]}); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
