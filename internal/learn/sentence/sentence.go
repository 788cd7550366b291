// Package sentence turns sentences into vectors by a BERT-like model in ONNX, such as all-MiniLM-L6-v2. Open gives an
// Encoder that satisfies learn.Encoder; Close frees it.
package sentence

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"unicode"

	"github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/pretrained"

	"github.com/mynahbot/mynah/internal/learn/sentence/batch"
	"github.com/mynahbot/mynah/internal/onnx"
)

// Limits on what the model is given.
const (
	maxTokens         = 128      // of a text; the rest isn't looked at
	maxTextBytes      = 8 << 10  // of a text, before it is split into tokens
	maxTokenizerBytes = 32 << 20 // of the file tokenizer.json
)

// Encoder is a loaded model. Safe for concurrent use until Close.
type Encoder struct {
	session   *onnx.Session
	tokenizer *tokenizer.Tokenizer
	end       int // token that ends a sentence, kept when a text is cut
	name      string
}

// Open loads the model at modelPath with the Hugging Face tokenizer.json at tokenizerPath, under the name by which models
// trained with it will ask for it. onnx.Load must have been called. The model's inputs must be input_ids, attention_mask and token_type_ids, its output last_hidden_state.
func Open(name, modelPath, tokenizerPath string) (*Encoder, error) {
	info, err := os.Stat(tokenizerPath)
	if err != nil {
		return nil, fmt.Errorf("open the tokenizer: %w", err)
	}
	if info.Size() > maxTokenizerBytes {
		return nil, fmt.Errorf("the tokenizer %s is larger than %d MB", tokenizerPath, maxTokenizerBytes>>20)
	}
	tk, err := load(tokenizerPath)
	if err != nil {
		return nil, fmt.Errorf("open the tokenizer %s: %w", tokenizerPath, err)
	}
	tk.WithPadding(nil)
	tk.WithTruncation(nil) // they are cut here
	session, err := onnx.NewSession(modelPath, []string{"input_ids", "attention_mask", "token_type_ids"}, []string{"last_hidden_state"})
	if err != nil {
		return nil, err
	}
	e := &Encoder{session: session, tokenizer: tk, name: name}
	ids, err := e.tokens("a")
	if err != nil || len(ids) < 2 {
		return nil, errors.Join(fmt.Errorf("the tokenizer %s doesn't frame sentences", tokenizerPath), err, session.Close())
	}
	e.end = ids[len(ids)-1]
	return e, nil
}

// load reads a tokenizer. The library panics on files that aren't as it expects.
func load(path string) (tk *tokenizer.Tokenizer, err error) {
	defer func() {
		if r := recover(); r != nil {
			tk, err = nil, fmt.Errorf("%v", r)
		}
	}()
	return pretrained.FromFile(path)
}

// Name is the name that the encoder was opened under.
func (e *Encoder) Name() string { return e.name }

// Close frees the model.
func (e *Encoder) Close() error { return e.session.Close() }

// tokens splits text. A text without anything to read has no tokens.
func (e *Encoder) tokens(text string) (ids []int, err error) {
	text = strings.TrimSpace(strings.ToValidUTF8(strings.Map(printable, text[:min(len(text), maxTextBytes)]), " "))
	if text == "" {
		return nil, nil
	}
	// The library panics on some texts instead of returning an error.
	defer func() {
		if r := recover(); r != nil {
			ids, err = nil, fmt.Errorf("tokenize: %v", r)
		}
	}()
	enc, err := e.tokenizer.EncodeSingle(text, true)
	if err != nil {
		return nil, fmt.Errorf("tokenize: %w", err)
	}
	return enc.Ids, nil
}

func printable(r rune) rune {
	if unicode.IsGraphic(r) {
		return r
	}
	return ' '
}

// Encode returns the mean over the tokens' vectors of each text, and zeros for a text without tokens. Texts go through the
// network one by one, on as many processors as there are: beside longer ones a text would be padded, which takes longer, and
// a network that is rounded to bytes would give it another vector.
func (e *Encoder) Encode(ctx context.Context, texts []string) ([][]float32, error) {
	ids := make([][]int32, len(texts))
	for i, text := range texts {
		row, err := e.tokens(text)
		if err != nil {
			return nil, err
		}
		if len(row) > maxTokens {
			row = row[:maxTokens]
			row[maxTokens-1] = e.end
		}
		for _, id := range row {
			ids[i] = append(ids[i], int32(id))
		}
	}
	return batch.Encode(ctx, ids, 0, e.run)
}

// run sends texts, given by their tokens, through the network.
func (e *Encoder) run(texts [][]int32) ([][]float32, error) {
	vectors := make([][]float32, len(texts))
	for n, ids := range texts {
		length := max(len(ids), 1)
		shape := []int64{1, int64(length)}
		tokens, mask, types := make([]int64, length), make([]int64, length), make([]int64, length)
		for i, id := range ids {
			tokens[i], mask[i] = int64(id), 1
		}
		out, err := e.session.Run(onnx.Tensor{Shape: shape, Int64: tokens}, onnx.Tensor{Shape: shape, Int64: mask}, onnx.Tensor{Shape: shape, Int64: types})
		if err != nil {
			return nil, err
		}
		hidden := out[0]
		if len(hidden.Shape) != 3 || hidden.Shape[0] != 1 || hidden.Shape[1] != shape[1] || hidden.Float32 == nil {
			return nil, fmt.Errorf("the model gives numbers of shape %v for %v", hidden.Shape, shape)
		}
		dim := int(hidden.Shape[2])
		vectors[n] = make([]float32, dim)
		for i := range ids {
			for d, a := range hidden.Float32[i*dim:][:dim] {
				vectors[n][d] += a / float32(len(ids))
			}
		}
	}
	return vectors, nil
}
