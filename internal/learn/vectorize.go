package learn

import (
	"context"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode"
)

// Above sketchFrom texts, features that occur less than sketchLeast times are left out: they teach little and are most of
// the vocabulary.
const (
	sketchFrom  = 20_000
	sketchLeast = 3
	sketchBits  = 25 // counters in the sketch by which they are found, as a power of two
	chunkTexts  = 1024
)

// rawMatrix holds the features of texts before weighting: idx and val (sublinear term frequency) of row i's block b end at
// end[i*blocks+b].
type rawMatrix struct {
	start   []int
	end     []uint32 // relative to the row's start
	idx     []uint32
	val     []float32
	unknown []uint32 // by row and block: features outside of the vocabulary
	df      []uint32 // by feature: rows with it
}

func (r *rawMatrix) rows() int { return len(r.start) - 1 }

// vectorize builds the vocabulary and t.raw from the examples and the names of the labels.
func (t *training) vectorize() error {
	texts := t.texts()
	var sketch []uint8
	t.raw = &rawMatrix{start: make([]int, 1, len(texts)+1)}
	if len(texts) > sketchFrom {
		sketch = make([]uint8, 1<<sketchBits)
		values := 0
		err := t.extractAll(texts, func(hashes *[blocks][]uint64) {
			for _, hs := range hashes {
				for _, h := range hs {
					c := &sketch[h>>(64-sketchBits)]
					if *c < math.MaxUint8 {
						*c++
					}
					if *c >= sketchLeast {
						values++
					}
				}
			}
		})
		if err != nil {
			return err
		}
		// Growing by doubling would need several times the memory.
		values += values / 8
		t.raw.idx, t.raw.val = make([]uint32, 0, values), make([]float32, 0, values)
	}
	t.vocab = newVocabulary(1 << 14)
	var counts []uint16
	err := t.extractAll(texts, func(hashes *[blocks][]uint64) {
		r := t.raw
		from := len(r.idx)
		for _, hs := range hashes {
			first, unknown := len(r.idx), uint32(0)
			for _, h := range hs {
				if sketch != nil && sketch[h>>(64-sketchBits)] < sketchLeast {
					unknown++
					continue
				}
				id := t.vocab.add(h)
				if int(id) == len(counts) {
					counts = append(counts, 0)
					r.df = append(r.df, 0)
				}
				if counts[id] == 0 {
					r.idx = append(r.idx, id)
				}
				if counts[id] < math.MaxUint16 {
					counts[id]++
				}
			}
			for _, id := range r.idx[first:] {
				r.val = append(r.val, tfWeight(counts[id]))
				r.df[id]++
				counts[id] = 0
			}
			r.end = append(r.end, uint32(len(r.idx)-from))
			r.unknown = append(r.unknown, unknown)
		}
		r.start = append(r.start, len(r.idx))
	})
	t.model.vocab = t.vocab
	return err
}

// texts are those of the examples, followed by the names of the labels.
func (t *training) texts() []string {
	texts := make([]string, 0, len(t.examples)+len(t.labels.names))
	for _, e := range t.examples {
		texts = append(texts, e.Text)
	}
	for _, l := range t.labels.names {
		texts = append(texts, labelText(l))
	}
	return texts
}

// extractAll takes the texts apart in parallel and calls visit with the features of each in order.
func (t *training) extractAll(texts []string, visit func(*[blocks][]uint64)) error {
	type chunk struct {
		rows [][blocks][]uint64
		flat []uint64
		done chan struct{}
	}
	var free sync.Pool // of *chunk: their slices are large
	chunks := (len(texts) + chunkTexts - 1) / chunkTexts
	ahead := make(chan *chunk, 2*t.opt.Threads) // bounds what is extracted and not yet visited
	work := make(chan func())
	ctx, cancel := context.WithCancel(t.ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range t.opt.Threads {
		wg.Go(func() {
			for f := range work {
				f()
			}
		})
	}
	wg.Go(func() {
		defer close(work)
		defer close(ahead)
		for k := range chunks {
			part := texts[k*chunkTexts : min((k+1)*chunkTexts, len(texts))]
			c, ok := free.Get().(*chunk)
			if !ok {
				c = &chunk{}
			}
			c.rows, c.flat, c.done = slices.Grow(c.rows[:0], len(part))[:len(part)], c.flat[:0], make(chan struct{})
			select {
			case ahead <- c:
			case <-ctx.Done():
				return
			}
			job := func() {
				defer close(c.done)
				x := extractor{cfg: t.model.meta.Features}
				for i, text := range part {
					x.extract(text)
					for b, hs := range x.hashes {
						from := len(c.flat)
						c.flat = append(c.flat, hs...)
						c.rows[i][b] = c.flat[from:len(c.flat):len(c.flat)]
					}
				}
			}
			select {
			case work <- job:
			case <-ctx.Done():
				close(c.done)
				return
			}
		}
	})
	for c := range ahead {
		<-c.done
		if t.ctx.Err() != nil {
			return context.Cause(t.ctx)
		}
		for i := range c.rows {
			visit(&c.rows[i])
		}
		free.Put(c)
	}
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	return nil
}

// weighted returns the rows as vectors, with the same values that a vectorizer gives at prediction. With inPlace the raw
// matrix's memory is used and it can't be used again.
func (r *rawMatrix) weighted(w *weighting, inPlace bool) *matrix {
	x := &matrix{start: r.start, idx: r.idx, val: r.val, dim: len(r.df), sparse: len(r.df)}
	if !inPlace {
		x.val = make([]float32, len(r.val))
	}
	for i := range x.rows() {
		from := r.start[i]
		a := from
		for b := range blocks {
			z := from + int(r.end[i*blocks+b])
			sum := w.unseen * float64(r.unknown[i*blocks+b])
			for k := a; k < z; k++ {
				v := r.val[k] * w.feature[r.idx[k]]
				x.val[k] = v
				sum += float64(v) * float64(v)
			}
			f := float32(0)
			if sum > 0 {
				f = float32(w.blocks[b] / math.Sqrt(sum))
			}
			for k := a; k < z; k++ {
				x.val[k] *= f
			}
			a = z
		}
	}
	return x
}

// labelText is the name of a label as a text: its words are usually what the label is about.
func labelText(label string) string {
	var b strings.Builder
	previous := ' '
	for _, r := range label {
		if unicode.IsUpper(r) && unicode.IsLower(previous) {
			b.WriteByte(' ')
		}
		if r == '_' || r == '-' || r == '.' || r == '/' {
			r = ' '
		}
		b.WriteRune(r)
		previous = r
	}
	return b.String()
}
