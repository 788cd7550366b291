package localdiscord_test

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

type message struct {
	ID          localdiscord.ID `json:"id"`
	ChannelID   localdiscord.ID `json:"channel_id"`
	Type        int             `json:"type"`
	Content     string          `json:"content"`
	Flags       int             `json:"flags"`
	Edited      *string         `json:"edited_timestamp"`
	Attachments []struct {
		ID       localdiscord.ID `json:"id"`
		Filename string          `json:"filename"`
		URL      string          `json:"url"`
		Size     int             `json:"size"`
		Duration float64         `json:"duration_secs"`
		Width    int             `json:"width"`
	} `json:"attachments"`
	Author struct {
		ID localdiscord.ID `json:"id"`
	} `json:"author"`
	Mentions []struct {
		ID localdiscord.ID `json:"id"`
	} `json:"mentions"`
	Embeds []struct {
		Type  string `json:"type"`
		Image struct {
			URL string `json:"url"`
		} `json:"image"`
	} `json:"embeds"`
	Referenced *message `json:"referenced_message"`
	Metadata   *struct {
		ID localdiscord.ID `json:"id"`
	} `json:"interaction_metadata"`
}

func channel(t testing.TB, s *localdiscord.Server, name string) string {
	t.Helper()
	return fmt.Sprint(channelID(t, s, name))
}

type m = map[string]any

// TestOpenAPIReading asks everything that can be read, and has each answer checked against the OpenAPI file.
func TestOpenAPIReading(t *testing.T) {
	if specification() == nil {
		t.Skip("needs ../shared/openapi beside the repository")
	}
	s := start(t, localdiscord.Config{})
	mynah, ann := withIntents(t, s, "Mynah", localdiscord.IntentsAll), person(t, s, "Ann")
	general := channel(t, s, "general")
	guild := s.Ready().Servers[0].ID.String()
	var sent message
	ann.must("POST", "/channels/"+general+"/messages", m{"content": "hello <@" + mynah.acct.ID.String() + ">"}, &sent)
	for _, path := range []string{
		"/gateway", "/gateway/bot", "/users/@me", "/users/" + ann.acct.ID.String(), "/users/@me/guilds", "/users/@me/guilds/" + guild + "/member",
		"/oauth2/applications/@me", "/applications/@me", "/voice/regions", "/sticker-packs",
		"/guilds/" + guild, "/guilds/" + guild + "?with_counts=true", "/guilds/" + guild + "/channels", "/guilds/" + guild + "/roles",
		"/guilds/" + guild + "/emojis", "/guilds/" + guild + "/stickers", "/guilds/" + guild + "/members?limit=100", "/guilds/" + guild + "/members/search?query=bo",
		"/guilds/" + guild + "/members/" + ann.acct.ID.String(), "/guilds/" + guild + "/threads/active",
		"/channels/" + general, "/channels/" + general + "/messages", "/channels/" + general + "/messages?limit=1&before=" + sent.ID.String(),
		"/channels/" + general + "/messages/" + sent.ID.String(), "/channels/" + general + "/pins",
	} {
		mynah.must("GET", path, nil, nil)
	}
	for _, c := range []struct {
		path   string
		status int
	}{
		{"/channels/1", 404}, {"/channels/abc", 400}, {"/guilds/1", 404}, {"/users/1", 404}, {"/channels/" + general + "/messages/1", 404},
		{"/nothing/there", 404}, {"/channels/" + general + "/messages?limit=101", 400},
	} {
		if status, b := mynah.do("GET", c.path, nil); status != c.status || !strings.Contains(string(b), `"code":`) {
			t.Errorf("GET %s: %d %s, want %d", c.path, status, b, c.status)
		}
	}
	if status, _ := request(t, s, "Bot wrong", "GET", "/users/@me", nil); status != 401 {
		t.Errorf("a wrong token: %d, want 401", status)
	}
	o := specification()
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.checked) < 15 {
		t.Errorf("only %d operations were checked: %v", len(o.checked), o.checked)
	}
}

func TestMessages(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah, ann := withIntents(t, s, "Mynah", localdiscord.IntentsAll), person(t, s, "Ann")
	general := channel(t, s, "general")
	path := "/channels/" + general + "/messages"

	var first, reply message
	ann.must("POST", path, m{"content": "one", "nonce": "7"}, &first)
	var event message
	mynah.await("MESSAGE_CREATE").into(t, &event)
	if event.ID != first.ID || event.Content != "one" {
		t.Errorf("event %+v", event)
	}
	mynah.must("POST", path, m{"content": "two", "message_reference": m{"message_id": first.ID},
		"embeds":      []m{{"title": "Chart", "image": m{"url": "attachment://chart.png"}, "fields": []m{{"name": "a", "value": "b"}}}},
		"attachments": []m{{"id": 0, "filename": "chart.png", "description": "a chart"}},
	}, &reply, upload{"chart.png", "image/png", pngPixel})
	if reply.Type != 19 || reply.Referenced == nil || reply.Referenced.ID != first.ID || len(reply.Mentions) != 1 {
		t.Errorf("reply: %+v", reply)
	}
	if len(reply.Attachments) != 1 || reply.Attachments[0].Width != 1 || len(reply.Embeds) != 1 || reply.Embeds[0].Image.URL != reply.Attachments[0].URL {
		t.Errorf("reply's file: %+v", reply)
	}
	mynah.must("PATCH", path+"/"+reply.ID.String(), m{"content": "two, edited", "attachments": []m{{"id": reply.Attachments[0].ID}}}, &reply)
	if reply.Edited == nil || len(reply.Attachments) != 1 {
		t.Errorf("edited: %+v", reply)
	}
	mynah.must("PATCH", path+"/"+reply.ID.String(), m{"attachments": []m{}}, &reply)
	if len(reply.Attachments) != 0 || reply.Content != "two, edited" {
		t.Errorf("without its file: %+v", reply)
	}
	thumb := path + "/" + reply.ID.String() + "/reactions/" + url.PathEscape("👍")
	ann.must("PUT", thumb+"/@me", nil, nil)
	mynah.await("MESSAGE_REACTION_ADD")
	ann.must("GET", path+"/"+reply.ID.String(), nil, nil)
	ann.must("GET", thumb, nil, nil)
	ann.must("DELETE", thumb+"/@me", nil, nil)
	mynah.await("MESSAGE_REACTION_REMOVE")
	ann.must("POST", "/channels/"+general+"/typing", nil, nil)
	mynah.await("TYPING_START")
	mynah.must("DELETE", path+"/"+reply.ID.String(), nil, nil)
	ann.await("MESSAGE_DELETE")

	var voice message
	waveform := base64.StdEncoding.EncodeToString(make([]byte, 64))
	ogg := upload{"voice-message.ogg", "audio/ogg", "OggS"}
	ann.must("POST", path, m{"flags": 8192, "attachments": []m{{"id": "0", "filename": "voice-message.ogg", "duration_secs": 1.5, "waveform": waveform}}}, &voice, ogg)
	if voice.Flags != 8192 || voice.Attachments[0].Duration != 1.5 {
		t.Errorf("voice message: %+v", voice)
	}
	ann.must("POST", "/users/@me/channels", m{"recipient_id": mynah.acct.ID}, &event)
	var dm message
	ann.must("POST", "/channels/"+event.ID.String()+"/messages", m{"content": "psst"}, &dm)
	mynah.await("MESSAGE_CREATE") // the voice message
	mynah.await("MESSAGE_CREATE").into(t, &event)
	if event.Content != "psst" {
		t.Errorf("direct message: %+v", event)
	}

	long := strings.Repeat("ы", 2001)
	ann.must("POST", path, m{"content": long + long[:2*1999]}, nil)
	if status, b := ann.do("POST", path, m{"content": long + long}); status != 400 || !strings.Contains(string(b), "4000 or fewer") {
		t.Errorf("a person's message of 4,002 characters: %d %s", status, b)
	}
	for name, c := range map[string]struct {
		method, path string
		body         any
		files        []upload
		status       int
		text         string
	}{
		"empty":              {"POST", path, m{"content": "  "}, nil, 400, "50006"},
		"too long":           {"POST", path, m{"content": long}, nil, 400, "2000 or fewer"},
		"broken JSON":        {"POST", path, []byte(`{"content`), nil, 400, "50109"},
		"wrong type":         {"POST", path, m{"content": m{}}, nil, 400, ""},
		"unknown reference":  {"POST", path, m{"content": "x", "message_reference": m{"message_id": "5"}}, nil, 400, "REPLIES_UNKNOWN_MESSAGE"},
		"eleven embeds":      {"POST", path, m{"embeds": make([]m, 11)}, nil, 400, "10 or fewer"},
		"embed too large":    {"POST", path, m{"embeds": []m{{"description": strings.Repeat("a", 4097)}}}, nil, 400, "4096"},
		"foreign edit":       {"PATCH", path + "/" + first.ID.String(), m{"content": "x"}, nil, 403, "50005"},
		"edit to nothing":    {"PATCH", path + "/" + first.ID.String(), m{"content": ""}, nil, 403, "50005"},
		"foreign delete":     {"DELETE", path + "/" + first.ID.String(), nil, nil, 403, "50013"},
		"voice with content": {"POST", path, m{"content": "x", "flags": 8192}, []upload{ogg}, 400, "50159"},
		"voice without data": {"POST", path, m{"flags": 8192}, []upload{ogg}, 400, "50161"},
		"voice of text":      {"POST", path, m{"flags": 8192}, []upload{{"a.txt", "text/plain", "x"}}, 400, "50160"},
		"no emoji":           {"PUT", path + "/" + first.ID.String() + "/reactions/x/@me", nil, nil, 400, "10014"},
		"wrong method":       {"PUT", path, m{}, nil, 405, ""},
	} {
		status, b := mynah.do(c.method, c.path, c.body, c.files...)
		if status != c.status || !strings.Contains(string(b), c.text) {
			t.Errorf("%s: %d %s, want %d with %q", name, status, b, c.status, c.text)
		}
	}
}

const pngPixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"

// TestOpenAPIBites makes sure that the check finds something.
func TestOpenAPIBites(t *testing.T) {
	o := specification()
	if o == nil {
		t.Skip("needs ../shared/openapi beside the repository")
	}
	schema, err := o.schema("/users/@me", "GET", 200)
	if err != nil {
		t.Fatal(err)
	}
	if schema.Validate(m{"id": "1", "username": "ann"}) == nil {
		t.Error("an incomplete user satisfies the schema")
	}
	if _, err := o.schema("/users/@me", "GET", 201); err == nil {
		t.Error("a status that is not in the file is accepted")
	}
}

func TestPermissions(t *testing.T) {
	grant := func(allow ...string) localdiscord.WorldGrant { return localdiscord.WorldGrant{Allow: allow} }
	deny := func(deny ...string) localdiscord.WorldGrant { return localdiscord.WorldGrant{Deny: deny} }
	s := start(t, localdiscord.Config{World: world(func(w *localdiscord.World) {
		g := &w.Servers[0]
		g.Roles = append(g.Roles, localdiscord.WorldRole{Name: "Managers", Permissions: []string{"MANAGE_GUILD", "Manage Messages"}}, localdiscord.WorldRole{Name: "Admins", Permissions: []string{"ADMINISTRATOR"}})
		g.Members = []localdiscord.WorldMember{{Name: "Ann"}, {Name: "Boris", Roles: []string{"Managers"}}, {Name: "Chen", Nick: "C"}, {Name: "Mynah", Roles: []string{"Trainers"}}}
		g.Channels = []localdiscord.WorldChannel{
			{Name: "general"},
			{Name: "read-only", Overwrites: []localdiscord.WorldOverwrite{{Role: "@everyone", WorldGrant: deny("SEND_MESSAGES")}, {Role: "Trainers", WorldGrant: grant("SEND_MESSAGES")}}},
			{Name: "secret", Overwrites: []localdiscord.WorldOverwrite{{Role: "@everyone", WorldGrant: deny("VIEW_CHANNEL")}, {Member: "Chen", WorldGrant: grant("VIEW_CHANNEL")}}},
			{Name: "no files", Overwrites: []localdiscord.WorldOverwrite{{Member: "Chen", WorldGrant: deny("ATTACH_FILES", "ADD_REACTIONS", "READ_MESSAGE_HISTORY")}}},
		}
	})})
	logins := map[string]*raw{}
	for _, name := range []string{"Ann", "Boris", "Chen", "Mynah"} {
		acct, _ := s.Ready().Account(name)
		logins[name] = &raw{t: t, s: s, acct: acct}
	}
	var first message
	logins["Ann"].must("POST", "/channels/"+channel(t, s, "no files")+"/messages", m{"content": "x"}, &first)
	for _, c := range []struct {
		who, method, path string
		body              any
		files             []upload
		status            int
	}{
		{"Chen", "POST", channel(t, s, "general") + "/messages", m{"content": "x"}, nil, 200},
		{"Chen", "POST", channel(t, s, "read-only") + "/messages", m{"content": "x"}, nil, 403},
		{"Chen", "POST", channel(t, s, "read-only") + "/typing", nil, nil, 403},
		{"Mynah", "POST", channel(t, s, "read-only") + "/messages", m{"content": "x"}, nil, 200},
		{"Ann", "POST", channel(t, s, "read-only") + "/messages", m{"content": "x"}, nil, 200}, // the owner
		{"Boris", "GET", channel(t, s, "secret") + "/messages", nil, nil, 403},
		{"Chen", "GET", channel(t, s, "secret") + "/messages", nil, nil, 200},
		{"Chen", "POST", channel(t, s, "no files") + "/messages", m{"content": "x"}, []upload{{"a.txt", "text/plain", "x"}}, 403},
		{"Chen", "PUT", channel(t, s, "no files") + "/messages/" + first.ID.String() + "/reactions/%F0%9F%91%8D/@me", nil, nil, 403},
		{"Chen", "GET", channel(t, s, "no files") + "/messages/" + first.ID.String(), nil, nil, 403},
		{"Boris", "DELETE", channel(t, s, "no files") + "/messages/" + first.ID.String(), nil, nil, 204},
	} {
		if status, b := logins[c.who].do(c.method, "/channels/"+c.path, c.body, c.files...); status != c.status {
			t.Errorf("%s %s %s: %d %s, want %d", c.who, c.method, c.path, status, b, c.status)
		}
	}
	guild := s.Ready().Servers[0].ID.String()
	ann, chen := logins["Ann"], logins["Chen"]
	admins := roleID(t, ann, guild, "Admins")
	path := "/guilds/" + guild + "/members/" + chen.acct.ID.String() + "/roles/" + admins
	if status, _ := chen.do("PUT", path, nil); status != 403 {
		t.Errorf("Chen grants a role: %d", status)
	}
	ann.must("PUT", path, nil, nil)
	chen.must("POST", "/channels/"+channel(t, s, "read-only")+"/messages", m{"content": "x"}, nil)
	ann.must("DELETE", path, nil, nil)
	if status, _ := chen.do("POST", "/channels/"+channel(t, s, "read-only")+"/messages", m{"content": "x"}); status != 403 {
		t.Errorf("Chen without the role: %d", status)
	}
	chen.must("PATCH", "/guilds/"+guild+"/members/@me", m{"nick": "Chén"}, nil)
	if status, _ := chen.do("PATCH", "/guilds/"+guild+"/members/"+ann.acct.ID.String(), m{"nick": "x"}); status != 403 {
		t.Errorf("Chen renames Ann: %d", status)
	}
}

func roleID(t *testing.T, r *raw, guild, name string) string {
	t.Helper()
	var roles []struct {
		ID   localdiscord.ID
		Name string
	}
	r.must("GET", "/guilds/"+guild+"/roles", nil, &roles)
	for _, role := range roles {
		if role.Name == name {
			return role.ID.String()
		}
	}
	t.Fatalf("no role %q", name)
	return ""
}
