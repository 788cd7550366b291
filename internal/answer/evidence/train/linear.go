package main

import (
	"math"
	"math/rand/v2"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

// labelled is a vector and which of two kinds it is of.
type labelled struct {
	vector []float32
	yes    bool
	weight float64
}

// logistic learns to tell two kinds of vectors apart, each kind weighing the same in all. decay pulls
// weights to 0.
func logistic(examples []labelled, decay float64, seed uint64) evidence.Linear {
	if len(examples) == 0 {
		return evidence.Linear{}
	}
	yes := 0.0
	for _, e := range examples {
		if e.yes {
			yes++
		}
	}
	n := float64(len(examples))
	for i := range examples {
		if examples[i].yes {
			examples[i].weight = n / (2 * yes)
		} else {
			examples[i].weight = n / (2 * (n - yes))
		}
	}
	size := len(examples[0].vector)
	w := newAdam(size + 1)
	r := rand.New(rand.NewPCG(seed, 3))
	const epochs, batch = 12, 64
	steps, step := epochs*(len(examples)/batch+1), 0
	gradient := make([]float64, size+1)
	for range epochs {
		order := r.Perm(len(examples))
		for from := 0; from < len(order); from += batch {
			clear(gradient)
			part := order[from:min(from+batch, len(order))]
			for _, i := range part {
				e := &examples[i]
				z := w.value[size]
				for k, x := range e.vector {
					z += w.value[k] * float64(x)
				}
				d := 1 / (1 + math.Exp(-z))
				if e.yes {
					d--
				}
				d *= e.weight / float64(len(part))
				for k, x := range e.vector {
					gradient[k] += d * float64(x)
				}
				gradient[size] += d
			}
			for k := range size {
				gradient[k] += decay * w.value[k]
			}
			w.step(gradient, rate(0.15, step, steps))
			step++
		}
	}
	out := evidence.Linear{Weights: make(evidence.Vector, size), Bias: w.value[size]}
	for k := range size {
		out.Weights[k] = float32(w.value[k])
	}
	return out
}

// adam is Adam's optimizer over a list of numbers.
type adam struct {
	value, first, second []float64
	steps                int
}

func newAdam(n int) *adam {
	return &adam{value: make([]float64, n), first: make([]float64, n), second: make([]float64, n)}
}

func (a *adam) step(gradient []float64, rate float64) {
	const b1, b2, tiny = 0.9, 0.999, 1e-8
	a.steps++
	c1, c2 := 1-math.Pow(b1, float64(a.steps)), 1-math.Pow(b2, float64(a.steps))
	for i, g := range gradient {
		a.first[i] = b1*a.first[i] + (1-b1)*g
		a.second[i] = b2*a.second[i] + (1-b2)*g*g
		a.value[i] -= rate * (a.first[i] / c1) / (math.Sqrt(a.second[i]/c2) + tiny)
	}
}

// rate is a learning rate that rises over the first third of the steps, and falls to nothing over the
// others.
func rate(most float64, step, steps int) float64 {
	at := float64(step) / float64(steps)
	if at < 0.3 {
		return most * (0.1 + 0.9*at/0.3)
	}
	return most * (1 + math.Cos(math.Pi*(at-0.3)/0.7)) / 2
}
