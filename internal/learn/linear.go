package learn

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/blas/gonum"
)

// linear holds the weights of linear machines by feature: those of feature f are at start[f]:start[f+1] in class and q, a
// weight being q times the scale of its class.
type linear struct {
	start  []uint32
	class  []uint16
	q      []int8
	scale  []float32 // by class
	bias   []float32 // by class
	vector []float32 // by class and number of an encoder's vector; nil without one
}

func newLinear(columns []column, features int) linear {
	m := linear{start: make([]uint32, features+1), scale: make([]float32, len(columns)), bias: make([]float32, len(columns))}
	for l, c := range columns {
		m.scale[l], m.bias[l] = c.scale, c.bias
		m.vector = append(m.vector, c.vector...)
		for _, f := range c.idx {
			m.start[f+1]++
		}
	}
	for f := range features {
		m.start[f+1] += m.start[f]
	}
	next := slices.Clone(m.start[:features])
	m.class = make([]uint16, m.start[features])
	m.q = make([]int8, m.start[features])
	for l, c := range columns {
		for k, f := range c.idx {
			m.class[next[f]], m.q[next[f]] = uint16(l), c.q[k]
			next[f]++
		}
	}
	return m
}

// margins sets scores to the machines' margins of the features in z and, if it isn't nil, an encoder's vector.
func (m *linear) margins(z *vectorizer, vector, scores []float32) {
	clear(scores)
	for k, f := range z.idx {
		v := z.val[k]
		a, b := m.start[f], m.start[f+1]
		class, q := m.class[a:b], m.q[a:b]
		q = q[:len(class)]
		for i, l := range class {
			scores[l] += v * float32(q[i])
		}
	}
	for l := range scores {
		scores[l] = scores[l]*m.scale[l] + m.bias[l]
		if vector != nil {
			scores[l] += vectorDot(vector, m.vector[l*len(vector):])
		}
	}
}

// vectorDot is the dot product of a with as many numbers of b.
func vectorDot(a, b []float32) float32 { return gonum.Implementation{}.Sdot(len(a), a, 1, b, 1) }

// column holds the weights of one label, those that quantise to 0 left out.
type column struct {
	bias, scale float32
	idx         []uint32
	q           []int8
	vector      []float32 // of the numbers of an encoder's vector
}

// column rounds the weights of the first sparse features to 8 bits.
func (m *machine) column(sparse int) column { return quantize(m.w, m.b*biasValue, sparse) }

// quantize rounds the weights of the first sparse features to 8 bits. Those of a vector, which are small and count all
// together, stay as they are.
func quantize(w []float32, bias float32, sparse int) column {
	c := column{bias: bias, vector: slices.Clone(w[sparse:])}
	var largest float32
	for _, v := range w[:sparse] {
		largest = max(largest, v, -v)
	}
	if c.scale = largest / 127; largest == 0 {
		return c
	}
	for f, v := range w[:sparse] {
		c.add(f, v)
	}
	return c
}

// add appends the weight v of feature f unless it quantises to 0.
func (c *column) add(f int, v float32) {
	v /= c.scale
	if v > -0.5 && v < 0.5 {
		return
	}
	c.idx = append(c.idx, uint32(f))
	c.q = append(c.q, int8(math.Round(float64(v))))
}

func (c column) negated() column {
	vector := slices.Clone(c.vector)
	for i := range vector {
		vector[i] = -vector[i]
	}
	return column{bias: -c.bias, scale: -c.scale, idx: c.idx, q: c.q, vector: vector}
}
