package openai

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/spoken"
)

// speaker stands in for a server, and checks each request against OpenAI's description of the endpoint.
type speaker struct {
	t      *testing.T
	status int
	answer []byte

	mu    sync.Mutex
	asked []map[string]any
}

func (s *speaker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost || r.URL.Path != "/v1/audio/speech" {
		s.t.Errorf("%s %s", r.Method, r.URL.Path)
	}
	if got := r.Header.Get("Authorization"); got != "Bearer test-key" {
		s.t.Errorf("authorization %q", got)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json" {
		s.t.Errorf("content type %q", got)
	}
	var body map[string]any
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		s.t.Error(err)
	}
	if input, _ := body["input"].(string); input == "" || len([]rune(input)) > 4096 {
		s.t.Errorf("an input of %d characters", len([]rune(input)))
	}
	s.mu.Lock()
	s.asked = append(s.asked, body)
	s.mu.Unlock()
	if s.status != 0 {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(s.status)
	}
	w.Write(s.answer)
}

func (s *speaker) start(t *testing.T, c SynthesizerConfig) *Synthesizer {
	t.Helper()
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	c.BaseURL, c.Key, c.Client = server.URL+"/v1", "test-key", server.Client()
	return NewSynthesizer(c)
}

// second is a second of quiet sound.
func second() []float32 {
	samples := make([]float32, 24000)
	for i := range samples {
		samples[i] = float32(i%100)/200 - 0.25
	}
	return samples
}

func TestSynthesize(t *testing.T) {
	t.Setenv("OPENAI_API_KEY", "another-key")
	t.Setenv("OPENAI_BASE_URL", "http://127.0.0.1:1")
	for name, test := range map[string]struct {
		config SynthesizerConfig
		what   spoken.Speech
		want   map[string]any
	}{
		"usual": {SynthesizerConfig{}, spoken.Speech{Text: "**Hello** there."},
			map[string]any{"input": "Hello there.", "model": "tts-1", "voice": "alloy", "response_format": "wav"}},
		"all set": {SynthesizerConfig{Model: "kokoro", Voice: "af_heart"}, spoken.Speech{Text: "Привет", Language: "ru", Speed: 1.5},
			map[string]any{"input": "Привет", "model": "kokoro", "voice": "af_heart", "response_format": "wav", "speed": 1.5}},
		"another voice": {SynthesizerConfig{}, spoken.Speech{Text: "Hi", Voice: "nova"},
			map[string]any{"input": "Hi", "model": "tts-1", "voice": "nova", "response_format": "wav"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &speaker{t: t, answer: wav.Encode(24000, second())}
			pieces, samples := 0, 0
			err := s.start(t, test.config).Synthesize(t.Context(), test.what, func(p audio.PCM) error {
				if p.Rate != 24000 {
					t.Errorf("rate %d", p.Rate)
				}
				pieces++
				samples += len(p.Samples)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if samples != 24000 || pieces < 3 {
				t.Errorf("%d samples in %d pieces", samples, pieces)
			}
			got, _ := json.Marshal(s.asked)
			want, _ := json.Marshal([]any{test.want})
			if string(got) != string(want) {
				t.Errorf("asked %s, want %s", got, want)
			}
		})
	}
}

func TestSynthesizeLongText(t *testing.T) {
	s := &speaker{t: t, answer: wav.Encode(24000, second())}
	synthesizer := s.start(t, SynthesizerConfig{})
	if err := synthesizer.Synthesize(t.Context(), spoken.Speech{Text: strings.Repeat("This is one of many sentences. ", 300)}, func(audio.PCM) error { return nil }); err != nil {
		t.Fatal(err)
	}
	words := 0
	for _, body := range s.asked {
		words += len(strings.Fields(body["input"].(string)))
	}
	if len(s.asked) != 3 || words != 6*300 {
		t.Errorf("%d words in %d requests", words, len(s.asked))
	}
	if err := synthesizer.Synthesize(t.Context(), spoken.Speech{Text: "..."}, nil); err != nil || len(s.asked) != 3 {
		t.Errorf("nothing to say: %v, %d requests", err, len(s.asked))
	}
}

func TestSynthesizeOtherFormat(t *testing.T) {
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("needs ffmpeg")
	}
	mp3, err := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "sine=440:duration=1", "-f", "mp3", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	samples := 0
	err = (&speaker{t: t, answer: mp3}).start(t, SynthesizerConfig{}).Synthesize(t.Context(), spoken.Speech{Text: "Hi"}, func(p audio.PCM) error {
		samples += len(p.Samples)
		return nil
	})
	if seconds := float64(samples) / audio.DecodeRate; err != nil || seconds < 0.9 || seconds > 1.2 {
		t.Errorf("%.2f s, %v", seconds, err)
	}
}

func TestSynthesizeFails(t *testing.T) {
	none := func(audio.PCM) error { return nil }
	for name, test := range map[string]struct {
		s    *speaker
		want string
	}{
		"bad key":       {&speaker{status: 401, answer: []byte(`{"error":{"message":"Incorrect API key provided: test-key"}}`)}, "key in the configuration"},
		"no model":      {&speaker{status: 404, answer: []byte(`{"error":{"message":"none"}}`)}, "model in the configuration"},
		"bad voice":     {&speaker{status: 400, answer: []byte(`{"error":{"message":"no voice alloy"}}`)}, "no voice alloy"},
		"a page":        {&speaker{answer: []byte("<html>Hello, this is a page and not a sound</html>")}, "audio"},
		"nothing":       {&speaker{}, "empty"},
		"half a header": {&speaker{answer: wav.Encode(24000, second())[:20]}, "WAVE"},
	} {
		t.Run(name, func(t *testing.T) {
			test.s.t = t
			err := test.s.start(t, SynthesizerConfig{}).Synthesize(t.Context(), spoken.Speech{Text: "Hi"}, none)
			if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "test-key") {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
	enough := errors.New("enough")
	s := &speaker{t: t, answer: wav.Encode(24000, second())}
	if err := s.start(t, SynthesizerConfig{}).Synthesize(t.Context(), spoken.Speech{Text: "Hi"}, func(audio.PCM) error { return enough }); err != enough {
		t.Errorf("a listener's error: %v", err)
	}
	closed := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	address := closed.URL
	closed.Close()
	if err := NewSynthesizer(SynthesizerConfig{BaseURL: address + "/v1"}).Synthesize(t.Context(), spoken.Speech{Text: "Hi"}, none); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("without a server: %v", err)
	}
}
