package discord

import (
	"fmt"
	"testing"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// However a voice session ends that another can follow, Mynah is heard again, with what the main gateway answers to its wishes
// and nothing else.
func TestVoiceSessionEnds(t *testing.T) {
	w, _ := callWorld(t, Config{})
	ann := w.login("Ann")
	e := ann.sit("Talk")
	server, mynah := localdiscord.ID(w.server), localdiscord.ID(w.mynahID())
	for _, code := range []int{0, 1001, 4001, 4002, 4003, 4005, 4006, 4009, 4011, 4012, 4013, 4015, 4020} {
		// Each in a call of its own: sessions that end one soon after the other are taken up with growing pauses.
		wants(t, "join", ann.ask("general", "!join").Content, "I'm in <#")
		heard := e.heard(w.mynahID())
		if !w.voice.Kill(server, mynah, code) {
			t.Fatal("nothing to kill")
		}
		wants(t, fmt.Sprint("say after ", code), ann.ask("general", "!say still here").Content, "Gladly")
		e.until(t, w.mynahID(), heard+4000)
		wants(t, "leave", ann.ask("general", "!leave").Content, "left")
	}
}

// Where no attempt of Mynah's would help, the call ends with a sentence about what to do.
func TestVoiceSessionEndsForGood(t *testing.T) {
	w, _ := callWorld(t, Config{})
	ann := w.login("Ann")
	ann.sit("Talk")
	for code, advice := range map[int]string{4004: "Use `join`", 4016: "update me", 4017: "update me", 4021: "some minutes"} {
		wants(t, "join", ann.ask("general", "!join").Content, "I'm in <#")
		if !w.voice.Kill(localdiscord.ID(w.server), localdiscord.ID(w.mynahID()), code) {
			t.Fatal("nothing to kill")
		}
		ann.saying(advice)
		wants(t, "health", ann.ask("general", "!voice").Content, "in no voice channel")
	}
}
