package audio

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/mynahbot/mynah/internal/audio/wav"
)

// TestDecodeRefusesRates has files whose few bytes claim a rate at which they would fill memory, in containers that this program
// reads itself and in others.
func TestDecodeRefusesRates(t *testing.T) {
	at := func(rate int) []byte { return wav.Encode(rate, make([]float32, 20_000)) }
	law := func(rate uint32) []byte { // ffmpeg reads this kind
		b := append([]byte(".snd"), make([]byte, 20)...)
		for i, x := range []uint32{24, 40_000, 1, rate, 1} {
			binary.BigEndian.PutUint32(b[4+4*i:], x)
		}
		return append(b, make([]byte, 40_000)...)
	}
	for name, file := range map[string][]byte{
		"3999 Hz": at(3999), "192001 Hz": at(192_001), "1000 Hz": at(1000), "2 MHz": at(2_000_000), "50 Hz": at(50), "1 Hz": at(1),
		"1 Hz in another container": law(1), "3999 Hz in another": law(3999), "200 kHz in another": law(200_000),
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := decode(t.Context(), file, Limits{}); !errors.Is(err, ErrRate) {
				t.Errorf("%v, want %v", err, ErrRate)
			}
		})
	}
	for name, file := range map[string][]byte{"4000 Hz": at(4000), "192 kHz": at(192_000), "4000 Hz in another": law(4000), "192 kHz in another": law(192_000)} {
		t.Run(name, func(t *testing.T) {
			if samples, err := decode(t.Context(), file, Limits{}); err != nil || len(samples) == 0 {
				t.Errorf("%d samples, %v", len(samples), err)
			}
		})
	}
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &use); err != nil {
		t.Fatal(err)
	}
	if mb := use.Maxrss >> 10; mb > 500 {
		t.Errorf("a decoder took %d MB", mb)
	}
}

// decoders counts the programs that this process runs now.
func decoders(t *testing.T) (n int) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Skip("no /proc here")
	}
	for _, path := range stats {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		end := bytes.LastIndexByte(raw, ')')
		fields := strings.Fields(string(raw[end+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(os.Getpid()) && fields[0] != "Z" {
			n++
		}
	}
	return n
}

// TestDecodersAreBounded decodes many recordings at once, with two programs at most, while no recognizer takes anything: all of them
// get their turn nevertheless.
func TestDecodersAreBounded(t *testing.T) {
	const many, most = 12, 2
	file := ffmpeg(t, "a.ogg", "-f", "lavfi", "-i", "sine=duration=120:sample_rate=48000", "-c:a", "libopus")
	limits := Limits{Decoders: NewDecoders(most)}
	listened := make(chan struct{}) // closed when all have begun to be listened to
	var first, all sync.WaitGroup
	first.Add(many)
	for range many {
		all.Go(func() {
			begun := false
			err := Decode(t.Context(), bytes.NewReader(file), limits, func([]float32) error {
				if !begun {
					begun = true
					first.Done()
				}
				<-listened
				return nil
			})
			if err != nil || !begun {
				t.Error(err)
				if !begun {
					first.Done()
				}
			}
		})
	}
	go func() {
		first.Wait()
		close(listened)
	}()
	peak := 0
	for done := false; !done; {
		select {
		case <-listened:
			done = true
		default:
			peak = max(peak, decoders(t))
		}
	}
	all.Wait()
	if peak > most || peak == 0 {
		t.Errorf("%d decoders at once, want %d at most", peak, most)
	}
	ctx, cancel := context.WithCancel(t.Context())
	full := NewDecoders(1)
	leave, err := full.take(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer leave()
	cancel()
	if _, err := full.take(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("whoever waits no more: %v", err)
	}
}

// TestDecodeEndsAtItsLimit has a file that gives more sound than allowed, which fills no disk.
func TestDecodeEndsAtItsLimit(t *testing.T) {
	file := ffmpeg(t, "a.flac", "-f", "lavfi", "-i", "anullsrc=sample_rate=8000:channel_layout=mono", "-t", strconv.Itoa(3600))
	samples, err := decode(t.Context(), file, Limits{MaxDuration: 60e9})
	if !errors.Is(err, ErrTooLong) || math.Abs(float64(len(samples))/DecodeRate-60) > 1 {
		t.Errorf("%d samples, %v", len(samples), err)
	}
}

func TestTrackRate(t *testing.T) {
	const said = `Input #0, mov, from '/dev/fd/3':
  Metadata:
    title           : Audio: mp3, 1 Hz
                    :   Stream #0:0: Audio: mp3, 2 Hz
  Stream #0:0[0x1](und): Video: h264 (High), yuv420p, 25 fps
  Stream #0:1[0x2](eng): Audio: aac (LC) (mp4a / 0x6134706D), 44100 Hz, mono, fltp, 69 kb/s (default)
  Stream #0:2: Audio: opus, 48000 Hz, stereo, fltp
Stream mapping:
Output #0, wav, to 'pipe:1':
  Stream #0:0: Audio: pcm_f32le, 16000 Hz, mono
`
	for track, want := range []int{44100, 48000, 0} {
		if got := trackRate([]byte(said), track); got != want {
			t.Errorf("track %d has %d Hz, want %d", track, got, want)
		}
	}
}

// FuzzTrackRate has ffmpeg say anything: a file's own words stand in what it says.
func FuzzTrackRate(f *testing.F) {
	f.Add([]byte("  Stream #0:0: Audio: opus, 48000 Hz, mono\n"), uint8(0))
	f.Add([]byte("  Stream #0:1[0x2](eng): Audio: aac (LC), 44100 Hz\nOutput #0\n"), uint8(1))
	f.Add([]byte("  Stream #0:0: Audio: x, 99999999999999999999 Hz\n"), uint8(0))
	f.Fuzz(func(t *testing.T, said []byte, track uint8) {
		if rate := trackRate(said, int(track)); rate < 0 {
			t.Errorf("%d Hz", rate)
		}
	})
}
