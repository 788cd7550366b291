package learn

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/mynahbot/mynah/internal/record"
)

// Encoder turns texts into vectors of one length each (its dimension), in the order of texts. The same text must always
// give the same vector.
type Encoder interface {
	Encode(ctx context.Context, texts []string) ([][]float32, error)
	// Name tells encoders apart whose vectors differ: a model needs the encoder that it was trained with.
	Name() string
}

// Encoders is an [Encoder] that has others at hand, for the models that were trained with one of those.
type Encoders interface {
	Encoder
	// Named is the encoder of that name; nil where there is none, or none that works.
	Named(name string) Encoder
}

// named is the encoder of that name if enc has it at hand, else enc itself.
func named(enc Encoder, name string) Encoder {
	if all, ok := enc.(Encoders); ok && enc.Name() != name {
		if other := all.Named(name); other != nil {
			return other
		}
	}
	return enc
}

// encoderWeight is the length of an encoder's vector beside the sparse blocks.
const encoderWeight = 1.5

// maxDimension is the longest vector that an encoder may give.
const maxDimension = 4096

// encoderBatch is how many texts an encoder is given at once in training.
const encoderBatch = 64

// ErrEncoder is wrapped by errors about vectors that can't be used.
var ErrEncoder = errors.New("the sentence encoder failed")

// EncoderError says that a model was trained with a sentence encoder that isn't there.
type EncoderError struct {
	Want string // name of the encoder that the model was trained with
	Have string // of the one that is there; empty for none
}

func (e *EncoderError) Error() string {
	if e.Have == "" {
		return fmt.Sprintf("the model was trained with the sentence encoder %s, which isn't here", e.Want)
	}
	return fmt.Sprintf("the model was trained with the sentence encoder %s; %s gives other vectors", e.Want, e.Have)
}

// denseLayer is a second set of machines over the sparse features and an encoder's vector, whose columns follow them.
type denseLayer struct {
	Encoder     string  `json:"encoder,omitempty"` // its name
	Dimension   int     `json:"dimension"`
	Temperature float64 `json:"temperature"`
	Threshold   float64 `json:"threshold"`
	linear      linear
}

// encode returns one unit vector a text, times encoderWeight.
func encode(ctx context.Context, enc Encoder, texts []string) ([][]float32, error) {
	vectors, err := enc.Encode(ctx, texts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoder, err)
	}
	if len(vectors) != len(texts) {
		return nil, fmt.Errorf("%w: %d vectors for %d texts", ErrEncoder, len(vectors), len(texts))
	}
	out := make([][]float32, len(vectors))
	for i, v := range vectors {
		if len(v) == 0 || len(v) > maxDimension || len(v) != len(vectors[0]) {
			return nil, fmt.Errorf("%w: a vector of %d numbers", ErrEncoder, len(v))
		}
		sum := 0.0
		for _, a := range v {
			sum += float64(a) * float64(a)
		}
		if math.IsNaN(sum) || math.IsInf(sum, 0) {
			return nil, fmt.Errorf("%w: a vector that is no numbers", ErrEncoder)
		}
		f := float32(0)
		if sum > 0 {
			f = float32(encoderWeight / math.Sqrt(sum))
		}
		out[i] = make([]float32, len(v))
		for j, a := range v {
			out[i][j] = a * f
		}
	}
	return out, nil
}

// TryEncoder reports whether an encoder works, by a word.
func TryEncoder(enc Encoder) error {
	_, err := encode(context.Background(), enc, []string{"hello"})
	return err
}

// dense trains the second set of machines, if there is an encoder, and keeps it if cross-validation finds it no worse.
func (t *training) dense(sparse *fitted) error {
	if t.opt.Encoder == nil {
		return nil
	}
	texts := t.texts()
	var vectors [][]float32
	for from := 0; from < len(texts); from += encoderBatch {
		part, err := encode(t.ctx, t.opt.Encoder, texts[from:min(from+encoderBatch, len(texts))])
		if err != nil {
			return err
		}
		if from > 0 && len(part[0]) != len(vectors[0]) {
			return fmt.Errorf("%w: vectors of %d and of %d numbers", ErrEncoder, len(vectors[0]), len(part[0]))
		}
		vectors = append(vectors, part...)
		t.progress("training", 0.5+0.2*float64(from)/float64(len(texts)))
	}
	all, err := t.fit(&t.labels, []candidate{sparse.candidate}, vectors, false, func(done float64) { t.progress("training", 0.7+0.15*done) })
	if err != nil {
		return err
	}
	f := all[0]
	if f.accuracy < sparse.accuracy {
		t.report.Notes = append(t.report.Notes, Note{EncoderUnused, []any{fmt.Sprintf("%.1f %%", 100*f.accuracy), fmt.Sprintf("%.1f %%", 100*sparse.accuracy)}})
		return nil
	}
	t.report.Encoder = true
	d := &denseLayer{Encoder: t.opt.Encoder.Name(), Dimension: len(vectors[0]), linear: f.linear}
	d.Temperature, d.Threshold = t.calibrate(f)
	t.model.meta.Dense = d
	return nil
}

// withVectors returns the rows of x with the vectors appended as further columns.
func withVectors(x *matrix, vectors [][]float32) *matrix {
	out := &matrix{start: []int{0}, dim: x.dim + len(vectors[0])}
	columns := make([]uint32, len(vectors[0]))
	for j := range columns {
		columns[j] = uint32(x.dim + j)
	}
	for i, v := range vectors {
		idx, val := x.row(i)
		out.idx = append(append(out.idx, idx...), columns...)
		out.val = append(append(out.val, val...), v...)
		out.start = append(out.start, len(out.idx))
	}
	return out
}

// Encoder is the name of the encoder that the model was trained with, and needs; empty for none.
func (m *Model) Encoder() string {
	if m.meta.Dense == nil {
		return ""
	}
	return m.meta.Dense.Encoder
}

// CheckEncoder returns an *EncoderError where the model needs an encoder that is neither enc, which may be nil, nor one that
// it has at hand.
func (m *Model) CheckEncoder(enc Encoder) error {
	want, have := m.Encoder(), ""
	if enc = named(enc, want); enc != nil {
		have = enc.Name()
	}
	if want == "" || want == have {
		return nil
	}
	return &EncoderError{Want: want, Have: have}
}

// PredictEncoded is Predict with the encoder that the model was trained with; for a model trained without one it is the
// same as Predict. The error is of CheckEncoder, or wraps ErrEncoder.
func (m *Model) PredictEncoded(ctx context.Context, enc Encoder, text string) (Prediction, error) {
	if m.meta.Dense == nil {
		return m.Predict(text), nil
	}
	if err := m.CheckEncoder(enc); err != nil {
		return Prediction{}, err
	}
	enc = named(enc, m.Encoder())
	vectors, err := encode(ctx, enc, []string{text})
	if err != nil {
		return Prediction{}, err
	}
	if len(vectors[0]) != m.meta.Dense.Dimension {
		return Prediction{}, fmt.Errorf("%w: a vector of %d numbers, the model was trained with %d: another encoder", ErrEncoder, len(vectors[0]), m.meta.Dense.Dimension)
	}
	return m.predict(text, vectors[0]), nil
}

// EvaluateEncoded is Evaluate with the encoder that m was trained with.
func EvaluateEncoded(ctx context.Context, m *Model, enc Encoder, examples []record.Example, oos []string) (Evaluation, error) {
	return EvaluateWith(m, func(text string) (Prediction, error) { return m.PredictEncoded(ctx, enc, text) }, examples, oos)
}
