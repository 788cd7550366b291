package learn

// matrix holds sparse rows (compressed sparse rows): row i is idx[start[i]:start[i+1]] with the values in val.
type matrix struct {
	start []int
	idx   []uint32
	val   []float32
	dim   int // number of columns
	// sparse is how many of the columns are features of the texts; those of an encoder follow them.
	sparse int
}

func (m *matrix) rows() int { return len(m.start) - 1 }

func (m *matrix) row(i int) ([]uint32, []float32) {
	a, b := m.start[i], m.start[i+1]
	return m.idx[a:b], m.val[a:b]
}

// split is row in two: the features of the text, and the values of the vector's columns.
func (m *matrix) split(i int) (idx []uint32, val, vector []float32) {
	idx, val = m.row(i)
	if m.sparse < m.dim {
		first := len(idx) - (m.dim - m.sparse)
		return idx[:first], val[:first], val[first:]
	}
	return idx, val, nil
}

// squares returns the squared length of each row, bias included.
func squares(x *matrix) []float32 {
	sq := make([]float32, x.rows())
	for i := range sq {
		_, val := x.row(i)
		sq[i] = biasValue * biasValue
		for _, v := range val {
			sq[i] += v * v
		}
	}
	return sq
}

// scaled returns the matrix with its columns multiplied.
func (m *matrix) scaled(scale []float32) *matrix {
	out := *m
	out.val = make([]float32, len(m.val))
	for k, f := range m.idx {
		out.val[k] = m.val[k] * scale[f]
	}
	return &out
}

// withVectors returns the rows of x with the vectors, times length, appended as further columns.
func withVectors(x *matrix, vectors [][]float32, length float32) *matrix {
	values := len(x.idx) + len(vectors)*len(vectors[0])
	out := &matrix{start: []int{0}, dim: x.dim + len(vectors[0]), sparse: x.dim, idx: make([]uint32, 0, values), val: make([]float32, 0, values)}
	for i, v := range vectors {
		idx, val := x.row(i)
		out.idx, out.val = append(out.idx, idx...), append(out.val, val...)
		for j, a := range v {
			out.idx, out.val = append(out.idx, uint32(x.dim+j)), append(out.val, a*length)
		}
		out.start = append(out.start, len(out.idx))
	}
	return out
}
