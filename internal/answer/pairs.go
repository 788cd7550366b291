package answer

import (
	"context"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/mynahbot/mynah/internal/answer/evidence"
	"github.com/mynahbot/mynah/internal/learn"
)

// Pairs are questions with replies that somebody taught. They don't change.
type Pairs struct {
	index      *evidence.Index
	judge      *evidence.Judge
	thresholds evidence.Thresholds
}

// maxSuggestions is how many candidates are offered where none is sure.
const maxSuggestions = 3

// chatBelow is how surely a text must at least be a question to a helper not to be taken for chat.
const chatBelow = 0.5

// Match is what pairs say to a question.
type Match struct {
	Kind Kind
	// Candidates may answer it, the likeliest first: with Answered the first does.
	Candidates []Candidate
	Exact      bool // the question was taught word for word

	vector []float32 // of the question; nil where none was computed
}

// Candidate is something that was taught and may answer a question.
type Candidate struct {
	Question    string  // as it was taught; of several wordings the nearest
	Reply       string  // to it
	Probability float64 // that it answers the question, 0 to 1
}

// Best is the likeliest candidate; ok is false without any.
func (m Match) Best() (best Candidate, ok bool) {
	if len(m.Candidates) == 0 {
		return Candidate{}, false
	}
	return m.Candidates[0], true
}

// Suggestions are what may be offered where the answer isn't sure.
func (m Match) Suggestions() []Candidate {
	some := slices.Clone(m.Candidates[:min(maxSuggestions, len(m.Candidates))])
	return slices.DeleteFunc(some, func(c Candidate) bool { return c.Reply == "" })
}

// Len is how many questions were taught.
func (p *Pairs) Len() int { return p.index.Len() }

// WithThreshold returns pairs that answer where a candidate is at least so likely right.
func (p *Pairs) WithThreshold(answer float64) *Pairs {
	c := *p
	c.thresholds.Answer = answer
	return &c
}

// Threshold is how likely right an answer must be to be given.
func (p *Pairs) Threshold() float64 { return p.thresholds.Answer }

// Ask says what the pairs make of a question. before is what the same person asked shortly before there,
// where the question may follow it; the zero value is nothing.
func (p *Pairs) Ask(ctx context.Context, question string, before Before) (Match, error) {
	return p.ask(ctx, question, before, nil)
}

// ask is Ask where other pairs may have computed the question's vector; nil where none have.
func (p *Pairs) ask(ctx context.Context, question string, before Before, vector []float32) (Match, error) {
	if sure, ok := p.index.Same(question, evidence.Asked{}); ok {
		return p.sure(sure, Match{}), nil
	}
	if !asksSomething(question) {
		return Match{Kind: Chat}, nil
	}
	asked, err := p.index.Ask(ctx, question, vector)
	if err != nil {
		return Match{}, err
	}
	verdict := p.judge.Judge(asked)
	m := Match{vector: asked.Text}
	for _, c := range verdict.Candidates {
		m.Candidates = append(m.Candidates, Candidate{Question: p.index.Wording(c.Wording), Reply: c.Reply, Probability: c.Probability})
	}
	if sure, ok := p.index.Same(question, asked); ok {
		return p.sure(sure, m), nil
	}
	if followed, ok, err := p.follow(ctx, question, before, m); err != nil || ok {
		return followed, err
	}
	best, _ := m.Best()
	switch t := p.thresholds; {
	case best.Probability >= t.Answer && verdict.Question >= t.Question:
		m.Kind = Answered
	case verdict.Question >= t.Suggest:
		m.Kind = Suggested
	case verdict.Question < chatBelow && len(m.Candidates) > 0:
		m.Kind = Chat
	}
	if best.Reply == "" && m.Kind == Answered { // somebody said that this is never to be answered
		m.Kind = Unknown
	}
	return m, nil
}

// asksSomething reports whether a text has words, and doesn't only repeat a few of them.
func asksSomething(text string) bool {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	distinct := map[string]bool{}
	for _, w := range words {
		distinct[w] = true
	}
	const few, repeats = 8, 4 // of at least so many words each stands so often
	return len(words) > 0 && (len(words) < few || len(distinct)*repeats > len(words))
}

// sure is a match with what was taught for the very question.
func (p *Pairs) sure(s evidence.Sure, m Match) Match {
	m.Exact, m.Kind = s.Exact, Answered
	if s.Reply == "" {
		m.Kind = Unknown
	}
	m.Candidates = slices.DeleteFunc(m.Candidates, func(c Candidate) bool { return c.Reply == s.Reply })
	m.Candidates = slices.Insert(m.Candidates, 0, Candidate{Question: s.Wording, Reply: s.Reply, Probability: 1})
	return m
}

// Key is a short name of the candidate's question, by which [Pairs.Find] finds it later.
func (c Candidate) Key() string {
	h := fnv.New64a()
	h.Write([]byte(learn.Normalize(c.Question)))
	return strconv.FormatUint(h.Sum64(), 36)
}

// Find returns what was taught for a question, by its key.
func (p *Pairs) Find(key string) (Candidate, bool) {
	for _, w := range p.index.Wordings() {
		if c := (Candidate{Question: w.Text, Reply: w.Reply, Probability: 1}); c.Key() == key && c.Reply != "" {
			return c, true
		}
	}
	return Candidate{}, false
}
