package conversation

import (
	"errors"
	"testing"
	"time"
)

// knowing holds a conversation whose answers are as certain as given.
func knowing(t *testing.T, certain func(text string) (Certainty, error), script func(w *world)) {
	t.Helper()
	runWith(t, alone, func(c *Config, w *world) { c.Knowledge, w.certain = w, certain }, script)
}

// The end of a turn is waited for as long as the answer is uncertain.
func TestWaitFollowsTheAnswer(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name, text string
		certain    Certainty
		err        error
		wait       time.Duration
	}{
		{"sure", "When does it start?", Sure, nil, 250 * ms},
		{"sure of a statement", "I forgot my password.", Sure, nil, 250 * ms},
		{"sure without a mark", "Turn on the lamp", Sure, nil, 250 * ms},
		{"sure of words that something must follow", "Tell me who plays and", Sure, nil, 900 * ms},
		{"a command", "What can you do?", Unknown, nil, 250 * ms},
		{"a command that may go on", "That's wrong, the answer is Friday.", Unknown, nil, 487 * ms},
		{"the name", "Mynah.", Unknown, nil, 900 * ms},
		{"between", "When does it start?", Unsure, nil, 350 * ms},
		{"between, unfinished", "Tell me who plays and", Unsure, nil, 900 * ms},
		{"not to be found out", "When does it start?", Sure, errors.New("away"), 350 * ms},
		{"chat", "When does it start?", Chatting, nil, 1200 * ms},
		{"chat, unfinished", "Tell me who plays and", Chatting, nil, 1500 * ms},
		{"unknown", "When does it start?", Unknown, nil, 2100 * ms},
		{"unclear", "mumble", Sure, nil, 2100 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			knowing(t, func(string) (Certainty, error) {
				if c.err != nil {
					return Unsure, c.err
				}
				return c.certain, nil
			}, func(w *world) {
				w.set(func() { w.unsure["mumble"] = true })
				w.says(ann, c.text, time.Second)
				w.pauses(15 * time.Second)
				if l, _ := w.s.Figures(); l.Endpoint < c.wait || l.Endpoint > c.wait+40*ms {
					t.Errorf("waited for %v, not %v", l.Endpoint, c.wait)
				}
			})
		})
	}
}

// Into a pause that ends within two seconds nobody is told that Mynah doesn't know, and the whole is answered.
func TestNotKnowingIsNotSaidIntoAPause(t *testing.T) {
	for pause := 200 * time.Millisecond; pause <= 2*time.Second; pause += 200 * time.Millisecond {
		knowing(t, func(text string) (Certainty, error) {
			if text == "Tell me who plays. I mean tomorrow." {
				return Sure, nil
			}
			return Unknown, nil
		}, func(w *world) {
			w.says(ann, "Tell me who plays.", time.Second)
			w.pauses(pause - 100*time.Millisecond) // the end of a phrase is sent as silence
			w.says(ann, "I mean tomorrow.", time.Second)
			w.pauses(15 * time.Second)
			w.wantSpoken("You asked Tell me who plays. I mean tomorrow.")
			w.set(func() {
				if w.counts[CountRejoined] != 0 {
					t.Errorf("after %v the turn had ended", pause)
				}
			})
		})
	}
}

// Who is answered late can go on with the turn as long as others can.
func TestRejoinAfterALongWait(t *testing.T) {
	knowing(t, func(string) (Certainty, error) { return Unknown, nil }, func(w *world) {
		w.says(ann, "Tell me who plays.", time.Second)
		w.pauses(2900 * time.Millisecond)
		w.says(ann, "I mean tomorrow.", time.Second)
		w.pauses(15 * time.Second)
		w.wantSpoken("You asked Tell me who plays.", "You asked Tell me who plays. I mean tomorrow.")
	})
}

// What a chat server would be asked is asked once somebody really pauses, and not at every breath.
func TestChatServerIsAskedLate(t *testing.T) {
	for certain, asked := range map[Certainty]int{Sure: 3, Chatting: 1} {
		knowing(t, func(string) (Certainty, error) { return certain, nil }, func(w *world) {
			w.says(ann, "Tell me", time.Second)
			w.pauses(100 * time.Millisecond)
			w.says(ann, "who plays", time.Second)
			w.pauses(100 * time.Millisecond)
			w.says(ann, "tomorrow.", time.Second)
			w.pauses(15 * time.Second)
			w.wantSpoken("You asked Tell me who plays tomorrow.")
			if got := len(w.questions()); got != asked {
				t.Errorf("an answer of certainty %d was asked for %d times, not %d", certain, got, asked)
			}
		})
	}
}

// A breath, a click or a laugh soon behind the words doesn't make their end be waited for anew; words and hesitations do.
func TestShortBurstsKeepTheWait(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		burst    string
		d        time.Duration
		end      time.Duration // of the wait, after the last word
		question string
	}{
		{"(breath)", 200 * ms, 2100 * ms, "Tell me who plays."},
		{"(laughter)", 340 * ms, 2100 * ms, "Tell me who plays."},
		{"Mhm.", 300 * ms, 2100 * ms, "Tell me who plays."},
		{"(laughter)", 600 * ms, 3300 * ms, "Tell me who plays."},
		{"Um.", 200 * ms, 2900 * ms, "Tell me who plays. Um."},
		{"Now.", 200 * ms, 2900 * ms, "Tell me who plays. Now."},
	} {
		t.Run(c.burst, func(t *testing.T) {
			knowing(t, func(string) (Certainty, error) { return Unknown, nil }, func(w *world) {
				w.says(ann, "Tell me who plays.", time.Second)
				ended := time.Now().Add(-100 * ms)
				w.pauses(500 * ms)
				w.says(ann, c.burst, c.d)
				w.pauses(15 * time.Second)
				if got := w.questions(); len(got) == 0 || got[len(got)-1] != c.question || len(w.begun) != 1 {
					t.Fatalf("asked %q, answered %d times", got, len(w.begun))
				}
				if wait := w.begun[0].Sub(ended); wait < c.end-50*ms || wait > c.end+100*ms {
					t.Errorf("answered %v after the last word, not %v", wait, c.end)
				}
			})
		})
	}
}

// What was prepared is still there behind a breath, and said after the shortest wait where the other is over by then.
func TestBreathKeepsTheAnswer(t *testing.T) {
	knowing(t, func(string) (Certainty, error) { return Unsure, nil }, func(w *world) {
		w.says(ann, "I have a question.", time.Second)
		ended := time.Now().Add(-100 * time.Millisecond)
		w.pauses(300 * time.Millisecond)
		w.says(ann, "(breath)", 200*time.Millisecond)
		w.pauses(15 * time.Second)
		if wait := w.begun[0].Sub(ended); wait > time.Second {
			t.Errorf("answered %v after the last word", wait)
		}
		if got := w.questions(); len(got) != 1 {
			t.Errorf("the mind was asked %q", got)
		}
	})
}
