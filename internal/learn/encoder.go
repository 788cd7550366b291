package learn

import (
	"context"
	"errors"
	"fmt"
	"math"
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

// vectorLengths are the lengths of an encoder's vector beside the sparse blocks that are tried, the usual best first: words
// count for more where a set's labels hang on single ones, meaning for more where its texts are worded in many ways.
var vectorLengths = []float64{1.75, 1, 2.5}

// vectorLead is by how much more held-out texts another length than the usual must get right.
const vectorLead = 0.004

// oldVectorLength is the length in models of earlier versions, and maxVectorLength the greatest that is believed.
const (
	oldVectorLength = 1.5
	maxVectorLength = 100
)

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

// denseLayer is a second set of machines over the sparse features and an encoder's vector.
type denseLayer struct {
	Encoder     string  `json:"encoder,omitempty"` // its name
	Dimension   int     `json:"dimension"`
	Temperature float64 `json:"temperature"`
	Threshold   float64 `json:"threshold"`
	// Length is that of the vector, once the mean is taken off. 0 is of earlier versions: no mean is taken off, the length is
	// oldVectorLength, and the vector's numbers are features behind the others.
	Length float64 `json:"length,omitempty"`
	linear linear
	mean   []float32 // of the vectors of the texts that were trained on
}

// margins sets scores to the machines' margins of the features in z and an encoder's vector.
func (d *denseLayer) margins(z *vectorizer, vector, scores []float32) {
	if d.Length > 0 {
		d.linear.margins(z, centred(vector, d.mean, d.Length), scores)
		return
	}
	first := len(d.linear.start) - 1 - d.Dimension
	for j, v := range centred(vector, nil, oldVectorLength) {
		z.idx, z.val = append(z.idx, uint32(first+j)), append(z.val, v)
	}
	d.linear.margins(z, nil, scores)
}

// meanOf is the mean of the vectors.
func meanOf(vectors [][]float32) []float32 {
	sums := make([]float64, len(vectors[0]))
	for _, v := range vectors {
		for i, a := range v {
			sums[i] += float64(a)
		}
	}
	mean := make([]float32, len(sums))
	for i, s := range sums {
		mean[i] = float32(s / float64(len(vectors)))
	}
	return mean
}

// centred is v without the mean, brought to that length: what all texts have in common tells none from another. A vector that
// is the mean itself is zeros.
func centred(v, mean []float32, length float64) []float32 {
	out := make([]float32, len(v))
	sum := 0.0
	for i, a := range v {
		if mean != nil {
			a -= mean[i]
		}
		out[i] = a
		sum += float64(a) * float64(a)
	}
	if sum == 0 {
		return out
	}
	f := float32(length / math.Sqrt(sum))
	for i := range out {
		out[i] *= f
	}
	return out
}

// encode returns one vector a text, of length 1, or of zeros.
func encode(ctx context.Context, enc Encoder, texts []string) ([][]float32, error) {
	vectors, err := enc.Encode(ctx, texts)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEncoder, err)
	}
	if len(vectors) != len(texts) {
		return nil, fmt.Errorf("%w: %d vectors for %d texts", ErrEncoder, len(vectors), len(texts))
	}
	return units(vectors)
}

// units are the vectors in the length 1; those of zeros stay.
func units(vectors [][]float32) ([][]float32, error) {
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
		out[i] = centred(v, nil, 1)
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
	d := &denseLayer{Encoder: t.opt.Encoder.Name(), Dimension: len(vectors[0]), mean: meanOf(vectors)}
	for i, v := range vectors {
		vectors[i] = centred(v, d.mean, 1)
	}
	f, err := t.fitVectors(sparse, vectors)
	if err != nil {
		return err
	}
	if f.accuracy < sparse.accuracy {
		t.report.Notes = append(t.report.Notes, Note{EncoderUnused, []any{fmt.Sprintf("%.1f %%", 100*f.accuracy), fmt.Sprintf("%.1f %%", 100*sparse.accuracy)}})
		return nil
	}
	t.report.Encoder = true
	d.linear, d.Length = f.linear, f.candidate.vector
	d.Temperature, d.Threshold = t.calibrate(f)
	t.model.meta.Dense = d
	return nil
}

// fitVectors trains the sparse machines' features with the vectors, in the length that is best in cross-validation where
// trying several is cheap or in the budget.
func (t *training) fitVectors(sparse *fitted, vectors [][]float32) (*fitted, error) {
	var list []candidate
	for _, length := range vectorLengths {
		c := sparse.candidate
		c.vector = length
		list = append(list, c)
	}
	if !gramFits(len(t.labels.rows), t.raw.df) {
		values := float64(len(t.raw.idx) + len(vectors)*len(vectors[0]))
		list = list[:min(len(list), max(1, t.affordable(values, &t.labels)))]
	}
	all, err := t.fit(&t.labels, list, vectors, false, func(done float64) { t.progress("training", 0.7+0.15*done) })
	if err != nil {
		return nil, err
	}
	best := all[0]
	for _, f := range all[1:] {
		if f.accuracy > max(best.accuracy, all[0].accuracy+vectorLead) {
			best = f
		}
	}
	return best, nil
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
	vectors, err := enc.Encode(ctx, []string{text})
	if err != nil {
		return Prediction{}, fmt.Errorf("%w: %w", ErrEncoder, err)
	}
	if len(vectors) != 1 {
		return Prediction{}, fmt.Errorf("%w: %d vectors for a text", ErrEncoder, len(vectors))
	}
	return m.PredictVector(text, vectors[0])
}

// PredictVector is PredictEncoded where the encoder's vector is known. The error wraps ErrEncoder.
func (m *Model) PredictVector(text string, vector []float32) (Prediction, error) {
	if m.meta.Dense == nil {
		return m.Predict(text), nil
	}
	units, err := units([][]float32{vector})
	if err != nil {
		return Prediction{}, err
	}
	if len(vector) != m.meta.Dense.Dimension {
		return Prediction{}, fmt.Errorf("%w: a vector of %d numbers, the model was trained with %d: another encoder", ErrEncoder, len(vector), m.meta.Dense.Dimension)
	}
	return m.predict(text, units[0]), nil
}
