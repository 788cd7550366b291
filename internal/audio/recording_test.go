package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// TestRecordingIndexAtTheEnd has files of the kinds whose index stands at the end, longer than what a program keeps of a pipe.
func TestRecordingIndexAtTheEnd(t *testing.T) {
	sound := []string{"-f", "lavfi", "-i", "sine=duration=40:sample_rate=44100"}
	video := append([]string{"-f", "lavfi", "-i", "testsrc2=size=320x240:duration=40:rate=3"}, sound...)
	for name, args := range map[string][]string{
		"a.m4a":      append(sound, "-c:a", "aac", "-b:a", "256k"),
		"alac.m4a":   append(sound, "-c:a", "alac"),
		"a.mov":      append(video, "-c:v", "mpeg4", "-c:a", "aac"),
		"a.mp4":      append(video, "-c:v", "mpeg4", "-c:a", "aac"),
		"a.3gp":      append(sound, "-c:a", "aac", "-b:a", "256k"),
		"alac.caf":   append(sound, "-c:a", "alac"),
		"opus.caf":   append(sound, "-c:a", "libopus", "-ar", "48000"),
		"apart.avi":  append(video, "-c:v", "mpeg4", "-c:a", "pcm_s16le", "-max_interleave_delta", "1"),
		"a.mkv":      append(video, "-c:v", "mpeg4", "-c:a", "aac"),
		"pieces.mp4": append(video, "-c:v", "mpeg4", "-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"),
	} {
		t.Run(name, func(t *testing.T) {
			samples, err := decode(t.Context(), ffmpeg(t, name, args...), Limits{})
			if seconds := float64(len(samples)) / DecodeRate; err != nil || math.Abs(seconds-40) > 0.2 {
				t.Errorf("%.2f seconds and %v, want 40", seconds, err)
			}
		})
	}
}

// TestRecordingWrongSizes has headers that say that the sound is shorter than it is, or longer.
func TestRecordingWrongSizes(t *testing.T) {
	le, be := binary.LittleEndian, binary.BigEndian
	size32 := func(order binary.ByteOrder) func([]byte, uint64) {
		return func(b []byte, n uint64) { order.PutUint32(b, uint32(n)) }
	}
	size64 := func(order binary.ByteOrder) func([]byte, uint64) {
		return func(b []byte, n uint64) { order.PutUint64(b, n) }
	}
	for name, c := range map[string]struct {
		args   []string
		chunk  string
		offset int // of the size, from the chunk's name on
		put    func([]byte, uint64)
	}{
		"a.wav":     {nil, "data", 4, size32(le)},
		"24.wav":    {[]string{"-c:a", "pcm_s24le"}, "data", 4, size32(le)},
		"mulaw.wav": {[]string{"-c:a", "pcm_mulaw"}, "data", 4, size32(le)},
		"riff.wav":  {nil, "RIFF", 4, size32(le)},
		"rf64.wav":  {[]string{"-rf64", "always"}, "ds64", 16, size64(le)},
		"a.aiff":    {nil, "SSND", 4, size32(be)},
		"a.w64":     {nil, "data\xf3\xac", 16, size64(le)},
		"lpcm.caf":  {nil, "data", 4, size64(be)},
		"alac.caf":  {[]string{"-c:a", "alac"}, "data", 4, size64(be)},
		"a.m4a":     {[]string{"-c:a", "aac"}, "mdat", -4, size32(be)},
		"a.mov":     {[]string{"-c:a", "pcm_s16le"}, "mdat", -4, size32(be)},
		"a.au":      {nil, ".snd", 8, size32(be)},
		"a.avi":     {nil, "movi", -4, size32(le)},
	} {
		t.Run(name, func(t *testing.T) {
			file := ffmpeg(t, name, append([]string{"-f", "lavfi", "-i", "sine=duration=3:sample_rate=16000", "-metadata", "title=A tone"}, c.args...)...)
			want, err := decode(t.Context(), file, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			at := bytes.Index(file, []byte(c.chunk))
			if at < 0 {
				t.Fatalf("no chunk %q", c.chunk)
			}
			for _, said := range []uint64{24, 10_000, 500_000} {
				c.put(file[at+c.offset:], said)
				got, err := decode(t.Context(), file, Limits{})
				if err != nil || len(got) < len(want) || len(got) > len(want)+100 {
					t.Errorf("%d bytes said: %d samples, %v; want %d", said, len(got), err, len(want))
				}
			}
		})
	}
}

// TestRecordingTrueSizes has chunks after the sound, whole and cut off, which are no sound.
func TestRecordingTrueSizes(t *testing.T) {
	for _, name := range []string{"a.wav", "a.aiff", "a.caf", "a.m4a"} {
		args := append([]string{}, tone...)
		if name == "a.caf" {
			args = append(args, "-c:a", "alac")
		}
		file := ffmpeg(t, name, append(args, "-metadata", "comment=said at noon")...)
		if name == "a.wav" {
			file = append(append(file, "LIST\x00\x20\x00\x00"...), make([]byte, 0x2000)...)
		}
		c, err := wrongSize(bytes.NewReader(file), int64(len(file)))
		if c != nil || err != nil {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
		if name == "a.wav" {
			file = file[:len(file)-100]
			if c, err := wrongSize(bytes.NewReader(file), int64(len(file))); c != nil || err != nil {
				t.Errorf("%s, cut off: %+v, %v", name, c, err)
			}
		}
	}
}

func TestRecordingStereo(t *testing.T) {
	const phase = "aevalsrc=exprs=" // of the two channels
	for name, c := range map[string]struct {
		exprs string
		least float64 // root mean square that must be left
	}{
		"the same":                       {"0.2*sin(2764*t)|0.2*sin(2764*t)", 0.13},
		"turned over":                    {"0.2*sin(2764*t)|-0.2*sin(2764*t)", 0.13},
		"turned over, the second louder": {"0.1*sin(2764*t)|-0.2*sin(2764*t)", 0.13},
		"turned over, the first louder":  {"0.2*sin(2764*t)|-0.1*sin(2764*t)", 0.13},
		"turned over with some noise":    {"0.2*sin(2764*t)+0.02*random(0)|-0.2*sin(2764*t)+0.02*random(0)", 0.13},
		"one channel only":               {"0.2*sin(2764*t)|0", 0.06},
		"different sounds":               {"0.2*sin(2764*t)|0.2*sin(5000*t)", 0.09},
	} {
		for _, format := range []string{"a.wav", "24.flac", "a.mp3"} {
			file := ffmpeg(t, format, "-f", "lavfi", "-i", phase+c.exprs+":d=2:s=16000:c=stereo")
			samples, err := decode(t.Context(), file, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			sum := 0.0
			for _, x := range samples {
				sum += float64(x) * float64(x)
			}
			if got := math.Sqrt(sum / float64(len(samples))); got < c.least {
				t.Errorf("%s, %s: %.3f is left, want %.3f", name, format, got, c.least)
			}
		}
	}
}

func TestRecordingTracks(t *testing.T) {
	file := ffmpeg(t, "a.mkv", "-f", "lavfi", "-i", "testsrc2=size=160x120:duration=2", "-f", "lavfi", "-i", "anullsrc=d=2", "-f", "lavfi", "-i",
		"sine=duration=2", "-map", "0", "-map", "1", "-map", "2", "-c:a", "libopus", "-t", "2")
	rec, err := OpenRecording(t.Context(), bytes.NewReader(file), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer rec.Close()
	if n, err := rec.Tracks(t.Context()); n != 2 || err != nil {
		t.Fatalf("%d tracks, %v", n, err)
	}
	for track, least := range []float32{0, 0.05} {
		loudest, n := float32(0), 0
		err := rec.Decode(t.Context(), track, func(s []float32) error {
			n += len(s)
			for _, x := range s {
				loudest = max(loudest, x)
			}
			return nil
		})
		if err != nil || n < 31_000 || loudest < least || least == 0 && loudest > 0 {
			t.Errorf("track %d: %d samples, at most %v, %v", track, n, loudest, err)
		}
	}
	one, err := OpenRecording(t.Context(), bytes.NewReader(ffmpeg(t, "a.wav", tone...)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	if n, err := one.Tracks(t.Context()); n != 1 || err != nil {
		t.Errorf("%d tracks, %v", n, err)
	}
}

// TestRecordingKeeps reads a file of this machine in place, whose own bytes stay as they are, and leaves nothing else behind.
func TestRecordingKeeps(t *testing.T) {
	temporary := t.TempDir()
	t.Setenv("TMPDIR", temporary)
	file := ffmpeg(t, "a.wav", tone...)
	binary.LittleEndian.PutUint32(file[bytes.Index(file, []byte("data"))+4:], 1000)
	path := filepath.Join(t.TempDir(), "mine.wav")
	if err := os.WriteFile(path, file, 0o400); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := 0
	if err := Decode(t.Context(), f, Limits{}, func(s []float32) error { n += len(s); return nil }); err != nil || n < 47_000 {
		t.Errorf("%d samples, %v", n, err)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		t.Errorf("the caller's file was closed: %v", err)
	}
	if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, file) {
		t.Errorf("the file was changed: %v", err)
	}
	if left, err := os.ReadDir(temporary); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	t.Setenv("TMPDIR", filepath.Join(temporary, "none"))
	if err := Decode(t.Context(), bytes.NewReader(file), Limits{}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without room for it: %v", err)
	}
}

func FuzzWrongSize(f *testing.F) {
	f.Add([]byte("RIFF\x00\x00\x00\x00WAVEfmt \x02\x00\x00\x00..data\x04\x00\x00\x00abcdefghijLIST\x02\x00\x00\x00ab"))
	f.Add([]byte("RF64\xff\xff\xff\xffWAVEds64\x18\x00\x00\x00........\x01\x00\x00\x00\x00\x00\x00\x00........data\xff\xff\xff\xffabcdefgh"))
	f.Add([]byte("\x00\x00\x00\x08ftyp\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x12abcdefgh\x00\x00\x00\x08moov"))
	f.Add([]byte("caff\x00\x01\x00\x00data\x00\x00\x00\x00\x00\x00\x00\x02abcdefgh"))
	f.Add([]byte("FORM....AIFFSSND\x00\x00\x00\x02abcdefgh"))
	f.Fuzz(func(t *testing.T, file []byte) {
		c, err := wrongSize(bytes.NewReader(file), int64(len(file)))
		if err != nil {
			t.Fatal(err)
		}
		if c == nil {
			return
		}
		if c.at < 0 || c.at+int64(len(c.bytes)) > int64(len(file)) {
			t.Fatalf("%d bytes at %d of a file of %d", len(c.bytes), c.at, len(file))
		}
		file = bytes.Clone(file)
		copy(file[c.at:], c.bytes)
		if again, err := wrongSize(bytes.NewReader(file), int64(len(file))); again != nil || err != nil {
			t.Errorf("a corrected file is corrected again: %+v, %v", again, err)
		}
	})
}
