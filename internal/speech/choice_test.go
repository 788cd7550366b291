package speech

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/mynahbot/mynah/internal/spoken"
)

// polyglot recognizes the languages that it has a text for, each with a certainty.
type polyglot map[string]spoken.Transcript

func (polyglot) Languages() []string { return nil }

func (p polyglot) Recognize(_ context.Context, u spoken.Utterance) (spoken.Transcript, error) {
	t, ok := p[u.Language]
	if !ok {
		return t, &spoken.NoModelError{Language: u.Language}
	}
	t.Language, t.Audio = u.Language, spoken.Duration(len(u.Samples))
	return t, nil
}

// verdict is a detector that always says the same.
type verdict struct {
	language string
	sure     float64
	err      error
}

func (v verdict) Detect(_ context.Context, _ []float32, among []string) (string, float64, error) {
	if len(among) < 2 {
		panic("asked about one language")
	}
	return v.language, v.sure, v.err
}

func TestTranscribeLanguages(t *testing.T) {
	english := spoken.Transcript{Text: "good morning", Confidence: 0.9}
	invented := spoken.Transcript{Text: "but had never should", Confidence: 0.4}
	russian := spoken.Transcript{Text: "доброе утро", Confidence: 0.8}
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		installed polyglot
		detector  Detector
		languages []string
		want      spoken.Transcript
		err       error // errors.As a *NoModelError where it is one
	}{
		"one language":              {polyglot{"en": english}, nil, []string{"en"}, spoken.Transcript{Text: "good morning", Language: "en"}, nil},
		"detected":                  {polyglot{"en": english, "ru": russian}, verdict{language: "ru", sure: 1}, []string{"en", "ru"}, spoken.Transcript{Text: "доброе утро", Language: "ru"}, nil},
		"detected, not the first":   {polyglot{"en": english, "ru": russian}, verdict{language: "en", sure: 0.85}, []string{"ru", "en"}, spoken.Transcript{Text: "good morning", Language: "en"}, nil},
		"the detector doesn't know": {polyglot{"en": invented, "ru": russian}, verdict{}, []string{"en", "ru"}, spoken.Transcript{Text: "доброе утро", Language: "ru"}, nil},
		"the detector isn't sure":   {polyglot{"en": invented, "ru": russian}, verdict{language: "en", sure: 0.6}, []string{"en", "ru"}, spoken.Transcript{Text: "доброе утро", Language: "ru"}, nil},
		"without a detector":        {polyglot{"en": english, "ru": {Text: "гуд морнинг", Confidence: 1}}, nil, []string{"ru", "en"}, spoken.Transcript{Text: "good morning", Language: "en"}, nil},
		"uncertain English":         {polyglot{"en": invented, "ru": {Text: "доброе утро", Confidence: 1}}, nil, []string{"en", "ru"}, spoken.Transcript{Text: "доброе утро", Language: "ru"}, nil},
		"what isn't installed":      {polyglot{"en": english}, verdict{language: "ru", sure: 1}, []string{"ru", "en"}, spoken.Transcript{Text: "good morning", Language: "en"}, nil},
		"not certain":               {polyglot{"en": invented}, nil, []string{"en", "ru"}, spoken.Transcript{Guess: "but had never should", Language: "en"}, nil},
		"the first is missing":      {polyglot{"en": invented}, nil, []string{"ru", "en"}, spoken.Transcript{}, &spoken.NoModelError{Language: "ru"}},
		"nothing installed":         {polyglot{}, nil, []string{"ru", "en"}, spoken.Transcript{}, &spoken.NoModelError{Language: "ru"}},
		"the detector fails":        {polyglot{"en": english, "ru": russian}, verdict{err: broken}, []string{"en", "ru"}, spoken.Transcript{}, broken},
	} {
		t.Run(name, func(t *testing.T) {
			tr, _ := transcriber(words)
			tr.Recognizer, tr.Detector, tr.Certain = c.installed, c.detector, spoken.Certain
			got, err := tr.Transcribe(t.Context(), bytes.NewReader(beeps(3)), c.languages, nil)
			var none, want *spoken.NoModelError
			switch {
			case errors.As(c.err, &want):
				if !errors.As(err, &none) || none.Language != want.Language {
					t.Errorf("%v, want %v", err, c.err)
				}
				return
			case !errors.Is(err, c.err):
				t.Fatalf("%v, want %v", err, c.err)
			}
			// Each of the three segments has the text.
			if !repeats(got.Text, c.want.Text) || !repeats(got.Guess, c.want.Guess) || got.Language != c.want.Language {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

func repeats(text, of string) bool {
	return text == of || of != "" && text == of+" "+of+" "+of
}
