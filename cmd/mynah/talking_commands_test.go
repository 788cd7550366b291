package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/conversation"
)

// TestTalkCommands has a voice say commands in English over an encrypted connection to the installed recognizer. Not at every
// speed are they made out: as a person would, it says again and differently what had no effect.
func TestTalkCommands(t *testing.T) {
	s := openTalkingSpeech(t)
	k := newTalk(t, newVoiceRooms(t), s, 0, func(c *conversation.Config) { c.Timing.Rejoin = time.Millisecond }, "Ann")
	long := strings.TrimSpace(strings.Repeat("This is a long answer that goes on and on. ", 4))
	k.answer = func(conversation.Question) string { return long }
	ann := k.people[1]

	const sayings = 15
	// says says a command and waits for its effect; before is what it needs to have one.
	says := func(before func(speed float64), text string, effect func(news []conversation.Line) bool) {
		t.Helper()
		var news []conversation.Line
		for saying := range sayings {
			before(pace(saying))
			k.mu.Lock()
			known := len(k.kept)
			k.mu.Unlock()
			if k.heeds(func() { ann.speaks(s.paced(t, text, "en", pace(saying))) }, func() bool {
				news = slices.Clone(k.kept[known:])
				return effect(news)
			}) {
				return
			}
			t.Logf("%q had no effect: %+v", text, news)
		}
		t.Errorf("%q, said %d times, had no effect: %+v", text, sayings, news)
	}
	answers := func(part string) func([]conversation.Line) bool {
		return func(news []conversation.Line) bool {
			return slices.ContainsFunc(news, func(l conversation.Line) bool { return strings.Contains(l.Answer, part) })
		}
	}
	obeyed := func(news []conversation.Line) bool { // without a word
		return slices.ContainsFunc(news, func(l conversation.Line) bool { return l.Answer == "" })
	}
	silent := func() {
		ann.listen()
		if k.mynah.Player().Stop() > 0 {
			ann.hearsSilence()
		}
	}
	talks := func(speed float64) {
		t.Helper()
		silent() // what is said into an answer of before would be one turn with the question
		ann.speaks(s.paced(t, "What is the capital of France?", "en", speed))
		ann.listen()
		ann.hearsFirst()
	}
	talked := func(speed float64) {
		t.Helper()
		talks(speed)
		silent()
	}
	nothing := func(float64) {}

	says(nothing, "What can you do?", answers("Ask me anything"))
	says(talks, "Mynah, stop.", obeyed)
	says(talked, "Mynah, repeat.", answers("long answer"))
	says(talks, "Mynah, skip.", obeyed) // where nothing is said, it is answered that there is nothing to skip
	volume := k.mynah.Player().Volume()
	says(nothing, "Mynah, louder.", func([]conversation.Line) bool { return k.mynah.Player().Volume() > volume })
	says(nothing, "Mynah, leave.", func([]conversation.Line) bool { return slices.Contains(k.deeds, "leave") })
	says(nothing, "Mynah, speak Russian.", answers("Теперь я говорю по-русски"))
}
