package bot

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// Call is one use of a command, or one message that is answered.
type Call struct {
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
	Target      *Quoted // the message replied to, or that the context menu was opened on
	Language    string
	Interaction bool
}

// T returns a sentence in the language of this call.
func (c *Call) T(key string, pairs ...any) string {
	return c.bot.texts.get(c.Language, key, pairs...)
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

// refusal is an error whose text the person is meant to read.
type refusal struct {
	key   string
	pairs []any
	err   error // for the log; may be nil
}

func (e *refusal) Error() string {
	if e.err != nil {
		return e.key + ": " + e.err.Error()
	}
	return e.key
}

func (e *refusal) Unwrap() error { return e.err }

// fail is an error that is told as the sentence with that key.
func (c *Call) fail(key string, pairs ...any) error { return &refusal{key: key, pairs: pairs} }

// failed is fail with a cause for the log.
func (c *Call) failed(err error, key string, pairs ...any) error {
	return &refusal{key: key, pairs: pairs, err: err}
}

// sentence says what went wrong, in words for the person. known is false for an
// error that nobody thought of.
func (c *Call) sentence(err error) (text string, known bool) {
	if r, ok := errors.AsType[*refusal](err); ok {
		return c.T(r.key, r.pairs...), true
	}
	if e, ok := errors.AsType[*ArgumentError](err); ok {
		key := [...]string{"argument.missing", "argument.malformed", "argument.twice", "argument.unexpected", "argument.no_choice"}[e.Reason]
		usage := ""
		if c.Command != nil {
			usage = c.usage(c.Command)
		}
		return c.T(key, "option", e.Option, "value", shorten(e.Value, 60), "kind", c.T("kind."+kindNames[e.Kind]), "usage", usage), true
	}
	if e, ok := errors.AsType[*FetchError](err); ok {
		key := [...]string{"attachment.failed", "attachment.too_large", "attachment.foreign"}[e.Fault]
		return c.T(key, "name", plain(e.Name), "limit", size(e.Limit)), true
	}
	if e, ok := errors.AsType[*HearingError](err); ok {
		key := [...]string{"audio.unreadable", "audio.too_long", "audio.no_model", "audio.no_recognizer"}[e.Fault]
		return c.T(key, "language", e.Language, "install", e.Install, "minutes", e.Minutes), true
	}
	if errors.Is(err, fs.ErrInvalid) {
		return c.T("error.path"), true
	}
	return c.T("error.broken"), false
}

var kindNames = [...]string{"text", "integer", "boolean", "upload", "channel", "role", "member"}
