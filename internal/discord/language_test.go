package discord

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/mynahbot/mynah/internal/language/languagetest"
	"github.com/mynahbot/mynah/internal/localdiscord"
)

// People see and type the names of commands in their language, also in one that was added.
func TestCommandsAreNamedInEveryLanguage(t *testing.T) {
	world := localdiscord.DefaultWorld()
	for i := range world.People {
		if world.People[i].Name == "Ann" {
			world.People[i].Locale = languagetest.Tag
		}
	}
	w := newWorldIn(t, localdiscord.Config{World: world}, func(c *mynah) { c.Languages = languagetest.WithMadeUp(t) })
	w.registered()
	ann, boris := w.login("Ann"), w.login("Boris")
	ann.slash("general", "hi", nil)
	wants(t, "/hi", ann.saying("Ann").Content, languagetest.Greek("Hi, "))
	for _, c := range []struct {
		who           *person
		typed, wanted string
	}{
		{ann, languagetest.Greek("!help") + " hi", "`!hi`"},
		{boris, "!помощь привет", "Здоровается"},
		{boris, "!Голос Связь", "голосовом канале"},
		{boris, "!привет", "Привет"},
	} {
		wants(t, c.typed, c.who.ask("general", c.typed).Content, c.wanted)
	}
	wants(t, "what a command is called too", boris.ask("general", "!помощь settings").Content, "(`!настройки`)")
	wants(t, "a slip", boris.ask("general", "!помощь насройки").Content, "!настройки")
	local := ann.commandNames("general")
	for name, want := range map[string]string{"help": languagetest.Greek("help"), "voice": languagetest.Greek("voice"), "voice health": languagetest.Greek("health")} {
		if local[name] != want {
			t.Errorf("%s is shown as %q, wants %q", name, local[name], want)
		}
	}
	if local := boris.commandNames("general"); local["dataset find"] != "найди" || local["dataset"] != "примеры" {
		t.Errorf("in Russian: %v", local)
	}
}

// commandNames are what a person's client shows for the commands of a channel, by their English names: of a sub-command ("voice health")
// the second word.
func (p *person) commandNames(channel string) map[string]string {
	p.w.t.Helper()
	type command struct {
		Name      string
		Localized string `json:"name_localized"`
		Type      int
		Options   []command
	}
	var index struct {
		Commands []command `json:"application_commands"`
	}
	raw := p.request(http.MethodGet, "/channels/"+p.w.channel(channel).String()+"/application-command-index", nil)
	if err := json.Unmarshal(raw, &index); err != nil {
		p.w.t.Fatal(err)
	}
	names := map[string]string{}
	for _, c := range index.Commands {
		names[c.Name] = c.Localized
		for _, o := range c.Options {
			if o.Type == 1 { // a sub-command
				names[c.Name+" "+o.Name] = o.Localized
			}
		}
	}
	return names
}
