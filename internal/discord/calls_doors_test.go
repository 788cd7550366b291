package discord

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// doors is a world whose voice channels don't let Mynah in, or don't let it speak, each in its own way.
func doors() localdiscord.World {
	w := localdiscord.DefaultWorld()
	mynah := func(grant localdiscord.WorldGrant) []localdiscord.WorldOverwrite {
		return []localdiscord.WorldOverwrite{{Member: "Mynah", WorldGrant: grant}}
	}
	w.Servers[0].Channels = append(w.Servers[0].Channels,
		localdiscord.WorldChannel{Name: "Small", Type: "voice", UserLimit: 1},
		localdiscord.WorldChannel{Name: "Closed", Type: "voice", Overwrites: mynah(localdiscord.WorldGrant{Deny: []string{"CONNECT"}})},
		localdiscord.WorldChannel{Name: "Hushed", Type: "voice", Overwrites: mynah(localdiscord.WorldGrant{Deny: []string{"SPEAK"}})},
		localdiscord.WorldChannel{Name: "Committee", Type: "voice", Overwrites: []localdiscord.WorldOverwrite{
			{Member: "Chen", WorldGrant: localdiscord.WorldGrant{Deny: []string{"CONNECT"}}},
		}},
		localdiscord.WorldChannel{Name: "Stage", Type: "stage"},
		localdiscord.WorldChannel{Name: "Strict stage", Type: "stage", Overwrites: mynah(localdiscord.WorldGrant{Deny: []string{"REQUEST_TO_SPEAK"}})},
		localdiscord.WorldChannel{Name: "Own stage", Type: "stage", Overwrites: mynah(localdiscord.WorldGrant{Allow: []string{"MUTE_MEMBERS"}})},
	)
	return w
}

func TestMynahIsNotLetIn(t *testing.T) {
	w, _ := callWorldIn(t, doors(), Config{}, nil)
	ann := w.login("Ann")
	join := func(channel string) string {
		return ann.ask("general", fmt.Sprintf("!join <#%d>", w.channel(channel))).Content
	}
	ann.sit("Small")
	wants(t, "a full channel", join("Small"), "full", "Move Members")
	wants(t, "a closed channel", join("Closed"), "Connect")
	wants(t, "a channel without speech", join("Hushed"), "Speak")
	chen := w.login("Chen")
	committee := fmt.Sprintf("!join <#%d>", w.channel("Committee"))
	wants(t, "a channel that the asker may not enter", chen.ask("general", committee).Content, "can't enter that voice channel yourself")
	wants(t, "no call came of it", ann.ask("general", "!voice").Content, "in no voice channel")
}

// onStage is what Discord says of Mynah's place.
type onStage struct {
	Suppress  bool    `json:"suppress"`
	Requested *string `json:"request_to_speak_timestamp"`
}

func TestStage(t *testing.T) {
	w, _ := callWorldIn(t, doors(), Config{}, nil)
	ann := w.login("Ann")
	path := fmt.Sprintf("/guilds/%d/voice-states/%d", w.server, w.mynahID())
	state := func() (s onStage) {
		t.Helper()
		if err := json.Unmarshal(ann.request("GET", path, nil), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	join := func(channel string) string {
		return ann.ask("general", fmt.Sprintf("!join <#%d>", w.channel(channel))).Content
	}

	e := ann.sit("Stage")
	wants(t, "a stage", join("Stage"), "I'm in <#", "no end-to-end encryption", "asked to speak")
	if s := state(); !s.Suppress || s.Requested == nil {
		t.Errorf("in the audience of a stage: %+v", s)
	}
	wants(t, "health on a stage", ann.ask("general", "!voice").Content, "Not encrypted end to end")
	ann.request("PATCH", path, map[string]any{"channel_id": w.channel("Stage").String(), "suppress": false})
	if s := state(); s.Suppress || s.Requested != nil {
		t.Errorf("invited to speak: %+v", s)
	}
	wants(t, "say", ann.ask("general", "!say thank you for the invitation, all of you").Content, "Gladly")
	e.until(t, w.mynahID(), 8000)
	ann.stand()

	ann.sit("Strict stage")
	wants(t, "a stage where Mynah may not ask", join("Strict stage"), "I'm in <#", "may not ask to speak")
	if s := state(); !s.Suppress || s.Requested != nil {
		t.Errorf("in a strict stage's audience: %+v", s)
	}
	ann.stand()

	e = ann.sit("Own stage")
	wants(t, "a stage that Mynah moderates", join("Own stage"), "I'm in <#")
	if s := state(); s.Suppress {
		t.Errorf("on its own stage: %+v", s)
	}
	wants(t, "say", ann.ask("general", "!say welcome to my own stage").Content, "Gladly")
	e.until(t, w.mynahID(), 8000)

	// Who has to join again is in the audience again.
	heard := e.heard(w.mynahID())
	if !w.voice.Kill(localdiscord.ID(w.server), localdiscord.ID(w.mynahID()), 4006) {
		t.Fatal("nothing to kill")
	}
	wants(t, "say", ann.ask("general", "!say welcome again to my own stage").Content, "Gladly")
	e.until(t, w.mynahID(), heard+8000)
}
