package discord

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

func TestBlockedUDPIsToldAsWhatItIs(t *testing.T) {
	w, _ := callWorld(t, Config{})
	ann := w.login("Ann")
	ann.sit("Talk")
	w.voice.SetFaults(localdiscord.ID(w.mynahID()), false, localvoice.Faults{Drop: 1})
	began := time.Now()
	wants(t, "join", ann.ask("general", "!join").Content, "firewall", "UDP")
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("told after %v", took)
	}
	w.voice.SetFaults(localdiscord.ID(w.mynahID()), false, localvoice.Faults{})
	wants(t, "join again", ann.ask("general", "!join").Content, "I'm in <#")
}

func TestWhatModeratorsForbidIsTold(t *testing.T) {
	w, _ := callWorld(t, Config{})
	ann := w.login("Ann")
	ann.sit("Talk")
	wants(t, "join", ann.ask("general", "!join").Content, "I'm in <#")
	set := func(mute, deaf bool) {
		t.Helper()
		w.steer("voice", map[string]any{"account": "Mynah", "channel": "Talk", "mute": mute, "deaf": deaf})
	}
	set(true, false)
	ann.saying("I'm muted on this server")
	wants(t, "say", ann.ask("general", "!say hello").Content, "Mute Members")
	wants(t, "voice", ann.ask("general", "!voice").Content, "Mute Members")
	set(true, true)
	ann.saying("I'm deafened on this server")
	wants(t, "voice", ann.ask("general", "!voice").Content, "Mute Members", "Deafen Members")
	set(false, false)
	if got := ann.ask("general", "!say hello").Content; strings.Contains(got, "Mute") || strings.Contains(got, "Deafen") {
		t.Errorf("afterwards: %q", got)
	}
	wants(t, "leave", ann.ask("general", "!leave").Content, "left")
	set(true, false)
	w.steer("voice", map[string]any{"account": "Mynah", "channel": nil})
	wants(t, "join while muted", ann.ask("general", "!join").Content, "I'm in <#", "Mute Members")
}

func TestTheChannelOfThoseWhoAreAwayIsLeft(t *testing.T) {
	world := localdiscord.DefaultWorld()
	world.Servers[0].Channels = append(world.Servers[0].Channels, localdiscord.WorldChannel{Name: "away", Type: "voice"})
	world.Servers[0].AFK = "away"
	w, _ := callWorldIn(t, world, Config{}, nil)
	ann := w.login("Ann")
	wants(t, "join there", ann.ask("general", "!join <#"+w.channel("away").String()+">").Content, "those who are away")
	ann.sit("Talk")
	wants(t, "join", ann.ask("general", "!join").Content, "I'm in <#")
	w.steer("voice", map[string]any{"account": "Mynah", "channel": "away"})
	ann.saying("Somebody has moved me to the channel for those who are away")
	wants(t, "afterwards", ann.ask("general", "!voice").Content, "in no voice channel")
	// And it doesn't go back by itself.
	w.stop()
	w.start(nil)
	wants(t, "after a restart", ann.ask("general", "!voice").Content, "in no voice channel")
}

func TestACallThatLosesItsEncryptionIsTold(t *testing.T) {
	for name, tc := range map[string]struct{ setting, want, after string }{
		"by default": {"off", "no longer encrypted end to end", "connected"},
		"demanded":   {"on", "this server demands that", "in no voice channel"},
	} {
		t.Run(name, func(t *testing.T) {
			w, _ := callWorld(t, Config{})
			ann, boris := w.login("Ann"), w.login("Boris")
			ann.sit("Talk")
			wants(t, "setting", ann.ask("general", "!settings require_e2ee "+tc.setting).Content, tc.setting)
			wants(t, "join", ann.ask("general", "!join").Content, "I'm in <#")
			w.voice.Outdate(localdiscord.ID(boris.id), true)
			boris.sit("Talk")
			ann.saying(tc.want)
			wants(t, "afterwards", ann.ask("general", "!voice").Content, tc.after)
			if tc.setting == "off" {
				ann.say("general", "!settings require_e2ee on")
				for waited := []string{"now on", "this server demands that"}; len(waited) > 0; { // in either order
					got := ann.said(func(s seen) bool {
						return slices.ContainsFunc(waited, func(part string) bool { return strings.Contains(s.Content, part) })
					})
					waited = slices.DeleteFunc(waited, func(part string) bool { return strings.Contains(got.Content, part) })
				}
				wants(t, "after that", ann.ask("general", "!voice").Content, "in no voice channel")
			} else {
				wants(t, "join again", ann.ask("general", "!join").Content, tc.want)
			}
		})
	}
}

// Discord sends no sound to those whom a moderator has deafened.
func TestTheDeafenedHearNothing(t *testing.T) {
	w, _ := callWorld(t, Config{})
	ann, boris := w.login("Ann"), w.login("Boris")
	hears, deaf := ann.sit("Talk"), boris.sit("Talk")
	wants(t, "join", ann.ask("general", "!join").Content, "I'm in <#")
	w.steer("voice", map[string]any{"account": "Boris", "channel": "Talk", "deaf": true})
	ann.await(func(s seen) bool { return s.Event == "VOICE_STATE_UPDATE" && s.UserID == boris.id })
	before := deaf.heard(w.mynahID())
	wants(t, "say", ann.ask("general", "!say a long story").Content, "Gladly")
	hears.until(t, w.mynahID(), 8000)
	if n := deaf.heard(w.mynahID()) - before; n != 0 {
		t.Errorf("heard %d samples", n)
	}
	w.steer("voice", map[string]any{"account": "Boris", "channel": "Talk", "deaf": false})
	wants(t, "say again", ann.ask("general", "!say a long story").Content, "Gladly")
	deaf.until(t, w.mynahID(), before+8000)
}
