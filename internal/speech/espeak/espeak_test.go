package espeak

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/spoken"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func installed(t *testing.T) Synthesizer {
	t.Helper()
	s := Synthesizer{}
	if err := s.Available(); err != nil {
		t.Skip("needs espeak-ng")
	}
	return s
}

func length(t *testing.T, s Synthesizer, what spoken.Speech) time.Duration {
	t.Helper()
	var sum time.Duration
	loud := false
	err := s.Synthesize(t.Context(), what, func(p audio.PCM) error {
		sum += p.Duration()
		for _, x := range p.Samples {
			loud = loud || x > 0.1
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if sum > 0 && !loud {
		t.Errorf("%q gives silence", what.Text)
	}
	return sum
}

func TestSynthesize(t *testing.T) {
	s := installed(t)
	english := length(t, s, spoken.Speech{Text: "Hello, I am Mynah, and I can learn.", Language: "en"})
	if english < time.Second || english > 5*time.Second {
		t.Errorf("an English sentence takes %v", english)
	}
	if russian := length(t, s, spoken.Speech{Text: "Привет, я Майна, и я умею учиться."}); russian < time.Second {
		t.Errorf("a Russian sentence takes %v", russian)
	}
	fast := length(t, s, spoken.Speech{Text: "Hello, I am Mynah, and I can learn.", Language: "en", Speed: 2})
	if fast > english*3/4 {
		t.Errorf("%v at double speed, %v at the usual one", fast, english)
	}
	if n := length(t, s, spoken.Speech{Text: " ... 🙂 "}); n != 0 {
		t.Errorf("nothing to say takes %v", n)
	}
	// What looks like an option or like markup is text.
	if n := length(t, s, spoken.Speech{Text: "-f /etc/passwd --version", Language: "en"}); n < time.Second {
		t.Errorf("a text like an option takes %v", n)
	}
}

func TestSynthesizeRefuses(t *testing.T) {
	s := installed(t)
	none := func(audio.PCM) error { t.Error("there was sound"); return nil }
	for name, tc := range map[string]struct {
		what spoken.Speech
		want string
	}{
		"unknown language": {spoken.Speech{Text: "hello", Language: "qqq"}, "does not exist"},
		"an option":        {spoken.Speech{Text: "hello", Language: "--help"}, "not a language"},
		"a long text":      {spoken.Speech{Text: strings.Repeat("hello ", maxText), Language: "en"}, "bytes"},
	} {
		if err := s.Synthesize(t.Context(), tc.what, none); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Synthesize(ended, spoken.Speech{Text: "hello"}, none); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if err := s.Synthesize(t.Context(), spoken.Speech{Text: "hello"}, none); !errors.Is(err, ErrMissing) {
		t.Errorf("without the program: %v", err)
	}
}

func TestListenerStopsIt(t *testing.T) {
	s := installed(t)
	enough := errors.New("enough")
	calls := 0
	err := s.Synthesize(t.Context(), spoken.Speech{Text: strings.Repeat("Hello there. ", 2000)}, func(audio.PCM) error {
		calls++
		return enough
	})
	if !errors.Is(err, enough) || calls != 1 {
		t.Errorf("error %v after %d calls", err, calls)
	}
}

func TestDataDir(t *testing.T) {
	installed(t)
	if dir := DataDir(); dir == "" {
		t.Error("espeak-ng is there, and its data is not")
	}
	own := t.TempDir()
	if err := os.WriteFile(filepath.Join(own, "phontab"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ESPEAK_DATA_PATH", own)
	if dir := DataDir(); dir != own {
		t.Errorf("DataDir = %s, want %s", dir, own)
	}
}
