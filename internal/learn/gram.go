package learn

import (
	"math/rand/v2"

	"gonum.org/v1/gonum/blas/gonum"
)

// gram holds the dot products of all pairs of rows of a small matrix, bias included. With them, a step of the dual coordinate
// descent costs as much as there are rows, however many features these have, and every score is at hand all the time: solving
// a fold anew costs little.
type gram struct {
	x     *matrix
	rows  []int32   // of x that are trained on; the others are left out
	dot   []float32 // by two places in rows
	start []int     // places with feature f, ascending: place[start[f]:start[f+1]]
	place []int32
	val   []float32

	vectors [][]float32 // by row of x: an encoder's, of length 1; nil without
	beside  []float32   // their dot products
}

// Bounds of where a gram is used: rows, and products that computing it takes.
const (
	gramRows = 3000
	gramOps  = 3e8
)

// gramFits reports whether training n rows with features of these frequencies by their dot products is cheap.
func gramFits(n int, df []uint32) bool {
	ops := 0.0
	for _, d := range df {
		ops += float64(d) * float64(d) / 2
	}
	return n <= gramRows && ops <= gramOps
}

// gramChunk is the number of rows that one call of fill is for.
const gramChunk = 64

// newGram prepares a gram; fill must be called for every chunk of rows, and mirror then.
func newGram(x *matrix, rows []int32) *gram {
	g := &gram{x: x, rows: rows, dot: make([]float32, len(rows)*len(rows)), start: make([]int, x.dim+1)}
	for _, i := range rows {
		idx, _ := x.row(int(i))
		for _, f := range idx {
			g.start[f+1]++
		}
	}
	for f := range x.dim {
		g.start[f+1] += g.start[f]
	}
	g.place, g.val = make([]int32, g.start[x.dim]), make([]float32, g.start[x.dim])
	next := append([]int(nil), g.start...)
	for p, i := range rows {
		idx, val := x.row(int(i))
		for k, f := range idx {
			g.place[next[f]], g.val[next[f]] = int32(p), val[k]
			next[f]++
		}
	}
	return g
}

func (g *gram) row(p int) []float32 { n := len(g.rows); return g.dot[p*n : (p+1)*n] }

// fill computes the products of the places from first to first+gramChunk with those before them and themselves.
func (g *gram) fill(first int) {
	for p := first; p < min(first+gramChunk, len(g.rows)); p++ {
		out := g.row(p)[:p+1]
		for q := range out {
			out[q] = biasValue * biasValue
		}
		idx, val := g.x.row(int(g.rows[p]))
		for k, f := range idx {
			v := val[k]
			a, b := g.start[f], g.start[f+1]
			places, vals := g.place[a:b], g.val[a:b]
			vals = vals[:len(places)]
			for j, q := range places {
				if int(q) > p {
					break
				}
				out[q] += v * vals[j]
			}
		}
	}
}

// fills adds the work of filling a gram with vectors to jobs.
func (g *gram) fills(jobs []func()) []func() {
	n := len(g.rows)
	g.beside = make([]float32, n*n)
	for from := 0; from < n; from += gramChunk {
		jobs = append(jobs, func() {
			g.fill(from)
			for p := from; p < min(from+gramChunk, n); p++ {
				for q := range p + 1 {
					g.beside[p*n+q] = vectorDot(g.vectors[g.rows[p]], g.vectors[g.rows[q]])
				}
			}
		})
	}
	return jobs
}

// with is the gram of x, which has vectors of that length beside the columns of a filled g.
func (g *gram) with(x *matrix, length float32) *gram {
	out := &gram{x: x, rows: g.rows, dot: make([]float32, len(g.dot))}
	n := len(g.rows)
	for p := range n {
		for q := range p + 1 {
			d := g.dot[p*n+q] + length*length*g.beside[p*n+q]
			out.dot[p*n+q], out.dot[q*n+p] = d, d
		}
	}
	return out
}

func (g *gram) mirror() {
	n := len(g.rows)
	for p := range n {
		for q := range p {
			g.dot[q*n+p] = g.dot[p*n+q]
		}
	}
	g.start, g.place, g.val = nil, nil, nil
}

// gramSVM trains the machine of one class after the other, as svms does.
type gramSVM struct {
	g     *gram
	cost  costs
	rng   *rand.Rand
	y     []float32 // by place, +1 or -1
	alpha []float32
	score []float32 // by place
	order []int32   // places to train on
	w     []float32 // by feature
}

func newGramSVM(g *gram, cost costs) *gramSVM {
	n := len(g.rows)
	return &gramSVM{g: g, cost: cost, y: make([]float32, n), alpha: make([]float32, n), score: make([]float32, n), w: make([]float32, g.x.dim)}
}

const gramPasses = 30 // at most

// solve goes on training on the places in s.order, which it reorders.
func (s *gramSVM) solve() {
	n := len(s.y)
	for range gramPasses {
		largest := float32(0)
		s.rng.Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
		for _, p := range s.order {
			y, a, diag := s.y[p], s.alpha[p], 1/(2*s.cost.negative)
			if y > 0 {
				diag = 1 / (2 * s.cost.positive)
			}
			g := y*s.score[p] - 1 + diag*a
			if a == 0 && g >= 0 {
				continue
			}
			largest = max(largest, g, -g)
			row := s.g.row(int(p))
			s.alpha[p] = max(a-g/(row[p]+diag), 0)
			if d := (s.alpha[p] - a) * y; d != 0 {
				gonum.Implementation{}.Saxpy(n, d, row, 1, s.score, 1)
			}
		}
		if largest <= solveEps {
			return
		}
	}
}

// train trains the machine of class l and calls visit with the held-out scores of its rows.
func (s *gramSVM) train(l int, k *task, seed uint64, visit func(i int32, score float32)) column {
	s.rng = rand.New(rand.NewPCG(seed, uint64(l)))
	clear(s.alpha)
	clear(s.score)
	s.order = s.order[:0]
	for p, i := range s.g.rows {
		s.y[p] = -1
		if int(k.class[i]) == l {
			s.y[p] = 1
		}
		s.order = append(s.order, int32(p))
	}
	s.solve()
	clear(s.w)
	bias := float32(0)
	for p, a := range s.alpha {
		if a == 0 {
			continue
		}
		idx, val := s.g.x.row(int(s.g.rows[p]))
		for j, f := range idx {
			s.w[f] += a * s.y[p] * val[j]
		}
		bias += a * s.y[p] * biasValue * biasValue
	}
	c := quantize(s.w, bias, s.g.x.sparse)
	alpha, score := append([]float32(nil), s.alpha...), append([]float32(nil), s.score...)
	for n := range k.folds {
		copy(s.alpha, alpha)
		copy(s.score, score)
		s.order = s.order[:0]
		for p, i := range s.g.rows {
			if int(k.fold[i]) != n {
				s.order = append(s.order, int32(p))
				continue
			}
			if a := s.alpha[p]; a > 0 {
				gonum.Implementation{}.Saxpy(len(s.y), -a*s.y[p], s.g.row(p), 1, s.score, 1)
				s.alpha[p] = 0
			}
		}
		s.solve()
		for p, i := range s.g.rows {
			if int(k.fold[i]) == n {
				visit(i, s.score[p])
			}
		}
	}
	return c
}
