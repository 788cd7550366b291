package discord

import (
	"net/url"
	"strings"
	"testing"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/answer"
)

// A question is answered, or what was taught is offered to choose from, or the answer is "I don't know"; chat that nobody
// addressed to Mynah gets nothing.
func TestTheFourOutcomes(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	const lesson = "question,reply\nwhere is the hall?,In the old school.\nwhen does the tournament start?,On Friday at seven.\n" +
		"how much does a ticket cost?,Three euros.\nwho repairs broken bicycles?,Boris does.\n"
	ann.say("general", "!train", upload{"faq.csv", []byte(lesson)})
	wants(t, "trained", ann.saying("has ended").Content, "Every question has one wording only", "Model 1 is in use now")
	wants(t, "the mode", ann.ask("general", "!settings reply_mode all").Content, "all")

	wants(t, "answered", ann.ask("general", "Where is the hall").Content, "In the old school.")
	wants(t, "unknown", ann.ask("general", "how deep is the ocean near Japan?").Content, "I don't know that")
	chat := map[snowflake.ID]string{}
	for _, line := range []string{"lol nice shot", "gg", "brb", "+1", "haha thats so funny", "😂"} {
		chat[ann.say("general", line)] = line
	}
	wants(t, "what comes after chat", ann.ask("general", "!hi").Content, "Hi, Ann!")
	for _, m := range ann.written() {
		if ref := m.MessageReference; ref != nil && chat[ref.MessageID] != "" {
			t.Errorf("%q was answered with %q", chat[ref.MessageID], m.Content)
		}
	}

	offered := ann.ask("general", "who cleans the hall?")
	wants(t, "offered", offered.Content, "Did you mean one of these?", "where is the hall?", "`!correct`")
	key := answer.Candidate{Question: "where is the hall?"}.Key()
	ann.press("general", offered, "run/suggestion/choice/"+url.PathEscape(key))
	wants(t, "chosen", ann.said(func(m seen) bool { return strings.Contains(m.Content, "In the old school.") && m.ID > offered.ID }).Content, "In the old school.")
	wants(t, "removed", ann.ask("general", `!dataset remove text:"where is the hall?"`).Content, "Removed: 1")
	ann.say("general", "!train")
	ann.saying("has ended")
	ann.press("general", offered, "run/suggestion/choice/"+url.PathEscape(key))
	ann.saying("taught something else in the meantime")
}
