package conversation

import (
	"testing"
	"time"
)

// frameOf is what a frame sounds like: how likely it is speech, and how loud it is.
type frameOf struct {
	p    float32
	loud float64
}

func TestBargesIn(t *testing.T) {
	room := frameOf{0.01, 0.002}
	hiss := frameOf{0.1, 0.03} // the beginning of "seven"
	doubt, sure := frameOf{0.6, 0.1}, frameOf{0.97, 0.2}
	of := func(f frameOf, n int) []frameOf {
		var all []frameOf
		for range n {
			all = append(all, f)
		}
		return all
	}
	for _, c := range []struct {
		name  string
		sound [][]frameOf
		frame int // with which it is noticed, counted from the first sound; 0 for never
		soon  int // with which it is noticed of somebody who was just speaking
	}{
		{"a word that begins at once", [][]frameOf{of(sure, 10)}, 6, 3},
		{"a word that begins with a hiss", [][]frameOf{of(hiss, 4), of(sure, 10)}, 7, 6},
		{"a word that begins softly", [][]frameOf{of(hiss, 4), of(frameOf{0.3, 0.05}, 1), of(sure, 10)}, 7, 7},
		{"a hiss of any length gives no more than its share", [][]frameOf{of(hiss, 30), of(sure, 10)}, 33, 32},
		{"speech that is not certain", [][]frameOf{of(doubt, 30)}, 0, 0},
		{"certain for a moment", [][]frameOf{of(doubt, 10), of(sure, 1), of(doubt, 10)}, 0, 0},
		{"a short cough", [][]frameOf{of(hiss, 5), of(sure, 2), of(room, 20)}, 0, 7},
		{"a pause within a word", [][]frameOf{of(sure, 4), of(room, 2), of(sure, 2)}, 8, 3},
		{"two short sounds with a pause between", [][]frameOf{of(sure, 4), of(room, 8), of(sure, 4)}, 0, 3},
		{"noise", [][]frameOf{of(hiss, 100)}, 0, 0},
	} {
		timing := Timing{}.WithDefaults()
		e := &ear{timing: &timing}
		now := time.Now()
		hear := func(f frameOf) (bargesIn, goesOn bool) {
			now = now.Add(frameTime)
			e.on = f.p >= speechOn || e.on && f.p >= speechOff
			e.follow(f.p, f.loud, now)
			return e.on && e.bargesIn(), e.on && e.goesOn()
		}
		for range 50 {
			hear(room)
		}
		got, soon, n := 0, 0, 0
		for _, part := range c.sound {
			for _, f := range part {
				n++
				bargesIn, goesOn := hear(f)
				if bargesIn && got == 0 {
					got = n
				}
				if goesOn && soon == 0 {
					soon = n
				}
			}
		}
		if got != c.frame || soon != c.soon {
			t.Errorf("%s: noticed with frame %d, and %d of somebody who was just speaking; not %d and %d", c.name, got, soon, c.frame, c.soon)
		}
	}
}
