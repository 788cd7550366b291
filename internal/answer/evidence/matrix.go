package evidence

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/blas"
	"gonum.org/v1/gonum/blas/gonum"
)

// encodeAtOnce is how many texts an encoder is given at once.
const encodeAtOnce = 256

// matrix holds vectors of length 1, a row each.
type matrix struct {
	rows, columns int
	data          []float32
}

// encode computes the vectors of texts. Texts that are equal are encoded once.
func encode(ctx context.Context, encoder Encoder, texts []string) (matrix, error) {
	m := matrix{rows: len(texts)}
	for from := 0; from < len(texts); from += encodeAtOnce {
		part := texts[from:min(from+encodeAtOnce, len(texts))]
		vectors, err := encoder.Encode(ctx, part)
		if err != nil {
			return matrix{}, err
		}
		for _, v := range vectors {
			if m.columns == 0 {
				m.columns = len(v)
				m.data = make([]float32, 0, len(texts)*len(v))
			}
			if len(v) != m.columns {
				return matrix{}, fmt.Errorf("the encoder gives vectors of %d and %d numbers", m.columns, len(v))
			}
			m.data = append(m.data, v...)
		}
		if len(m.data) != min(from+encodeAtOnce, len(texts))*m.columns {
			return matrix{}, fmt.Errorf("the encoder gives %d vectors for %d texts", len(vectors), len(part))
		}
	}
	return m, nil
}

// some are at most n rows of both matrices, evenly chosen.
func (m matrix) some(other matrix, n int) matrix {
	out := matrix{columns: m.columns}
	step := max(1, (m.rows+other.rows+n-1)/n)
	for i := 0; i < m.rows+other.rows; i += step {
		if i < m.rows {
			out.data = append(out.data, m.row(i)...)
		} else {
			out.data = append(out.data, other.row(i-m.rows)...)
		}
		out.rows++
	}
	return out
}

func (m matrix) row(i int) []float32 { return m.data[i*m.columns : (i+1)*m.columns] }

// cosines writes the cosine of each row and v to out.
func (m matrix) cosines(v, out []float32) {
	if m.rows > 0 {
		gonum.Implementation{}.Sgemv(blas.NoTrans, m.rows, m.columns, 1, m.data, m.columns, v, 1, 0, out, 1)
	}
}

func dot(a, b []float32) float64 { return float64(gonum.Implementation{}.Sdot(len(a), a, 1, b, 1)) }

// normalize brings a vector to the length 1.
func normalize(v []float32) {
	sum := 0.0
	for _, x := range v {
		sum += float64(x) * float64(x)
	}
	if sum == 0 {
		return
	}
	f := float32(1 / math.Sqrt(sum))
	for i := range v {
		v[i] *= f
	}
}
