package discord

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/record"
)

const (
	// firstAnswer is how long Discord waits for the first answer to an interaction.
	firstAnswer = 3 * time.Second
	// deferAfter is when an interaction that has no answer yet is told that one
	// will come: early enough for a slow network, late enough that quick answers
	// need one request only.
	deferAfter = 1200 * time.Millisecond
	// tokenTime is how long an interaction's token is used; Discord takes it for
	// 15 min.
	tokenTime = 14 * time.Minute
	// formField is the id of a form's text field.
	formField = "text"
)

// channelResponder answers a message in its channel.
type channelResponder struct {
	client  *Client
	guild   *snowflake.ID // nil in direct messages
	channel snowflake.ID
	author  snowflake.ID

	mu sync.Mutex
	to *snowflake.ID // replied to by the first answer; nil after it
}

// Send sends a reply; the first one refers to the message.
func (r *channelResponder) Send(ctx context.Context, reply bot.Reply) (record.MessageID, error) {
	r.mu.Lock()
	to := r.to
	r.to = nil
	r.mu.Unlock()
	return r.client.post(ctx, target{guild: r.guild, channel: r.channel, author: r.author, to: to}, reply)
}

// Working shows "typing…" for ten seconds.
func (r *channelResponder) Working(ctx context.Context, _ bool) error {
	return r.client.disgo.Rest.SendTyping(r.channel, rest.WithCtx(ctx))
}

// interactionResponder answers an interaction: at first through its callback,
// then by follow-ups, and past the token's life in the channel.
type interactionResponder struct {
	client  *Client
	id      snowflake.ID
	token   string
	guild   *snowflake.ID // nil in direct messages
	channel snowflake.ID
	author  snowflake.ID
	expires time.Time
	timer   *time.Timer // defers when nothing else came in time

	mu       sync.Mutex
	answered bool // the callback was made
	waiting  bool // it said only that an answer will come
	private  bool // what it said is for the author only
}

// newInteractionResponder answers an interaction; private is what its command's answers will be.
func newInteractionResponder(c *Client, i discord.Interaction, private bool) *interactionResponder {
	r := &interactionResponder{
		client: c, id: i.ID(), token: i.Token(), guild: i.GuildID(), author: i.User().ID,
		expires: time.Now().Add(tokenTime),
	}
	if i.Channel().MessageChannel != nil {
		r.channel = i.Channel().ID()
	}
	r.mu.Lock() // the timer may run before it is kept here
	defer r.mu.Unlock()
	r.timer = time.AfterFunc(deferAfter, func() {
		ctx, cancel := context.WithTimeout(c.ctx, firstAnswer)
		defer cancel()
		if err := r.Working(ctx, private); err != nil && c.ctx.Err() == nil {
			c.log.Warn("an interaction could not be deferred", "err", err)
		}
	})
	return r
}

// Working says that an answer will come, where nothing was said yet.
func (r *interactionResponder) Working(ctx context.Context, private bool) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answered {
		return nil
	}
	data := discord.MessageCreate{}
	if private {
		data.Flags = discord.MessageFlagEphemeral
	}
	if err := r.callback(ctx, discord.InteractionResponseTypeDeferredCreateMessage, data); err != nil {
		return err
	}
	r.waiting, r.private = true, private
	return nil
}

// callback makes the first answer. The caller holds the lock.
func (r *interactionResponder) callback(ctx context.Context, kind discord.InteractionResponseType, data discord.InteractionResponseData) error {
	r.timer.Stop()
	first, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	err := r.client.disgo.Rest.CreateInteractionResponse(r.id, r.token, discord.InteractionResponse{Type: kind, Data: data}, rest.WithCtx(first))
	if errorCode(err) == codeAlreadyAcknowledged {
		err = nil // an attempt whose answer was lost
	}
	if lost(err) && kind != discord.InteractionResponseTypeModal {
		// It may have got there all the same.
		if _, found := r.original(ctx); found == nil {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	r.answered = true
	return nil
}

// lost reports whether an error leaves open what became of the request: its answer didn't come, or came from a proxy.
func lost(err error) bool {
	refused, ok := errors.AsType[*apiError](err)
	return err != nil && (!ok || refused.status >= 500)
}

// lookTime is how long looking for what became of an answer may take.
const lookTime = 5 * time.Second

// original is the first answer as Discord has it.
func (r *interactionResponder) original(ctx context.Context) (*discord.Message, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTime)
	defer cancel()
	return r.client.disgo.Rest.GetInteractionResponse(r.client.disgo.ApplicationID, r.token, rest.WithCtx(ctx))
}

// Ask opens a form.
func (r *interactionResponder) Ask(ctx context.Context, m bot.Modal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.answered {
		return errors.New("too late for a form: the interaction was answered already")
	}
	return r.callback(ctx, discord.InteractionResponseTypeModal, discord.ModalCreate{
		CustomID: m.ID + "/" + m.Target.ID.String(),
		Title:    clip(m.Title, 45),
		Components: []discord.LayoutComponent{discord.LabelComponent{
			Label: clip(m.Label, 45),
			Component: discord.TextInputComponent{
				CustomID:    formField,
				Style:       discord.TextInputStyleParagraph,
				MaxLength:   bot.MaxMessageRunes,
				Required:    true,
				Placeholder: clip(m.Placeholder, 100),
				Value:       m.Value,
			},
		}},
	})
}

// Send sends a reply and returns the id of its last message.
func (r *interactionResponder) Send(ctx context.Context, reply bot.Reply) (record.MessageID, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if time.Now().After(r.expires) || reply.Voice != nil {
		// A voice message can't be a follow-up of a deferred answer.
		return r.inChannel(ctx, reply)
	}
	var id record.MessageID
	all := parts(reply)
	for i, p := range all {
		m, err := r.send(ctx, p, reply.Private)
		if gone(err) {
			rest := bot.Reply{Files: reply.Files, Buttons: reply.Buttons, Private: reply.Private, Sent: reply.Sent}
			for _, left := range all[i:] {
				rest.Text += left.text + "\n"
			}
			return r.inChannel(ctx, rest)
		}
		if err != nil {
			return id, err
		}
		id = m
		sent(reply, id)
	}
	return id, nil
}

// inChannel answers without the interaction, mentioning who asked. What is for them alone goes to them directly.
func (r *interactionResponder) inChannel(ctx context.Context, reply bot.Reply) (record.MessageID, error) {
	c := r.client
	if r.channel == 0 || reply.Private {
		room, err := c.disgo.Rest.CreateDMChannel(r.author, rest.WithCtx(ctx))
		if err != nil {
			return 0, fmt.Errorf("the interaction is over, and its answer is not for the channel: %w", err)
		}
		return c.post(ctx, target{channel: room.ID(), author: r.author}, reply)
	}
	if reply.Voice == nil {
		reply.Text = "<@" + r.author.String() + "> " + reply.Text
	}
	return c.post(ctx, target{guild: r.guild, channel: r.channel, author: r.author}, reply)
}

// errNothing is why an interaction has no answer: its first one didn't get to Discord in time.
var errNothing = errors.New("the interaction's first answer didn't get to Discord")

// gone reports whether an interaction doesn't take answers any more.
func gone(err error) bool {
	switch errorCode(err) {
	case codeUnknownInteraction, codeUnknownWebhook, codeInvalidWebhookToken, codeUnknownMessage:
		return true
	}
	return errors.Is(err, errNothing)
}

// send sends one message, without its buttons or files where Discord takes it without them only. The caller holds the lock.
func (r *interactionResponder) send(ctx context.Context, p part, private bool) (record.MessageID, error) {
	for {
		m, err := r.sendOnce(ctx, p, private)
		refused, ok := errors.AsType[*apiError](err)
		t := target{guild: r.guild, channel: r.channel}
		switch {
		case ok && len(p.buttons) > 0 && refused.code == codeInvalidForm:
			p.buttons = nil
		case ok && len(p.files) > 0 && (refused.status == http.StatusRequestEntityTooLarge || refused.code == codeTooLarge || refused.code == codeFileTooLarge):
			p = r.client.withoutFiles(ctx, t, p, bot.RefusedTooLarge)
		case ok && len(p.files) > 0 && refused.code == codeMissingPermissions:
			p = r.client.withoutFiles(ctx, t, p, bot.RefusedFiles)
		case err != nil || m == nil:
			return 0, err
		default:
			return record.MessageID(m.ID), nil
		}
		p.files = reopened(p.files)
	}
}

// sendOnce makes the request: the callback, the edit of what was deferred, or a follow-up.
func (r *interactionResponder) sendOnce(ctx context.Context, p part, private bool) (m *discord.Message, err error) {
	defer func() { err = errors.Join(err, closeFiles(p.files)) }()
	api := r.client.disgo.Rest
	app := r.client.disgo.ApplicationID
	out := discord.MessageCreate{Content: p.text, Files: p.files, Components: p.buttons, AllowedMentions: mentions(r.author)}
	if private {
		out.Flags = discord.MessageFlagEphemeral
	}
	switch {
	case !r.answered:
		r.timer.Stop()
		first, cancel := context.WithTimeout(ctx, firstAnswer)
		defer cancel()
		done, err := api.CreateInteractionResponseWithCallback(r.id, r.token, discord.InteractionResponse{
			Type: discord.InteractionResponseTypeCreateMessage, Data: out,
		}, rest.WithCtx(first))
		switch {
		case err == nil:
			r.answered, r.private = true, private
			if done != nil && done.Resource != nil {
				m = done.Resource.Message
			}
			return m, nil
		case errorCode(err) == codeAlreadyAcknowledged:
			r.answered = true
			return r.original(ctx)
		case lost(err) && ctx.Err() == nil:
			// It may have got there all the same.
			if m, found := r.original(ctx); found == nil {
				r.answered, r.private = true, private
				return m, nil
			}
			return nil, fmt.Errorf("%w: %w", errNothing, err)
		}
		return nil, err
	case r.waiting:
		update := discord.MessageUpdate{
			Content: &out.Content, Files: out.Files, Attachments: survivors(out.Files), AllowedMentions: out.AllowedMentions,
		}
		if len(out.Components) > 0 {
			update.Components = &out.Components
		}
		m, err = api.UpdateInteractionResponse(app, r.token, update, rest.WithCtx(ctx))
		r.waiting = err != nil
		return m, err
	}
	for try := 1; ; try++ {
		m, err = api.CreateFollowupMessage(app, r.token, out, rest.WithCtx(ctx))
		if !lost(err) || try == maxTries || ctx.Err() != nil {
			return m, err
		}
		// A follow-up has no nonce: it is looked for before it is sent again.
		found, seen := r.landed(ctx, p.text, private)
		if found != nil || !seen {
			return found, nil
		}
		out.Files = reopened(out.Files)
		select {
		case <-time.After(backoff(try)):
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// landed looks for a follow-up in the channel; seen is false where Mynah can't see what is there, and it is taken to have got
// there: most have whose answer was lost, and nobody is told the same twice.
func (r *interactionResponder) landed(ctx context.Context, text string, private bool) (m *discord.Message, seen bool) {
	if private || r.channel == 0 {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	list, err := r.client.disgo.Rest.GetMessages(r.channel, 0, 0, r.id, lookAt, rest.WithCtx(ctx))
	if err != nil {
		return nil, false
	}
	for i := range list {
		about := list[i].InteractionMetadata
		if about != nil && about.ID == r.id && list[i].Content == strings.TrimSpace(text) {
			return &list[i], true
		}
	}
	return nil, true
}

// lookAt is how many messages of a channel are looked at.
const lookAt = 100
