package whisper

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	// tokensPerSecond bounds how much is written. Russian takes three tokens for a word.
	tokensPerSecond = 25
	// detectSeconds is how much of a recording is listened to for its language.
	detectSeconds = 10
	// noSpeechAt is the probability of no speech from which a text that isn't certain is none, as Whisper's own program has it.
	noSpeechAt, noSpeechBelow = 0.6, 0.5
)

// Recognizer recognizes with a Whisper model. It is safe for concurrent use.
type Recognizer struct {
	model            *speech.Model
	encoder, decoder *onnx.Session
	layers, context  int64
	width            int64
	bands            int
	table            []string
	never            map[int64]bool // tokens that are not written
	spectra          sync.Pool
	seats            *speech.Seats
}

// Runs reports whether [Open] can run a model.
func Runs(m *speech.Model) bool { return m.Kind == speech.KindWhisper }

// ErrUnknown is wrapped by errors about models that this package can't run, such as those for English alone.
var ErrUnknown = errors.New("is no multilingual Whisper model of 99 languages")

// Open loads a model that [Runs]. ONNX Runtime must have been loaded. streams is how many utterances are recognized
// at once, each with one thread; cores are what they share with others. Close it to free the model's memory.
func Open(m *speech.Model, cores *speech.Cores, streams int) (*Recognizer, error) {
	r := &Recognizer{model: m, seats: cores.Seats(streams)}
	if err := r.load(); err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, errors.Join(err, r.Close()))
	}
	return r, nil
}

func (r *Recognizer) load() error {
	f, err := os.Open(r.model.File("tokens"))
	if err != nil {
		return err
	}
	defer f.Close()
	if r.table, r.never, err = readTable(f); err != nil {
		return err
	}
	for _, l := range r.model.Languages {
		if !slices.Contains(languages, l) {
			return fmt.Errorf("it %w: %q is not among them", ErrUnknown, l)
		}
	}
	sound, err := onnx.Inputs(r.model.File("encoder"))
	if err != nil {
		return err
	}
	cache, err := onnx.Inputs(r.model.File("decoder"))
	if err != nil {
		return err
	}
	for _, p := range cache {
		if p.Name == "in_n_layer_self_k_cache" && len(p.Shape) == 4 {
			r.layers, r.context, r.width = p.Shape[0], p.Shape[2], p.Shape[3]
		}
	}
	if len(sound) != 1 || len(sound[0].Shape) != 3 || sound[0].Shape[1] < 1 || r.layers < 1 || r.context < 1 || r.width < 1 {
		return fmt.Errorf("it %w", ErrUnknown)
	}
	r.bands = int(sound[0].Shape[1])
	r.spectra.New = func() any { return newSpectrum(r.bands) }
	if r.encoder, err = onnx.NewSession(r.model.File("encoder"), []string{sound[0].Name}, []string{"n_layer_cross_k", "n_layer_cross_v"}); err != nil {
		return err
	}
	r.decoder, err = onnx.NewSession(r.model.File("decoder"),
		[]string{"tokens", "in_n_layer_self_k_cache", "in_n_layer_self_v_cache", "n_layer_cross_k", "n_layer_cross_v", "offset"},
		[]string{"logits", "out_n_layer_self_k_cache", "out_n_layer_self_v_cache"})
	return err
}

// Close waits for what runs and frees the model's memory.
func (r *Recognizer) Close() error {
	var errs []error
	for _, s := range []*onnx.Session{r.encoder, r.decoder} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return errors.Join(errs...)
}

// Languages are those of the model.
func (r *Recognizer) Languages() []string { return slices.Clone(r.model.Languages) }

// place is how far the decoder has come in a text about some audio.
type place struct {
	sound  []*onnx.Value // keys and values of the audio
	keys   onnx.Input    // of the text, in caches of full length
	values onnx.Input
	offset int64
	logits *onnx.Value // of what may follow on each of the last tokens
}

// left frees what only this place has, after going on to another one.
func (p place) left() {
	p.logits.Close()
	for _, cache := range []onnx.Input{p.keys, p.values} {
		if v, ok := cache.(*onnx.Value); ok {
			v.Close()
		}
	}
}

// end frees the last place, and the audio's keys and values.
func (p place) end() {
	p.left()
	for _, v := range p.sound {
		v.Close()
	}
}

// listen makes of the samples what the decoder looks at.
func (r *Recognizer) listen(samples []float32) (place, error) {
	s := r.spectra.Get().(*spectrum)
	features, frames := s.features(samples, int(2*spoken.MaxUtterance.Seconds()*spoken.Rate)/hop)
	r.spectra.Put(s)
	out, err := r.encoder.Compute(onnx.Tensor{Shape: []int64{1, int64(r.bands), int64(frames)}, Float32: features})
	if err != nil {
		return place{}, err
	}
	empty := onnx.Tensor{Shape: []int64{r.layers, 1, r.context, r.width}, Float32: make([]float32, r.layers*r.context*r.width)}
	return place{sound: out, keys: empty, values: empty}, nil
}

// read goes on by the tokens and returns, for the place after each of them, the logits of what may follow there, which are valid
// until the new place is left. The place before is left.
func (r *Recognizer) read(p place, tokens ...int64) (place, [][]float32, error) {
	out, err := r.decoder.Compute(
		onnx.Tensor{Shape: []int64{1, int64(len(tokens))}, Int64: tokens}, p.keys, p.values, p.sound[0], p.sound[1],
		onnx.Tensor{Shape: []int64{1}, Int64: []int64{p.offset}})
	if err != nil {
		return place{}, nil, err
	}
	logits := out[0].Float32()
	if len(logits) != len(tokens)*vocabularySize {
		return place{}, nil, fmt.Errorf("it %w: it gave %v logits", ErrUnknown, out[0].Shape())
	}
	p.left()
	return place{p.sound, out[1], out[2], p.offset + int64(len(tokens)), out[0]}, slices.Collect(slices.Chunk(logits, vocabularySize)), nil
}

// Recognize makes text of one utterance. See [spoken.Recognizer]. The transcript's confidence is the geometric mean of its tokens'
// probabilities.
func (r *Recognizer) Recognize(ctx context.Context, u spoken.Utterance) (spoken.Transcript, error) {
	t, err := r.model.Begin(u)
	if err != nil || len(u.Samples) < spoken.MinSamples {
		return t, err
	}
	leave, err := r.seats.Take(ctx)
	if err != nil {
		return spoken.Transcript{}, fmt.Errorf("model %s: %w", r.model.Name, err)
	}
	defer leave()
	started := time.Now()
	if t.Text, t.Confidence, err = r.write(ctx, u.Samples, t.Language); err != nil {
		return spoken.Transcript{}, fmt.Errorf("model %s: %w", r.model.Name, err)
	}
	t.Took = time.Since(started)
	return t, nil
}

// write writes the likeliest token at each place, until the likeliest is the end.
func (r *Recognizer) write(ctx context.Context, samples []float32, language string) (text string, confidence float64, err error) {
	at, err := r.listen(samples)
	if err != nil {
		return "", 0, err
	}
	at, rows, err := r.read(at, startToken, token(language), transcribeToken, untimedToken)
	if err != nil {
		return "", 0, err
	}
	defer func() { at.end() }()
	silence := math.Exp(float64(rows[0][silentToken]) - logSum(rows[0]))
	var words strings.Builder
	sum, n := 0.0, 0
	limit := min(int(r.context)-8, 8+tokensPerSecond*len(samples)/spoken.Rate)
	for logits := rows[len(rows)-1]; n < limit; {
		if ctx.Err() != nil {
			return "", 0, context.Cause(ctx)
		}
		best := r.best(logits, n == 0)
		sum += float64(logits[best]) - logSum(logits)
		n++
		if best == endToken {
			break
		}
		words.WriteString(r.table[best])
		if at, rows, err = r.read(at, best); err != nil {
			return "", 0, err
		}
		logits = rows[0]
	}
	confidence = math.Exp(sum / float64(max(n, 1)))
	text = strings.TrimSpace(strings.ToValidUTF8(words.String(), ""))
	if silence > noSpeechAt && confidence < noSpeechBelow || !hasWords(text) {
		return "", confidence, nil
	}
	return text, confidence, nil
}

// best is the likeliest token of those that may be written.
func (r *Recognizer) best(logits []float32, first bool) int64 {
	best := int64(endToken)
	if first {
		best = 0
	}
	for i, x := range logits[:texts+1] {
		if x > logits[best] && !r.never[int64(i)] && !(first && (i == blank || i == endToken)) {
			best = int64(i)
		}
	}
	return best
}

// hasWords reports whether there is more than signs and remarks in brackets.
func hasWords(text string) bool {
	if strings.HasPrefix(text, "(") && strings.HasSuffix(text, ")") {
		return false
	}
	return strings.ContainsFunc(text, isWord)
}

// Detect says which of the languages is spoken, and how likely each is among them. Languages that the model does not know are left
// out; without a known one the language is "".
func (r *Recognizer) Detect(ctx context.Context, samples []float32, among []string) (language string, likely map[string]float64, err error) {
	leave, err := r.seats.Take(ctx)
	if err != nil {
		return "", nil, fmt.Errorf("model %s: %w", r.model.Name, err)
	}
	defer leave()
	at, err := r.listen(samples[:min(len(samples), detectSeconds*spoken.Rate)])
	if err != nil {
		return "", nil, fmt.Errorf("model %s: %w", r.model.Name, err)
	}
	at, rows, err := r.read(at, startToken)
	if err != nil {
		return "", nil, fmt.Errorf("model %s: %w", r.model.Name, err)
	}
	defer at.end()
	likely = map[string]float64{}
	sum := 0.0
	for _, l := range among {
		if slices.Contains(languages, l) {
			likely[l] = math.Exp(float64(rows[0][token(l)]) - logSum(rows[0]))
			sum += likely[l]
			if language == "" || likely[l] > likely[language] {
				language = l
			}
		}
	}
	for l := range likely {
		likely[l] /= max(sum, math.SmallestNonzeroFloat64)
	}
	return language, likely, nil
}

// token is that of a language.
func token(language string) int64 { return int64(startToken + 1 + slices.Index(languages, language)) }

// logSum is the logarithm of the sum of the logits' exponentials.
func logSum(logits []float32) float64 {
	top := slices.Max(logits)
	sum := 0.0
	for _, x := range logits {
		if d := float64(x - top); d > -14 { // what is smaller adds nothing
			sum += math.Exp(d)
		}
	}
	return float64(top) + math.Log(sum)
}
