package evidence

import (
	"context"
	"math"
	"slices"
	"strings"
)

// candidates is how many replies are looked at closely.
const candidates = 6

// Asked is a question with what may answer it.
type Asked struct {
	Candidates []Candidate // the most promising first
	Text       []float32   // the question's vector; nil without an encoder
}

// Candidate is a reply that may answer a question.
type Candidate struct {
	Reply    string
	Wording  int // the nearest of its wordings, by its place in what was taught
	Features []float32

	wording, reply []float32 // vectors; nil without an encoder
}

// Vectors are those of the nearest wording and of the reply; nil without an encoder.
func (c Candidate) Vectors() (wording, reply []float32) { return c.wording, c.reply }

// Names of the features, in their order. Cosines are of vectors, likenesses of letters.
var featureNames = []string{
	"cosine", "reply cosine", "lead", "reply lead", "beyond chat", "beyond general", "beyond the nearest five",
	"chat", "general", "crowd", "common", "standing", "local",
	"likeness", "reply likeness", "likeness lead",
	"covered", "covered with the reply", "covers", "rarest uncovered", "rarest missing", "rarest shared", "shared words",
	"words", "words of the wording", "question mark", "question word", "negation differs", "opposed", "entries", "wordings",
	"rarest foreign", "foreign",
	"sum", "sum lead", "place",
}

// Features is how many features a candidate has.
func Features() int { return len(featureNames) }

// Ask finds what may answer a question. vector is the question's by the index's encoder; nil where it is
// still to be computed.
func (ix *Index) Ask(ctx context.Context, question string, vector []float32) (Asked, error) {
	if len(ix.wordings) == 0 {
		return Asked{}, nil
	}
	q, err := ix.lookAt(ctx, question, vector)
	if err != nil {
		return Asked{}, err
	}
	return ix.asked(q), nil
}

// lookAt takes a question apart, with its vector where there is an encoder.
func (ix *Index) lookAt(ctx context.Context, text string, vector []float32) (*question, error) {
	q := ix.look(text)
	q.vector = vector
	if ix.encoder == nil || vector != nil {
		return q, nil
	}
	vectors, err := ix.encoder.Encode(ctx, []string{text})
	if err != nil {
		return nil, err
	}
	q.vector = vectors[0]
	return q, nil
}

// asked is Ask once the question's vector is known.
func (ix *Index) asked(q *question) Asked {
	ix.compare(q)
	order := make([]int, len(ix.entries))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case q.sum[a] > q.sum[b]:
			return -1
		case q.sum[a] < q.sum[b]:
			return 1
		}
		return a - b
	})
	out := Asked{Text: q.vector}
	for place, e := range order[:min(candidates, len(order))] {
		features, wording := ix.features(q, e, place)
		c := Candidate{Reply: ix.entries[e].reply, Wording: wording, Features: features}
		if ix.encoder != nil {
			c.wording, c.reply = ix.texts.row(wording), ix.replies.row(e)
		}
		out.Candidates = append(out.Candidates, c)
	}
	return out
}

// question is a text that is asked, and how it compares with all that was taught.
type question struct {
	text   string
	words  []lexeme
	stems  []string
	means  []meaning
	rare   []float64 // of each stem
	local  []bool    // whether something that was taught has it
	total  float64   // of rare
	grams  []weight
	vector []float32

	cosine, likeness []float32 // by wording
	best             []float64 // greatest cosine of an entry's wordings
	alike            []float64 // greatest likeness of an entry's wordings
	replied          []float64 // cosine to the entry's reply
	relike           []float64 // likeness to the entry's reply
	sum              []float64 // by which entries are ordered
	mean, deviation  float64   // of best

	chat, general, five float64
}

// look takes a question apart.
func (ix *Index) look(text string) *question {
	q := &question{text: text, words: lexemes(text)}
	q.means = meanings(q.words)
	once(q.words, func(s string) { q.stems = append(q.stems, s) })
	for _, s := range q.stems {
		r := ix.background.rareness(s)
		q.rare = append(q.rare, r)
		q.total += r
		_, local := ix.stems[s]
		q.local = append(q.local, local)
	}
	q.grams = ix.weights(q.words)
	return q
}

// compare compares the question with everything.
func (ix *Index) compare(q *question) {
	n, e := len(ix.wordings), len(ix.entries)
	q.cosine, q.likeness = make([]float32, n), make([]float32, n)
	q.best, q.alike, q.replied, q.relike, q.sum = make([]float64, e), make([]float64, e), make([]float64, e), make([]float64, e), make([]float64, e)
	for _, g := range q.grams {
		for _, p := range ix.postings[g.gram] {
			q.likeness[p.wording] += g.value * p.weight
		}
	}
	if ix.encoder != nil {
		ix.texts.cosines(q.vector, q.cosine)
		replied := make([]float32, e)
		ix.replies.cosines(q.vector, replied)
		for i, c := range replied {
			q.replied[i] = float64(c)
		}
		ix.compareBackground(q)
	}
	for i := range ix.entries {
		q.best[i], q.alike[i] = math.Inf(-1), 0
		for _, w := range ix.entries[i].wordings {
			q.best[i] = max(q.best[i], float64(q.cosine[w]))
			q.alike[i] = max(q.alike[i], float64(q.likeness[w]))
		}
		q.relike[i] = product(q.grams, ix.entries[i].grams)
		q.sum[i] = q.best[i] + q.replied[i]/2 + q.alike[i]/2 + q.relike[i]/4
		q.mean += q.best[i] / float64(e)
	}
	for i := range ix.entries {
		d := q.best[i] - q.mean
		q.deviation += d * d / float64(e)
	}
	q.deviation = math.Sqrt(q.deviation) + 1e-6
}

// compareBackground finds the lines of the background that are nearest to the question.
func (ix *Index) compareBackground(q *question) {
	b := ix.background
	near := make([]float32, b.chat.rows+b.general.rows)
	b.chat.cosines(q.vector, near)
	b.general.cosines(q.vector, near[b.chat.rows:])
	var best [5]float64
	for i, c := range near {
		insert(best[:], float64(c), i+1)
	}
	for _, c := range best {
		q.five += c / float64(len(best))
	}
	if b.chat.rows > 0 {
		q.chat = float64(slices.Max(near[:b.chat.rows]))
	}
	if b.general.rows > 0 {
		q.general = float64(slices.Max(near[b.chat.rows:]))
	}
}

// product is the cosine of two texts as the pieces of their words.
func product(a, b []weight) float64 {
	sum, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		switch {
		case a[i].gram < b[j].gram:
			i++
		case a[i].gram > b[j].gram:
			j++
		default:
			sum += float64(a[i].value) * float64(b[j].value)
			i++
			j++
		}
	}
	return sum
}

// others is the greatest value of an entry but one.
func others(values []float64, but int) float64 {
	best := math.Inf(-1)
	for i, v := range values {
		if i != but {
			best = max(best, v)
		}
	}
	return best
}

// lead is how far an entry is ahead of all others. An only entry leads by as much as sure ones do.
func lead(values []float64, of int) float64 {
	if len(values) < 2 {
		return 0.3
	}
	return values[of] - others(values, of)
}

// features is the evidence for an entry, and its nearest wording.
func (ix *Index) features(q *question, e, place int) ([]float32, int) {
	entry := &ix.entries[e]
	at := entry.wordings[0]
	for _, w := range entry.wordings[1:] {
		if q.cosine[w]+q.likeness[w]/2 > q.cosine[at]+q.likeness[at]/2 {
			at = w
		}
	}
	w := &ix.wordings[at]
	covered, withReply, uncovered, shared, sharedWords := 0.0, 0.0, 0.0, 0.0, 0
	for i, s := range q.stems {
		switch {
		case has(w.stems, s):
			covered += q.rare[i]
			withReply += q.rare[i]
			shared = max(shared, q.rare[i])
			sharedWords++
		case has(entry.stems, s):
			withReply += q.rare[i]
		default:
			uncovered = max(uncovered, q.rare[i])
		}
	}
	foreign, strange := 0.0, 0.0 // words that nothing here has
	for i, s := range q.stems {
		if !q.local[i] && !has(w.stems, s) {
			foreign += q.rare[i]
			strange = max(strange, q.rare[i])
		}
	}
	covers, total, missing := 0.0, 0.0, 0.0
	for _, s := range w.stems {
		r := ix.background.rareness(s)
		total += r
		if has(q.stems, s) {
			covers += r
		} else {
			missing = max(missing, r)
		}
	}
	asks := false
	for _, l := range q.words[:min(len(q.words), 4)] {
		asks = asks || questionWords[l.word]
	}
	f := []float64{
		q.best[e], q.replied[e], lead(q.best, e), lead(q.replied, e), q.best[e] - q.chat, q.best[e] - q.general, q.best[e] - q.five,
		q.chat, q.general, w.crowd, w.common, (q.best[e] - q.mean) / q.deviation, 2*q.best[e] - w.crowd - q.five,
		q.alike[e], q.relike[e], lead(q.alike, e),
		share(covered, q.total), share(withReply, q.total), share(covers, total), uncovered, missing, shared, float64(sharedWords),
		math.Log1p(float64(len(q.words))), math.Log1p(float64(w.words)), number(strings.Contains(q.text, "?")), number(asks),
		number(negated(q.words) != w.negated), float64(min(opposed(q.means, w.means), 2)), math.Log(float64(len(ix.entries))), math.Log(float64(len(entry.wordings))),
		strange, share(foreign, q.total),
		q.sum[e], lead(q.sum, e), float64(place),
	}
	out := make([]float32, len(f))
	for i, v := range f {
		out[i] = float32(v)
	}
	return out, at
}

// has reports whether a stem is among others, or one that is it but for a slip.
func has(stems []string, s string) bool {
	if slices.Contains(stems, s) {
		return true
	}
	return len(s) >= 5 && slices.ContainsFunc(stems, func(o string) bool { return alike(s, o) })
}

func share(part, of float64) float64 {
	if of == 0 {
		return 0
	}
	return part / of
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
