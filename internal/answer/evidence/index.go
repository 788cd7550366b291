package evidence

import (
	"context"
	"math"
	"slices"

	"github.com/mynahbot/mynah/internal/learn"
)

// Wording is one question as it was taught, with its reply. Wordings with the same reply are one entry.
type Wording struct{ Text, Reply string }

// Index is what a server was taught, made for being searched. It doesn't change.
type Index struct {
	background *Background
	encoder    Encoder // nil: there is none, and meanings are not compared

	wordings []wording
	entries  []entry
	stems    map[string]bool // that wordings or replies have
	said     map[string]int  // normalized wording → its place; the last one that was taught counts

	texts, replies matrix // vectors of wordings and of the entries' replies

	rare     map[uint64]float32   // weight of a piece of a word
	postings map[uint64][]posting // wordings that have it
}

type wording struct {
	entry   int
	text    string
	asks    phrasing
	stems   []string
	words   int  // in all
	negated bool // has a negation
	means   []meaning
	crowd   float64 // mean cosine to the three nearest wordings of other entries
	common  float64 // greatest cosine to a line of the background
}

type entry struct {
	reply    string
	stems    []string // of the reply
	grams    []weight // of the reply
	wordings []int
}

type posting struct {
	wording int32
	weight  float32
}

type weight struct {
	gram  uint64
	value float32
}

// maxCrowd is how many wordings each is compared with to see how crowded its place is.
const maxCrowd = 400

// NewIndex makes an index of wordings, in the order in which they were taught. encoder may be nil; else
// the background must have been encoded with it.
func NewIndex(ctx context.Context, b *Background, encoder Encoder, taught []Wording) (*Index, error) {
	ix := &Index{background: b, encoder: encoder, stems: map[string]bool{}, said: map[string]int{}, rare: map[uint64]float32{}, postings: map[uint64][]posting{}}
	number := map[string]int{}
	texts, replies := make([]string, len(taught)), []string{}
	lexed := make([][]lexeme, len(taught))
	for i, t := range taught {
		e, ok := number[t.Reply]
		if !ok {
			e = len(ix.entries)
			number[t.Reply] = e
			ix.entries = append(ix.entries, entry{reply: t.Reply})
			replies = append(replies, t.Reply)
		}
		words := lexemes(t.Text)
		w := wording{entry: e, text: t.Text, asks: phrasingOf(t.Text), words: len(words)}
		once(words, func(s string) {
			w.stems = append(w.stems, s)
			ix.stems[s] = true
		})
		w.negated = negated(words)
		w.means = meanings(words)
		ix.wordings = append(ix.wordings, w)
		ix.entries[e].wordings = append(ix.entries[e].wordings, i)
		ix.said[learn.Normalize(t.Text)] = i
		texts[i], lexed[i] = t.Text, words
	}
	ix.spell(lexed, replies)
	if encoder == nil {
		return ix, nil
	}
	var err error
	if ix.texts, err = encode(ctx, encoder, texts); err != nil {
		return nil, err
	}
	if ix.replies, err = encode(ctx, encoder, replies); err != nil {
		return nil, err
	}
	ix.place()
	return ix, nil
}

func negated(words []lexeme) bool {
	return slices.ContainsFunc(words, func(l lexeme) bool { return negations[l.word] })
}

// spell prepares the comparing of letters: how rare each piece of a word is, and where it occurs.
func (ix *Index) spell(texts [][]lexeme, replies []string) {
	counts := map[uint64]int32{}
	count := func(words []lexeme) {
		seen := map[uint64]bool{}
		grams(words, func(g uint64) {
			if !seen[g] {
				seen[g] = true
				counts[g]++
			}
		})
	}
	replyWords := make([][]lexeme, len(replies))
	for i, r := range replies {
		replyWords[i] = lexemes(r)
		once(replyWords[i], func(s string) {
			ix.entries[i].stems = append(ix.entries[i].stems, s)
			ix.stems[s] = true
		})
		count(replyWords[i])
	}
	for _, words := range texts {
		count(words)
	}
	all := float64(len(ix.background.lines) + len(texts) + len(replies))
	for g, n := range counts {
		ix.rare[g] = float32(1 + math.Log((all+1)/float64(n+ix.background.grams[g]+1)))
	}
	for i, words := range texts {
		for _, w := range ix.weights(words) {
			ix.postings[w.gram] = append(ix.postings[w.gram], posting{int32(i), w.value})
		}
	}
	for i, words := range replyWords {
		ix.entries[i].grams = ix.weights(words)
	}
}

// weights is a text as the pieces of its words, with weights whose squares add up to 1.
func (ix *Index) weights(words []lexeme) []weight {
	at := map[uint64]int{}
	var all []weight
	grams(words, func(g uint64) {
		i, ok := at[g]
		if !ok {
			i = len(all)
			at[g] = i
			all = append(all, weight{gram: g})
		}
		all[i].value++
	})
	sum := 0.0
	unknown := float32(1 + math.Log(float64(len(ix.background.lines)+len(ix.wordings)+len(ix.entries)+1)))
	for i, w := range all {
		rare, ok := ix.rare[w.gram]
		if !ok {
			rare = unknown
			if n := ix.background.grams[w.gram]; n > 0 {
				rare = float32(1 + math.Log(float64(len(ix.background.lines)+1)/float64(n+1)))
			}
		}
		v := float32(1+math.Log(float64(w.value))) * rare
		all[i].value = v
		sum += float64(v) * float64(v)
	}
	if sum > 0 {
		f := float32(1 / math.Sqrt(sum))
		for i := range all {
			all[i].value *= f
		}
	}
	slices.SortFunc(all, func(a, b weight) int {
		switch {
		case a.gram < b.gram:
			return -1
		case a.gram > b.gram:
			return 1
		}
		return 0
	})
	return all
}

// place finds how crowded the place of each wording is, and how common it is.
func (ix *Index) place() {
	step := max(1, (len(ix.wordings)+maxCrowd-1)/maxCrowd)
	sample := matrix{columns: ix.texts.columns}
	var owner []int
	for i := 0; i < len(ix.wordings); i += step {
		sample.data = append(sample.data, ix.texts.row(i)...)
		sample.rows++
		owner = append(owner, ix.wordings[i].entry)
	}
	near := make([]float32, max(sample.rows, ix.background.sample.rows))
	for i := range ix.wordings {
		w := &ix.wordings[i]
		sample.cosines(ix.texts.row(i), near)
		var best [3]float64
		found := 0
		for k, c := range near[:sample.rows] {
			if owner[k] != w.entry {
				found++
				insert(best[:], float64(c), found)
			}
		}
		for k := range min(found, len(best)) {
			w.crowd += best[k] / float64(min(found, len(best)))
		}
		w.common = greatest(ix.background.sample, ix.texts.row(i), near)
	}
}

// insert keeps the greatest values, the first of which is the greatest; n is how many came so far.
func insert(best []float64, v float64, n int) {
	last := min(n, len(best)) - 1
	if n > len(best) && v <= best[last] {
		return
	}
	best[last] = v
	for i := last; i > 0 && best[i] > best[i-1]; i-- {
		best[i], best[i-1] = best[i-1], best[i]
	}
}

// greatest is the greatest cosine of v and a row; 0 without rows.
func greatest(m matrix, v, near []float32) float64 {
	if m.rows == 0 {
		return 0
	}
	m.cosines(v, near)
	return float64(slices.Max(near[:m.rows]))
}

// Speller is an encoder that knows words.
type Speller interface {
	// Knows reports whether a word, in lower case, is one of a language that the encoder reads.
	Knows(word string) bool
}

// Same finds what was taught for the very question: word for word, letter case and punctuation aside,
// or in a phrasing that asks the same among the wordings of the candidates.
func (ix *Index) Same(question string, asked Asked) (found Sure, ok bool) {
	if i, ok := ix.said[learn.Normalize(question)]; ok {
		w := &ix.wordings[i]
		return Sure{Reply: ix.entries[w.entry].reply, Wording: w.text, Exact: true}, true
	}
	p, last := phrasingOf(question), -1 // what was taught last counts
	for _, c := range asked.Candidates {
		for _, w := range ix.entries[ix.wordings[c.Wording].entry].wordings {
			if w > last && p.same(ix.wordings[w].asks, ix.knows) {
				last = w
				found = Sure{Reply: c.Reply, Wording: ix.wordings[w].text}
			}
		}
	}
	return found, last >= 0
}

// Sure is a reply that was taught for the very question.
type Sure struct {
	Reply, Wording string
	Exact          bool // word for word
}

// Wording returns a wording by its place.
func (ix *Index) Wording(place int) string { return ix.wordings[place].text }

// Wordings returns all wordings, in their order.
func (ix *Index) Wordings() []Wording {
	out := make([]Wording, len(ix.wordings))
	for i, w := range ix.wordings {
		out[i] = Wording{w.text, ix.entries[w.entry].reply}
	}
	return out
}

// Vectors returns the vectors of a wording and of its reply; nil without an encoder.
func (ix *Index) Vectors(place int) (wording, reply []float32) {
	if ix.encoder == nil {
		return nil, nil
	}
	return ix.texts.row(place), ix.replies.row(ix.wordings[place].entry)
}

// Len is the number of wordings.
func (ix *Index) Len() int { return len(ix.wordings) }

func (ix *Index) knows(word string) bool {
	if s, ok := ix.encoder.(Speller); ok && s.Knows(word) {
		return true
	}
	return ix.background.Knows(word)
}
