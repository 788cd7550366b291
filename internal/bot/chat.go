package bot

import (
	"context"
	"errors"
	"time"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/learn/openai"
	"github.com/mynahbot/mynah/internal/record"
)

// ChatServer answers what no model knows; [openai.Client] is one.
type ChatServer interface {
	// Chat answers q. update gets the answer so far, from one goroutine. The error is [openai.ErrNotGrounded] where the
	// examples don't answer it.
	Chat(ctx context.Context, q openai.Question, update func(soFar string)) (string, error)
}

const (
	// chatTime is how long a chat server may take for an answer.
	chatTime = time.Minute
	// chatEvery is how often the message with its answer is edited at most.
	chatEvery = time.Second
	// chatExamples is how many taught questions it gets as context.
	chatExamples = 8
)

// chats reports whether the chat server answers in a server, and whether only from examples.
func (b *Bot) chats(s record.Settings) (on, grounded bool) {
	grounded = b.cfg.ChatGrounded
	if s.Grounded != nil {
		grounded = *s.Grounded
	}
	return b.cfg.Chat != nil && s.Chat != off, grounded
}

// chat lets the chat server answer a question, and shows the answer while it comes. ok is false where it has none; then
// what is shown, if anything, is still to be replaced.
func (c *Call) chat(ctx context.Context, question string, d *draft) (answer string, ok bool) {
	if on, _ := c.bot.chats(c.settings); !on {
		return "", false
	}
	ctx, cancel := context.WithTimeout(ctx, chatTime)
	defer cancel()
	defer c.working(ctx)()
	latest, done := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		answer, ok = c.bot.askChat(ctx, c.settings, question, func(soFar string) {
			select {
			case <-latest: // it wasn't shown, and is old now
			default:
			}
			latest <- soFar
		})
	}()
	for coming := true; coming; {
		select {
		case soFar := <-latest:
			d.show(ctx, Split(soFar, MaxMessageRunes-2)[0]+" …")
			d.pause(ctx, done)
		case <-done:
			coming = false
		}
	}
	return answer, ok
}

// askChat has the chat server answer a question from the examples of a server that are nearest to it. update gets the answer
// so far, from one goroutine.
func (b *Bot) askChat(ctx context.Context, s record.Settings, question string, update func(soFar string)) (answer string, ok bool) {
	on, grounded := b.chats(s)
	if !on {
		return "", false
	}
	m, err := b.minds.of(ctx, s.Server)
	if err != nil {
		b.log.Error("examples for the chat server can't be read", "server", s.Server, "err", err)
		return "", false
	}
	var nearest []learn.Neighbour
	if m.model != nil {
		nearest = m.model.Neighbours(question, chatExamples)
	}
	answer, err = b.cfg.Chat.Chat(ctx, openai.Question{Text: question, Nearest: nearest, Grounded: grounded}, update)
	if err != nil && !errors.Is(err, openai.ErrNotGrounded) && !errors.Is(ctx.Err(), context.Canceled) {
		b.log.Warn("the chat server gave no answer", "server", s.Server, "err", err)
	}
	return answer, err == nil
}

// draft is an answer that may be shown before it is complete.
type draft struct {
	c     *Call
	id    record.MessageID   // 0 until something was shown
	sent  []record.MessageID // all that it became, id among them
	shown time.Time
}

// show shows a text, in the place of what was shown before.
func (d *draft) show(ctx context.Context, text string) {
	if err := d.put(ctx, text); err != nil && ctx.Err() == nil {
		d.c.bot.log.Warn("an unfinished answer could not be shown", "channel", d.c.Channel, "err", err)
	}
}

// pause waits until the message may be edited again, or done is closed.
func (d *draft) pause(ctx context.Context, done <-chan struct{}) {
	timer := time.NewTimer(time.Until(d.shown.Add(chatEvery)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-done:
	case <-ctx.Done():
	}
}

// finish shows the whole text and returns the message's id.
func (d *draft) finish(ctx context.Context, text string) (record.MessageID, error) {
	if d.id != 0 {
		d.pause(ctx, nil)
	}
	err := d.put(ctx, text)
	return d.id, err
}

func (d *draft) put(ctx context.Context, text string) error {
	defer func() { d.shown = time.Now() }() // and not before: one that came late would be followed too soon
	reply := Reply{Text: text, Sent: func(id record.MessageID) { d.sent = append(d.sent, id) }}
	if d.id == 0 {
		id, err := d.c.Send(ctx, reply)
		d.id = id
		return err
	}
	link, err := d.c.bot.connection(ctx)
	if err != nil {
		return err
	}
	return link.messenger.Edit(ctx, d.c.Channel, d.id, reply)
}
