// Package batch sends several texts through a network together, since that is faster than one after the other.
package batch

import (
	"context"
	"errors"
	"runtime"
	"sync"
)

// Encode calls run with parts of texts, which are given by their tokens: as many of them at once, in their order, as have no
// more than most tokens together (a longer one goes alone), and on as many processors as there are. It returns the vectors of all.
func Encode(ctx context.Context, texts [][]int32, most int, run func(texts [][]int32) ([][]float32, error)) ([][]float32, error) {
	type part struct{ from, to int }
	var parts []part
	tokens := 0
	for i, ids := range texts {
		if len(parts) == 0 || tokens+len(ids) > most {
			parts, tokens = append(parts, part{from: i}), 0
		}
		parts[len(parts)-1].to = i + 1
		tokens += len(ids)
	}
	vectors := make([][]float32, len(texts))
	failed := make([]error, len(parts))
	next := make(chan int)
	var wg sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(parts)) {
		wg.Go(func() {
			for p := range next {
				if ctx.Err() != nil {
					failed[p] = context.Cause(ctx)
					continue
				}
				some, err := run(texts[parts[p].from:parts[p].to])
				if failed[p] = err; err == nil {
					copy(vectors[parts[p].from:], some)
				}
			}
		})
	}
	for p := range parts {
		next <- p
	}
	close(next)
	wg.Wait()
	if err := errors.Join(failed...); err != nil {
		return nil, err
	}
	return vectors, nil
}
