package voice

import (
	"context"
	"crypto/rand"
	"errors"
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

// Deadlines of a connection's life.
const (
	// answerWait is how long Discord may take to answer the wish to join, or to name a new voice server.
	answerWait = 10 * time.Second
	// keysWait is how long joining waits for the keys of end-to-end encryption before it counts as joined without them.
	keysWait = 5 * time.Second
	// firstBackoff and lastBackoff bound the pause between attempts to get a fresh session.
	firstBackoff = 500 * time.Millisecond
	lastBackoff  = 15 * time.Second
	maxRejoins   = 6
	// mainWait is how long the main gateway may be away while a fresh session is needed, mainRetry how often it is tried.
	mainWait  = 10 * time.Minute
	mainRetry = 2 * time.Second
	// stableAfter is how long a session must have lived for its end not to count as a failed attempt.
	stableAfter = 30 * time.Second
	// DefaultBitrate is what a channel has when its setting is not known, in bits a second.
	DefaultBitrate = 64_000
)

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
	EventStopped   EventKind = "stopped"   // it is over
)

// Connections makes voice connections for a disgo client: pass its Create to voice.WithConnCreateFunc.
type Connections struct {
	config   Config
	encoders chan struct{} // one for each encoder at work
	pace     pacer

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
	return &Connections{config: c, encoders: make(chan struct{}, max(1, runtime.NumCPU()-1)), conns: map[*Conn]bool{}}
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

func (c *Conn) open(ctx context.Context, channel snowflake.ID, mute, deaf bool, waiter chan error) {
	muting := mute != c.mute || deaf != c.deaf
	c.mute, c.deaf = mute, deaf
	if c.want == channel && c.link != nil && c.link.channel == channel {
		if muting {
			if err := c.update(ctx, c.guild, &channel, mute, deaf); err != nil {
				waiter <- err
				return
			}
		}
		if c.link.ready.Load() {
			waiter <- nil
		} else {
			c.waiters = append(c.waiters, waiter)
		}
		return
	}
	c.want = channel
	c.waiters = append(c.waiters, waiter)
	c.rejoins = 0
	switch {
	case snowflake.ID(c.channel.Load()) != channel:
		if !c.join(ctx) {
			c.finish(&StopError{Reason: ReasonNoAnswer}, false)
		}
	case c.updated && c.session != "":
		c.connect(false) // all that it takes was told before anybody asked
	default:
		c.rejoin()
	}
}

// join asks the main gateway for a place in the wanted channel. It reports false where that could not be sent.
func (c *Conn) join(ctx context.Context) bool {
	want := c.want
	if err := c.update(ctx, c.guild, &want, c.mute, c.deaf); err != nil {
		c.log.Warn("voice: the wish to join could not be sent", slog.Any("err", err))
		return false
	}
	c.mainLost = time.Time{}
	c.after(answerWait, func() { c.finish(&StopError{Reason: ReasonNoAnswer}, true) })
	return true
}

// voiceState takes where we are. Each join and each move has one voice state and one server update, in either order; only a voice state
// names a channel, and one that names the same channel again (we are muted, say) has no server update. So a server update that comes
// when the last join or move has had its own is either for a new server in the same channel, or ahead of a move. It is taken for the
// first, and tried again when a move follows: if it was not for the move, it is refused there, and the move's own is still to come.
func (c *Conn) voiceState(channel *snowflake.ID, session string) {
	if channel == nil {
		if c.leaving {
			c.leaving = false
		} else if c.want != 0 && c.channel.Load() != 0 {
			c.finish(&StopError{Reason: ReasonRemoved}, false)
		}
		return
	}
	c.leaving = false
	old := snowflake.ID(c.channel.Swap(uint64(*channel)))
	c.session = session
	if old == 0 || old == *channel {
		c.connect(false)
		return
	}
	// A new channel is a new group of end-to-end encryption, and so a new connection.
	c.want = *channel
	c.changed(Event{Kind: EventMoved, Channel: *channel})
	guess := c.spare && !c.updated
	c.updated = c.updated || c.spare
	c.paired, c.spare = false, false
	if c.updated {
		c.connect(guess)
		return
	}
	c.dropLink()
	c.after(answerWait, c.rejoin)
}

func (c *Conn) voiceServer(token string, endpoint *string) {
	if endpoint == nil || *endpoint == "" {
		// The voice server is gone and a new one is sought: off the old one, and wait.
		c.dropLink()
		c.updated = false
		c.changed(Event{Kind: EventLost, Channel: snowflake.ID(c.channel.Load())})
		c.after(answerWait, c.rejoin)
		return
	}
	c.token, c.endpoint, c.updated = token, *endpoint, true
	c.connect(false)
}

// connect begins a new session with the voice server once all that it takes is known. guess tells that the token may be that of
// the channel before.
func (c *Conn) connect(guess bool) {
	channel := snowflake.ID(c.channel.Load())
	if c.want == 0 || channel == 0 || c.session == "" || !c.updated {
		return
	}
	missing := c.link != nil && c.link.guess && !c.link.ready.Load() // the update that a guess stood for may be this one
	c.spare = c.paired && !missing
	c.dropLink()
	c.noTimer()
	c.updated, c.paired = false, true
	l := newLink(c, channel, c.session, c.token, c.endpoint)
	l.guess = guess
	c.link, c.linkStart = l, c.config.Now()
	c.current.Store(l)
	c.links.Go(func() {
		c.ended <- l.run() // the loop reads this, or drains it once it is over
	})
}

// dropLink ends the session with the voice server without leaving the channel.
func (c *Conn) dropLink() {
	if c.link == nil {
		return
	}
	c.player.detach(c.link)
	c.link.cancel()
	c.link = nil
	c.current.Store(nil)
}

// linkReady is called by a link when sound can be sent.
func (c *Conn) linkReady(l *link) {
	c.post(func() {
		if c.link != l {
			return
		}
		l.ready.Store(true)
		c.player.attach(l)
		c.changed(Event{Kind: EventConnected, Channel: l.channel}) // before Open returns
		c.answer(nil)
	})
}

// linkEnd is how a session with a voice server ended.
type linkEnd struct {
	link *link
	next next
	err  *StopError
	why  error
}

func (c *Conn) linkEnded(e linkEnd) {
	if e.link != c.link {
		return // replaced already
	}
	c.dropLink()
	if e.why != nil {
		c.log.Info("voice: session ended", slog.Any("err", e.why))
	}
	if e.link.guess && !e.link.ready.Load() {
		e.next = nextWait // the token was not the new channel's, which is still to come
	}
	switch e.next {
	case nextStop:
		c.finish(e.err, true)
	case nextWait:
		c.changed(Event{Kind: EventLost, Channel: e.link.channel})
		if c.updated {
			c.connect(false)
			return
		}
		c.after(answerWait, c.rejoin)
	default:
		c.changed(Event{Kind: EventLost, Channel: e.link.channel})
		if c.config.Now().Sub(c.linkStart) > stableAfter {
			c.rejoins = 0
		}
		c.backoff()
	}
}

// backoff asks for a fresh session after a pause that grows.
func (c *Conn) backoff() {
	c.rejoins++
	if c.rejoins > maxRejoins {
		c.finish(&StopError{Reason: ReasonUnreachable}, true)
		return
	}
	c.after(min(firstBackoff<<(c.rejoins-1), lastBackoff), c.rejoin)
}

// rejoin asks for a fresh session with the voice state that we want. Discord names a voice server to who enters a channel; a wish to
// be where we are would change nothing, and be answered by a voice state alone. So we leave first.
func (c *Conn) rejoin() {
	if c.want == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, writeWait)
	defer cancel()
	if c.channel.Load() != 0 {
		if err := c.update(ctx, c.guild, nil, c.mute, c.deaf); err != nil {
			c.log.Warn("voice: leaving in order to join again could not be sent", slog.Any("err", err))
			c.awaitMain()
			return
		}
		c.leaving, c.updated, c.paired, c.spare = true, false, false, false
	}
	if !c.join(ctx) {
		c.awaitMain()
	}
}

// awaitMain tries again to rejoin while the connection to the main gateway is away: what ended the session with the voice server
// often breaks that too, and it takes longer to come back.
func (c *Conn) awaitMain() {
	now := c.config.Now()
	if c.mainLost.IsZero() {
		c.mainLost = now
	}
	if now.Sub(c.mainLost) > mainWait {
		c.finish(&StopError{Reason: ReasonUnreachable}, false)
		return
	}
	c.after(mainRetry, c.rejoin)
}

// finish ends the connection; leave tells whether Discord has to be told.
func (c *Conn) finish(err *StopError, leave bool) {
	if c.over {
		return
	}
	c.over = true
	c.want = 0
	c.remove() // who joins from now on gets a new connection
	c.dropLink()
	channel := snowflake.ID(c.channel.Swap(0))
	if leave {
		ctx, cancel := context.WithTimeout(context.Background(), writeWait)
		if e := c.update(ctx, c.guild, nil, false, false); e != nil && !errors.Is(e, context.Canceled) {
			c.log.Debug("voice: leaving could not be sent", slog.Any("err", e))
		}
		cancel()
	}
	c.answer(err)
	c.changed(Event{Kind: EventStopped, Channel: channel, Err: err})
}

// answer tells everybody who waits in Open.
func (c *Conn) answer(err *StopError) {
	for _, w := range c.waiters {
		if err == nil {
			w <- nil
		} else {
			w <- err
		}
	}
	c.waiters = nil
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
