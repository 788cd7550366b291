package conversation

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestOneTurn(t *testing.T) {
	run(t, alone, func(w *world) {
		w.says(ann, "When does it start?", time.Second)
		ended := time.Now().Add(-100 * time.Millisecond)
		w.pauses(10 * time.Second)
		w.wantSpoken("You asked When does it start.")
		if wait := w.begun[0].Sub(ended); wait > 400*time.Millisecond || wait < 300*time.Millisecond {
			t.Errorf("the answer began %v after the last sound", wait)
		}
		if !slices.Equal(w.chat, []string{"You asked When does it start."}) || len(w.done) != 1 || w.done[0].Unsaid != "" {
			t.Errorf("chat %q, exchanges %+v", w.chat, w.done)
		}
		l, n := w.s.Figures()
		if n != 1 || l.Total == 0 || l.Endpoint < 340*time.Millisecond {
			t.Errorf("figures %+v of %d", l, n)
		}
		w.set(func() {
			for _, stage := range Stages() {
				if w.counts["stage "+stage] != 1 {
					t.Errorf("%s was measured %d times", stage, w.counts["stage "+stage])
				}
			}
			for _, part := range []string{"turn answered", "user=1 ", "endpoint=", "recognition=", "answer=", "first_audio=", "total="} {
				if !strings.Contains(w.log, part) {
					t.Errorf("the log is without %q: %s", part, w.log)
				}
			}
			if strings.Contains(w.log, "start") {
				t.Errorf("the log holds what was said: %s", w.log)
			}
		})
	})
}

func TestUnfinishedPhraseIsWaitedFor(t *testing.T) {
	run(t, alone, func(w *world) {
		w.says(ann, "Tell me who plays and", time.Second)
		w.pauses(600 * time.Millisecond)
		w.says(ann, "who wins.", time.Second)
		w.pauses(10 * time.Second)
		w.wantSpoken("You asked Tell me who plays and who wins.")
	})
}

// How long the end of a turn is waited for depends on how it sounds.
func TestWaits(t *testing.T) {
	for _, c := range []struct {
		text string
		wait time.Duration
	}{
		{"When does it start?", 350 * time.Millisecond}, {"What can you do", 350 * time.Millisecond}, {"Go on", 350 * time.Millisecond},
		{"I have a question.", 487 * time.Millisecond}, {"Turn on the lamp", 625 * time.Millisecond}, {"Tell me who plays and", 900 * time.Millisecond}, {"Mynah.", 900 * time.Millisecond},
	} {
		run(t, alone, func(w *world) {
			w.says(ann, c.text, time.Second)
			w.pauses(15 * time.Second)
			l, _ := w.s.Figures()
			if l.Endpoint < c.wait || l.Endpoint > c.wait+40*time.Millisecond {
				t.Errorf("%q was waited for %v, not %v", c.text, l.Endpoint, c.wait)
			}
		})
	}
}

// Who pauses within turns is waited for longer from then on, up to the longest wait, until that turns out to be needless.
func TestPausesAreLearned(t *testing.T) {
	run(t, alone, func(w *world) {
		ask := func(pause time.Duration) time.Duration {
			w.says(ann, "When does it start?", time.Second)
			if pause > 0 {
				w.pauses(pause - 100*time.Millisecond) // the end of a phrase is sent as silence
				w.says(ann, "Tomorrow?", time.Second)
			}
			w.pauses(15 * time.Second)
			rejoined := 0
			w.set(func() { rejoined = w.counts[CountRejoined] })
			w.s.figures.mu.Lock()
			defer w.s.figures.mu.Unlock()
			last := w.s.figures.ring[len(w.s.figures.ring)-1]
			if pause > 0 {
				return time.Duration(rejoined)
			}
			return last.Endpoint.Round(50 * time.Millisecond)
		}
		const ms = time.Millisecond
		if got := ask(0); got != 350*ms {
			t.Errorf("at first %v", got)
		}
		if n := ask(600 * ms); n != 1 {
			t.Errorf("%d turns went on", n)
		}
		for range 4 { // each confirms it
			if n := ask(600 * ms); n != 1 {
				t.Errorf("the next time %d turns went on", n)
			}
		}
		if got := ask(0); got < 650*ms || got > 800*ms {
			t.Errorf("afterwards %v", got)
		}
		var waits []time.Duration
		for range 16 {
			waits = append(waits, ask(0))
		}
		if last := waits[len(waits)-1]; last != 350*ms || !slices.IsSortedFunc(waits, func(a, b time.Duration) int { return int(b - a) }) {
			t.Errorf("in the end %v", waits)
		}
		if n := ask(1500 * ms); n != 2 {
			t.Errorf("%d turns went on", n)
		}
		if got := ask(0); got != 350*ms {
			t.Errorf("after a pause that no wait is as long as: %v", got)
		}
	})
}

// What is recognized and synthesized is due when it will be wanted.
func TestDue(t *testing.T) {
	run(t, alone, func(w *world) {
		w.answer = longAnswer
		w.says(ann, "Tell me everything.", time.Second)
		ended := time.Now().Add(-100 * time.Millisecond)
		w.pauses(20 * time.Second)
		w.mu.Lock()
		defer w.mu.Unlock()
		if len(w.due) != 6 || len(w.begun) != 1 {
			t.Fatalf("due %v, said %v", w.due, w.begun)
		}
		end := 350 * time.Millisecond
		near := func(got time.Time, want time.Duration) bool {
			return got.Sub(ended.Add(want)).Abs() <= 60*time.Millisecond
		}
		if !near(w.due[0], end) || !near(w.due[1], end) {
			t.Errorf("the words are due %v after the last sound, the answer's first ones %v", w.due[0].Sub(ended), w.due[1].Sub(ended))
		}
		for i, part := range w.s.cfg.Synthesizer.Split(longAnswer(Question{}))[:4] {
			end += time.Duration(len(part.Text))*w.speak + part.Pause
			if !near(w.due[i+2], end) {
				t.Errorf("sentence %d is due %v after the last sound, not %v", i+2, w.due[i+2].Sub(ended), end)
			}
		}
	})
}

// A finished phrase that goes on after the short wait is answered as a whole.
func TestRejoin(t *testing.T) {
	for _, pause := range []time.Duration{300, 500, 700, 1000, 1400} {
		pause *= time.Millisecond
		run(t, alone, func(w *world) {
			w.says(ann, "Tell me who plays.", time.Second)
			w.pauses(pause)
			w.says(ann, "I mean tomorrow.", time.Second)
			w.pauses(15 * time.Second)
			got := w.spoken()
			if last := got[len(got)-1]; last != "You asked Tell me who plays. I mean tomorrow." {
				t.Errorf("pause %v: said %q", pause, got)
			}
			if len(w.done) != 1 || w.done[0].Question.Text != "Tell me who plays. I mean tomorrow." || len(w.chat) != 1 {
				t.Errorf("pause %v: exchanges %+v, chat %q", pause, w.done, w.chat)
			}
		})
	}
}

// An answer that was begun before its turn had ended counts as that, with how long it was heard.
func TestTalkedOver(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		pause time.Duration // after the words
		want  Premature
	}{
		{400 * ms, Premature{}},                        // shorter than the wait
		{1500 * ms, Premature{1, 1, 1000*ms + 120*ms}}, // what interrupts it is noticed after 100 ms
		{2100 * ms, Premature{1, 1, 27 * 60 * ms}},     // all of it was said
	} {
		run(t, alone, func(w *world) {
			w.says(ann, "I have a question.", time.Second) // ends after 487 ms
			w.pauses(c.pause - 100*ms)
			w.says(ann, "When does it start?", time.Second)
			w.pauses(15 * time.Second)
			got := w.s.Premature()
			off := (got.Heard - c.want.Heard).Abs()
			got.Heard = c.want.Heard
			if got != c.want || off > 100*ms {
				t.Errorf("after a pause of %v: %+v, heard off by %v", c.pause, got, off)
			}
			w.set(func() {
				if w.counts[CountRejoined] != c.want.Turns || w.counts[CountTalkedOver] != c.want.TalkedOver || w.counts["stage "+StageTalkedOver] != c.want.TalkedOver {
					t.Errorf("after a pause of %v: %v", c.pause, w.counts)
				}
			})
		})
	}
}

func TestAddressing(t *testing.T) {
	run(t, three, func(w *world) {
		w.says(ann, "When does it start?", time.Second)
		w.pauses(3 * time.Second)
		w.says(bob, "I have no idea.", time.Second)
		w.pauses(3 * time.Second)
		w.wantSpoken()
		w.says(ann, "Hey minor, when does it start?", time.Second)
		w.pauses(5 * time.Second)
		w.says(ann, "And where is it?", time.Second) // follows the answer
		w.pauses(2 * time.Second)
		w.says(bob, "And who plays?", time.Second) // nobody answered him
		w.pauses(20 * time.Second)
		w.says(ann, "Thanks for nothing.", time.Second) // too late
		w.pauses(5 * time.Second)
		w.says(cat, "Where is it, Myna?", time.Second)
		w.pauses(8 * time.Second)
		w.wantSpoken("You asked when does it start.", "You asked where is it.", "You asked Where is it.")
		if w.counts[CountNotForUs] != 4 {
			t.Errorf("counts %v", w.counts)
		}
		if len(w.questions()) != 3 {
			t.Errorf("the mind was asked %q", w.questions())
		}
	})
}

func TestOnlyTheName(t *testing.T) {
	run(t, three, func(w *world) {
		w.says(ann, "Mynah?", 500*time.Millisecond)
		w.pauses(2 * time.Second)
		w.says(ann, "When does it start?", time.Second)
		w.pauses(5 * time.Second)
		w.wantSpoken("Yes?", "You asked When does it start.")
	})
}

// Two who speak at once are two turns, answered in the order in which they ended.
func TestOverlap(t *testing.T) {
	run(t, three, func(w *world) {
		var both sync.WaitGroup
		both.Go(func() { w.says(ann, "Mynah, what is first?", time.Second) })
		both.Go(func() { w.pauses(300 * time.Millisecond); w.says(bob, "Mynah, what is second?", 2*time.Second) })
		both.Wait()
		w.pauses(15 * time.Second)
		w.wantSpoken("You asked what is first.", "You asked what is second.")
	})
}

// What can't be made out is asked again and not answered: a transcript of little confidence, and one that is much too short
// for how long somebody spoke.
func TestUnclearIsAskedAgain(t *testing.T) {
	run(t, alone, func(w *world) {
		w.set(func() { w.unsure["When does it start?"] = true })
		w.says(ann, "When does it start?", time.Second)
		w.pauses(10 * time.Second)
		w.says(ann, "You.", 4*time.Second)
		w.pauses(10 * time.Second)
		const again = "Sorry, I didn't understand that. Could you say it again?"
		w.wantSpoken(again, again)
		w.set(func() {
			if len(w.asked) != 0 || len(w.chat) != 0 || len(w.kept) != 0 || w.counts[CountAskedAgain] != 2 {
				t.Errorf("asked %+v, chat %q, kept %+v, counts %v", w.asked, w.chat, w.kept, w.counts)
			}
		})
	})
}

// When recognition fails, or takes too long, whoever was certainly speaking to Mynah is told, and the chat why, once.
func TestRecognitionFails(t *testing.T) {
	run(t, three, func(w *world) {
		w.set(func() { w.deaf = errors.New("the service is away") })
		w.says(ann, "Mynah, when does it start?", time.Second) // perhaps to somebody else
		w.pauses(5 * time.Second)
		w.wantSpoken()
		w.s.SetPeople(alone, nil)
		for range 2 {
			w.says(ann, "When does it start?", time.Second)
			w.pauses(10 * time.Second)
		}
		const sorry = "Sorry, I can't make out words just now. The chat tells more."
		w.wantSpoken(sorry, sorry)
		w.set(func() {
			if !slices.Equal(w.chat, []string{"What was said could not be recognized: the service is away"}) {
				t.Errorf("chat %q", w.chat)
			}
			w.deaf, w.slow = nil, time.Hour
		})
		w.says(ann, "When does it start?", time.Second)
		began := time.Now()
		for len(w.spoken()) == 2 {
			w.pauses(100 * time.Millisecond)
		}
		if took := time.Since(began); took > recognizerWait+time.Second {
			t.Errorf("told after %v", took)
		}
		w.wantSpoken(sorry, sorry, sorry)
		w.set(func() { w.slow = 0 })
		w.pauses(10 * time.Second)
		w.says(ann, "When does it start?", time.Second)
		w.pauses(10 * time.Second)
		w.wantSpoken(sorry, sorry, sorry, "You asked When does it start.")
	})
}
