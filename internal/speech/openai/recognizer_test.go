package openai

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/spoken"
)

// transcriptions stands in for a server, and checks each request against OpenAI's description of the endpoint.
type transcriptions struct {
	t      *testing.T
	status int
	answer string
	want   map[string]string // the form's fields but the file
	asked  int
}

func (s *transcriptions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.asked++
	if r.Method != http.MethodPost || r.URL.Path != "/v1/audio/transcriptions" {
		s.t.Errorf("%s %s", r.Method, r.URL.Path)
	}
	if got := r.Header.Get("Authorization"); got != "Bearer test-key" {
		s.t.Errorf("authorization %q", got)
	}
	if err := r.ParseMultipartForm(1 << 20); err != nil {
		s.t.Error(err)
		return
	}
	got := map[string]string{}
	for name, values := range r.MultipartForm.Value {
		got[name] = strings.Join(values, ",")
	}
	if a, b := encode(got), encode(s.want); a != b {
		s.t.Errorf("fields %s, want %s", a, b)
	}
	files := r.MultipartForm.File["file"]
	if len(files) != 1 || !strings.HasSuffix(files[0].Filename, ".wav") || files[0].Header.Get("Content-Type") != "audio/wav" {
		s.t.Errorf("files %v", files)
		return
	}
	f, err := files[0].Open()
	if err != nil {
		s.t.Error(err)
		return
	}
	defer f.Close()
	sound, err := wav.NewReader(f)
	if err != nil || sound.Rate() != spoken.Rate {
		s.t.Errorf("no WAVE file at 16 kHz: %v", err)
		return
	}
	if n, err := sound.Read(make([]float32, 2*spoken.Rate)); n != spoken.Rate || err != nil && err != io.EOF {
		s.t.Errorf("a second of audio arrived as %d samples: %v", n, err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(s.status)
	io.WriteString(w, s.answer)
}

func encode(m map[string]string) string { b, _ := json.Marshal(m); return string(b) }

func TestRecognize(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "another-key")
	t.Setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
	t.Setenv("OPENAI_ORG_ID", "another-organisation")
	second := make([]float32, spoken.Rate)
	for i := range second {
		second[i] = float32(0.3 * math.Sin(float64(i)/10))
	}
	for name, tc := range map[string]struct {
		config   RecognizerConfig
		language string
		status   int
		answer   string
		fields   map[string]string
		text     string
		err      string
	}{
		"usual": {RecognizerConfig{}, "ru", 200, `{"text":" Привет, мир. "}`,
			map[string]string{"model": "whisper-1", "language": "ru", "response_format": "json"}, "Привет, мир.", ""},
		"all set": {RecognizerConfig{Model: "large", Prompt: "Mynah", Languages: []string{"en"}}, "", 200, `{"text":"hello","usage":{"type":"duration","seconds":1}}`,
			map[string]string{"model": "large", "prompt": "Mynah", "response_format": "json"}, "hello", ""},
		"bad key": {RecognizerConfig{}, "", 401, `{"error":{"message":"Incorrect API key provided: test-key","type":"invalid_request_error"}}`,
			map[string]string{"model": "whisper-1", "response_format": "json"}, "", "key in the configuration"},
		"no model": {RecognizerConfig{}, "", 404, `{"error":{"message":"none"}}`,
			map[string]string{"model": "whisper-1", "response_format": "json"}, "", "model in the configuration"},
		"bad request": {RecognizerConfig{}, "", 400, `{"error":{"message":"too short"}}`,
			map[string]string{"model": "whisper-1", "response_format": "json"}, "", "too short"},
	} {
		t.Run(name, func(t *testing.T) {
			s := &transcriptions{t: t, status: tc.status, answer: tc.answer, want: tc.fields}
			server := httptest.NewServer(s)
			defer server.Close()
			tc.config.BaseURL, tc.config.Key, tc.config.Client = server.URL+"/v1", "test-key", server.Client()
			got, err := NewRecognizer(tc.config).Recognize(t.Context(), spoken.Utterance{Samples: second, Language: tc.language})
			if tc.err != "" {
				if err == nil || !strings.Contains(err.Error(), tc.err) || strings.Contains(err.Error(), "test-key") {
					t.Errorf("error %v, want one with %q", err, tc.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got.Text != tc.text || got.Confidence != 1 || got.Language != tc.language {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestRecognizeTriesAgain(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		if asked++; asked == 1 {
			w.Header().Set("Retry-After-Ms", "1")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		io.Copy(w, bytes.NewReader([]byte(`{"text":"hello"}`)))
	}))
	defer server.Close()
	r := NewRecognizer(RecognizerConfig{BaseURL: server.URL + "/v1", Key: "k", Client: server.Client()})
	got, err := r.Recognize(t.Context(), spoken.Utterance{Samples: make([]float32, spoken.Rate)})
	if err != nil || got.Text != "hello" || asked != 2 {
		t.Errorf("%+v, %v after %d requests", got, err, asked)
	}
}

func TestRecognizeOnlyLanguage(t *testing.T) {
	r := NewRecognizer(RecognizerConfig{BaseURL: "http://127.0.0.1:0", Languages: []string{"en"}})
	if _, err := r.Recognize(t.Context(), spoken.Utterance{Language: "en"}); err != nil {
		t.Errorf("asked the server for nothing: %v", err)
	}
	var none *spoken.NoModelError
	if _, err := r.Recognize(t.Context(), spoken.Utterance{Language: "ru"}); !errors.As(err, &none) {
		t.Errorf("Russian: %v", err)
	}
}
