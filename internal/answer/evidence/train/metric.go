package main

import (
	"math"
	"math/rand/v2"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

// metric learns how much each number of two vectors counts, so that the candidate that answers a
// question is more like it than the others. It returns the weights of wordings and of replies.
func metric(samples []*sample, seed uint64) (wording, reply evidence.Vector) {
	var usable []*sample
	for _, s := range samples {
		if s.right >= 0 && len(s.asked.Candidates) > 1 {
			usable = append(usable, s)
		}
	}
	if len(usable) == 0 {
		return nil, nil
	}
	size := len(usable[0].asked.Text)
	const (
		epochs, batch = 6, 256
		decay         = 1e-3
		scale         = 30 // of learned weights
	)
	// Besides, how much the plain cosines and likenesses of letters count.
	plain := [4]int{0, 1, 13, 14}
	w, base := newAdam(2*size), newAdam(len(plain))
	copy(base.value, []float64{12, 6, 2, 5})
	r := rand.New(rand.NewPCG(seed, 4))
	steps, step := epochs*(len(usable)/batch+1), 0
	gradient, baseGradient := make([]float64, 2*size), make([]float64, len(plain))
	for range epochs {
		order := r.Perm(len(usable))
		for from := 0; from < len(order); from += batch {
			part := order[from:min(from+batch, len(order))]
			clear(gradient)
			clear(baseGradient)
			for _, i := range part {
				s := usable[i]
				scores := make([]float64, len(s.asked.Candidates))
				for c, candidate := range s.asked.Candidates {
					a, b := candidate.Vectors()
					for k, x := range s.asked.Text {
						scores[c] += scale * float64(x) * (w.value[k]*float64(a[k]) + w.value[size+k]*float64(b[k]))
					}
					for k, f := range plain {
						scores[c] += base.value[k] * float64(candidate.Features[f])
					}
				}
				softmax(scores)
				scores[s.right]--
				for c, candidate := range s.asked.Candidates {
					a, b := candidate.Vectors()
					d := scores[c] / float64(len(part))
					for k, x := range s.asked.Text {
						gradient[k] += scale * d * float64(x) * float64(a[k])
						gradient[size+k] += scale * d * float64(x) * float64(b[k])
					}
					for k, f := range plain {
						baseGradient[k] += d * float64(candidate.Features[f])
					}
				}
			}
			for k, v := range w.value {
				gradient[k] += 2 * decay * v
			}
			w.step(gradient, rate(3e-3, step, steps))
			base.step(baseGradient, rate(0.02, step, steps))
			step++
		}
	}
	wording, reply = make(evidence.Vector, size), make(evidence.Vector, size)
	for k := range size {
		wording[k], reply[k] = float32(scale*w.value[k]), float32(scale*w.value[size+k])
	}
	return wording, reply
}

// softmax turns scores into probabilities.
func softmax(scores []float64) {
	most, sum := math.Inf(-1), 0.0
	for _, s := range scores {
		most = max(most, s)
	}
	for i, s := range scores {
		scores[i] = math.Exp(s - most)
		sum += scores[i]
	}
	for i := range scores {
		scores[i] /= sum
	}
}
