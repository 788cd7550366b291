package conversation

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func longAnswer(Question) string {
	return "This is a long answer. It has many sentences. Nobody wants to hear all of them. But here they are. One after the other."
}

func TestBargeIn(t *testing.T) {
	run(t, alone, func(w *world) {
		w.answer = longAnswer
		w.says(ann, "Tell me everything.", time.Second)
		w.pauses(3 * time.Second)
		w.answer = func(q Question) string { return "Now this." }
		began := time.Now()
		w.says(ann, "No, tell me about the weather.", time.Second)
		synctest.Wait()
		w.mu.Lock()
		stopped := w.stopped[0].Sub(began)
		w.mu.Unlock()
		if stopped > 300*time.Millisecond || stopped < 160*time.Millisecond {
			t.Errorf("silent after %v", stopped)
		}
		w.pauses(5 * time.Second)
		if got := w.spoken(); len(got) != 2 || got[1] != "Now this." {
			t.Errorf("said %q", got)
		}
		q := w.asked[len(w.asked)-1]
		if q.Interrupted == nil || q.Interrupted.Said == "" || q.Interrupted.Unsaid == "" ||
			strings.ReplaceAll(q.Interrupted.Said+" "+q.Interrupted.Unsaid, "  ", " ") != longAnswer(q) {
			t.Errorf("interrupted %+v", q.Interrupted)
		}
		if len(w.chat) != 2 || w.chat[0] != longAnswer(q) {
			t.Errorf("chat %q", w.chat)
		}
	})
}

// A cough or "mhm" does not end an answer; shorter noise does not even stop it.
func TestListenersLetItGoOn(t *testing.T) {
	for _, c := range []struct {
		text string
		d    time.Duration
		held int
	}{{"(cough)", 160 * time.Millisecond, 0}, {"Mhm.", 400 * time.Millisecond, 1}, {"(laughter)", time.Second, 1}, {"Okay, yeah.", 500 * time.Millisecond, 1}} {
		run(t, alone, func(w *world) {
			w.answer = longAnswer
			w.says(ann, "Tell me everything.", time.Second)
			w.pauses(3 * time.Second)
			w.says(ann, c.text, c.d)
			w.pauses(20 * time.Second)
			if got := w.spoken(); len(got) != 1+c.held || w.counts[CountBargeIn] != c.held {
				t.Errorf("%s: said %q, counts %v", c.text, got, w.counts)
			}
			if len(w.done) != 1 || w.done[0].Unsaid != "" {
				t.Errorf("%s: exchanges %+v", c.text, w.done)
			}
		})
	}
}

func TestStopWhileTalking(t *testing.T) {
	run(t, alone, func(w *world) {
		w.answer = longAnswer
		w.says(ann, "Tell me everything.", time.Second)
		w.pauses(3 * time.Second)
		w.says(ann, "Stop.", 500*time.Millisecond)
		w.pauses(5 * time.Second)
		w.says(ann, "Go on.", 500*time.Millisecond)
		w.pauses(20 * time.Second)
		if got := w.spoken(); len(got) != 2 {
			t.Errorf("said %q", got)
		}
	})
}

// An answer that laughter interrupted goes on soon after it.
func TestAnswerGoesOnSoonAfterLaughter(t *testing.T) {
	run(t, alone, func(w *world) {
		w.answer = longAnswer
		w.says(ann, "Tell me everything.", time.Second)
		w.pauses(3 * time.Second)
		w.says(ann, "(laughter)", time.Second)
		ended := time.Now().Add(-100 * time.Millisecond)
		w.pauses(20 * time.Second)
		if len(w.begun) != 2 {
			t.Fatalf("said %q", w.said)
		}
		if again := w.begun[1].Sub(ended); again > 450*time.Millisecond {
			t.Errorf("the answer went on %v after the laughter", again)
		}
	})
}
