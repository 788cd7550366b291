// Package gtts speaks with the public endpoint of Google Translate that the Python package gTTS calls. It needs no key
// and promises nothing: it may answer with an error or change at any time, and it gets to read every text.
package gtts

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech/sentence"
	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	// procedure is the endpoint's name for speaking a text.
	procedure = "jQ1olc"
	path      = "/_/TranslateWebserverUi/data/batchexecute"
	// maxAnswer limits the answer to one part, which has about 100 kB.
	maxAnswer = 4 << 20
	// timeout limits one part.
	timeout = 20 * time.Second
	// slowBelow is the speed under which the endpoint's slow speech is asked for: it knows two speeds.
	slowBelow = 0.8
)

// Config configures a [Synthesizer]. The zero value asks Google.
type Config struct {
	BaseURL string // "" for https://translate.google.com
	Client  *http.Client
	// Decoders are shared with what else decodes; nil has no bound.
	Decoders *audio.Decoders
}

// Synthesizer is a [speech.Synthesizer] that asks the endpoint.
type Synthesizer struct {
	base     string
	client   *http.Client
	decoders *audio.Decoders
}

// New makes a synthesizer.
func New(c Config) *Synthesizer {
	s := &Synthesizer{base: strings.TrimSuffix(c.BaseURL, "/"), client: c.Client, decoders: c.Decoders}
	if s.base == "" {
		s.base = "https://translate.google.com"
	}
	if s.client == nil {
		s.client = http.DefaultClient
	}
	return s
}

// languages are the endpoint's codes where they differ from the primary tags.
var languages = map[string]string{"zh": "zh-CN", "he": "iw", "nb": "no"}

// ErrNoAudio says that the endpoint knows the procedure, and gave no sound: it does not speak the language.
var ErrNoAudio = errors.New("the answer holds no audio; the language may not be spoken there")

// Synthesize asks for one part of the text after the other. See [speech.Synthesizer].
func (s *Synthesizer) Synthesize(ctx context.Context, what spoken.Speech, emit func(audio.PCM) error) error {
	text := sentence.Clean(what.Text)
	if !sentence.Sayable(text) {
		return nil
	}
	language := what.Language
	if language == "" {
		language = spoken.DetectLanguage(text)
	}
	if language == "" {
		language = "en"
	}
	if code := languages[language]; code != "" {
		language = code
	}
	for _, part := range split(text) {
		mp3, err := s.ask(ctx, part, language, what.Pace() < slowBelow)
		if err != nil {
			return fmt.Errorf("gTTS: %w", err)
		}
		err = audio.Decode(ctx, bytes.NewReader(mp3), audio.Limits{MaxBytes: maxAnswer, Decoders: s.decoders}, func(samples []float32) error {
			return emit(audio.PCM{Rate: audio.DecodeRate, Samples: slices.Clone(samples)})
		})
		if err != nil {
			return fmt.Errorf("gTTS: %w", err)
		}
	}
	return nil
}

// ask has the endpoint speak one part, and returns an MP3 file.
func (s *Synthesizer) ask(ctx context.Context, text, language string, slow bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	body, err := request(text, language, slow)
	if err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded;charset=utf-8")
	r.Header.Set("Referer", "http://translate.google.com/")
	// The endpoint answers browsers only.
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36")
	answer, err := s.client.Do(r)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("it answered %d %s", answer.StatusCode, http.StatusText(answer.StatusCode))
	}
	b, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxAnswer {
		return nil, fmt.Errorf("the answer is over %d bytes", maxAnswer)
	}
	return parse(b)
}

// request is the form that calls the procedure: a list of calls, whose arguments are JSON inside the JSON.
func request(text, language string, slow bool) (string, error) {
	var speed any
	if slow {
		speed = true
	}
	arguments, err := json.Marshal([]any{text, language, speed, "null"})
	if err != nil {
		return "", err
	}
	call, err := json.Marshal([]any{[]any{[]any{procedure, string(arguments), nil, "generic"}}})
	if err != nil {
		return "", err
	}
	return "f.req=" + strings.ReplaceAll(url.QueryEscape(string(call)), "+", "%20") + "&", nil
}

// result finds the audio in the answer: a line with a list that names the procedure, and then, as JSON inside the JSON,
// a list with the MP3 in base64.
var result = regexp.MustCompile(procedure + `","\[\\"([A-Za-z0-9+/=_-]*)\\"`)

// parse takes the MP3 out of an answer.
func parse(answer []byte) ([]byte, error) {
	found := result.FindSubmatch(answer)
	if found == nil || len(found[1]) == 0 {
		return nil, ErrNoAudio
	}
	mp3, err := base64.StdEncoding.DecodeString(string(found[1]))
	if err != nil {
		return nil, fmt.Errorf("the answer's audio: %w", err)
	}
	return mp3, nil
}
