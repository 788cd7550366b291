package discord

import (
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// What was asked in a channel that somebody doesn't see can neither be corrected nor read by them: not by a message's id or link, and
// not by a search of what was taught.
func TestOthersChannelsStayTheirs(t *testing.T) {
	world := localdiscord.DefaultWorld()
	staff := localdiscord.WorldChannel{Name: "staff", Overwrites: []localdiscord.WorldOverwrite{
		{Role: "@everyone", WorldGrant: localdiscord.WorldGrant{Deny: []string{"VIEW_CHANNEL"}}},
		{Member: "Mynah", WorldGrant: localdiscord.WorldGrant{Allow: []string{"VIEW_CHANNEL"}}},
	}}
	world.Servers[0].Channels = append(world.Servers[0].Channels, staff)
	w := newWorldIn(t, localdiscord.Config{World: world}, nil)
	ann, chen := w.login("Ann"), w.login("Chen")

	asked := ann.ask("staff", "!ask who is to be dismissed in spring")
	link := "https://discord.com/channels/" + w.server.String() + "/" + w.channel("staff").String() + "/" + asked.ID.String()
	for _, name := range []string{link, asked.ID.String()} {
		refused := chen.ask("general", "!correct "+name+" Everybody.")
		wants(t, "a stranger", refused.Content, "no question")
		if strings.Contains(refused.Content, "spring") {
			t.Errorf("the question is told: %s", refused.Content)
		}
	}
	wants(t, "nothing was learned", ann.ask("staff", "!ask who is to be dismissed in spring").Content, "nobody has taught me")
	wants(t, "who sees both", ann.ask("general", "!correct "+link+" Nobody.").Content, "Noted")
	wants(t, "it was learned", ann.ask("staff", "!ask who is to be dismissed in spring").Content, "Nobody.")

	ann.say("general", "!train \"the codeword is tangerine\" label:secret")
	ann.saying("has ended")
	for _, line := range []string{"!dataset find tangerine", "!dataset show", "!dataset export"} {
		refused := chen.ask("general", line)
		wants(t, line, refused.Content, "Manage Server")
		if strings.Contains(refused.Content, "tangerine") {
			t.Errorf("%s tells what was taught: %s", line, refused.Content)
		}
	}
	wants(t, "a manager", ann.ask("general", "!dataset find tangerine").Content, "tangerine")
}
