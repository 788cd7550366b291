package main

import (
	"context"
	"math/rand/v2"
	"unicode"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

// folds is into how many parts FAQs and lines of the background are divided: what judges a part has
// learned from the others.
const folds = 9

// maxLines is how many lines of the background an index is asked, of each kind.
const maxLines = 70

// sample is a text that was asked, with the evidence about it.
type sample struct {
	ask   ask
	fold  int
	first bool // of the whole FAQ, as it stands
	faq   int
	asked evidence.Asked
	right int // candidate that answers; -1 = none
}

// material is all that a judge learns from.
type material struct {
	asks  []sample
	lines []line
}

// line is one of the background, by itself.
type line struct {
	general bool
	fold    int
	vector  []float32
}

// remembered encodes each text once.
type remembered struct {
	encoder evidence.Encoder
	vectors map[string][]float32
}

func (r *remembered) Encode(ctx context.Context, texts []string) ([][]float32, error) {
	var missing []string
	for _, t := range texts {
		if _, ok := r.vectors[t]; !ok {
			missing = append(missing, t)
			r.vectors[t] = nil
		}
	}
	if len(missing) > 0 {
		vectors, err := r.encoder.Encode(ctx, missing)
		if err != nil {
			return nil, err
		}
		for i, t := range missing {
			r.vectors[t] = vectors[i]
		}
	}
	out := make([][]float32, len(texts))
	for i, t := range texts {
		out[i] = r.vectors[t]
	}
	return out, nil
}

// gather asks every FAQ, in several forms, its questions and lines of the background.
func gather(ctx context.Context, encoder evidence.Encoder, faqs []faq, lines []evidence.Line) (*material, error) {
	if encoder != nil {
		encoder = &remembered{encoder, map[string][]float32{}}
	}
	foldOf := make([]int, len(lines))
	if encoder != nil {
		whole := evidence.NewBackground(lines)
		if err := whole.Encode(ctx, encoder); err != nil {
			return nil, err
		}
		foldOf = whole.Folds(folds)
	} else {
		for i := range foldOf {
			foldOf[i] = i % folds
		}
	}
	m := &material{}
	for i, l := range lines {
		one := line{general: l.General, fold: foldOf[i]}
		if encoder != nil {
			v, err := encoder.Encode(ctx, []string{l.Text})
			if err != nil {
				return nil, err
			}
			one.vector = v[0]
		}
		m.lines = append(m.lines, one)
	}
	for fold := range folds {
		var known, unknown []evidence.Line
		for i, l := range lines {
			if foldOf[i] == fold {
				unknown = append(unknown, l)
			} else {
				known = append(known, l)
			}
		}
		b := evidence.NewBackground(known)
		if encoder != nil {
			if err := b.Encode(ctx, encoder); err != nil {
				return nil, err
			}
		}
		for at := fold; at < len(faqs); at += folds {
			for form, t := range trials(faqs, at) {
				t.asks = append(t.asks, some(unknown, faqs[at].language, uint64(at*10+form))...)
				ix, err := evidence.NewIndex(ctx, b, encoder, t.taught)
				if err != nil {
					return nil, err
				}
				foreign, err := elsewhere(ctx, ix, faqs, at, uint64(at*10+form))
				if err != nil {
					return nil, err
				}
				for _, a := range append(t.asks, foreign...) {
					s := sample{ask: a, fold: fold, first: form == 0, faq: at, right: -1}
					if s.asked, err = ix.Ask(ctx, a.text, nil); err != nil {
						return nil, err
					}
					for i, c := range s.asked.Candidates {
						if a.reply != "" && c.Reply == a.reply {
							s.right = i
						}
					}
					m.asks = append(m.asks, s)
				}
			}
		}
	}
	return m, nil
}

const (
	// maxForeign is how many questions of other FAQs an index is asked.
	maxForeign = 60
	// foreignCosine is the greatest cosine of such a question to a wording: one that is nearer may be
	// answered here too.
	foreignCosine = 0.6
)

// elsewhere chooses questions that other FAQs answer, and that this index can't.
func elsewhere(ctx context.Context, ix *evidence.Index, faqs []faq, at int, seed uint64) ([]ask, error) {
	r := rand.New(rand.NewPCG(seed, 6))
	var all []string
	for i, f := range faqs {
		if i == at || f.language != faqs[at].language && faqs[at].language != "mixed" {
			continue
		}
		for _, e := range f.entries {
			all = append(append(all, e.question), e.others...)
		}
	}
	var out []ask
	for _, i := range r.Perm(len(all)) {
		if len(out) == maxForeign {
			break
		}
		asked, err := ix.Ask(ctx, all[i], nil)
		if err != nil {
			return nil, err
		}
		near := float32(0)
		for _, c := range asked.Candidates {
			near = max(near, c.Features[0])
		}
		if near < foreignCosine {
			out = append(out, ask{all[i], "", kindNear})
		}
	}
	return out, nil
}

// some chooses lines in the language of a FAQ.
func some(lines []evidence.Line, language string, seed uint64) []ask {
	r := rand.New(rand.NewPCG(seed, 2))
	var out []ask
	count := map[int]int{}
	for _, i := range r.Perm(len(lines)) {
		l := lines[i]
		if language == "en" && cyrillic(l.Text) || language == "ru" && !cyrillic(l.Text) {
			continue
		}
		kind := kindChat
		if l.General {
			kind = kindGeneral
		}
		if count[kind]++; count[kind] <= maxLines {
			out = append(out, ask{text: l.Text, kind: kind})
		}
	}
	return out
}

func cyrillic(text string) bool {
	for _, r := range text {
		if unicode.Is(unicode.Cyrillic, r) {
			return true
		}
	}
	return false
}
