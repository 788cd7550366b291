package speechtest

import (
	"context"
	"errors"
	"testing"

	"github.com/mynahbot/mynah/internal/spoken"
)

// RecognizerRefuses tests what a recognizer with an English model does not take, what it makes of short silence, and that it ends with
// its context and, with the error closed, behind Close, which it calls.
func RecognizerRefuses(t *testing.T, r interface {
	spoken.Recognizer
	Close() error
}, closed error) {
	t.Helper()
	var noModel *spoken.NoModelError
	if _, err := r.Recognize(t.Context(), spoken.Utterance{Samples: make([]float32, spoken.Rate), Language: "ru"}); !errors.As(err, &noModel) || noModel.Language != "ru" {
		t.Errorf("Russian: %v", err)
	}
	if _, err := r.Recognize(t.Context(), spoken.Utterance{Samples: make([]float32, 16*spoken.Rate)}); err == nil {
		t.Error("took 16 seconds")
	}
	for _, n := range []int{0, 1, spoken.MinSamples - 1, spoken.MinSamples, spoken.MinSamples + 1, 2000, 3200} {
		if got, err := r.Recognize(t.Context(), spoken.Utterance{Samples: make([]float32, n)}); err != nil || got.Text != "" {
			t.Errorf("%d samples of silence: %+v, %v", n, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Recognize(ctx, spoken.Utterance{Samples: make([]float32, 10*spoken.Rate)}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Recognize(t.Context(), spoken.Utterance{Samples: make([]float32, spoken.Rate)}); !errors.Is(err, closed) {
		t.Errorf("after close: %v", err)
	}
}
