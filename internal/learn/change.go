package learn

import (
	"cmp"
	"math"
	"slices"
)

// Change is what is different between two models, measured on the same texts in the same order.
type Change struct {
	Before, After *Evaluation
	Labels        []LabelChange // labels whose F1 changed, most first; at most 20
	Fixed         []Turn        // texts that only the model after labels right; the first 20
	FixedCount    int
	Broken        []Turn // texts that only the model before labels right; the first 20
	BrokenCount   int
}

// LabelChange is how a label's F1 changed. A label that one of the models doesn't know has 0 there.
type LabelChange struct {
	Label         string
	Before, After float64
}

// Turn is a text that two models label differently.
type Turn struct {
	Text, Want, Before, After string
}

// maxTurns bounds each list of a Change.
const maxTurns = 20

// NewChange compares two evaluations of the same texts.
func NewChange(before, after *Evaluation) Change {
	c := Change{Before: before, After: after}
	for i, b := range before.Predictions {
		if len(after.Predictions) != len(before.Predictions) {
			break // one of them knows no labels
		}
		a := after.Predictions[i]
		turn := Turn{b.Text, b.Want, b.Got, a.Got}
		switch {
		case b.Got != b.Want && a.Got == a.Want:
			if c.FixedCount++; len(c.Fixed) < maxTurns {
				c.Fixed = append(c.Fixed, turn)
			}
		case b.Got == b.Want && a.Got != a.Want:
			if c.BrokenCount++; len(c.Broken) < maxTurns {
				c.Broken = append(c.Broken, turn)
			}
		}
	}
	f1 := map[string]float64{}
	for _, l := range before.PerLabel {
		f1[l.Label] = l.F1
	}
	for _, l := range after.PerLabel {
		if math.Abs(l.F1-f1[l.Label]) >= 0.0005 { // what three digits show
			c.Labels = append(c.Labels, LabelChange{l.Label, f1[l.Label], l.F1})
		}
	}
	slices.SortFunc(c.Labels, func(a, b LabelChange) int {
		return cmp.Or(cmp.Compare(math.Abs(b.After-b.Before), math.Abs(a.After-a.Before)), cmp.Compare(a.Label, b.Label))
	})
	c.Labels = c.Labels[:min(len(c.Labels), maxTurns)]
	return c
}
