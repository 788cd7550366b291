package evidence

import (
	"context"
	"math"
	"slices"
)

// Follow are the weights by which an earlier question moves the odds among candidates.
type Follow struct {
	Earlier float64 // of the earlier question's likeness to a candidate
	Same    float64 // for the candidate that the earlier question was about
}

// Following finds what may answer a question that follows another of the same person, the most promising
// first: what is near to both, and not what the earlier one was about. about is what was taught and
// answered that; "" = nothing did. vector is as in [Index.Ask].
func (ix *Index) Following(ctx context.Context, f Follow, earlier, about, question string, vector []float32) ([]Followed, error) {
	if len(ix.wordings) == 0 {
		return nil, nil
	}
	first, err := ix.lookAt(ctx, earlier, nil)
	if err != nil {
		return nil, err
	}
	second, err := ix.lookAt(ctx, question, vector)
	if err != nil {
		return nil, err
	}
	ix.compare(first)
	ix.compare(second)
	same := slices.Index(first.sum, slices.Max(first.sum))
	for e, entry := range ix.entries {
		for _, w := range entry.wordings {
			if about != "" && ix.wordings[w].text == about {
				same = e
			}
		}
	}
	out := make([]Followed, len(ix.entries))
	for e := range ix.entries {
		score := second.sum[e] + f.Earlier*first.sum[e]
		if e == same {
			score += f.Same
		}
		at := ix.entries[e].wordings[0]
		for _, w := range ix.entries[e].wordings {
			if second.cosine[w] > second.cosine[at] {
				at = w
			}
		}
		out[e] = Followed{Reply: ix.entries[e].reply, Wording: at, Score: score, Same: e == same}
	}
	slices.SortStableFunc(out, func(a, b Followed) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	return out[:min(candidates, len(out))], nil
}

// Followed is a reply that may answer a question that follows another.
type Followed struct {
	Reply   string
	Wording int     // the nearest of its wordings, by its place in what was taught
	Score   float64 // greater is likelier
	Same    bool    // it is what the earlier question was about
}

// Lead is by how much the first is ahead of the second; a lot where it is alone.
func Lead(all []Followed) float64 {
	if len(all) < 2 {
		return math.Inf(1)
	}
	return all[0].Score - all[1].Score
}
