package bot

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/language"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// Config is what a Bot needs. Every store is required; the zero value of the
// rest has the meaning told at each field.
type Config struct {
	Answers *answer.Answerer // decides what is answered
	Teacher *teach.Teacher   // changes what Mynah knows

	Settings    SettingsStore
	Exchanges   ExchangeStore
	Corrections CorrectionStore
	Feedback    FeedbackStore
	Examples    ExampleStore
	Models      ModelStore
	Privacy     PrivacyStore
	Workspaces  Workspaces
	Transcripts TranscriptStore
	Retention   RetentionStore
	Jobs        Jobs

	Hearing Transcriber // nil: audio is answered with how to install a recognizer
	Voice   Speaker     // nil: nothing is spoken
	// Report draws a report's charts and writes it as one HTML file; nil: trainings and tests come without.
	Report func(learn.ReportPage) (charts []learn.Chart, html []byte, err error)
	// SpeechModels are offered where a recording's language isn't understood; nil: whoever runs Mynah has to install them.
	SpeechModels SpeechModels
	// Recognizers are the names that a server may choose from, the configured one first; none: nothing is recognized.
	Recognizers []string
	// Talking lets Mynah into voice channels; nil: it stays out of them.
	Talking *Talking

	Prefix     string           // of prefix commands where a server chose none; "" = "!"
	Language   string           // where neither the server nor a locale tells one; "" = [language.Fallback]
	Languages  *language.Set    // that Mynah knows; nil = [language.All]
	ReplyMode  record.ReplyMode // where a server chose none; "" = mention
	HomeServer record.ServerID  // direct messages belong to it; 0 = to no server

	RefusalTarget float64 // share of known questions that may be refused, where a server chose none; 0 = learn's default

	AttachmentBytes int64 // largest attachment; 0 = 25 MB
	UploadBytes     int64 // largest file that is sent; 0 = 10 MiB

	Log *slog.Logger     // nil = slog.Default()
	Now func() time.Time // nil = time.Now
}

// Bot answers. Its methods are safe for concurrent use.
type Bot struct {
	cfg         Config
	log         *slog.Logger
	texts       *texts
	commands    []*Command
	limits      *personLimiter
	work        *lanes[lane]
	memory      *exchangeLog
	answers     *answer.Answerer
	teacher     *teach.Teacher
	talks       talks
	installs    installs
	memberships memberships
	expire      chan struct{} // has what was said looked through
	deletions   deletions

	ownLane    atomic.Uint64
	settingsMu sync.Mutex // one change of settings at a time
	told       sync.Map   // record.JobID → true: jobs whose handler told of their end

	link   atomic.Pointer[link]
	linked chan struct{} // closed by the first Connect

	ctx    context.Context // of all work; ends when Stop runs out of patience
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// link is the way to Discord.
type link struct {
	messenger Messenger
	fetcher   Fetcher
	members   Members
	calls     Calls // nil without voice channels
}

// lane orders work: one for quick answers and one for slow work in each channel,
// so that a long recording doesn't hold up a question, and each keeps its order.
// What can't wait for either gets a lane of its own.
type lane struct {
	channel record.ChannelID
	slow    bool
	own     uint64 // unique, or 0
}

// New checks the configuration and makes a Bot. Nothing runs before [Bot.Start].
func New(cfg Config) (*Bot, error) {
	switch {
	case cfg.Settings == nil, cfg.Answers == nil, cfg.Teacher == nil, cfg.Exchanges == nil, cfg.Corrections == nil, cfg.Feedback == nil, cfg.Examples == nil,
		cfg.Models == nil, cfg.Privacy == nil, cfg.Workspaces == nil, cfg.Transcripts == nil,
		cfg.Retention == nil, cfg.Jobs == nil:
		return nil, errors.New("bot: a store, Answers or Teacher is missing in the configuration")
	}
	cfg.Prefix = cmp.Or(cfg.Prefix, "!")
	cfg.ReplyMode = cmp.Or(cfg.ReplyMode, record.ReplyMention)
	cfg.AttachmentBytes = cmp.Or(cfg.AttachmentBytes, 25_000_000)
	cfg.UploadBytes = cmp.Or(cfg.UploadBytes, 10<<20)
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Languages == nil {
		var err error
		if cfg.Languages, err = language.All(); err != nil {
			return nil, err
		}
	}
	all, err := loadTexts(cfg.Languages)
	if err != nil {
		return nil, err
	}
	b := &Bot{
		cfg:     cfg,
		log:     cfg.Log,
		texts:   all,
		answers: cfg.Answers,
		teacher: cfg.Teacher,
		limits:  newPersonLimiter(cfg.Now),
		work:    newLanes[lane](),
		linked:  make(chan struct{}),
		expire:  make(chan struct{}, 1),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.memory = newExchangeLog(cfg.Exchanges, cfg.Log)
	b.commands = b.declare()
	return b, nil
}

// Start begins to write exchanges behind, to delete what has been kept long enough, and to finish deletions that people asked for. Call
// it once.
func (b *Bot) Start() {
	b.wg.Go(b.memory.run)
	b.wg.Go(b.keepTime)
	b.wg.Go(b.deleteOn)
}

// Connect gives the bot its way to Discord; calls may be nil. Jobs that want to write wait for it.
func (b *Bot) Connect(m Messenger, f Fetcher, members Members, calls Calls) {
	if b.link.Swap(&link{m, f, members, calls}) == nil {
		close(b.linked)
		b.expireNow() // messages could not be deleted so far
	}
}

// connection waits for [Bot.Connect].
func (b *Bot) connection(ctx context.Context) (*link, error) {
	select {
	case <-b.linked:
		return b.link.Load(), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Stop takes no more events, lets what runs end until ctx ends, and writes what
// is not yet written. The stores must stay open until it returns.
func (b *Bot) Stop(ctx context.Context) error {
	b.work.close()
	done := make(chan struct{})
	go func() {
		b.work.wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	b.cancel()
	<-done
	b.memory.close()
	b.wg.Wait()
	return err
}

// HandleMessage takes a message that somebody wrote. It returns at once.
func (b *Bot) HandleMessage(m Message, r Responder) {
	if m.Author.Bot {
		return
	}
	at := b.limits.arrived(m.Author.ID)
	err := b.work.add(lane{channel: m.Channel}, func() {
		defer b.limits.done(m.Author.ID)
		b.message(b.ctx, at, m, r)
	})
	if err != nil {
		b.limits.done(m.Author.ID)
		b.log.Warn("message dropped", "channel", m.Channel, "message", m.ID, "err", err)
	}
}

// message decides what a message is that came at a time, and does it.
func (b *Bot) message(ctx context.Context, at time.Time, m Message, r Responder) {
	settings, err := b.settings(ctx, m.Server)
	if err != nil {
		b.log.Error("settings can't be read", "server", m.Server, "err", err)
		return
	}
	c := &Call{
		bot: b, responder: r, settings: settings,
		Server: settings.Server, Direct: m.Server == 0, Channel: m.Channel, Message: m.ID, Author: m.Author,
		Attachments: m.Attachments, Target: m.ReplyTo, UploadLimit: cmp.Or(m.UploadLimit, b.cfg.UploadBytes),
		locales: []string{m.Locale}, translation: b.in(b.language(settings, m.Locale), settings),
	}
	what := b.classify(&m, settings)
	if what.kind == notForUs {
		return
	}
	if what.language != "" { // who types a command in a language wants to be answered in it, unless the server chose another
		c.locales = append([]string{what.language}, c.locales...)
		c.translation = b.in(b.language(settings, c.locales...), settings)
	}
	switch b.limits.allow(m.Author.ID, at) {
	case ignored:
		return
	case refused:
		b.log.Warn("a person is too fast", "user", m.Author.ID, "server", m.Server, "channel", m.Channel)
		b.deliver(ctx, c, c.T("limit.slow_down"))
		return
	}
	if what.kind == isAudio || what.kind == isFiles || what.kind == isCommand && what.command.Slow {
		err := b.work.add(lane{channel: m.Channel, slow: true}, func() { b.reply(ctx, c, &m, what) })
		if err != nil {
			b.guard(ctx, c, func(context.Context) error { return c.failed(err, "error.busy") })
		}
		return
	}
	b.reply(ctx, c, &m, what)
}

// reply does what a message asks for.
func (b *Bot) reply(ctx context.Context, c *Call, m *Message, what classified) {
	b.guard(ctx, c, func(ctx context.Context) error {
		switch what.kind {
		case isCommand:
			c.Command = what.command
			args, err := ParseArguments(what.command, what.line)
			if err != nil {
				return err
			}
			c.args = args
			return b.run(ctx, c)
		case isUnknownCommand:
			return c.unknownCommand(ctx, what.line)
		case isGroup:
			return c.groupHelp(ctx, what.line)
		case isAudio:
			return c.audio(ctx, m.Text, what.recordings)
		case isQuestion:
			c.Unasked = !m.addressed()
			return c.question(ctx, m.Text)
		case isFiles:
			return c.dropped(ctx)
		default:
			return c.Say(ctx, c.T("mention.empty"))
		}
	})
}

// HandleInvocation takes a slash command, a context menu or a form. It returns at once.
func (b *Bot) HandleInvocation(v Invocation, r Responder) {
	cmd := b.named(v.Command)
	if cmd == nil {
		b.log.Warn("unknown command invoked", "command", v.Command)
		return
	}
	if cmd.Slow {
		// Discord waits 3 s for a first answer, however long the queue is.
		err := b.work.add(lane{own: b.ownLane.Add(1)}, func() {
			if err := r.Working(b.ctx, cmd.Private); err != nil {
				b.log.Warn("interaction not deferred", "command", v.Command, "err", err)
			}
		})
		if err != nil {
			b.log.Warn("interaction dropped", "command", v.Command, "channel", v.Channel, "err", err)
			return
		}
	}
	where := lane{channel: v.Channel, slow: cmd.Slow}
	if cmd.Menu {
		where = lane{own: b.ownLane.Add(1)} // a form must open within 3 s
	}
	at := b.limits.arrived(v.Author.ID)
	err := b.work.add(where, func() {
		defer b.limits.done(v.Author.ID)
		b.invocation(b.ctx, at, cmd, v, r)
	})
	if err != nil {
		b.limits.done(v.Author.ID)
		b.log.Warn("interaction dropped", "command", v.Command, "channel", v.Channel, "err", err)
	}
}

func (b *Bot) invocation(ctx context.Context, at time.Time, cmd *Command, v Invocation, r Responder) {
	settings, err := b.settings(ctx, v.Server)
	c := b.call(settings, v, r)
	c.Interaction = true
	if err != nil {
		b.guard(ctx, c, func(context.Context) error { return err })
		return
	}
	if b.limits.allow(v.Author.ID, at) != allowed {
		// Every interaction must be answered, or Discord shows it as failed.
		_, err := r.Send(ctx, Reply{Text: c.T("limit.slow_down"), Private: true})
		b.log.Warn("a person is too fast", "user", v.Author.ID, "server", v.Server, "channel", v.Channel, "err", err)
		return
	}
	c.Command = cmd
	b.guard(ctx, c, func(ctx context.Context) error {
		args := Arguments{}
		for name, value := range v.Values {
			o := cmd.option(name)
			if o == nil {
				continue
			}
			if err := args.set(o, value); err != nil {
				return err
			}
		}
		if err := args.check(cmd); err != nil {
			return err
		}
		c.args = args
		return b.run(ctx, c)
	})
}

// call makes the Call of an interaction.
func (b *Bot) call(settings record.Settings, v Invocation, r Responder) *Call {
	return &Call{
		bot: b, responder: r, settings: settings,
		Server: settings.Server, Direct: v.Server == 0, Channel: v.Channel, Author: v.Author,
		Attachments: v.Attachments, Target: v.Target, UploadLimit: cmp.Or(v.UploadLimit, b.cfg.UploadBytes),
		locales: []string{v.Locale, v.ServerLocale}, translation: b.in(b.language(settings, v.Locale, v.ServerLocale), settings),
	}
}

// HandleCompletion returns what can be chosen for an option, best first, at most 25.
func (b *Bot) HandleCompletion(ctx context.Context, q Completion) []Choice {
	cmd := b.named(q.Command)
	if cmd == nil {
		return nil
	}
	o := cmd.option(q.Option)
	if o == nil || o.Complete == nil {
		return nil
	}
	settings, err := b.settings(ctx, q.Server)
	if err != nil {
		b.log.Error("settings can't be read", "server", q.Server, "err", err)
		return nil
	}
	c := b.call(settings, q.Invocation, nil)
	c.args = Arguments(q.Values)
	if err := c.allowed(ctx, cmd); err != nil {
		if _, refused := c.sentence(err); !refused {
			b.log.Error("nothing to choose from", "command", q.Command, "option", q.Option, "err", err)
		}
		return nil
	}
	choices, err := o.Complete(ctx, c, q.Typed)
	if err != nil {
		b.log.Error("nothing to choose from", "command", q.Command, "option", q.Option, "err", err)
		return nil
	}
	if more := len(choices) - maxChoices + 1; more > 1 && o.Kind == Text {
		// The last one says that there are more; who chooses it has what they typed.
		choices = append(choices[:maxChoices-1:maxChoices-1], Choice{Label: c.T("choice.more", "count", more), Value: cmp.Or(q.Typed, "…")})
	}
	return choices[:min(len(choices), maxChoices)]
}

// maxChoices is how many choices Discord takes for one option.
const maxChoices = 25

// run checks what the call's command demands, and runs it.
func (b *Bot) run(ctx context.Context, c *Call) error {
	cmd := c.Command
	if err := c.allowed(ctx, cmd); err != nil {
		return err
	}
	if cmd.Slow && !c.Interaction {
		defer c.working(ctx)()
	}
	return cmd.Run(ctx, c)
}

// guard runs work, and turns its error, or its panic, into one sentence for the
// person and one line in the log.
func (b *Bot) guard(ctx context.Context, c *Call, work func(ctx context.Context) error) {
	err := func() (err error) {
		defer func() {
			if p := recover(); p != nil {
				b.log.Error("panic", "value", p, "stack", string(debug.Stack()))
				err = errors.New("panic")
			}
		}()
		return work(ctx)
	}()
	if err == nil {
		return
	}
	name := ""
	if c.Command != nil {
		name = c.Command.Name
	}
	where := []any{"command", name, "server", c.Server, "channel", c.Channel, "user", c.Author.ID, "err", err}
	sentence, known := c.sentence(err)
	switch {
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		b.log.Info("stopped in the middle of a command", where...)
		sentence = c.T("error.stopping")
	case known:
		b.log.Info("refused", where...)
	default:
		b.log.Error("a command failed", where...)
	}
	ctx, cancel := b.farewell(ctx)
	defer cancel()
	if _, err := c.responder.Send(ctx, Reply{Text: sentence, Private: true}); err != nil {
		b.log.Error("the person could not be told", append(where, "send", err)...)
	}
}

const (
	// farewellTime is how long telling somebody of an error may take once Mynah stops, tellTime before: Discord's own limits may
	// hold a message back for some seconds.
	farewellTime = 4 * time.Second
	tellTime     = 30 * time.Second
)

// farewell outlives ctx for as long as telling somebody of an error may take.
func (b *Bot) farewell(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tellTime)
	stop := context.AfterFunc(b.ctx, func() { time.AfterFunc(farewellTime, cancel) })
	return ctx, func() {
		stop()
		cancel()
	}
}

// deliver sends a text and logs where that fails.
func (b *Bot) deliver(ctx context.Context, c *Call, text string) {
	if err := c.Say(ctx, text); err != nil {
		b.log.Error("an answer could not be sent", "channel", c.Channel, "err", err)
	}
}

// named returns the command with that full name, menus and forms included.
func (b *Bot) named(name string) *Command {
	for _, c := range b.commands {
		if c.Name == name {
			return c
		}
	}
	return nil
}

// settings returns the settings that hold for a server, or for direct messages.
func (b *Bot) settings(ctx context.Context, server record.ServerID) (record.Settings, error) {
	if server == 0 {
		server = b.cfg.HomeServer
	}
	s, err := b.cfg.Settings.Settings(ctx, server)
	s.Server = server
	return s, err
}

// prefix returns the prefix that holds in a server.
func (b *Bot) prefix(s record.Settings) string { return cmp.Or(s.Prefix, b.cfg.Prefix) }

// replyMode returns the mode that holds in a channel: its own, or for a thread that of the channel that it belongs to (parent, 0 for
// none), or the server's.
func (b *Bot) replyMode(s record.Settings, channel, parent record.ChannelID) record.ReplyMode {
	for _, id := range []record.ChannelID{channel, parent} {
		if mode, ok := s.ChannelModes[id]; ok && mode.Valid() {
			return mode
		}
	}
	if s.ReplyMode.Valid() {
		return s.ReplyMode
	}
	return b.cfg.ReplyMode
}

// language returns the language of the replies: the server's choice, else the
// first locale that is spoken, else the configured one.
func (b *Bot) language(s record.Settings, locales ...string) string {
	return b.cfg.Languages.Match(append([]string{s.Language}, append(locales, b.cfg.Language)...)...)
}
