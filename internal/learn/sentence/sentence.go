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
	tk.WithPadding(nil)    // a batch is padded here, to its longest text
	tk.WithTruncation(nil) // and cut here
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

// Encode returns the mean over the tokens' vectors of each text, and zeros for a text without tokens.
func (e *Encoder) Encode(ctx context.Context, texts []string) ([][]float32, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	ids := make([][]int, len(texts))
	longest := 0
	for i, text := range texts {
		var err error
		if ids[i], err = e.tokens(text); err != nil {
			return nil, err
		}
		if len(ids[i]) > maxTokens {
			ids[i] = ids[i][:maxTokens]
			ids[i][maxTokens-1] = e.end
		}
		longest = max(longest, len(ids[i]))
	}
	longest = max(longest, 1)
	shape := []int64{int64(len(texts)), int64(longest)}
	tokens, mask, types := make([]int64, len(texts)*longest), make([]int64, len(texts)*longest), make([]int64, len(texts)*longest)
	for i, row := range ids {
		for j, id := range row {
			tokens[i*longest+j], mask[i*longest+j] = int64(id), 1
		}
	}
	out, err := e.session.Run(onnx.Tensor{Shape: shape, Int64: tokens}, onnx.Tensor{Shape: shape, Int64: mask}, onnx.Tensor{Shape: shape, Int64: types})
	if err != nil {
		return nil, err
	}
	hidden := out[0]
	if len(hidden.Shape) != 3 || hidden.Shape[0] != shape[0] || hidden.Shape[1] != shape[1] || hidden.Float32 == nil {
		return nil, fmt.Errorf("the model gives numbers of shape %v for %v", hidden.Shape, shape)
	}
	dim := int(hidden.Shape[2])
	vectors := make([][]float32, len(texts))
	for i, row := range ids {
		v := make([]float32, dim)
		for j := range row {
			for d, a := range hidden.Float32[(i*longest+j)*dim:][:dim] {
				v[d] += a / float32(len(row))
			}
		}
		vectors[i] = v
	}
	return vectors, nil
}
