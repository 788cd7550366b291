package audio

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func sine(rate, n int, frequency float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(0.5 * math.Sin(2*math.Pi*frequency*float64(i)/float64(rate)))
	}
	return out
}

// decibels is the ratio of the power of b to that of a.
func decibels(a, b []float32) float64 {
	power := func(x []float32) (sum float64) {
		for _, v := range x {
			sum += float64(v) * float64(v)
		}
		return sum / float64(len(x))
	}
	return 10 * math.Log10(power(b)/power(a))
}

func TestResampleKeepsTheSignal(t *testing.T) {
	for _, tc := range []struct {
		from, to  int
		frequency float64
	}{
		{48000, 16000, 1000}, {16000, 48000, 7000}, {44100, 16000, 440}, {22050, 48000, 9000}, {16000, 24000, 3000},
		{8000, 16000, 3500}, {48000, 44100, 15000}, {16000, 16000, 100}, {24000, 22050, 5000},
	} {
		const seconds = 0.5
		in := sine(tc.from, int(seconds*float64(tc.from)), tc.frequency)
		out, err := Resample(PCM{tc.from, in}, tc.to)
		if err != nil {
			t.Fatal(err)
		}
		if want := (len(in)*tc.to + tc.from - 1) / tc.from; len(out.Samples) != want {
			t.Errorf("%d → %d: %d samples, want %d", tc.from, tc.to, len(out.Samples), want)
		}
		want := sine(tc.to, len(out.Samples), tc.frequency)
		edge := tc.to / 50 // the filter rings where the stream begins and ends
		got, want := out.Samples[edge:len(out.Samples)-edge], want[edge:len(want)-edge]
		diff := make([]float32, len(got))
		for i := range got {
			diff[i] = got[i] - want[i]
		}
		if d := decibels(want, diff); d > -60 {
			t.Errorf("%d → %d at %v Hz: the error is %.0f dB", tc.from, tc.to, tc.frequency, d)
		}
	}
}

func TestResampleRemovesAliases(t *testing.T) {
	in := sine(48000, 24000, 9500)
	out, err := Resample(PCM{48000, in}, 16000)
	if err != nil {
		t.Fatal(err)
	}
	if d := decibels(in, out.Samples[200:len(out.Samples)-200]); d > -75 {
		t.Errorf("a tone over the new Nyquist frequency is let through at %.0f dB", d)
	}
}

func TestResampleStreams(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, to := range []int{16000, 44100, 48000} {
		in := sine(44100, 20000, 500)
		whole, err := Resample(PCM{44100, in}, to)
		if err != nil {
			t.Fatal(err)
		}
		r, err := NewResampler(44100, to)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // a second stream through the same resampler
			var got []float32
			for rest := in; len(rest) > 0; {
				n := min(len(rest), rnd.IntN(700))
				got = r.Resample(got, rest[:n])
				rest = rest[n:]
			}
			got = r.Flush(got)
			if !slices.Equal(got, whole.Samples) {
				t.Errorf("44100 → %d: in parts it gives %d other samples than in one, %d", to, len(got), len(whole.Samples))
			}
		}
	}
}

func TestNewResamplerRefuses(t *testing.T) {
	for _, rates := range [][2]int{{0, 16000}, {16000, 0}, {16000, maxRate + 1}, {-1, -1}, {383981, 383983}} {
		if _, err := NewResampler(rates[0], rates[1]); err == nil {
			t.Errorf("took %v", rates)
		}
	}
}

func BenchmarkResample48To16(b *testing.B) {
	r, err := NewResampler(48000, 16000)
	if err != nil {
		b.Fatal(err)
	}
	in, out := sine(48000, 960, 440), make([]float32, 0, 400)
	b.ReportAllocs()
	for b.Loop() {
		out = r.Resample(out[:0], in)
	}
	b.ReportMetric(0.02/(b.Elapsed().Seconds()/float64(b.N)), "x-real-time")
}
