package audio

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/mynahbot/mynah/internal/audio/wav"
)

// wavHeader is how much of a file is looked at for the header of a WAVE file.
const wavHeader = 16 << 10

// openWAV is a reader for the plain WAVE files that need no ffmpeg, whose start takes as long as recognizing a second
// of speech. It returns nil, and has read nothing, for every other file.
func openWAV(in *bufio.Reader) *wavFile {
	start, _ := in.Peek(wavHeader) // fewer bytes and an error for a shorter file
	header, err := wav.NewReader(bytes.NewReader(start))
	if err != nil {
		return nil
	}
	resampler, err := NewResampler(header.Rate(), DecodeRate)
	if err != nil {
		return nil
	}
	return &wavFile{in: in, resampler: resampler}
}

type wavFile struct {
	in        io.Reader
	resampler *Resampler
}

func decodeWAV(ctx context.Context, f *wavFile, limits Limits, emit func([]float32) error) error {
	limited := &io.LimitedReader{R: f.in, N: limits.MaxBytes + 1}
	r, err := wav.NewReader(limited)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUndecodable, err)
	}
	var total int64
	give := func(samples []float32) error {
		total += int64(len(samples))
		switch {
		case limited.N == 0:
			return limits.tooLarge()
		case total > limits.samples():
			return limits.tooLong()
		case len(samples) == 0:
			return nil
		}
		return emit(samples)
	}
	in, out := make([]float32, block), []float32(nil)
	for ctx.Err() == nil {
		n, err := r.Read(in)
		out = f.resampler.Resample(out[:0], in[:n])
		if err := give(out); err != nil {
			return err
		}
		if errors.Is(err, io.EOF) {
			if err := give(f.resampler.Flush(out[:0])); err != nil {
				return err
			}
			if total == 0 {
				return ErrEmpty
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the audio file: %w", err)
		}
	}
	return ctx.Err()
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
