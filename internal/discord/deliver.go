package discord

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/record"
)

// What this file holds is how a message gets to its reader where Discord refuses it as it was meant: without what it answers, without
// its buttons or files, and in the end as a direct message that says what to grant.

// maxSlow is how long a slow mode is waited for.
const maxSlow = 10 * time.Second

// errArchived is why nothing is written unasked into an archived thread: it would open it again.
var errArchived = errors.New("the thread is archived, and is left alone")

// target is where messages go.
type target struct {
	guild   *snowflake.ID // nil in direct messages, or where it doesn't matter
	channel snowflake.ID
	author  snowflake.ID  // whom they answer; 0: nobody
	to      *snowflake.ID // the message that the first of them replies to; nil: none
}

// post sends a reply as one or more messages and returns the id of the last.
func (c *Client) post(ctx context.Context, t target, r bot.Reply) (record.MessageID, error) {
	if r.Voice != nil {
		id, err := c.postVoice(ctx, t, r.Voice)
		if _, refused := errors.AsType[*apiError](err); !refused {
			return id, err
		}
		// No voice messages are let through here: the recording goes as a file.
		ogg := r.Voice.Ogg
		r.Files = []bot.File{{Name: voiceFile, Size: int64(len(ogg)), Open: func() (io.ReadCloser, error) {
			return io.NopCloser(bytes.NewReader(ogg)), nil
		}}}
	}
	var id record.MessageID
	for _, p := range parts(r) {
		m, err := c.create(ctx, &t, p)
		if err != nil {
			return id, err
		}
		id, t.to = record.MessageID(m.ID), nil
		sent(r, id)
	}
	return id, nil
}

// create sends one message, and by the next best way what Discord refuses. t then says where it went, for those that follow.
func (c *Client) create(ctx context.Context, t *target, p part) (*discord.Message, error) {
	waited := false
	for {
		m, err := c.createOnce(ctx, *t, p)
		refused, ok := errors.AsType[*apiError](err)
		if !ok {
			return m, err
		}
		switch code := refused.code; {
		case t.to != nil && (code == codeReplyHistory || code == codeInvalidForm || code == codeUnknownMessage):
			t.to = nil // what it answers is gone, or can't be seen
		case len(p.buttons) > 0 && code == codeInvalidForm:
			p.buttons = nil
		case len(p.files) > 0 && (refused.status == http.StatusRequestEntityTooLarge || code == codeTooLarge || code == codeFileTooLarge):
			p = c.withoutFiles(ctx, *t, p, bot.RefusedTooLarge)
		case len(p.files) > 0 && code == codeMissingPermissions:
			p = c.withoutFiles(ctx, *t, p, bot.RefusedFiles)
		case code == slowMode && refused.retryAfter > 0 && refused.retryAfter <= maxSlow && !waited:
			waited = true
			select {
			case <-time.After(refused.retryAfter):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		default:
			why, known := c.why(*t, refused)
			if !known {
				return nil, err
			}
			return c.direct(ctx, t, p, why, err)
		}
		p.files = reopened(p.files)
	}
}

// createOnce makes the request. The nonce makes a repetition of it harmless.
func (c *Client) createOnce(ctx context.Context, t target, p part) (*discord.Message, error) {
	out := discord.MessageCreate{
		Content: p.text, Files: p.files, Components: p.buttons, AllowedMentions: mentions(t.author), Nonce: nonce(), EnforceNonce: true,
	}
	if t.to != nil {
		out.MessageReference = &discord.MessageReference{MessageID: t.to}
	}
	m, err := c.disgo.Rest.CreateMessage(t.channel, out, rest.WithCtx(ctx))
	return m, errors.Join(err, closeFiles(p.files))
}

// withoutFiles is a message that says why its files aren't there.
func (c *Client) withoutFiles(ctx context.Context, t target, p part, why bot.Refusal) part {
	p.files = nil
	p.text = clip(c.refusal(ctx, t, why)+"\n"+p.text, bot.MaxMessageRunes)
	return p
}

// why is what keeps Mynah from writing to a target; known is false where it is something else.
func (c *Client) why(t target, err *apiError) (why bot.Refusal, known bool) {
	switch err.code {
	case codeMissingAccess, codeMissingPermissions, codeNonText:
		if t.guild != nil {
			me, ok := c.disgo.Caches.Member(*t.guild, c.self)
			if ok && me.CommunicationDisabledUntil != nil && me.CommunicationDisabledUntil.After(time.Now()) {
				return bot.RefusedTimeout, true
			}
		}
		return bot.RefusedWrite, true
	case slowMode:
		return bot.RefusedSlow, true
	case codeThreadLocked, codeArchived:
		return bot.RefusedLocked, true
	case codeUnknownChannel:
		return bot.RefusedGone, true
	}
	return "", false
}

// direct sends a message to the one whom it answers, with what was in the way. The error is cause where that can't be either.
func (c *Client) direct(ctx context.Context, t *target, p part, why bot.Refusal, cause error) (*discord.Message, error) {
	if t.author == 0 || t.guild == nil {
		return nil, cause
	}
	room, err := c.disgo.Rest.CreateDMChannel(t.author, rest.WithCtx(ctx))
	if err != nil {
		c.log.Info("an answer could be given neither in its channel nor directly", "channel", t.channel, "why", cause, "err", err)
		return nil, cause
	}
	p.text = clip(c.refusal(ctx, *t, why)+"\n"+p.text, bot.MaxMessageRunes)
	p.files = reopened(p.files)
	there := target{channel: room.ID(), author: t.author}
	m, err := c.createOnce(ctx, there, p)
	if err != nil {
		c.log.Info("an answer could be given neither in its channel nor directly", "channel", t.channel, "why", cause, "err", err)
		return nil, cause
	}
	c.log.Info("an answer was given directly, since it could not be in its channel", "channel", t.channel, "why", cause)
	*t = there
	return m, nil
}

func (c *Client) refusal(ctx context.Context, t target, why bot.Refusal) string {
	return c.bot.Refused(ctx, serverID(t.guild), c.locale(t.guild), why, "channel", t.channel)
}

// sent tells a reply of a message that it became.
func sent(r bot.Reply, id record.MessageID) {
	if r.Sent != nil && id != 0 {
		r.Sent(id)
	}
}

// survivors are the attachments that an edited message has: those of the request and no others, so that a request that is made
// twice doesn't add them twice.
func survivors(files []*discord.File) *[]discord.AttachmentUpdate {
	if len(files) == 0 {
		return nil
	}
	var list []discord.AttachmentUpdate
	for i := range files {
		list = append(list, discord.AttachmentCreate{ID: i})
	}
	return &list
}
