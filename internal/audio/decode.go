package audio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"github.com/mynahbot/mynah/internal/audio/wav"
)

const (
	// block is how many samples are handed on at once.
	block = 8192
	// wavHeader is more than the header of a WAVE file that ffmpeg writes, in bytes.
	wavHeader = 4096
	// maxSaid limits what is kept of a program's own words, in bytes.
	maxSaid = 64 << 10
)

// Decode reads a file and gives its first sound track to emit. See [OpenRecording] and [Recording.Decode].
func Decode(ctx context.Context, r io.Reader, limits Limits, emit func(samples []float32) error) error {
	rec, err := OpenRecording(ctx, r, limits)
	if err != nil {
		return err
	}
	defer rec.Close()
	return rec.Decode(ctx, 0, emit)
}

// ffmpeg decodes a track with the ffmpeg program, as a whole and into a file, so that the program is gone while the recognizer
// works: other people's recordings wait for it. ended says that the program itself found nothing wrong.
func (r *Recording) ffmpeg(ctx context.Context, track int, emit func([]float32) error) (samples int64, ended bool, err error) {
	sound, err := unnamed()
	if err != nil {
		return 0, false, err
	}
	defer sound.Close()
	if ended, err = r.decodeInto(ctx, track, sound); err != nil {
		return 0, false, err
	}
	if _, err := sound.Seek(0, io.SeekStart); err != nil {
		return 0, false, fmt.Errorf("decode: %w", err)
	}
	w, err := wav.NewReader(sound)
	if err != nil {
		return 0, ended, nil
	}
	err = (&wavFile{w, nil}).decode(ctx, r.limits, func(s []float32) error {
		samples += int64(len(s))
		return emit(s)
	})
	if errors.Is(err, ErrEmpty) {
		err = nil
	}
	return samples, ended, err
}

// decodeInto writes a track into a file, as a WAVE file with mono or stereo samples at [DecodeRate].
func (r *Recording) decodeInto(ctx context.Context, track int, to *os.File) (ended bool, err error) {
	leave, err := r.limits.Decoders.take(ctx)
	if err != nil {
		return false, err
	}
	defer leave()
	// The limit is passed by a little, so that what is too long shows.
	most := wavHeader + 2*4*(r.limits.samples()+DecodeRate)
	// More than two channels are mixed into two by ffmpeg, which knows what stands where; see downmix for those. It says what it
	// reads at the level info.
	cmd := r.command(ctx, most, "ffmpeg", "-loglevel", "info", "-nostats", "-nostdin", "-threads", "1", "-map", "0:a:"+strconv.Itoa(track),
		"-af", "aformat=channel_layouts=mono|stereo:sample_rates="+strconv.Itoa(DecodeRate),
		"-map_metadata", "-1", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1")
	said := &head{most: maxSaid}
	cmd.Stdout, cmd.Stderr = to, said
	runErr := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return false, context.Cause(ctx)
	case cmd.ProcessState == nil:
		return false, startError("ffmpeg", runErr)
	}
	if rate := trackRate(said.Bytes(), track); rate != 0 && !usualRate(rate) {
		return false, fmt.Errorf("%w: %d Hz", ErrRate, rate)
	}
	return runErr == nil, nil
}

// usualRate reports whether a recording may have a sample rate, in Hz. Others make a small file cost gigabytes.
func usualRate(rate int) bool { return rate >= lowestRate && rate <= highestRate }

// unnamed makes a file without a name, which is gone once it is closed.
func unnamed() (*os.File, error) {
	f, err := os.CreateTemp("", "mynah-recording-")
	if err != nil {
		return nil, fmt.Errorf("keep the sound: %w", err)
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(fmt.Errorf("keep the sound: %w", err), f.Close())
	}
	return f, nil
}

// head keeps the beginning of what is written to it.
type head struct {
	bytes.Buffer
	most int
}

func (h *head) Write(p []byte) (int, error) {
	h.Buffer.Write(p[:min(len(p), h.most-h.Len())])
	return len(p), nil
}
