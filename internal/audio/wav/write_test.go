package wav

import (
	"bytes"
	"io"
	"math"
	"testing"
)

func TestEncode(t *testing.T) {
	in := []float32{0, 0.5, -0.5, 1, -1, 3, -3}
	r, err := NewReader(bytes.NewReader(Encode(22050, in)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Rate() != 22050 {
		t.Errorf("rate %d", r.Rate())
	}
	out := make([]float32, 10)
	n, err := r.Read(out)
	if n != len(in) || err != nil && err != io.EOF {
		t.Fatalf("%d samples, %v", n, err)
	}
	for i, x := range in {
		if want := max(-1, min(1, x)); math.Abs(float64(out[i]-want)) > 1e-4 {
			t.Errorf("sample %d is %v, want %v", i, out[i], want)
		}
	}
}
