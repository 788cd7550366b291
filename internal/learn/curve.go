package learn

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// CurvePoint is how good a model is after training on so many examples, on texts that it hadn't seen.
type CurvePoint struct {
	Examples int     `json:"examples"`
	Accuracy float64 `json:"accuracy"`
	MacroF1  float64 `json:"macro_f1"`

	labels map[string]LabelScore
}

// maxCurveExamples bounds the examples of a learning curve: of more, a random part shows the same slope.
const maxCurveExamples = 8000

// LearningCurve trains on growing parts of examples and measures each model on the same fifth, which none of them saw: it
// shows whether more examples would help. It ends before the first training that would likely take it over the limit, so
// that points may be missing at the end; without limits it takes about as long as two trainings. It does without an
// encoder. The error is ErrTooFew where no label has five examples that aren't near duplicates.
func LearningCurve(ctx context.Context, examples []record.Example, opt Options, limit time.Duration) ([]CurvePoint, error) {
	opt.Progress, opt.Encoder = nil, nil
	train, test := curveParts(examples, opt.Seed)
	if len(test) == 0 {
		return nil, fmt.Errorf("%w: a learning curve needs labels with 5 different examples", ErrTooFew)
	}
	began := time.Now()
	var out []CurvePoint
	var last time.Duration
	for _, share := range []float64{0.125, 0.25, 0.5, 1} {
		if last > 0 && time.Since(began)+2*last > limit {
			break
		}
		part := train[:int(share*float64(len(train)))]
		start := time.Now()
		m, _, err := Train(ctx, part, opt)
		if errors.Is(err, ErrTooFew) || errors.Is(err, ErrOneLabel) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ev := Evaluate(m, test, nil)
		last = time.Since(start)
		point := CurvePoint{Examples: len(part), Accuracy: ev.Accuracy, MacroF1: ev.MacroF1, labels: map[string]LabelScore{}}
		for _, l := range ev.PerLabel {
			point.labels[l.Label] = l
		}
		out = append(out, point)
	}
	return out, nil
}

// curveParts divides examples with labels, every fifth text of each label to be measured on, near duplicates together.
func curveParts(examples []record.Example, seed uint64) (train, test []record.Example) {
	type text struct {
		record.Example
		group int32 // of near duplicates
	}
	var labelled []text
	cleaned, _, near := cleanExamples(examples)
	for i, e := range cleaned {
		if e.Label != "" {
			labelled = append(labelled, text{record.Example{Text: e.Text, Label: e.Label}, near[i]})
		}
	}
	rng := rand.New(rand.NewPCG(seed, 0xc0ffee))
	rng.Shuffle(len(labelled), func(i, j int) { labelled[i], labelled[j] = labelled[j], labelled[i] })
	labelled = labelled[:min(len(labelled), maxCurveExamples)]
	seen, side := map[string]int{}, map[int32]bool{}
	for _, e := range labelled {
		out, ok := side[e.group]
		if !ok {
			out = seen[e.Label]%5 == 4
			seen[e.Label]++
			side[e.group] = out
		}
		if out {
			test = append(test, e.Example)
		} else {
			train = append(train, e.Example)
		}
	}
	return train, test
}

// Growth is how much a label gained by the second half of the examples.
type Growth struct {
	Label      string
	Texts      int     // that it was measured on
	Half, Full float64 // F1 after training on half of the examples, and on all
}

// minGrowth is the gain in F1 from which more examples of a label are said to help.
const minGrowth = 0.05

// Growing lists the labels of a curve that more examples would likely help: what the second half of them gained is the
// best guess at what as many again would. Most first, at most 20; none where the curve ended early.
func Growing(curve []CurvePoint) []Growth {
	if len(curve) < 2 {
		return nil
	}
	half, full := curve[len(curve)-2], curve[len(curve)-1]
	var out []Growth
	for label, l := range full.labels {
		if g := (Growth{label, l.Examples, half.labels[label].F1, l.F1}); g.Full-g.Half >= minGrowth && g.Full < 1 {
			out = append(out, g)
		}
	}
	slices.SortFunc(out, func(a, b Growth) int {
		return cmp.Or(cmp.Compare(b.Full-b.Half, a.Full-a.Half), cmp.Compare(a.Label, b.Label))
	})
	return out[:min(len(out), maxTurns)]
}
