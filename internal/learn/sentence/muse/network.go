package muse

import (
	"strconv"

	"github.com/mynahbot/mynah/internal/onnx/graph"
)

// Sizes of the network.
const (
	dimension = 512 // of an embedding, and of a text's vector
	channels  = 256 // of each branch
	dense     = 320 // of the dense part's hidden layers
	reach     = 2   // places that a window looks to either side
	features  = dimension + 3*channels
)

// epsilon is added to variances, and is the least length of a vector.
const epsilon = 1e-12

// branches are the three stacks of convolutions: how many tokens a window has, and which of the places from two before a
// token to two after it.
var branches = []struct {
	width  int
	places []int64
}{{2, []int64{2, 3}}, {3, []int64{1, 2, 3}}, {5, []int64{0, 1, 2, 3, 4}}}

// Names of the network's inputs and of its output.
const (
	inputEmbeddings = "embeddings" // tokens × dimension: of the texts' tokens, one text after the other
	inputWindows    = "windows"    // tokens × 5: the rows of the tokens around each, of the same text; the number of tokens where there is none
	inputTexts      = "texts"      // texts × tokens: 1 where the token is of the text, else 0
	outputVectors   = "vectors"    // texts × dimension, of length 1
)

// network writes the network for the weights, by which several texts are encoded at once. It makes tokens into vectors by
// three branches of convolutions, over windows that end at the texts' borders, adds them up text by text, and sends the
// sums through a dense part.
func network(w *weights) ([]byte, error) {
	g := &graph.Graph{}
	embeddings := g.Input(inputEmbeddings, graph.Float32, "tokens", strconv.Itoa(dimension))
	windows := g.Input(inputWindows, graph.Int64, "tokens", strconv.Itoa(2*reach+1))
	texts := g.Input(inputTexts, graph.Float32, "texts", "tokens")

	add := func(a, b string) string { return g.Node("Add", []string{a, b}) }
	times := func(a, b string) string { return g.Node("MatMul", []string{a, b}) }
	relu := func(a string) string { return g.Node("Relu", []string{a}) }
	array := func(name string, shape ...int) string { return g.Floats(w.floats(name, shape...), shape...) }
	normed := func(a, gain, bias string) string {
		return g.Node("LayerNormalization", []string{a, gain, bias}, graph.Float("epsilon", epsilon))
	}

	// The projections of the branches, side by side, and one normalization over all of them.
	projection := make([]float32, dimension*len(branches)*channels)
	var bias, gains, biases []float32
	for i, b := range branches {
		n := strconv.Itoa(b.width)
		for row, values := 0, w.floats("proj"+n, dimension, channels); row < dimension; row++ {
			copy(projection[(row*len(branches)+i)*channels:], values[row*channels:][:channels])
		}
		bias = append(bias, w.floats("proj_b"+n, channels)...)
		gains = append(gains, w.floats("ln_g"+n, channels)...)
		biases = append(biases, w.floats("ln_b"+n, channels)...)
	}
	all := len(branches) * channels
	x := add(times(embeddings, g.Floats(projection, dimension, all)), g.Floats(bias, all))
	x = normed(x, g.Floats(gains, all), g.Floats(biases, all))
	parts := g.Split("Split", []string{x}, len(branches), graph.Int("axis", 1), graph.Int("num_outputs", int64(len(branches))))

	beyond := g.Floats(make([]float32, channels), 1, channels) // what stands outside of the text
	sides := []string{embeddings}
	for i, b := range branches {
		n := strconv.Itoa(b.width)
		rows := g.Node("Gather", []string{windows, g.Int64s(b.places, b.width)}, graph.Int("axis", 1))
		wide := g.Int64s([]int64{-1, int64(b.width * channels)}, 2)
		convolve := func(a, kernel, bias string) string {
			a = g.Node("Concat", []string{a, beyond}, graph.Int("axis", 0))
			a = g.Node("Reshape", []string{g.Node("Gather", []string{a, rows}, graph.Int("axis", 0)), wide})
			return relu(add(times(a, array(kernel, b.width*channels, channels)), array(bias, channels)))
		}
		h := add(convolve(parts[i], "w1_"+n, "b1_"+n), parts[i])
		sides = append(sides, add(convolve(h, "w2_"+n, "b2_"+n), h))
	}
	f := normed(g.Node("Concat", sides, graph.Int("axis", 1)), array("ln_g", features), array("ln_b", features))

	// The sum over a text's tokens, through a layer whose bias counts for each, over the root of their number.
	count := g.Node("ReduceSum", []string{texts, g.Int64s([]int64{1}, 1)})
	m := times(times(texts, f), array("cnn_W", features, dimension))
	m = add(m, g.Node("Mul", []string{count, array("cnn_b", dimension)}))
	m = g.Node("Div", []string{m, g.Node("Sqrt", []string{count})})

	y0 := relu(times(m, array("d0", dimension, dense)))
	y1 := relu(add(times(m, array("p1", dimension, dense)), times(y0, array("d1", dense, dense))))
	y2 := relu(times(y1, array("d2", dense, dimension)))
	z := add(times(y1, array("p3", dense, dimension)), times(y2, array("d3", dimension, dimension)))
	z = g.Node("Tanh", []string{z})
	length := g.Node("ReduceL2", []string{z, g.Int64s([]int64{1}, 1)})
	length = g.Node("Max", []string{length, g.Floats([]float32{epsilon}, 1)})
	g.Output(outputVectors, g.Node("Div", []string{z, length}), graph.Float32, "texts", strconv.Itoa(dimension))
	return g.Bytes(), w.err
}
