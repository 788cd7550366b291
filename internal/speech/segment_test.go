package speech

import (
	"errors"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/spoken"
)

// levelVAD takes loud frames for speech.
type levelVAD struct{ resets int }

func (v *levelVAD) Reset() { v.resets++ }

func (v *levelVAD) Probability(frame []float32) (float32, error) {
	if len(frame) != spoken.FrameSize {
		return 0, errors.New("not a frame")
	}
	if frame[0] != 0 {
		return 1, nil
	}
	return 0, nil
}

// stream makes audio in which '#' is a frame of speech and '.' one of silence. Each sample tells where it is from: silence is
// 0, and speech the number of its frame.
func stream(pattern string) []float32 {
	var out []float32
	for i, c := range pattern {
		for range spoken.FrameSize {
			x := float32(0)
			if c == '#' {
				x = float32(i + 1)
			}
			out = append(out, x)
		}
	}
	return out
}

func repeat(s string, n int) (out string) {
	for range n {
		out += s
	}
	return out
}

func segments(t *testing.T, samples []float32, c SegmenterConfig, step func() int) []Segment {
	t.Helper()
	s := NewSegmenter(&levelVAD{}, c)
	var got []Segment
	emit := func(s Segment) error { got = append(got, s); return nil }
	for rest := samples; len(rest) > 0; {
		n := min(len(rest), step())
		if err := s.Write(rest[:n], emit); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	if err := s.Flush(emit); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSegmenter(t *testing.T) {
	const frame = spoken.FrameSize * time.Second / spoken.Rate
	config := SegmenterConfig{Pause: 10 * frame, Padding: 2 * frame, MinSpeech: 3 * frame}
	for name, tc := range map[string]struct {
		pattern string
		want    [][2]int // first frame and the one after the last
		speech  []int
	}{
		"silence":               {repeat(".", 50), nil, nil},
		"nothing":               {"", nil, nil},
		"trimmed":               {repeat(".", 20) + repeat("#", 5) + repeat(".", 20), [][2]int{{18, 27}}, []int{5}},
		"no silence":            {repeat("#", 7), [][2]int{{0, 7}}, []int{7}},
		"less than the padding": {"." + repeat("#", 5) + ".", [][2]int{{0, 7}}, []int{5}},
		"a click":               {repeat(".", 20) + "##" + repeat(".", 20), nil, nil},
		"short pauses stay":     {repeat(".", 5) + "###...####" + repeat(".", 9), [][2]int{{3, 17}}, []int{7}},
		"a long pause cuts":     {"####" + repeat(".", 12) + "#####", [][2]int{{0, 6}, {14, 21}}, []int{4, 5}},
		"clicks and speech":     {"#" + repeat(".", 20) + "####" + repeat(".", 30), [][2]int{{19, 27}}, []int{4}},
	} {
		t.Run(name, func(t *testing.T) {
			samples := stream(tc.pattern)
			for _, step := range []func() int{
				func() int { return len(samples) }, func() int { return 1 + rand.IntN(3*spoken.FrameSize) }, func() int { return 7 },
			} {
				got := segments(t, samples, config, step)
				if len(got) != len(tc.want) {
					t.Fatalf("%d segments, want %d: %v", len(got), len(tc.want), got)
				}
				for i, s := range got {
					from, to := tc.want[i][0]*spoken.FrameSize, tc.want[i][1]*spoken.FrameSize
					if s.Start != spoken.Duration(from) || !slices.Equal(s.Samples, samples[from:to]) {
						t.Errorf("segment %d: from %v, %d samples; want frames %v", i, s.Start, len(s.Samples), tc.want[i])
					}
					if s.Speech != time.Duration(tc.speech[i])*frame {
						t.Errorf("segment %d: %v of speech, want %d frames", i, s.Speech, tc.speech[i])
					}
				}
			}
		})
	}
}

func TestParts(t *testing.T) {
	s := Segment{Samples: stream("..##..#.....###"), frames: []bool{false, false, true, true, false, false, true, false, false, false, false, false, true, true, true}}
	for pause, want := range map[int][][2]int{
		10: {{1, 15}}, 3: {{1, 8}, {11, 15}}, 1: {{1, 5}, {5, 8}, {11, 15}},
	} {
		got := s.parts(pause, spoken.FrameSize)
		for i := range want {
			want[i][0] *= spoken.FrameSize
			want[i][1] *= spoken.FrameSize
		}
		if !slices.Equal(got, want) {
			t.Errorf("pauses of %d frames: %v, want %v", pause, got, want)
		}
	}
	if got := (Segment{}).parts(1, 1); got != nil {
		t.Errorf("parts of nothing: %v", got)
	}
}

// TestSegmenterLong checks, on random patterns, that segments fit a recognizer, and that between them they have all
// speech once.
func TestSegmenterLong(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 60 {
		pattern := ""
		density := 0.5 + rnd.Float64()/2
		for range 1000 {
			if rnd.Float64() < density {
				pattern += "#"
			} else {
				pattern += "."
			}
		}
		samples := stream(pattern)[:1000*spoken.FrameSize-rnd.IntN(spoken.FrameSize)]
		end := time.Duration(-1)
		var speech time.Duration
		heard := map[float32]bool{}
		for _, s := range segments(t, samples, SegmenterConfig{MinSpeech: 1}, func() int { return 8192 }) {
			if d := spoken.Duration(len(s.Samples)); d > spoken.MaxUtterance {
				t.Fatalf("a segment of %v", d)
			}
			if s.Start < end-400*time.Millisecond {
				t.Fatalf("a segment from %v after one to %v", s.Start, end)
			}
			end = s.Start + spoken.Duration(len(s.Samples))
			speech += s.Speech
			for i, x := range s.Samples {
				if x != 0 && (i == 0 || x != s.Samples[i-1]) { // a frame's samples are all alike
					heard[x] = true
				}
			}
		}
		want := 0
		for i, c := range pattern {
			if c == '#' {
				want++
				if !heard[float32(i+1)] {
					t.Fatalf("frame %d of speech is lost", i)
				}
			}
		}
		if speech != spoken.Duration(want*spoken.FrameSize) {
			t.Fatalf("%v of speech, want %v", speech, spoken.Duration(want*spoken.FrameSize))
		}
	}
}

func TestSegmenterErrors(t *testing.T) {
	want := errors.New("full")
	s := NewSegmenter(&levelVAD{}, SegmenterConfig{})
	samples := stream(repeat("#", 20) + repeat(".", 60))
	if err := s.Write(samples, func(Segment) error { return want }); !errors.Is(err, want) {
		t.Errorf("emit failed: %v", err)
	}
}

// TestSegmenterMemory runs ten minutes of speech without a pause through one segmenter.
func TestSegmenterMemory(t *testing.T) {
	s := NewSegmenter(&levelVAD{}, SegmenterConfig{})
	second := stream(repeat("#", 31))
	n, most := 0, 0
	emit := func(s Segment) error { n += len(s.Samples); return nil }
	for range 600 {
		if err := s.Write(second, emit); err != nil {
			t.Fatal(err)
		}
		most = max(most, cap(s.samples))
	}
	if err := s.Flush(emit); err != nil {
		t.Fatal(err)
	}
	if n != 600*len(second) {
		t.Errorf("%d samples came out of %d", n, 600*len(second))
	}
	if limit := 3 * int(spoken.MaxUtterance/time.Second) * spoken.Rate; most > limit {
		t.Errorf("%d samples kept, more than %d", most, limit)
	}
}
