package moonshine

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
)

// cachesPerLayer are the parts of the decoder's cache: for each layer a key and a value of the text, and a key and a value of the
// audio, each with the shape 1, heads, length, width.
const cachesPerLayer = 4

// network is the loaded pair of models: the encoder makes features of audio, about 41 a second, and the decoder
// says for each place of a text how likely each token is there.
type network struct {
	encoder, decoder *onnx.Session
	vocabulary       int
	layers           int
	heads, width     int64
}

func openNetwork(m *speech.Model, vocabulary int) (*network, error) {
	n := &network{vocabulary: vocabulary}
	ports, err := onnx.Inputs(m.File("merged_decoder"))
	if err != nil {
		return nil, err
	}
	for _, p := range ports {
		if strings.HasPrefix(p.Name, "past_key_values.") && len(p.Shape) == 4 {
			n.heads, n.width = p.Shape[1], p.Shape[3]
			n.layers++
		}
	}
	if n.layers /= cachesPerLayer; n.layers == 0 || n.heads < 1 || n.width < 1 {
		return nil, errors.New("the decoder has no cache as Moonshine's has")
	}
	if n.encoder, err = onnx.NewSession(m.File("encoder"), []string{"input_values"}, []string{"last_hidden_state"}); err != nil {
		return nil, err
	}
	inputs, outputs := []string{"input_ids", "encoder_hidden_states"}, []string{"logits"}
	for layer := range n.layers {
		for _, cache := range [cachesPerLayer]string{"decoder.key", "decoder.value", "encoder.key", "encoder.value"} {
			inputs = append(inputs, fmt.Sprintf("past_key_values.%d.%s", layer, cache))
			outputs = append(outputs, fmt.Sprintf("present.%d.%s", layer, cache))
		}
	}
	n.decoder, err = onnx.NewSession(m.File("merged_decoder"), append(inputs, "use_cache_branch"), outputs)
	if err != nil {
		return nil, errors.Join(err, n.encoder.Close())
	}
	return n, nil
}

func (n *network) close() error { return errors.Join(n.encoder.Close(), n.decoder.Close()) }

// place is how far the decoder has come in a text about some audio. It is not changed by going on from it.
type place struct {
	features *onnx.Value
	cache    []*onnx.Value // nil before the first token
	logits   *onnx.Value   // of what may follow on each of the last tokens
}

// left frees what only this place has, after going on to another one.
func (p place) left() {
	p.logits.Close()
	for i, c := range p.cache {
		if i%cachesPerLayer < cachesPerLayer/2 {
			c.Close()
		}
	}
}

// end frees the place, and what all places of the audio share.
func (p place) end() {
	p.logits.Close()
	p.features.Close()
	for _, c := range p.cache {
		c.Close()
	}
}

// listen makes features of audio.
func (n *network) listen(samples []float32) (place, error) {
	out, err := n.encoder.Compute(onnx.Tensor{Shape: []int64{1, int64(len(samples))}, Float32: samples})
	if err != nil {
		return place{}, err
	}
	return place{features: out[0]}, nil
}

// read goes on by the tokens and returns, for the place behind each of them, the logits of what may follow there: len(tokens)
// rows of the vocabulary's size. They are valid until the new place is left.
func (n *network) read(p place, tokens []int64) (place, []float32, error) {
	in := []onnx.Input{onnx.Tensor{Shape: []int64{1, int64(len(tokens))}, Int64: tokens}, p.features}
	if p.cache == nil {
		unused := onnx.Tensor{Shape: []int64{1, n.heads, 1, n.width}, Float32: make([]float32, n.heads*n.width)}
		for range n.layers * cachesPerLayer {
			in = append(in, unused)
		}
	}
	for _, c := range p.cache {
		in = append(in, c)
	}
	out, err := n.decoder.Compute(append(in, onnx.Tensor{Shape: []int64{1}, Bool: []bool{p.cache != nil}})...)
	if err != nil {
		return place{}, nil, err
	}
	logits := out[0].Float32()
	if len(logits) != len(tokens)*n.vocabulary {
		return place{}, nil, fmt.Errorf("the model gave %v logits, which is not the size of its vocabulary", out[0].Shape())
	}
	next := place{p.features, out[1:], out[0]}
	for i := range next.cache {
		if p.cache != nil && i%cachesPerLayer >= cachesPerLayer/2 {
			next.cache[i].Close()
			next.cache[i] = p.cache[i] // those of the audio are only given once
		}
	}
	return next, logits, nil
}

// rate goes on from a place by each of the texts, all at once, and returns for each of them the logits as read does. It takes
// much less time than reading them one by one.
func (n *network) rate(p place, texts [][]int64) ([][]float32, error) {
	longest := 0
	for _, tokens := range texts {
		longest = max(longest, len(tokens))
	}
	if longest == 0 {
		return make([][]float32, len(texts)), nil
	}
	ids := make([]int64, 0, len(texts)*longest)
	for _, tokens := range texts {
		ids = append(ids, tokens...)
		for range longest - len(tokens) {
			ids = append(ids, endToken) // a token only depends on those before it, so what fills the rest doesn't matter
		}
	}
	in := []onnx.Input{onnx.Tensor{Shape: []int64{int64(len(texts)), int64(longest)}, Int64: ids}, repeat(p.features, len(texts))}
	for _, c := range p.cache {
		in = append(in, repeat(c, len(texts)))
	}
	out, err := n.decoder.Compute(append(in, onnx.Tensor{Shape: []int64{1}, Bool: []bool{true}})...)
	if err != nil {
		return nil, err
	}
	logits := out[0].Float32()
	if len(logits) != len(ids)*n.vocabulary {
		return nil, fmt.Errorf("the model gave %v logits, which is not the size of its vocabulary", out[0].Shape())
	}
	rows := make([][]float32, len(texts))
	for i, tokens := range texts {
		at := i * longest * n.vocabulary
		rows[i] = logits[at : at+len(tokens)*n.vocabulary]
	}
	return rows, nil
}

// repeat is a batch of n times the same.
func repeat(v *onnx.Value, n int) onnx.Tensor {
	shape := slices.Clone(v.Shape())
	shape[0] *= int64(n)
	return onnx.Tensor{Shape: shape, Float32: slices.Repeat(v.Float32(), n)}
}

// negligible is how far below the highest a logit adds nothing to the sum: all 32,768 of them would add 3 % of it.
const negligible = -14

// logSum is the logarithm of the sum of the logits' exponentials: what turns them into logarithms of probabilities
// when it is taken off them.
func logSum(logits []float32) float64 {
	top := logits[0]
	for _, x := range logits {
		top = max(top, x)
	}
	sum := 0.0
	for _, x := range logits {
		if d := float64(x - top); d > negligible {
			sum += math.Exp(d)
		}
	}
	return float64(top) + math.Log(sum)
}
