package learn

import (
	"fmt"
	"math"
)

// Ground is what a Decision rests on.
type Ground string

// What may decide.
const (
	GroundAll     Ground = "all"     // everything that is taught now
	GroundEarlier Ground = "earlier" // what was taught before the new model's training, where the new model is worse
	GroundPinned  Ground = "pinned"  // the pinned test set, where the new model is worse
)

// Decision says whether a new model may replace the old one.
type Decision struct {
	Promote bool
	Ground  Ground
	Reason  string  // one sentence with the figures
	Old     float64 // accuracy of the old model on the ground's texts
	New     float64
	Texts   int
}

// Comparison is what Compare decides by. The two evaluations of a pair must be of the same texts in the same order, unseen by either model.
type Comparison struct {
	Old, Next *Evaluation // on everything that is taught now
	// Earlier tells the texts that were taught, with the same label, before the new model's training; nil for none. On them
	// the labels of a new batch of examples, right or wrong, don't count.
	Earlier func(text string) bool
	// PinnedOld and PinnedNext are of the server's own test set, or nil.
	PinnedOld, PinnedNext *Evaluation
}

// Compare decides whether a new model may replace the old one. A model that is worse on the pinned test set, or on
// everything that is taught now, is held back; equally good is good enough. So is one that got worse on what was taught earlier by
// more than chance explains: consistently wrong examples would otherwise win by themselves, since the texts that the
// models are compared on have their labels too.
func Compare(c Comparison) Decision {
	if c.PinnedOld != nil && c.PinnedNext != nil && max(c.PinnedOld.Examples+c.PinnedOld.Replies, c.PinnedNext.Examples+c.PinnedNext.Replies) > 0 {
		if d := compareOn(c.PinnedOld, c.PinnedNext); !d.Promote {
			d.Ground = GroundPinned
			d.Reason = "On the pinned test set: " + d.Reason
			return d
		}
	}
	if c.Earlier != nil {
		if p := pair(c.Old, c.Next, c.Earlier); p.worse() {
			return Decision{
				Ground: GroundEarlier, Old: float64(p.old) / float64(p.texts), New: float64(p.next) / float64(p.texts), Texts: p.texts,
				Reason: fmt.Sprintf("On what was taught earlier the new model is right on %d of %d texts, the model in use on %d: %d texts got worse, %d better.", p.next, p.texts, p.old, p.broken, p.fixed),
			}
		}
	}
	return compareOn(c.Old, c.Next)
}

// compareOn never promotes a model that is right on fewer texts.
func compareOn(old, next *Evaluation) Decision {
	// A model without labels, or without replies, has nothing right where the other one is asked for them.
	d := Decision{Ground: GroundAll, Texts: max(old.Examples, next.Examples) + max(old.Replies, next.Replies), Promote: true}
	if d.Texts == 0 {
		d.Reason = "There are no texts to compare the models on."
		return d
	}
	n := float64(d.Texts)
	d.Old, d.New = old.right()/n, next.right()/n
	d.Promote = math.Round((d.Old-d.New)*n) <= 0
	d.Reason = fmt.Sprintf("The new model is right on %.1f %% of %d texts that neither model was trained on, the model in use on %.1f %%.", 100*d.New, d.Texts, 100*d.Old)
	return d
}

// paired counts what two models label right of the same texts.
type paired struct {
	texts, old, next int // texts, and those that the old and the next model have right
	fixed, broken    int // texts that only the next model has right, and only the old one
}

// pair counts the texts that of tells. Both evaluations have the same texts in the same order, unless one of the models knows no labels.
func pair(old, next *Evaluation, of func(text string) bool) paired {
	var p paired
	if len(next.Predictions) != len(old.Predictions) {
		return p
	}
	for i, b := range old.Predictions {
		if !of(b.Text) {
			continue
		}
		before, after := b.Got == b.Want, next.Predictions[i].Got == b.Want
		p.texts++
		if before {
			p.old++
		}
		if after {
			p.next++
		}
		switch {
		case after && !before:
			p.fixed++
		case before && !after:
			p.broken++
		}
	}
	return p
}

// chanceOfWorse is how seldom a difference must be, if neither model were better, to count as worse.
const chanceOfWorse = 0.05

// worse reports whether so many more texts broke than were fixed that it is no chance: the exact one-sided sign test (McNemar's).
func (p paired) worse() bool {
	n := p.fixed + p.broken
	chance := 0.0 // of at most fixed heads in n throws
	for k := 0; k <= p.fixed; k++ {
		chance += math.Exp(lgamma(n+1) - lgamma(k+1) - lgamma(n-k+1) - float64(n)*math.Ln2)
	}
	return chance < chanceOfWorse
}

func lgamma(n int) float64 {
	v, _ := math.Lgamma(float64(n))
	return v
}

// Score is the share of right answers, labels and replies together.
func (e *Evaluation) Score() float64 {
	n := float64(e.Examples + e.Replies)
	if n == 0 {
		return 0
	}
	return e.right() / n
}

func (e *Evaluation) right() float64 {
	return e.Accuracy*float64(e.Examples) + e.ReplyAccuracy*float64(e.Replies)
}
