package audio

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"strconv"
	"sync"
	"time"
)

// DecodeRate is the sample rate of what [Decode] gives, in Hz.
const DecodeRate = 16000

// What is wrong with a file that [Decode] does not take. Each is a sentence for the person who sent it.
var (
	ErrEmpty       = errors.New("the audio file is empty")
	ErrNoAudio     = errors.New("the file has no sound in it")
	ErrUndecodable = errors.New("the file is damaged, or no audio at all")
	ErrTooLong     = errors.New("the audio is too long")
	ErrTooLarge    = errors.New("the file is too large")
)

// Limits bound what a file may cost. The zero value stands for the defaults.
type Limits struct {
	MaxBytes    int64         // of the file; default [DefaultMaxBytes], below 0 there is no limit
	MaxDuration time.Duration // of the audio in it; default [DefaultMaxDuration]
}

const (
	DefaultMaxBytes    = 25_000_000    // in bytes
	DefaultMaxDuration = 4 * time.Hour // a small file can hold days of silence
)

// samples is MaxDuration at [DecodeRate].
func (l Limits) samples() int64 { return int64(l.MaxDuration.Seconds() * DecodeRate) }

func (l Limits) tooLong() error { return fmt.Errorf("%w: the limit is %v", ErrTooLong, l.MaxDuration) }

func (l Limits) tooLarge() error {
	return fmt.Errorf("%w: the limit is %d MB", ErrTooLarge, l.MaxBytes/1_000_000)
}

const (
	// stallLimit ends a decoder that neither reads nor writes: a crafted file may make it spin.
	stallLimit = 30 * time.Second
	// maxAlloc limits each of the decoder's allocations, in bytes: a header can claim any size.
	maxAlloc = 256 << 20
	// maxHead limits how much of a file is kept to say what is wrong with it.
	maxHead = 64 << 20
	// maxProbe limits the description of a file that ffprobe prints.
	maxProbe = 1 << 20
	// block is how many samples are handed on at once.
	block = 8192
)

// containers are the formats that ffmpeg may take the file for. Playlists and scripts, which name further files, are
// not among them, nor are formats that any text passes for.
const containers = "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8," +
	"mpeg,mpegts,nut,ogg,oma,rm,tak,tta,voc,w64,wav,wv,xwma"

// Decode reads the file from r and gives its first sound track to emit, as mono samples at [DecodeRate]. The
// samples are valid during the call only. Memory is bounded by limits.MaxBytes and 64 MB, and in practice by far less: the
// file's start is kept until the first sample comes.
//
// It stops at the first error of emit and returns that, and returns one of this package's errors, wrapped, for a
// file that can't be used; damage after the first samples ends the audio without an error. r must fail or end when
// ctx does, since a read can't be interrupted.
func Decode(ctx context.Context, r io.Reader, limits Limits, emit func(samples []float32) error) error {
	switch {
	case limits.MaxBytes == 0:
		limits.MaxBytes = DefaultMaxBytes
	case limits.MaxBytes < 0:
		limits.MaxBytes = math.MaxInt64 - 1
	}
	if limits.MaxDuration == 0 {
		limits.MaxDuration = DefaultMaxDuration
	}
	in := bufio.NewReaderSize(r, wavHeader)
	start, err := in.Peek(12)
	if len(start) == 0 {
		if err != nil && err != io.EOF {
			return fmt.Errorf("read the audio file: %w", err)
		}
		return ErrEmpty
	}
	if w := openWAV(in); w != nil {
		return decodeWAV(ctx, w, limits, emit)
	}
	d := &decoding{limits: limits, input: inputArgs(start), emit: emit}
	samples, err := d.run(ctx, in)
	if err != nil {
		return err
	}
	if samples == 0 {
		return d.diagnose(ctx)
	}
	return nil
}

// inputArgs are ffmpeg's arguments for standard input. MP4 files may have their index at the end: those are read
// through ffmpeg's cache, a file that it unlinks as soon as it is open, so that it can seek.
func inputArgs(start []byte) []string {
	protocols, input := "pipe", "pipe:0"
	if len(start) >= 8 {
		switch string(start[4:8]) {
		case "ftyp", "moov", "mdat", "free", "skip", "wide", "pnot":
			protocols, input = "pipe,cache", "cache:pipe:0"
		}
	}
	return []string{
		"-loglevel", "error", "-max_alloc", strconv.Itoa(maxAlloc),
		"-protocol_whitelist", protocols, "-format_whitelist", containers, "-i", input,
	}
}

// decoding is one run of ffmpeg.
type decoding struct {
	limits Limits
	input  []string
	emit   func([]float32) error

	mu      sync.Mutex // guards the next two while ffmpeg runs
	head    []byte     // the file up to where the first sample came out, at most maxHead of it
	started bool       // a sample came out
	ended   bool       // ffmpeg ended without an error
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

// moved says that the decoder did something.
func (w *watchdog) moved() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.paused {
		w.timer.Reset(stallLimit)
	}
}

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

func (d *decoding) run(ctx context.Context, in io.Reader) (samples int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stall := newWatchdog(func() { cancel(errStalled) })
	defer stall.pause()

	args := append([]string{"-nostdin", "-hide_banner", "-threads", "1"}, d.input...)
	args = append(args, "-map", "0:a:0", "-ac", "1", "-ar", strconv.Itoa(DecodeRate), "-c:a", "pcm_f32le", "-f", "f32le", "pipe:1")
	cmd := command(ctx, "ffmpeg", args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, fmt.Errorf("decode: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, fmt.Errorf("decode: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return 0, startError("ffmpeg", err)
	}
	fed := make(chan error, 1)
	go func() {
		err := d.feed(ctx, stdin, in, stall)
		if err != nil {
			cancel(err)
		}
		stdin.Close()
		fed <- err
	}()
	samples, err = d.drain(stdout, stall)
	if err != nil {
		cancel(err)
	}
	waitErr := cmd.Wait()
	cause := context.Cause(ctx)
	cancel(nil) // the decoder may have ended before its input; the feeder then ends at its next step
	readErr := <-fed
	switch {
	case err != nil:
		return samples, err
	case readErr != nil:
		return samples, readErr
	case errors.Is(cause, errStalled):
		return samples, fmt.Errorf("%w: %w", ErrUndecodable, errStalled)
	case cause != nil:
		return samples, cause
	}
	d.ended = waitErr == nil
	return samples, nil
}

// feed copies the file to the decoder. It returns only errors of reading, and nil once the decoder wants no more.
func (d *decoding) feed(ctx context.Context, w io.Writer, in io.Reader, stall *watchdog) error {
	buf := make([]byte, 32<<10)
	var total int64
	for ctx.Err() == nil {
		n, err := in.Read(buf)
		total += int64(n)
		d.mu.Lock()
		if total > d.limits.MaxBytes {
			d.mu.Unlock()
			return d.limits.tooLarge()
		}
		if !d.started {
			d.head = append(d.head, buf[:min(n, maxHead-len(d.head))]...)
		}
		d.mu.Unlock()
		stall.moved()
		if _, err := w.Write(buf[:n]); err != nil {
			return nil
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read the audio file: %w", err)
		}
	}
	return nil
}

// drain gives the decoder's output to emit, and counts it.
func (d *decoding) drain(r io.Reader, stall *watchdog) (samples int64, err error) {
	most := d.limits.samples()
	raw := make([]byte, 4*block)
	out := make([]float32, block)
	for {
		n, err := io.ReadFull(r, raw)
		n /= 4
		if n > 0 {
			if samples == 0 {
				d.mu.Lock()
				d.started, d.head = true, nil
				d.mu.Unlock()
			}
			samples += int64(n)
			if samples > most {
				return samples, d.limits.tooLong()
			}
			for i := range out[:n] {
				out[i] = clip(math.Float32frombits(binary.LittleEndian.Uint32(raw[4*i:])))
			}
			stall.pause()
			if err := d.emit(out[:n]); err != nil {
				return samples, err
			}
			stall.resume()
		}
		if err != nil {
			return samples, nil // the process has ended or was killed: Wait says which
		}
	}
}

// clip brings a sample into -1..1. Files of floating-point samples may hold anything.
func clip(x float32) float32 {
	switch {
	case x != x:
		return 0
	case x > 1:
		return 1
	case x < -1:
		return -1
	}
	return x
}

// diagnose says why a file gave no sample: d.head holds what was read of it.
func (d *decoding) diagnose(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stallLimit)
	defer cancel()
	args := append([]string{"-hide_banner"}, d.input...)
	cmd := command(ctx, "ffprobe", append(args, "-show_entries", "stream=codec_type", "-of", "json")...)
	cmd.Stdin = bytes.NewReader(d.head)
	var out bytes.Buffer
	cmd.Stdout = limitedBuffer{&out}
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return startError("ffprobe", err)
		}
		return ErrUndecodable
	}
	var found struct {
		Streams []struct {
			Type string `json:"codec_type"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(out.Bytes(), &found); err != nil || len(found.Streams) == 0 {
		return ErrUndecodable
	}
	for _, s := range found.Streams {
		if s.Type == "audio" {
			if d.ended {
				return ErrEmpty // a header with nothing behind it
			}
			return ErrUndecodable
		}
	}
	return ErrNoAudio
}

type limitedBuffer struct{ *bytes.Buffer }

func (b limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxProbe {
		return 0, errors.New("too much output")
	}
	return b.Buffer.Write(p)
}
