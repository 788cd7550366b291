package speech

import (
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/mynahbot/mynah/internal/spoken"
)

// levelled is what a leveller makes of samples that come in pieces of n.
func levelled(t *testing.T, samples []float32, n int) []float32 {
	t.Helper()
	var l leveller
	var out []float32
	give := func(s []float32) error {
		out = append(out, s...)
		return nil
	}
	for piece := range slices.Chunk(samples, n) {
		if err := l.write(piece, give); err != nil {
			t.Fatal(err)
		}
		if len(l.samples) > (around+2)*levelBlock {
			t.Fatalf("%d samples are kept", len(l.samples))
		}
	}
	if err := l.flush(give); err != nil {
		t.Fatal(err)
	}
	return out
}

func rms(samples []float32) float64 {
	sum := 0.0
	for _, x := range samples {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum / float64(max(1, len(samples))))
}

func TestLeveller(t *testing.T) {
	tone := func(seconds int, amplitude float64) []float32 {
		s := make([]float32, seconds*spoken.Rate)
		for i := range s {
			s[i] = float32(amplitude * math.Sin(float64(i)*0.3))
		}
		return s
	}
	for name, c := range map[string]struct {
		samples   []float32
		low, high float64 // root mean square of the last second
	}{
		"loud":               {tone(5, 0.3), 0.21, 0.22},
		"quiet":              {tone(30, 0.001), 0.018, 0.022},
		"too quiet":          {tone(5, 0.00001), 0, 0.001},
		"silence":            {make([]float32, 5*spoken.Rate), 0, 0},
		"shorter than any":   {tone(1, 0.001)[:700], 0.018, 0.03},
		"quiet after loud":   {append(tone(5, 0.3), tone(30, 0.001)...), 0.018, 0.022},
		"a pause after loud": {append(tone(5, 0.3), tone(4, 0.001)...), 0, 0.001},
		"nothing":            {nil, 0, 0},
	} {
		var first []float32
		for i, n := range []int{spoken.Rate, 700, 8192, 3 * spoken.Rate} {
			out := levelled(t, c.samples, n)
			if len(out) != len(c.samples) {
				t.Fatalf("%s: %d samples of %d", name, len(out), len(c.samples))
			}
			if got := rms(out[max(0, len(out)-spoken.Rate):]); got < c.low || got > c.high {
				t.Errorf("%s: at %.4f in the end, want %.4f to %.4f", name, got, c.low, c.high)
			}
			if i == 0 {
				first = out
			} else if !slices.Equal(first, out) {
				t.Errorf("%s: another sound in pieces of %d", name, n)
			}
		}
	}
	loud := tone(12, 0.3)
	if !slices.Equal(loud, levelled(t, loud, 1000)) {
		t.Error("loud sound is changed")
	}
	broken := errors.New("broken")
	var l leveller
	if err := l.write(tone(20, 0.1), func([]float32) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("an error is lost: %v", err)
	}
}
