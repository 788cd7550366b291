package discord

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/spoken"
)

// mute is a recognizer whose service is away.
type mute struct{}

func (mute) Utterance(context.Context, []float32, string) (spoken.Transcript, error) {
	return spoken.Transcript{}, errors.New("the service is away")
}
func (mute) Languages() []string { return []string{"en"} }

// A server's choice of recognizer holds in its voice channel, also while people talk there; where it fails, they are told.
func TestConversationRecognizer(t *testing.T) {
	google := &parrot{}
	w, usual := talkingWorld(t, func(c *mynah) {
		local := c.Talking.Recognizer
		c.Talking.Recognizer = func(name string) conversation.Recognizer {
			switch name {
			case "google":
				return google
			case "openai":
				return mute{}
			}
			return local(name)
		}
	})
	ann := w.login("Ann")
	ann.sit("Talk")
	ann.ask("general", "!join")
	usual.say("Who are you?")
	google.say("What is the price of hay?")
	ann.hums(900 * time.Millisecond)
	ann.saying("I am Mynah")

	ann.ask("general", "!settings recognizer google")
	before := usual.count()
	ann.hums(900 * time.Millisecond)
	ann.saying("taught me")
	if usual.count() != before || google.count() == 0 {
		t.Errorf("asked the usual recognizer %d times and the chosen one %d times", usual.count()-before, google.count())
	}

	ann.ask("general", "!settings recognizer openai")
	ann.hums(900 * time.Millisecond)
	wants(t, "in the chat", ann.saying("could not be recognized").Content, "the service is away")

	ann.ask("general", "!settings recognizer off")
	before = usual.count() + google.count()
	ann.hums(900 * time.Millisecond)
	if n := usual.count() + google.count() - before; n != 0 {
		t.Errorf("%d recognitions without a recognizer", n)
	}
	ann.ask("general", "!settings recognizer default")
	ann.hums(900 * time.Millisecond)
	ann.saying("I am Mynah")
}

// A recognizer that is switched on during a call is used in it, and people are told that they are heard from now on.
func TestARecognizerIsSwitchedOnDuringACall(t *testing.T) {
	w, heard := talkingWorld(t, nil)
	ann := w.login("Ann")
	e := ann.sit("Talk")
	wants(t, "off", ann.ask("general", "!settings recognizer off").Content, "now off")
	if joined := ann.ask("general", "!join").Content; strings.Contains(joined, "I listen") {
		t.Errorf("join: %s", joined)
	}
	heard.say("Who are you?")
	ann.hums(900 * time.Millisecond)
	wants(t, "say", ann.ask("general", "!say all the same").Content, "Gladly")
	e.until(t, w.mynahID(), 8000)
	if n := heard.count(); n != 0 {
		t.Errorf("%d recognitions without a recognizer", n)
	}
	ann.say("general", "!settings recognizer local")
	wants(t, "the notice", ann.saying("I listen").Content, fmt.Sprintf("<#%d>", w.channel("Talk")))
	ann.saying("is now local")
	ann.hums(900 * time.Millisecond)
	ann.saying("I am Mynah")
}

// What is remembered of sounds goes with the person who asks for it, and with the server.
func TestSoundsAreForgotten(t *testing.T) {
	var times atomic.Int32
	w, _ := talkingWorld(t, func(c *mynah) { c.Talking.Forget = func() { times.Add(1) } })
	ann := w.login("Ann")
	ann.slash("general", "privacy delete", map[string]any{"confirm": true})
	ann.saying("is deleted")
	if n := times.Load(); n != 1 {
		t.Errorf("forgotten %d times after a deletion", n)
	}
	w.mynah.disgo.EventManager.DispatchEvent(&events.GuildLeave{GenericGuild: &events.GenericGuild{
		GenericEvent: events.NewGenericEvent(w.mynah.disgo, 0, 0), GuildID: snowflake.ID(w.server),
	}})
	if n := times.Load(); n != 2 {
		t.Errorf("forgotten %d times after the server was left", n)
	}
}
