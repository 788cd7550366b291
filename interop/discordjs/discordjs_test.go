// Package discordjs checks that an unmodified discord.js works with the local Discord.
package discordjs

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/interop/script"
)

const waitLimit = 2 * time.Minute

// bot is the running bot.mjs.
type bot struct{ *script.Script }

// await waits for a step of the bot, and passes over others.
func (b bot) await(step string) map[string]any {
	for {
		if v := b.Next(waitLimit); v["step"] == step {
			return v
		}
	}
}

func want(t *testing.T, got map[string]any, key string, value any) {
	t.Helper()
	if fmt.Sprint(got[key]) != fmt.Sprint(value) {
		t.Errorf("%s is %v, want %v (%v)", key, got[key], value, got)
	}
}

// ann acts as a person over REST.
type ann struct {
	t     *testing.T
	line  localdiscord.Line
	token string
}

func (a ann) do(method, path string, body any, file string) map[string]any {
	a.t.Helper()
	b, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	contentType := "application/json"
	if file != "" {
		var form bytes.Buffer
		w := multipart.NewWriter(&form)
		w.WriteField("payload_json", string(b))
		p, err := w.CreateFormFile("files[0]", "question.txt")
		if err != nil {
			a.t.Fatal(err)
		}
		io.WriteString(p, file)
		w.Close()
		b, contentType = form.Bytes(), w.FormDataContentType()
	}
	base := a.line.REST + "/v10"
	if strings.HasPrefix(path, "/_local/") {
		base = strings.TrimSuffix(a.line.REST, "/api")
	}
	rq, err := http.NewRequestWithContext(a.t.Context(), method, base+path, bytes.NewReader(b))
	if err != nil {
		a.t.Fatal(err)
	}
	rq.Header.Set("Authorization", a.token)
	rq.Header.Set("Content-Type", contentType)
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		a.t.Fatal(err)
	}
	defer rs.Body.Close()
	text, _ := io.ReadAll(rs.Body)
	if rs.StatusCode/100 != 2 {
		a.t.Fatalf("%s %s: %d %s", method, path, rs.StatusCode, text)
	}
	var v map[string]any
	json.Unmarshal(text, &v)
	return v
}

// message waits until a message of the channel satisfies the condition, and returns it.
func (a ann) message(channel string, ok func(map[string]any) bool) map[string]any {
	a.t.Helper()
	deadline := time.Now().Add(waitLimit)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for time.Now().Before(deadline) {
		rq, err := http.NewRequestWithContext(a.t.Context(), "GET", a.line.REST+"/v10/channels/"+channel+"/messages", nil)
		if err != nil {
			a.t.Fatal(err)
		}
		rq.Header.Set("Authorization", a.token)
		rs, err := http.DefaultClient.Do(rq)
		if err != nil {
			a.t.Fatal(err)
		}
		var list []map[string]any
		err = json.NewDecoder(rs.Body).Decode(&list)
		rs.Body.Close()
		if err != nil {
			a.t.Fatal(err)
		}
		for _, m := range list {
			if ok(m) {
				return m
			}
		}
		<-tick.C
	}
	a.t.Fatal("the message did not come")
	return nil
}

func TestDiscordJS(t *testing.T) {
	node := script.NPM(t, "discord.js")
	srv, err := localdiscord.Start(context.Background(), localdiscord.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	line := srv.Ready()
	person, _ := line.Account("Ann")
	mynah, _ := line.Account("Mynah")
	general, _ := line.Channel("general")
	channel := general.ID.String()
	a := ann{t, line, person.Token}
	js := bot{script.Start(t, "discord.js", line, "Mynah", nil, node, "bot.mjs")}

	ready := js.await("ready")
	for key, value := range map[string]any{"user": "mynah", "guild": "Mynah's nest", "commands": 2, "members": 4, "channels": 3, "avatar": 200} {
		want(t, ready, key, value)
	}

	ping := a.do("POST", "/channels/"+channel+"/messages", map[string]any{"content": "ping"}, "the question")
	pinged := js.await("pinged")
	for key, value := range map[string]any{"body": "the question", "fetched": 2, "content": "pong, edited", "attachments": 2, "reference": ping["id"]} {
		want(t, pinged, key, value)
	}
	pong := a.message(channel, func(m map[string]any) bool { return m["content"] == "pong, edited" })
	a.do("PUT", "/channels/"+channel+"/messages/"+pong["id"].(string)+"/reactions/%F0%9F%91%8E/@me", nil, "")
	want(t, js.await("reaction"), "emoji", "👎")

	interaction := func(kind int, data map[string]any, more map[string]any, file string) {
		t.Helper()
		body := map[string]any{"type": kind, "application_id": mynah.ID, "channel_id": channel, "data": data}
		for k, v := range more {
			body[k] = v
		}
		a.do("POST", "/interactions", body, file)
	}
	question := map[string]any{"type": 3, "name": "question", "value": "why"}
	interaction(4, map[string]any{"name": "ask", "type": 1, "options": []any{question, map[string]any{"type": 3, "name": "dataset", "value": "f", "focused": true}}}, nil, "")
	want(t, js.await("completed"), "focused", "f")
	interaction(2, map[string]any{"name": "ask", "type": 1, "options": []any{question, map[string]any{"type": 11, "name": "file", "value": "0"}}}, nil, "attached")
	answered := js.await("answered")
	for key, value := range map[string]any{"same": true, "locale": "en-US", "manage": true} {
		want(t, answered, key, value)
	}
	answer := a.message(channel, func(m map[string]any) bool { return m["content"] == "answer to why attached" })
	if files, _ := answer["attachments"].([]any); len(files) != 1 {
		t.Errorf("the answer has %d files, want 1", len(files))
	}
	interaction(3, map[string]any{"component_type": 2, "custom_id": "more"}, map[string]any{"message_id": pong["id"]}, "")
	js.await("button")
	interaction(2, map[string]any{"name": "Correct this", "type": 3, "target_id": answer["id"]}, nil, "")
	want(t, js.await("modal"), "target", "answer to why attached")
	a.message(channel, func(m map[string]any) bool { return m["content"] == "more" })
	interaction(5, map[string]any{"custom_id": "correct", "components": []any{map[string]any{"type": 1, "components": []any{
		map[string]any{"type": 4, "custom_id": "right", "value": "because"}}}}}, nil, "")
	a.message(channel, func(m map[string]any) bool { return m["content"] == "learned: because" })

	a.do("POST", "/_local/voice", map[string]any{"account": "Ann", "channel": "Talk"}, "")
	want(t, js.await("voice"), "channel", "Talk")
	a.do("POST", "/_local/gateway/drop", map[string]any{"account": "Mynah", "op": 7}, "")
	js.await("resumed")
	a.do("POST", "/_local/voice", map[string]any{"account": "Ann", "channel": nil}, "")
	want(t, js.await("voice"), "channel", nil)
	a.do("POST", "/_local/faults", map[string]any{"method": "POST", "path": "/channels/*/messages/*/reactions/*", "status": 429, "times": 1}, "")
	a.do("POST", "/_local/faults", map[string]any{"method": "POST", "path": "/channels/*/typing", "status": 500, "times": 1}, "")
	a.do("POST", "/_local/faults", map[string]any{"method": "POST", "path": "/channels/*/typing", "status": 429, "retry_after": 0.2, "times": 1}, "")
	a.do("POST", "/channels/"+channel+"/messages", map[string]any{"content": "ping"}, "again")
	want(t, js.await("pinged"), "body", "again")
}
