package localdiscord_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/disgoorg/disgo"
	"github.com/disgoorg/disgo/bot"
	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// waitLimit is how long a test waits for what must come.
const waitLimit = 10 * time.Second

// start runs a server without limits that ends with the test.
func start(t testing.TB, cfg localdiscord.Config) *localdiscord.Server {
	t.Helper()
	cfg.World.Gateway.Unlimited = true
	if cfg.World.RateLimits == (localdiscord.WorldRateLimits{}) {
		cfg.World.RateLimits.Unlimited = true
	}
	return startStrict(t, cfg)
}

// startStrict runs a server with Discord's limits.
func startStrict(t testing.TB, cfg localdiscord.Config) *localdiscord.Server {
	t.Helper()
	s, err := localdiscord.Start(context.Background(), cfg) // the clients are closed before the server
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// client is a disgo client with the messages that it saw.
type client struct {
	*bot.Client
	t        testing.TB
	messages chan discord.Message
	updates  chan discord.Message
}

const allIntents = gateway.IntentGuilds | gateway.IntentGuildMessages | gateway.IntentDirectMessages | gateway.IntentMessageContent |
	gateway.IntentGuildVoiceStates | gateway.IntentGuildMessageReactions | gateway.IntentGuildMessageTyping

// login connects an account by name, and waits until it is ready.
func login(t testing.TB, s *localdiscord.Server, name string, intents gateway.Intents, opts ...bot.ConfigOpt) *client {
	t.Helper()
	if raceEnabled {
		t.Skip("runs in TestDisgoWithoutRace")
	}
	line := s.Ready()
	acct, ok := line.Account(name)
	if !ok {
		t.Fatalf("no account %q", name)
	}
	c := &client{t: t, messages: make(chan discord.Message, 1000), updates: make(chan discord.Message, 1000)}
	ready := make(chan struct{}, 10)
	opts = append([]bot.ConfigOpt{
		bot.WithLogger(slog.New(slog.DiscardHandler)),
		bot.WithGatewayConfigOpts(gateway.WithIntents(intents)),
		bot.WithRestClientConfigOpts(rest.WithURL(line.REST + "/v10")),
		bot.WithEventListenerFunc(func(e *events.GuildsReady) { ready <- struct{}{} }),
		bot.WithEventListenerFunc(func(e *events.MessageCreate) { c.messages <- e.Message }),
		bot.WithEventListenerFunc(func(e *events.MessageUpdate) { c.updates <- e.Message }),
	}, opts...)
	cl, err := disgo.New(acct.Token, opts...)
	if err != nil {
		t.Fatal(err)
	}
	c.Client = cl
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
		defer cancel()
		cl.Close(ctx)
	})
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	if err := cl.OpenGateway(ctx); err != nil {
		t.Fatalf("%s: open the gateway: %v", name, err)
	}
	recv(t, ready, name+" ready")
	return c
}

// recv waits for a value.
func recv[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(waitLimit):
		t.Fatalf("%s did not come within %v", what, waitLimit)
		panic("unreachable")
	}
}

func channelID(t testing.TB, s *localdiscord.Server, name string) snowflake.ID {
	t.Helper()
	ch, ok := s.Ready().Channel(name)
	if !ok {
		t.Fatalf("no channel %q", name)
	}
	return snowflake.ID(ch.ID)
}

func TestDisgoMessages(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah := login(t, s, "Mynah", allIntents)
	ann := login(t, s, "Ann", allIntents)
	general := channelID(t, s, "general")

	sent, err := ann.Rest.CreateMessage(general, discord.MessageCreate{Content: "hello"})
	if err != nil {
		t.Fatal(err)
	}
	got := recv(t, mynah.messages, "Ann's message")
	if got.ID != sent.ID || got.Content != "hello" || got.Author.EffectiveName() != "Ann" || got.Author.Bot {
		t.Errorf("got %+v", got)
	}

	reply, err := mynah.Rest.CreateMessage(general, discord.MessageCreate{Content: "hi",
		MessageReference: &discord.MessageReference{MessageID: &sent.ID}}.
		AddFile("a chart.txt", "what it shows", strings.NewReader("file body")))
	if err != nil {
		t.Fatal(err)
	}
	recv(t, ann.messages, "Ann's own message")
	got = recv(t, ann.messages, "the reply")
	if got.ReferencedMessage == nil || got.ReferencedMessage.ID != sent.ID || len(got.Mentions) != 1 || got.Mentions[0].Username != "ann" {
		t.Errorf("reply: %+v", got)
	}
	if len(got.Attachments) != 1 || got.Attachments[0].Filename != "a_chart.txt" || *got.Attachments[0].Description != "what it shows" {
		t.Fatalf("attachments: %+v", got.Attachments)
	}
	rs, err := http.Get(got.Attachments[0].URL)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	if body, _ := io.ReadAll(rs.Body); string(body) != "file body" || !strings.HasPrefix(rs.Header.Get("Content-Type"), "text/plain") {
		t.Errorf("attachment: %q, %q", body, rs.Header.Get("Content-Type"))
	}

	if _, err := mynah.Rest.UpdateMessage(general, reply.ID, discord.NewMessageUpdate().WithContent("edited").
		AddFile("b.bin", "", bytes.NewReader([]byte{1, 2})).RetainAttachments(reply.Attachments[0])); err != nil {
		t.Fatal(err)
	}
	if got = recv(t, ann.updates, "the edit"); got.Content != "edited" || got.EditedTimestamp == nil || len(got.Attachments) != 2 {
		t.Errorf("edit: %+v", got)
	}
	if err := mynah.Rest.AddReaction(general, sent.ID, "👍"); err != nil {
		t.Fatal(err)
	}
	if m, err := ann.Rest.GetMessage(general, sent.ID); err != nil || len(m.Reactions) != 1 || m.Reactions[0].Count != 1 {
		t.Errorf("reactions: %+v, %v", m, err)
	}
	if err := mynah.Rest.DeleteMessage(general, reply.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := ann.Rest.GetMessage(general, reply.ID); err == nil {
		t.Error("the deleted message is still there")
	}
	if rs, err := http.Get(reply.Attachments[0].URL); err != nil || rs.StatusCode != http.StatusNotFound {
		t.Errorf("the deleted message's file: %v, %v", rs, err)
	}
}

func TestDisgoSlashAndModal(t *testing.T) {
	s := start(t, localdiscord.Config{})
	clicked := make(chan string, 10)
	failed := make(chan error, 10)
	check := func(err error) {
		if err != nil {
			failed <- err
		}
	}
	mynah := login(t, s, "Mynah", allIntents,
		bot.WithEventListenerFunc(func(e *events.ApplicationCommandInteractionCreate) {
			switch data := e.Data.(type) {
			case discord.SlashCommandInteractionData:
				check(e.DeferCreateMessage(false))
				_, err := e.Client().Rest.UpdateInteractionResponse(e.ApplicationID(), e.Token(), discord.NewMessageUpdate().
					WithContent("answer to "+data.String("question")).AddFile("a.csv", "", strings.NewReader("a,b")))
				check(err)
				_, err = e.Client().Rest.CreateFollowupMessage(e.ApplicationID(), e.Token(), discord.MessageCreate{Content: "and more"})
				check(err)
			case discord.MessageCommandInteractionData:
				check(e.Modal(discord.NewModalCreate("correct", "Correct",
					discord.NewLabel("What is right?", discord.NewParagraphTextInput("right")))))
				clicked <- data.TargetMessage().Content
			}
		}),
		bot.WithEventListenerFunc(func(e *events.AutocompleteInteractionCreate) {
			check(e.AutocompleteResult([]discord.AutocompleteChoice{discord.AutocompleteChoiceString{Name: "faq", Value: "faq"}}))
			clicked <- "completed"
		}),
		bot.WithEventListenerFunc(func(e *events.ModalSubmitInteractionCreate) {
			check(e.CreateMessage(discord.MessageCreate{Content: "learned " + e.Data.Text("right"), Flags: discord.MessageFlagEphemeral}))
			clicked <- e.Data.CustomID
		}),
		bot.WithEventListenerFunc(func(e *events.ComponentInteractionCreate) {
			check(e.UpdateMessage(discord.NewMessageUpdate().WithContent("pressed").ClearComponents()))
			clicked <- e.Data.CustomID()
		}),
	)
	if _, err := mynah.Rest.SetGlobalCommands(mynah.ApplicationID, []discord.ApplicationCommandCreate{
		discord.SlashCommandCreate{Name: "ask", Description: "Ask", DescriptionLocalizations: map[discord.Locale]string{discord.LocaleRussian: "Спросить"},
			Options: []discord.ApplicationCommandOption{
				discord.ApplicationCommandOptionString{Name: "question", Description: "What", Required: true},
				discord.ApplicationCommandOptionString{Name: "dataset", Description: "Which", Autocomplete: true}}},
		discord.MessageCommandCreate{Name: "Correct this"},
	}); err != nil {
		t.Fatal(err)
	}
	ann := person(t, s, "Ann")
	await := func(event, content string) message {
		t.Helper()
		for {
			var got message
			ann.await(event).into(t, &got)
			if got.Content == content {
				return got
			}
		}
	}
	local(t, s, "POST", "interactions", `{"account":"Ann","channel":"general","application":"Mynah","command":"ask","options":{"question":"why?"}}`)
	answer := await("MESSAGE_UPDATE", "answer to why?")
	await("MESSAGE_CREATE", "and more")
	local(t, s, "POST", "interactions", `{"account":"Ann","channel":"general","application":"Mynah","command":"ask","options":{"question":"x","dataset":"f"},"focused":"dataset"}`)
	recv(t, clicked, "the completion")
	ann.await("APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE")
	local(t, s, "POST", "interactions", `{"account":"Ann","channel":"general","application":"Mynah","command":"Correct this","target":"`+answer.ID.String()+`"}`)
	if got := recv(t, clicked, "the menu command"); got != "answer to why?" {
		t.Errorf("target: %q", got)
	}
	ann.await("INTERACTION_MODAL_CREATE")
	local(t, s, "POST", "interactions", `{"account":"Ann","channel":"general","application":"Mynah","custom_id":"correct","modal":{"right":"because"}}`)
	recv(t, clicked, "the modal")
	await("MESSAGE_CREATE", "learned because")
	sent, err := mynah.Rest.CreateMessage(channelID(t, s, "general"), discord.MessageCreate{Content: "press",
		Components: []discord.LayoutComponent{discord.NewActionRow(discord.NewPrimaryButton("Yes", "yes"))}})
	if err != nil {
		t.Fatal(err)
	}
	local(t, s, "POST", "interactions", `{"account":"Ann","channel":"general","application":"Mynah","message":"`+sent.ID.String()+`","custom_id":"yes"}`)
	recv(t, clicked, "the button")
	await("MESSAGE_UPDATE", "pressed")
	select {
	case err := <-failed:
		t.Errorf("disgo: %v", err)
	default:
	}
}

func TestDisgoResume(t *testing.T) {
	s := start(t, localdiscord.Config{})
	var readies atomic.Int32
	mynah := login(t, s, "Mynah", allIntents, bot.WithEventListenerFunc(func(*events.Ready) { readies.Add(1) }))
	general := channelID(t, s, "general")
	ann := person(t, s, "Ann")
	for _, drop := range []string{`{"account":"Mynah","close":4000}`, `{"account":"Mynah","op":7}`, `{"account":"Mynah","abort":true}`} {
		local(t, s, "POST", "gateway/drop", drop)
		ann.must("POST", "/channels/"+general.String()+"/messages", m{"content": drop}, nil)
		if got := recv(t, mynah.messages, "the message missed by "+drop); got.Content != drop {
			t.Errorf("got %q, want %q", got.Content, drop)
		}
	}
	if n := readies.Load(); n != 1 {
		t.Errorf("identified %d times, want once and three resumes", n)
	}
}

func TestDisgoFaults(t *testing.T) {
	s := start(t, localdiscord.Config{})
	mynah := login(t, s, "Mynah", allIntents)
	general := channelID(t, s, "general")
	post := func() error {
		_, err := mynah.Rest.CreateMessage(general, discord.MessageCreate{Content: "x"})
		return err
	}
	local(t, s, "POST", "faults", `{"method":"POST","path":"/channels/*/messages","status":429,"retry_after":0.5,"times":2}`)
	begun := time.Now()
	if err := post(); err != nil {
		t.Errorf("after two 429: %v", err)
	}
	if took := time.Since(begun); took < 500*time.Millisecond {
		t.Errorf("disgo did not wait for the rate limit: %v", took)
	}
	local(t, s, "POST", "faults", `{"method":"POST","path":"/channels/*/messages","status":500,"times":1}`)
	if err := post(); err == nil {
		t.Error("a 500 was no error")
	}
	local(t, s, "POST", "faults", `{"path":"/channels/*/messages","delay_ms":50,"times":1}`)
	if err := post(); err != nil {
		t.Errorf("after a delay: %v", err)
	}
}
