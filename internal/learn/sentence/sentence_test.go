package sentence

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// open loads an encoder of this kind that is installed: the speech pack brings another.
func open(t *testing.T) *Encoder {
	t.Helper()
	m := speechtest.Model(t, "encoder", "en")
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	e, err := Open("test", m.File("model"), m.File("tokenizer"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func cosine(a, b []float32) float64 {
	var ab, aa, bb float64
	for i := range a {
		ab += float64(a[i]) * float64(b[i])
		aa += float64(a[i]) * float64(a[i])
		bb += float64(b[i]) * float64(b[i])
	}
	return ab / math.Sqrt(aa*bb)
}

func TestEncode(t *testing.T) {
	e := open(t)
	v, err := e.Encode(t.Context(), []string{"How do I cook pasta?", "A recipe for spaghetti, please", "The stock market fell today", "", strings.Repeat("very long ", 2000), "\xff"})
	if err != nil {
		t.Fatal(err)
	}
	if near, far := cosine(v[0], v[1]), cosine(v[0], v[2]); near < far+0.2 {
		t.Errorf("cosine %.2f to the paraphrase, %.2f to another sentence", near, far)
	}
	alone, err := e.Encode(t.Context(), []string{"How do I cook pasta?"})
	if err != nil || !slices.Equal(alone[0], v[0]) {
		t.Errorf("alone and beside others differ: %.4f, %v", cosine(alone[0], v[0]), err)
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open("test", "nothing.onnx", "nothing.json"); err == nil {
		t.Error("an absent model was opened")
	}
	bad := t.TempDir() + "/tokenizer.json"
	if err := os.WriteFile(bad, []byte("{}"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Open("test", "nothing.onnx", bad); err == nil {
		t.Error("an empty tokenizer was opened")
	}
}
