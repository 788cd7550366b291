package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/record"
)

// TranscriptStore keeps what was said to Mynah in voice channels and answered, for as long as each server wants.
type TranscriptStore interface {
	SaveTranscript(ctx context.Context, t record.Transcript) (record.TranscriptID, error)
	// SetTranscriptMessage names the message that shows a transcript. It returns false where that was deleted meanwhile;
	// the message is stale then.
	SetTranscriptMessage(ctx context.Context, id record.TranscriptID, channel record.ChannelID, message record.MessageID) (bool, error)
	// StaleMessages are those whose transcripts are gone.
	StaleMessages(ctx context.Context) ([]record.PostedMessage, error)
	ForgetStaleMessage(ctx context.Context, m record.PostedMessage) error
}

const (
	// maxToldFailures is how many messages that can't be deleted are named.
	maxToldFailures = 3
	// maxSaidRunes is how much of what was said stands in a message.
	maxSaidRunes = 800
)

// Keep implements [conversation.Transcripts]: it writes a turn down, where the server wants that and the person is heard. In
// the channel where answers are written anyway, the answer is part of the transcript if it fits, so that nothing stands there
// twice.
func (t *talk) Keep(ctx context.Context, l conversation.Line) record.MessageID {
	settings, err := t.bot.settings(ctx, t.server)
	if err != nil {
		t.bot.log.Error("settings can't be read", "server", t.server, "err", err)
		return 0
	}
	channel := settings.TranscriptChannel
	if channel == 0 || !t.choices.Heard(l.User) {
		return 0
	}
	failed := func(err error) {
		t.bot.log.Error("a transcript can't be kept", "server", t.server, "channel", channel, "err", err)
	}
	kept := t.bot.cfg.Transcripts
	id, err := kept.SaveTranscript(ctx, record.Transcript{
		Server: t.server, User: l.User, Said: l.Said, Answer: l.Answer, Channel: channel, At: t.bot.cfg.Now(),
	})
	if err != nil {
		failed(err)
		return 0
	}
	link := t.bot.link.Load()
	if link == nil {
		return 0
	}
	parts := Split(t.line(l), MaxMessageRunes)
	inChat := channel == settings.Call.Text
	whole := len(parts) == 1
	if inChat && !whole {
		parts = Split(t.line(conversation.Line{User: l.User, Said: l.Said}), MaxMessageRunes) // the chat gets the answer whole
	}
	message, err := link.messenger.Post(ctx, channel, Reply{Text: parts[0]})
	if err != nil {
		failed(err)
		return 0
	}
	// What is posted must be known, or it could not be deleted.
	ctx = context.WithoutCancel(ctx)
	known, err := kept.SetTranscriptMessage(ctx, id, channel, message)
	switch {
	case err != nil:
		failed(err)
		if err := link.messenger.Delete(ctx, channel, message); err != nil {
			failed(err)
		}
		return 0
	case !known:
		t.bot.expireNow()
	}
	if !inChat || !whole {
		return 0
	}
	return message
}

// line is a turn as it is posted.
func (t *talk) line(l conversation.Line) string {
	t.mu.Lock()
	name := t.people[l.User].Name
	t.mu.Unlock()
	text := "**" + plain(cmp.Or(name, l.User.String())) + "**: " + markdown.Replace(shorten(l.Said, maxSaidRunes))
	if l.Answer != "" {
		text += "\n**" + plain(t.bot.callName()) + "**: " + l.Answer
	}
	return text
}

// callName is what Mynah is called in voice channels.
func (b *Bot) callName() string {
	if b.cfg.Talking != nil && b.cfg.Talking.Name != "" {
		return b.cfg.Talking.Name
	}
	return conversation.DefaultName
}

// deleteStaleMessages deletes the messages whose transcripts are gone. Those that Discord does not let it delete now are
// tried again later, and all of them once it can be reached.
func (b *Bot) deleteStaleMessages(ctx context.Context) error {
	link := b.link.Load()
	if link == nil {
		return nil
	}
	stale, err := b.cfg.Transcripts.StaleMessages(ctx)
	if err != nil {
		return err
	}
	var failed []error
	for _, m := range stale {
		if err = link.messenger.Delete(ctx, m.Channel, m.Message); err == nil {
			err = b.cfg.Transcripts.ForgetStaleMessage(ctx, m)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("message %s in channel %s: %w", m.Message, m.Channel, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	return errors.Join(failed[:min(len(failed), maxToldFailures)]...)
}
