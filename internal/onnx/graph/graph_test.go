package graph_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/onnx/graph"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// The runtime loads what is written, and computes what it says.
func TestRuns(t *testing.T) {
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	g := &graph.Graph{}
	x := g.Input("x", graph.Float32, "rows", "2")
	row := g.Input("row", graph.Int64, "1")
	y := g.Node("MatMul", []string{x, g.Floats([]float32{1, 2, 3, 4}, 2, 2)})
	y = g.Node("LeakyRelu", []string{y}, graph.Float("alpha", -1)) // the absolute value
	parts := g.Split("Split", []string{y}, 2, graph.Int("axis", 1), graph.Int("num_outputs", 2))
	y = g.Node("Transpose", []string{g.Node("Concat", []string{parts[1], parts[0]}, graph.Int("axis", 1))}, graph.Ints("perm", 1, 0))
	small := g.Node("Cast", []string{g.Int8s([]int8{-100}, 1)}, graph.Int("to", int64(graph.Float32)))
	g.Output("columns", g.Node("Add", []string{y, small}), graph.Float32, "2", "rows")
	g.Output("picked", g.Node("Gather", []string{g.Int64s([]int64{-7, 1 << 40}, 2), row}), graph.Int64, "1")

	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := os.WriteFile(path, g.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	s, err := onnx.NewSession(path, []string{"x", "row"}, []string{"columns", "picked"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := s.Run(onnx.Tensor{Shape: []int64{3, 2}, Float32: []float32{1, 0, 0, 1, -1, -1}}, onnx.Tensor{Shape: []int64{1}, Int64: []int64{1}})
	if err != nil {
		t.Fatal(err)
	}
	if want := []float32{-98, -96, -94, -99, -97, -96}; !slices.Equal(out[0].Float32, want) || !slices.Equal(out[0].Shape, []int64{2, 3}) {
		t.Errorf("%v of shape %v, want %v", out[0].Float32, out[0].Shape, want)
	}
	if !slices.Equal(out[1].Int64, []int64{1 << 40}) {
		t.Errorf("picked %v", out[1].Int64)
	}
}
