package discord

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/record"
)

// steer posts to the local Discord's own endpoints.
func (w *world) steer(path string, body any) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	rs, err := w.http.Post(w.line.Page+"_local/"+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		w.t.Fatal(err)
	}
	w.check(rs.Body.Close())
	if rs.StatusCode >= 300 {
		w.t.Fatalf("%s: %d", path, rs.StatusCode)
	}
}

func TestDiscordFailsInTheMiddleOfACommand(t *testing.T) {
	for name, fault := range map[string]map[string]any{
		"429":                {"path": "/channels/*/messages", "method": "POST", "times": 2, "status": 429, "retry_after": 0.2},
		"429 global":         {"path": "/channels/*/messages", "method": "POST", "times": 1, "status": 429, "retry_after": 0.3, "global": true},
		"500":                {"path": "/channels/*/messages", "method": "POST", "times": 3, "status": 500},
		"502 after the fact": {"path": "/channels/*/messages", "method": "POST", "times": 1, "status": 502, "after": true},
		"slow":               {"path": "/channels/*/messages", "method": "POST", "times": 1, "delay_ms": 700},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			ann := w.login("Ann")
			question := w.sayThenFault(ann, fault)
			got := ann.said(func(s seen) bool { return s.MessageReference != nil && s.MessageReference.MessageID == question })
			wants(t, "reply", got.Content, "Hi, Ann!")
			wants(t, "the next", ann.ask("general", "!hi").Content, "Hi, Ann!")
			if n := strings.Count(ann.transcript(), "Hi, Ann!"); n != 2 {
				t.Errorf("%d replies to two commands:\n%s", n, ann.transcript())
			}
		})
	}
}

// sayThenFault makes a fault hit Mynah's answer, not the person's request: the
// person writes through a slow path of its own.
func (w *world) sayThenFault(p *person, fault map[string]any) (id snowflake.ID) {
	w.t.Helper()
	// Mynah's queue of the channel is held, the message sent, the fault set, and the queue let go.
	hold := make(chan struct{})
	w.hold(hold)
	id = p.say("general", "!hi")
	w.steer("faults", fault)
	close(hold)
	return id
}

func TestTheGatewayIsLostInTheMiddle(t *testing.T) {
	for name, drop := range map[string]map[string]any{
		"closed":    {"account": "Mynah", "close": 4000, "resumable": true},
		"aborted":   {"account": "Mynah", "abort": true, "resumable": true},
		"reconnect": {"account": "Mynah", "op": 7, "resumable": true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil)
			ann := w.login("Ann")
			wants(t, "before", ann.ask("general", "!hi").Content, "Hi")
			w.steer("gateway/drop", drop)
			for range 3 {
				wants(t, "after", ann.ask("general", "!hi").Content, "Hi")
			}
			if w.mynah.Err() != nil {
				t.Error(w.mynah.Err())
			}
		})
	}
}

func TestAnswersKeepTheirOrder(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	var asked []snowflake.ID
	for range 12 {
		asked = append(asked, ann.say("general", "!hi"))
	}
	for i, id := range asked {
		if got := ann.reply(); got.MessageReference == nil || got.MessageReference.MessageID != id {
			t.Fatalf("reply %d is to %+v", i, got.MessageReference)
		}
	}
}

func TestFiftyCommandsInASecond(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	hold := make(chan struct{})
	w.hold(hold)
	for range 50 {
		ann.say("general", "!hi")
	}
	close(hold)
	ann.saying("faster than I can follow")
	chen := w.login("Chen")
	wants(t, "somebody else", chen.ask("general", "!hi").Content, "Hi, Chen!")
	wants(t, "the same person later", ann.ask("general", "!hi").Content, "Hi, Ann!")
	if n := strings.Count(w.log.all(), "a person is too fast"); n != 1 {
		t.Errorf("%d lines in the log", n)
	}
}

func TestMistakesOfTheSetUpSayWhereToClick(t *testing.T) {
	off := false
	world := localdiscord.DefaultWorld()
	world.Bots[0].Intents.MessageContent = &off
	local, err := localdiscord.Start(context.Background(), localdiscord.Config{World: world})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := local.Close(); err != nil {
			t.Error(err)
		}
	})
	line := local.Ready()
	mynah, _ := line.Account("Mynah")
	for name, tc := range map[string]struct {
		token   string
		without bool
		fault   SetupFault
		ok      bool
		click   string
	}{
		"no such token":         {token: "MTIzNDU2Nzg5MDEyMzQ1Njc4.x.y", fault: BadToken, click: "Reset Token"},
		"no token at all":       {token: "nonsense", fault: BadToken, click: "Reset Token"},
		"intent off":            {token: mynah.Token, fault: MissingIntent, click: "Message Content Intent"},
		"intent not asked for":  {token: mynah.Token, without: true, ok: true},
		"token of a wrong form": {token: "a.b.c", fault: BadToken, click: "Reset Token"},
	} {
		t.Run(name, func(t *testing.T) {
			w, err := attach(t, local, tc.token, tc.without)
			if tc.ok {
				if err != nil {
					t.Fatal(err)
				}
				ann := w.login("Ann")
				ann.say("general", "!hi") // has no text for Mynah
				wants(t, "mention", ann.ask("general", w.mention()+" who are you").Content, "I am Mynah")
				ann.slash("general", "hi", nil)
				ann.saying("Hi, Ann!")
				return
			}
			setup, ok := errors.AsType[*SetupError](err)
			if !ok || setup.Fault != tc.fault || !strings.Contains(err.Error(), tc.click) || strings.Contains(err.Error(), tc.token) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestLongRepliesAreSplit(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	long := strings.Repeat("A rather long sentence for a test. ", 90)
	unknown := ann.ask("general", "!ask what are the rules")
	ann.slash("general", "correct", map[string]any{"message": unknown.ID.String(), "correction": long})
	ann.saying("Noted")
	question := ann.say("general", "!ask what are the rules?")
	first := ann.said(func(s seen) bool { return s.MessageReference != nil && s.MessageReference.MessageID == question })
	second := ann.reply()
	if len(first.Content) > 2000 || len(second.Content) > 2000 || len(first.Content)+len(second.Content) < len(long)-5 {
		t.Errorf("%d and %d characters", len(first.Content), len(second.Content))
	}
	// Every part is the answer: it can be voted on, once, and corrected.
	for _, part := range []seen{first, second} {
		ann.react(http.MethodPut, "general", part.ID, "%F0%9F%91%8D")
	}
	ann.answer("general", first.ID, "!correct None.")
	ann.saying("Noted")
	if sum, err := w.store.FeedbackSummary(t.Context(), w.server); err != nil || sum.Up != 1 {
		t.Errorf("feedback: %+v %v", sum, err)
	}
	wants(t, "the correction", ann.ask("general", "!ask what are the rules?").Content, "None.")
	w.stop()
	w.start(nil)
	ann.answer("general", first.ID, "!correct One.")
	ann.saying("Noted")
	ann.slash("general", "ask", map[string]any{"question": "what are the rules?"})
	ann.saying("One.")
}

func TestBadAttachments(t *testing.T) {
	w := newWorld(t, func(c *mynah) { c.AttachmentBytes = 1000 })
	ann := w.login("Ann")
	wants(t, "too large", ann.ask("general", "!train label:x", upload{"big.csv", bytes.Repeat([]byte("a,b\n"), 1000)}).Content, "larger than 1 kB")
	for name, tc := range map[string]struct {
		file upload
		want string
	}{
		"empty":         {upload{"a.csv", []byte(" ")}, "no examples"},
		"picture":       {upload{"a.png", []byte("\x89PNG\r\n")}, "no examples"},
		"one label":     {upload{"a.csv", []byte("text,label\none,x\ntwo,x\nthree,x\nfour,x\n")}, "at least two"},
		"too few":       {upload{"a.jsonl", []byte(`{"text":"one","label":"x"}` + "\n" + `{"text":"two","label":"y"}`)}, "too few"},
		"not a zip":     {upload{"a.zip", []byte("PK\x03\x04 nonsense")}, "no examples"},
		"broken quotes": {upload{"a.json", []byte(`{"text": "one`)}, "no examples"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := w.store.RemoveExamples(t.Context(), w.server, record.ExampleFilter{All: true}); err != nil {
				t.Fatal(err)
			}
			ann.say("general", "!train", tc.file)
			ended := ann.said(func(s seen) bool {
				return strings.Contains(s.Content, "failed") || strings.Contains(s.Content, "without a model")
			})
			wants(t, name, ended.Content, tc.want)
			if kept := strings.Contains(ended.Content, "without a model"); kept != (name == "one label" || name == "too few") {
				t.Errorf("one label or few examples are no failure, all else is: %s", ended.Content)
			}
		})
	}
	space, err := w.spaces.Workspace(w.server)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := space.List("files/uploads"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}

func TestForeignHostsAreNotRead(t *testing.T) {
	f, err := newFetcher("http://127.0.0.1:7300/cdn")
	if err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]bool{
		"https://cdn.discordapp.com/attachments/1/2/a.ogg":      true,
		"https://media.discordapp.net/attachments/1/2/a.ogg":    true,
		"http://127.0.0.1:7300/cdn/attachments/1/2/a.ogg":       true,
		"http://cdn.discordapp.com/attachments/1/2/a.ogg":       false,
		"https://cdn.discordapp.com.evil.example/a.ogg":         false,
		"https://cdn.discordapp.com@evil.example/a.ogg":         false,
		"https://evil.example/https://cdn.discordapp.com/a.ogg": false,
		"http://127.0.0.1:7301/cdn/a.ogg":                       false,
		"http://169.254.169.254/latest/meta-data":               false,
		"file:///etc/passwd":                                    false,
		"":                                                      false,
		"https://cdn.discordapp.com:8443/attachments/1/2/a.ogg": false,
	} {
		body, err := f.Fetch(canceled(), bot.Attachment{Name: "a.ogg", URL: address}, 10)
		if err == nil {
			_ = body.Close()
			t.Errorf("%s was read", address)
			continue
		}
		fetch, ok := errors.AsType[*bot.FetchError](err)
		if !ok || (fetch.Fault != bot.FetchForeignHost) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// editsLeast is how far apart edits of a message come at least: each is sent a second after the one before was answered.
const editsLeast = 990 * time.Millisecond

// canceled is a context in which nothing is dialled.
func canceled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestATrainingSurvivesAStop(t *testing.T) {
	short := func(c *mynah) { c.teach.TrainBudget = time.Second }
	w := newWorld(t, short)
	ann := w.login("Ann")
	ann.say("general", "!train", upload{"many.csv", []byte(manyExamples())})
	queued := ann.saying("Training **#1**")
	ann.said(func(s seen) bool { return s.ID == queued.ID && strings.Contains(s.Content, "is running") })
	began := time.Now()
	w.stop()
	if took := time.Since(began); took > 15*time.Second { // it takes less than 5 s where nothing else runs
		t.Errorf("stopping took %v", took)
	}
	restarted := time.Now()
	w.start(short)
	ended := ann.said(func(s seen) bool {
		return s.ID == queued.ID && (strings.Contains(s.Content, "has ended") || strings.Contains(s.Content, "failed"))
	})
	wants(t, "the end", ended.Content, "has ended", "labels: 6")
	var last time.Time
	ann.mu.Lock()
	defer ann.mu.Unlock()
	for _, s := range ann.all {
		if s.ID != queued.ID || !s.edited() {
			continue
		}
		sameRun := last.After(restarted) == s.when().After(restarted)
		if d := s.when().Sub(last); sameRun && d < editsLeast {
			t.Errorf("edited again after %v", d)
		}
		last = s.when()
	}
}

func TestACancelledTrainingSaysSo(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	ann.say("general", "!train", upload{"many.csv", []byte(manyExamples())})
	queued := ann.saying("Training **#1**")
	ann.said(func(s seen) bool { return s.ID == queued.ID && strings.Contains(s.Content, "is running") })
	if got := ann.complete("general", "cancel", map[string]any{"job": ""}, "job"); len(got) != 1 || got[0] != "1" {
		t.Errorf("completion: %v", got)
	}
	ann.say("general", "!cancel 1")
	ann.said(func(s seen) bool { return s.ID == queued.ID && strings.Contains(s.Content, "was cancelled") })
}
