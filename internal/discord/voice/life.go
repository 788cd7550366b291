package voice

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/disgoorg/snowflake/v2"
)

// This file is a connection's life: what its loop does about what the main gateway, its links and its users want. Everything here runs in
// the loop.

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
	// maxBlocked is how many sessions in a row may get no answer over UDP while somebody waits for the first one.
	maxBlocked = 2
	// mainWait is how long the main gateway may be away while a fresh session is needed, mainRetry how often it is tried.
	mainWait  = 10 * time.Minute
	mainRetry = 2 * time.Second
	// stableAfter is how long a session must have lived for its end not to count as a failed attempt.
	stableAfter = 30 * time.Second
)

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
		c.blocked = 0
		c.changed(Event{Kind: EventConnected, Channel: l.channel}) // before Open returns
		c.answer(nil)
		c.encryption(l)
	})
}

// encryption looks whether what we say is encrypted end to end, and tells of it when it was and is not any more.
func (c *Conn) encryption(l *link) {
	if c.link != l || !l.ready.Load() {
		return
	}
	secure := l.keys.state().Version > 0
	if c.secure && !secure {
		c.changed(Event{Kind: EventCleared, Channel: l.channel})
	}
	c.secure = secure
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
		if errors.Is(e.why, errNoUDP) {
			// Who waits for us to come in is told soon: what blocks UDP doesn't go away by itself.
			if c.blocked++; c.blocked >= maxBlocked && len(c.waiters) > 0 {
				c.finish(&StopError{Reason: ReasonUnreachable}, true)
				return
			}
		}
		if c.config.Now().Sub(c.linkStart) > stableAfter {
			c.rejoins = 0
		}
		c.backoff(e.why)
	}
}

// backoff asks for a fresh session after a pause that grows. why is what has ended the last one.
func (c *Conn) backoff(why error) {
	c.rejoins++
	if c.rejoins > maxRejoins {
		reason := ReasonUnreachable
		if errors.Is(why, errNotLetIn) {
			reason = ReasonDAVE
		}
		c.finish(&StopError{Reason: reason}, true)
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
