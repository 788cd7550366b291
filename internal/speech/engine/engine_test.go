package engine_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/wer"
	"github.com/mynahbot/mynah/internal/spoken"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func store(t *testing.T, dir string) *models.Store {
	t.Helper()
	catalogue, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	s, err := models.Open(catalogue, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func open(t *testing.T, c engine.Config) *engine.Engine {
	t.Helper()
	speechtest.Model(t, speech.KindMoonshine, "en")
	e := engine.Open(c, store(t, speechtest.Models(t)))
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func transcribe(t *testing.T, e *engine.Engine, path, language string) (spoken.Transcript, error) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	return e.Transcribe(t.Context(), f, []string{language}, nil)
}

// ffmpeg makes a file of the given name and returns its path.
func ffmpeg(t *testing.T, name string, args ...string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if out, err := exec.CommandContext(t.Context(), "ffmpeg", append(append([]string{"-loglevel", "error"}, args...), path)...).CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg %v: %v: %s", args, err, out)
	}
	return path
}

// TestVoiceMessage recognizes a recording as Discord's voice messages are: Ogg Opus, 48 kHz.
func TestVoiceMessage(t *testing.T) {
	e := open(t, engine.Config{})
	for _, c := range speechtest.Clips(t) {
		if c.File != "formats/discord_vm_en_vctk_p226_003.ogg" {
			continue
		}
		got, err := transcribe(t, e, c.Path, "en")
		if err != nil {
			t.Fatal(err)
		}
		if count := wer.Compare(c.Text, got.Text); count.Rate() > 0.3 {
			t.Errorf("heard %q, said %q: %v", got.Text, c.Text, count)
		}
		if got.Audio < 6*time.Second || got.Speech < 3*time.Second || got.Speech > got.Audio || got.Language != "en" {
			t.Errorf("%+v", got)
		}
		return
	}
	t.Fatal("the clip is gone from the manifest")
}

// TestNoPhantoms gets no text from clips without speech, nor from noise made here.
func TestNoPhantoms(t *testing.T) {
	e := open(t, engine.Config{})
	var noise []string
	for _, c := range speechtest.Clips(t) {
		if c.Subset() == "noise" {
			noise = append(noise, c.Path)
		}
	}
	for name, source := range map[string]string{
		"silence.ogg": "anullsrc=d=10", "white.ogg": "anoisesrc=d=10:a=0.3", "pink.mp3": "anoisesrc=d=10:c=pink", "hum.wav": "sine=f=50:d=10",
		"tone.flac": "sine=f=1000:d=4",
	} {
		noise = append(noise, ffmpeg(t, name, "-f", "lavfi", "-i", source))
	}
	for _, path := range noise {
		if got, err := transcribe(t, e, path, "en"); err != nil || got.Text != "" {
			t.Errorf("%s: %q, %v", filepath.Base(path), got.Text, err)
		}
	}
}

func TestBadInput(t *testing.T) {
	e := open(t, engine.Config{})
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, tc := range map[string]struct {
		path string
		want error
	}{
		"empty":               {file("empty.ogg", ""), audio.ErrEmpty},
		"text named .ogg":     {file("letter.ogg", strings.Repeat("Dear Sir or Madam,\n", 100)), audio.ErrUndecodable},
		"damaged":             {file("damaged.ogg", "OggS\x00\x02"+strings.Repeat("\x00", 500)), audio.ErrUndecodable},
		"video without sound": {ffmpeg(t, "v.mp4", "-f", "lavfi", "-i", "testsrc2=size=320x240:duration=1"), audio.ErrNoAudio},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := transcribe(t, e, tc.path, "en"); !errors.Is(err, tc.want) {
				t.Errorf("%q, %v; want %v", got.Text, err, tc.want)
			}
		})
	}
}

// TestLanguages recognizes no language without a model for it, and says which to install.
func TestLanguages(t *testing.T) {
	e := open(t, engine.Config{Limits: audio.Limits{}})
	if known := e.Languages(); !strings.Contains(strings.Join(known, " "), "en") {
		t.Fatalf("languages %v", known)
	}
	var none *spoken.NoModelError
	silence := bytes.NewReader(wav.Encode(spoken.Rate, make([]float32, spoken.Rate)))
	if _, err := e.Transcribe(t.Context(), silence, []string{"tlh"}, nil); !errors.As(err, &none) || none.Language != "tlh" {
		t.Errorf("Klingon: %v", err)
	}

	nothing := engine.Open(engine.Config{}, store(t, t.TempDir()))
	defer nothing.Close()
	for _, language := range []string{"en", "ru"} {
		_, err := nothing.Transcribe(t.Context(), silence, []string{language}, nil)
		if !errors.As(err, &none) || none.Language != language || none.Install == "" {
			t.Errorf("%s with nothing installed: %v", language, err)
		}
	}
	if _, err := nothing.NewVAD(); !errors.Is(err, models.ErrNotInstalled) {
		t.Errorf("voice activity with nothing installed: %v", err)
	}
}

// service stands in for a recognizer elsewhere.
type service struct{ asked atomic.Int32 }

func (*service) Languages() []string { return []string{"ru"} }

func (s *service) Recognize(_ context.Context, u spoken.Utterance) (spoken.Transcript, error) {
	if len(u.Samples) > 0 {
		s.asked.Add(1)
	}
	return spoken.Transcript{Text: strings.Repeat("привет", min(1, len(u.Samples))), Language: u.Language, Confidence: 0.9}, nil
}

func TestService(t *testing.T) {
	s := &service{}
	e := open(t, engine.Config{Service: s})
	if l := e.Languages(); len(l) != 1 || l[0] != "ru" {
		t.Errorf("languages %v", l)
	}
	for _, c := range speechtest.Clips(t) {
		if c.Subset() == "ru" {
			got, err := transcribe(t, e, c.Path, "ru")
			if err != nil || !strings.HasPrefix(got.Text, "привет") || s.asked.Load() == 0 {
				t.Errorf("%+v, %v", got, err)
			}
			return
		}
	}
	t.Fatal("no Russian clip")
}

// TestManyAtOnce loads the model once for many who ask at the same time, one of whom gives up.
func TestManyAtOnce(t *testing.T) {
	e := open(t, engine.Config{Streams: 2})
	clip := speechtest.Clips(t)[0]
	samples := speechtest.WAV(t, clip.Path)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			got, err := e.Utterance(t.Context(), append([]float32(nil), samples...), "en")
			if err != nil || wer.Compare(clip.Text, got.Text).Rate() > 0.3 {
				t.Errorf("%q, %v; said %q", got.Text, err, clip.Text)
			}
			if got.Confidence == 1 || got.Scorer == nil {
				t.Errorf("confidence %v, scorer %v", got.Confidence, got.Scorer)
			}
		})
	}
	wg.Go(func() {
		if _, err := e.Utterance(ctx, append([]float32(nil), samples...), "en"); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
	wg.Wait()
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Utterance(t.Context(), samples, "en"); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("after close: %v", err)
	}
}

// TestHalfAnHour transcribes 30 minutes, a voice now and then in noise, in bounded memory.
func TestHalfAnHour(t *testing.T) {
	if testing.Short() {
		t.Skip("takes half a minute")
	}
	e := open(t, engine.Config{})
	clip := speechtest.WAV(t, speechtest.Clips(t)[0].Path)
	part := make([]float32, 2*60*spoken.Rate)
	for i := range part {
		part[i] = 0.002 * (rand.Float32() - 0.5)
	}
	copy(part[20*spoken.Rate:], clip)
	encoded := wav.Encode(spoken.Rate, part)
	raw := filepath.Join(t.TempDir(), "part.wav")
	if err := os.WriteFile(raw, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	path := ffmpeg(t, "hour.mp3", "-stream_loop", "14", "-i", raw, "-c:a", "libmp3lame", "-b:a", "32k", "-compression_level", "9")
	var before, now runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var most uint64
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	got, err := e.Transcribe(t.Context(), f, []string{"en"}, func(done, total time.Duration) {
		runtime.ReadMemStats(&now)
		most = max(most, now.HeapAlloc)
	})
	if err != nil {
		t.Fatal(err)
	}
	if got.Audio < 29*time.Minute+50*time.Second || strings.Count(strings.ToLower(got.Text), "himself") < 13 {
		t.Errorf("%v of audio, text %q", got.Audio, got.Text)
	}
	if most > before.HeapAlloc+64<<20 {
		t.Errorf("the heap grew from %d to %d MB", before.HeapAlloc>>20, most>>20)
	}
}
