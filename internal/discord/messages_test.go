package discord

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/record"
)

// rules teaches Mynah what "what are the rules" is answered with.
func (w *world) rules(p *person) {
	w.t.Helper()
	unknown := p.ask("general", "!ask what are the rules")
	p.slash("general", "correct", map[string]any{"message": unknown.ID.String(), "correction": "Be kind."})
	p.saying("Noted")
}

// quiet fails where Mynah wrote something since the last look, besides what the ask that follows is answered with.
func (w *world) quiet(p *person, what string, do func()) {
	w.t.Helper()
	before := len(w.mine(p))
	do()
	wants(w.t, what+", the next", p.ask("general", "!hi").Content, "Hi")
	if n := len(w.mine(p)) - before; n != 1 {
		w.t.Errorf("%s: %d messages instead of none", what, n-1)
	}
}

// mine are the messages of Mynah's that somebody has seen.
func (w *world) mine(p *person) []seen {
	account, _ := w.line.Account("Mynah")
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []seen
	for _, s := range p.all {
		if s.Event == "MESSAGE_CREATE" && s.Author.ID == snowflake.ID(account.ID) {
			list = append(list, s)
		}
	}
	return list
}

func TestNewKindsOfMessages(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	w.rules(ann)
	wants(t, "the mode", ann.ask("general", "!settings reply_mode all").Content, "all")
	help := w.channel("help")
	asked := ann.say("help", "what are the rules?")
	forward := func() snowflake.ID {
		return ann.send("general", map[string]any{"message_reference": map[string]any{"type": 1, "channel_id": help.String(), "message_id": asked.String()}})
	}
	ann.said(func(s seen) bool { return s.MessageReference != nil && s.MessageReference.MessageID == asked })
	answers := func(what string, id snowflake.ID) {
		t.Helper()
		got := ann.said(func(s seen) bool { return s.MessageReference != nil && s.MessageReference.MessageID == id })
		wants(t, what, got.Content, "Be kind.")
	}
	answers("a forward", forward())
	answers("components", ann.send("general", map[string]any{"flags": 32768, "components": []any{
		map[string]any{"type": 17, "components": []any{map[string]any{"type": 10, "content": "what are the rules?"}, map[string]any{"type": 14}}},
	}}))
	w.quiet(ann, "a poll", func() {
		ann.send("general", map[string]any{"poll": map[string]any{"question": map[string]any{"text": "what are the rules?"},
			"answers": []any{map[string]any{"poll_media": map[string]any{"text": "none"}}}}})
	})
	w.quiet(ann, "another type", func() {
		w.steer("messages", map[string]any{"account": "Ann", "channel": "general", "content": "what are the rules?", "over": map[string]any{"type": 99}})
	})
	w.quiet(ann, "a pin", func() {
		w.steer("messages", map[string]any{"account": "Ann", "channel": "general", "over": map[string]any{"type": 6}})
	})
	w.quiet(ann, "a sticker", func() {
		ann.send("general", map[string]any{"sticker_ids": []string{"123456789012345678"}})
	})
	// A forward is a question and never a command.
	command := ann.say("help", "!settings prefix ?")
	ann.said(func(s seen) bool { return s.MessageReference != nil && s.MessageReference.MessageID == command })
	ann.say("help", "?settings prefix !")
	ann.saying("!")
	func() {
		id := ann.send("general", map[string]any{"message_reference": map[string]any{"type": 1, "channel_id": help.String(), "message_id": command.String()}})
		got := ann.said(func(s seen) bool { return s.MessageReference != nil && s.MessageReference.MessageID == id })
		wants(t, "a forward of a command", got.Content, "don't know")
	}()
	wants(t, "the prefix of before", ann.ask("general", "!hi").Content, "Hi")
}

func TestWhatIsQuoted(t *testing.T) {
	text := func(s string) *string { return &s }
	for name, tc := range map[string]struct {
		message discord.Message
		want    string
	}{
		"a text":    {discord.Message{Content: "a", Embeds: []discord.Embed{{Title: "b"}}}, "a"},
		"a forward": {discord.Message{MessageSnapshots: []discord.MessageSnapshot{{Message: discord.PartialMessage{Content: "a"}}}}, "a"},
		"a forward of components": {discord.Message{MessageSnapshots: []discord.MessageSnapshot{{Message: discord.PartialMessage{
			Components: []discord.LayoutComponent{discord.TextDisplayComponent{Content: "a"}}}}}}, "a"},
		"components": {discord.Message{Components: []discord.LayoutComponent{
			discord.ContainerComponent{Components: []discord.ContainerSubComponent{discord.TextDisplayComponent{Content: "a"}}},
			discord.TextDisplayComponent{Content: "b"}}}, "a\nb"},
		"an embed": {discord.Message{Embeds: []discord.Embed{{Title: "a", Description: "b"}}}, "a\nb"},
		"a poll": {discord.Message{Poll: &discord.Poll{Question: discord.PollMedia{Text: text("a")},
			Answers: []discord.PollAnswer{{PollMedia: discord.PollMedia{Text: text("b")}}}}}, "a\n- b"},
		"nothing": {discord.Message{}, ""},
	} {
		if got := quotedText(tc.message); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
	}
}

func TestMynahIsCalledInManyWays(t *testing.T) {
	for _, tc := range []struct {
		text, name, rest string
		ok               bool
	}{
		{"@Mynah what is up", "Mynah", "what is up", true},
		{"  @mynah, hello", "Mynah", "hello", true},
		{"@Mynah: hello", "Mynah", "hello", true},
		{"@Mynah", "Mynah", "", true},
		{"@Mynahs what", "Mynah", "", false},
		{"@Mynah_2 what", "Mynah", "", false},
		{"what @Mynah", "Mynah", "", false},
		{"Mynah what", "Mynah", "", false},
		{"@Мина привет", "мина", "привет", true},
		{"@", "", "", false},
	} {
		if rest, ok := afterName(tc.text, tc.name); ok != tc.ok || rest != tc.rest {
			t.Errorf("%q: %q %v", tc.text, rest, ok)
		}
	}
	w := newWorld(t, nil)
	ann := w.login("Ann")
	role := ""
	for r := range w.mynah.disgo.Caches.Roles(talkGuild(w)) {
		if r.Tags != nil && r.Tags.BotID != nil {
			role = "<@&" + r.ID.String() + ">"
		}
	}
	if role == "" {
		t.Fatal("Mynah has no role of its own")
	}
	for name, text := range map[string]string{"its user": w.mention() + " who are you", "its role": role + " who are you", "its name": "@Mynah who are you"} {
		wants(t, name, ann.ask("general", text).Content, "I am Mynah")
	}
	w.quiet(ann, "a name in the middle", func() { ann.say("general", "ask @Mynah who are you") })
	w.quiet(ann, "another role", func() { ann.say("general", "<@&"+trainers(w)+"> who are you") })
}

func TestThreadsInheritTheirChannelsMode(t *testing.T) {
	world := localdiscord.DefaultWorld()
	world.Servers[0].Channels = append(world.Servers[0].Channels, localdiscord.WorldChannel{Name: "questions", Type: "forum"})
	w := newWorldIn(t, localdiscord.Config{World: world}, nil)
	ann := w.login("Ann")
	w.rules(ann)
	in := func(channel snowflake.ID, text string) snowflake.ID {
		t.Helper()
		var m struct{ ID snowflake.ID }
		if err := json.Unmarshal(ann.request(http.MethodPost, "/channels/"+channel.String()+"/messages", map[string]any{"content": text}), &m); err != nil {
			t.Fatal(err)
		}
		return m.ID
	}
	open := func(path string, body map[string]any) snowflake.ID {
		t.Helper()
		var th struct{ ID snowflake.ID }
		if err := json.Unmarshal(ann.request(http.MethodPost, path, body), &th); err != nil {
			t.Fatal(err)
		}
		return th.ID
	}
	answered := func(what string, id snowflake.ID) {
		t.Helper()
		wants(t, what, ann.said(func(s seen) bool { return s.MessageReference != nil && s.MessageReference.MessageID == id }).Content, "Be kind.")
	}
	thread := open("/channels/"+w.channel("general").String()+"/threads", map[string]any{"name": "beside", "type": 11})
	w.quiet(ann, "a thread of a channel without a mode", func() { in(thread, "what are the rules?") })
	wants(t, "the mode", ann.ask("general", "!settings reply_mode all channel:<#"+w.channel("general").String()+">").Content, "all")
	answered("a thread of a channel whose mode is all", in(thread, "what are the rules?"))
	wants(t, "its own mode", ann.ask("general", "!settings reply_mode mention channel:<#"+thread.String()+">").Content, "mention")
	before := len(w.mine(ann))
	in(thread, "what are the rules?")
	wants(t, "the channel still", ann.ask("general", "!hi").Content, "Hi")
	if n := len(w.mine(ann)) - before; n != 1 {
		t.Errorf("a thread with a mode of its own: %d messages", n-1)
	}
	forum := w.channel("questions")
	wants(t, "the forum's mode", ann.ask("general", "!settings reply_mode all channel:<#"+forum.String()+">").Content, "all")
	post := open("/channels/"+forum.String()+"/threads", map[string]any{"name": "rules", "message": map[string]any{"content": "what are the rules?"}})
	answered("a forum's post", post)
	// The text chat of a voice channel.
	answered("a voice channel's chat", func() snowflake.ID {
		wants(t, "the mode", ann.ask("general", "!settings reply_mode all channel:<#"+w.channel("Talk").String()+">").Content, "all")
		return in(w.channel("Talk"), "what are the rules?")
	}())
	// An archived thread isn't opened by what comes unasked.
	ann.request(http.MethodPatch, "/channels/"+thread.String(), map[string]any{"archived": true})
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		if th, ok := w.mynah.thread(thread); ok && th.ThreadMetadata.Archived {
			break
		}
		if time.Since(began) > waitLimit {
			t.Fatal("the thread is not known to be archived")
		}
	}
	if _, err := w.mynah.Post(t.Context(), recordChannel(thread), reply("unasked")); err == nil {
		t.Error("an archived thread was written to")
	}
}

func TestStrangersAreRefused(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	w.registered()
	account, _ := w.line.Account("Mynah")
	// An application that people may install for themselves, as one that was set up so in the portal.
	for _, cmd := range w.commandIDs() {
		rq, _ := http.NewRequest(http.MethodPatch, w.line.REST+"/v10/applications/"+account.ID.String()+"/commands/"+cmd, strings.NewReader(`{"integration_types":[0,1]}`))
		rq.Header.Set("Authorization", "Bot "+account.Token)
		rs, err := w.http.Do(rq)
		if err != nil || rs.StatusCode != http.StatusOK {
			t.Fatal(rs, err)
		}
		w.check(rs.Body.Close())
	}
	w.steer("members", map[string]any{"server": w.line.Servers[0].Name, "account": "Mynah", "present": false})
	for w.mynah.present(talkGuild(w)) {
		time.Sleep(10 * time.Millisecond)
	}
	w.steer("interactions", map[string]any{"account": "Ann", "channel": "general", "application": "Mynah", "command": "settings",
		"options": map[string]any{"name": "prefix", "value": "?"}, "foreign": true})
	got := ann.saying("not a member")
	if got.Flags&64 == 0 || !strings.Contains(got.Content, "https://") {
		t.Errorf("%+v", got)
	}
	if s, err := w.store.Settings(t.Context(), w.server); err != nil || s.Prefix != "" {
		t.Errorf("the settings were changed: %+v %v", s, err)
	}
}

// commandIDs are the ids of Mynah's commands.
func (w *world) commandIDs() []string {
	w.t.Helper()
	account, _ := w.line.Account("Mynah")
	rq, _ := http.NewRequest(http.MethodGet, w.line.REST+"/v10/applications/"+account.ID.String()+"/commands", nil)
	rq.Header.Set("Authorization", "Bot "+account.Token)
	rs, err := w.http.Do(rq)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rs.Body.Close()
	var list []struct{ ID, Name string }
	if err := json.NewDecoder(rs.Body).Decode(&list); err != nil {
		w.t.Fatal(err)
	}
	var ids []string
	for _, cmd := range list {
		if cmd.Name == "settings" {
			ids = append(ids, cmd.ID)
		}
	}
	return ids
}

func TestRefusalsLeadToTheNextBestWay(t *testing.T) {
	for name, tc := range map[string]struct {
		fault  map[string]any
		want   string
		direct bool
		reply  bool // still refers to the question
	}{
		"no history":         {fault: map[string]any{"status": 400, "code": 160002}, want: "Hi, Ann!"},
		"an unknown message": {fault: map[string]any{"status": 400, "code": 50035}, want: "Hi, Ann!"},
		"a short slow mode":  {fault: map[string]any{"status": 429, "code": 20016, "retry_after": 0.3}, want: "Hi, Ann!", reply: true},
		"a long slow mode":   {fault: map[string]any{"status": 429, "code": 20016, "retry_after": 600}, want: "slow mode", direct: true},
		"no permission":      {fault: map[string]any{"status": 403, "code": 50013}, want: "Send Messages", direct: true},
		"no access":          {fault: map[string]any{"status": 403, "code": 50001}, want: "View Channel", direct: true},
		"a locked thread":    {fault: map[string]any{"status": 400, "code": 160005}, want: "locked", direct: true},
		"no channel":         {fault: map[string]any{"status": 404, "code": 10003}, want: "isn't there any more", direct: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			ann := w.login("Ann")
			tc.fault["path"], tc.fault["method"], tc.fault["times"] = "/channels/"+w.channel("general").String()+"/messages", "POST", 1
			id := w.sayThenFault(ann, tc.fault)
			got := ann.saying("Hi, Ann!")
			wants(t, "the answer", got.Content, tc.want)
			if direct := got.Channel != w.channel("general"); direct != tc.direct {
				t.Errorf("in channel %d", got.Channel)
			}
			if reply := got.MessageReference != nil && got.MessageReference.MessageID == id; reply != tc.reply {
				t.Errorf("refers to %+v", got.MessageReference)
			}
			for _, word := range []string{"Something broke", "a command failed"} {
				if strings.Contains(ann.transcript()+w.log.all(), word) {
					t.Errorf("%q: %s\n%s", word, ann.transcript(), w.log.all())
				}
			}
		})
	}
}

// Discord lets a bot write five messages in five seconds into a channel.
func TestErrorsAreToldThroughDiscordsLimits(t *testing.T) {
	w := newWorldIn(t, localdiscord.Config{World: strict()}, nil)
	ann := w.login("Ann")
	for i := range 8 {
		wants(t, fmt.Sprint("error ", i), ann.ask("general", "!getfile ../secret").Content, "leads out of")
	}
	if strings.Contains(w.log.all(), "could not be told") {
		t.Error(w.log.all())
	}
}

func TestAnAnswerThatWasLostIsNotGivenTwice(t *testing.T) {
	for name, tc := range map[string]struct {
		fault map[string]any
		times int
	}{
		"the callback's answer is late":  {map[string]any{"path": "/interactions/*/*/callback", "status": 502, "after": true, "delay_ms": 4000, "times": 1}, 1},
		"the callback's answer is lost":  {map[string]any{"path": "/interactions/*/*/callback", "status": 502, "after": true, "times": 1}, 1},
		"the callback doesn't get there": {map[string]any{"path": "/interactions/*/*/callback", "status": 502, "times": 10}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			ann := w.login("Ann")
			w.registered()
			w.steer("faults", tc.fault)
			ann.slash("general", "hi", nil)
			ann.saying("Hi, Ann!")
			w.clear("faults")
			wants(t, "the next", ann.ask("general", "!hi").Content, "Hi, Ann!")
			if n := strings.Count(ann.transcript(), "Hi, Ann!"); n != tc.times+1 {
				t.Errorf("%d answers:\n%s", n-1, ann.transcript())
			}
			account, _ := w.line.Account("Mynah")
			for _, secret := range []string{account.Token, "aW50ZXJhY3Rpb24"} {
				if strings.Contains(w.log.all(), secret) {
					t.Errorf("a token stands in the log:\n%s", w.log.all())
				}
			}
		})
	}
}

func TestAFollowUpIsLookedForBeforeItIsRepeated(t *testing.T) {
	for name, after := range map[string]bool{"it got there": true, "it didn't": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			ann := w.login("Ann")
			w.registered()
			long := strings.Repeat("A rather long sentence for a test. ", 90)
			unknown := ann.ask("general", "!ask what are the rules")
			ann.slash("general", "correct", map[string]any{"message": unknown.ID.String(), "correction": long})
			ann.saying("Noted")
			w.steer("faults", map[string]any{"method": "POST", "path": "/webhooks/*/*", "status": 502, "after": after, "times": 1})
			ann.slash("general", "ask", map[string]any{"question": "what are the rules"})
			ann.reply()
			ann.reply()
			wants(t, "the next", ann.ask("general", "!hi").Content, "Hi, Ann!")
			parts := 0
			for _, s := range w.mine(ann) {
				if strings.HasPrefix(s.Content, "A rather long") {
					parts++
				}
			}
			if parts != 2 {
				t.Errorf("%d parts of two:\n%s", parts, ann.transcript())
			}
		})
	}
}

func recordChannel(id snowflake.ID) record.ChannelID { return record.ChannelID(id) }

func reply(text string) bot.Reply { return bot.Reply{Text: text} }

func TestBoostsDecideHowLargeAFileMayBe(t *testing.T) {
	for tier, sent := range map[int]bool{0: false, 2: true} {
		world := localdiscord.DefaultWorld()
		world.Servers[0].Tier = tier
		w := newWorldIn(t, localdiscord.Config{World: world}, nil)
		space, err := w.spaces.Workspace(w.server)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := space.Create("files/big.bin", bytes.NewReader(make([]byte, 12<<20))); err != nil {
			t.Fatal(err)
		}
		ann := w.login("Ann")
		got := ann.ask("general", "!getfile files/big.bin")
		if (len(got.Attachments) == 1) != sent {
			t.Errorf("boosts of level %d: %q with %d files", tier, got.Content, len(got.Attachments))
		}
		ann.slash("general", "getfile", map[string]any{"path": "files/big.bin"})
		answer := ann.await(func(s seen) bool {
			return s.Author.ID == w.mynahID() && s.Flags&128 == 0 && (len(s.Attachments) == 1 || strings.Contains(s.Content, "can't be sent"))
		})
		if (len(answer.Attachments) == 1) != sent {
			t.Errorf("boosts of level %d, by an interaction: %q with %d files", tier, answer.Content, len(answer.Attachments))
		}
	}
}

func TestAnEndThatCantBeEditedInIsPosted(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	ann.say("general", "!train", upload{"many.csv", []byte(manyExamples())})
	queued := ann.saying("Training **#1**")
	w.steer("faults", map[string]any{"method": "PATCH", "path": "/channels/*/messages/*", "status": 429, "code": 30046, "retry_after": 600})
	if end := ann.saying("has ended"); end.ID == queued.ID {
		t.Error("the message was edited all the same")
	}
}

func TestOnlyVoiceChannelsAreOfferedToJoin(t *testing.T) {
	w := newWorld(t, nil)
	w.registered()
	account, _ := w.line.Account("Mynah")
	rq, _ := http.NewRequest(http.MethodGet, w.line.REST+"/v10/applications/"+account.ID.String()+"/commands", nil)
	rq.Header.Set("Authorization", "Bot "+account.Token)
	rs, err := w.http.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	var list []struct {
		Name             string
		IntegrationTypes []int `json:"integration_types"`
		Options          []struct {
			Name         string
			ChannelTypes []int `json:"channel_types"`
		}
	}
	if err := json.NewDecoder(rs.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	found := false
	for _, cmd := range list {
		if len(cmd.IntegrationTypes) != 1 || cmd.IntegrationTypes[0] != 0 {
			t.Errorf("%s can be installed as %v", cmd.Name, cmd.IntegrationTypes)
		}
		if cmd.Name == "join" {
			found = fmt.Sprint(cmd.Options[0].ChannelTypes) == "[2 13]"
		}
	}
	if !found {
		t.Error("join offers other channels too")
	}
}
