package learn

import (
	"errors"
	"math"
	"slices"
)

// Vectors are the sentence vectors of a model's texts, a byte a number: computing them again would take
// longer than reading the model.
type Vectors struct {
	Encoder string `json:"encoder"` // that gave them

	dimension int
	numbers   []int8    // a row each
	scale     []float32 // of each row
}

// Pack rounds the vectors of [Model.Texts], of one length each, to bytes.
func Pack(encoder string, vectors [][]float32) *Vectors {
	v := &Vectors{Encoder: encoder, scale: make([]float32, len(vectors))}
	if len(vectors) > 0 {
		v.dimension = len(vectors[0])
		v.numbers = make([]int8, 0, len(vectors)*v.dimension)
	}
	for i, vector := range vectors {
		most := float32(0)
		for _, x := range vector {
			most = max(most, x, -x)
		}
		v.scale[i] = most / math.MaxInt8
		for _, x := range vector {
			n := int8(0)
			if most > 0 {
				n = int8(math.Round(float64(x / v.scale[i])))
			}
			v.numbers = append(v.numbers, n)
		}
	}
	return v
}

// Vector returns the vector of the text at a place of [Model.Texts].
func (v *Vectors) Vector(i int) []float32 {
	out := make([]float32, v.dimension)
	for k, n := range v.numbers[i*v.dimension : (i+1)*v.dimension] {
		out[k] = float32(n) * v.scale[i]
	}
	return out
}

// check reports what is wrong with vectors of n texts that were read.
func (v *Vectors) check(n int) error {
	if len(v.scale) != n || n > 0 && (len(v.numbers)%n != 0 || len(v.numbers)/n > maxDimension) || !finite(v.scale) {
		return errors.New("the vectors don't belong to the texts")
	}
	if n > 0 {
		v.dimension = len(v.numbers) / n
	}
	return nil
}

// Vectors returns the vectors that the model keeps, nil where it keeps none.
func (m *Model) Vectors() *Vectors { return m.meta.Vectors }

// WithVectors returns a model that shares everything with m and keeps vectors.
func (m *Model) WithVectors(v *Vectors) *Model {
	c := *m
	c.meta.Vectors = v
	return &c
}

// Texts are what vectors are wanted of: the questions and replies of the model's pairs, each once.
func (m *Model) Texts() []string {
	all := slices.Concat(m.meta.Questions, m.meta.Replies)
	seen := make(map[string]bool, len(all))
	return slices.DeleteFunc(all, func(t string) bool {
		again := seen[t]
		seen[t] = true
		return again
	})
}
