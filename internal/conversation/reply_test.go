package conversation

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// An answer that is still being written is said sentence by sentence, and stands in the chat once, whole.
func TestAnswerThatGrows(t *testing.T) {
	run(t, alone, func(w *world) {
		w.writes = []string{"It starts ", "on Friday. It ", "ends on Sun", "day. Bring", " a friend."}
		w.says(ann, "When does it start?", time.Second)
		w.pauses(3 * time.Second)
		w.set(func() {
			if len(w.begun) != 1 || len(w.chat) != 0 {
				t.Errorf("said %q, chat %q, after the first sentence", w.said, w.chat)
			}
		})
		w.pauses(20 * time.Second)
		const whole = "It starts on Friday. It ends on Sunday. Bring a friend."
		w.set(func() {
			if len(w.done) != 1 || w.done[0].Answer.Text != whole || w.done[0].Said != whole || w.done[0].Unsaid != "" || !slices.Equal(w.chat, []string{whole}) {
				t.Errorf("exchanges %+v, chat %q", w.done, w.chat)
			}
			if l, _ := w.s.Figures(); l.Model.Round(100*time.Millisecond) != 2*time.Second {
				t.Errorf("the first sentence was there after %v", l.Model)
			}
		})
		// Interrupted while it is being written, it still stands in the chat whole, and what was not said is known.
		w.says(ann, "When does it start?", time.Second)
		w.pauses(2500 * time.Millisecond)
		w.set(func() { w.writes, w.answer = nil, func(Question) string { return "Now this." } })
		w.says(ann, "No, tell me about the weather.", time.Second)
		w.pauses(20 * time.Second)
		w.set(func() {
			if len(w.chat) != 3 || !slices.Contains(w.chat, whole) || !slices.Contains(w.chat, "Now this.") {
				t.Errorf("chat %q", w.chat)
			}
			for _, x := range w.done[1:] {
				if x.Answer.Text == whole && (x.Said == "" || !strings.HasSuffix(x.Unsaid, "It ends on Sunday. Bring a friend.")) {
					t.Errorf("interrupted: %+v", x)
				}
			}
		})
		// A long one is said by its first sentences.
		w.set(func() {
			w.said, w.done, w.chat, w.writes = nil, nil, nil, slices.Repeat([]string{"This sentence has some thirty letters. "}, 20)
		})
		w.says(ann, "Tell me everything.", time.Second)
		w.pauses(90 * time.Second)
		w.set(func() {
			if len(w.chat) != 1 || len(w.done) != 1 {
				t.Fatalf("chat %q, exchanges %+v", w.chat, w.done)
			}
			x := w.done[0]
			if n := strings.Count(x.Said, "sentence"); n != 11 || !strings.HasSuffix(x.Said, "letters.") || strings.Count(x.Unsaid, "sentence") != 9 {
				t.Errorf("said %q, not said %q", x.Said, x.Unsaid)
			}
			if end := w.voiced[len(w.voiced)-1]; end != "The rest is in the chat." {
				t.Errorf("the answer ended in %q", end)
			}
		})
		// Where it breaks off, what came of it is said and written.
		w.set(func() {
			w.done, w.chat, w.writes, w.breaks = nil, nil, []string{"It starts on Friday. It ", "ends"}, errors.New("no more")
		})
		w.says(ann, "When does it start?", time.Second)
		w.pauses(20 * time.Second)
		w.set(func() {
			if len(w.done) != 1 || w.done[0].Said != "It starts on Friday. It ends" || !slices.Equal(w.chat, []string{"I couldn't answer: no more", "It starts on Friday. It ends"}) {
				t.Errorf("exchanges %+v, chat %q", w.done, w.chat)
			}
		})
	})
}

// Transcripts get what was meant for Mynah and made out, once and whole, with what was answered.
func TestTranscripts(t *testing.T) {
	run(t, three, func(w *world) {
		w.says(bob, "I have no idea.", time.Second) // to somebody else
		w.pauses(3 * time.Second)
		w.says(ann, "Mynah, tell me who plays.", time.Second)
		w.pauses(700 * time.Millisecond)
		w.says(ann, "I mean tomorrow.", time.Second) // goes on with it
		w.pauses(10 * time.Second)
		w.says(ann, "(laughter)", time.Second)
		w.pauses(3 * time.Second)
		w.set(func() { w.unsure["Mynah, blah the bloo."] = true })
		w.says(bob, "Mynah, blah the bloo.", time.Second)
		w.pauses(10 * time.Second)
		w.says(bob, "Mynah, louder.", time.Second)
		w.pauses(10 * time.Second)
		w.says(cat, "Mynah, stop.", time.Second)
		w.pauses(10 * time.Second)
		want := []Line{
			{ann, "Mynah, tell me who plays. I mean tomorrow.", "You asked tell me who plays. I mean tomorrow."},
			{bob, "Mynah, louder.", "I speak louder now."},
			{cat, "Mynah, stop.", ""},
		}
		w.set(func() {
			if !slices.Equal(w.kept, want) {
				t.Errorf("kept %q", w.kept)
			}
			w.answer = longAnswer
		})
		w.says(ann, "Mynah, tell me everything.", time.Second)
		w.pauses(time.Second)
		w.s.Forget(ann) // while the answer is being said
		w.pauses(30 * time.Second)
		w.set(func() { w.answer = func(Question) string { return "Yes." } })
		w.says(bob, "Mynah, is it late?", time.Second)
		w.pauses(1500 * time.Millisecond)
		w.s.Forget(bob) // before the answer is final
		w.pauses(30 * time.Second)
		w.set(func() {
			if len(w.kept) != len(want) || len(w.done) != 1 {
				t.Errorf("kept %q, answered %+v", w.kept, w.done)
			}
		})
	})
}

func TestFailures(t *testing.T) {
	run(t, alone, func(w *world) {
		w.answer = func(Question) string { return "" }
		w.says(ann, "When does it start?", time.Second)
		w.pauses(8 * time.Second)
		w.wantSpoken("")
		if !slices.Equal(w.chat, []string{"I couldn't answer: no model"}) {
			t.Errorf("chat %q", w.chat)
		}
	})
}

// Where transcripts stand in the chat, an answer isn't written there a second time.
func TestTranscriptsInTheChat(t *testing.T) {
	for _, shows := range []bool{true, false} {
		run(t, alone, func(w *world) {
			w.set(func() { w.shows = shows })
			w.says(ann, "When does it start?", time.Second)
			w.pauses(10 * time.Second)
			w.set(func() {
				if len(w.kept) != 1 || w.kept[0].Answer != "You asked When does it start." {
					t.Errorf("kept %q", w.kept)
				}
				if want := []string{"You asked When does it start."}; shows && w.chat != nil || !shows && !slices.Equal(w.chat, want) {
					t.Errorf("shown %v: chat %q", shows, w.chat)
				}
			})
		})
	}
}
