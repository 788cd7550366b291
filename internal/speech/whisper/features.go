package whisper

import (
	"math"

	"gonum.org/v1/gonum/dsp/fourier"

	"github.com/mynahbot/mynah/internal/spoken"
)

// The features of Whisper's models: the logarithm of the energy in bands of the Mel scale, a hundred times a second.
const (
	window = 400 // samples: 25 ms
	hop    = 160 // samples: 10 ms
	bins   = window/2 + 1
	// quiet is what is added in zeros after the audio, in frames: models stop too early, or go on, without some of it.
	quiet = 800
)

// spectrum makes features. It is not safe for concurrent use.
type spectrum struct {
	fft     *fourier.FFT
	taper   [window]float64
	filters [][]filter // of each band
}

// filter is the weight of a frequency in a band.
type filter struct {
	bin    int
	weight float64
}

func newSpectrum(bands int) *spectrum {
	s := &spectrum{fft: fourier.NewFFT(window), filters: filters(bands)}
	for i := range s.taper {
		s.taper[i] = 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/window)
	}
	return s
}

// Slaney's Mel scale is straight up to 1 kHz and logarithmic above it.
const (
	straight    = 200.0 / 3
	bend        = 1000.0
	bendMel     = bend / straight
	logarithmic = 0.06875177742094912 // ln(6.4) / 27
)

func mel(hertz float64) float64 {
	if hertz < bend {
		return hertz / straight
	}
	return bendMel + math.Log(hertz/bend)/logarithmic
}

func hertz(mel float64) float64 {
	if mel < bendMel {
		return mel * straight
	}
	return bend * math.Exp(logarithmic*(mel-bendMel))
}

// filters are triangles that overlap by half, each of the same area.
func filters(bands int) [][]filter {
	edges := make([]float64, bands+2)
	for i := range edges {
		edges[i] = hertz(mel(spoken.Rate/2) * float64(i) / float64(bands+1))
	}
	all := make([][]filter, bands)
	for b := range all {
		low, middle, high := edges[b], edges[b+1], edges[b+2]
		for bin := range bins {
			f := float64(bin) * spoken.Rate / window
			if w := min((f-low)/(middle-low), (high-f)/(high-middle)); w > 0 {
				all[b] = append(all[b], filter{bin, w * 2 / (high - low)})
			}
		}
	}
	return all
}

// features are bands × frames of the samples and the quiet after them, at most as many frames as given.
func (s *spectrum) features(samples []float32, most int) (out []float32, frames int) {
	frames = min(len(samples)/hop+quiet, most)
	bands := len(s.filters)
	out = make([]float32, bands*frames)
	at := func(i int) float64 {
		if i < 0 {
			i = -i // the signal is mirrored at its beginning
		}
		if i >= len(samples) {
			return 0
		}
		return float64(samples[i])
	}
	piece, power := make([]float64, window), make([]float64, bins)
	coefficients := make([]complex128, bins)
	loudest := math.Inf(-1)
	for f := range frames {
		for i := range piece {
			piece[i] = at(f*hop+i-window/2) * s.taper[i]
		}
		coefficients = s.fft.Coefficients(coefficients, piece)
		for i, c := range coefficients {
			power[i] = real(c)*real(c) + imag(c)*imag(c)
		}
		for b, band := range s.filters {
			sum := 0.0
			for _, w := range band {
				sum += w.weight * power[w.bin]
			}
			level := math.Log10(max(sum, 1e-10))
			loudest = max(loudest, level)
			out[b*frames+f] = float32(level)
		}
	}
	floor := float32(loudest - 8)
	for i, x := range out {
		out[i] = (max(x, floor) + 4) / 4
	}
	return out, frames
}
