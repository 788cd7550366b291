package moonshine

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
)

// The decoder's cache has a key and a value of the text and a key and a value of the audio for each layer, each with
// the shape 1, heads, length, width.
const (
	layers, heads, width = 6, 8, 36
	cachesPerLayer       = 4
)

// network is the loaded pair of models: the encoder makes features of audio, about 41 a second, and the decoder
// tells for each place of a text how likely each token is there.
type network struct {
	encoder, decoder *onnx.Session
	vocabulary       int
}

func openNetwork(m *speech.Model, vocabulary int) (*network, error) {
	encoder, err := onnx.NewSession(m.File("encoder"), []string{"input_values"}, []string{"last_hidden_state"})
	if err != nil {
		return nil, err
	}
	inputs, outputs := []string{"input_ids", "encoder_hidden_states"}, []string{"logits"}
	for layer := range layers {
		for _, cache := range [cachesPerLayer]string{"decoder.key", "decoder.value", "encoder.key", "encoder.value"} {
			inputs = append(inputs, fmt.Sprintf("past_key_values.%d.%s", layer, cache))
			outputs = append(outputs, fmt.Sprintf("present.%d.%s", layer, cache))
		}
	}
	decoder, err := onnx.NewSession(m.File("merged_decoder"), append(inputs, "use_cache_branch"), outputs)
	if err != nil {
		return nil, errors.Join(err, encoder.Close())
	}
	return &network{encoder, decoder, vocabulary}, nil
}

func (n *network) close() error { return errors.Join(n.encoder.Close(), n.decoder.Close()) }

// place is how far the decoder has come in a text about some audio. It is not changed by going on from it.
type place struct {
	features onnx.Tensor
	cache    []onnx.Tensor // nil before the first token
}

// listen makes features of audio.
func (n *network) listen(samples []float32) (place, error) {
	out, err := n.encoder.Run(onnx.Tensor{Shape: []int64{1, int64(len(samples))}, Float32: samples})
	if err != nil {
		return place{}, err
	}
	return place{features: out[0]}, nil
}

// read goes on by the tokens and returns, for the place behind each of them, the logits of what may follow there: len(tokens)
// rows of the vocabulary's size.
func (n *network) read(p place, tokens []int64) (place, []float32, error) {
	in := []onnx.Tensor{{Shape: []int64{1, int64(len(tokens))}, Int64: tokens}, p.features}
	if p.cache == nil {
		unused := onnx.Tensor{Shape: []int64{1, heads, 1, width}, Float32: make([]float32, heads*width)}
		for range layers * cachesPerLayer {
			in = append(in, unused)
		}
	}
	in = append(in, p.cache...)
	out, err := n.decoder.Run(append(in, onnx.Tensor{Shape: []int64{1}, Bool: []bool{p.cache != nil}})...)
	if err != nil {
		return place{}, nil, err
	}
	if len(out[0].Float32) != len(tokens)*n.vocabulary {
		return place{}, nil, fmt.Errorf("the model gave %v logits, which is not the size of its vocabulary", out[0].Shape)
	}
	next := place{p.features, out[1:]}
	for i := range next.cache {
		if p.cache != nil && i%cachesPerLayer >= cachesPerLayer/2 {
			next.cache[i] = p.cache[i] // those of the audio are only given once
		}
	}
	return next, out[0].Float32, nil
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
	all := place{features: repeat(p.features, len(texts))}
	for _, c := range p.cache {
		all.cache = append(all.cache, repeat(c, len(texts)))
	}
	in := append([]onnx.Tensor{{Shape: []int64{int64(len(texts)), int64(longest)}, Int64: ids}, all.features}, all.cache...)
	out, err := n.decoder.Run(append(in, onnx.Tensor{Shape: []int64{1}, Bool: []bool{true}})...)
	if err != nil {
		return nil, err
	}
	if len(out[0].Float32) != len(ids)*n.vocabulary {
		return nil, fmt.Errorf("the model gave %v logits, which is not the size of its vocabulary", out[0].Shape)
	}
	rows := make([][]float32, len(texts))
	for i, tokens := range texts {
		at := i * longest * n.vocabulary
		rows[i] = out[0].Float32[at : at+len(tokens)*n.vocabulary]
	}
	return rows, nil
}

// repeat is a batch of n times the same.
func repeat(t onnx.Tensor, n int) onnx.Tensor {
	shape := slices.Clone(t.Shape)
	shape[0] *= int64(n)
	return onnx.Tensor{Shape: shape, Float32: slices.Repeat(t.Float32, n)}
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
