package audio

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ffmpeg makes a test file and returns its bytes.
func ffmpeg(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	cmd := exec.CommandContext(t.Context(), "ffmpeg", append(append([]string{"-loglevel", "error"}, args...), path)...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, out)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func decode(ctx context.Context, file []byte, limits Limits) ([]float32, error) {
	var samples []float32
	err := Decode(ctx, bytes.NewReader(file), limits, func(s []float32) error {
		samples = append(samples, s...)
		return nil
	})
	return samples, err
}

var tone = []string{"-f", "lavfi", "-i", "sine=frequency=440:duration=3:sample_rate=44100"}

func TestDecode(t *testing.T) {
	video := append([]string{"-f", "lavfi", "-i", "testsrc2=size=160x120:duration=3"}, tone...)
	for name, args := range map[string][]string{
		"a.wav":        tone,
		"u8.wav":       append(tone, "-c:a", "pcm_u8"),
		"f32.wav":      append(tone, "-c:a", "pcm_f32le", "-ac", "2"),
		"mulaw.wav":    append(tone, "-c:a", "pcm_mulaw", "-ar", "8000"),
		"a.mp3":        tone,
		"a.ogg":        append(tone, "-c:a", "libopus"),
		"a.flac":       tone,
		"a.m4a":        tone,
		"front.m4a":    append(tone, "-movflags", "faststart"),
		"a.aac":        tone,
		"a.aiff":       tone,
		"a.webm":       append(tone, "-c:a", "libopus"),
		"a.mka":        tone,
		"a.wma":        tone,
		"a.ac3":        tone,
		"a.au":         tone,
		"a.caf":        tone,
		"a.3gp":        append(tone, "-c:a", "aac"),
		"a.mp4":        video,
		"a.mkv":        video,
		"a.avi":        video,
		"a.ts":         video,
		"surround.ac3": append(tone, "-ac", "6"),
	} {
		t.Run(name, func(t *testing.T) {
			samples, err := decode(t.Context(), ffmpeg(t, name, args...), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if seconds := float64(len(samples)) / DecodeRate; math.Abs(seconds-3) > 0.15 {
				t.Errorf("%.2f seconds, want 3", seconds)
			}
			crossings, middle := 0, samples[DecodeRate:2*DecodeRate]
			for i := 1; i < len(middle); i++ {
				if middle[i-1] < 0 && middle[i] >= 0 {
					crossings++
				}
			}
			if crossings < 438 || crossings > 442 {
				t.Errorf("a tone of %d Hz, want 440", crossings)
			}
		})
	}
}

// TestDecodeIndexAtTheEnd has an MP4 too long for ffmpeg to find its index in what it has buffered.
func TestDecodeIndexAtTheEnd(t *testing.T) {
	file := ffmpeg(t, "a.mp4", "-f", "lavfi", "-i", "testsrc2=size=1280x720:duration=4", "-f", "lavfi", "-i", "sine=duration=4",
		"-c:v", "mpeg4", "-b:v", "20M", "-shortest")
	if len(file) < 2<<20 || bytes.Index(file, []byte("moov")) < len(file)/2 {
		t.Fatalf("the file of %d bytes has no index at its end", len(file))
	}
	samples, err := decode(t.Context(), file, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if seconds := float64(len(samples)) / DecodeRate; math.Abs(seconds-4) > 0.15 {
		t.Errorf("%.2f seconds, want 4", seconds)
	}
}

func TestDecodeRefuses(t *testing.T) {
	sound := ffmpeg(t, "a.wav", tone...)
	silent := ffmpeg(t, "v.mp4", "-f", "lavfi", "-i", "testsrc2=size=320x240:duration=1")
	silentMKV := ffmpeg(t, "v.mkv", "-f", "lavfi", "-i", "testsrc2=size=320x240:duration=1")
	random := make([]byte, 100_000)
	for i, x := 0, uint32(1); i < len(random); i++ {
		x = x*1664525 + 1013904223
		random[i] = byte(x >> 24)
	}
	secret := filepath.Join(t.TempDir(), "secret.wav")
	if err := os.WriteFile(secret, sound, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		file   []byte
		limits Limits
		want   error
	}{
		"empty":                 {nil, Limits{}, ErrEmpty},
		"header only":           {sound[:78], Limits{}, ErrEmpty},
		"text":                  {[]byte(strings.Repeat("This is a letter, and no sound at all.\n", 200)), Limits{}, ErrUndecodable},
		"one byte":              {[]byte{0}, Limits{}, ErrUndecodable},
		"random":                {random, Limits{}, ErrUndecodable},
		"picture":               {ffmpeg(t, "p.png", "-f", "lavfi", "-i", "testsrc2=duration=1", "-frames:v", "1"), Limits{}, ErrUndecodable},
		"half a header":         {sound[:20], Limits{}, ErrUndecodable},
		"video without sound":   {silent, Limits{}, ErrNoAudio},
		"matroska without it":   {silentMKV, Limits{}, ErrNoAudio},
		"playlist of this host": {[]byte("#EXTM3U\n#EXTINF:3,\nfile://" + secret + "\n"), Limits{}, ErrUndecodable},
		"list of files":         {[]byte("ffconcat version 1.0\nfile '" + secret + "'\n"), Limits{}, ErrUndecodable},
		"session description":   {[]byte("v=0\nc=IN IP4 127.0.0.1\nm=audio 1 RTP/AVP 0\n"), Limits{}, ErrUndecodable},
		"too long":              {sound, Limits{MaxDuration: 2 * time.Second}, ErrTooLong},
		"too large":             {sound, Limits{MaxBytes: 100_000}, ErrTooLarge},
	} {
		t.Run(name, func(t *testing.T) {
			samples, err := decode(t.Context(), tc.file, tc.limits)
			if !errors.Is(err, tc.want) {
				t.Errorf("%d samples and error %v, want %v", len(samples), err, tc.want)
			}
		})
	}
}

func TestDecodeTruncated(t *testing.T) {
	file := ffmpeg(t, "a.ogg", append(tone, "-c:a", "libopus")...)
	samples, err := decode(t.Context(), file[:len(file)*2/3], Limits{})
	if err != nil || len(samples) < DecodeRate {
		t.Errorf("%d samples, %v; want what is there", len(samples), err)
	}
}

func TestDecodeWithoutALimit(t *testing.T) {
	for _, name := range []string{"a.wav", "a.flac"} {
		samples, err := decode(t.Context(), ffmpeg(t, name, tone...), Limits{MaxBytes: -1})
		if err != nil || len(samples) < 2*DecodeRate {
			t.Errorf("%s: %d samples, %v", name, len(samples), err)
		}
	}
	if got := (Limits{MaxBytes: 25_000_000}).tooLarge().Error(); !strings.Contains(got, "25 MB") {
		t.Errorf("the limit of 25 million bytes: %s", got)
	}
}

func TestDecodeStops(t *testing.T) {
	sound := ffmpeg(t, "a.wav", tone...)
	want := errors.New("enough")
	if err := Decode(t.Context(), bytes.NewReader(sound), Limits{}, func([]float32) error { return want }); !errors.Is(err, want) {
		t.Errorf("emit failed: %v", err)
	}
	broken := io.MultiReader(bytes.NewReader(sound[:50_000]), iotest.ErrReader(want))
	if err := Decode(t.Context(), broken, Limits{}, func([]float32) error { return nil }); !errors.Is(err, want) {
		t.Errorf("the file failed: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	err := Decode(ctx, bytes.NewReader(sound), Limits{}, func([]float32) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestDecodeFloatsOutOfRange(t *testing.T) {
	var raw []byte
	for _, x := range []float32{float32(math.NaN()), float32(math.Inf(1)), -7, 0.5} {
		for range 400 {
			b := math.Float32bits(x)
			raw = append(raw, byte(b), byte(b>>8), byte(b>>16), byte(b>>24))
		}
	}
	path := filepath.Join(t.TempDir(), "raw")
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	samples, err := decode(t.Context(), ffmpeg(t, "a.wav", "-f", "f32le", "-ar", "16000", "-i", path, "-c:a", "pcm_f32le"), Limits{})
	if err != nil || len(samples) != 1600 {
		t.Fatalf("%d samples, %v", len(samples), err)
	}
	for i, x := range samples {
		if !(x >= -1 && x <= 1) {
			t.Fatalf("sample %d is %v", i, x)
		}
	}
}

// TestDecodeMemory decodes 30 minutes of audio while the heap stays small.
func TestDecodeMemory(t *testing.T) {
	file := ffmpeg(t, "a.flac", "-f", "lavfi", "-i", "sine=duration=1800:sample_rate=8000")
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var samples, blocks int
	var most uint64
	err := Decode(t.Context(), bytes.NewReader(file), Limits{}, func(s []float32) error {
		samples += len(s)
		if blocks++; blocks%500 == 0 {
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapAlloc-min(before.HeapAlloc, now.HeapAlloc))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if minutes := float64(samples) / DecodeRate / 60; math.Abs(minutes-30) > 0.1 {
		t.Errorf("%.1f minutes, want 30", minutes)
	}
	if most > 8<<20 {
		t.Errorf("the heap grew by %d MB", most>>20)
	}
}
