package speech

import (
	"fmt"
	"slices"
	"time"

	"github.com/mynahbot/mynah/internal/spoken"
)

// Segment is a stretch of audio with speech in it, trimmed to the speech.
type Segment struct {
	Start   time.Duration // where it begins in the stream
	Samples []float32     // at most [MaxUtterance]; the receiver's own
	Speech  time.Duration // how much of it is speech

	frames []bool // which of the samples' frames are speech
}

// parts are the ranges of samples between pauses of at least so many frames, each with at most that much around its
// speech, in samples.
func (s Segment) parts(pause, padding int) (ranges [][2]int) {
	from, last := -1, 0
	give := func() {
		begin, end := from*spoken.FrameSize-padding, (last+1)*spoken.FrameSize+padding
		ranges = append(ranges, [2]int{max(0, begin), min(end, len(s.Samples))})
	}
	for i, is := range s.frames {
		if !is {
			continue
		}
		if from >= 0 && i-last > pause {
			give()
			from = -1
		}
		if from < 0 {
			from = i
		}
		last = i
	}
	if from >= 0 {
		give()
	}
	return ranges
}

// SegmenterConfig tunes a [Segmenter]. The zero value is good for recognizing files.
type SegmenterConfig struct {
	// Threshold is the probability from which a frame counts as speech; 0 is 0.5.
	Threshold float32
	// Pause ends a segment; 0 is 1.5 s, which was measured to give fewer errors than 800 ms. A shorter one is cut at only
	// where a segment gets too long.
	Pause time.Duration
	// Padding is how much of the stream's own audio is kept before and after the speech; 0 is 1 s, measured as Pause was
	// against 200 ms. Recognizers lose the first and last sounds without it, and silence made of zeros makes some stop.
	Padding time.Duration
	// MinSpeech is how much speech a segment must have to be given out; 0 is 96 ms.
	MinSpeech time.Duration
}

// Segmenter cuts a stream of audio into segments with speech, at pauses. It keeps at most one segment in memory. It is
// not safe for concurrent use.
type Segmenter struct {
	vad       spoken.VAD
	threshold float32
	pause     int // in frames, as the next three
	padding   int
	minSpeech int
	longest   int

	samples []float32 // the stream from sample base on
	base    int
	speech  []bool // of each whole frame in samples
	first   int    // the first frame with speech, -1 while there is none
	last    int    // the last one
}

// NewSegmenter makes a segmenter for one stream after the other. It owns vad.
func NewSegmenter(vad spoken.VAD, c SegmenterConfig) *Segmenter {
	if c.Threshold == 0 {
		c.Threshold = 0.5
	}
	s := &Segmenter{
		vad:       vad,
		threshold: c.Threshold,
		pause:     frames(c.Pause, 1500*time.Millisecond),
		padding:   frames(c.Padding, time.Second),
		minSpeech: frames(c.MinSpeech, 96*time.Millisecond),
		longest:   int(spoken.MaxUtterance * spoken.Rate / time.Second / spoken.FrameSize),
	}
	s.reset()
	return s
}

// frames is the duration in frames, rounded up.
func frames(d, otherwise time.Duration) int {
	if d == 0 {
		d = otherwise
	}
	const frame = spoken.FrameSize * time.Second / spoken.Rate
	return max(1, int((d+frame-1)/frame))
}

func (s *Segmenter) reset() {
	s.vad.Reset()
	s.samples, s.speech, s.base, s.first = nil, nil, 0, -1
}

// Write takes the next samples and gives each segment that ends in them to emit. It returns emit's first error.
func (s *Segmenter) Write(samples []float32, emit func(Segment) error) error {
	for len(samples) > 0 {
		n := min(len(samples), spoken.FrameSize-len(s.samples)%spoken.FrameSize)
		s.samples = append(s.samples, samples[:n]...)
		samples = samples[n:]
		if len(s.samples)%spoken.FrameSize != 0 {
			break
		}
		if err := s.frame(s.samples[len(s.samples)-spoken.FrameSize:], emit); err != nil {
			return err
		}
	}
	return nil
}

// Flush gives out what is left at the end of the stream. The next Write begins another stream.
func (s *Segmenter) Flush(emit func(Segment) error) error {
	defer s.reset()
	if rest := len(s.samples) % spoken.FrameSize; rest > 0 {
		var frame [spoken.FrameSize]float32
		copy(frame[:], s.samples[len(s.samples)-rest:])
		if err := s.frame(frame[:], emit); err != nil {
			return err
		}
	}
	if s.first < 0 {
		return nil
	}
	return s.give(min(s.last+1+s.padding, len(s.speech)), emit)
}

// frame classifies the last frame of the samples.
func (s *Segmenter) frame(frame []float32, emit func(Segment) error) error {
	p, err := float32(0), error(nil)
	if !silent(frame) {
		p, err = s.vad.Probability(frame)
	}
	if err != nil {
		return fmt.Errorf("cut into segments: %w", err)
	}
	now := len(s.speech)
	s.speech = append(s.speech, p >= s.threshold)
	if s.speech[now] {
		s.last = now
		if s.first < 0 {
			s.first = now
		}
	}
	switch {
	case s.first < 0:
		s.drop(len(s.speech) - s.padding)
	case now-s.last >= max(s.pause, s.padding):
		if err := s.give(s.last+1+s.padding, emit); err != nil {
			return err
		}
	case len(s.speech)-s.start() >= s.longest:
		return s.give(s.cut(), emit)
	}
	return nil
}

// start is the frame at which the current segment begins.
func (s *Segmenter) start() int { return max(0, s.first-s.padding) }

// cut is the best frame to end a segment at that got too long: in the middle of the longest pause of its second half,
// or at its end where nobody pauses.
func (s *Segmenter) cut() int {
	best, length := len(s.speech), 0
	for i, run := s.start()+s.longest/2, 0; i < len(s.speech); i++ {
		if s.speech[i] {
			run = 0
			continue
		}
		if run++; run >= length {
			best, length = i-run/2+1, run
		}
	}
	return best
}

// give emits the current segment up to the frame end, and goes on from there.
func (s *Segmenter) give(end int, emit func(Segment) error) error {
	start, speech := s.start(), 0
	for _, is := range s.speech[s.first:end] {
		if is {
			speech++
		}
	}
	from, to := start*spoken.FrameSize, min(end*spoken.FrameSize, len(s.samples))
	segment := Segment{
		Start:   spoken.Duration(s.base + from),
		Samples: slices.Clone(s.samples[from:to]),
		Speech:  spoken.Duration(speech * spoken.FrameSize),
		frames:  slices.Clone(s.speech[start:end]),
	}
	s.drop(end)
	s.first = -1
	for i, is := range s.speech {
		if is {
			s.last = i
			if s.first < 0 {
				s.first = i
			}
		}
	}
	if speech < s.minSpeech {
		return nil
	}
	return emit(segment)
}

// drop forgets the first n frames.
func (s *Segmenter) drop(n int) {
	if n <= 0 {
		return
	}
	rest := min(n*spoken.FrameSize, len(s.samples))
	s.samples = append(s.samples[:0], s.samples[rest:]...)
	s.speech = append(s.speech[:0], s.speech[n:]...)
	s.base += rest
	if s.first >= 0 {
		s.first -= n
		s.last -= n
	}
}

// silent reports whether there is nothing in a frame that could be speech, however much it was amplified: hours of it must cost nothing.
func silent(frame []float32) bool {
	for _, x := range frame {
		if x > 1e-4 || x < -1e-4 {
			return false
		}
	}
	return true
}
