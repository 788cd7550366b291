package voice

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/rtp"
)

const (
	dialWait  = 10 * time.Second
	helloWait = 10 * time.Second
	// setUpWait bounds the way from identify to the session description.
	setUpWait = 15 * time.Second
	// resumeWindow is how long a broken session is tried to be resumed before a fresh one is asked for.
	resumeWindow  = 20 * time.Second
	maxResumeWait = 4 * time.Second
	// steadyAfter is how long a resumed socket must have lived for the next one to be tried at once again: a server that lets us
	// resume and closes again and again would be asked without a pause.
	steadyAfter = 5 * time.Second
	// flushEvery bounds how long silent speakers are looked after late.
	flushEvery = 30 * time.Second
)

// link is one session with a voice server: one or, after resumes, several WebSockets one after another, one UDP socket,
// one transport key and one DAVE group.
type link struct {
	conn     *Conn
	channel  snowflake.ID
	session  string
	token    string
	endpoint string
	guess    bool // the token may be that of the channel before
	ctx      context.Context
	cancel   context.CancelFunc

	seq    atomic.Int64
	socket atomic.Pointer[socket] // nil while there is none
	ready  atomic.Bool            // sound can be sent

	// Set when the session is described, constant from then on.
	ssrc  uint32
	udp   *net.UDPConn
	keys  *endToEnd
	rx    *receiver
	tasks sync.WaitGroup

	// Sending belongs to the player's goroutine.
	seal      *rtp.Transport
	sequence  uint16
	timestamp uint32
	header    [rtp.HeaderSize]byte
	opus, out []byte

	sent, sendFailures, unready atomic.Uint64
	latency                     atomic.Int64 // of the last heartbeat, in nanoseconds
	resumes                     atomic.Uint64
}

func newLink(c *Conn, channel snowflake.ID, session, token, endpoint string) *link {
	l := &link{
		conn: c, channel: channel, session: session, token: token, endpoint: endpoint,
		sequence: uint16(rand.Uint32()), timestamp: rand.Uint32(),
	}
	l.seq.Store(-1)
	l.ctx, l.cancel = context.WithCancel(c.ctx)
	l.keys = newEndToEnd(l.ctx, c.config, c.user, channel, l)
	var listener Listener
	if c.config.Listen != nil {
		listener = c.config.Listen(c.guild)
	}
	l.rx = newReceiver(listener, l.keys, c.config.Now, c.adapter.opusFrame)
	return l
}

// run keeps the session until it ends for good, and cleans up behind it.
func (l *link) run() linkEnd {
	defer l.tasks.Wait()
	defer func() {
		l.conn.player.detach(l)
		l.cancel()
		if l.udp != nil {
			l.udp.Close()
		}
		l.keys.close()
	}()
	resuming := false
	var broken time.Time
	wait := time.Duration(0)
	for {
		began := time.Now()
		described, err := l.serve(resuming)
		if l.ctx.Err() != nil {
			return linkEnd{link: l, next: nextStop, err: &StopError{Reason: ReasonClosed}}
		}
		n, stop := afterClose(err)
		switch {
		case n == nextStop, n == nextWait, n == nextRejoin:
			return linkEnd{link: l, next: n, err: stop, why: err}
		case !described && !resuming:
			return linkEnd{link: l, next: nextRejoin, why: err} // nothing to resume yet
		}
		if described && (!resuming || time.Since(began) > steadyAfter) {
			broken, wait = time.Now(), 0
		}
		if time.Since(broken) > resumeWindow {
			return linkEnd{link: l, next: nextRejoin, why: err}
		}
		resuming = true
		l.resumes.Add(1)
		select {
		case <-time.After(wait):
		case <-l.ctx.Done():
		}
		wait = min(max(2*wait, firstBackoff/4), maxResumeWait)
	}
}

// incoming is what a reading goroutine hands over.
type incoming struct {
	m   message
	err error
}

// serve runs one WebSocket. It reports whether the session was up on it, and why it ended.
func (l *link) serve(resuming bool) (described bool, err error) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	dialCtx, dialed := context.WithTimeout(ctx, dialWait)
	s, err := dialSocket(dialCtx, l.conn.config.HTTPClient, l.endpoint, &l.seq)
	dialed()
	if err != nil {
		return false, err
	}
	// A session that we end is closed with 1000; one that is to be resumed with another code.
	final := false
	end := sync.OnceFunc(func() {
		l.socket.Store(nil)
		s.close(final || l.ctx.Err() != nil)
	})
	defer end()

	helloCtx, heard := context.WithTimeout(ctx, helloWait)
	interval, err := l.greet(helloCtx, s)
	heard()
	if err != nil {
		return false, err
	}
	if resuming {
		err = s.send(ctx, opResume, resume{ServerID: snowflakeJSON(l.conn.guild), SessionID: l.session, Token: l.token, SeqAck: l.seq.Load()})
	} else {
		err = s.send(ctx, opIdentify, identify{
			ServerID: snowflakeJSON(l.conn.guild), UserID: snowflakeJSON(l.conn.user), SessionID: l.session, Token: l.token, MaxDAVEVersion: daveVersion,
		})
	}
	if err != nil {
		return false, err
	}
	l.socket.Store(s)

	// Reading is ended by closing the socket: a context that ends cuts the connection, and the server would not be told why.
	messages := make(chan incoming)
	enough := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			m, err := s.read(context.WithoutCancel(ctx))
			select {
			case messages <- incoming{m, err}:
			case <-enough:
				return
			}
			if err != nil {
				return
			}
		}
	})
	defer reading.Wait()
	defer end()
	defer close(enough)

	beat := time.NewTicker(interval)
	defer beat.Stop()
	setUp := time.NewTimer(setUpWait)
	defer setUp.Stop()
	acked, repeat := true, false
	var sentAt time.Time
	for {
		select {
		case in := <-messages:
			if in.err != nil {
				return described, in.err
			}
			switch in.m.op {
			case opHeartbeatAck:
				acked = true
				l.latency.Store(int64(time.Since(sentAt)))
				if repeat {
					repeat = false
					l.keys.repeat(ctx)
				}
			case opHeartbeat:
				sentAt = time.Now()
				if err := l.beat(ctx, s); err != nil {
					return described, err
				}
			case opResumed:
				described = true
				setUp.Stop()
				// The replay follows. The answer to a heartbeat comes after it.
				repeat, sentAt = true, time.Now()
				if err := l.beat(ctx, s); err != nil {
					return described, err
				}
			case opReady, opSessionDescription:
				if l.seal != nil {
					break // told again behind a resume: the session is as it was
				}
				if err := l.handle(ctx, s, in.m); err != nil {
					return described, err
				}
				if l.seal != nil {
					described = true
					setUp.Stop()
				}
			default:
				if err := l.handle(ctx, s, in.m); err != nil {
					return described, err
				}
			}
		case <-beat.C:
			if !acked {
				return described, errors.New("voice: the gateway does not acknowledge heartbeats")
			}
			acked, sentAt = false, time.Now()
			if err := l.beat(ctx, s); err != nil {
				return described, err
			}
		case <-setUp.C:
			return described, errors.New("voice: the gateway does not describe the session")
		case <-l.ctx.Done():
			final = true
			return described, l.ctx.Err()
		}
	}
}

// greet waits for the hello and returns the interval of heartbeats.
func (l *link) greet(ctx context.Context, s *socket) (time.Duration, error) {
	for {
		m, err := s.read(ctx)
		if err != nil {
			return 0, err
		}
		if m.op != opHello {
			continue
		}
		var h hello
		if err := m.decode(&h); err != nil {
			return 0, err
		}
		interval := time.Duration(h.HeartbeatInterval * float64(time.Millisecond))
		if interval < 100*time.Millisecond || interval > 10*time.Minute {
			return 0, fmt.Errorf("voice: heartbeat interval of %v", interval)
		}
		return interval, nil
	}
}

func (l *link) beat(ctx context.Context, s *socket) error {
	return s.send(ctx, opHeartbeat, heartbeat{T: time.Now().UnixMilli(), SeqAck: l.seq.Load()})
}

// handle acts upon a message that concerns the session rather than the socket.
func (l *link) handle(ctx context.Context, s *socket, m message) error {
	switch m.op {
	case opReady:
		var r ready
		if err := m.decode(&r); err != nil {
			return err
		}
		return l.choose(ctx, s, r)
	case opSessionDescription:
		return l.describe(m)
	case opSpeaking:
		var d speaking
		if err := m.decode(&d); err != nil {
			return err
		}
		l.rx.identify(d.SSRC, snowflake.ID(d.UserID))
		l.conn.adapter.speaking(l.conn.Gateway(), d)
	case opClientsConnect:
		var d clientsConnect
		if err := m.decode(&d); err != nil {
			return err
		}
		users := make([]snowflake.ID, 0, len(d.UserIDs))
		for _, u := range d.UserIDs {
			if id := snowflake.ID(u); id != l.conn.user {
				users = append(users, id)
			}
		}
		l.rx.joined(users)
		if err := l.keys.joined(users); err != nil {
			l.conn.log.Warn("voice: end-to-end encryption", "op", m.op, "err", err)
		}
	case opClientDisconnect:
		var d clientDisconnect
		if err := m.decode(&d); err != nil {
			return err
		}
		l.rx.left(snowflake.ID(d.UserID))
		l.keys.left(snowflake.ID(d.UserID))
		l.conn.adapter.gone(l.conn.Gateway(), snowflake.ID(d.UserID))
	case opPrepareTransition, opExecuteTransition, opPrepareEpoch, opExternalSender, opProposals, opAnnounceCommit, opWelcome:
		if err := l.keys.handle(m); errors.Is(err, errNotLetIn) {
			return err
		} else if err != nil {
			l.conn.log.Warn("voice: end-to-end encryption", "op", m.op, "err", err)
		}
		l.conn.post(func() { l.conn.encryption(l) })
	}
	return nil
}

// choose opens the UDP path and selects the transport.
func (l *link) choose(ctx context.Context, s *socket, r ready) error {
	mode, err := rtp.ChooseMode(r.Modes)
	if err != nil {
		return err
	}
	if l.udp != nil {
		l.udp.Close()
	}
	if l.udp, err = dialUDP(ctx, r.IP, r.Port); err != nil {
		return err
	}
	l.ssrc = r.SSRC
	addr, err := discover(ctx, l.udp, r.SSRC)
	if err != nil {
		return err
	}
	return s.send(ctx, opSelectProtocol, selectProtocol{
		Protocol: "udp", Data: selectProtocolData{Address: addr.Addr().String(), Port: addr.Port(), Mode: mode},
	})
}

// describe takes the session's key and starts the media.
func (l *link) describe(m message) error {
	var d sessionDescription
	if err := m.decode(&d); err != nil {
		return err
	}
	if l.udp == nil {
		return errMessage
	}
	seal, err := rtp.NewTransport(d.Mode, d.SecretKey)
	if err != nil {
		return err
	}
	open, err := rtp.NewTransport(d.Mode, d.SecretKey)
	if err != nil {
		return err
	}
	clear(d.SecretKey)
	l.seal = seal
	udp := l.udp
	l.tasks.Go(func() { l.receive(udp, open) })
	l.tasks.Go(func() { l.keepAlive(udp) })
	if err := l.keys.begin(d.DAVEVersion); err != nil {
		return err
	}
	l.tasks.Go(l.awaitKeys)
	return nil
}

// awaitKeys lets the player begin once end-to-end encryption is ready, or is not needed, or has not come in time.
func (l *link) awaitKeys() {
	ctx, cancel := context.WithTimeout(l.ctx, keysWait)
	defer cancel()
	if err := l.keys.await(ctx); err != nil {
		if l.ctx.Err() != nil {
			return
		}
		l.conn.log.Warn("voice: no end-to-end keys yet; what is said until they come is not sent")
	}
	l.conn.linkReady(l)
}

func (l *link) sendJSON(ctx context.Context, op int, data any) error {
	s := l.socket.Load()
	if s == nil {
		return ErrNotOpen
	}
	return s.send(ctx, op, data)
}

func (l *link) sendBinary(ctx context.Context, message []byte) error {
	s := l.socket.Load()
	if s == nil {
		return ErrNotOpen
	}
	return s.write(ctx, websocket.MessageBinary, message)
}
