package rhvoice

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/spoken"
)

// installed has a program in PATH that is told as RHVoice is: it notes its arguments and its text, and copies a sound.
func installed(t *testing.T, script string, voices map[string]string) (notes string) {
	t.Helper()
	dir := t.TempDir()
	notes = filepath.Join(dir, "notes")
	sound := filepath.Join(dir, "sound.wav")
	if err := os.WriteFile(sound, wav.Encode(24000, make([]float32, 12000)), 0o644); err != nil {
		t.Fatal(err)
	}
	if script == "" {
		script = `printf '%s ' "$@" >> "$NOTES"; cat >> "$NOTES"; while [ "$1" != -o ]; do shift; done; cp "$SOUND" "$2"`
	}
	for name, content := range map[string]string{"bin/" + rhvoiceTest: "#!/bin/sh\nNOTES=" + notes + " SOUND=" + sound + "\n" + script + "\n"} {
		voices[name] = content
	}
	for name, content := range voices {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", filepath.Join(dir, "bin")+":/usr/bin:/bin")
	t.Setenv("RHVOICE_DATA_PATH", "")
	return notes
}

func russian() map[string]string {
	return map[string]string{
		"share/RHVoice/voices/elena/voice.info":  "name=Elena\nlanguage=Russian\n",
		"share/RHVoice/voices/anna/voice.info":   "name=Anna\nlanguage=Russian\ngender=female\n",
		"share/RHVoice/voices/zoe/voice.info":    "name=Zoe\nlanguage=Klingon\n",
		"share/RHVoice/voices/bdl/voice.info":    "name=Bdl\nlanguage=English\n",
		"share/RHVoice/voices/broken/voice.info": "nothing",
	}
}

func TestSynthesize(t *testing.T) {
	notes := installed(t, "", russian())
	s, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := s.Voice("ru"); !ok || v.Name != "Anna" || len(s.Voices) != 3 {
		t.Errorf("voices %v", s.Voices)
	}
	if _, ok := s.Voice("de"); ok {
		t.Error("speaks German")
	}
	n := 0
	emit := func(p audio.PCM) error {
		n += len(p.Samples)
		if p.Rate != 24000 {
			t.Errorf("at %d Hz", p.Rate)
		}
		return nil
	}
	if err := s.Synthesize(t.Context(), spoken.Speech{Text: "Доброе утро, дорогие друзья! Как дела?", Language: "ru", Speed: 1.5}, emit); err != nil {
		t.Fatal(err)
	}
	told, err := os.ReadFile(notes)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(told); !strings.Contains(text, "-p Anna -r 150 -o ") || !strings.Contains(text, "Доброе утро") || !strings.Contains(text, "Как дела?") || n < 12000 {
		t.Errorf("%d samples of %q", n, text)
	}
	if err := s.Synthesize(t.Context(), spoken.Speech{Text: "…!", Language: "ru"}, emit); err != nil {
		t.Errorf("nothing to say: %v", err)
	}
	for name, what := range map[string]spoken.Speech{
		"another language": {Text: "Hallo", Language: "de"}, "another voice": {Text: "привет", Voice: "Nobody", Language: "ru"},
		"too much": {Text: strings.Repeat("да ", 50_000), Language: "ru"},
	} {
		if err := s.Synthesize(t.Context(), what, emit); err == nil {
			t.Errorf("%s: spoken", name)
		}
	}
	enough := errors.New("enough")
	if err := s.Synthesize(t.Context(), spoken.Speech{Text: "привет", Language: "ru"}, func(audio.PCM) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("the listener's error is lost: %v", err)
	}
}

func TestSynthesizeFails(t *testing.T) {
	for name, script := range map[string]string{"fails": "echo no such voice >&2; exit 3", "gives nothing": "exit 0"} {
		installed(t, script, russian())
		s, err := Find()
		if err != nil {
			t.Fatal(err)
		}
		err = s.Synthesize(t.Context(), spoken.Speech{Text: "привет", Language: "ru"}, func(audio.PCM) error { return nil })
		if err == nil || name == "fails" && !strings.Contains(err.Error(), "no such voice") {
			t.Errorf("%s: %v", name, err)
		}
	}
	installed(t, "exec sleep 60", russian())
	s, err := Find()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	context.AfterFunc(t.Context(), cancel)
	cancel()
	if err := s.Synthesize(ctx, spoken.Speech{Text: "привет", Language: "ru"}, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestFindMissing(t *testing.T) {
	installed(t, "", map[string]string{})
	if _, err := Find(); !errors.Is(err, ErrMissing) {
		t.Errorf("without voices: %v", err)
	}
	t.Setenv("PATH", t.TempDir())
	if _, err := Find(); !errors.Is(err, ErrMissing) {
		t.Errorf("without the program: %v", err)
	}
}
