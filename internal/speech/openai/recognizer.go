package openai

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"

	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/spoken"
)

// RecognizerConfig configures a [Recognizer].
type RecognizerConfig struct {
	BaseURL   string   // such as "http://127.0.0.1:8000/v1"; "" is OpenAI's
	Key       string   // API key; servers at home often need none
	Model     string   // "" is whisper-1, which most servers have a model under the name of
	Languages []string // primary tags that the server's model knows; none stands for any
	Prompt    string   // names and words that are likely, in the language of the speech
	Client    *http.Client
}

const (
	defaultModel = "whisper-1"
	// recognizeTimeout limits one utterance of at most 15 s, tries included.
	recognizeTimeout = 2 * time.Minute
)

// Recognizer is a [spoken.Recognizer] that asks a server with OpenAI's POST /v1/audio/transcriptions.
type Recognizer struct {
	config RecognizerConfig
	client openai.Client
}

// NewRecognizer makes a recognizer.
func NewRecognizer(c RecognizerConfig) *Recognizer {
	if c.Model == "" {
		c.Model = defaultModel
	}
	options := requestOptions(c.BaseURL, c.Key, c.Client)
	return &Recognizer{config: c, client: openai.Client{
		Options: options,
		Audio:   openai.NewAudioService(options...),
	}}
}

// requestOptions say where and how a server is asked. The environment is set aside: what is asked, and with which key, is
// for the configuration alone to say.
func requestOptions(baseURL, key string, client *http.Client) []option.RequestOption {
	options := []option.RequestOption{option.WithAPIKey(key), option.WithMaxRetries(2)}
	if baseURL != "" {
		options = append(options, option.WithBaseURL(baseURL))
	} else {
		options = append(options, option.WithEnvironmentProduction())
	}
	if client != nil {
		options = append(options, option.WithHTTPClient(client))
	}
	return options
}

// Languages are the configured ones.
func (r *Recognizer) Languages() []string { return slices.Clone(r.config.Languages) }

// Recognize asks the server. See [spoken.Recognizer].
func (r *Recognizer) Recognize(ctx context.Context, u spoken.Utterance) (spoken.Transcript, error) {
	started := time.Now()
	if u.Language != "" && len(r.config.Languages) > 0 && !slices.Contains(r.config.Languages, u.Language) {
		return spoken.Transcript{}, &spoken.NoModelError{Language: u.Language}
	}
	length := spoken.Duration(len(u.Samples))
	t := spoken.Transcript{Language: u.Language, Confidence: 1, Audio: length, Speech: length}
	if len(u.Samples) == 0 {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(ctx, recognizeTimeout)
	defer cancel()
	body := openai.AudioTranscriptionNewParams{
		Model:          r.config.Model,
		File:           openai.File(bytes.NewReader(wav.Encode(spoken.Rate, u.Samples)), "utterance.wav", "audio/wav"),
		ResponseFormat: openai.AudioResponseFormatJSON,
	}
	if u.Language != "" {
		body.Language = openai.String(u.Language)
	}
	if r.config.Prompt != "" {
		body.Prompt = openai.String(r.config.Prompt)
	}
	answer, err := r.client.Audio.Transcriptions.New(ctx, body)
	if err != nil {
		return spoken.Transcript{}, fmt.Errorf("speech recognition by the server: %w", plainError(err))
	}
	t.Text, t.Took = strings.TrimSpace(answer.Text), time.Since(started)
	return t, nil
}

// plainError says what went wrong without the request, which may hold a secret in its address.
func plainError(err error) error {
	var refused *openai.Error
	if errors.As(err, &refused) {
		switch refused.StatusCode {
		case http.StatusUnauthorized, http.StatusForbidden:
			return fmt.Errorf("it answered %d: the key in the configuration is missing or wrong", refused.StatusCode)
		case http.StatusNotFound:
			return fmt.Errorf("it answered %d: the address or the model in the configuration is wrong", refused.StatusCode)
		}
		return fmt.Errorf("it answered %d %s", refused.StatusCode, refused.Message)
	}
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
