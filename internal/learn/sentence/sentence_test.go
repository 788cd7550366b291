package sentence

import (
	"math"
	"os"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/onnx"
)

// open loads the model that the environment names: MYNAH_TEST_ENCODER is a folder with model.onnx and tokenizer.json,
// MYNAH_TEST_ONNXRUNTIME the library.
func open(t *testing.T) *Encoder {
	t.Helper()
	folder, library := os.Getenv("MYNAH_TEST_ENCODER"), os.Getenv("MYNAH_TEST_ONNXRUNTIME")
	if folder == "" || library == "" {
		t.Skip("MYNAH_TEST_ENCODER and MYNAH_TEST_ONNXRUNTIME name no sentence encoder")
	}
	if err := onnx.Load(library); err != nil {
		t.Fatal(err)
	}
	e, err := Open("test", folder+"/model.onnx", folder+"/tokenizer.json")
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
	if err != nil || cosine(alone[0], v[0]) < 0.98 {
		t.Errorf("alone and in a batch differ: %.4f, %v", cosine(alone[0], v[0]), err)
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
