package learn

import (
	"math"
	"slices"
)

// calibrationTexts is about how many held-out texts the temperature is fitted to, at most twice as many.
const calibrationTexts = 2000

// calibrate finds the temperature that makes the held-out probabilities right, the threshold of refusal, and the
// held-out figures, all from the held-out scores of f.
func (t *training) calibrate(f *fitted) (temperature, threshold float64) {
	oof := f.oof
	labels, truth, rows := len(t.labels.names), t.labels.truth, t.labels.held
	if len(truth) == 0 {
		return 1, 0
	}
	t.report.Folds = len(t.labels.folds)
	step := 1 + len(truth)/calibrationTexts
	// The negative log-likelihood is unimodal in the temperature's logarithm: golden section search.
	loss := func(logT float64) float64 {
		f := math.Exp(logT)
		sum := 0.0
		for i := 0; i < len(truth); i += step {
			row := oof[i*labels : (i+1)*labels]
			sum -= math.Log(max(softmaxOf(row, f, int(truth[i])), 1e-12))
		}
		return sum
	}
	temperature = math.Exp(goldenSection(loss, math.Log(0.1), math.Log(100), 20))

	outcomes := make([]outcome, len(truth))
	scores := make([]float64, 0, len(truth))
	p := make([]float64, labels)
	for i, y := range truth {
		softmax(oof[i*labels:(i+1)*labels], temperature, p)
		best := argmax(p)
		outcomes[i] = outcome{text: t.examples[rows[i]].Text, want: int(y), got: best, p: p[best]}
		s := knownScore(oof[i*labels : (i+1)*labels])
		outcomes[i].known = s
		scores = append(scores, s)
	}
	slices.Sort(scores)
	threshold = refuseBelow(scores, t.opt.TargetRefusal, knownScore(f.linear.bias))
	t.report.Threshold = threshold
	for i := range outcomes {
		outcomes[i].refused = outcomes[i].known < threshold
	}
	t.report.HeldOut = evaluate(t.labels.names, outcomes)
	return temperature, threshold
}

// Bounds of the threshold of refusal, as shares of the way from the score of a text that has nothing in common with any
// example to the score that nine of ten held-out texts stay below.
const (
	mostRefusing  = 0.5  // held-out texts that are nearly the same all score high: what scores half as high is still known
	leastRefusing = 0.15 // a few held-out texts may score like nonsense, which is to be refused all the same
	fewHeldOut    = 100  // fewer held-out texts say little about the target, and leastRefusing holds
)

// refuseBelow returns the threshold that refuses the target share of the held-out scores, which are sorted and not
// empty, within its bounds. nothing is the score of a text without any known feature.
func refuseBelow(scores []float64, target, nothing float64) float64 {
	threshold := scores[int(target*float64(len(scores)))]
	way := scores[9*len(scores)/10] - nothing
	if way <= 0 {
		return threshold
	}
	threshold = min(threshold, nothing+mostRefusing*way)
	if len(scores) < fewHeldOut {
		threshold = max(threshold, nothing+leastRefusing*way)
	}
	return threshold
}

// softmaxOf returns the probability of entry y.
func softmaxOf(scores []float32, factor float64, y int) float64 {
	top := float64(slices.Max(scores))
	sum := 0.0
	for _, s := range scores {
		sum += math.Exp(factor * (float64(s) - top))
	}
	return math.Exp(factor*(float64(scores[y])-top)) / sum
}

func softmax(scores []float32, factor float64, p []float64) {
	top := float64(slices.Max(scores))
	sum := 0.0
	for i, s := range scores {
		p[i] = math.Exp(factor * (float64(s) - top))
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
}

func argmax[T float32 | float64](v []T) int {
	best := 0
	for i := range v {
		if v[i] > v[best] {
			best = i
		}
	}
	return best
}

// goldenSection returns where f, unimodal in [a, b], is least.
func goldenSection(f func(float64) float64, a, b float64, steps int) float64 {
	const r = 0.6180339887498949
	c, d := b-r*(b-a), a+r*(b-a)
	fc, fd := f(c), f(d)
	for range steps {
		if fc < fd {
			b, d, fd = d, c, fc
			c = b - r*(b-a)
			fc = f(c)
		} else {
			a, c, fc = c, d, fd
			d = a + r*(b-a)
			fd = f(d)
		}
	}
	return (a + b) / 2
}
