package speech

import (
	"math"
	"slices"

	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	// levelBlock is the audio that one gain is made for, in samples, and around how many such blocks before it and after it are
	// looked at for the loudest. In so long somebody who speaks has spoken.
	levelBlock, around = spoken.Rate, 8
	// target is the root mean square that the loudest frames are brought to, where they have less. Speech has more nearly always.
	target = 0.02
	// mostGain is how much is amplified at most: what is quieter still is the noise of a microphone.
	mostGain = 60
)

// leveller amplifies quiet audio, so that voice activity is found in it, and leaves all other as it is. It keeps some seconds of it.
type leveller struct {
	samples []float32 // of whole blocks, but for the last
	levels  []float64 // of the blocks before those in samples, at most so many as around, and of theirs
	past    int       // how many levels are of blocks before samples
	gain    float32   // at the end of the last block given; 0 before the first
}

// write takes samples, and gives those whose gain is known.
func (l *leveller) write(samples []float32, give func([]float32) error) error {
	for len(samples) > 0 {
		n := min(len(samples), levelBlock-len(l.samples)%levelBlock)
		l.samples = append(l.samples, samples[:n]...)
		samples = samples[n:]
		if len(l.samples)%levelBlock > 0 {
			break
		}
		l.levels = append(l.levels, level(l.samples[len(l.samples)-levelBlock:]))
		if len(l.samples)/levelBlock > around {
			if err := l.first(levelBlock, give); err != nil {
				return err
			}
		}
	}
	return nil
}

// flush gives the rest.
func (l *leveller) flush(give func([]float32) error) error {
	if rest := len(l.samples) % levelBlock; rest > 0 {
		l.levels = append(l.levels, level(l.samples[len(l.samples)-rest:]))
	}
	for len(l.samples) > 0 {
		if err := l.first(min(levelBlock, len(l.samples)), give); err != nil {
			return err
		}
	}
	return nil
}

// first gives the first block, whose gain goes evenly from that of the one before to its own.
func (l *leveller) first(n int, give func([]float32) error) error {
	loudest := slices.Max(l.levels[:min(len(l.levels), l.past+1+around)])
	gain := float32(1)
	if loudest > 0 {
		gain = float32(min(max(target/loudest, 1), mostGain))
	}
	if l.gain == 0 {
		l.gain = gain
	}
	block := l.samples[:n]
	if gain != 1 || l.gain != 1 {
		step := (gain - l.gain) / float32(n)
		for i := range block {
			block[i] = max(-1, min(1, block[i]*(l.gain+step*float32(i))))
		}
	}
	l.gain = gain
	if err := give(block); err != nil {
		return err
	}
	l.samples = append(l.samples[:0], l.samples[n:]...)
	if l.past++; l.past > around {
		l.levels = append(l.levels[:0], l.levels[1:]...)
		l.past = around
	}
	return nil
}

// level is the root mean square of the block's third loudest frame: a click is shorter.
func level(samples []float32) float64 {
	var frames []float64
	for frame := range slices.Chunk(samples, spoken.FrameSize) {
		sum := 0.0
		for _, x := range frame {
			sum += float64(x) * float64(x)
		}
		frames = append(frames, math.Sqrt(sum/float64(len(frame))))
	}
	slices.Sort(frames)
	return frames[max(0, len(frames)-3)]
}
