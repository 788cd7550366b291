package moonshine

import (
	"context"
	"errors"
	"math"
	"path"
	"strings"
	"sync"
	"testing"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/spoken"
)

func open(t testing.TB, streams int) *Recognizer {
	t.Helper()
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	r, err := Open(speechtest.Model(t, speech.KindMoonshine, "en"), speech.NewCores(streams), streams)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

// recorded is a clip by its name.
func recorded(t testing.TB, name string) []float32 {
	t.Helper()
	for _, c := range speechtest.Clips(t) {
		if path.Base(c.File) == name {
			return speechtest.WAV(t, c.Path)
		}
	}
	t.Fatalf("no clip %s", name)
	return nil
}

func TestRecognize(t *testing.T) {
	r := open(t, 2)
	samples := recorded(t, "ls-other_1688-142285-0003.wav")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			got, err := r.Recognize(t.Context(), spoken.Utterance{Samples: samples, Language: []string{"en", ""}[i%2]})
			if err != nil {
				t.Error(err)
				return
			}
			if !strings.Contains(strings.ToLower(got.Text), "account of himself") || got.Language != "en" || got.Took <= 0 {
				t.Errorf("got %+v", got)
			}
			if got.Confidence < 0.7 || got.Confidence > 1 {
				t.Errorf("confidence %v", got.Confidence)
			}
		})
	}
	wg.Wait()
}

// TestConfidence gives the model what it can't understand.
func TestConfidence(t *testing.T) {
	r := open(t, 1)
	clear, err := r.Recognize(t.Context(), spoken.Utterance{Samples: recorded(t, "ls-other_1688-142285-0007.wav")})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := r.Recognize(t.Context(), spoken.Utterance{Samples: recorded(t, "golos_02.wav")})
	if err != nil {
		t.Fatal(err)
	}
	if clear.Confidence < 0.8 || foreign.Confidence > 0.6 {
		t.Errorf("confidence %.2f in %q, and %.2f in Russian taken for %q", clear.Confidence, clear.Text, foreign.Confidence, foreign.Text)
	}
}

func TestScore(t *testing.T) {
	r := open(t, 1)
	said, err := r.Recognize(t.Context(), spoken.Utterance{Samples: recorded(t, "vctk_p225_001.wav")})
	if err != nil {
		t.Fatal(err)
	}
	scores, err := said.Scorer.Score(t.Context(), said.Text, "Please call Della.", "Please go.")
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range scores {
		if s > 0 || i > 0 && s >= scores[i-1] {
			t.Errorf("scores %v are not in the order of how likely the texts are", scores)
		}
	}
	// Read as a whole, the text is as likely as it was word by word, but for the rounding of the model's 8-bit numbers.
	if tokens := float64(len(said.Scorer.(*heard).logs)); math.Abs(scores[0]/tokens-math.Log(said.Confidence)) > 0.1 {
		t.Errorf("score %v of %q with a confidence of %v", scores[0], said.Text, said.Confidence)
	}
	if _, err := said.Scorer.Score(t.Context(), strings.Repeat("a", maxText+1)); err == nil {
		t.Error("rated a text without end")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := said.Scorer.Score(ctx, "Please."); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestRecognizeRefuses(t *testing.T) {
	speechtest.RecognizerRefuses(t, open(t, 1), onnx.ErrClosed)
}

func TestOpenRefuses(t *testing.T) {
	m := *speechtest.Model(t, speech.KindMoonshine, "en")
	m.Files = map[string]string{"encoder": m.Files["encoder"], "merged_decoder": "none.onnx", "tokens": m.Files["tokens"]}
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	if r, err := Open(&m, speech.NewCores(1), 1); err == nil {
		t.Error("opened a model without its decoder", r.Close())
	}
}

// BenchmarkScore recognizes a turn of 1.6 s and compares it with ten other texts.
func BenchmarkScore(b *testing.B) {
	r := open(b, 1)
	samples := recorded(b, "vctk_p225_001.wav")
	texts := []string{"Please call Stella."}
	for _, name := range []string{"Minor", "Mina"} {
		for _, command := range []string{"please continue", "speak louder", "say it again", "next one", "leave the call"} {
			texts = append(texts, name+", "+command+".")
		}
	}
	b.Run("recognize", func(b *testing.B) {
		for b.Loop() {
			if _, err := r.Recognize(b.Context(), spoken.Utterance{Samples: samples}); err != nil {
				b.Fatal(err)
			}
		}
	})
	said, err := r.Recognize(b.Context(), spoken.Utterance{Samples: samples})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("score 11 texts", func(b *testing.B) {
		for b.Loop() {
			if _, err := said.Scorer.Score(b.Context(), texts...); err != nil {
				b.Fatal(err)
			}
		}
	})
}
