package conversation

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCommands(t *testing.T) {
	run(t, alone, func(w *world) {
		step := func(text, want string) {
			t.Helper()
			before := len(w.spoken())
			w.says(ann, text, time.Second)
			w.pauses(20 * time.Second)
			got := w.spoken()[before:]
			if want == "" && len(got) == 0 {
				return
			}
			if len(got) != 1 || got[0] != want {
				t.Errorf("%q: said %q, want %q", text, got, want)
			}
		}
		step("Repeat that.", "I haven't said anything yet.")
		step("When does it start?", "You asked When does it start.")
		step("Mynah, repeat please.", "You asked When does it start.")
		step("That is wrong, the answer is at nine.", "Thank you. The answer is at nine. I'll remember that.")
		step("Remember: gg means good game.", "I'll remember that gg means good game.")
		step("Start training.", "The training has begun.")
		step("How is the training going?", "It is half done.")
		step("Louder, please.", "I speak louder now.")
		step("Speak Russian.", "Теперь я говорю по-русски, но понимать на слух пока не могу: нет модели. Что установить, написано в чате.")
		step("Speak German.", "I don't speak that language.")
		step("Stop.", "")
		w.allowed = func(c string) bool { return c != CommandTrain }
		step("Start training.", "You aren't allowed to do that here.")
		w.unsure["Blah the bloo."] = true
		step("Blah the bloo.", "Sorry, I didn't understand that. Could you say it again?")
		step("Mynah, leave.", "Goodbye.")
		want := []string{"correct When does it start? -> at nine", "remember gg -> good game", "train", "leave"}
		if !slices.Equal(w.deeds, want) {
			t.Errorf("did %q", w.deeds)
		}
		if !slices.ContainsFunc(w.chat, func(text string) bool { return strings.Contains(text, "`mynah models pull`") }) {
			t.Errorf("the chat doesn't tell what to install: %q", w.chat)
		}
		if w.volume <= 1 {
			t.Error("not louder")
		}
	})
}
