package discord

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/disgoorg/disgo"
	disgobot "github.com/disgoorg/disgo/bot"
	"github.com/disgoorg/disgo/cache"
	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	disgovoice "github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/snowflake/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/speech"
)

// Config says where Discord is and who Mynah is there. The zero value of
// everything but Token works.
type Config struct {
	Token string
	// NoMessageContent leaves out the privileged intent: then only slash
	// commands, mentions and direct messages have a text.
	NoMessageContent bool
	// RESTURL is the API's address up to the version ("http://127.0.0.1:7300/api");
	// "" = Discord's own.
	RESTURL string
	// GatewayURL replaces the address that the API names.
	GatewayURL string
	// CDNURL is the address of a CDN beside Discord's own hosts that attachments
	// may come from: the local Discord's.
	CDNURL string

	// Synthesizer speaks in voice channels; nil leaves Mynah silent there.
	Synthesizer speech.Synthesizer
	// AloneTime is how long Mynah stays in a voice channel alone; 0 = DefaultAloneTime.
	AloneTime time.Duration
	// MeasureNames has metrics tell speakers apart by their ids.
	MeasureNames bool

	Log *slog.Logger // nil = slog.Default()
}

// Permissions are what the invite link asks for: what Mynah uses in text and
// voice channels, and nothing beyond.
const Permissions = discord.PermissionViewChannel | discord.PermissionSendMessages | discord.PermissionSendMessagesInThreads |
	discord.PermissionEmbedLinks | discord.PermissionAttachFiles | discord.PermissionReadMessageHistory |
	discord.PermissionAddReactions | discord.PermissionSendVoiceMessages | discord.PermissionConnect | discord.PermissionSpeak |
	discord.PermissionUseVAD | discord.PermissionRequestToSpeak

// setupTime is how long one request of the start may take.
const setupTime = 30 * time.Second

// Client is Mynah on Discord. Create one with [Open] and end it with [Client.Close].
type Client struct {
	disgo *disgobot.Client
	rest  rest.Client
	wire  *wire
	bot   *bot.Bot
	log   *slog.Logger
	http  *http.Client
	fetch *fetcher
	calls *calls
	self  snowflake.ID // the bot user's id

	metrics *metrics

	ctx    context.Context // of what answers autocompletion; ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Open connects b to Discord and returns when Discord says that Mynah is ready.
// ctx bounds the opening only. Errors that the configuration is to blame for are
// a *[SetupError].
func Open(ctx context.Context, cfg Config, b *bot.Bot) (*Client, error) {
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	api := cfg.RESTURL
	if api == "" {
		api = strings.TrimSuffix(rest.API, "/")
	}
	api = strings.TrimSuffix(api, "/")
	if !strings.HasSuffix(api, "/v10") {
		api += "/v10"
	}
	fetch, err := newFetcher(cfg.CDNURL)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConnsPerHost = 32
	c := &Client{bot: b, log: cfg.Log, fetch: fetch, metrics: newMetrics()}
	c.http = &http.Client{Transport: newLimited(transport, c.metrics, cfg.Log)}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	intents := gateway.IntentGuilds | gateway.IntentGuildMessages | gateway.IntentDirectMessages | gateway.IntentGuildVoiceStates |
		gateway.IntentGuildMessageReactions | gateway.IntentDirectMessageReactions
	if !cfg.NoMessageContent {
		intents |= gateway.IntentMessageContent
	}
	restClient := cleanClient{rest.NewClient(cfg.Token,
		rest.WithURL(api),
		rest.WithHTTPClient(c.http),
		rest.WithRateLimiter(noLimits{rest.NewNoopRateLimiter()}),
		rest.WithUserAgent(fmt.Sprintf("DiscordBot (https://github.com/mynahbot/mynah, 1) disgo/%s", disgo.Version)),
		rest.WithLogger(slog.New(slog.DiscardHandler)), // it would log whole answers; each error says what went wrong
	)}
	if err := c.open(ctx, cfg, restClient, intents); err != nil {
		c.fetch.client.CloseIdleConnections()
		c.http.CloseIdleConnections()
		transport.CloseIdleConnections()
		c.cancel()
		return nil, explain(err)
	}
	return c, nil
}

func (c *Client) open(ctx context.Context, cfg Config, restClient rest.Client, intents gateway.Intents) error {
	calls := rest.New(restClient)
	asking, done := context.WithTimeout(ctx, setupTime)
	defer done()
	address, err := calls.GetGatewayBot(rest.WithCtx(asking))
	if err != nil {
		return err
	}
	if cfg.GatewayURL != "" {
		address.URL = cfg.GatewayURL
	}
	c.rest = restClient
	c.calls = newCalls(c, cfg)
	starts := &budget{log: cfg.Log, m: c.metrics, ask: func(ctx context.Context) (*discord.GatewayBot, error) {
		return calls.GetGatewayBot(rest.WithCtx(ctx))
	}}
	starts.told(address.SessionStartLimit)
	c.wire = newWire(address.URL, cfg.Token, intents, c.handle, starts, c.metrics, cfg.Log)
	client, err := disgo.New(cfg.Token,
		disgobot.WithLogger(quiet(cfg.Log)),
		disgobot.WithRestClient(restClient), // else disgo starts one with a limiter of its own
		disgobot.WithRest(calls),
		disgobot.WithGateway(c.wire),
		disgobot.WithCaches(cache.New(
			cache.WithCaches(cache.FlagGuilds|cache.FlagRoles|cache.FlagVoiceStates|cache.FlagChannels|cache.FlagMembers),
			cache.WithChannelCachePolicy(func(ch discord.GuildChannel) bool { _, thread := ch.(discord.GuildThread); return thread }),
			cache.WithMemberCachePolicy(func(m discord.Member) bool { return m.User.ID == c.self }),
		)),
		disgobot.WithVoiceManagerConfigOpts(disgovoice.WithConnCreateFunc(c.calls.voice.Create)),
		disgobot.WithEventListenerFunc(c.onReady),
		disgobot.WithEventListenerFunc(c.onServer),
		disgobot.WithEventListenerFunc(c.onServerBack),
		disgobot.WithEventListenerFunc(c.onServerLeft),
		disgobot.WithEventListenerFunc(c.onVoiceState),
		disgobot.WithEventListenerFunc(c.onChannel),
		disgobot.WithEventListenerFunc(c.onMessage),
		disgobot.WithEventListenerFunc(c.onCommand),
		disgobot.WithEventListenerFunc(c.onCompletion),
		disgobot.WithEventListenerFunc(c.onForm),
		disgobot.WithEventListenerFunc(c.onButton),
		disgobot.WithEventListenerFunc(c.onServerReaction),
		disgobot.WithEventListenerFunc(c.onDirectReaction),
		disgobot.WithEventListenerFunc(c.onReactionRemove),
	)
	if err != nil {
		// All that disgo checks is whether the token has the form of one.
		return &SetupError{Fault: BadToken, err: err}
	}
	c.disgo, c.self = client, client.ApplicationID // a bot's user has its application's id
	c.bot.Connect(c, c.fetch, c, c.calls)
	if err := c.wire.Open(ctx); err != nil {
		return err
	}
	c.wg.Go(func() { c.register(c.ctx) })
	return nil
}

// Metrics are the figures of the connection and of the voice connections, for a Prometheus registry.
func (c *Client) Metrics() prometheus.Collector {
	return append(collectors{c.calls.voice}, c.metrics.all()...)
}

// Close ends the connection; what is being sent may finish until ctx ends.
// Stop the bot first, so that it can still answer.
func (c *Client) Close(ctx context.Context) {
	c.cancel()
	c.calls.close(ctx)
	c.wire.Close(ctx)
	c.wg.Wait()
	c.http.CloseIdleConnections()
	c.fetch.client.CloseIdleConnections()
	if t, ok := c.http.Transport.(*limited); ok {
		t.next.(*http.Transport).CloseIdleConnections()
	}
}

// Done is closed when the connection has ended for good: after Close, or when
// Discord doesn't want Mynah any more, which [Client.Err] explains.
func (c *Client) Done() <-chan struct{} { return c.wire.done }

// Err says why Discord ended the connection for good; nil where it didn't.
func (c *Client) Err() error {
	if err := c.wire.failure(); err != nil {
		return explain(err)
	}
	return nil
}

// Disgo returns the client underneath, for what this package doesn't do (voice).
func (c *Client) Disgo() *disgobot.Client { return c.disgo }

// InviteURL is where somebody with Manage Server lets Mynah into a server.
func (c *Client) InviteURL() string {
	q := url.Values{}
	q.Set("client_id", c.disgo.ApplicationID.String())
	q.Set("scope", "bot applications.commands")
	q.Set("permissions", fmt.Sprint(int64(Permissions)))
	return "https://discord.com/oauth2/authorize?" + q.Encode()
}

func (c *Client) onReady(e *events.Ready) {
	c.log.Info("connected to Discord", "user", e.User.Username, "servers", len(e.Guilds))
}

// noLimits leaves rate limits to [limited].
type noLimits struct{ rest.RateLimiter }

// quiet keeps disgo's debug messages, which hold whole requests, out of the log.
func quiet(log *slog.Logger) *slog.Logger {
	return slog.New(atLeastWarn{log.Handler()})
}

type atLeastWarn struct{ slog.Handler }

func (h atLeastWarn) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

func (h atLeastWarn) WithAttrs(a []slog.Attr) slog.Handler {
	return atLeastWarn{h.Handler.WithAttrs(a)}
}
func (h atLeastWarn) WithGroup(name string) slog.Handler {
	return atLeastWarn{h.Handler.WithGroup(name)}
}

// SetupError is a mistake in Discord's developer portal or in the configuration.
type SetupError struct {
	Fault SetupFault
	err   error
}

// SetupFault is what is to be put right.
type SetupFault int

const (
	// BadToken: Discord doesn't know the token.
	BadToken SetupFault = iota
	// MissingIntent: a privileged intent isn't switched on for the application.
	MissingIntent
	// NeedsSharding: Mynah is in more servers than one connection may serve.
	NeedsSharding
)

// Error says in one sentence where to click.
func (e *SetupError) Error() string {
	switch e.Fault {
	case BadToken:
		return "Discord does not accept the token: open https://discord.com/developers/applications, choose the application, click Bot, then Reset Token, and set the new one as MYNAH_DISCORD_TOKEN."
	case MissingIntent:
		return "The Message Content Intent is off: open https://discord.com/developers/applications, choose the application, click Bot, switch on Message Content Intent under Privileged Gateway Intents, and save; or set discord.message_content to false."
	default:
		return "Mynah is in more servers than one connection may serve, and it doesn't shard yet."
	}
}

// Unwrap returns what Discord said.
func (e *SetupError) Unwrap() error { return e.err }

// explain turns what Discord says into a SetupError where it is one. The result
// never holds the token.
func explain(err error) error {
	var known *SetupError
	if errors.As(err, &known) {
		return err
	}
	var closed *closedError
	if errors.As(err, &closed) {
		switch closed.code {
		case 4004:
			return &SetupError{BadToken, err}
		case 4013, 4014:
			return &SetupError{MissingIntent, err}
		case 4011:
			return &SetupError{NeedsSharding, err}
		}
	}
	if refused, ok := errors.AsType[*apiError](err); ok && refused.status == http.StatusUnauthorized {
		return &SetupError{BadToken, err}
	}
	return err
}
