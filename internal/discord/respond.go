package discord

import (
	"context"
	"errors"
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
	return r.client.post(ctx, r.channel, reply, r.author, to)
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
		client: c, id: i.ID(), token: i.Token(), author: i.User().ID,
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
	ctx, cancel := context.WithTimeout(ctx, firstAnswer)
	defer cancel()
	err := r.client.disgo.Rest.CreateInteractionResponse(r.id, r.token, discord.InteractionResponse{Type: kind, Data: data}, rest.WithCtx(ctx))
	if errorCode(err) == codeAlreadyAcknowledged {
		err = nil // an attempt whose answer was lost
	}
	if err != nil {
		return err
	}
	r.answered = true
	return nil
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

// inChannel answers without the interaction, mentioning who asked. What is for
// them alone is never sent there.
func (r *interactionResponder) inChannel(ctx context.Context, reply bot.Reply) (record.MessageID, error) {
	if r.channel == 0 || reply.Private {
		return 0, errors.New("the interaction is over, and its answer is not for the channel")
	}
	if reply.Voice == nil {
		reply.Text = "<@" + r.author.String() + "> " + reply.Text
	}
	return r.client.post(ctx, r.channel, reply, r.author, nil)
}

// gone reports whether an interaction doesn't take answers any more.
func gone(err error) bool {
	switch errorCode(err) {
	case codeUnknownInteraction, codeUnknownWebhook, codeInvalidWebhookToken, codeUnknownMessage:
		return true
	}
	return false
}

// send sends one message. The caller holds the lock.
func (r *interactionResponder) send(ctx context.Context, p part, private bool) (record.MessageID, error) {
	api := r.client.disgo.Rest
	app := r.client.disgo.ApplicationID
	out := discord.MessageCreate{Content: p.text, Files: p.files, Components: p.buttons, AllowedMentions: mentions(r.author)}
	if private {
		out.Flags = discord.MessageFlagEphemeral
	}
	var m *discord.Message
	var err error
	switch {
	case !r.answered:
		r.timer.Stop()
		first, cancel := context.WithTimeout(ctx, firstAnswer)
		var done *discord.InteractionCallbackResponse
		done, err = api.CreateInteractionResponseWithCallback(r.id, r.token, discord.InteractionResponse{
			Type: discord.InteractionResponseTypeCreateMessage, Data: out,
		}, rest.WithCtx(first))
		cancel()
		if errorCode(err) == codeAlreadyAcknowledged {
			r.answered = true
			m, err = api.GetInteractionResponse(app, r.token, rest.WithCtx(ctx))
			break
		}
		if err == nil {
			r.answered, r.private = true, private
			if done != nil && done.Resource != nil {
				m = done.Resource.Message
			}
		}
	case r.waiting:
		r.waiting = false
		update := discord.MessageUpdate{Content: &out.Content, Files: out.Files, AllowedMentions: out.AllowedMentions}
		if len(out.Components) > 0 {
			update.Components = &out.Components
		}
		m, err = api.UpdateInteractionResponse(app, r.token, update, rest.WithCtx(ctx))
		if err != nil {
			r.waiting = true
		}
	default:
		m, err = api.CreateFollowupMessage(app, r.token, out, rest.WithCtx(ctx))
	}
	if err := errors.Join(err, closeFiles(p.files)); err != nil {
		return 0, err
	}
	if m == nil {
		return 0, nil
	}
	return record.MessageID(m.ID), nil
}
