package bot

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// Call is one use of a command, or one message that is answered.
type Call struct {
	translation
	bot       *Bot
	responder Responder
	settings  record.Settings
	args      Arguments
	locales   []string // of the person and of the server, as Discord told

	Command     *Command // nil for a message that is no command
	Server      record.ServerID
	Direct      bool // in direct messages
	Channel     record.ChannelID
	Message     record.MessageID // 0 for interactions
	Author      Person
	Attachments []Attachment
	UploadLimit int64   // largest file that may be sent, bytes
	Target      *Quoted // the message replied to, or that the context menu was opened on
	Interaction bool
	Unasked     bool // a message that nobody addressed to Mynah, in a channel where it answers everything
}

// Arg returns an option's value as text, "" where it wasn't given.
func (c *Call) Arg(name string) string { return c.args[name] }

// Bool returns a boolean option.
func (c *Call) Bool(name string) (value, given bool) {
	text, given := c.args[name]
	return text == "true", given
}

// Int returns a whole number, 0 where it wasn't given.
func (c *Call) Int(name string) int64 {
	n, _ := strconv.ParseInt(c.args[name], 10, 64)
	return n
}

// Say sends a text.
func (c *Call) Say(ctx context.Context, text string) error {
	_, err := c.Send(ctx, Reply{Text: text})
	return err
}

// Send sends a reply and returns the id of its last message.
func (c *Call) Send(ctx context.Context, r Reply) (record.MessageID, error) {
	r.Private = r.Private || c.Command != nil && c.Command.Private
	return c.responder.Send(ctx, r)
}

// workingAgain is how often "typing…" is renewed; Discord shows it for 10 s.
const workingAgain = 8 * time.Second

// working shows that an answer will come, until the function that it returns is called.
func (c *Call) working(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	private := c.Command != nil && c.Command.Private
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(workingAgain)
		defer tick.Stop()
		for {
			// Only a courtesy: the work itself goes on whatever comes of it.
			if err := c.responder.Working(ctx, private); err != nil && ctx.Err() == nil {
				c.bot.log.Debug("typing is not shown", "channel", c.Channel, "err", err)
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// trusted reports whether the author may train and change settings.
func (c *Call) trusted() bool { return teach.May(c.settings, c.Author.Manager, c.Author.Roles) }

// sentence is that of [translation], which doesn't know what a command takes.
func (c *Call) sentence(err error) (text string, known bool) {
	e, ok := errors.AsType[*ArgumentError](err)
	if !ok {
		return c.translation.sentence(err)
	}
	key := [...]string{"argument.missing", "argument.malformed", "argument.twice", "argument.unexpected", "argument.no_choice"}[e.Reason]
	usage := ""
	if c.Command != nil {
		usage = c.usage(c.Command)
	}
	return c.T(key, "option", e.Option, "value", shorten(e.Value, 60), "kind", c.T("kind."+kindNames[e.Kind]), "usage", usage), true
}

var kindNames = [...]string{"text", "integer", "boolean", "upload", "channel", "role", "member"}
