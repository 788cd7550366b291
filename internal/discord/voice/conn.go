package voice

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	disgovoice "github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/snowflake/v2"

	botgateway "github.com/disgoorg/disgo/gateway"
)

// DefaultBitrate is what a channel has when its setting is not known, in bits a second.
const DefaultBitrate = 64_000

// Config is what all connections of one bot share. The zero value works and hears nobody.
type Config struct {
	Logger *slog.Logger
	// HTTPClient connects to voice gateways; its TLS settings can name a CA. nil is http.DefaultClient.
	HTTPClient *http.Client
	// Listen returns who listens to a server's voice channel; nil, or a nil Listener, hears nobody.
	Listen func(guild snowflake.ID) Listener
	// Bitrate returns the bitrate of a voice channel in bits a second, 0 when it is not known.
	Bitrate func(channel snowflake.ID) int
	// Changed is told what becomes of a connection; it must not block. nil is allowed.
	Changed func(guild snowflake.ID, e Event)
	// MeasureNames has metrics tell speakers apart by their ids. Without it they have names that mean nothing and that the next
	// process chooses anew.
	MeasureNames bool
	// Now and Rand are the clock and the randomness of end-to-end encryption.
	Now  func() time.Time
	Rand io.Reader
}

// Event is a change in a connection's life.
type Event struct {
	Kind    EventKind
	Conn    *Conn // whose it is: a server may have a new connection while its last one ends
	Channel snowflake.ID
	// Err is set for EventStopped.
	Err *StopError
}

// EventKind names an Event.
type EventKind string

// The kinds of events.
const (
	EventConnected EventKind = "connected" // sound can be sent and heard
	EventMoved     EventKind = "moved"     // somebody moved us to another channel
	EventLost      EventKind = "lost"      // the connection broke and is being restored
	EventCleared   EventKind = "cleared"   // what is said is no longer encrypted end to end
	EventStopped   EventKind = "stopped"   // it is over
)

// Connections makes voice connections for a disgo client: pass its Create to voice.WithConnCreateFunc.
type Connections struct {
	config    Config
	encoders  chan struct{} // one for each encoder at work
	pace      pacer
	pseudonym func(snowflake.ID) string // of a speaker in metrics

	mu    sync.Mutex
	conns map[*Conn]bool // those that are not over
}

// NewConnections prepares connections with a shared configuration.
func NewConnections(c Config) *Connections {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	return &Connections{config: c, pseudonym: pseudonyms(c.MeasureNames), encoders: make(chan struct{}, max(1, runtime.NumCPU()-1)), conns: map[*Conn]bool{}}
}

// Create is a voice.ConnCreateFunc. The result is a *Conn. disgo's own options are not used: they configure its gateway
// and UDP code.
func (f *Connections) Create(guild, user snowflake.ID, update disgovoice.StateUpdateFunc, remove func(), _ ...disgovoice.ConnConfigOpt) disgovoice.Conn {
	var conn *Conn
	conn = newConn(f.config, f.encoders, &f.pace, guild, user, update, func() {
		f.mu.Lock()
		delete(f.conns, conn)
		f.mu.Unlock()
		remove()
	})
	f.mu.Lock()
	f.conns[conn] = true
	f.mu.Unlock()
	return conn
}

// Conn is the voice connection of one server. It follows its channel, its voice server and its session until it is closed
// or has to stop. Open begins, Close ends it.
type Conn struct {
	config Config
	log    *slog.Logger
	guild  snowflake.ID
	user   snowflake.ID
	update disgovoice.StateUpdateFunc
	remove func()
	player *Player

	posts chan func()
	ended chan linkEnd
	done  chan struct{}
	stop  context.CancelFunc
	ctx   context.Context
	links sync.WaitGroup

	current atomic.Pointer[link]
	channel atomic.Uint64 // where we are, 0 for nowhere
	adapter adapter

	// The rest belongs to the loop.
	want       snowflake.ID // where we want to be, 0 for nowhere
	mute, deaf bool
	session    string
	token      string
	endpoint   string
	updated    bool // a server update came since the last link began
	paired     bool // our last voice state has had its server update
	spare      bool // the last link began with a server update beyond that one
	leaving    bool // we left in order to join again, and that isn't confirmed yet
	link       *link
	linkStart  time.Time
	rejoins    int
	blocked    int       // sessions in a row that got no answer over UDP
	secure     bool      // what is said is encrypted end to end
	mainLost   time.Time // since when the main gateway can't be told what we want; zero: it can
	timer      *time.Timer
	onTimer    func()
	waiters    []chan error
	over       bool
}

func newConn(c Config, encoders chan struct{}, pace *pacer, guild, user snowflake.ID, update disgovoice.StateUpdateFunc, remove func()) *Conn {
	conn := &Conn{
		config: c, guild: guild, user: user, update: update, remove: remove,
		log:   c.Logger.With(slog.String("guild", guild.String())),
		posts: make(chan func(), 16), ended: make(chan linkEnd), done: make(chan struct{}),
	}
	conn.ctx, conn.stop = context.WithCancel(context.Background())
	conn.player = newPlayer(conn.bitrate, encoders, pace, c.Now)
	conn.timer = time.NewTimer(time.Hour)
	conn.timer.Stop()
	go conn.loop()
	return conn
}

// Player plays sound into this connection.
func (c *Conn) Player() *Player { return c.player }

// Done is closed when the connection is over and everything that it ran has ended.
func (c *Conn) Done() <-chan struct{} { return c.done }

// ChannelID is the channel that the connection is in, nil for none.
func (c *Conn) ChannelID() *snowflake.ID {
	id := snowflake.ID(c.channel.Load())
	if id == 0 {
		return nil
	}
	return &id
}

// GuildID is the server of the connection.
func (c *Conn) GuildID() snowflake.ID { return c.guild }

// Open joins channel, or moves there, and returns when sound can be sent. It waits for ctx, and never longer than Discord
// may take to answer plus the time that encryption needs. The error is a *StopError when the connection can't be had.
func (c *Conn) Open(ctx context.Context, channel snowflake.ID, mute, deaf bool) error {
	waiter := make(chan error, 1)
	if !c.post(func() { c.open(ctx, channel, mute, deaf, waiter) }) {
		return &StopError{Reason: ReasonClosed}
	}
	select {
	case err := <-waiter:
		return err
	case <-c.done:
		select {
		case err := <-waiter:
			return err
		default:
			return &StopError{Reason: ReasonClosed}
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close leaves the channel and waits until all that the connection ran has ended, at most until ctx is done.
func (c *Conn) Close(ctx context.Context) {
	c.post(func() { c.finish(&StopError{Reason: ReasonClosed}, true) })
	select {
	case <-c.done:
	case <-ctx.Done():
	}
}

// HandleVoiceStateUpdate takes the main gateway's word on where we are.
func (c *Conn) HandleVoiceStateUpdate(e botgateway.EventVoiceStateUpdate) {
	if e.GuildID != c.guild || e.UserID != c.user {
		return
	}
	c.post(func() { c.voiceState(e.ChannelID, e.SessionID) })
}

// HandleVoiceServerUpdate takes the main gateway's word on which voice server to use.
func (c *Conn) HandleVoiceServerUpdate(e botgateway.EventVoiceServerUpdate) {
	if e.GuildID != c.guild {
		return
	}
	c.post(func() { c.voiceServer(e.Token, e.Endpoint) })
}

// post runs f in the loop. It reports false when the connection is over.
func (c *Conn) post(f func()) bool {
	select {
	case c.posts <- f:
		return true
	case <-c.ctx.Done():
		return false
	}
}

func (c *Conn) loop() {
	for !c.over {
		select {
		case f := <-c.posts:
			f()
		case e := <-c.ended:
			c.linkEnded(e)
		case <-c.timer.C:
			if f := c.onTimer; f != nil {
				c.onTimer = nil
				f()
			}
		}
	}
	c.timer.Stop()
	c.stop()
	// Links that end now have nobody to tell; their outcome does not matter any more.
	go func() {
		for range c.ended {
		}
	}()
	c.player.close()
	c.links.Wait()
	close(c.ended)
	close(c.done)
}

// after runs f in the loop in d, instead of what was to run before.
func (c *Conn) after(d time.Duration, f func()) {
	c.onTimer = f
	c.timer.Reset(d)
}

func (c *Conn) noTimer() {
	c.onTimer = nil
	c.timer.Stop()
}

func (c *Conn) changed(e Event) {
	if c.config.Changed != nil {
		e.Conn = c
		c.config.Changed(c.guild, e)
	}
}

// bitrate is that of the channel that we are in.
func (c *Conn) bitrate() int {
	if c.config.Bitrate != nil {
		if b := c.config.Bitrate(snowflake.ID(c.channel.Load())); b > 0 {
			return b
		}
	}
	return DefaultBitrate
}
