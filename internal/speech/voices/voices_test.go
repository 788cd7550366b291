package voices

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/espeak"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/wer"
	"github.com/mynahbot/mynah/internal/spoken"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service is a synthesizer with prepared answers.
type service struct {
	pieces int   // how many it gives
	err    error // what it then returns

	mu    sync.Mutex
	asked []spoken.Speech
}

func (s *service) Synthesize(_ context.Context, what spoken.Speech, emit func(audio.PCM) error) error {
	s.mu.Lock()
	s.asked = append(s.asked, what)
	s.mu.Unlock()
	for range s.pieces {
		if err := emit(audio.PCM{Rate: 1234, Samples: []float32{0}}); err != nil {
			return err
		}
	}
	return s.err
}

// rate is the sample rate that tells who spoke; 0 for nobody.
func rate(t *testing.T, v *Voices, s spoken.Speech) (rate int, err error) {
	t.Helper()
	err = v.Synthesize(t.Context(), s, func(p audio.PCM) error { rate = p.Rate; return nil })
	return rate, err
}

func empty(t *testing.T) *models.Store {
	t.Helper()
	c, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	s, err := models.Open(c, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func needESpeak(t *testing.T) {
	t.Helper()
	if err := (espeak.Synthesizer{}).Available(); err != nil {
		t.Skip("needs espeak-ng")
	}
}

func TestWithoutModelsESpeakSpeaks(t *testing.T) {
	needESpeak(t)
	v := Open(Config{}, empty(t))
	defer v.Close()
	for _, text := range []string{"Hello there.", "Привет всем.", "42"} {
		if r, err := rate(t, v, spoken.Speech{Text: text}); err != nil || r != 22050 {
			t.Errorf("%q: %d Hz, %v", text, r, err)
		}
	}
	st := v.Status("en", "ja")
	if st[0].Voice != ESpeak || st[0].Problem == nil || !strings.Contains(st[0].Problem.Error(), "models pull piper-en_US-joe-medium") {
		t.Errorf("status %+v", st[0])
	}
	if st[1].Voice != ESpeak || !errors.Is(st[1].Problem, models.ErrNotInstalled) {
		t.Errorf("status %+v", st[1])
	}
	if _, err := rate(t, v, spoken.Speech{Text: "Hello", Voice: "nobody"}); !errors.Is(err, ErrNoVoice) {
		t.Errorf("a voice that is not there: %v", err)
	}
	if got := v.Names(); !slices.Equal(got, []string{ESpeak}) {
		t.Errorf("names %v", got)
	}
	t.Setenv("PATH", t.TempDir())
	if st := v.Status("en")[0]; st.Voice != "" || !errors.Is(st.Problem, espeak.ErrMissing) {
		t.Errorf("status without espeak-ng %+v", st)
	}
}

func TestService(t *testing.T) {
	needESpeak(t)
	s := &service{pieces: 1}
	v := Open(Config{Service: &Service{Name: "far", Synthesizer: s}}, empty(t))
	defer v.Close()
	if r, err := rate(t, v, spoken.Speech{Text: "Привет", Voice: "far:alloy"}); err != nil || r != 1234 {
		t.Errorf("%d Hz, %v", r, err)
	}
	if len(s.asked) != 1 || s.asked[0].Language != "ru" || s.asked[0].Voice != "alloy" {
		t.Errorf("the service was asked for %+v", s.asked)
	}
	if r, err := rate(t, v, spoken.Speech{Text: "Hello", Voice: ESpeak}); err != nil || r != 22050 {
		t.Errorf("espeak-ng by name: %d Hz, %v", r, err)
	}
	if st := v.Status("en")[0]; st.Voice != "far" || st.Problem != nil {
		t.Errorf("status %+v", st)
	}

	// It fails before its first sound: the local voice speaks, and the status tells.
	s.pieces, s.err = 0, errors.New("far away")
	if r, err := rate(t, v, spoken.Speech{Text: "Hello"}); err != nil || r != 22050 {
		t.Errorf("%d Hz, %v", r, err)
	}
	if st := v.Status("en")[0]; st.Voice != ESpeak || !errors.Is(st.Problem, s.err) {
		t.Errorf("status %+v", st)
	}

	// It fails in the middle: saying it all again from the start would be worse than stopping.
	s.pieces = 1
	if r, err := rate(t, v, spoken.Speech{Text: "Hello"}); !errors.Is(err, s.err) || r != 1234 {
		t.Errorf("%d Hz, %v", r, err)
	}
	s.err = nil
	if _, err := rate(t, v, spoken.Speech{Text: "Hello"}); err != nil {
		t.Error(err)
	}
	if st := v.Status("en")[0]; st.Voice != "far" {
		t.Errorf("after it came back: %+v", st)
	}
}

// piper opens the voices over the installed speech pack.
func piper(t *testing.T, config Config) (*Voices, string) {
	t.Helper()
	name := speechtest.Model(t, speech.KindPiper, "en").Name
	speechtest.LibraryFolder(t)
	if espeak.DataDir() == "" {
		t.Skip("needs espeak-ng's data")
	}
	v := Open(config, store(t))
	t.Cleanup(func() {
		if err := v.Close(); err != nil {
			t.Error(err)
		}
	})
	return v, name
}

func TestPiperSpeaks(t *testing.T) {
	v, name := piper(t, Config{})
	if err := v.Warm(t.Context(), "en", "ru"); err != nil {
		t.Fatal(err)
	}
	if st := v.Status("en")[0]; st.Voice != name || st.Problem != nil {
		t.Errorf("status %+v", st)
	}
	pieces := 0
	var sound audio.PCM
	err := v.Synthesize(t.Context(), spoken.Speech{Text: "Hello, I am Mynah. I can learn to answer your questions."}, func(p audio.PCM) error {
		pieces++
		sound.Rate = p.Rate
		sound.Samples = append(sound.Samples, p.Samples...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if pieces < 2 {
		t.Errorf("it came in %d pieces", pieces)
	}
	if d := sound.Duration().Seconds(); d < 2 || d > 8 {
		t.Errorf("it takes %.1f s", d)
	}
	slow, _, _ := saidAloud(t, v, spoken.Speech{Text: "Hello, I am Mynah.", Speed: 0.5})
	fast, _, _ := saidAloud(t, v, spoken.Speech{Text: "Hello, I am Mynah.", Speed: 2})
	if slow.Duration() < 2*fast.Duration() {
		t.Errorf("%v at half speed, %v at double", slow.Duration(), fast.Duration())
	}
	if r, err := rate(t, v, spoken.Speech{Text: "Привет всем.", Voice: name}); err != nil || r == 0 {
		t.Errorf("Russian for an English voice: %d Hz, %v", r, err)
	}
}

// A steady voice says a text the same way each time, to the sample.
func TestSteadyVoice(t *testing.T) {
	v, _ := piper(t, Config{Steady: true})
	const text = "Hello, I am Mynah. I can learn to answer your questions."
	first, _, _ := saidAloud(t, v, spoken.Speech{Text: text})
	for range 3 {
		again, _, _ := saidAloud(t, v, spoken.Speech{Text: text})
		if !slices.Equal(again.Samples, first.Samples) {
			t.Errorf("%d samples and then %d others", len(first.Samples), len(again.Samples))
		}
	}
	other, _, _ := saidAloud(t, v, spoken.Speech{Text: text, Speed: 0.9})
	if other.Duration() <= first.Duration() {
		t.Errorf("%v at its own speed, %v below it", first.Duration(), other.Duration())
	}
}

func TestItIsReadBack(t *testing.T) {
	v, _ := piper(t, Config{})
	library, err := v.openLibrary()
	if err != nil {
		t.Fatal(err)
	}
	recognizer, err := library.NewRecognizer(speechtest.Model(t, speech.KindMoonshine, "en"), speech.NewCores(1), 1)
	if err != nil {
		t.Fatal(err)
	}
	defer recognizer.Close()
	var count wer.Count
	for _, text := range replies(t)[:8] {
		sound, _, _ := saidAloud(t, v, spoken.Speech{Text: text})
		count = count.Add(wer.Compare(text, hear(t, recognizer, sound)))
	}
	if count.Rate() > 0.2 {
		t.Errorf("word error rate %s", count)
	}
}

func TestManyCallers(t *testing.T) {
	v, _ := piper(t, Config{})
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if r, err := rate(t, v, spoken.Speech{Text: "One. Two."}); err != nil || r == 0 {
				t.Errorf("%d Hz, %v", r, err)
			}
		})
	}
	all.Wait()
	ended, cancel := context.WithCancel(t.Context())
	err := v.Synthesize(ended, spoken.Speech{Text: "One. Two. Three. Four."}, func(audio.PCM) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
	enough := errors.New("enough")
	if err := v.Synthesize(t.Context(), spoken.Speech{Text: "One. Two."}, func(audio.PCM) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("a listener's error: %v", err)
	}
}

func TestClosed(t *testing.T) {
	v, name := piper(t, Config{})
	if err := v.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := rate(t, v, spoken.Speech{Text: "Hello", Voice: name}); err == nil {
		t.Error("a closed voice spoke")
	}
}
