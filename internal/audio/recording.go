package audio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"time"
)

// DecodeRate is the sample rate of what [Recording.Decode] gives, in Hz.
const DecodeRate = 16000

// What is wrong with a file that can't be decoded. Each is a sentence for the person who sent it.
var (
	ErrEmpty       = errors.New("the audio file is empty")
	ErrNoAudio     = errors.New("the file has no sound in it")
	ErrUndecodable = errors.New("the file is damaged, or no audio at all")
	ErrTooLong     = errors.New("the audio is too long")
	ErrTooLarge    = errors.New("the file is too large")
	ErrRate        = errors.New("the audio has a sample rate that is not between 4 and 192 kHz")
)

// Sample rates that a recording may have, in Hz.
const lowestRate, highestRate = 4_000, 192_000

// Limits bound what a file may cost. The zero value stands for the defaults.
type Limits struct {
	MaxBytes    int64         // of the file; default [DefaultMaxBytes], below 0 there is no limit
	MaxDuration time.Duration // of the audio in it; default [DefaultMaxDuration]
	Decoders    *Decoders     // shared by all whose files are decoded in this process; nil = no bound
}

const (
	DefaultMaxBytes    = 25_000_000    // in bytes
	DefaultMaxDuration = 4 * time.Hour // a small file can hold days of silence
)

// orDefaults replaces zeros, and a missing limit of bytes by one that nothing reaches.
func (l Limits) orDefaults() Limits {
	switch {
	case l.MaxBytes == 0:
		l.MaxBytes = DefaultMaxBytes
	case l.MaxBytes < 0:
		l.MaxBytes = math.MaxInt64 - 1
	}
	if l.MaxDuration == 0 {
		l.MaxDuration = DefaultMaxDuration
	}
	return l
}

// samples is MaxDuration at [DecodeRate].
func (l Limits) samples() int64 { return int64(l.MaxDuration.Seconds() * DecodeRate) }

func (l Limits) tooLong() error { return fmt.Errorf("%w: the limit is %v", ErrTooLong, l.MaxDuration) }

func (l Limits) tooLarge() error {
	return fmt.Errorf("%w: the limit is %d MB", ErrTooLarge, l.MaxBytes/1_000_000)
}

const (
	// maxTracks limits how many sound tracks of a file are told of. Recordings of several sources have up to six.
	maxTracks = 8
	// maxProbe limits the description of a file that ffprobe prints, in bytes.
	maxProbe = 1 << 20
	// probeLimit ends the program that describes a file.
	probeLimit = 30 * time.Second
)

// Recording is a file with sound in it, which can be decoded more than once. It is not safe for concurrent use.
type Recording struct {
	file   *os.File // has no name of its own when owned
	owned  bool
	size   int64
	limits Limits
}

// OpenRecording takes the file from r into a temporary one without a name, since the index of many formats stands at the
// end; a regular file that is read from its start is used as it is. It returns one of this package's errors, wrapped,
// for a file that is empty or over limits.MaxBytes. r must fail or end when ctx does, since a read can't be
// interrupted. Close the recording to free its space.
func OpenRecording(ctx context.Context, r io.Reader, limits Limits) (*Recording, error) {
	rec := &Recording{limits: limits.orDefaults()}
	if f, ok := r.(*os.File); ok && isWhole(f) {
		rec.file = f
	} else if err := rec.copy(ctx, r); err != nil {
		rec.Close()
		return nil, err
	}
	err := rec.measure()
	if err == nil {
		err = rec.correct(ctx)
	}
	if err != nil {
		rec.Close()
		return nil, err
	}
	return rec, nil
}

// isWhole reports whether f is a regular file of which nothing was read.
func isWhole(f *os.File) bool {
	info, err := f.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return false
	}
	at, err := f.Seek(0, io.SeekCurrent)
	return err == nil && at == 0
}

// copy makes the temporary file.
func (r *Recording) copy(ctx context.Context, from io.Reader) error {
	f, err := unnamed()
	if err != nil {
		return err
	}
	if r.owned {
		r.file.Close()
	}
	r.file, r.owned = f, true
	n, err := io.Copy(f, io.LimitReader(contextReader{ctx, from}, r.limits.MaxBytes+1))
	switch {
	case n > r.limits.MaxBytes:
		return r.limits.tooLarge()
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("read the audio file: %w", err)
	}
	return nil
}

func (r *Recording) measure() error {
	info, err := r.file.Stat()
	if err != nil {
		return fmt.Errorf("read the audio file: %w", err)
	}
	switch r.size = info.Size(); {
	case r.size == 0:
		return ErrEmpty
	case r.size > r.limits.MaxBytes:
		return r.limits.tooLarge()
	}
	return nil
}

// correct puts the true size into a header that says too little. Only the temporary file is written.
func (r *Recording) correct(ctx context.Context) error {
	c, err := wrongSize(r.file, r.size)
	if err != nil || c == nil {
		return err
	}
	if !r.owned {
		if err := r.copy(ctx, io.NewSectionReader(r.file, 0, r.size)); err != nil {
			return err
		}
	}
	if _, err := r.file.WriteAt(c.bytes, c.at); err != nil {
		return fmt.Errorf("keep the audio file: %w", err)
	}
	return nil
}

// Close frees the temporary file. A file that was the caller's stays open.
func (r *Recording) Close() error {
	if !r.owned {
		return nil
	}
	r.owned = false
	return r.file.Close()
}

// Decode gives a sound track, the first being 0, to emit, as mono samples at [DecodeRate]. The samples are valid during the
// call only. Memory does not grow with the file.
//
// It stops at the first error of emit and returns that, and returns one of this package's errors, wrapped, for a
// track that can't be used; damage after the first samples ends the audio without an error.
func (r *Recording) Decode(ctx context.Context, track int, emit func(samples []float32) error) error {
	if track == 0 {
		if w := openWAV(io.NewSectionReader(r.file, 0, r.size)); w != nil {
			if !usualRate(w.Rate()) {
				return fmt.Errorf("%w: %d Hz", ErrRate, w.Rate())
			}
			return w.decode(ctx, r.limits, emit)
		}
	}
	samples, ended, err := r.ffmpeg(ctx, track, emit)
	if err != nil || samples > 0 {
		return err
	}
	kinds, err := r.streams(ctx)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		if kind == "audio" && ended {
			return ErrEmpty // a header with nothing after it
		}
		if kind == "audio" {
			return ErrUndecodable
		}
	}
	return ErrNoAudio
}

// Tracks is how many sound tracks the file has, of which a file of many has its first [maxTracks] counted.
func (r *Recording) Tracks(ctx context.Context) (int, error) {
	if openWAV(io.NewSectionReader(r.file, 0, r.size)) != nil {
		return 1, nil
	}
	kinds, err := r.streams(ctx)
	n := 0
	for _, kind := range kinds {
		if kind == "audio" {
			n++
		}
	}
	return min(n, maxTracks), err
}

// streams are the kinds of what is in the file: audio, video, subtitle. It returns [ErrUndecodable] where there is none.
func (r *Recording) streams(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, probeLimit)
	defer cancel()
	leave, err := r.limits.Decoders.take(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	cmd := r.command(ctx, maxProbe, "ffprobe", "-loglevel", "error", "-show_entries", "stream=codec_type", "-of", "json")
	var out bytes.Buffer
	cmd.Stdout = limitedBuffer{&out}
	if err := cmd.Run(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, startError("ffprobe", err)
		}
		return nil, ErrUndecodable
	}
	var found struct {
		Streams []struct {
			Type string `json:"codec_type"`
		} `json:"streams"`
	}
	if err := json.Unmarshal(out.Bytes(), &found); err != nil || len(found.Streams) == 0 {
		return nil, ErrUndecodable
	}
	var kinds []string
	for _, s := range found.Streams {
		kinds = append(kinds, s.Type)
	}
	return kinds, nil
}

// containers are the formats that ffmpeg may take the file for. Playlists and scripts, which name further files, are
// not among them, nor are formats that any text passes for.
const containers = "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dsf,dts,eac3,flac,flv,loas,matroska,mov,mp3,mpc,mpc8," +
	"mpeg,mpegts,nut,ogg,oma,rm,tak,tta,voc,w64,wav,wv,xwma"

// maxAlloc limits each of a decoder's allocations, in bytes: a header can claim any size.
const maxAlloc = 256 << 20

// command prepares one of ffmpeg's programs with the recording as its input: by the number of an open file, since it has no name.
// None of the formats makes the program open another. It writes at most so many bytes.
func (r *Recording) command(ctx context.Context, written int64, program string, output ...string) *exec.Cmd {
	args := append([]string{
		"-hide_banner", "-max_alloc", strconv.Itoa(maxAlloc),
		"-protocol_whitelist", "file", "-format_whitelist", containers, "-i", "/dev/fd/3",
	}, output...)
	cmd := command(ctx, r.size, written, program, args...)
	cmd.ExtraFiles = []*os.File{r.file} // the first of them is number 3
	return cmd
}

type limitedBuffer struct{ *bytes.Buffer }

func (b limitedBuffer) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxProbe {
		return 0, errors.New("too much output")
	}
	return b.Buffer.Write(p)
}

// contextReader ends with its context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
