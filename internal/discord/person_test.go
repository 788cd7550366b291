package discord

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/discord/discordtest"
	"github.com/mynahbot/mynah/internal/discord/voice"
)

// person is somebody with a client of their own.
type person struct {
	w     *world
	name  string
	id    snowflake.ID
	token string

	mu   sync.Mutex
	news chan struct{} // closed when something comes
	all  []seen
	read int // how much of all was looked at

	client *discordtest.Client
	conn   *voice.Conn // in a voice channel
}

// seen is an event that a test looks at.
type seen struct {
	Event       string // MESSAGE_CREATE, MESSAGE_UPDATE, TYPING_START, INTERACTION_…, …
	ID          snowflake.ID
	Content     string
	Flags       int
	Attachments []struct {
		Filename    string
		URL         string
		ContentType string  `json:"content_type"`
		Duration    float64 `json:"duration_secs"`
		Waveform    string
	}
	Author struct {
		ID snowflake.ID
	}
	ReferencedMessage *struct{ ID snowflake.ID } `json:"referenced_message"`
	MessageReference  *struct {
		MessageID snowflake.ID `json:"message_id"`
	} `json:"message_reference"`
	Components []struct {
		Components []struct {
			Label    string
			CustomID string `json:"custom_id"`
		}
	}
	UserID   snowflake.ID `json:"user_id"`
	Channel  snowflake.ID `json:"channel_id"`
	Nonce    any
	CustomID string `json:"custom_id"`
	Choices  []struct {
		Name  string
		Value any
	}
	Edited *time.Time `json:"edited_timestamp"`
}

// when is when the local Discord took the message, or its last edit.
func (s seen) when() time.Time {
	if s.Edited != nil {
		return *s.Edited
	}
	return s.ID.Time()
}

func (s seen) edited() bool { return s.Event == "MESSAGE_UPDATE" }

// login connects a person.
func (w *world) login(name string) *person {
	w.t.Helper()
	account, ok := w.line.Account(name)
	if !ok {
		w.t.Fatalf("no account %q", name)
	}
	p := &person{w: w, name: name, id: snowflake.ID(account.ID), token: account.Token, news: make(chan struct{})}
	p.client = discordtest.Login(w.t, w.line.Gateway, discordtest.Account{ID: p.id, Token: p.token}, p.event)
	return p
}

func (p *person) event(kind string, data json.RawMessage) {
	var s seen
	if json.Unmarshal(data, &s) != nil {
		return // an event without these fields
	}
	s.Event = kind
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = append(p.all, s)
	close(p.news)
	p.news = make(chan struct{})
}

// upload is a file to send.
type upload struct {
	name    string
	content []byte
}

// request makes a REST request as the person, with files where there are any.
func (p *person) request(method, path string, body any, files ...upload) []byte {
	p.w.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		p.w.t.Fatal(err)
	}
	kind := "application/json"
	if len(files) > 0 {
		var form bytes.Buffer
		m := multipart.NewWriter(&form)
		p.w.check(m.WriteField("payload_json", string(raw)))
		for i, f := range files {
			part, err := m.CreateFormFile(fmt.Sprintf("files[%d]", i), f.name)
			if err != nil {
				p.w.t.Fatal(err)
			}
			if _, err := part.Write(f.content); err != nil {
				p.w.t.Fatal(err)
			}
		}
		p.w.check(m.Close())
		raw, kind = form.Bytes(), m.FormDataContentType()
	}
	rq, err := http.NewRequest(method, p.w.line.REST+"/v10"+path, bytes.NewReader(raw))
	if err != nil {
		p.w.t.Fatal(err)
	}
	rq.Header.Set("Authorization", p.token)
	rq.Header.Set("Content-Type", kind)
	rs, err := p.w.http.Do(rq)
	if err != nil {
		p.w.t.Fatal(err)
	}
	defer rs.Body.Close()
	answer, err := io.ReadAll(rs.Body)
	if err != nil || rs.StatusCode >= 300 {
		p.w.t.Fatalf("%s %s: %d %s %v", method, path, rs.StatusCode, answer, err)
	}
	return answer
}

// say sends a message, perhaps with files, and returns its id.
func (p *person) say(channel, text string, files ...upload) snowflake.ID {
	p.w.t.Helper()
	return p.send(channel, map[string]any{"content": text}, files...)
}

// answer replies to a message.
func (p *person) answer(channel string, to snowflake.ID, text string) snowflake.ID {
	p.w.t.Helper()
	return p.send(channel, map[string]any{"content": text, "message_reference": map[string]any{"message_id": to.String()}})
}

func (p *person) send(channel string, body map[string]any, files ...upload) snowflake.ID {
	p.w.t.Helper()
	var m struct{ ID snowflake.ID }
	answer := p.request(http.MethodPost, "/channels/"+p.w.channel(channel).String()+"/messages", body, files...)
	if err := json.Unmarshal(answer, &m); err != nil {
		p.w.t.Fatal(err)
	}
	return m.ID
}

// react sets or removes an emoji.
func (p *person) react(method, channel string, message snowflake.ID, emoji string) {
	p.w.t.Helper()
	rq, err := http.NewRequest(method, p.w.line.REST+"/v10/channels/"+p.w.channel(channel).String()+"/messages/"+message.String()+"/reactions/"+emoji+"/@me", nil)
	if err != nil {
		p.w.t.Fatal(err)
	}
	rq.Header.Set("Authorization", p.token)
	rs, err := p.w.http.Do(rq)
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.w.check(rs.Body.Close())
	if rs.StatusCode != http.StatusNoContent {
		p.w.t.Fatalf("%s reaction: %d", method, rs.StatusCode)
	}
}

// slash runs a slash command: "dataset find" with its options.
func (p *person) slash(channel, command string, options map[string]any, files ...upload) {
	p.w.t.Helper()
	p.interact(channel, 2, command, options, "", files...)
}

// complete asks for the choices of one option.
func (p *person) complete(channel, command string, options map[string]any, focused string) []string {
	p.w.t.Helper()
	p.interact(channel, 4, command, options, focused)
	answer := p.await(func(s seen) bool { return s.Event == "APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE" })
	var values []string
	for _, c := range answer.Choices {
		values = append(values, fmt.Sprint(c.Value))
	}
	return values
}

func (p *person) interact(channel string, kind int, command string, options map[string]any, focused string, files ...upload) {
	p.w.t.Helper()
	name, sub, two := strings.Cut(command, " ")
	given := []map[string]any{}
	for option, value := range options {
		o := map[string]any{"name": option, "value": value}
		if option == focused {
			o["focused"] = true
		}
		given = append(given, o)
	}
	if two {
		given = []map[string]any{{"name": sub, "options": given}}
	}
	p.request(http.MethodPost, "/interactions", p.interaction(channel, kind, map[string]any{"name": name, "type": 1, "options": given}), files...)
}

func (p *person) interaction(channel string, kind int, data map[string]any) map[string]any {
	p.w.registered() // Mynah is ready before its commands are
	return map[string]any{
		"type": kind, "application_id": p.w.mynah.disgo.ApplicationID.String(), "channel_id": p.w.channel(channel).String(),
		"nonce": strconv.FormatUint(rand.Uint64(), 10), "data": data,
	}
}

// menu uses a message's context menu.
func (p *person) menu(channel, entry string, target snowflake.ID) {
	p.w.t.Helper()
	p.request(http.MethodPost, "/interactions", p.interaction(channel, 2, map[string]any{"name": entry, "type": 3, "target_id": target.String()}))
}

// submit sends the form that came.
func (p *person) submit(channel string, form seen, text string) {
	p.w.t.Helper()
	p.request(http.MethodPost, "/interactions", p.interaction(channel, 5, map[string]any{
		"id": form.ID.String(), "custom_id": form.CustomID,
		"components": []any{map[string]any{"type": 1, "components": []any{map[string]any{"type": 4, "custom_id": formField, "value": text}}}},
	}))
}

// await returns the next event that satisfies want; what came before it is
// skipped for good.
func (p *person) await(want func(seen) bool) seen {
	p.w.t.Helper()
	deadline := time.After(waitLimit)
	for {
		p.mu.Lock()
		news := p.news
		for p.read < len(p.all) {
			s := p.all[p.read]
			p.read++
			if want(s) {
				p.mu.Unlock()
				return s
			}
		}
		p.mu.Unlock()
		select {
		case <-news:
		case <-deadline:
			p.w.t.Fatalf("%s: what was waited for did not come; what came:\n%s\nlog:\n%s", p.name, p.transcript(), p.w.log)
		}
	}
}

// said waits for a message of Mynah's, new or edited, that says something and
// satisfies want.
func (p *person) said(want func(seen) bool) seen {
	p.w.t.Helper()
	return p.await(func(s seen) bool {
		return (s.Event == "MESSAGE_CREATE" || s.edited()) && s.Author.ID == p.w.mynah.self && s.Flags&128 == 0 && want(s)
	})
}

// saying waits for a message of Mynah's with part in it.
func (p *person) saying(part string) seen {
	p.w.t.Helper()
	return p.said(func(s seen) bool { return strings.Contains(s.Content, part) })
}

// reply waits for the next message of Mynah's.
func (p *person) reply() seen {
	p.w.t.Helper()
	return p.said(func(seen) bool { return true })
}

// ask says a text and returns the reply to it.
func (p *person) ask(channel, text string, files ...upload) seen {
	p.w.t.Helper()
	id := p.say(channel, text, files...)
	return p.said(func(s seen) bool { return s.MessageReference != nil && s.MessageReference.MessageID == id })
}

// written are the messages that were written so far.
func (p *person) written() []seen {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []seen
	for _, s := range p.all {
		if s.Event == "MESSAGE_CREATE" {
			all = append(all, s)
		}
	}
	return all
}

func (p *person) transcript() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	for _, s := range p.all[max(0, len(p.all)-20):] {
		fmt.Fprintf(&b, "%s %d: %.300s\n", s.Event, s.Author.ID, s.Content)
	}
	return b.String()
}
