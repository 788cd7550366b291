package conversation

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/spoken"
)

// opinion is a Scorer that finds the texts as likely as it says, and all others unlikely.
type opinion struct {
	scores map[string]float64
	err    error
	asked  []string
}

func (o *opinion) Score(_ context.Context, texts ...string) ([]float64, error) {
	o.asked = texts
	scores := make([]float64, len(texts))
	for i, text := range texts {
		scores[i] = -50
		if s, ok := o.scores[text]; ok {
			scores[i] = s
		}
	}
	return scores, o.err
}

func TestReconsider(t *testing.T) {
	all := loaded(t)
	for name, tc := range map[string]struct {
		heard   string
		scores  map[string]float64
		several bool // people are in the channel
		own     string
		want    string
	}{
		"a command with a near spelling":    {heard: "Danish.", scores: map[string]float64{"Danish.": -1, "Finish.": -5}, want: "Finish."},
		"a short command spelled otherwise": {heard: "It's good.", scores: map[string]float64{"It's good.": -1.6, "Skip.": -5.2}, want: "Skip."},
		"too unlikely":                      {heard: "Danish.", scores: map[string]float64{"Danish.": -1, "Finish.": -7.5}, want: "Danish."},
		"the likeliest of two": {heard: "Minor, steak Russian.", want: "Minor, speak Russian.",
			scores: map[string]float64{"Minor, steak Russian.": -4, "Minor, speak Russian.": -3, "Minor, speak in Russian.": -6}},
		"its own mark":      {heard: "Switch to Russia?", scores: map[string]float64{"Switch to Russia?": -3, "Switch to Russian?": -4}, want: "Switch to Russian?"},
		"nothing near":      {heard: "The tournament begins tomorrow.", want: "The tournament begins tomorrow."},
		"a command already": {heard: "Minor, stop.", scores: map[string]float64{"Minor, stop.": -30, "Minor, stop it.": -1}, want: "Minor, stop."},
		"name and command":  {heard: "My door skip.", scores: map[string]float64{"My door skip.": -4, "Minor, skip.": -5}, several: true, want: "Mynah, skip."},
		"the name alone": {heard: "Milo, when does the tournament start?", several: true, want: "Mynah, when does the tournament start?",
			scores: map[string]float64{"Milo, when does the tournament start?": -3, "Minor, when does the tournament start?": -4}},
		"the name behind a word": {heard: "Hey Milo, where are the rules?", several: true, want: "Hey Mynah, where are the rules?",
			scores: map[string]float64{"Hey Milo, where are the rules?": -3, "Hey Mina, where are the rules?": -2}},
		"the name as two words": {heard: "Might not. What are the rules?", several: true, want: "Mynah, what are the rules?",
			scores: map[string]float64{"Might not. What are the rules?": -3, "Minor, what are the rules?": -4}},
		"another name": {heard: "Milo, when does the tournament start?", several: true, want: "Milo, when does the tournament start?",
			scores: map[string]float64{"Milo, when does the tournament start?": -1, "Minor, when does the tournament start?": -6}},
		"the name of somebody here": {heard: "Milow, stop.", several: true, want: "Milow, stop.",
			scores: map[string]float64{"Milow, stop.": -1, "Minor, stop.": -1}},
		"nobody else is here": {heard: "Milo, when does the tournament start?", want: "Milo, when does the tournament start?",
			scores: map[string]float64{"Milo, when does the tournament start?": -3, "Minor, when does the tournament start?": -2}},
		"no words": {heard: "…", want: "…"},
		"another name of its own": {heard: "Robbing, skip.", own: "Robin", several: true, want: "Robin, skip.",
			scores: map[string]float64{"Robbing, skip.": -4, "Robin, skip.": -2}},
	} {
		t.Run(name, func(t *testing.T) {
			l := listening{all["en"], newAddress(tc.own, nil, all), newVocabulary([]Word{{Text: "Milow"}}), !tc.several}
			o := &opinion{scores: tc.scores}
			got, err := l.reconsider(t.Context(), spoken.Transcript{Text: tc.heard, Confidence: 0.4, Scorer: o})
			if err != nil || got.Text != tc.want {
				t.Errorf("%q, %v, want %q; compared with %q", got.Text, err, tc.want, o.asked)
			}
			if _, command := all["en"].command(strings.TrimPrefix(tc.want, "Mynah, ")); got.Confidence < 1 && command && tc.heard != tc.want {
				t.Errorf("confidence %v in a command that was compared", got.Confidence)
			}
		})
	}
}

func TestReconsiderAsksLittle(t *testing.T) {
	all := loaded(t)
	l := listening{all["en"], newAddress("", nil, all), newVocabulary(nil), false}
	for _, text := range []string{"Mind stop it", "My, uh, louder", strings.Repeat("stop ", 50), "Milo, " + strings.Repeat("and so on ", 30)} {
		if n := len(l.hypotheses(text)); n > mostPhrases+len(all["en"].shortest)+2*len(all["en"].Written) {
			t.Errorf("%.20q is compared with %d texts", text, n)
		}
	}
	if l.hypotheses("") != nil {
		t.Error("nothing was heard, but compared")
	}
	broken := errors.New("broken")
	if _, err := l.reconsider(t.Context(), spoken.Transcript{Text: "Danish.", Scorer: &opinion{err: broken}}); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	if got, err := l.reconsider(t.Context(), spoken.Transcript{Text: "Danish."}); err != nil || got.Text != "Danish." {
		t.Errorf("without a scorer: %q, %v", got.Text, err)
	}
}

func TestSpeakables(t *testing.T) {
	for language, p := range loaded(t) {
		var texts []string
		for _, s := range p.spoken {
			texts = append(texts, s.text)
			if c, ok := p.command(s.text); !ok || strings.Contains(s.text, "{") {
				t.Errorf("%s: %q commands %q", language, s.text, c.name)
			}
		}
		if want := map[string]string{"en": "speak Russian", "ru": "говори По-английски"}[language]; !slices.Contains(texts, want) {
			t.Errorf("%s: %q is not among %q", language, want, texts)
		}
	}
}
