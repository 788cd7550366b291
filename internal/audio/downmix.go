package audio

import "math"

const (
	// cancelling is the correlation of two channels below which their sum loses most of what is in them: a microphone that is
	// wired the wrong way round, or an effect that widens the sound. A voice in one channel only has none, and is kept by the mean.
	cancelling = -0.5
	// memory is how much of what the energies were a block leaves, so that a pause doesn't change the choice.
	memory = 0.9
)

// downmix makes one channel of several: their mean, or the louder one of two whose mean would be silence.
type downmix struct {
	channels           int
	left, right, cross float64 // energies of the two channels, and of what they share, over the last blocks
	one                bool    // takes the louder channel
	second             bool    // which is the second
}

// mono mixes frames, one sample of each channel after the other, into out, which must be as long as there are frames.
func (d *downmix) mono(out, frames []float32) {
	switch d.channels {
	case 1:
		copy(out, frames)
		return
	case 2:
		d.judge(frames)
	}
	for i := range len(frames) / d.channels {
		frame := frames[i*d.channels : (i+1)*d.channels]
		switch {
		case d.one && d.second:
			out[i] = frame[1]
		case d.one:
			out[i] = frame[0]
		default:
			sum := float32(0)
			for _, x := range frame {
				sum += x
			}
			out[i] = sum / float32(d.channels)
		}
	}
}

// judge decides how two channels are mixed from these frames on.
func (d *downmix) judge(frames []float32) {
	var left, right, cross float64
	for i := 0; i+1 < len(frames); i += 2 {
		l, r := float64(frames[i]), float64(frames[i+1])
		left, right, cross = left+l*l, right+r*r, cross+l*r
	}
	d.left, d.right, d.cross = memory*d.left+left, memory*d.right+right, memory*d.cross+cross
	if both := math.Sqrt(d.left * d.right); both > 0 {
		d.one = d.cross < cancelling*both
	}
	d.second = d.right > d.left
}
