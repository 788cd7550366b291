package localdiscord_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

type interactionEvent struct {
	ID      localdiscord.ID `json:"id"`
	Token   string          `json:"token"`
	Type    int             `json:"type"`
	Locale  string          `json:"locale"`
	Message *message        `json:"message"`
	Member  struct {
		Permissions localdiscord.Permissions `json:"permissions"`
	} `json:"member"`
	Data struct {
		Name    string `json:"name"`
		Options []struct {
			Name    string          `json:"name"`
			Value   json.RawMessage `json:"value"`
			Focused bool            `json:"focused"`
		} `json:"options"`
		TargetID   localdiscord.ID `json:"target_id"`
		CustomID   string          `json:"custom_id"`
		Values     []string        `json:"values"`
		Components json.RawMessage `json:"components"`
		Resolved   struct {
			Attachments map[string]struct {
				URL      string `json:"url"`
				Filename string `json:"filename"`
			} `json:"attachments"`
			Messages map[string]message `json:"messages"`
		} `json:"resolved"`
	} `json:"data"`
}

// stage is a bot with commands and a person who uses them.
type stage struct {
	t          *testing.T
	s          *localdiscord.Server
	mynah, ann *raw
	commands   map[string]localdiscord.ID
	channel    string
	app        string
	now        *clock
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	add time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.add)
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add += d
}

func newStage(t *testing.T) *stage {
	st := &stage{t: t, now: &clock{}}
	st.s = start(t, localdiscord.Config{Now: st.now.Now})
	st.mynah, st.ann = withIntents(t, st.s, "Mynah", localdiscord.IntentsAll), person(t, st.s, "Ann")
	st.channel, st.app = channel(t, st.s, "general"), st.mynah.acct.ID.String()
	var made []struct {
		ID   localdiscord.ID `json:"id"`
		Name string          `json:"name"`
	}
	st.mynah.must("PUT", "/applications/"+st.app+"/commands", []m{
		{"name": "ask", "description": "Ask", "description_localizations": m{"ru": "Спросить"}, "options": []m{
			{"type": 3, "name": "question", "description": "What", "required": true, "max_length": 100},
			{"type": 4, "name": "times", "description": "How often", "min_value": 1, "max_value": 5},
			{"type": 11, "name": "file", "description": "A file"},
			{"type": 3, "name": "dataset", "description": "Which", "autocomplete": true},
		}},
		{"name": "settings", "description": "Settings", "default_member_permissions": "32", "options": []m{
			{"type": 1, "name": "language", "description": "Language", "options": []m{
				{"type": 3, "name": "to", "description": "To", "choices": []m{{"name": "English", "value": "en"}}}}}}},
		{"name": "Correct this", "type": 3},
	}, &made)
	st.commands = map[string]localdiscord.ID{}
	for _, c := range made {
		st.commands[c.Name] = c.ID
	}
	return st
}

// invoke posts an interaction as Ann and returns what the bot gets.
func (st *stage) invoke(body m, files ...upload) interactionEvent {
	st.t.Helper()
	body["application_id"], body["channel_id"], body["nonce"], body["session_id"] = st.app, st.channel, "n1", "s"
	st.ann.must("POST", "/interactions", body, nil, files...)
	var e interactionEvent
	st.mynah.await("INTERACTION_CREATE").into(st.t, &e)
	return e
}

func (st *stage) ask(question string) interactionEvent {
	return st.invoke(m{"type": 2, "data": m{"id": st.commands["ask"], "name": "ask", "type": 1, "options": []m{{"type": 3, "name": "question", "value": question}}}})
}

func (st *stage) callback(e interactionEvent, query string, body m, v any) {
	st.t.Helper()
	st.mynah.must("POST", "/interactions/"+e.ID.String()+"/"+e.Token+"/callback"+query, body, v)
}

func (st *stage) hook(e interactionEvent, rest string) string {
	return "/webhooks/" + st.app + "/" + e.Token + rest
}

// awaitMessage waits for the next message event that Ann gets.
func (st *stage) awaitMessage(name string) message {
	st.t.Helper()
	var got message
	st.ann.await(name).into(st.t, &got)
	return got
}

func TestSlashCommand(t *testing.T) {
	st := newStage(t)
	e := st.ask("why?")
	if e.Data.Name != "ask" || string(e.Data.Options[0].Value) != `"why?"` || e.Locale != "en-US" || e.Member.Permissions == 0 {
		t.Errorf("interaction: %+v", e)
	}
	st.callback(e, "", m{"type": 4, "data": m{"content": "because"}}, nil)
	if got := st.awaitMessage("MESSAGE_CREATE"); got.Content != "because" || got.Type != 20 || got.Metadata == nil || got.Metadata.ID != e.ID {
		t.Errorf("response: %+v", got)
	}
	var msg message
	st.mynah.must("GET", st.hook(e, "/messages/@original"), nil, &msg)
	st.mynah.must("PATCH", st.hook(e, "/messages/@original"), m{"content": "because of that"}, nil)
	if got := st.awaitMessage("MESSAGE_UPDATE"); got.ID != msg.ID || got.Content != "because of that" {
		t.Errorf("edited: %+v", got)
	}
	var more message
	st.mynah.must("POST", st.hook(e, "?wait=true"), m{"content": "and more", "flags": 64}, &more)
	if got := st.awaitMessage("MESSAGE_CREATE"); got.ID != more.ID || got.Flags&64 == 0 || got.Referenced == nil {
		t.Errorf("follow-up: %+v", got)
	}
	boris := person(t, st.s, "Boris")
	if status, _ := boris.do("GET", "/channels/"+st.channel+"/messages/"+more.ID.String(), nil); status != 404 {
		t.Errorf("another person sees the ephemeral message: %d", status)
	}
	st.mynah.must("PATCH", st.hook(e, "/messages/"+more.ID.String()), m{"content": "less"}, nil)
	st.mynah.must("DELETE", st.hook(e, "/messages/"+more.ID.String()), nil, nil)
	st.mynah.must("DELETE", st.hook(e, "/messages/@original"), nil, nil)
	if status, _ := st.mynah.do("GET", st.hook(e, "/messages/@original"), nil); status != 404 {
		t.Errorf("the deleted response: %d", status)
	}
	if status, b := st.mynah.do("POST", "/interactions/"+e.ID.String()+"/"+e.Token+"/callback", m{"type": 4, "data": m{"content": "x"}}); status != 400 || !strings.Contains(string(b), "40060") {
		t.Errorf("a second response: %d %s", status, b)
	}
}

func TestDeferredResponse(t *testing.T) {
	st := newStage(t)
	e := st.ask("slow?")
	var answer struct {
		Interaction struct {
			Loading bool            `json:"response_message_loading"`
			Message localdiscord.ID `json:"response_message_id"`
		} `json:"interaction"`
	}
	st.callback(e, "?with_response=True", m{"type": 5}, &answer)
	loading := st.awaitMessage("MESSAGE_CREATE")
	if !answer.Interaction.Loading || loading.Flags&128 == 0 || loading.ID != answer.Interaction.Message {
		t.Errorf("deferred: %+v, %+v", answer, loading)
	}
	st.now.advance(time.Minute) // the first 3 s do not count any more
	st.mynah.must("PATCH", st.hook(e, "/messages/@original"), m{"content": "done", "attachments": []m{{"id": 0, "filename": "a.csv"}}}, nil, upload{"a.csv", "text/csv", "a,b"})
	if got := st.awaitMessage("MESSAGE_UPDATE"); got.Content != "done" || got.Flags&128 != 0 || got.Edited != nil || len(got.Attachments) != 1 {
		t.Errorf("filled: %+v", got)
	}

	e = st.ask("slow again?")
	st.callback(e, "", m{"type": 5, "data": m{"flags": 64}}, nil)
	loading = st.awaitMessage("MESSAGE_CREATE")
	st.mynah.must("POST", st.hook(e, ""), m{"content": "the follow-up fills it"}, nil)
	if got := st.awaitMessage("MESSAGE_UPDATE"); got.ID != loading.ID || got.Flags&64 == 0 || got.Content != "the follow-up fills it" {
		t.Errorf("filled by a follow-up: %+v", got)
	}
	st.now.advance(16 * time.Minute)
	if status, _ := st.mynah.do("PATCH", st.hook(e, "/messages/@original"), m{"content": "late"}); status != 401 && status != 404 {
		t.Errorf("after 15 minutes: %d", status)
	}
}

func TestUnansweredInteraction(t *testing.T) {
	st := newStage(t)
	e := st.ask("anyone?")
	st.now.advance(4 * time.Second)
	st.ann.await("INTERACTION_FAILURE")
	status, b := st.mynah.do("POST", "/interactions/"+e.ID.String()+"/"+e.Token+"/callback", m{"type": 4, "data": m{"content": "late"}})
	if status != 404 || !strings.Contains(string(b), "10062") {
		t.Errorf("a late response: %d %s", status, b)
	}
}

func TestOptions(t *testing.T) {
	st := newStage(t)
	command := func(name string, options ...m) m {
		return m{"type": 2, "application_id": st.app, "channel_id": st.channel, "data": m{"id": st.commands[name], "name": name, "options": options}}
	}
	question := m{"name": "question", "type": 3, "value": "x"}
	for name, c := range map[string]struct {
		body   m
		status int
	}{
		"missing required":       {command("ask"), 400},
		"unknown option":         {command("ask", question, m{"name": "no", "value": 1}), 400},
		"twice":                  {command("ask", question, question), 400},
		"wrong type":             {command("ask", m{"name": "question", "value": 5}), 400},
		"too long":               {command("ask", m{"name": "question", "value": strings.Repeat("a", 101)}), 400},
		"over the maximum":       {command("ask", question, m{"name": "times", "value": 6}), 400},
		"no such file":           {command("ask", question, m{"name": "file", "value": "0"}), 400},
		"no subcommand":          {command("settings"), 400},
		"not among choices":      {command("settings", m{"name": "language", "options": []m{{"name": "to", "value": "xx"}}}), 400},
		"unknown command":        {m{"type": 2, "application_id": st.app, "channel_id": st.channel, "data": m{"id": "5"}}, 404},
		"unknown application":    {m{"type": 2, "application_id": "5", "channel_id": st.channel, "data": m{"id": "5"}}, 404},
		"unknown kind":           {m{"type": 9, "application_id": st.app, "channel_id": st.channel}, 400},
		"unknown button":         {m{"type": 3, "application_id": st.app, "channel_id": st.channel, "message_id": "5"}, 404},
		"modal that is not open": {m{"type": 5, "application_id": st.app, "channel_id": st.channel, "data": m{"custom_id": "x"}}, 404},
	} {
		if status, b := st.ann.do("POST", "/interactions", c.body); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, b, c.status)
		}
	}
	boris := person(t, st.s, "Boris")
	if status, b := boris.do("POST", "/interactions", command("settings", m{"name": "language", "options": []m{{"name": "to", "value": "en"}}})); status != 403 {
		t.Errorf("without Manage Server: %d %s", status, b)
	}
	e := st.invoke(m{"type": 2, "data": m{"id": st.commands["ask"], "options": []m{question, {"name": "file", "type": 11, "value": "0"}},
		"attachments": []m{{"id": "0", "filename": "d.csv"}}}}, upload{"d.csv", "text/csv", "text,label"})
	if len(e.Data.Resolved.Attachments) != 1 {
		t.Errorf("attachment option: %+v", e.Data)
	}

	e = st.invoke(m{"type": 4, "data": m{"id": st.commands["ask"], "options": []m{{"name": "dataset", "type": 3, "value": "da", "focused": true}}}})
	if !e.Data.Options[0].Focused || e.Type != 4 {
		t.Errorf("autocompletion: %+v", e)
	}
	st.callback(e, "", m{"type": 8, "data": m{"choices": []m{{"name": "dates", "value": "dates"}}}}, nil)
	var offered struct {
		Nonce   string `json:"nonce"`
		Choices []m    `json:"choices"`
	}
	st.ann.await("APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE").into(t, &offered)
	if len(offered.Choices) != 1 || offered.Nonce != "n1" {
		t.Errorf("choices: %+v", offered)
	}

	var index struct {
		Commands []struct {
			Name, Description    string
			DescriptionLocalized string `json:"description_localized"`
		} `json:"application_commands"`
	}
	guild := st.s.Ready().Servers[0].ID.String()
	boris.must("GET", "/guilds/"+guild+"/application-command-index", nil, &index)
	if len(index.Commands) != 2 || index.Commands[0].DescriptionLocalized != "Спросить" {
		t.Errorf("Boris's commands: %+v", index)
	}
}

func TestContextMenuAndModal(t *testing.T) {
	st := newStage(t)
	var wrong message
	st.mynah.must("POST", "/channels/"+st.channel+"/messages", m{"content": "2+2=5"}, &wrong)
	e := st.invoke(m{"type": 2, "data": m{"id": st.commands["Correct this"], "type": 3, "target_id": wrong.ID}})
	if e.Data.TargetID != wrong.ID || e.Data.Resolved.Messages[wrong.ID.String()].Content != "2+2=5" {
		t.Errorf("target: %+v", e.Data)
	}
	st.callback(e, "", m{"type": 9, "data": m{"custom_id": "correct:1", "title": "Correct", "components": []m{
		{"type": 1, "components": []m{{"type": 4, "custom_id": "right", "style": 2, "label": "What is right?", "required": true, "max_length": 50}}}}}}, nil)
	var modal struct {
		ID         localdiscord.ID `json:"id"`
		CustomID   string          `json:"custom_id"`
		Components []m             `json:"components"`
	}
	st.ann.await("INTERACTION_MODAL_CREATE").into(t, &modal)
	if modal.CustomID != "correct:1" || len(modal.Components) != 1 {
		t.Errorf("modal: %+v", modal)
	}
	submit := func(value string) m {
		return m{"type": 5, "application_id": st.app, "channel_id": st.channel, "data": m{"id": modal.ID, "custom_id": modal.CustomID,
			"components": []m{{"type": 1, "components": []m{{"type": 4, "custom_id": "right", "value": value}}}}}}
	}
	for name, value := range map[string]string{"empty": "", "too long": strings.Repeat("a", 51)} {
		if status, _ := st.ann.do("POST", "/interactions", submit(value)); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	e = st.invoke(submit("4"))
	if e.Type != 5 || !strings.Contains(string(e.Data.Components), `"value":"4"`) {
		t.Errorf("submitted: %+v %s", e, e.Data.Components)
	}
	st.callback(e, "?with_response=1", m{"type": 4, "data": m{"content": "learned", "flags": 64}}, nil)
	st.awaitMessage("MESSAGE_CREATE")
}

func TestComponents(t *testing.T) {
	st := newStage(t)
	var msg message
	st.mynah.must("POST", "/channels/"+st.channel+"/messages", m{"content": "sure?", "components": []m{
		{"type": 1, "components": []m{{"type": 2, "style": 1, "label": "Yes", "custom_id": "yes"}, {"type": 2, "style": 4, "label": "No", "custom_id": "no", "disabled": true},
			{"type": 2, "style": 5, "label": "Docs", "url": "https://example.com/"}}},
		{"type": 1, "components": []m{{"type": 3, "custom_id": "pick", "options": []m{{"label": "A", "value": "a"}, {"label": "B", "value": "b"}}}}},
	}}, &msg)
	press := func(id string, values ...string) m {
		return m{"type": 3, "application_id": st.app, "channel_id": st.channel, "message_id": msg.ID, "data": m{"component_type": 2, "custom_id": id, "values": values}}
	}
	for name, body := range map[string]m{"disabled": press("no"), "unknown": press("maybe"), "no such value": press("pick", "c")} {
		if status, _ := st.ann.do("POST", "/interactions", body); status != 400 {
			t.Errorf("%s: %d", name, status)
		}
	}
	e := st.invoke(press("yes"))
	if e.Message == nil || e.Message.ID != msg.ID || e.Data.CustomID != "yes" {
		t.Errorf("pressed: %+v", e)
	}
	st.callback(e, "?with_response=true", m{"type": 7, "data": m{"content": "done", "components": []m{}}}, nil)
	for {
		if got := st.awaitMessage("MESSAGE_UPDATE"); got.Content == "done" {
			break
		}
	}
	st.mynah.must("PATCH", "/channels/"+st.channel+"/messages/"+msg.ID.String(), m{"components": []m{
		{"type": 1, "components": []m{{"type": 3, "custom_id": "pick", "options": []m{{"label": "A", "value": "a"}}}}}}}, nil)
	e = st.invoke(press("pick", "a"))
	if len(e.Data.Values) != 1 {
		t.Errorf("picked: %+v", e.Data)
	}
	st.callback(e, "", m{"type": 6}, nil)
	st.mynah.must("PATCH", st.hook(e, "/messages/@original"), m{"content": "picked"}, nil)
	st.mynah.must("POST", st.hook(e, ""), m{"content": "follow-up"}, nil)
}

func TestCommandRegistration(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah := withIntents(t, s, "Mynah", localdiscord.IntentsAll)
	guild := s.Ready().Servers[0].ID.String()
	for _, path := range []string{"/applications/" + mynah.acct.ID.String() + "/commands", "/applications/" + mynah.acct.ID.String() + "/guilds/" + guild + "/commands"} {
		var a, b struct {
			ID          localdiscord.ID `json:"id"`
			Description string          `json:"description"`
		}
		mynah.must("POST", path, m{"name": "hi", "description": "Greets", "contexts": []int{0, 1}}, &a)
		if status, _ := mynah.do("POST", path, m{"name": "hi", "description": "Greets you"}); status != 200 {
			t.Errorf("the same name again: %d, want 200", status)
		}
		mynah.must("PATCH", path+"/"+a.ID.String(), m{"description": "Says hi"}, &b)
		mynah.must("GET", path+"/"+a.ID.String(), nil, &b)
		if b.ID != a.ID || b.Description != "Says hi" {
			t.Errorf("edited: %+v", b)
		}
		mynah.must("GET", path+"?with_localizations=true", nil, nil)
		mynah.must("PUT", path, []m{{"name": "hi", "description": "x"}, {"name": "help", "description": "y"}, {"name": "Menu", "type": 2}}, nil)
		mynah.must("GET", path, nil, nil)
		mynah.must("DELETE", path+"/"+a.ID.String(), nil, nil)
		for name, body := range map[string]any{
			"upper case":     []m{{"name": "Hi", "description": "x"}},
			"no description": []m{{"name": "hi"}},
			"twice":          []m{{"name": "hi", "description": "x"}, {"name": "hi", "description": "x"}},
			"order":          []m{{"name": "hi", "description": "x", "options": []m{{"type": 3, "name": "a", "description": "a"}, {"type": 3, "name": "b", "description": "b", "required": true}}}},
			"26 options":     []m{{"name": "hi", "description": "x", "options": make([]m, 26)}},
			"too large":      []m{{"name": "hi", "description": strings.Repeat("x", 101)}},
			"no list":        m{"name": "hi"},
			"null":           []any{nil},
		} {
			if status, b := mynah.do("PUT", path, body); status != 400 {
				t.Errorf("%s: %d %s", name, status, b)
			}
		}
	}
	if status, _ := mynah.do("PUT", "/applications/5/commands", []m{}); status != 403 {
		t.Errorf("another's application: %d", status)
	}
}
