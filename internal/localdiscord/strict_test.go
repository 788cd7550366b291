package localdiscord_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

type gatewayBot struct {
	Shards int `json:"shards"`
	Limit  struct {
		Total       int   `json:"total"`
		Remaining   int   `json:"remaining"`
		ResetAfter  int64 `json:"reset_after"`
		Concurrency int   `json:"max_concurrency"`
	} `json:"session_start_limit"`
}

func TestSessionsHaveABudgetAndAPace(t *testing.T) {
	c := &clock{}
	s := startStrict(t, localdiscord.Config{Now: c.Now, World: world(func(w *localdiscord.World) {
		w.Gateway = localdiscord.WorldGateway{Identifies: 3, MaxConcurrency: 2}
	})})
	intents := localdiscord.IntentGuilds
	identify := func(shard int) dispatch {
		t.Helper()
		r := dial(t, s, "Mynah")
		r.send(2, m{"token": r.acct.Token, "intents": intents, "shard": []int{shard, 4}, "properties": m{}})
		d, err := r.read()
		if err != nil {
			return dispatch{Op: int(websocket.CloseStatus(err))}
		}
		return d
	}
	var about gatewayBot
	ask := func() gatewayBot {
		t.Helper()
		acct, _ := s.Ready().Account("Mynah")
		_, b := request(t, s, "Bot "+acct.Token, "GET", "/gateway/bot", nil)
		if err := json.Unmarshal(b, &about); err != nil {
			t.Fatalf("%v in %s", err, b)
		}
		return about
	}
	if got := ask(); got.Limit.Total != 3 || got.Limit.Remaining != 3 || got.Limit.Concurrency != 2 || got.Shards != 1 {
		t.Errorf("before: %+v", got)
	}
	if d := identify(0); d.Name != "READY" {
		t.Errorf("the first: %+v", d)
	}
	if d := identify(1); d.Name != "READY" {
		t.Errorf("another remainder at once: %+v", d)
	}
	if got := ask(); got.Limit.Remaining != 1 || got.Limit.ResetAfter <= 0 {
		t.Errorf("after two: %+v", got)
	}
	if d := identify(2); d.Op != 9 || string(d.Data) != "false" {
		t.Errorf("the same remainder at once: %+v", d)
	}
	before, _ := s.Ready().Account("Mynah")
	c.advance(5 * time.Second)
	if d := identify(2); d.Op != 4004 {
		t.Errorf("over the budget: %+v", d)
	}
	if after, _ := s.Ready().Account("Mynah"); after.Token == before.Token {
		t.Error("the token outlived its budget")
	}
	c.advance(24 * time.Hour)
	if d := identify(2); d.Name != "READY" {
		t.Errorf("the next day, with the new token: %+v", d)
	}
}

func TestManyServersAskForShards(t *testing.T) {
	s := start(t, localdiscord.Config{World: world(func(w *localdiscord.World) {
		w.Servers[0].Copies = 3000
	})})
	intents := localdiscord.IntentGuilds
	var about gatewayBot
	r := dial(t, s, "Mynah")
	r.must("GET", "/gateway/bot", nil, &about)
	if about.Shards != 2 {
		t.Errorf("shards: %d", about.Shards)
	}
	r.identify(&intents)
	if code := r.awaitClose(); code != 4011 {
		t.Errorf("one session for 3000 servers: %d", code)
	}
	seen := map[int]bool{}
	for shard := range 2 {
		r := dial(t, s, "Mynah")
		r.send(2, m{"token": r.acct.Token, "intents": intents, "shard": []int{shard, 2}, "properties": m{}})
		var ready struct {
			Guilds []struct {
				ID localdiscord.ID `json:"id"`
			} `json:"guilds"`
		}
		r.await("READY").into(t, &ready)
		for _, g := range ready.Guilds {
			if int(uint64(g.ID)>>22%2) != shard || seen[int(g.ID)] {
				t.Fatalf("server %d in shard %d", g.ID, shard)
			}
			seen[int(g.ID)] = true
		}
	}
	if len(seen) != 3000 {
		t.Errorf("%d servers in all", len(seen))
	}
}

func TestBotsHaveDiscordsLimits(t *testing.T) {
	c := &clock{}
	s := startStrict(t, localdiscord.Config{Now: c.Now})
	mynah, ann := dial(t, s, "Mynah"), dial(t, s, "Ann")
	general := channelID(t, s, "general").String()
	for i := range 5 {
		if status, b := mynah.do("POST", "/channels/"+general+"/messages", m{"content": "x"}); status != 200 {
			t.Fatalf("message %d: %d %s", i, status, b)
		}
	}
	if status, _ := mynah.do("POST", "/channels/"+general+"/messages", m{"content": "x"}); status != 429 {
		t.Errorf("the sixth message in 5 seconds: %d", status)
	}
	if status, _ := ann.do("POST", "/channels/"+general+"/messages", m{"content": "x"}); status != 200 {
		t.Errorf("a person: %d", status)
	}
	c.advance(5 * time.Second)
	many := 0
	for many < 60 {
		if status, b := mynah.do("GET", "/users/@me", nil); status == 429 {
			if !strings.Contains(string(b), `"global":true`) {
				t.Errorf("refused with %s", b)
			}
			break
		}
		many++
	}
	if many != 50 {
		t.Errorf("%d requests in a second", many)
	}
}

func TestGatewayFaults(t *testing.T) {
	s := start(t, localdiscord.Config{})
	intents := localdiscord.IntentGuilds
	mynah := withIntents(t, s, "Mynah", intents)
	var ready struct {
		Resume string `json:"resume_gateway_url"`
	}
	fresh := dial(t, s, "Mynah").identify(&intents)
	fresh.await("READY").into(t, &ready)
	if ready.Resume == "" || ready.Resume == s.Ready().Gateway {
		t.Fatalf("the address for resuming is %q", ready.Resume)
	}
	reach := func() error {
		ws, _, err := websocket.Dial(t.Context(), ready.Resume, nil)
		if err == nil {
			ws.CloseNow()
		}
		return err
	}
	if err := reach(); err != nil {
		t.Error(err)
	}
	local(t, s, "POST", "gateway/resume", `{"alive":false}`)
	if reach() == nil {
		t.Error("the address for resuming still answers")
	}
	local(t, s, "POST", "gateway/resume", `{"alive":true}`)
	if err := reach(); err != nil {
		t.Errorf("it did not come back: %v", err)
	}
	local(t, s, "POST", "gateway/faults", `{"account":"Mynah","on":"resume","close":4009,"times":1}`)
	local(t, s, "POST", "gateway/faults", `{"account":"Mynah","on":"identify","op":9,"times":1}`)
	again := dial(t, s, "Mynah")
	again.send(6, m{"token": mynah.acct.Token, "session_id": mynah.sess, "seq": mynah.seq})
	if code := again.awaitClose(); code != 4009 {
		t.Errorf("a resume: %d", code)
	}
	again = dial(t, s, "Mynah").identify(&intents)
	if d := again.next(); d.Op != 9 {
		t.Errorf("an identify: %+v", d)
	}
	local(t, s, "POST", "gateway/faults", `{"on":"connect","status":503,"times":1}`)
	if ws, _, err := websocket.Dial(t.Context(), s.Ready().Gateway, nil); err == nil {
		ws.CloseNow()
		t.Error("connected through a 503")
	}
	local(t, s, "POST", "gateway/events", `{"account":"Mynah","name":"MADE_UP","data":{"x":[1]}}`)
	if d := fresh.await("MADE_UP"); string(d.Data) != `{"x":[1]}` {
		t.Errorf("an event of no known kind: %s", d.Data)
	}
}

func TestAnOutageAndAKick(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah := withIntents(t, s, "Mynah", localdiscord.IntentGuilds|localdiscord.IntentGuildMessages)
	ann := person(t, s, "Ann")
	general := channelID(t, s, "general").String()
	local(t, s, "POST", "servers", `{"server":"Mynah's nest","away":true}`)
	if d := mynah.await("GUILD_DELETE"); !strings.Contains(string(d.Data), `"unavailable":true`) {
		t.Errorf("an outage: %s", d.Data)
	}
	local(t, s, "POST", "servers", `{"server":"Mynah's nest","away":false}`)
	mynah.await("GUILD_CREATE")
	local(t, s, "POST", "members", `{"server":"Mynah's nest","account":"Mynah","present":false}`)
	if d := mynah.await("GUILD_DELETE"); strings.Contains(string(d.Data), "unavailable") {
		t.Errorf("a kick: %s", d.Data)
	}
	if status, b := mynah.do("GET", "/channels/"+general, nil); status != 403 {
		t.Errorf("a channel of the server: %d %s", status, b)
	}
	if status, _ := ann.do("POST", "/channels/"+general+"/messages", m{"content": "gone"}); status != 200 {
		t.Errorf("the others: %d", status)
	}
	local(t, s, "POST", "members", `{"server":"Mynah's nest","account":"Mynah","present":true}`)
	mynah.await("GUILD_CREATE")
}

func TestNewKindsOfMessages(t *testing.T) {
	s := start(t, localdiscord.Config{World: world(func(w *localdiscord.World) {
		w.Servers[0].Channels = append(w.Servers[0].Channels, localdiscord.WorldChannel{Name: "questions", Type: "forum"})
	})})
	all := localdiscord.IntentsAll
	mynah := withIntents(t, s, "Mynah", all)
	ann := person(t, s, "Ann")
	general, forum := channelID(t, s, "general").String(), channelID(t, s, "questions").String()
	to := "/channels/" + general + "/messages"

	var told message
	ann.must("POST", to, m{"content": "When is the fair?"}, &told, upload{"a.txt", "text/plain", "x"})
	var forward struct {
		message
		Snapshots []struct {
			Message struct {
				Content     string            `json:"content"`
				Attachments []json.RawMessage `json:"attachments"`
			} `json:"message"`
		} `json:"message_snapshots"`
	}
	ann.must("POST", to, m{"message_reference": m{"type": 1, "channel_id": general, "message_id": told.ID}}, &forward)
	if len(forward.Snapshots) != 1 || forward.Snapshots[0].Message.Content != "When is the fair?" || len(forward.Snapshots[0].Message.Attachments) != 1 {
		t.Errorf("a forward: %+v", forward)
	}
	if status, b := ann.do("POST", to, m{"content": "look", "message_reference": m{"type": 1, "channel_id": general, "message_id": told.ID}}); status != 400 {
		t.Errorf("a forward with a text of its own: %d %s", status, b)
	}
	ann.must("POST", to, m{"flags": 32768, "components": []m{{"type": 17, "components": []m{{"type": 10, "content": "in a box"}}}}}, nil)
	ann.must("POST", to, m{"poll": m{"question": m{"text": "Tea?"}, "answers": []m{{"poll_media": m{"text": "yes"}}, {"poll_media": m{"text": "no"}}}}}, nil)
	if status, b := ann.do("POST", to, m{"poll": m{"question": m{"text": ""}, "answers": []m{}}}); status != 400 {
		t.Errorf("a poll without anything: %d %s", status, b)
	}
	local(t, s, "POST", "messages", `{"account":"Ann","channel":"general","content":"odd","over":{"type":99,"components":[{"type":77}]}}`)
	for {
		var got struct {
			Type       int               `json:"type"`
			Components []json.RawMessage `json:"components"`
		}
		if mynah.await("MESSAGE_CREATE").into(t, &got); got.Type == 99 {
			if len(got.Components) != 1 {
				t.Errorf("a message of another type: %+v", got)
			}
			break
		}
	}

	var post struct {
		ID      localdiscord.ID `json:"id"`
		Type    int             `json:"type"`
		Parent  localdiscord.ID `json:"parent_id"`
		Message message         `json:"message"`
	}
	if status, b := ann.do("POST", "/channels/"+forum+"/messages", m{"content": "x"}); status != 400 || !strings.Contains(string(b), "40058") {
		t.Errorf("a message into a forum: %d %s", status, b)
	}
	ann.must("POST", "/channels/"+forum+"/threads", m{"name": "The fair", "message": m{"content": "When?"}}, &post)
	if post.Type != 11 || post.Parent.String() != forum || post.Message.ID != post.ID {
		t.Errorf("a post: %+v", post)
	}
	mynah.await("THREAD_CREATE")
	mynah.must("POST", "/channels/"+post.ID.String()+"/messages", m{"content": "In May."}, nil)
	ann.must("PATCH", "/channels/"+post.ID.String(), m{"archived": true, "locked": true}, nil)
	if status, b := mynah.do("POST", "/channels/"+post.ID.String()+"/messages", m{"content": "x"}); status != 400 || !strings.Contains(string(b), "160005") {
		t.Errorf("a locked thread: %d %s", status, b)
	}
	ann.must("DELETE", "/channels/"+post.ID.String(), nil, nil)
	if status, _ := mynah.do("POST", "/channels/"+post.ID.String()+"/messages", m{"content": "x"}); status != 404 {
		t.Errorf("a deleted thread: %d", status)
	}
	ann.must("POST", to+"/"+told.ID.String()+"/threads", m{"name": "about it"}, nil)
	ann.must("POST", "/channels/"+general+"/threads", m{"name": "beside it", "type": 11}, nil)
	ann.must("GET", "/guilds/"+s.Ready().Servers[0].ID.String()+"/threads/active", nil, nil)
}

func TestWhatServersForbid(t *testing.T) {
	c := &clock{}
	s := start(t, localdiscord.Config{Now: c.Now, World: world(func(w *localdiscord.World) {
		w.Servers[0].Channels = append(w.Servers[0].Channels, localdiscord.WorldChannel{Name: "slow", SlowMode: 10},
			localdiscord.WorldChannel{Name: "short", Overwrites: []localdiscord.WorldOverwrite{
				{Role: "@everyone", WorldGrant: localdiscord.WorldGrant{Deny: []string{"READ_MESSAGE_HISTORY"}}}}})
		w.Bots[0].EntryPoint = true
	})})
	ann, chen, mynah := dial(t, s, "Ann"), dial(t, s, "Chen"), dial(t, s, "Mynah")
	slow, short := "/channels/"+channelID(t, s, "slow").String()+"/messages", "/channels/"+channelID(t, s, "short").String()+"/messages"
	chen.must("POST", slow, m{"content": "one"}, nil)
	if status, b := chen.do("POST", slow, m{"content": "two"}); status != 429 || !strings.Contains(string(b), "20016") {
		t.Errorf("too fast for the slow mode: %d %s", status, b)
	}
	mynah.must("POST", slow, m{"content": "a bot"}, nil)
	mynah.must("POST", slow, m{"content": "needn't wait"}, nil)
	var told message
	ann.must("POST", short, m{"content": "hello"}, &told)
	if status, b := mynah.do("POST", short, m{"content": "hi", "message_reference": m{"message_id": told.ID}}); status != 400 || !strings.Contains(string(b), "160002") {
		t.Errorf("a reply without the history: %d %s", status, b)
	}
	guild := s.Ready().Servers[0].ID.String()
	ann.must("PATCH", "/guilds/"+guild+"/members/"+mynah.acct.ID.String(), m{"communication_disabled_until": c.Now().Add(time.Hour).Format(time.RFC3339)}, nil)
	if status, b := mynah.do("POST", slow, m{"content": "x"}); status != 403 || !strings.Contains(string(b), "50013") {
		t.Errorf("a timeout: %d %s", status, b)
	}
	c.advance(2 * time.Hour)
	mynah.must("POST", slow, m{"content": "again"}, nil)
	commands := "/applications/" + mynah.acct.ID.String() + "/commands"
	if status, b := mynah.do("PUT", commands, []m{{"name": "hi", "description": "Hi"}}); status != 400 || !strings.Contains(string(b), "50240") {
		t.Errorf("commands without the entry point: %d %s", status, b)
	}
	mynah.must("PUT", commands, []m{{"name": "hi", "description": "Hi"}, {"type": 4, "name": "launch", "description": "Launch", "handler": 2}}, nil)
	var roles []struct {
		Managed bool              `json:"managed"`
		Tags    map[string]string `json:"tags"`
	}
	ann.must("GET", "/guilds/"+guild+"/roles", nil, &roles)
	found := false
	for _, r := range roles {
		found = found || r.Managed && r.Tags["bot_id"] == mynah.acct.ID.String()
	}
	if !found {
		t.Errorf("no managed role: %+v", roles)
	}
}

func TestErrorsOnDemand(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah := dial(t, s, "Mynah")
	path := "/channels/" + channelID(t, s, "general").String() + "/messages"
	for name, c := range map[string]struct{ fault, status, body, header string }{
		"a page":                 {`{"times":1,"status":429,"body":"<html>1015</html>","no_retry_after":true}`, "429", "<html>1015</html>", ""},
		"a code":                 {`{"times":1,"status":400,"code":30046,"message":"Maximum number of edits"}`, "400", `"code":30046`, ""},
		"shared":                 {`{"times":1,"status":429,"retry_after":2,"scope":"shared"}`, "429", "rate limited", "shared"},
		"without a Retry-After":  {`{"times":1,"status":429,"retry_after":2,"no_retry_after":true}`, "429", "rate limited", "user"},
		"acknowledged elsewhere": {`{"times":1,"status":400,"code":40060}`, "400", "40060", ""},
	} {
		t.Run(name, func(t *testing.T) {
			local(t, s, "POST", "faults", c.fault)
			rq, err := http.NewRequestWithContext(t.Context(), "POST", s.Ready().REST+"/v10"+path, strings.NewReader(`{"content":"x"}`))
			if err != nil {
				t.Fatal(err)
			}
			rq.Header.Set("Content-Type", "application/json")
			rq.Header.Set("Authorization", "Bot "+mynah.acct.Token)
			rs, err := http.DefaultClient.Do(rq)
			if err != nil {
				t.Fatal(err)
			}
			defer rs.Body.Close()
			var b strings.Builder
			rs.Write(&b)
			if got := b.String(); !strings.HasPrefix(rs.Status, c.status) || !strings.Contains(got, c.body) || rs.Header.Get("X-RateLimit-Scope") != c.header {
				t.Errorf("%s", got)
			}
			if strings.Contains(c.fault, "no_retry_after") && rs.Header.Get("Retry-After") != "" {
				t.Errorf("Retry-After: %s", rs.Header.Get("Retry-After"))
			}
		})
	}
}
