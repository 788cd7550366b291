package bot

import (
	"context"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// chatEvery is how often the message with a chat server's answer is edited at most.
const chatEvery = time.Second

// chat lets the chat server answer a question, and shows the answer while it comes. ok is false where it has none; then
// what is shown, if anything, is still to be replaced.
func (c *Call) chat(ctx context.Context, question string, d *draft) (answer string, ok bool) {
	if on, _ := c.bot.answers.Chats(c.settings); !on {
		return "", false
	}
	defer c.working(ctx)()
	latest, done := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		answer, ok = c.bot.answers.Chat(ctx, c.settings, question, func(soFar string) {
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

// draft is an answer that may be shown before it is complete.
type draft struct {
	c     *Call
	id    record.MessageID   // 0 until something was shown
	sent  []record.MessageID // all that it became, id among them
	shown time.Time

	buttons []Button // below the whole text
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
	err := d.put(ctx, text, d.buttons...)
	return d.id, err
}

func (d *draft) put(ctx context.Context, text string, buttons ...Button) error {
	defer func() { d.shown = time.Now() }() // and not before: one that came late would be followed too soon
	reply := Reply{Text: text, Buttons: buttons, Sent: func(id record.MessageID) { d.sent = append(d.sent, id) }}
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
