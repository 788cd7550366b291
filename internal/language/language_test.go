package language_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/mynahbot/mynah/internal/language"
	"github.com/mynahbot/mynah/internal/language/languagetest"
)

func TestAllLanguages(t *testing.T) {
	all, err := language.All()
	if err != nil {
		t.Fatal(err)
	}
	if tags := all.Tags(); !slices.Equal(tags, []string{"en", "ru"}) {
		t.Errorf("languages: %v", tags)
	}
	for locales, want := range map[string]string{
		"": "en", "ru": "ru", "RU-ru": "ru", "de en-GB": "en", "de ru_RU": "ru", "rus": "en", "xx yy": "en",
	} {
		if got := all.Match(strings.Fields(locales)...); got != want {
			t.Errorf("%q matches %s, wants %s", locales, got, want)
		}
	}
}

func TestAFolderIsWhole(t *testing.T) {
	files := fstest.MapFS{"en/a.yaml": {}, "en/b.md": {}, "de/a.yaml": {}, "README.md": {}}
	if _, err := language.Open(files); err == nil || !strings.Contains(err.Error(), "de/b.md") {
		t.Errorf("a missing file: %v", err)
	}
	if _, err := language.Open(fstest.MapFS{"de/a.yaml": {}}); err == nil || !strings.Contains(err.Error(), "en") {
		t.Errorf("no English: %v", err)
	}
	files["de/b.md"] = &fstest.MapFile{}
	files["de/a.yaml"] = &fstest.MapFile{Data: []byte("other: 1")}
	all, err := language.Open(files)
	if err != nil {
		t.Fatal(err)
	}
	var into struct{ Known int }
	if err := all.Decode("de", "a.yaml", &into); err == nil || !strings.Contains(err.Error(), "language de, a.yaml") {
		t.Errorf("a field that nobody knows: %v", err)
	}
}

func TestWords(t *testing.T) {
	for text, want := range map[string]bool{"Yes": true, " да ": true, "ИСТИНА": true, "on": true, "+": true, "no": false, "нет": false, "0": false} {
		if got, ok := language.Known().Truth(text); !ok || got != want {
			t.Errorf("%q is %v, %v", text, got, ok)
		}
	}
	if _, ok := language.Known().Truth("perhaps"); ok {
		t.Error("perhaps is true or false")
	}
	words, err := languagetest.WithMadeUp(t).Words()
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := words.Truth(languagetest.Greek("yes")); !got || !ok {
		t.Errorf("yes of a language that was added is %v, %v", got, ok)
	}
}
