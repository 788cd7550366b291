package whisper

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/mynahbot/mynah/internal/onnx/graph"
)

// headWidth is the width of an attention head in every Whisper model.
const headWidth = 64

// dimensions are those of a model.
type dimensions struct {
	mels, width, heads, layers int
	audioContext, textContext  int // longest audio, in frames of the encoder's output, and text, in tokens
	vocabulary                 int
}

// measure finds the dimensions out from the shapes.
func measure(w weights) (d dimensions, err error) {
	conv, audio := w["encoder/conv1/weight"].shape, w["encoder/position_encodings/encodings"].shape
	text, table := w["decoder/position_encodings/encodings"].shape, w["decoder/embeddings/weight"].shape
	if len(conv) != 3 || len(audio) != 2 || len(text) != 2 || len(table) != 2 || conv[0]%headWidth != 0 || conv[0] == 0 {
		return d, fmt.Errorf("whisper: the weights are of no Whisper model")
	}
	d = dimensions{
		mels: conv[1], width: conv[0], heads: conv[0] / headWidth,
		audioContext: audio[0], textContext: text[0], vocabulary: table[0],
	}
	for ; ; d.layers++ {
		if _, ok := w[fmt.Sprintf("decoder/layer_%d/self_attention/linear_0/weight", d.layers)]; !ok {
			return d, nil
		}
	}
}

// builder writes a network. What is wrong with the weights is kept in err.
type builder struct {
	*graph.Graph
	weights
	dimensions
	err  error
	ints map[string]string // constants by their numbers
}

func newBuilder(w weights, d dimensions) *builder {
	return &builder{Graph: &graph.Graph{}, weights: w, dimensions: d, ints: map[string]string{}}
}

// read is a tensor of the weights.
func (b *builder) read(name string, shape ...int) []float32 {
	values, err := b.floats(name, shape...)
	if err != nil {
		if b.err == nil {
			b.err = err
		}
		size := 1
		for _, d := range shape {
			size *= d
		}
		return make([]float32, size)
	}
	return values
}

func (b *builder) constant(name string, shape ...int) string {
	return b.Floats(b.read(name, shape...), shape...)
}

// integers is a constant list.
func (b *builder) integers(v ...int64) string {
	key := fmt.Sprint(v)
	if b.ints[key] == "" {
		b.ints[key] = b.Int64s(v, len(v))
	}
	return b.ints[key]
}

// integer is a constant without a dimension.
func (b *builder) integer(v int64) string { return b.Int64s([]int64{v}) }

func (b *builder) number(v float32) string { return b.Floats([]float32{v}) }

func (b *builder) op(operator string, inputs ...string) string { return b.Node(operator, inputs) }

func (b *builder) normalize(x, name string) string {
	gamma, beta := b.constant(name+"/gamma", b.width), b.constant(name+"/beta", b.width)
	return b.Node("LayerNormalization", []string{x, gamma, beta}, graph.Int("axis", -1), graph.Float("epsilon", 1e-5))
}

// quantized is a matrix of small integers, of rows × columns, each column with a scale.
type quantized struct {
	values []int8
	scales []float32
}

// top is the largest of the small integers.
const top = 127

// quantize takes the weights of outputs × inputs, and turns them over.
func quantize(w []float32, outputs, inputs int) quantized {
	q := quantized{make([]int8, len(w)), make([]float32, outputs)}
	for o := range outputs {
		row := w[o*inputs : (o+1)*inputs]
		loudest := float32(0)
		for _, x := range row {
			loudest = max(loudest, x, -x)
		}
		scale := loudest / top
		if scale == 0 {
			scale = 1
		}
		q.scales[o] = scale
		for i, x := range row {
			q.values[i*outputs+o] = int8(math.RoundToEven(float64(x / scale)))
		}
	}
	return q
}

// linear is a layer with the weights and biases of that name, which has outputs × inputs of them.
func (b *builder) linear(x, name string, outputs, inputs int) string {
	return b.biased(x, b.read(name+"/weight", outputs, inputs), b.read(name+"/bias", outputs), outputs, inputs)
}

func (b *builder) biased(x string, weight, bias []float32, outputs, inputs int) string {
	q := quantize(weight, outputs, inputs)
	y := b.product(x, b.Int8s(q.values, inputs, outputs), b.Floats(q.scales, outputs))
	return b.op("Add", y, b.Floats(bias, outputs))
}

// product multiplies with a matrix of small integers, in the nodes that ONNX Runtime makes one of.
func (b *builder) product(x, matrix, scales string) string {
	x8 := b.Split("DynamicQuantizeLinear", []string{x}, 3)
	sum := b.op("MatMulInteger", x8[0], matrix, x8[2])
	sum = b.Node("Cast", []string{sum}, graph.Int("to", int64(graph.Float32)))
	return b.op("Mul", sum, b.op("Mul", x8[1], scales))
}

// gelu is the Gaussian error linear unit.
func (b *builder) gelu(x string) string {
	e := b.op("Erf", b.op("Div", x, b.number(math.Sqrt2)))
	return b.op("Mul", b.op("Mul", x, b.op("Add", e, b.number(1))), b.number(0.5))
}

func (b *builder) feed(x, name string) string {
	y := b.normalize(x, name+"/layer_norm")
	y = b.gelu(b.linear(y, name+"/linear_0", 4*b.width, b.width))
	return b.op("Add", x, b.linear(y, name+"/linear_1", b.width, 4*b.width))
}

// attend is the attention of queries to keys and values, with a mask where there is one.
func (b *builder) attend(query, key, value, mask string) string {
	heads := func(x string, order ...int64) string {
		x = b.op("Reshape", x, b.integers(0, -1, int64(b.heads), headWidth))
		return b.Node("Transpose", []string{x}, graph.Ints("perm", order...))
	}
	a := b.op("MatMul", heads(query, 0, 2, 1, 3), heads(key, 0, 2, 3, 1))
	a = b.op("Mul", a, b.number(float32(1/math.Sqrt(headWidth))))
	if mask != "" {
		a = b.op("Add", a, mask)
	}
	y := b.op("MatMul", b.Node("Softmax", []string{a}, graph.Int("axis", -1)), heads(value, 0, 2, 1, 3))
	y = b.Node("Transpose", []string{y}, graph.Ints("perm", 0, 2, 1, 3))
	return b.op("Reshape", y, b.integers(0, -1, int64(b.width)))
}

// three are queries, keys and values, which the weights have in one matrix.
func (b *builder) three(x, name string) []string {
	y := b.linear(x, name, 3*b.width, b.width)
	return b.Graph.Split("Split", []string{y}, 3, graph.Int("axis", -1), graph.Int("num_outputs", 3))
}

func (b *builder) file() ([]byte, error) {
	if b.err != nil {
		return nil, b.err
	}
	return b.Bytes(), nil
}

// encoder makes of the audio what the decoder looks at: a key and a value of each of the decoder's layers.
func encoder(w weights, d dimensions) *builder {
	b := newBuilder(w, d)
	width := strconv.Itoa(d.width)
	x := b.Input("mel", graph.Float32, "N", strconv.Itoa(d.mels), "T")
	for i, c := range []struct{ inputs, stride int }{{d.mels, 1}, {d.width, 2}} {
		name := fmt.Sprintf("encoder/conv%d", i+1)
		in := []string{x, b.constant(name+"/weight", d.width, c.inputs, 3), b.constant(name+"/bias", d.width)}
		x = b.gelu(b.Node("Conv", in, graph.Ints("kernel_shape", 3), graph.Ints("pads", 1, 1), graph.Ints("strides", int64(c.stride))))
	}
	x = b.Node("Transpose", []string{x}, graph.Ints("perm", 0, 2, 1))
	length := b.op("Slice", b.op("Shape", x), b.integers(1), b.integers(2))
	places := b.constant("encoder/position_encodings/encodings", d.audioContext, d.width)
	x = b.op("Add", x, b.op("Slice", places, b.integers(0), length, b.integers(0)))
	for layer := range d.layers {
		name := fmt.Sprintf("encoder/layer_%d", layer)
		q := b.three(b.normalize(x, name+"/self_attention/layer_norm"), name+"/self_attention/linear_0")
		y := b.attend(q[0], q[1], q[2], "")
		x = b.op("Add", x, b.linear(y, name+"/self_attention/linear_1", d.width, d.width))
		x = b.feed(x, name+"/ffn")
	}
	x = b.normalize(x, "encoder/layer_norm")
	var keys, values []string
	for layer := range d.layers {
		name := fmt.Sprintf("decoder/layer_%d/attention/linear_1", layer)
		both := b.Graph.Split("Split", []string{b.linear(x, name, 2*d.width, d.width)}, 2, graph.Int("axis", -1), graph.Int("num_outputs", 2))
		keys = append(keys, b.op("Unsqueeze", both[0], b.integers(0)))
		values = append(values, b.op("Unsqueeze", both[1], b.integers(0)))
	}
	layers := strconv.Itoa(d.layers)
	b.Output("n_layer_cross_k", b.Node("Concat", keys, graph.Int("axis", 0)), graph.Float32, layers, "N", "S", width)
	b.Output("n_layer_cross_v", b.Node("Concat", values, graph.Int("axis", 0)), graph.Float32, layers, "N", "S", width)
	return b
}

// decoder says how likely each token is after those before, of which it keeps the keys and values in caches of full length.
func decoder(w weights, d dimensions) *builder {
	b := newBuilder(w, d)
	layers, width := strconv.Itoa(d.layers), strconv.Itoa(d.width)
	cache := []string{layers, "N", strconv.Itoa(d.textContext), width}
	audio := []string{layers, "N", "S", width}
	tokens := b.Input("tokens", graph.Int64, "N", "n")
	pastKeys := b.Input("in_n_layer_self_k_cache", graph.Float32, cache...)
	pastValues := b.Input("in_n_layer_self_v_cache", graph.Float32, cache...)
	audioKeys := b.Input("n_layer_cross_k", graph.Float32, audio...)
	audioValues := b.Input("n_layer_cross_v", graph.Float32, audio...)
	offset := b.Input("offset", graph.Int64, "1")

	// The same table says what a token means and, in the end, how likely each is. It is there once, turned over.
	table := quantize(b.read("decoder/embeddings/weight", d.vocabulary, d.width), d.vocabulary, d.width)
	matrix, scales := b.Int8s(table.values, d.width, d.vocabulary), b.Floats(table.scales, d.vocabulary)
	x := b.Node("Gather", []string{matrix, tokens}, graph.Int("axis", 1))
	x = b.Node("Transpose", []string{x}, graph.Ints("perm", 1, 2, 0))
	x = b.Node("Cast", []string{x}, graph.Int("to", int64(graph.Float32)))
	x = b.op("Mul", x, b.op("Unsqueeze", b.op("Gather", scales, tokens), b.integers(-1)))

	n := b.op("Slice", b.op("Shape", tokens), b.integers(1), b.integers(2))
	end := b.op("Add", offset, n)
	places := b.constant("decoder/position_encodings/encodings", d.textContext, d.width)
	x = b.op("Add", x, b.op("Slice", places, offset, end, b.integers(0)))
	alone := func(v string) string { return b.op("Squeeze", v, b.integers(0)) }
	columns := b.op("Range", b.integer(0), alone(end), b.integer(1))
	rows := b.op("Range", alone(offset), alone(end), b.integer(1))
	later := b.op("Greater", b.op("Unsqueeze", columns, b.integers(0)), b.op("Unsqueeze", rows, b.integers(1)))
	mask := b.op("Where", later, b.number(-1e9), b.number(0))

	var keys, values []string
	for layer := range d.layers {
		name := fmt.Sprintf("decoder/layer_%d", layer)
		// grown is what the layer's cache has up to the new tokens, and the whole cache after them.
		grown := func(past, more string) (now, whole string) {
			c := b.Node("Gather", []string{past, b.integer(int64(layer))}, graph.Int("axis", 0))
			now = b.Node("Concat", []string{b.op("Slice", c, b.integers(0), offset, b.integers(1)), more}, graph.Int("axis", 1))
			rest := b.op("Slice", c, end, b.integers(int64(d.textContext)), b.integers(1))
			return now, b.op("Unsqueeze", b.Node("Concat", []string{now, rest}, graph.Int("axis", 1)), b.integers(0))
		}
		q := b.three(b.normalize(x, name+"/self_attention/layer_norm"), name+"/self_attention/linear_0")
		key, wholeKeys := grown(pastKeys, q[1])
		value, wholeValues := grown(pastValues, q[2])
		keys, values = append(keys, wholeKeys), append(values, wholeValues)
		y := b.attend(q[0], key, value, mask)
		x = b.op("Add", x, b.linear(y, name+"/self_attention/linear_1", d.width, d.width))

		query := b.linear(b.normalize(x, name+"/attention/layer_norm"), name+"/attention/linear_0", d.width, d.width)
		pick := func(all string) string {
			return b.Node("Gather", []string{all, b.integer(int64(layer))}, graph.Int("axis", 0))
		}
		y = b.attend(query, pick(audioKeys), pick(audioValues), "")
		x = b.op("Add", x, b.linear(y, name+"/attention/linear_2", d.width, d.width))
		x = b.feed(x, name+"/ffn")
	}
	x = b.normalize(x, "decoder/layer_norm")
	b.Output("logits", b.product(x, matrix, scales), graph.Float32, "N", "n", strconv.Itoa(d.vocabulary))
	b.Output("out_n_layer_self_k_cache", b.Node("Concat", keys, graph.Int("axis", 0)), graph.Float32, slices.Clone(cache)...)
	b.Output("out_n_layer_self_v_cache", b.Node("Concat", values, graph.Int("axis", 0)), graph.Float32, slices.Clone(cache)...)
	return b
}
