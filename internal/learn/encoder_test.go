package learn

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"slices"
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

// trade are texts of which those of one label mean the same, in a few words of many.
func trade() (examples []record.Example) {
	for _, a := range []string{"buy", "purchase"} {
		for _, b := range []string{"car", "auto", "house", "home"} {
			for _, c := range []string{"a", "my", "the"} {
				examples = append(examples, record.Example{Text: a + " " + c + " " + b, Label: "1"}, record.Example{Text: strings.NewReplacer("buy", "sell", "purchase", "vend").Replace(a) + " " + c + " " + b, Label: "2"})
			}
		}
	}
	return examples
}

func TestEncoder(t *testing.T) {
	examples := trade()
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
		ev, err := EvaluateWith(m, func(text string) (Prediction, error) { return m.PredictEncoded(t.Context(), synonyms{}, text) }, test, nil)
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
	if p, err := m2.WithThreshold(1e9).PredictEncoded(t.Context(), synonyms{}, "sell my car"); err != nil || p.LabelKnown {
		t.Errorf("over the threshold: %+v, %v", p, err)
	}
	if _, _, err := Train(t.Context(), examples, Options{Encoder: synonyms{broken: true}}); !errors.Is(err, ErrEncoder) {
		t.Errorf("training with a broken encoder: %v", err)
	}
}

// A model of an earlier version, in whose file the vectors are features behind the others, predicts as it did.
func TestEarlierModel(t *testing.T) {
	file, err := os.ReadFile("testdata/vectors_as_features.mynah")
	if err != nil {
		t.Fatal(err)
	}
	m, err := Load(bytes.NewReader(file), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := Load(bytes.NewReader(saved(t, m)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]Prediction{
		"acquire a vehicle":    {Label: "1", KnownScore: 0.7336305},
		"offload the dwelling": {Label: "2", KnownScore: 0.8057411},
		"get one residence":    {Label: "1", KnownScore: 0.7369664},
	} {
		for what, m := range map[string]*Model{"as it was": m, "saved again": again} {
			p, err := m.PredictEncoded(t.Context(), synonyms{}, text)
			if err != nil || p.Label != want.Label || math.Abs(p.KnownScore-want.KnownScore) > 1e-5 {
				t.Errorf("%s, %q: label %s with %.7f, want %s with %.7f (%v)", what, text, p.Label, p.KnownScore, want.Label, want.KnownScore, err)
			}
		}
	}
	if !bytes.Equal(saved(t, again), saved(t, m)) {
		t.Error("it saves to other bytes each time")
	}
}

// several is an encoder with others at hand.
type several struct {
	impostor
	others map[string]Encoder
}

func (s several) Named(name string) Encoder { return s.others[name] }

// A model finds the encoder that it was trained with beside the one in use.
func TestEncoderAtHand(t *testing.T) {
	m, _ := train(t, trade(), Options{Encoder: synonyms{}})
	all := several{others: map[string]Encoder{"synonyms": synonyms{}}}
	if err := m.CheckEncoder(all); err != nil {
		t.Error(err)
	}
	want, err := m.PredictEncoded(t.Context(), synonyms{}, "acquire a vehicle")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := m.PredictEncoded(t.Context(), all, "acquire a vehicle"); err != nil || got.KnownScore != want.KnownScore {
		t.Errorf("known by %v, want %v (%v)", got.KnownScore, want.KnownScore, err)
	}
	if err := m.CheckEncoder(several{}); err == nil {
		t.Error("it was found where it isn't")
	}
}

// The weights that naive Bayes gives to features leave a vector's numbers, which every text has, as they are.
func TestBayesLeavesVectors(t *testing.T) {
	x := withVectors(&matrix{start: []int{0, 1, 2, 3}, idx: []uint32{0, 1, 1}, val: []float32{1, 1, 1}, dim: 2, sparse: 2}, [][]float32{{1, 0}, {0, 1}, {0, 1}}, 3)
	if want := []float32{1, 3, 0}; !slices.Equal(x.val[:3], want) {
		t.Errorf("the first row is %v, want %v", x.val[:3], want)
	}
	scale := bayesScale(x, []int32{0, 1, 1}, []int32{0, 1, 2}, 1)
	if scale[0] == 1 || scale[1] == 1 || !slices.Equal(scale[2:], []float32{1, 1}) {
		t.Errorf("scales %v", scale)
	}
}

func TestCentred(t *testing.T) {
	vectors := [][]float32{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}}
	mean := meanOf(vectors)
	if !slices.Equal(mean, []float32{0.5, 0.5, 0.5}) {
		t.Fatalf("mean %v", mean)
	}
	if got, want := centred(vectors[3], mean, 3), float32(math.Sqrt(3)); math.Abs(float64(got[0]-want)) > 1e-6 {
		t.Errorf("%v, want %v thrice", got, want)
	}
	if got := centred(mean, mean, 3); !slices.Equal(got, make([]float32, 3)) {
		t.Errorf("the mean itself: %v", got)
	}
}

// The same examples give the same bytes, however many goroutines compute, with and without dot products of all texts.
func TestEncoderDeterministic(t *testing.T) {
	one, _ := train(t, trade(), Options{Encoder: synonyms{}, Threads: 1})
	three, _ := train(t, trade(), Options{Encoder: synonyms{}, Threads: 3})
	if !bytes.Equal(saved(t, one), saved(t, three)) {
		t.Error("another model with three goroutines")
	}
}
