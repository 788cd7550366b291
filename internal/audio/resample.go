package audio

import (
	"fmt"
	"math"
)

const (
	// Each output sample is made from this many zero crossings of the filter on either side; with the window below
	// that keeps aliases under -80 dB and the pass band flat up to 88 % of the lower Nyquist frequency.
	zeroCrossings = 48
	kaiserBeta    = 9.0
	rolloff       = 0.945 // the filter's cut-off, of the lower Nyquist frequency

	minRate, maxRate = 4000, 384000
	// maxTaps limits the filter's table: two rates without a common factor need one row for each phase.
	maxTaps = 1 << 22
)

// Resampler changes the sample rate of a mono stream with a windowed-sinc filter. Output is in line with the input: it
// neither leads nor lags. It is not safe for concurrent use.
type Resampler struct {
	up, down int         // output rate : input rate, in lowest terms
	phases   [][]float32 // filter by phase of the output sample between two input samples
	half     int         // taps on either side
	history  []float32   // input still needed, from half-1 samples before the next output sample on
	phase    int
}

// NewResampler makes a resampler from one rate to another, in Hz.
func NewResampler(from, to int) (*Resampler, error) {
	if from < minRate || from > maxRate || to < minRate || to > maxRate {
		return nil, fmt.Errorf("resample from %d to %d Hz: rates go from %d to %d Hz", from, to, minRate, maxRate)
	}
	g := gcd(from, to)
	r := &Resampler{up: to / g, down: from / g}
	cutoff := rolloff * min(1, float64(to)/float64(from)) // of the input's Nyquist frequency
	r.half = int(math.Ceil(zeroCrossings / cutoff))
	if r.up*2*r.half > maxTaps {
		return nil, fmt.Errorf("resample from %d to %d Hz: the rates have too little in common", from, to)
	}
	r.phases = make([][]float32, r.up)
	for p := range r.phases {
		taps := make([]float64, 2*r.half)
		sum := 0.0
		for i := range taps {
			x := float64(i-r.half+1) - float64(p)/float64(r.up)
			taps[i] = cutoff * sinc(cutoff*x) * kaiser(x/float64(r.half))
			sum += taps[i]
		}
		r.phases[p] = make([]float32, len(taps))
		for i, tap := range taps {
			r.phases[p][i] = float32(tap / sum) // the same gain in every phase, so that silence and hum stay clean
		}
	}
	r.reset()
	return r, nil
}

func (r *Resampler) reset() {
	r.history = append(r.history[:0], make([]float32, r.half-1)...)
	r.phase = 0
}

// Resample appends to dst what can be computed once src has followed on what came before. It is behind by half a
// filter, about 3 ms at 16 kHz and above.
func (r *Resampler) Resample(dst, src []float32) []float32 {
	r.history = append(r.history, src...)
	if r.up == r.down {
		ready := len(r.history) - (r.half - 1)
		dst = append(dst, r.history[r.half-1:]...)
		r.history = append(r.history[:0], r.history[ready:]...)
		return dst
	}
	at := 0
	for at+2*r.half <= len(r.history) {
		window := r.history[at : at+2*r.half]
		var y float32
		for i, tap := range r.phases[r.phase][:len(window)] {
			y += tap * window[i]
		}
		dst = append(dst, y)
		r.phase += r.down
		at += r.phase / r.up
		r.phase %= r.up
	}
	at = min(at, len(r.history))
	r.history = append(r.history[:0], r.history[at:]...)
	return dst
}

// Flush appends the end of the stream, after which the next one can begin. In all a stream of n samples gives
// n·to/from, rounded up.
func (r *Resampler) Flush(dst []float32) []float32 {
	if r.up != r.down {
		dst = r.Resample(dst, make([]float32, r.half))
	}
	r.reset()
	return dst
}

// Resample gives the audio at another rate.
func Resample(pcm PCM, rate int) (PCM, error) {
	if pcm.Rate == rate {
		return pcm, nil
	}
	r, err := NewResampler(pcm.Rate, rate)
	if err != nil {
		return PCM{}, err
	}
	out := make([]float32, 0, len(pcm.Samples)/r.down*r.up+r.up)
	return PCM{Rate: rate, Samples: r.Flush(r.Resample(out, pcm.Samples))}, nil
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// kaiser is the window at x in -1..1.
func kaiser(x float64) float64 {
	if x < -1 || x > 1 {
		return 0
	}
	return bessel(kaiserBeta*math.Sqrt(1-x*x)) / bessel(kaiserBeta)
}

// bessel is the modified Bessel function of the first kind and order zero.
func bessel(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
