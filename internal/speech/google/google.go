// Package google recognizes speech with Google Speech Recognition: the web API that Chromium has, and that Python's
// speech_recognition package calls. Google promises nothing for it: it is for personal use and trials, short utterances, and
// few of them.
package google

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	endpoint = "https://www.google.com/speech-api/v2/recognize"

	// trialKey is not secret: it is the key that Python's speech_recognition package is published with, for
	// everybody's trials. Google may revoke it at any time.
	trialKey = "AIzaSyBOti4mM-6x9WDnZIjIeyEU21OpBXqWBgw"

	// maxAnswer limits the answer that is read, in bytes: it holds a few texts of 15 seconds each.
	maxAnswer = 1 << 20
	// timeout limits one request.
	timeout = time.Minute
)

// regions are the tags that the service is asked for, by primary tag.
var regions = map[string]string{
	"af": "af-ZA", "ar": "ar-EG", "bg": "bg-BG", "ca": "ca-ES", "cs": "cs-CZ", "da": "da-DK", "de": "de-DE", "el": "el-GR",
	"en": "en-US", "es": "es-ES", "eu": "eu-ES", "fa": "fa-IR", "fi": "fi-FI", "fr": "fr-FR", "gl": "gl-ES", "he": "he-IL",
	"hi": "hi-IN", "hr": "hr-HR", "hu": "hu-HU", "id": "id-ID", "is": "is-IS", "it": "it-IT", "ja": "ja-JP", "ko": "ko-KR",
	"lt": "lt-LT", "lv": "lv-LV", "ms": "ms-MY", "nl": "nl-NL", "no": "nb-NO", "pl": "pl-PL", "pt": "pt-BR", "ro": "ro-RO",
	"ru": "ru-RU", "sk": "sk-SK", "sl": "sl-SI", "sr": "sr-RS", "sv": "sv-SE", "th": "th-TH", "tr": "tr-TR", "uk": "uk-UA",
	"vi": "vi-VN", "zh": "zh-CN", "zu": "zu-ZA",
}

// Config of a [Recognizer]. The zero value asks Google with the key for trials.
type Config struct {
	Key      string            // API key; "" for the one for trials
	Regions  map[string]string // full tags by primary tag, such as "en": "en-GB", where others than the usual are wanted
	Language string            // primary tag of utterances that name none; "" is "en"
	Endpoint string            // address of the service; "" is Google's
	Client   *http.Client      // nil is the default one
}

// Recognizer is a [spoken.Recognizer].
type Recognizer struct {
	config  Config
	regions map[string]string
}

// New makes a recognizer.
func New(c Config) *Recognizer {
	if c.Key == "" {
		c.Key = trialKey
	}
	if c.Endpoint == "" {
		c.Endpoint = endpoint
	}
	if c.Language == "" {
		c.Language = "en"
	}
	if c.Client == nil {
		c.Client = http.DefaultClient
	}
	all := maps.Clone(regions)
	maps.Copy(all, c.Regions)
	return &Recognizer{config: c, regions: all}
}

// Languages are those that the service is known to have, the configured one first.
func (r *Recognizer) Languages() []string {
	all := slices.DeleteFunc(slices.Sorted(maps.Keys(r.regions)), func(l string) bool { return l == r.config.Language })
	return append([]string{r.config.Language}, all...)
}

// Recognize asks the service. See [spoken.Recognizer].
func (r *Recognizer) Recognize(ctx context.Context, u spoken.Utterance) (spoken.Transcript, error) {
	started := time.Now()
	language := u.Language
	if language == "" {
		language = r.config.Language
	}
	region, ok := r.regions[language]
	if !ok {
		return spoken.Transcript{}, &spoken.NoModelError{Language: language}
	}
	length := spoken.Duration(len(u.Samples))
	t := spoken.Transcript{Language: language, Confidence: 1, Audio: length, Speech: length}
	if len(u.Samples) == 0 {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	flac, err := audio.EncodeFLAC(ctx, audio.PCM{Rate: spoken.Rate, Samples: u.Samples})
	if err != nil {
		return spoken.Transcript{}, err
	}
	body, err := r.ask(ctx, region, flac)
	if err != nil {
		return spoken.Transcript{}, fmt.Errorf("speech recognition by Google: %w", err)
	}
	best, err := parse(body)
	if err != nil {
		return spoken.Transcript{}, fmt.Errorf("speech recognition by Google: %w", err)
	}
	t.Text, t.Took = strings.TrimSpace(best.Transcript), time.Since(started)
	if best.Confidence > 0 {
		t.Confidence = min(best.Confidence, 1)
	}
	return t, nil
}

func (r *Recognizer) ask(ctx context.Context, region string, flac []byte) ([]byte, error) {
	query := url.Values{"client": {"chromium"}, "lang": {region}, "key": {r.config.Key}, "pFilter": {"0"}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.config.Endpoint+"?"+query.Encode(), bytes.NewReader(flac))
	if err != nil {
		return nil, errors.New("its address in the configuration is no URL")
	}
	request.Header.Set("Content-Type", fmt.Sprintf("audio/x-flac; rate=%d", spoken.Rate))
	response, err := r.config.Client.Do(request)
	if err != nil {
		var withKey *url.Error // its message has the URL, and that has the key
		if errors.As(err, &withKey) {
			err = withKey.Err
		}
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case response.StatusCode == http.StatusForbidden || response.StatusCode == http.StatusBadRequest:
		return nil, fmt.Errorf("it refused with %s: the key in the configuration may be wrong, or used up", response.Status)
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("it answered with %s", response.Status)
	case err != nil:
		return nil, err
	case len(body) > maxAnswer:
		return nil, fmt.Errorf("its answer is over %d bytes", maxAnswer)
	}
	return body, nil
}

type alternative struct {
	Transcript string  `json:"transcript"`
	Confidence float64 `json:"confidence"` // only some alternatives have one
}

// parse finds the best text in an answer: lines of JSON, the first of which are empty results. No result at all is
// speech that could not be made out.
func parse(body []byte) (alternative, error) {
	for line := range bytes.Lines(body) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			continue
		}
		var answer struct {
			Result []struct {
				Alternative []alternative `json:"alternative"`
			} `json:"result"`
		}
		if err := json.Unmarshal(line, &answer); err != nil {
			return alternative{}, fmt.Errorf("its answer is not understood: %w", err)
		}
		if len(answer.Result) == 0 || len(answer.Result[0].Alternative) == 0 {
			continue
		}
		best := answer.Result[0].Alternative[0]
		for _, a := range answer.Result[0].Alternative[1:] {
			if a.Confidence > best.Confidence {
				best = a
			}
		}
		return best, nil
	}
	return alternative{}, nil
}
