package conversation

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// What was asked in writing is said as an answer is: only its start where it is long, and it can be interrupted, dropped and repeated.
func TestNotices(t *testing.T) {
	long := strings.Repeat("This is a sentence of many. ", 40)
	run(t, alone, func(w *world) {
		w.s.Say(Notice{User: ann, Text: long})
		w.pauses(time.Minute)
		if got := strings.Join(w.spoken(), " "); len(got) < 300 || len(got) > 420 || len(w.chat) > 0 {
			t.Errorf("of %d letters %d were said, the chat has %q", len(long), len(got), w.chat)
		}
	})
	run(t, alone, func(w *world) {
		w.s.Say(Notice{User: ann, Text: long, Whole: true})
		w.s.Say(Notice{Text: "Then this."})
		w.s.Say(Notice{Text: "And this."})
		w.pauses(2 * time.Second)
		if got := w.s.Queue(); len(got) != 3 || got[1] != "Then this." {
			t.Errorf("queue: %q", got)
		}
		w.says(ann, "Stop.", time.Second)
		w.pauses(5 * time.Second)
		if len(w.stopped) != 1 || len(w.s.Queue()) != 0 || w.s.Skip() {
			t.Errorf("stopped %v, queue %q", w.stopped, w.s.Queue())
		}
		w.says(ann, "Repeat that.", time.Second)
		w.pauses(5 * time.Second)
		if got := w.spoken(); len(got) != 2 || !strings.HasPrefix(got[1], "This is a sentence") {
			t.Errorf("said %q", got)
		}
	})
	run(t, alone, func(w *world) {
		w.s.Say(Notice{User: ann, Text: long, Whole: true})
		w.s.Say(Notice{Text: "Then this."})
		w.s.Say(Notice{User: ann, Text: long, Whole: true})
		w.s.Say(Notice{Text: "And this."})
		w.pauses(2 * time.Second)
		if !w.s.Skip() {
			t.Error("nothing to skip")
		}
		w.pauses(20 * time.Second)
		if got := w.spoken(); len(got) != 3 || got[1] != "Then this." || len(w.s.Queue()) != 2 {
			t.Errorf("after skipping: said %q, queue %q", got, w.s.Queue())
		}
		if n := w.s.Stop(); n != 2 || len(w.s.Queue()) != 0 || w.s.Stop() != 0 {
			t.Errorf("stopped %d, queue %q", n, w.s.Queue())
		}
	})
}

// Much that is to be done at once is done, in its order, and none of it lost.
func TestNothingThatIsAskedIsLost(t *testing.T) {
	b := newInbox()
	const all = 10_000
	var done []int
	for i := range all {
		if !b.put(func() { done = append(done, i) }) {
			t.Fatal("refused")
		}
	}
	for range all {
		<-b.more
		b.next()()
	}
	if b.next() != nil || len(done) != all || !slices.IsSorted(done) {
		t.Errorf("%d of %d were done", len(done), all)
	}
	b.put(func() {})
	b.close()
	if b.put(func() {}) || b.next() != nil {
		t.Error("takes more after its end")
	}
}

// While nobody knows who is in the channel there may be several: only who names Mynah is answered.
func TestUnknownCompany(t *testing.T) {
	run(t, nil, func(w *world) {
		w.says(ann, "When does it start?", time.Second)
		w.pauses(5 * time.Second)
		w.wantSpoken()
		w.says(ann, "Myna, when does it start?", time.Second)
		w.pauses(5 * time.Second)
		w.wantSpoken("You asked when does it start.")
	})
}

// The mind is told where an answer stands in the chat.
func TestAnswersStandSomewhere(t *testing.T) {
	for _, shows := range []bool{false, true} {
		run(t, alone, func(w *world) {
			w.shows = shows
			w.says(ann, "When does it start?", time.Second)
			w.pauses(10 * time.Second)
			want := uint64(1) // the first message of the chat
			if shows {
				want = 1001 // the first of the transcripts
			}
			if len(w.done) != 1 || uint64(w.done[0].Message) != want {
				t.Errorf("shown %v: %+v", shows, w.done)
			}
		})
	}
}
