package main

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/answer/evidence"
	"github.com/mynahbot/mynah/internal/learn"
)

// said is what a system makes of a question.
type said struct {
	best, reply string   // the likeliest reply, and the one that is given; "" = none
	suggested   []string // replies that are offered, at most three
	score       float64  // of best
}

// system answers a FAQ's questions.
type system interface {
	// teach makes what is asked later.
	teach(ctx context.Context, faq []row) (func(ctx context.Context, question string) (said, error), error)
}

// mynah answers as the program does, at its own settings.
type mynah struct{ matcher *answer.Matcher }

func (m mynah) pairs(ctx context.Context, faq []row) (*answer.Pairs, error) {
	taught := make([]evidence.Wording, len(faq))
	for i, r := range faq {
		taught[i] = evidence.Wording{Text: r.Text, Reply: r.Reply}
	}
	return m.matcher.Pairs(ctx, taught, nil)
}

func (m mynah) teach(ctx context.Context, faq []row) (func(context.Context, string) (said, error), error) {
	p, err := m.pairs(ctx, faq)
	return func(ctx context.Context, question string) (said, error) {
		match, err := p.Ask(ctx, answer.Question(question), answer.Before{})
		return of(match), err
	}, err
}

// of is a match as the measures take it.
func of(m answer.Match) (s said) {
	best, _ := m.Best()
	s.best, s.score = best.Reply, best.Probability
	switch m.Kind {
	case answer.Answered:
		s.reply = best.Reply
	case answer.Suggested:
		for _, c := range m.Suggestions() {
			s.suggested = append(s.suggested, c.Reply)
		}
	}
	return s
}

// cosine answers with the nearest wording by a sentence encoder alone.
type cosine struct{ encoder learn.Encoder }

func (c cosine) teach(ctx context.Context, faq []row) (func(context.Context, string) (said, error), error) {
	texts := make([]string, len(faq))
	for i, r := range faq {
		texts[i] = r.Text
	}
	vectors, err := c.encoder.Encode(ctx, texts)
	return func(ctx context.Context, question string) (said, error) {
		q, err := c.encoder.Encode(ctx, []string{question})
		if err != nil {
			return said{}, err
		}
		best, at := math.Inf(-1), 0
		for i, v := range vectors {
			sum := 0.0
			for k, x := range v {
				sum += float64(x) * float64(q[0][k])
			}
			if sum > best {
				best, at = sum, i
			}
		}
		return said{best: faq[at].Reply, score: best}, nil
	}, err
}

// words answers with the wording that shares the most telling words: BM25, or the cosine of TF-IDF.
type words struct{ bm25 bool }

func terms(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func (w words) teach(_ context.Context, faq []row) (func(context.Context, string) (said, error), error) {
	const k1, b = 1.2, 0.75
	counts := make([]map[string]float64, len(faq))
	lengths, in := make([]float64, len(faq)), map[string]float64{}
	mean := 0.0
	for i, r := range faq {
		counts[i] = map[string]float64{}
		for _, t := range terms(r.Text) {
			if counts[i][t]++; counts[i][t] == 1 {
				in[t]++
			}
			lengths[i]++
			mean += 1 / float64(len(faq))
		}
	}
	n := float64(len(faq))
	idf := func(t string) float64 {
		if w.bm25 {
			return math.Log(1 + (n-in[t]+0.5)/(in[t]+0.5))
		}
		return 1 + math.Log((1+n)/(1+in[t]))
	}
	norm := func(c map[string]float64) float64 {
		sum := 0.0
		for t, f := range c {
			sum += f * f * idf(t) * idf(t)
		}
		return math.Sqrt(sum)
	}
	return func(_ context.Context, question string) (said, error) {
		asked := map[string]float64{}
		for _, t := range terms(question) {
			asked[t]++
		}
		best, at := math.Inf(-1), 0
		for i, c := range counts {
			score := 0.0
			for t, f := range asked {
				if w.bm25 {
					score += idf(t) * c[t] * (k1 + 1) / (c[t] + k1*(1-b+b*lengths[i]/mean))
				} else {
					score += f * c[t] * idf(t) * idf(t)
				}
			}
			if !w.bm25 && score > 0 {
				score /= norm(asked) * norm(c)
			}
			if score > best {
				best, at = score, i
			}
		}
		return said{best: faq[at].Reply, score: best}, nil
	}, nil
}

// thresholded lets a peer answer from the score on that keeps what is answered and shouldn't be, on the
// other FAQs, within the goals' limits.
func thresholded(results map[string]*result, of string) {
	type asked struct {
		score float64
		kind  int // 0 question, 1 near, 2 chat
	}
	var all []asked
	counts := [3]float64{}
	for name, r := range results {
		if name == of {
			continue
		}
		for kind, part := range [][]said{r.questions, r.near, r.chat} {
			for _, s := range part {
				all = append(all, asked{s.score, kind})
				counts[kind]++
			}
		}
	}
	slices.SortFunc(all, func(a, b asked) int { return cmp.Compare(b.score, a.score) })
	threshold, passed := math.Inf(1), [3]float64{}
	for _, a := range all {
		passed[a.kind]++
		if passed[1] > 0.1*counts[1] || passed[2] > 0.01*counts[2] {
			break
		}
		threshold = a.score
	}
	r := results[of]
	for _, part := range [][]said{r.questions, r.near, r.chat} {
		for i := range part {
			if part[i].score >= threshold {
				part[i].reply = part[i].best
			}
		}
	}
}
