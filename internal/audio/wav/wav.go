// Package wav reads RIFF WAVE as programs and servers stream it: the sizes in the header may be wrong, because the
// writer did not know them yet, so the audio ends where the bytes do. [NewReader] reads the header, and [Reader.Read]
// gives mono samples.
package wav

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
)

// Format codes of a WAVE file's fmt chunk (Microsoft's mmreg.h).
const (
	formatPCM        = 1
	formatFloat      = 3
	formatExtensible = 0xfffe
)

// maxChunk limits what is skipped before the audio: a description, a picture. Its size comes from the file.
const maxChunk = 1 << 20

// maxChannels limits the channels that are mixed into one.
const maxChannels = 8

// ErrFormat is wrapped by errors about what is no WAVE file of a supported kind: 16-bit integers or 32-bit floats.
var ErrFormat = errors.New("not a WAVE file with 16-bit or float samples")

// Reader reads the samples of one file. It is not safe for concurrent use.
type Reader struct {
	r        io.Reader
	rate     int
	channels int
	float    bool
	left     int64 // bytes of audio that the header promises; -1 where it does not know
	buffer   []byte
	frames   []float32
}

// NewReader reads the header.
func NewReader(r io.Reader) (*Reader, error) {
	var riff [12]byte
	if _, err := io.ReadFull(r, riff[:]); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	if string(riff[:4]) != "RIFF" || string(riff[8:]) != "WAVE" {
		return nil, ErrFormat
	}
	w := &Reader{r: r}
	for {
		var head [8]byte
		if _, err := io.ReadFull(r, head[:]); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		size := int64(binary.LittleEndian.Uint32(head[4:]))
		if string(head[:4]) == "data" {
			if w.rate == 0 {
				return nil, fmt.Errorf("%w: no format before the audio", ErrFormat)
			}
			w.left = size
			// espeak-ng and ffmpeg write such a size when they can't go back to correct it.
			if size == 0 || size >= 0x7ffff000 {
				w.left = -1
			}
			return w, nil
		}
		if size += size & 1; size > maxChunk {
			return nil, fmt.Errorf("%w: a chunk of %d bytes before the audio", ErrFormat, size)
		}
		chunk := make([]byte, size)
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		if string(head[:4]) == "fmt " {
			if err := w.format(chunk); err != nil {
				return nil, err
			}
		}
	}
}

func (w *Reader) format(chunk []byte) error {
	if len(chunk) < 16 {
		return ErrFormat
	}
	code := binary.LittleEndian.Uint16(chunk)
	if code == formatExtensible && len(chunk) >= 26 {
		code = binary.LittleEndian.Uint16(chunk[24:])
	}
	w.channels = int(binary.LittleEndian.Uint16(chunk[2:]))
	w.rate = int(binary.LittleEndian.Uint32(chunk[4:]))
	bits := binary.LittleEndian.Uint16(chunk[14:])
	w.float = code == formatFloat
	switch {
	case code == formatPCM && bits == 16, code == formatFloat && bits == 32:
	default:
		return fmt.Errorf("%w: format %d with %d bits", ErrFormat, code, bits)
	}
	if w.channels < 1 || w.channels > maxChannels || w.rate < 1000 || w.rate > 384_000 {
		return fmt.Errorf("%w: %d channels at %d Hz", ErrFormat, w.channels, w.rate)
	}
	return nil
}

// Rate is the sample rate in Hz.
func (w *Reader) Rate() int { return w.rate }

// Channels is how many channels there are, at least one.
func (w *Reader) Channels() int { return w.channels }

// Read fills samples, -1..1, with the mean of all channels, and returns how many there are: fewer than fit only at the
// end, and then io.EOF with none. A sample that is cut off at the end is left out.
func (w *Reader) Read(samples []float32) (int, error) {
	w.frames = slices.Grow(w.frames[:0], len(samples)*w.channels)[:len(samples)*w.channels]
	n, err := w.ReadFrames(w.frames)
	for i := range n {
		sum := float32(0)
		for _, x := range w.frames[i*w.channels : (i+1)*w.channels] {
			sum += x
		}
		samples[i] = sum / float32(w.channels)
	}
	return n, err
}

// ReadFrames fills frames with one sample of each channel after the other, and returns for how many times there are
// some, as Read does.
func (w *Reader) ReadFrames(frames []float32) (int, error) {
	width := w.channels * w.bytes()
	want := int64(len(frames) / w.channels * width)
	if w.left >= 0 {
		want = min(want, w.left/int64(width)*int64(width))
	}
	if want == 0 {
		return 0, io.EOF
	}
	if int64(cap(w.buffer)) < want {
		w.buffer = make([]byte, want)
	}
	b := w.buffer[:want]
	n, err := io.ReadFull(w.r, b)
	if w.left >= 0 {
		w.left -= int64(n)
	}
	n /= width
	if n == 0 {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = io.EOF
		}
		return 0, err
	}
	for i := range n * w.channels {
		frames[i] = w.sample(b[i*w.bytes():])
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	return n, nil
}

// bytes is the size of a sample.
func (w *Reader) bytes() int {
	if w.float {
		return 4
	}
	return 2
}

func (w *Reader) sample(b []byte) float32 {
	if !w.float {
		return float32(int16(binary.LittleEndian.Uint16(b))) / 32768
	}
	x := math.Float32frombits(binary.LittleEndian.Uint32(b))
	if x != x {
		return 0
	}
	return max(-1, min(1, x))
}
