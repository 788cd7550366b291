package models

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/speech"
)

// installed puts models into a folder as a person would, by hand.
func installed(t *testing.T, dir string, all ...speech.Model) {
	t.Helper()
	for _, m := range all {
		folder := filepath.Join(dir, m.Name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		m.Files = map[string]string{"model": "model.onnx"}
		write(t, folder, map[string][]byte{"model.onnx": []byte(m.Name)})
		if err := writeJSON(filepath.Join(folder, speech.ModelFile), m); err != nil {
			t.Fatal(err)
		}
	}
}

func recognizer(name string, languages ...string) speech.Model {
	return speech.Model{Name: name, Kind: speech.KindNemoCTC, Languages: languages}
}

func TestFindAndUse(t *testing.T) {
	c, err := BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	first, second := t.TempDir(), t.TempDir()
	s, err := Open(c, first, second)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Find(Recognizer, "ru")
	if !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "mynah models pull ru") {
		t.Errorf("without models: %v", err)
	}
	if _, err := s.Find(Recognizer, "xx"); !errors.Is(err, ErrNotInstalled) || strings.Contains(err.Error(), "pull") {
		t.Errorf("without a model in the catalogue: %v", err)
	}

	installed(t, first, recognizer("another", "ru", "en"), recognizer("whisper-tiny", "ru", "en"))
	installed(t, second, recognizer("gigaam-v2-ctc-ru", "ru"), speech.Model{Name: "silero", Kind: speech.KindVAD})
	want := func(task Task, language, name string) {
		t.Helper()
		m, err := s.Find(task, language)
		if err != nil || m.Name != name {
			t.Errorf("Find(%s, %s) = %v, %v; want %s", task, language, m, err, name)
		}
	}
	want(Recognizer, "ru", "gigaam-v2-ctc-ru") // the catalogue's order
	want(Recognizer, "en", "whisper-tiny")     // what is in the catalogue before what is not
	want(VAD, "", "silero")

	if err := s.Use(t.Context(), "another", "ru"); err != nil {
		t.Fatal(err)
	}
	want(Recognizer, "ru", "another")
	want(Recognizer, "en", "whisper-tiny")
	if err := s.Use(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	want(Recognizer, "en", "another")
	if err := s.Use(t.Context(), "silero"); err != nil {
		t.Fatal(err)
	}
	items, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(items, func(i Item) bool { return i.Name == "another" })
	if i < 0 || items[i].Model == nil || !slices.Equal(items[i].Chosen, []string{"en", "ru"}) {
		t.Errorf("listed as %+v", items[max(i, 0)])
	}
	if items[0].Name != c.Models[0].Name || items[0].Model != nil {
		t.Errorf("first is %+v", items[0])
	}

	installed(t, first, speech.Model{Name: "own", Kind: KindEncoder, Languages: []string{"en"}}, speech.Model{Name: "minilm-l6-en-int8", Kind: KindEncoder, Languages: []string{"en"}})
	want(Encoder, "", "minilm-l6-en-int8")
	if err := s.Use(t.Context(), "own"); err != nil {
		t.Fatal(err)
	}
	want(Encoder, "", "own") // whatever its languages

	for name, err := range map[string]error{
		"an encoder by language": s.Use(t.Context(), "own", "en"),
		"a language it lacks":    s.Use(t.Context(), "another", "de"),
		"not installed":          s.Use(t.Context(), "whisper-base"),
		"a path":                 s.Use(t.Context(), "../another"),
		"remove a path":          s.Remove(t.Context(), ".."),
		"remove nothing":         s.Remove(t.Context(), "whisper-base"),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}

	if err := s.Remove(t.Context(), "another"); err != nil {
		t.Fatal(err)
	}
	want(Recognizer, "ru", "gigaam-v2-ctc-ru")
	if err := s.Remove(t.Context(), "gigaam-v2-ctc-ru"); err != nil { // in the second folder
		t.Fatal(err)
	}
	want(Recognizer, "ru", "whisper-tiny")
}

func TestChosenButDamaged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, &Catalogue{}, dir)
	installed(t, dir, recognizer("good", "ru"), recognizer("bad", "ru"))
	if err := s.Use(t.Context(), "bad"); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "bad", "model.onnx")); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Find(Recognizer, "ru"); err == nil {
		t.Errorf("a damaged choice was replaced by %s without a word", m.Name)
	}
	items, err := s.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range items {
		if (i.Problem != nil) != (i.Name == "bad") {
			t.Errorf("%s: problem %v", i.Name, i.Problem)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, choiceFile), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(Recognizer, "ru"); err == nil || !strings.Contains(err.Error(), choiceFile) {
		t.Errorf("broken choices: %v", err)
	}
}

func TestDirs(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv("XDG_DATA_HOME", "")
	for _, test := range []struct {
		override, data, xdg string
		want                []string
	}{
		{"", "/data", "", []string{"/data/models", "/home/me/.local/share/mynah/models"}},
		{"", "/home/me/.local/share/mynah", "", []string{"/home/me/.local/share/mynah/models"}},
		{"", "/data", "/x", []string{"/data/models", "/x/mynah/models"}},
		{"", "/data", "relative", []string{"/data/models", "/home/me/.local/share/mynah/models"}},
		{"/a:/b/", "/data", "", []string{"/a", "/b"}},
	} {
		t.Setenv("XDG_DATA_HOME", test.xdg)
		if got := Dirs(test.override, test.data); !slices.Equal(got, test.want) {
			t.Errorf("Dirs(%q, %q) = %v, want %v", test.override, test.data, got, test.want)
		}
	}
}

// The installed speech pack, where there is one, is what the catalogue says.
func TestInstalledPack(t *testing.T) {
	c, err := BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(c, Dirs(os.Getenv("MYNAH_MODELS"), "")...)
	if err != nil {
		t.Fatal(err)
	}
	p, _ := c.Pack(SpeechPack)
	for _, name := range p.Models {
		if _, err := s.Installed(name); errors.Is(err, ErrNotInstalled) {
			t.Skip("needs the speech pack: run make run once, or set MYNAH_MODELS")
		}
		if err := s.Verify(name); err != nil {
			t.Error(err)
		}
	}
	r, err := s.InstallPack(t.Context(), func(p Progress) {
		if p.Step != Skipped {
			t.Errorf("%s is not installed completely: %s", p.Model, p.Step)
		}
	})
	if err != nil || len(r.Models) < len(p.Models) {
		t.Errorf("%d models, %v", len(r.Models), err)
	}
}

func FuzzReceipt(f *testing.F) {
	f.Add([]byte(`{"source":"npm:x@1.0.0","files":[{"name":"a/b","size":1,"sha256":"` + strings.Repeat("0", 64) + `","modified":"2026-11-22T15:18:44.9Z"}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := parseReceipt(b)
		if err != nil {
			return
		}
		for _, file := range r.Files {
			if !filepath.IsLocal(file.Name) {
				t.Errorf("%q leads out of the folder", file.Name)
			}
		}
	})
}

// What a killed change left is removed at the start, but not while another process changes the folder.
func TestSweep(t *testing.T) {
	c, err := BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	s, err := Open(c, dir)
	if err != nil {
		t.Fatal(err)
	}
	unlock, err := lock(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(dir, scratch+"1")
	write(t, left, map[string][]byte{"model.onnx": []byte("half")})
	if err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); err != nil {
		t.Errorf("what another process works on is gone: %v", err)
	}
	unlock()
	if err := s.Sweep(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}
