package models

import (
	"os"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

func TestBuiltIn(t *testing.T) {
	c, err := BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Models) < 30 {
		t.Errorf("only %d models", len(c.Models))
	}
	p, ok := c.Pack(SpeechPack)
	if !ok || len(p.Models) == 0 {
		t.Fatalf("no %s", SpeechPack)
	}
	for _, want := range []struct {
		task     Task
		language string
		name     string
	}{
		{Recognizer, "en", "moonshine-tiny-en"},
		{Recognizer, "ru", "zipformer-ru-int8"},
		{Recognizer, "sv", "parakeet-tdt-0.6b-v3"}, // 25 languages before Whisper's 100
		{Recognizer, "xx", ""},
		{Voice, "ru", "piper-ru_RU-denis-medium-int8"},
		{Voice, "ja", ""},
	} {
		if got := c.Suggest(want.task, want.language); got != want.name {
			t.Errorf("Suggest(%s, %s) = %q, want %q", want.task, want.language, got, want.name)
		}
	}
	for _, e := range c.Models {
		for _, m := range e.Mirrors {
			for _, s := range m.Sources {
				if address := s.Archive + s.URL; address != "" && !strings.HasPrefix(address, "https://") {
					t.Errorf("%s: %s is not https", e.Name, address)
				}
			}
		}
	}
}

// entry is a valid catalogue with one model; tests change it in one place.
const entry = `
models:
  - name: m
    kind: whisper
    languages: [en]
    licence: MIT
    size: 10
    mirrors:
      - platform: linux/amd64
        sources:
          - archive: https://example.org/m.tar.bz2
            size: 10
            sha256: 0000000000000000000000000000000000000000000000000000000000000000
      - sources:
          - npm: '@scope/m@1.2.3'
            files:
              - from: package/encoder.onnx
                size: 3
                sha256: 1111111111111111111111111111111111111111111111111111111111111111
packs:
  - name: p
    models: [m]
`

func TestParseCatalogueRefuses(t *testing.T) {
	if _, err := ParseCatalogue([]byte(entry)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ from, to, want string }{
		{"name: m\n", "name: ../m\n", "not a name"},
		{"name: m\n", "name: m\n    unheard: of\n", "unheard"},
		{"kind: whisper", "kind: unheard", "not known"},
		{"    licence: MIT\n", "", "licence"},
		{"[en]", "[English]", "not a language"},
		{"[en]", "[]", "no languages"},
		{"size: 10\n    mirrors", "size: -1\n    mirrors", "out of range"},
		{"linux/amd64", "linux", "not a platform"},
		{"https://", "http://", "https"},
		{"https://example.org", "file://", "https"},
		{"m.tar.bz2", "m.rar", "no .tar.bz2"},
		{"sha256: 0000", "sha256: 000", "no SHA-256"},
		{"sha256: 1111", "sha256: 111", "no SHA-256"},
		{"@1.2.3", "", "not a package"},
		{"'@scope/m@1.2.3'", "'--version@1.2.3'", "not a package"},
		{"package/encoder.onnx", "../encoder.onnx", "can't be taken"},
		{"package/encoder.onnx", "package/model.json", "can't be taken"},
		{"models: [m]", "models: [n]", "not there"},
		{"name: p", "name: m", "name of its own"},
		{"packs:", "  - name: m\npacks:", "no kind"},
		{"    mirrors:", "    prepare: unheard\n    mirrors:", "not known"},
		{"    mirrors:", "    files: {encoder: ../x}\n    mirrors:", "can't be the file"},
		{"            files:", "            url: https://example.org/x\n            files:", "one of"},
	} {
		changed := strings.Replace(entry, test.from, test.to, 1)
		if changed == entry {
			t.Fatalf("%q is not in the entry", test.from)
		}
		_, err := ParseCatalogue([]byte(changed))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q for %q: error %v, want one with %q", test.to, test.from, err, test.want)
		}
	}
}

func FuzzParseCatalogue(f *testing.F) {
	f.Add([]byte(entry))
	b, err := os.ReadFile("catalogue.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseCatalogue(b)
		if err != nil {
			return
		}
		again, err := yaml.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ParseCatalogue(again); err != nil {
			t.Fatalf("what was accepted is refused when written again: %v\n%s", err, again)
		}
	})
}
