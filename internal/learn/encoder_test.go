package learn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
)

// synonyms is an encoder that knows which words mean the same: it counts the concepts of a text.
type synonyms struct{ broken bool }

func (synonyms) Name() string { return "synonyms" }

var concepts = [][]string{{"buy", "purchase", "acquire", "get"}, {"car", "auto", "vehicle", "automobile"}, {"sell", "vend", "offload"}, {"house", "home", "dwelling", "residence"}}

func (s synonyms) Encode(_ context.Context, texts []string) ([][]float32, error) {
	if s.broken {
		return [][]float32{{float32(math.NaN())}}, nil
	}
	out := make([][]float32, len(texts))
	for i, text := range texts {
		out[i] = make([]float32, len(concepts)+1)
		out[i][len(concepts)] = 0.1
		for _, w := range strings.Fields(text) {
			for c, words := range concepts {
				for _, word := range words {
					if w == word {
						out[i][c]++
					}
				}
			}
		}
	}
	return out, nil
}

// impostor gives the vectors of another encoder.
type impostor struct{ synonyms }

func (impostor) Name() string { return "impostor" }

func TestEncoder(t *testing.T) {
	var examples []record.Example
	for _, a := range []string{"buy", "purchase"} {
		for _, b := range []string{"car", "auto", "house", "home"} {
			for _, c := range []string{"a", "my", "the"} {
				examples = append(examples, record.Example{Text: a + " " + c + " " + b, Label: "1"}, record.Example{Text: strings.NewReplacer("buy", "sell", "purchase", "vend").Replace(a) + " " + c + " " + b, Label: "2"})
			}
		}
	}
	m, r := train(t, examples, Options{Encoder: synonyms{}})
	if name := m.Encoder(); name != "synonyms" || !r.Encoder {
		t.Fatalf("encoder %q, %v", name, r.Notes)
	}
	test := []record.Example{{Text: "acquire a vehicle", Label: "1"}, {Text: "offload the dwelling", Label: "2"}, {Text: "get one residence", Label: "1"}, {Text: "offload an automobile", Label: "2"}}
	file := saved(t, m)
	m2, err := Load(bytes.NewReader(file), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(saved(t, m2), file) {
		t.Error("a loaded model saves to other bytes")
	}
	for _, m := range []*Model{m, m2} {
		ev, err := EvaluateEncoded(t.Context(), m, synonyms{}, test, nil)
		if err != nil || ev.Accuracy != 1 {
			t.Errorf("with the encoder %.2f, %v: %+v", ev.Accuracy, err, ev.Misses)
		}
		if got := m.Predict("sell my car").Label; got != "2" {
			t.Errorf("without the encoder %q", got)
		}
		if _, err := m.PredictEncoded(t.Context(), synonyms{broken: true}, "x"); !errors.Is(err, ErrEncoder) {
			t.Errorf("broken encoder: %v", err)
		}
	}
	for _, other := range []Encoder{nil, impostor{}} {
		var missing *EncoderError
		if _, err := m2.PredictEncoded(t.Context(), other, "x"); !errors.As(err, &missing) || missing.Want != "synonyms" {
			t.Errorf("without its encoder: %v", err)
		}
	}
	if p, err := m2.WithThresholds(1e9, 0).PredictEncoded(t.Context(), synonyms{}, "sell my car"); err != nil || p.LabelKnown {
		t.Errorf("over the threshold: %+v, %v", p, err)
	}
	if _, _, err := Train(t.Context(), examples, Options{Encoder: synonyms{broken: true}}); !errors.Is(err, ErrEncoder) {
		t.Errorf("training with a broken encoder: %v", err)
	}
}
