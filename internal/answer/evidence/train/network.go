package main

import (
	"math"
	"math/rand/v2"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

const (
	hiddenFit  = 32
	hiddenNone = 24
	dropped    = 0.1 // share of hidden numbers that are left out while learning
)

// lesson is one sample as the networks learn it.
type lesson struct {
	evidence [][]float64 // on a common scale
	right    int         // candidate; the number of candidates = none
	question bool
	weight   float64
}

// trained holds the numbers of a network while it learns.
type trained struct {
	in, hidden, out int
	w               *adam
	gradient        []float64
	decay           float64
}

func newTrained(in, hidden, out int, r *rand.Rand) *trained {
	n := hidden*(in+1) + out*(hidden+1)
	t := &trained{in: in, hidden: hidden, out: out, w: newAdam(n), gradient: make([]float64, n)}
	at := 0
	for range hidden {
		for k := range in + 1 {
			if k < in {
				t.w.value[at] = r.NormFloat64() * math.Sqrt(2/float64(in))
			}
			at++
		}
	}
	for range out {
		for k := range hidden + 1 {
			if k < hidden {
				t.w.value[at] = r.NormFloat64() * math.Sqrt(1/float64(hidden))
			}
			at++
		}
	}
	return t
}

// pass is what one run through a network leaves for the way back.
type pass struct {
	in, hidden, out []float64
}

// forward runs the network. kept says which hidden numbers take part, each with its factor.
func (t *trained) forward(in, kept []float64) pass {
	p := pass{in: in, hidden: make([]float64, t.hidden), out: make([]float64, t.out)}
	w, at := t.w.value, 0
	for h := range p.hidden {
		z := w[at+t.in]
		for k, x := range in {
			z += w[at+k] * x
		}
		at += t.in + 1
		if z > 0 {
			p.hidden[h] = z * kept[h]
		}
	}
	for o := range p.out {
		z := w[at+t.hidden]
		for h, x := range p.hidden {
			z += w[at+h] * x
		}
		at += t.hidden + 1
		p.out[o] = z
	}
	return p
}

// backward adds to the gradient what the outputs' errors make of it.
func (t *trained) backward(p pass, kept, errs []float64) {
	w, g := t.w.value, t.gradient
	hidden := t.hidden * (t.in + 1)
	back := make([]float64, t.hidden)
	for o, e := range errs {
		at := hidden + o*(t.hidden+1)
		for h, x := range p.hidden {
			g[at+h] += e * x
			back[h] += e * w[at+h]
		}
		g[at+t.hidden] += e
	}
	for h, b := range back {
		if p.hidden[h] <= 0 {
			continue
		}
		b *= kept[h]
		at := h * (t.in + 1)
		for k, x := range p.in {
			g[at+k] += b * x
		}
		g[at+t.in] += b
	}
}

func (t *trained) step(rate float64) {
	t.w.step(t.gradient, rate)
	for i := range t.w.value {
		t.w.value[i] -= rate * t.decay * t.w.value[i]
	}
	clear(t.gradient)
}

// network is what was learned, as it is kept.
func (t *trained) network() evidence.Network {
	var n evidence.Network
	at := 0
	take := func(size int) evidence.Linear {
		l := evidence.Linear{Weights: make(evidence.Vector, size), Bias: float64(float32(t.w.value[at+size]))}
		for k := range size {
			l.Weights[k] = float32(t.w.value[at+k])
		}
		at += size + 1
		return l
	}
	for range t.hidden {
		n.Hidden = append(n.Hidden, take(t.in))
	}
	for range t.out {
		n.Out = append(n.Out, take(t.hidden))
	}
	return n
}

// networks learns which candidate answers, or that none does, and what is a question.
func networks(lessons []lesson, size int, seed uint64) (fit, none evidence.Network) {
	r := rand.New(rand.NewPCG(seed, 5))
	f, n := newTrained(size, hiddenFit, 1, r), newTrained(2*size, hiddenNone, 2, r)
	f.decay, n.decay = 1e-3, 1e-3
	const epochs, batch = 8, 256
	steps, step := epochs*(len(lessons)/batch+1), 0
	keptFit, keptNone := make([]float64, hiddenFit), make([]float64, hiddenNone)
	for range epochs {
		order := r.Perm(len(lessons))
		for from := 0; from < len(order); from += batch {
			part := order[from:min(from+batch, len(order))]
			for _, i := range part {
				l := &lessons[i]
				drop(r, keptFit)
				drop(r, keptNone)
				passes := make([]pass, len(l.evidence))
				scores := make([]float64, len(l.evidence)+1)
				for c, e := range l.evidence {
					passes[c] = f.forward(e, keptFit)
					scores[c] = passes[c].out[0]
				}
				pooled := n.forward(evidence.Pool(l.evidence, scores[:len(l.evidence)]), keptNone)
				scores[len(l.evidence)] = pooled.out[0]
				softmax(scores)
				scores[l.right]--
				share := 1 / float64(len(part))
				for c := range l.evidence {
					f.backward(passes[c], keptFit, []float64{scores[c] * l.weight * share})
				}
				q := 1 / (1 + math.Exp(-pooled.out[1]))
				if l.question {
					q--
				}
				n.backward(pooled, keptNone, []float64{scores[len(l.evidence)] * l.weight * share, q * share})
			}
			f.step(rate(4e-3, step, steps))
			n.step(rate(4e-3, step, steps))
			step++
		}
	}
	return f.network(), n.network()
}

// drop chooses the hidden numbers that take part.
func drop(r *rand.Rand, kept []float64) {
	for i := range kept {
		kept[i] = 1 / (1 - dropped)
		if r.Float64() < dropped {
			kept[i] = 0
		}
	}
}
