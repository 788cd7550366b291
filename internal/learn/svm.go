package learn

import (
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// biasValue is the value of the bias column. The larger, the less the bias is penalised.
const biasValue = 2

// Settings of the solver.
const (
	solveSweeps = 3   // over all rows and classes
	solvePasses = 4   // over a machine's support vectors after each, at most
	foldRounds  = 2   // over the near rows, each followed by such passes, at most, when a fold is taken out
	solveEps    = 0.2 // greatest gradient at which a machine counts as solved; exacter ones are no better in cross-validation
	nearBelow   = 0.4 // gradient under which a row counts as near: it is, or may become, a support vector
)

// svms trains linear support vector machines with squared hinge loss, one a class against the rest, by dual coordinate
// descent (Hsieh et al., A Dual Coordinate Descent Method for Large-scale Linear SVM, ICML 2008). The machines of a block of
// classes are trained together: their weights of one feature lie side by side, so that a row meets all of them at the cost of
// a few. Such sweeps find the rows that are near to each machine's border, which are few; with these the machines are then refined
// one by one. The bias is the weight of a column that is always biasValue and is penalised like
// the others.
type svms struct {
	x      *matrix
	sq     []float32 // squared length of each row
	class  []int32   // by row
	first  int       // the first class of the block
	n      int       // classes
	stride int       // n, rounded up to what is fast
	cost   costs
	rng    *rand.Rand

	order []int32   // rows to train on
	other []bool    // by row: whether machines of other classes see it; nil if all do
	w     []float32 // by feature and class
	b     []float32 // weight of the bias column, by class
	alpha []float32 // by row and class

	near    [][]int32 // by machine, rows
	one     machine   // that is being refined
	score   []float32
	delta   []float32
	changed []uint16
}

// costs says how much the loss of a text counts against the length of the weights.
type costs struct {
	positive, negative float32 // of a class's own texts, and of the others
	share              float32 // of the others' texts that each machine sees
}

// axpyFrom is the number of classes from which on vector instructions are worth their call.
const axpyFrom = 12

// newSVMs makes room for blocks of at most most classes; begin must be called before each.
func newSVMs(x *matrix, sq []float32, class []int32, most int, cost costs) *svms {
	stride := most
	if most >= axpyFrom {
		stride = (most + 15) / 16 * 16
	}
	return &svms{
		x: x, sq: sq, class: class, stride: stride, cost: cost,
		w: make([]float32, x.dim*stride), b: make([]float32, stride), alpha: make([]float32, x.rows()*most),
		near: make([][]int32, most), one: machine{w: make([]float32, x.dim)},
		score: make([]float32, stride), delta: make([]float32, stride),
	}
}

// begin begins the block of n classes from first on.
func (s *svms) begin(first, n int, seed uint64) {
	s.first, s.n, s.near = first, n, s.near[:n]
	s.rng = rand.New(rand.NewPCG(seed, uint64(first)))
}

// axpy adds a·x to y.
func axpy(a float32, x, y []float32) {
	if len(x) >= axpyFrom {
		gonum.Implementation{}.Saxpy(len(x), a, x, 1, y, 1)
		return
	}
	y = y[:len(x)]
	for i, v := range x {
		y[i] += a * v
	}
}

func dot(w []float32, idx []uint32, val []float32) float32 {
	val = val[:len(idx)]
	var s0, s1 float32
	i := 0
	for ; i+1 < len(idx); i += 2 {
		s0 += w[idx[i]] * val[i]
		s1 += w[idx[i+1]] * val[i+1]
	}
	if i < len(idx) {
		s0 += w[idx[i]] * val[i]
	}
	return s0 + s1
}

// scores sets s.score to the scores of row i, bias included.
func (s *svms) scores(i int32) {
	idx, val, vector := s.x.split(int(i))
	if s.stride == 1 {
		s.score[0] = dot(s.w, idx, val) + s.b[0]*biasValue
		if vector != nil {
			s.score[0] += vectorDot(vector, s.w[s.x.sparse:])
		}
		return
	}
	for l, b := range s.b {
		s.score[l] = b * biasValue
	}
	for k, f := range idx {
		axpy(val[k], s.w[int(f)*s.stride:][:s.stride], s.score)
	}
	if n := len(vector); n > 0 {
		gonum.Implementation{}.Sgemv(blas.Trans, n, s.stride, 1, s.w[s.x.sparse*s.stride:], s.stride, vector, 1, 1, s.score, 1)
	}
}

// add adds d times row i to the machine l.
func (s *svms) add(i int32, l int, d float32) {
	idx, val := s.x.row(int(i))
	val = val[:len(idx)]
	w, stride := s.w[l:], s.stride
	for k, f := range idx {
		w[int(f)*stride] += d * val[k]
	}
	s.b[l] += d * biasValue
}

// addAll adds row i to all machines, s.delta times.
func (s *svms) addAll(i int32) {
	idx, val, vector := s.x.split(int(i))
	for k, f := range idx {
		axpy(val[k], s.delta, s.w[int(f)*s.stride:][:s.stride])
	}
	if n := len(vector); n > 0 {
		gonum.Implementation{}.Sger(n, s.stride, 1, vector, 1, s.delta, 1, s.w[s.x.sparse*s.stride:], s.stride)
	}
	axpy(biasValue, s.delta, s.b)
}

// label is 1 where row i is of the class of machine l, and -1 elsewhere.
func (s *svms) label(i int32, l int) float32 {
	if int(s.class[i]) == s.first+l {
		return 1
	}
	return -1
}

// step minimises the dual over one alpha of row i, whose label and score are given. It returns the alpha and the gradient before.
func (s *svms) step(i int32, y, score, alpha float32) (next, gradient float32) {
	diag := s.cost.share / (2 * s.cost.negative)
	if y > 0 {
		diag = 1 / (2 * s.cost.positive)
	}
	g := y*score - 1 + diag*alpha
	if alpha == 0 && g >= 0 {
		return 0, g
	}
	return max(alpha-g/(s.sq[i]+diag), 0), g
}

// sweep steps through all rows and machines and finds the near rows.
func (s *svms) sweep() {
	for l := range s.near {
		s.near[l] = s.near[l][:0]
	}
	s.rng.Shuffle(len(s.order), func(i, j int) { s.order[i], s.order[j] = s.order[j], s.order[i] })
	for _, i := range s.order {
		if s.other != nil && !s.other[i] { // it is there for its own machine
			l := int(s.class[i]) - s.first
			s.near[l] = append(s.near[l], i)
			continue
		}
		s.scores(i)
		s.changed = s.changed[:0]
		alpha := s.alpha[int(i)*s.n:][:s.n]
		for l, a := range alpha {
			y := s.label(i, l)
			next, g := s.step(i, y, s.score[l], a)
			if next > 0 || g < nearBelow {
				s.near[l] = append(s.near[l], i)
			}
			if next != a {
				alpha[l] = next
				s.changed = append(s.changed, uint16(l))
				s.delta[l] = (next - a) * y
			}
		}
		if 6*len(s.changed) > s.n {
			s.addAll(i)
		} else {
			for _, l := range s.changed {
				s.add(i, int(l), s.delta[l])
			}
		}
		for _, l := range s.changed {
			s.delta[l] = 0
		}
	}
}

// solve trains the machines on the rows in s.order, which it reorders. It calls done for each when it is trained: its weights
// are in s.one then, and no longer in s.w.
func (s *svms) solve(sweeps int, done func(l int)) {
	m := &s.one
	for n := range sweeps {
		s.sweep()
		for l, near := range s.near {
			m.alpha = m.alpha[:0]
			for _, i := range near {
				m.alpha = append(m.alpha, s.alpha[int(i)*s.n+l])
			}
			for f := range m.w {
				m.w[f] = s.w[f*s.stride+l]
			}
			m.b = s.b[l]
			s.refine(l, near)
			for k, i := range near {
				s.alpha[int(i)*s.n+l] = m.alpha[k]
			}
			if n == sweeps-1 {
				done(l)
				continue
			}
			for f, w := range m.w {
				s.w[f*s.stride+l] = w
			}
			s.b[l] = m.b
		}
	}
}

// machine is one machine of a block with its weights together, and the alphas of the rows that it is refined with.
type machine struct {
	w     []float32 // by feature
	b     float32   // weight of the bias column
	alpha []float32 // by place among the rows
	order []int32   // places to train on
}

func (m *machine) score(x *matrix, i int32) float32 {
	idx, val, vector := x.split(int(i))
	score := dot(m.w, idx, val) + m.b*biasValue
	if vector != nil {
		score += vectorDot(vector, m.w[x.sparse:])
	}
	return score
}

func (m *machine) add(x *matrix, i int32, d float32) {
	idx, val, vector := x.split(int(i))
	val = val[:len(idx)]
	for k, f := range idx {
		m.w[f] += d * val[k]
	}
	if vector != nil {
		axpy(d, vector, m.w[x.sparse:])
	}
	m.b += d * biasValue
}

// refine trains s.one, which is machine l, on the support vectors among the rows near it.
func (s *svms) refine(l int, near []int32) {
	m := &s.one
	m.all()
	for range solvePasses {
		m.order = slices.DeleteFunc(m.order, func(p int32) bool { return m.alpha[p] == 0 })
		if s.pass(l, near) <= solveEps {
			return
		}
	}
}

// all sets m.order to all places.
func (m *machine) all() {
	m.order = m.order[:0]
	for p := range m.alpha {
		m.order = append(m.order, int32(p))
	}
}

// pass steps through the places in s.one.order and returns the largest gradient that could be followed.
func (s *svms) pass(l int, near []int32) (largest float32) {
	m := &s.one
	s.rng.Shuffle(len(m.order), func(i, j int) { m.order[i], m.order[j] = m.order[j], m.order[i] })
	for _, p := range m.order {
		i, a := near[p], m.alpha[p]
		y := s.label(i, l)
		next, g := s.step(i, y, m.score(s.x, i), a)
		if next != a {
			largest = max(largest, g, -g)
			m.alpha[p] = next
			m.add(s.x, i, (next-a)*y)
		}
	}
	return largest
}

// reset makes the machines forget and sets the rows to train on.
func (s *svms) reset(rows []int32) {
	clear(s.w)
	clear(s.b)
	clear(s.alpha)
	s.order = s.order[:0]
	if s.cost.share == 1 {
		s.order = append(s.order, rows...)
		return
	}
	s.other = append(s.other[:0], make([]bool, len(s.class))...)
	for _, i := range rows {
		l := int(s.class[i]) - s.first
		s.other[i] = s.rng.Float32() < s.cost.share
		if s.other[i] || l >= 0 && l < s.n {
			s.order = append(s.order, i)
		}
	}
}

// outOfFold calls visit with the class and score of every held-out row by machines that were not trained on the row's fold: they
// begin with the alphas of the solved ones, those that stay on either side standing in for those that are taken out, and are
// refined with the near rows.
func (s *svms) outOfFold(k *task, visit func(i int32, class int, score float32)) {
	m := &s.one
	var near []int32
	for l := range s.n {
		for n, held := range k.folds {
			var all, stay [2]float32 // sums of alphas: of the other rows, and of its own
			near, m.alpha = near[:0], m.alpha[:0]
			for _, i := range s.near[l] {
				a, side := s.alpha[int(i)*s.n+l], int(s.label(i, l)+1)/2
				all[side] += a
				if int(k.fold[i]) == n {
					continue
				}
				stay[side] += a
				near, m.alpha = append(near, i), append(m.alpha, a)
			}
			clear(m.w)
			m.b = 0
			for p, i := range near {
				if a := &m.alpha[p]; *a > 0 {
					y := s.label(i, l)
					side := int(y+1) / 2
					*a *= all[side] / stay[side]
					m.add(s.x, i, *a*y)
				}
			}
			for range foldRounds {
				m.all()
				if s.pass(l, near) <= solveEps {
					break
				}
				s.refine(l, near)
			}
			for _, i := range held {
				visit(i, s.first+l, m.score(s.x, i))
			}
		}
	}
}
