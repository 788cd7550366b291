package openai

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/openai/openai-go/v3"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech/sentence"
	"github.com/mynahbot/mynah/internal/spoken"
)

// SynthesizerConfig configures a [Synthesizer].
type SynthesizerConfig struct {
	BaseURL string // such as "http://127.0.0.1:8000/v1"; "" is OpenAI's
	Key     string // API key; servers at home often need none
	Model   string // "" is tts-1
	Voice   string // "" is alloy
	Client  *http.Client
	// Decoders are shared with what else decodes; nil has no bound.
	Decoders *audio.Decoders
}

const (
	defaultSpeechModel = "tts-1"
	defaultVoice       = "alloy"
	// maxInput is how many characters the endpoint takes at once.
	maxInput = 4096
	// maxSpeech limits the answer to one request: 15 minutes at 48 kHz.
	maxSpeech = 90 << 20
	// speechTimeout limits one request.
	speechTimeout = 5 * time.Minute
	// speechBlock is how much audio is handed on at once.
	speechBlock = 250 * time.Millisecond
)

// Synthesizer is a [speech.Synthesizer] that asks a server with OpenAI's POST /v1/audio/speech. A [spoken.Speech]'s Voice
// is a voice of the server's; the language is the server's to find out.
type Synthesizer struct {
	config SynthesizerConfig
	client openai.Client
}

// NewSynthesizer makes a synthesizer.
func NewSynthesizer(c SynthesizerConfig) *Synthesizer {
	if c.Model == "" {
		c.Model = defaultSpeechModel
	}
	if c.Voice == "" {
		c.Voice = defaultVoice
	}
	options := requestOptions(c.BaseURL, c.Key, c.Client)
	return &Synthesizer{config: c, client: openai.Client{Options: options, Audio: openai.NewAudioService(options...)}}
}

// Synthesize asks the server, and hands on its audio as it comes. See [speech.Synthesizer].
func (s *Synthesizer) Synthesize(ctx context.Context, what spoken.Speech, emit func(audio.PCM) error) error {
	text := sentence.Clean(what.Text)
	if !sentence.Sayable(text) {
		return nil
	}
	for _, part := range parts(text) {
		if err := s.say(ctx, part, what, emit); err != nil {
			return err
		}
	}
	return nil
}

// parts cuts only what is too long for one request, since a server reads a whole text best.
func parts(text string) []string {
	if len([]rune(text)) <= maxInput {
		return []string{text}
	}
	var all []string
	var now []rune
	for _, piece := range sentence.Split(text) {
		more := []rune(piece.Text + " ")
		if len(now)+len(more) > maxInput {
			all, now = append(all, string(now)), nil
		}
		now = append(now, more...)
	}
	return append(all, string(now))
}

func (s *Synthesizer) say(ctx context.Context, text string, what spoken.Speech, emit func(audio.PCM) error) error {
	ctx, cancel := context.WithTimeout(ctx, speechTimeout)
	defer cancel()
	voice := what.Voice
	if voice == "" {
		voice = s.config.Voice
	}
	body := openai.AudioSpeechNewParams{
		Input: text, Model: s.config.Model,
		Voice:          openai.AudioSpeechNewParamsVoiceUnion{OfString: openai.String(voice)},
		ResponseFormat: openai.AudioSpeechNewParamsResponseFormatWAV,
	}
	if pace := what.Pace(); pace != 1 {
		body.Speed = openai.Float(pace)
	}
	answer, err := s.client.Audio.Speech.New(ctx, body)
	if err != nil {
		return fmt.Errorf("speech by the server: %w", plainError(err))
	}
	defer answer.Body.Close()
	var listener error
	err = play(ctx, io.LimitReader(answer.Body, maxSpeech), s.config.Decoders, func(p audio.PCM) error {
		listener = emit(p)
		return listener
	})
	if err != nil && listener == nil {
		return fmt.Errorf("speech by the server: %w", err)
	}
	return err
}

// play hands on the audio of an answer. A WAVE file is read as it comes; servers that know no such format send another
// one, which is decoded.
func play(ctx context.Context, r io.Reader, decoders *audio.Decoders, emit func(audio.PCM) error) error {
	in := bufio.NewReader(r)
	if start, _ := in.Peek(4); string(start) != "RIFF" {
		return audio.Decode(ctx, in, audio.Limits{MaxBytes: maxSpeech, Decoders: decoders}, func(samples []float32) error {
			return emit(audio.PCM{Rate: audio.DecodeRate, Samples: slices.Clone(samples)})
		})
	}
	return audio.StreamWAV(in, speechBlock, emit)
}
