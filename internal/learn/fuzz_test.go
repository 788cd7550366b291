package learn

import (
	"bytes"
	"math"
	"os"
	"slices"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
)

// FuzzParseModel feeds the part of the loader behind the checksum: what it accepts must predict without panic and save to
// the same bytes again.
func FuzzParseModel(f *testing.F) {
	for _, ex := range [][]record.Example{
		{{Text: "yes", Label: "a"}, {Text: "yep", Label: "a"}, {Text: "no", Label: "b"}, {Text: "nope", Label: "b"}},
		{{Text: "who", Reply: "me"}, {Text: "who is it", Reply: "me"}, {Text: "where", Reply: "here"}, {Text: "where to", Reply: "here"}},
		{{Text: "a b", Label: "x", Reply: "r"}, {Text: "c d", Label: "y", Reply: "s"}, {Text: "e f", Label: "z"}, {Text: "g h", Label: "z"}},
	} {
		m, _ := train(f, ex, Options{})
		body, err := m.body()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	encoded, _ := train(f, trade(), Options{Encoder: synonyms{}})
	file, err := os.ReadFile("testdata/vectors_as_features.mynah")
	if err != nil {
		f.Fatal(err)
	}
	earlier, err := Load(bytes.NewReader(file), Limits{})
	if err != nil {
		f.Fatal(err)
	}
	for _, m := range []*Model{encoded, earlier} {
		body, err := m.body()
		if err != nil || m.meta.Dense == nil {
			f.Fatal("no model with an encoder: ", err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseModel(body)
		if err != nil {
			return
		}
		m.ready()
		for _, text := range []string{"", "yes", "who is it to", "a b c d", "1 ABC"} {
			p := m.Predict(text)
			if math.IsNaN(p.Probability) {
				t.Fatalf("probability of %q is not a number", text)
			}
		}
		if d := m.meta.Dense; d != nil {
			m.predict("buy a car", slices.Repeat([]float32{1}, d.Dimension))
		}
		m.Pairs()
		again, err := m.body()
		if err != nil {
			t.Fatal(err)
		}
		m2, err := parseModel(again)
		if err != nil {
			t.Fatalf("what was saved can't be loaded: %v", err)
		}
		if third, err := m2.body(); err != nil || !bytes.Equal(again, third) {
			t.Fatal("saving again gives other bytes")
		}
	})
}

func FuzzLoad(f *testing.F) {
	m, _ := train(f, []record.Example{{Text: "yes", Label: "a"}, {Text: "yep", Label: "a"}, {Text: "no", Label: "b"}, {Text: "nope", Label: "b"}}, Options{})
	f.Add(saved(f, m))
	f.Add([]byte(modelMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := Load(bytes.NewReader(data), Limits{FileBytes: 1 << 20, BodyBytes: 1 << 22}); err == nil {
			m.Predict("yes")
		}
	})
}

func FuzzPredict(f *testing.F) {
	m, _ := train(f, []record.Example{{Text: "where is it", Label: "a", Reply: "here"}, {Text: "where", Label: "a"}, {Text: "who", Label: "b"}, {Text: "кто это", Label: "b", Reply: "я"}}, Options{})
	f.Add("where is it?")
	f.Add("\xff''’ Ё _ 12345678901234 ABC")
	f.Fuzz(func(t *testing.T, text string) {
		p := m.Predict(text)
		if p.Label == "" || p.Probability < 0 || p.Probability > 1 || p.ReplyScore < 0 || p.ReplyScore > 1 || len(p.Labels) != 2 {
			t.Fatalf("%+v", p)
		}
		if Normalize(Normalize(text)) != Normalize(text) {
			t.Fatalf("normalizing %q twice differs", text)
		}
	})
}
