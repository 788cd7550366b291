package moonshine

import (
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	// tokensPerSecond bounds how much is written: nobody speaks faster, and 6.5 was seen to cut texts off.
	tokensPerSecond = 13
	// maxBatch is how many texts are rated at once: each takes a copy of the decoder's cache, 600 kB for a second of audio.
	maxBatch = 16
)

// Recognizer recognizes with a Moonshine model and knows how certain it is. It is safe for concurrent use.
type Recognizer struct {
	model   *speech.Model
	network *network
	tokens  *tokenizer
	seats   *speech.Seats
}

// Runs reports whether [Open] can run a model: a Moonshine one with a merged decoder.
func Runs(m *speech.Model) bool {
	return m.Kind == speech.KindMoonshine && m.File("merged_decoder") != ""
}

// Open loads a model that [Runs]. ONNX Runtime must have been loaded. streams is how many utterances are recognized
// at once, each with one thread; cores are what they share with others. Close it to free the model's memory.
func Open(m *speech.Model, cores *speech.Cores, streams int) (*Recognizer, error) {
	f, err := os.Open(m.File("tokens"))
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	defer f.Close()
	tokens, err := readTokenizer(f)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	n, err := openNetwork(m, len(tokens.texts))
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	return &Recognizer{m, n, tokens, cores.Seats(streams)}, nil
}

// Close waits for what runs and frees the model's memory.
func (r *Recognizer) Close() error { return r.network.close() }

// Languages are those of the model.
func (r *Recognizer) Languages() []string { return slices.Clone(r.model.Languages) }

// Recognize makes text of one utterance. See [spoken.Recognizer]. The transcript's confidence is the geometric mean of its tokens'
// probabilities, and its Scorer rates other texts.
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
	h, err := r.hear(ctx, u.Samples)
	if err != nil {
		return spoken.Transcript{}, fmt.Errorf("model %s: %w", r.model.Name, err)
	}
	t.Text, t.Confidence, t.Scorer, t.Took = r.tokens.decode(h.tokens), h.confidence(), h, time.Since(started)
	return t, nil
}

// heard is what the model made of an utterance.
type heard struct {
	r      *Recognizer
	start  place // behind the start token
	first  []float32
	tokens []int64
	logs   []float64 // the logarithm of each token's probability, and of the end's
	ends   []float64 // the logarithm of the end's probability before each token
}

// hear writes the likeliest token at each place, until the likeliest is the end.
func (r *Recognizer) hear(ctx context.Context, samples []float32) (*heard, error) {
	at, err := r.network.listen(samples)
	if err != nil {
		return nil, err
	}
	at, logits, err := r.network.read(at, []int64{startToken})
	if err != nil {
		return nil, err
	}
	h := &heard{r: r, start: at, first: slices.Clone(logits)}
	for limit := 1 + tokensPerSecond*len(samples)/spoken.Rate; ; {
		best := int64(0)
		for i, x := range logits {
			if x > logits[best] {
				best = int64(i)
			}
		}
		sum := logSum(logits)
		h.logs = append(h.logs, float64(logits[best])-sum)
		h.ends = append(h.ends, float64(logits[endToken])-sum)
		if best == endToken || len(h.tokens) == limit {
			h.leave(at)
			h.shorten()
			return h, nil
		}
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		h.tokens = append(h.tokens, best)
		next, more, err := r.network.read(at, []int64{best})
		if err != nil {
			return nil, err
		}
		h.leave(at)
		at, logits = next, more
	}
}

// leave frees a place, but for that at the start, from which texts are rated later.
func (h *heard) leave(p place) {
	if len(h.tokens) > 0 && p.logits != h.start.logits {
		p.left()
	}
}

// shorten leaves out what the text says again at its end, digits mostly, where the model finds the text without it likelier. The
// likeliest token at each place goes on with a number, or begins it anew, when the whole text with it is less likely.
func (h *heard) shorten() {
	sum := 0.0
	for _, l := range h.logs {
		sum += l
	}
	best, most := len(h.tokens), sum
	sum = 0
	for n := range h.tokens {
		if p := sum + h.ends[n]; n > 0 && p > most && again(h.r.tokens.decode(h.tokens[:n]), h.r.tokens.decode(h.tokens)) {
			best, most = n, p
		}
		sum += h.logs[n]
	}
	if best < len(h.tokens) {
		h.tokens, h.logs = h.tokens[:best], h.logs[:best] // that it ends there says nothing about the words
	}
}

// again reports whether a text says nothing after its beginning that isn't in that, but for digits and the word "and".
func again(beginning, text string) bool {
	rest, ok := strings.CutPrefix(text, beginning)
	if !ok || beginning == "" {
		return false
	}
	words := func(s string) []string {
		return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) })
	}
	said := append(words(beginning), "and")
	for _, w := range words(rest) {
		if !slices.Contains(said, w) {
			return false
		}
	}
	return strings.ContainsFunc(beginning, unicode.IsDigit)
}

// Close frees what the model made of the audio before the collector does. Score must not be called after it.
func (h *heard) Close() error {
	h.start.end()
	return nil
}

func (h *heard) confidence() float64 {
	sum := 0.0
	for _, l := range h.logs {
		sum += l
	}
	return math.Exp(sum / float64(len(h.logs)))
}

// Score rates texts as what was said. See [spoken.Scorer].
func (h *heard) Score(ctx context.Context, texts ...string) ([]float64, error) {
	all := make([][]int64, len(texts))
	for i, text := range texts {
		var err error
		if all[i], err = h.r.tokens.encode(text); err != nil {
			return nil, err
		}
	}
	leave, err := h.r.seats.Take(ctx)
	if err != nil {
		return nil, fmt.Errorf("model %s: %w", h.r.model.Name, err)
	}
	defer leave()
	scores := make([]float64, len(texts))
	for from := 0; from < len(all); from += maxBatch {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		batch := all[from:min(len(all), from+maxBatch)]
		rows, err := h.r.network.rate(h.start, batch)
		if err != nil {
			return nil, fmt.Errorf("model %s: %w", h.r.model.Name, err)
		}
		for i, tokens := range batch {
			scores[from+i] = h.score(tokens, rows[i])
		}
	}
	return scores, nil
}

// score is the logarithm of the probability that these are the tokens, and no more, given the logits behind each of them.
func (h *heard) score(tokens []int64, behind []float32) float64 {
	sum, row := 0.0, h.first
	for _, token := range append(slices.Clone(tokens), endToken) {
		sum += float64(row[token]) - logSum(row)
		if token != endToken {
			row, behind = behind[:h.r.network.vocabulary], behind[h.r.network.vocabulary:]
		}
	}
	return sum
}
