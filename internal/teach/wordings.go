package teach

import (
	"context"
	"hash/fnv"
	"slices"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/answer/evidence"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// maxWordings is how many questions a model is measured on.
const maxWordings = 200

// GroundWordings holds a model back that answers questions worse in wordings that it wasn't taught.
const GroundWordings learn.Ground = "wordings"

// Wordings is how pairs answer questions that were held back from them.
type Wordings struct {
	record.Wordings
	Wrongs []WrongWording // the first few that were answered wrong
	// earlier is right minus twice wrong, of what the model in use was taught too.
	earlier int
}

// WrongWording is a question that got another reply than the one that was taught.
type WrongWording struct{ Question, Want, Got string }

// maxWrongs is how many are kept of them.
const maxWrongs = 5

// measureWordings asks pairs questions that are held back from them: one wording of each reply that has
// several, and lines of ordinary chat. taught is what the model in use was trained on. nil where there
// is only one wording of everything.
func (r *run) measureWordings(ctx context.Context, pairs *answer.Pairs, taught []record.Example) (*Wordings, error) {
	held := heldBack(r.material.Examples)
	if len(held) == 0 {
		return nil, nil
	}
	without := map[string]bool{}
	for _, e := range held {
		without[learn.Normalize(e.Text)] = true
	}
	rest, err := r.cfg.Answers.Matcher().Without(ctx, pairs, func(question string) bool { return without[learn.Normalize(question)] })
	if err != nil {
		return nil, err
	}
	known := map[string]string{}
	for _, e := range taught {
		known[learn.Normalize(e.Text)] = e.Reply
	}
	w := &Wordings{}
	for _, e := range held {
		m, err := rest.Ask(ctx, e.Text, answer.Before{})
		if err != nil {
			return nil, err
		}
		best, _ := m.Best()
		w.Asked++
		value := 0
		switch {
		case m.Kind == answer.Answered && best.Reply == e.Reply:
			w.Right++
			value = 1
		case m.Kind == answer.Answered:
			w.Wrong++
			value = -2
			if len(w.Wrongs) < maxWrongs {
				w.Wrongs = append(w.Wrongs, WrongWording{e.Text, e.Reply, best.Reply})
			}
		case m.Kind == answer.Suggested && slices.ContainsFunc(m.Suggestions(), func(c answer.Candidate) bool { return c.Reply == e.Reply }):
			w.Suggested++
		}
		if known[learn.Normalize(e.Text)] == e.Reply {
			w.earlier += value
		}
	}
	lines, err := evidence.Held()
	if err != nil {
		return nil, err
	}
	for _, l := range lines {
		m, err := rest.Ask(ctx, l.Text, answer.Before{})
		if err != nil {
			return nil, err
		}
		w.Chat++
		if m.Kind == answer.Answered {
			w.Answered++
		}
	}
	return w, nil
}

// heldBack chooses one wording of each reply that has at least two, the same each time, and at most
// maxWordings.
func heldBack(examples []record.Example) []record.Example {
	wordings := map[string][]record.Example{} // by reply
	var replies []string
	seen := map[string]bool{}
	for _, e := range examples {
		key := learn.Normalize(e.Text)
		if e.Reply == "" || seen[key] {
			continue
		}
		seen[key] = true
		if wordings[e.Reply] == nil {
			replies = append(replies, e.Reply)
		}
		wordings[e.Reply] = append(wordings[e.Reply], e)
	}
	slices.SortFunc(replies, func(a, b string) int { return compareHash(a, b) })
	var out []record.Example
	for _, reply := range replies {
		if all := wordings[reply]; len(all) > 1 && len(out) < maxWordings {
			out = append(out, slices.MinFunc(all, func(a, b record.Example) int { return compareHash(a.Text, b.Text) }))
		}
	}
	return out
}

// compareHash orders texts as if by chance, but the same each time.
func compareHash(a, b string) int {
	h, k := fnv.New64a(), fnv.New64a()
	h.Write([]byte(a))
	k.Write([]byte(b))
	switch x, y := h.Sum64(), k.Sum64(); {
	case x < y:
		return -1
	case x > y:
		return 1
	}
	return 0
}

// guesses reports whether a model knows nothing but labels, and tells them no better than somebody who
// always names the commonest.
func guesses(o *Outcome) bool {
	held := o.Report.HeldOut
	if held.Examples == 0 || o.Report.Questions > 0 {
		return false
	}
	most := 0
	for _, l := range held.PerLabel {
		most = max(most, l.Examples)
	}
	return held.Accuracy*float64(held.Examples) <= float64(most)
}
