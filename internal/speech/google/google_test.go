package google

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/spoken"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// service stands in for Google's. It checks each request as far as the real one is known to.
type service struct {
	t      *testing.T
	status int
	answer string
	lang   string // of the last request
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for key, want := range map[string]string{"client": "chromium", "key": "test-key", "pFilter": "0"} {
		if got := q.Get(key); got != want {
			s.t.Errorf("%s is %q, want %q", key, got, want)
		}
	}
	s.lang = q.Get("lang")
	if r.Method != http.MethodPost || r.URL.Path != "/speech-api/v2/recognize" {
		s.t.Errorf("%s %s", r.Method, r.URL.Path)
	}
	if got := r.Header.Get("Content-Type"); got != "audio/x-flac; rate=16000" {
		s.t.Errorf("content type %q", got)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || !bytes.HasPrefix(body, []byte("fLaC")) {
		s.t.Errorf("no FLAC: % x, %v", body[:min(8, len(body))], err)
	}
	n := 0
	if err := audio.Decode(r.Context(), bytes.NewReader(body), audio.Limits{}, func(x []float32) error { n += len(x); return nil }); err != nil || n != spoken.Rate {
		s.t.Errorf("a second of audio arrived as %d samples: %v", n, err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(s.status)
	io.WriteString(w, s.answer)
}

func second() []float32 {
	samples := make([]float32, spoken.Rate)
	for i := range samples {
		samples[i] = float32(0.3 * math.Sin(float64(i)/10))
	}
	return samples
}

func TestRecognize(t *testing.T) {
	for name, tc := range map[string]struct {
		language   string
		status     int
		answer     string
		lang       string
		text       string
		confidence float64
		err        string
	}{
		"one text": {"ru", 200, "{\"result\":[]}\n{\"result\":[{\"alternative\":[{\"transcript\":\"привет мир\",\"confidence\":0.91}," +
			"{\"transcript\":\"привет мил\"}],\"final\":true}],\"result_index\":0}\n", "ru-RU", "привет мир", 0.91, ""},
		"no confidence": {"", 200, `{"result":[{"alternative":[{"transcript":"hello"}],"final":true}]}`, "en-GB", "hello", 1, ""},
		"the surest":    {"de", 200, `{"result":[{"alternative":[{"transcript":"a","confidence":0.2},{"transcript":"b","confidence":0.8}]}]}`, "de-DE", "b", 0.8, ""},
		"nothing":       {"en", 200, "{\"result\":[]}\n", "en-GB", "", 1, ""},
		"empty":         {"en", 200, "", "en-GB", "", 1, ""},
		"no language":   {"xx", 200, "", "", "", 0, `"xx"`},
		"bad key":       {"en", 403, "Forbidden", "en-GB", "", 0, "key in the configuration"},
		"broken":        {"en", 500, "", "en-GB", "", 0, "500"},
		"no JSON":       {"en", 200, "<html>", "en-GB", "", 0, "not understood"},
		"endless":       {"en", 200, strings.Repeat(" ", maxAnswer+1), "en-GB", "", 0, "over"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &service{t: t, status: tc.status, answer: tc.answer}
			server := httptest.NewServer(s)
			defer server.Close()
			r := New(Config{Key: "test-key", Endpoint: server.URL + "/speech-api/v2/recognize", Client: server.Client(), Regions: map[string]string{"en": "en-GB"}})
			got, err := r.Recognize(t.Context(), spoken.Utterance{Samples: second(), Language: tc.language})
			if s.lang != tc.lang {
				t.Errorf("asked for %q, want %q", s.lang, tc.lang)
			}
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "test-key") {
					t.Errorf("error %v, want one with %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Text != tc.text || math.Abs(got.Confidence-tc.confidence) > 1e-9 {
				t.Errorf("got %+v, want %q with %v", got, tc.text, tc.confidence)
			}
		})
	}
}

func TestErrorsKeepTheKey(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	r := New(Config{Key: "test-key", Endpoint: server.URL})
	_, err := r.Recognize(t.Context(), spoken.Utterance{Samples: second()})
	if err == nil || strings.Contains(err.Error(), "test-key") {
		t.Errorf("%v", err)
	}
}

func TestOnlyLanguage(t *testing.T) {
	r := New(Config{Endpoint: "http://127.0.0.1:0"})
	if _, err := r.Recognize(t.Context(), spoken.Utterance{Language: "ru"}); err != nil {
		t.Errorf("asked the service for nothing: %v", err)
	}
	var none *spoken.NoModelError
	if _, err := r.Recognize(t.Context(), spoken.Utterance{Language: "tlh"}); !errors.As(err, &none) {
		t.Errorf("Klingon: %v", err)
	}
	if l := r.Languages(); l[0] != "en" || len(l) != len(regions) {
		t.Errorf("languages %v", l)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("{\"result\":[]}\n{\"result\":[{\"alternative\":[{\"transcript\":\"a\",\"confidence\":0.9}]}]}"))
	f.Add([]byte("{\"result\":[{}]}\n\n[]"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if best, err := parse(body); err != nil && best.Transcript != "" {
			t.Errorf("both %q and %v", best.Transcript, err)
		}
	})
}
