package models

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/speech"
)

// forRussian is a catalogue of two recognizers and two voices for Russian, and where each is served.
func forRussian(t *testing.T, addresses map[string]string) *Catalogue {
	t.Helper()
	c := &Catalogue{Languages: []Recommendation{{Language: "ru", Recognizers: []string{"best", "second"}, Voices: []string{"voice", "other-voice"}}}}
	for _, m := range []struct {
		name, file string
		kind       speech.Kind
	}{
		{"second", "whisper.tar.bz2", speech.KindWhisper}, {"best", "transducer.tar.bz2", speech.KindNemoTransducer},
		{"voice", "piper.tar.bz2", speech.KindPiper}, {"other-voice", "piper.tar.bz2", speech.KindPiper},
	} {
		content := testdata(t, m.file)
		c.Models = append(c.Models, Entry{Name: m.name, Kind: m.kind, Languages: []string{"ru"}, Licence: "MIT", Size: int64(len(content)),
			Mirrors: []Mirror{{Sources: []Source{{Archive: addresses[m.name] + "/" + m.file, Size: int64(len(content)), SHA256: digest(content)}}}}})
	}
	return c
}

func TestPullLanguage(t *testing.T) {
	m := &mirror{files: map[string][]byte{}}
	for _, name := range []string{"whisper.tar.bz2", "transducer.tar.bz2", "piper.tar.bz2"} {
		m.files["/"+name] = testdata(t, name)
	}
	here, gone := m.start(t), "http://127.0.0.1:1" // where nobody listens
	for name, test := range map[string]struct {
		unreachable []string
		installed   []string
		skipped     []string
		fails       bool
	}{
		"everything":    {nil, []string{"best", "voice"}, nil, false},
		"not the best":  {[]string{"best"}, []string{"second", "voice"}, []string{"best"}, false},
		"no best voice": {[]string{"voice"}, []string{"best", "other-voice"}, []string{"voice"}, false},
		"no voice":      {[]string{"voice", "other-voice"}, []string{"best"}, []string{"voice", "other-voice"}, false},
		"voices only":   {[]string{"best", "second"}, nil, []string{"best"}, true},
		"nothing":       {[]string{"best", "second", "voice", "other-voice"}, nil, []string{"best"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			addresses := map[string]string{"best": here, "second": here, "voice": here, "other-voice": here}
			for _, u := range test.unreachable {
				addresses[u] = gone
			}
			s := open(t, forRussian(t, addresses), t.TempDir())
			notes := map[string]string{}
			got, err := s.PullLanguage(t.Context(), "ru", func(p Progress) {
				if p.Step == Skipped {
					notes[p.Model] = p.Note
				}
			})
			var none *LanguageError
			if failed := errors.As(err, &none); failed != test.fails || err != nil && !failed {
				t.Fatalf("got %v", err)
			}
			if test.fails {
				for _, want := range []string{`"ru"`, "best, second", "127.0.0.1 can't be reached", "mynah models add"} {
					if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
						t.Errorf("%q is not a sentence with %q", err, want)
					}
				}
			}
			var names []string
			for _, m := range got.Models {
				names = append(names, m.Name)
			}
			if strings.Join(names, " ") != strings.Join(test.installed, " ") || len(got.Skipped) != len(test.skipped) {
				t.Errorf("installed %v, skipped %v", names, got.Skipped)
			}
			for _, name := range test.skipped {
				if notes[name] == "" || got.Skipped[name] == nil {
					t.Errorf("nobody says that %s is skipped", name)
				}
			}
			if !test.fails {
				if m, err := s.Find(Recognizer, "ru"); err != nil || m.Name != test.installed[0] {
					t.Errorf("%v, %v is used", m, err)
				}
			}
		})
	}
	s := open(t, forRussian(t, nil), t.TempDir())
	var none *LanguageError
	if _, err := s.PullLanguage(t.Context(), "xx", nil); !errors.As(err, &none) || !strings.Contains(err.Error(), `"xx"`) {
		t.Errorf("a language that nothing knows: %v", err)
	}
}

// TestPullErrorIsASentence has a host that answers with an error, and nobody at another.
func TestPullErrorIsASentence(t *testing.T) {
	content := testdata(t, "whisper.tar.bz2")
	address := (&mirror{status: []int{http.StatusForbidden}}).start(t)
	s := open(t, archived("m", speech.KindWhisper, content, address+"/m.tar.bz2", "http://127.0.0.1:1/m.tar.bz2"), t.TempDir())
	_, err := s.Pull(t.Context(), "m", nil)
	var pull *PullError
	if !errors.As(err, &pull) || len(pull.Places()) != 2 {
		t.Fatalf("got %v", err)
	}
	for _, want := range []string{"403", "127.0.0.1 can't be reached", "mynah models add"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q doesn't say %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
}

func TestRecommend(t *testing.T) {
	c, err := BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	for language, want := range map[string]string{"ru": "gigaam-v3-punct-transducer-ru", "en": "moonshine-base-en", "de": "parakeet-tdt-0.6b-v3"} {
		if r, ok := c.Recommend(language); !ok || r.Recognizers[0] != want {
			t.Errorf("%s: %v, %v", language, r, ok)
		}
	}
	if r, ok := c.Recommend("tlh"); ok {
		t.Errorf("Klingon: %v", r)
	}
}
