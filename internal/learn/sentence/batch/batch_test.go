package batch

import (
	"context"
	"errors"
	"slices"
	"testing"
)

func TestEncode(t *testing.T) {
	texts := [][]int32{{1}, {2, 2}, {3, 3, 3}, {}, {4, 4, 4, 4}, {5}}
	greatest := make(chan int, 10)
	first := func(texts [][]int32) (vectors [][]float32, err error) {
		tokens := 0
		for _, ids := range texts {
			tokens += len(ids)
			vectors = append(vectors, []float32{float32(len(ids))})
		}
		greatest <- tokens
		return vectors, nil
	}
	got, err := Encode(t.Context(), texts, 3, first)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range got {
		if !slices.Equal(v, []float32{float32(len(texts[i]))}) {
			t.Errorf("text %d: %v", i, v)
		}
	}
	close(greatest)
	parts := slices.Collect(func(yield func(int) bool) {
		for n := range greatest {
			if !yield(n) {
				return
			}
		}
	})
	slices.Sort(parts)
	if want := []int{1, 3, 3, 4}; !slices.Equal(parts, want) { // {1}{2 2}, {3 3 3}{}, {4 4 4 4}, {5}
		t.Errorf("parts of %v tokens, want %v", parts, want)
	}
	if got, err := Encode(t.Context(), nil, 3, first); err != nil || len(got) != 0 {
		t.Errorf("no texts: %v, %v", got, err)
	}
}

func TestEncodeFails(t *testing.T) {
	bad := errors.New("bad")
	_, err := Encode(t.Context(), [][]int32{{1}, {2}, {3}}, 1, func(texts [][]int32) ([][]float32, error) {
		if texts[0][0] == 2 {
			return nil, bad
		}
		return [][]float32{{1}}, nil
	})
	if !errors.Is(err, bad) {
		t.Errorf("a part failed: %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(bad)
	if _, err := Encode(ctx, [][]int32{{1}}, 1, nil); !errors.Is(err, bad) {
		t.Errorf("cancelled: %v", err)
	}
}
