package onnx_test

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

func session(t *testing.T) *onnx.Session {
	t.Helper()
	model := speechtest.Model(t, speech.KindVAD, "").File("model")
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	s, err := onnx.NewSession(model, []string{"input", "state", "sr"}, []string{"output", "stateN"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func inputs(samples int) []onnx.Tensor {
	return []onnx.Tensor{
		{Shape: []int64{1, int64(samples)}, Float32: make([]float32, samples)},
		{Shape: []int64{2, 1, 128}, Float32: make([]float32, 2*128)},
		{Int64: []int64{16000}},
	}
}

func TestRun(t *testing.T) {
	s := session(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			out, err := s.Run(inputs(576)...)
			if err != nil {
				t.Error(err)
				return
			}
			if p := out[0].Float32[0]; len(out[0].Float32) != 1 || p < 0 || p > 0.1 || math.IsNaN(float64(p)) {
				t.Errorf("probability of speech in silence: %v", out[0].Float32)
			}
			if got := out[1].Shape; len(got) != 3 || got[0] != 2 || got[2] != 128 {
				t.Errorf("shape of the state: %v", got)
			}
		})
	}
	wg.Wait()
}

// TestRunInsideAStructure gives numbers that lie beside Go pointers, which C must not see.
func TestRunInsideAStructure(t *testing.T) {
	s := session(t)
	held := &struct {
		samples [576]float32
		beside  []byte
	}{beside: make([]byte, 1)}
	in := inputs(576)
	in[0].Float32 = held.samples[:]
	if _, err := s.Run(in...); err != nil {
		t.Error(err)
	}
}

func TestRunRefuses(t *testing.T) {
	s := session(t)
	wrongShape := inputs(576)
	wrongShape[0].Shape[1] = 577
	both := inputs(576)
	both[0].Int64 = []int64{1}
	for name, tc := range map[string]struct {
		in   []onnx.Tensor
		want string
	}{
		"wrong shape": {wrongShape, "does not fit"},
		"both types":  {both, "either float32, int64 or bool"},
		"too few":     {inputs(576)[:2], "3 input names"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := s.Run(tc.in...); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestClose(t *testing.T) {
	s := session(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Run(inputs(576)...); !errors.Is(err, onnx.ErrClosed) {
		t.Errorf("run after close: %v", err)
	}
}

func TestLoadAnother(t *testing.T) {
	session(t)
	if err := onnx.Load(filepath.Join(t.TempDir(), "other.so")); err == nil {
		t.Error("loaded a second runtime")
	}
}

func TestNewSessionRefuses(t *testing.T) {
	session(t)
	if _, err := onnx.NewSession(filepath.Join(t.TempDir(), "none.onnx"), nil, nil); err == nil {
		t.Error("loaded a model that isn't there")
	}
}
