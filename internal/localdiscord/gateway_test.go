package localdiscord_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

func off() *bool { b := false; return &b }

func world(change func(*localdiscord.World)) localdiscord.World {
	w := localdiscord.DefaultWorld()
	change(&w)
	return w
}

func TestIdentifyRefused(t *testing.T) {
	s := start(t, localdiscord.Config{World: world(func(w *localdiscord.World) { w.Bots[0].Intents.MessageContent = off() })})
	token := func(name string) string { a, _ := s.Ready().Account(name); return a.Token }
	for name, c := range map[string]struct {
		op   int
		d    any
		code websocket.StatusCode
	}{
		"bad token":                {2, m{"token": "nonsense", "intents": 1}, 4004},
		"intent that is off":       {2, m{"token": token("Mynah"), "intents": 1<<15 | 1}, 4014},
		"unknown intent":           {2, m{"token": token("Mynah"), "intents": 1 << 40}, 4013},
		"bot without intents":      {2, m{"token": token("Mynah")}, 4013},
		"invalid shard":            {2, m{"token": token("Mynah"), "intents": 1, "shard": []int{2, 2}}, 4010},
		"not authenticated":        {4, m{}, 4003},
		"identify of another type": {2, []int{1}, 4002},
		"resume with a bad token":  {6, m{"token": "nonsense", "session_id": "x", "seq": 1}, 4004},
	} {
		t.Run(name, func(t *testing.T) {
			r := dial(t, s, "Mynah")
			r.send(c.op, c.d)
			if code := r.awaitClose(); code != c.code {
				t.Errorf("closed with %d, want %d", code, c.code)
			}
		})
	}
	intents := localdiscord.IntentGuilds
	r := dial(t, s, "Mynah").identify(&intents)
	r.await("READY")
	r.send(2, m{"token": token("Mynah"), "intents": 1})
	if code := r.awaitClose(); code != 4005 {
		t.Errorf("a second identify: %d, want 4005", code)
	}
	r = dial(t, s, "Mynah").identify(&intents)
	r.send(99, nil)
	if code := r.awaitClose(); code != 4001 {
		t.Errorf("unknown opcode: %d, want 4001", code)
	}
}

func TestHeartbeatAndSendLimit(t *testing.T) {
	s := start(t, localdiscord.Config{})
	r := withIntents(t, s, "Mynah", localdiscord.IntentsAll)
	r.send(1, 5)
	r.awaitOp(11)
	for range 119 {
		r.send(1, nil)
	}
	if code := r.awaitClose(); code != 4008 {
		t.Errorf("after 121 messages: %d, want 4008", code)
	}
}

func TestSilentClient(t *testing.T) {
	now := &clock{}
	s := start(t, localdiscord.Config{Now: now.Now})
	r := withIntents(t, s, "Mynah", localdiscord.IntentsAll)
	now.advance(2 * time.Minute)
	if code := r.awaitClose(); code != 4009 {
		t.Errorf("without heartbeats: %d, want 4009", code)
	}
}

// TestMessageContent checks that the content goes to those with the intent, and to a mentioned bot without it.
func TestMessageContent(t *testing.T) {
	s := start(t, localdiscord.Config{})
	const some = localdiscord.IntentGuilds | localdiscord.IntentGuildMessages | localdiscord.IntentDirectMessages
	blind, full, ann := withIntents(t, s, "Mynah", some), withIntents(t, s, "Mynah", some|localdiscord.IntentMessageContent), person(t, s, "Ann")
	boris := withIntents(t, s, "Boris", some)
	path := "/channels/" + channel(t, s, "general") + "/messages"
	mention := "<@" + blind.acct.ID.String() + "> hello"
	for _, text := range []string{"secret", mention} {
		ann.must("POST", path, m{"content": text, "embeds": []m{{"title": "e"}}}, nil)
	}
	blind.must("POST", path, m{"content": "own"}, nil)
	for _, c := range []struct {
		r    *raw
		want []string
	}{{blind, []string{"", mention, "own"}}, {full, []string{"secret", mention, "own"}}, {boris, []string{"secret", mention, "own"}}, {ann, []string{"secret", mention, "own"}}} {
		for i, want := range c.want {
			var got message
			c.r.await("MESSAGE_CREATE").into(t, &got)
			if got.Content != want || (len(got.Embeds) > 0) != (want != "" && i < 2) {
				t.Errorf("%s got %q with %d embeds, want %q", c.r.acct.Name, got.Content, len(got.Embeds), want)
			}
		}
	}
}

func TestIntentsFilter(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah, ann := withIntents(t, s, "Mynah", localdiscord.IntentGuilds|localdiscord.IntentGuildMessageTyping), person(t, s, "Ann")
	general := channel(t, s, "general")
	ann.must("POST", "/channels/"+general+"/messages", m{"content": "x"}, nil)
	ann.must("POST", "/channels/"+general+"/typing", nil, nil)
	if d := mynah.next(); d.Name != "TYPING_START" {
		t.Errorf("got %s, want TYPING_START only", d.Name)
	}
}

func TestResume(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah, ann := withIntents(t, s, "Mynah", localdiscord.IntentsAll), person(t, s, "Ann")
	path := "/channels/" + channel(t, s, "general") + "/messages"
	resume := func() { mynah.send(6, m{"token": mynah.acct.Token, "session_id": mynah.sess, "seq": mynah.seq}) }
	for i, drop := range []string{`{"account":"Mynah","close":4000}`, `{"account":"Mynah","abort":true}`, `{"account":"Mynah","op":7}`, `{"account":"Mynah","op":9,"resumable":true}`} {
		local(t, s, "POST", "gateway/drop", drop)
		ann.must("POST", path, m{"content": fmt.Sprint("missed ", i)}, nil)
		switch i {
		case 0:
			if code := mynah.awaitClose(); code != 4000 {
				t.Errorf("close code %d, want 4000", code)
			}
		case 1:
			if code := mynah.awaitClose(); code != -1 {
				t.Errorf("close code %d, want a connection that is cut", code)
			}
		case 2:
			mynah.awaitOp(7)
			mynah.ws.CloseNow()
		case 3:
			if d := mynah.awaitOp(9); string(d.Data) != "true" {
				t.Errorf("op 9 with %s", d.Data)
			}
			mynah.ws.CloseNow()
		}
		mynah.connect()
		resume()
		var got message
		mynah.await("MESSAGE_CREATE").into(t, &got)
		if want := fmt.Sprint("missed ", i); got.Content != want {
			t.Errorf("replayed %q, want %q", got.Content, want)
		}
		mynah.await("RESUMED")
	}
	// A session that the server has forgotten, or a number that it has not sent, can't be resumed.
	seq := mynah.seq
	mynah.seq += 100
	mynah.ws.CloseNow()
	mynah.connect()
	resume()
	if d := mynah.awaitOp(9); string(d.Data) != "false" {
		t.Errorf("resume from the future: op 9 with %s", d.Data)
	}
	mynah.seq = seq
	resume()
	mynah.await("RESUMED")
	local(t, s, "POST", "gateway/drop", `{"account":"Mynah","op":9}`)
	mynah.awaitOp(9)
	mynah.ws.CloseNow()
	mynah.connect()
	resume()
	mynah.awaitOp(9)
	intents := localdiscord.IntentsAll
	mynah.identify(&intents)
	mynah.await("GUILD_CREATE")
}

// TestReplayLimit checks that a client that stays away too long has to begin anew.
func TestReplayLimit(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah, ann := withIntents(t, s, "Mynah", localdiscord.IntentsAll), person(t, s, "Ann")
	general := channel(t, s, "general")
	local(t, s, "POST", "gateway/drop", `{"account":"Mynah","abort":true}`)
	for range 4200 {
		ann.must("POST", "/channels/"+general+"/typing", nil, nil)
	}
	mynah.connect()
	mynah.send(6, m{"token": mynah.acct.Token, "session_id": mynah.sess, "seq": mynah.seq})
	mynah.awaitOp(9)
}

func TestRequestGuildMembers(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah := withIntents(t, s, "Mynah", localdiscord.IntentsAll)
	guild := s.Ready().Servers[0].ID
	ann, _ := s.Ready().Account("Ann")
	for name, c := range map[string]struct {
		query m
		want  int
	}{
		"all":     {m{"guild_id": guild, "query": "", "limit": 0, "nonce": "a"}, 4},
		"prefix":  {m{"guild_id": []localdiscord.ID{guild}, "query": "bo", "limit": 10, "nonce": "a"}, 1},
		"by ID":   {m{"guild_id": guild, "user_ids": ann.ID, "nonce": "a"}, 1},
		"unknown": {m{"guild_id": guild, "user_ids": []string{"5"}, "nonce": "a"}, 0},
	} {
		mynah.send(8, c.query)
		var chunk struct {
			Members []json.RawMessage `json:"members"`
			Nonce   string            `json:"nonce"`
		}
		mynah.await("GUILD_MEMBERS_CHUNK").into(t, &chunk)
		if len(chunk.Members) != c.want || chunk.Nonce != "a" {
			t.Errorf("%s: %d members, want %d", name, len(chunk.Members), c.want)
		}
	}
}

func TestVoiceStates(t *testing.T) {
	s := start(t, localdiscord.Config{World: world(func(w *localdiscord.World) {
		w.Servers[0].Channels = append(w.Servers[0].Channels, localdiscord.WorldChannel{Name: "Closed", Type: "voice",
			Overwrites: []localdiscord.WorldOverwrite{{Role: "@everyone", WorldGrant: localdiscord.WorldGrant{Deny: []string{"CONNECT"}}}}})
	})})
	mynah, ann := withIntents(t, s, "Mynah", localdiscord.IntentsAll), person(t, s, "Ann")
	guild := s.Ready().Servers[0].ID
	talk, _ := s.Ready().Channel("Talk")
	closed, _ := s.Ready().Channel("Closed")
	state := func(r *raw) (user localdiscord.ID, channel localdiscord.ID) {
		t.Helper()
		var v struct {
			UserID    localdiscord.ID `json:"user_id"`
			ChannelID localdiscord.ID `json:"channel_id"`
		}
		r.await("VOICE_STATE_UPDATE").into(t, &v)
		return v.UserID, v.ChannelID
	}
	mynah.send(4, m{"guild_id": guild, "channel_id": closed.ID}) // ignored
	// discord.py sends integers.
	mynah.send(4, m{"guild_id": uint64(guild), "channel_id": uint64(talk.ID), "self_mute": false, "self_deaf": true})
	if user, ch := state(ann); user != mynah.acct.ID || ch != talk.ID {
		t.Errorf("%v is in %v", user, ch)
	}
	mynah.must("GET", "/guilds/"+guild.String()+"/voice-states/@me", nil, nil)
	local(t, s, "POST", "voice", `{"account":"Boris","channel":"Talk"}`)
	boris, _ := s.Ready().Account("Boris")
	state(mynah)
	if user, ch := state(mynah); user != boris.ID || ch != talk.ID {
		t.Errorf("%v is in %v", user, ch)
	}
	ann.must("PATCH", "/guilds/"+guild.String()+"/members/"+boris.ID.String(), m{"channel_id": closed.ID}, nil)
	if _, ch := state(mynah); ch != closed.ID {
		t.Errorf("moved to %v", ch)
	}
	local(t, s, "POST", "voice", `{"account":"Boris","channel":null}`)
	if _, ch := state(mynah); ch != 0 {
		t.Errorf("left, but is in %v", ch)
	}
	// Logging out leaves the channel.
	state(ann)
	state(ann)
	state(ann)
	mynah.ws.Close(websocket.StatusNormalClosure, "")
	if user, ch := state(ann); user != mynah.acct.ID || ch != 0 {
		t.Errorf("after logging out %v is in %v", user, ch)
	}
}

// voiceServer writes down what it is told.
type voiceServer struct{ calls chan string }

func (v *voiceServer) Connect(_ context.Context, vs localdiscord.VoiceSession) (endpoint, token string, err error) {
	v.calls <- fmt.Sprintf("connect %v %v speak=%v", vs.UserID, vs.ChannelID, vs.CanSpeak)
	return "127.0.0.1:1", "voice-token", nil
}

func (v *voiceServer) Disconnect(vs localdiscord.VoiceSession) {
	v.calls <- fmt.Sprintf("disconnect %v %v", vs.UserID, vs.ChannelID)
}

func (v *voiceServer) Move(guild localdiscord.ID) { v.calls <- fmt.Sprintf("move %v", guild) }

func TestVoiceServerIsTold(t *testing.T) {
	voice := &voiceServer{calls: make(chan string, 10)}
	s := start(t, localdiscord.Config{Voice: voice, World: world(func(w *localdiscord.World) {
		w.Servers[0].Channels = append(w.Servers[0].Channels, localdiscord.WorldChannel{Name: "Stage", Type: "voice",
			Overwrites: []localdiscord.WorldOverwrite{{Role: "@everyone", WorldGrant: localdiscord.WorldGrant{Deny: []string{"SPEAK"}}}}})
	})})
	mynah := withIntents(t, s, "Mynah", localdiscord.IntentsAll)
	guild := s.Ready().Servers[0].ID
	talk, _ := s.Ready().Channel("Talk")
	stage, _ := s.Ready().Channel("Stage")
	told := func(format string, args ...any) {
		t.Helper()
		if got, want := recv(t, voice.calls, "the call"), fmt.Sprintf(format, args...); got != want {
			t.Errorf("the voice server was told %q, want %q", got, want)
		}
	}
	mynah.send(4, m{"guild_id": guild, "channel_id": talk.ID})
	told("connect %v %v speak=true", mynah.acct.ID, talk.ID)
	var update struct {
		Token, Endpoint string
		GuildID         localdiscord.ID `json:"guild_id"`
	}
	mynah.await("VOICE_SERVER_UPDATE").into(t, &update)
	if update.Token != "voice-token" || update.Endpoint != "127.0.0.1:1" || update.GuildID != guild {
		t.Errorf("%+v", update)
	}
	local(t, s, "POST", "voice", `{"account":"Mynah","channel":"Talk","mute":true}`)
	told("connect %v %v speak=false", mynah.acct.ID, talk.ID)
	local(t, s, "POST", "voice", `{"account":"Mynah","channel":"Stage","mute":false}`)
	told("connect %v %v speak=false", mynah.acct.ID, stage.ID)
	mynah.await("VOICE_SERVER_UPDATE")
	if !s.MoveVoice(guild) || s.MoveVoice(5) {
		t.Error("MoveVoice knows the wrong guilds")
	}
	told("move %v", guild)
	told("connect %v %v speak=false", mynah.acct.ID, stage.ID)
	mynah.await("VOICE_SERVER_UPDATE") // the endpoint vanishes
	mynah.await("VOICE_SERVER_UPDATE")
	mynah.ws.Close(websocket.StatusNormalClosure, "")
	told("disconnect %v %v", mynah.acct.ID, stage.ID)
}
