package audio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/audio/wav"
)

const (
	// stallLimit ends a decoder that gives nothing for so long: a crafted file may make it spin.
	stallLimit = 30 * time.Second
	// block is how many samples are handed on at once.
	block = 8192
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

var errStalled = errors.New("the decoder stands still")

// watchdog calls a function when the decoder stood still for stallLimit. While it is paused, since nobody takes the
// decoder's output, that may stand still.
type watchdog struct {
	mu     sync.Mutex
	timer  *time.Timer
	paused bool
}

func newWatchdog(bark func()) *watchdog { return &watchdog{timer: time.AfterFunc(stallLimit, bark)} }

func (w *watchdog) pause() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = true
	w.timer.Stop()
}

func (w *watchdog) resume() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.paused = false
	w.timer.Reset(stallLimit)
}

// ffmpeg decodes a track with the ffmpeg program. ended says that the program itself found nothing wrong.
func (r *Recording) ffmpeg(ctx context.Context, track int, emit func([]float32) error) (samples int64, ended bool, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := newWatchdog(func() { cancel(errStalled) })
	defer stall.pause()

	// More than two channels are mixed into two by ffmpeg, which knows what stands where; see downmix for those.
	cmd := r.command(ctx, "ffmpeg", "-nostdin", "-threads", "1", "-map", "0:a:"+strconv.Itoa(track),
		"-af", "aformat=channel_layouts=mono|stereo:sample_rates="+strconv.Itoa(DecodeRate),
		"-map_metadata", "-1", "-c:a", "pcm_f32le", "-f", "wav", "pipe:1")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, false, fmt.Errorf("decode: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return 0, false, startError("ffmpeg", err)
	}
	samples, err = drain(ctx, stdout, r.limits, stall, emit)
	if err != nil {
		cancel(err)
	}
	waitErr := cmd.Wait()
	cause := context.Cause(ctx)
	switch {
	case err != nil:
		return samples, false, err
	case errors.Is(cause, errStalled):
		return samples, false, fmt.Errorf("%w: %w", ErrUndecodable, errStalled)
	case cause != nil:
		return samples, false, cause
	}
	return samples, waitErr == nil, nil
}

// drain gives the decoder's output to emit, and counts it. That the output ends is no error: why it ended is for the process to say.
func drain(ctx context.Context, out io.Reader, limits Limits, stall *watchdog, emit func([]float32) error) (samples int64, err error) {
	w, err := wav.NewReader(out)
	if err != nil {
		return 0, nil
	}
	err = (&wavFile{w, nil}).decode(ctx, limits, func(s []float32) error {
		stall.pause()
		defer stall.resume()
		samples += int64(len(s))
		return emit(s)
	})
	if errors.Is(err, ErrEmpty) || errors.Is(err, errRead) {
		err = nil
	}
	return samples, err
}
