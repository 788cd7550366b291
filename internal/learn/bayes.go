package learn

import (
	"math"
	"slices"
)

// bayesFloor keeps features that occur equally often on both sides a little.
const bayesFloor = 0.1

// bayes trains the machine on features scaled by how differently they occur on its two sides: |log(p/q)|^exponent, with
// p and q the smoothed shares of a feature among those of either side (after Wang and Manning, Baselines and Bigrams, ACL 2012).
// Because the scale is learned from the labels, each fold is trained with a scale that hasn't seen it, beginning with the alphas of the
// machine that has seen all: these differ little.
func (s *svms) bayes(exponent float64, k *task, visit func(i int32, class int, score float32)) column {
	x, sq := s.x, s.sq
	defer func() { s.x, s.sq = x, sq }()
	scaled := func(rows []int32) []float32 {
		scale := bayesScale(x, s.class, rows, exponent)
		s.x = x.scaled(scale)
		s.sq = squares(s.x)
		s.reset(rows)
		return scale
	}
	scale := scaled(k.rows)
	var c column
	s.solve(solveSweeps, func(int) {
		for f := range s.one.w {
			s.one.w[f] *= scale[f]
		}
		c = s.one.column(x.sparse)
	})
	alpha := slices.Clone(s.alpha)
	var part []int32
	for n, held := range k.folds {
		part = part[:0]
		for _, i := range k.rows {
			if int(k.fold[i]) != n {
				part = append(part, i)
			}
		}
		scaled(part)
		for _, i := range part {
			if a := alpha[i]; a > 0 {
				s.alpha[i] = a
				s.add(i, 0, a*s.label(i, 0))
			}
		}
		s.solve(1, func(int) {
			for _, i := range held {
				visit(i, 0, s.one.score(s.x, i))
			}
		})
	}
	return c
}

// bayesScale returns the scale of each feature, by how it occurs in class 0 and in the other, such that the rows keep their squared length on average.
// An encoder's numbers, which every row has, stay as they are.
func bayesScale(x *matrix, class []int32, rows []int32, exponent float64) []float32 {
	pos, neg := make([]int32, x.dim), make([]int32, x.dim)
	var positives, negatives int
	for _, i := range rows {
		side := neg
		if class[i] == 0 {
			side = pos
			positives++
		} else {
			negatives++
		}
		idx, _ := x.row(int(i))
		for _, f := range idx {
			side[f]++
		}
	}
	logs := make([]float64, len(rows)+2) // of a smoothed count, by count
	for n := range logs {
		logs[n] = math.Log(float64(n + 1))
	}
	sides := logs[positives+1] - logs[negatives+1]
	scale := make([]float32, x.dim)
	for f := range scale[:x.sparse] {
		r := math.Abs(logs[pos[f]] - logs[neg[f]] - sides)
		scale[f] = float32(math.Pow(r+bayesFloor, exponent))
	}
	before, after := 0.0, 0.0
	for _, i := range rows {
		idx, val := x.row(int(i))
		for k, f := range idx {
			if int(f) >= x.sparse {
				break
			}
			before += float64(val[k]) * float64(val[k])
			v := float64(val[k] * scale[f])
			after += v * v
		}
	}
	if after > 0 {
		g := float32(math.Sqrt(before / after))
		for f := range scale[:x.sparse] {
			scale[f] *= g
		}
	}
	for f := x.sparse; f < x.dim; f++ {
		scale[f] = 1
	}
	return scale
}
