package e5

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"

	"github.com/mynahbot/mynah/internal/onnx/graph"
)

// Sizes of the network, a BERT.
const (
	hidden    = 384
	layers    = 12
	heads     = 12
	inner     = 1536 // of the feed-forward part
	words     = 250_037
	positions = 512
	epsilon   = 1e-12
)

// Names of the network's input and of its output.
const (
	inputEmbeddings = "embeddings" // tokens × hidden: of a text's tokens
	outputVector    = "vector"     // hidden, of length 1
)

// builder writes the network, and keeps the first error.
type builder struct {
	graph.Graph
	w   *file
	err error
}

func (b *builder) floats(name string, count int) []float32 {
	v, err := b.w.floats(name, count)
	if err != nil {
		b.fail(err)
		return make([]float32, count)
	}
	return v
}

func (b *builder) fail(err error) {
	if b.err == nil {
		b.err = err
	}
}

// network writes the network for the weights, which stay in 4 bits.
func network(w *file) ([]byte, error) {
	b := &builder{w: w}
	x := b.Input(inputEmbeddings, graph.Float32, "tokens", strconv.Itoa(hidden))
	x = b.normalize(x, "emb.ln")
	for l := range layers {
		x = b.layer(x, fmt.Sprintf("l%d.", l))
	}
	sum := b.Node("ReduceSum", []string{x, b.Int64s([]int64{0}, 1)}, graph.Int("keepdims", 0))
	length := b.Node("ReduceL2", []string{sum, b.Int64s([]int64{0}, 1)})
	b.Output(outputVector, b.Node("Div", []string{sum, length}), graph.Float32, strconv.Itoa(hidden))
	return b.Bytes(), b.err
}

// layer is attention and the feed-forward part, each added to what goes into it.
func (b *builder) layer(x, name string) string {
	const width = hidden / heads
	qkv := b.linear(x, hidden, hidden, name+"q", name+"k", name+"v")
	qkv = b.Node("Reshape", []string{qkv, b.Int64s([]int64{0, 3, heads, width}, 4)})
	qkv = b.Node("Transpose", []string{qkv}, graph.Ints("perm", 1, 2, 0, 3))
	parts := b.Split("Split", []string{qkv}, 3, graph.Int("axis", 0), graph.Int("num_outputs", 3))
	for i := range parts {
		parts[i] = b.Node("Squeeze", []string{parts[i], b.Int64s([]int64{0}, 1)})
	}
	scores := b.Node("MatMul", []string{parts[0], b.Node("Transpose", []string{parts[1]}, graph.Ints("perm", 0, 2, 1))})
	scores = b.Node("Mul", []string{scores, b.Floats([]float32{float32(1 / math.Sqrt(width))}, 1)})
	scores = b.Node("Softmax", []string{scores}, graph.Int("axis", -1))
	attended := b.Node("Transpose", []string{b.Node("MatMul", []string{scores, parts[2]})}, graph.Ints("perm", 1, 0, 2))
	attended = b.Node("Reshape", []string{attended, b.Int64s([]int64{0, hidden}, 2)})
	x = b.normalize(b.Node("Add", []string{x, b.linear(attended, hidden, hidden, name+"ao")}), name+"aln")

	wide := b.Node("com.microsoft.Gelu", []string{b.linear(x, hidden, inner, name+"fi")})
	return b.normalize(b.Node("Add", []string{x, b.linear(wide, inner, hidden, name+"fo")}), name+"oln")
}

func (b *builder) normalize(x, name string) string {
	gain, bias := b.Floats(b.floats(name+".w", hidden), hidden), b.Floats(b.floats(name+".b", hidden), hidden)
	return b.Node("LayerNormalization", []string{x, gain, bias}, graph.Float("epsilon", epsilon))
}

// linear multiplies with the matrices of those names, side by side, and adds their biases. MatMulNBits holds a row of
// blocks for each output; weight 2i of a block is in the lower half of byte i, and 8 stands for zero.
func (b *builder) linear(x string, in, out int, names ...string) string {
	var weights []byte
	var factors, biases []float32
	for _, name := range names {
		packed, err := b.w.content(name+".w", true, in*out)
		if err != nil {
			b.fail(err)
			return x
		}
		for ; len(packed) > 0; packed = packed[blockBytes:] {
			factors = append(factors, float16(binary.LittleEndian.Uint16(packed)))
			half := packed[2:blockBytes]
			for i := 0; i < len(half); i += 2 {
				weights = append(weights, half[i]&15|half[i+1]&15<<4)
			}
			for i := 0; i < len(half); i += 2 {
				weights = append(weights, half[i]>>4|half[i+1]&0xf0)
			}
		}
		biases = append(biases, b.floats(name+".b", out)...)
	}
	all, blocks := out*len(names), in/blockWeights
	y := b.Node("com.microsoft.MatMulNBits", []string{
		x, b.Uint8s(weights, all, blocks, blockWeights/2), b.Floats(factors, all*blocks),
	}, graph.Int("K", int64(in)), graph.Int("N", int64(all)), graph.Int("bits", 4), graph.Int("block_size", blockWeights),
		graph.Int("accuracy_level", 4)) // sums of products of bytes
	return b.Node("Add", []string{y, b.Floats(biases, all)})
}
