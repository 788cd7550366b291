package discord

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// talkingWorld is a world where people are heard: whatever they hum, Mynah understands what the parrot says.
func talkingWorld(t *testing.T, change func(*mynah)) (*world, *parrot) {
	t.Helper()
	heard := &parrot{}
	w, _ := callWorldWith(t, Config{}, func(w *world, c *mynah) {
		c.Talking = &bot.Talking{
			Recognizer: heard.named, NewVAD: func() (spoken.VAD, error) { return loudness{}, nil }, Synthesizer: toneSynthesizer{}, Store: w.store,
		}
		if change != nil {
			change(c)
		}
	})
	return w, heard
}

// A server that wants it has what is said to Mynah written down; it goes when its time is over, and when its speaker wants.
func TestTranscripts(t *testing.T) {
	var later atomic.Int64
	w, heard := talkingWorld(t, func(c *mynah) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(later.Load())) }
	})
	ann := w.login("Ann")
	help := w.channel("help")
	kept := func() []record.Transcript {
		t.Helper()
		all, err := w.store.Transcripts(context.Background(), w.server)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	ann.sit("Talk")
	wants(t, "join", ann.ask("general", "!join").Content, "No sound is recorded")

	// By default nothing is kept.
	heard.say("Who are you?")
	ann.hums(900 * time.Millisecond)
	ann.saying("learns")
	wants(t, "by default", ann.ask("general", "!settings transcripts").Content, "`transcripts` is off")

	wants(t, "no channel", ann.ask("general", "!settings transcripts everywhere").Content, "no channel")
	wants(t, "an unknown channel", ann.ask("general", "!settings transcripts <#12345>").Content, "can't write")
	ann.say("general", fmt.Sprintf("!settings transcripts <#%d>", help))
	wants(t, "the notice", ann.saying("written down").Content, fmt.Sprintf("<#%d>", help), "30 days")
	wants(t, "the setting", ann.saying("is now").Content, fmt.Sprintf("`transcripts` is now <#%d>", help))
	wants(t, "retention of no length", ann.ask("general", "!settings retention 0").Content, "1 to 365")
	ann.say("general", "!settings retention 7 days")
	ann.saying("deleted after 7 days")
	ann.saying("is now 7 days")

	written := func(said, answer string) seen {
		t.Helper()
		s := ann.said(func(s seen) bool { return s.Channel == help && strings.Contains(s.Content, said) })
		wants(t, "the transcript", s.Content, "**Ann**: "+said, answer)
		limit := time.After(waitLimit)
		for all := kept(); len(all) != 1 || all[0].Message != record.MessageID(s.ID); all = kept() {
			select {
			case <-time.After(10 * time.Millisecond):
			case <-limit:
				t.Fatalf("kept %+v", all)
			}
		}
		return s
	}
	heard.say("Mynah, who are you?")
	ann.hums(900 * time.Millisecond)
	first := written("Mynah, who are you?", "\n**Mynah**: I am Mynah")

	ann.slash("general", "privacy export", nil)
	exported := ann.said(func(s seen) bool { return len(s.Attachments) == 1 })
	rs, err := w.http.Get(exported.Attachments[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(rs.Body)
	w.check(err)
	w.check(rs.Body.Close())
	var mine record.Personal
	w.check(json.Unmarshal(raw, &mine))
	if len(mine.Transcripts) != 1 || mine.Transcripts[0].Said != "Mynah, who are you?" {
		t.Errorf("exported %s", raw)
	}

	// Six days later all is there, eight days later it is gone with its message.
	later.Store(int64(6 * 24 * time.Hour))
	w.check(w.bot.DeleteExpired(context.Background()))
	if len(kept()) != 1 {
		t.Error("deleted too early")
	}
	later.Store(int64(8 * 24 * time.Hour))
	w.check(w.bot.DeleteExpired(context.Background()))
	gone := func(id seen) {
		t.Helper()
		ann.await(func(s seen) bool { return s.Event == "MESSAGE_DELETE" && s.ID == id.ID })
		if all := kept(); len(all) != 0 {
			t.Errorf("still kept: %+v", all)
		}
	}
	gone(first)

	// A person's deletion takes theirs away at once. A message that somebody deleted before is no obstacle.
	heard.say("Louder, please.")
	ann.hums(900 * time.Millisecond)
	second := written("Louder, please.", "\n**Mynah**: I speak louder now.")
	w.check(w.mynah.Delete(context.Background(), record.ChannelID(help), record.MessageID(second.ID)))
	gone0 := kept()
	if len(gone0) != 1 {
		t.Fatalf("kept %+v", gone0)
	}
	ann.hums(900 * time.Millisecond)
	third := ann.said(func(s seen) bool { return s.Channel == help && strings.Contains(s.Content, "Louder") })
	ann.slash("general", "privacy delete", map[string]any{"confirm": true})
	gone(third)
	limit := time.After(waitLimit)
	for {
		stale, err := w.store.StaleMessages(context.Background())
		w.check(err)
		if len(stale) == 0 {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-limit:
			t.Fatalf("messages are left: %v", stale)
		}
	}
}

// In the channel that Mynah was called from, a question and its answer stand once: in the transcript where they fit, else the
// answer on its own, whole.
func TestTranscriptsInTheCallsChannel(t *testing.T) {
	w, heard := talkingWorld(t, nil)
	ann := w.login("Ann")
	ann.sit("Talk")
	ann.ask("general", "!join")
	ann.say("general", fmt.Sprintf("!settings transcripts <#%d>", w.channel("general")))
	ann.saying("is now")
	ann.ask("general", "!ask who are you?")
	const short = "A bird."
	long := strings.TrimSpace(strings.Repeat("word ", 394)) // a message with the question in it would be too long
	for _, c := range []struct{ right, transcript string }{
		{short, "**Ann**: Who are you?\n**Mynah**: " + short}, {long, "**Ann**: Who are you?"},
	} {
		wants(t, "correct", ann.ask("general", "!correct "+c.right).Content, "Noted")
		heard.say("Who are you?")
		ann.hums(900 * time.Millisecond)
		if got := ann.saying("**Ann**").Content; got != c.transcript {
			t.Errorf("the transcript: %q", got)
		}
		if c.right == long {
			if got := ann.saying("word").Content; got != long {
				t.Errorf("the answer: %q", got)
			}
		}
		// What is written behind it would come behind its double, too.
		wants(t, "the next question", ann.ask("general", "!hi").Content, "Hi")
	}
	for _, what := range []string{short, long} {
		n := 0
		for _, s := range ann.written() {
			if s.Author.ID == w.mynah.self && strings.Contains(s.Content, what) && !strings.Contains(s.Content, "Noted") {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%.20q stands %d times in:\n%s", what, n, ann.transcript())
		}
	}
}

// What a server chooses about conversations can be seen, completed, changed and taken back, and holds at once.
func TestVoiceSettings(t *testing.T) {
	w, heard := talkingWorld(t, nil)
	ann := w.login("Ann")
	ann.sit("Talk")
	ann.ask("general", "!join")
	for _, c := range []struct{ value, wants string }{
		{"consent", "`consent` is opt-out"}, {"consent maybe", "Choose one of"}, {"consent opt-in", "now opt-in"}, {"consent default", "now opt-out"},
		{"vocabulary", "is none"}, {"vocabulary Grimwald, Xylo=Zylo", "now Grimwald, Xylo=Zylo"}, {"vocabulary Xylo=Sailo", "now Grimwald, Xylo=Sailo"},
		{"vocabulary xylo", "now Grimwald"}, {"vocabulary =x", "between commas"}, {"vocabulary " + strings.Repeat("x", 60), "between commas"},
		{"names Birdie, my bird", "now Birdie, my bird"}, {"names a=b", "between commas"}, {"names birdie", "now my bird"},
		{"endpoint_short", "350 ms"}, {"endpoint_short 2000", "longer than"}, {"endpoint_short soon", "milliseconds"}, {"endpoint_short 10", "150 to 5000"},
		{"endpoint_long 1500 ms", "now 1500 ms"}, {"endpoint_long default", "now 900 ms"}, {"retention 30000", "1 to 365"}, {"retention default", "now 30 days"},
	} {
		wants(t, "settings "+c.value, ann.ask("general", "!settings "+c.value).Content, c.wants)
	}
	overview := ann.ask("general", "!settings").Content
	wants(t, "the overview", overview, "`consent`", "`transcripts`", "`retention`", "`vocabulary`: Grimwald", "`names`: my bird", "`endpoint_short`", "`endpoint_long`")
	if got := ann.complete("general", "settings", map[string]any{"name": "vocabulary", "value": "gr"}, "value"); len(got) != 1 || got[0] != "Grimwald" {
		t.Errorf("completion %q", got)
	}
	if got := ann.complete("general", "settings", map[string]any{"name": "consent", "value": ""}, "value"); len(got) != 3 {
		t.Errorf("completion %q", got)
	}
	ann.slash("general", "settings", map[string]any{"name": "transcripts", "channel": w.channel("help").String()})
	wants(t, "the slash form", ann.saying("is now").Content, fmt.Sprintf("<#%d>", w.channel("help")))

	// They hold in the conversation that goes on: a word of the vocabulary is put right, and said as it is to be said.
	chen := w.login("Chen")
	chen.sit("Talk")
	heard.say("My bird, who is grim wald?")
	ann.hums(900 * time.Millisecond)
	line := ann.said(func(s seen) bool { return s.Channel == w.channel("help") && strings.Contains(s.Content, "**Ann**") })
	wants(t, "a further name among several people", line.Content, "My bird", "**Mynah**")
	limit := time.After(waitLimit)
	for {
		e, found, err := w.store.LastExchange(t.Context(), w.server, record.ChannelID(w.channel("general")))
		w.check(err)
		if found && strings.Contains(e.Question, "Grimwald") {
			break
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-limit:
			t.Fatalf("asked %q", e.Question)
		}
	}

	// Opt-in silences those who never agreed.
	wants(t, "opt-in", ann.ask("general", "!settings consent opt-in").Content, "opt-in")
	before := heard.count()
	ann.hums(900 * time.Millisecond)
	if heard.count() != before {
		t.Error("somebody who never agreed was recognized")
	}
}
