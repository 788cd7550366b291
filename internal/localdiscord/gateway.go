package localdiscord

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

const (
	heartbeatInterval = 41250 * time.Millisecond
	// heartbeatGrace is how long a connection may go without a heartbeat.
	heartbeatGrace = heartbeatInterval + heartbeatInterval/2
	// maxPayload is the largest message that a client may send, as in Discord.
	maxPayload = 4096
	// maxSends in sendWindow is how often a client may send.
	maxSends   = 120
	sendWindow = time.Minute
	// writeTimeout ends a connection whose client does not read.
	writeTimeout = 20 * time.Second
	// writeBatch is how many events are taken from a session at a time, so that the lock is held shortly.
	writeBatch = 64
	// helloTimeout is how long a client may take to identify or resume.
	helloTimeout = 30 * time.Second
)

// Gateway opcodes.
const (
	opDispatch            = 0
	opHeartbeat           = 1
	opIdentify            = 2
	opPresenceUpdate      = 3
	opVoiceStateUpdate    = 4
	opResume              = 6
	opReconnect           = 7
	opRequestGuildMembers = 8
	opInvalidSession      = 9
	opHello               = 10
	opHeartbeatACK        = 11
)

// Gateway close codes.
const (
	closeUnknownOpcode        websocket.StatusCode = 4001
	closeDecodeError          websocket.StatusCode = 4002
	closeNotAuthenticated     websocket.StatusCode = 4003
	closeAuthenticationFailed websocket.StatusCode = 4004
	closeAlreadyAuthenticated websocket.StatusCode = 4005
	closeRateLimited          websocket.StatusCode = 4008
	closeSessionTimedOut      websocket.StatusCode = 4009
	closeInvalidShard         websocket.StatusCode = 4010
	closeInvalidAPIVersion    websocket.StatusCode = 4012
	closeInvalidIntents       websocket.StatusCode = 4013
	closeDisallowedIntents    websocket.StatusCode = 4014
)

// conn is one WebSocket connection. Its fields below ws are guarded by Server.mu; the writer goroutine alone
// writes to ws.
type conn struct {
	ws     *websocket.Conn
	wake   chan struct{} // capacity 1
	stream *stream       // nil for plain text; the writer's

	session  *session
	sent     uint64   // number of the last event that the writer took
	control  [][]byte // frames without a number
	closing  *closeFrame
	lastBeat time.Time
	sends    []time.Time
}

type closeFrame struct {
	code   websocket.StatusCode
	reason string
	// abort cuts the connection without a close frame.
	abort bool
}

// signal wakes the writer; it never blocks.
func (c *conn) signal() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// queue adds a frame without a number. Called with mu held.
func (c *conn) queue(op int, d any) {
	c.control = append(c.control, mustJSON(map[string]any{"op": op, "d": d, "s": nil, "t": nil}))
	c.signal()
}

// close makes the writer close the connection after what it has to send. The first reason counts. Called with mu held.
func (c *conn) close(code websocket.StatusCode, reason string) {
	if c.closing == nil {
		c.closing = &closeFrame{code: code, reason: reason}
	}
	c.signal()
}

// serveGateway runs one connection until it ends.
func (s *Server) serveGateway(w http.ResponseWriter, r *http.Request) {
	if s.refuseConnect(w, r) {
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // guard checked Host and Origin
		CompressionMode:    websocket.CompressionDisabled,
	})
	if err != nil {
		s.log.Debug("gateway: no WebSocket handshake", "err", err)
		return
	}
	ws.SetReadLimit(maxPayload + 1)
	c := &conn{ws: ws, wake: make(chan struct{}, 1)}
	if c.stream, err = newStream(r.URL.Query().Get("compress")); err != nil {
		ws.Close(websocket.StatusInternalError, "no compression")
		return
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		ws.Close(websocket.StatusGoingAway, "shutting down")
		return
	}
	s.conns[c] = struct{}{}
	s.work.Add(1)
	c.lastBeat = s.cfg.Now()
	c.queue(opHello, map[string]any{"heartbeat_interval": heartbeatInterval.Milliseconds()})
	if q := r.URL.Query(); q.Get("encoding") == "etf" {
		c.close(closeDecodeError, "Only encoding=json is served.")
	} else if v := q.Get("v"); v != "" && v != "10" && v != "9" {
		c.close(closeInvalidAPIVersion, "Invalid API version.")
	}
	s.mu.Unlock()
	defer s.work.Done()

	ctx, cancel := context.WithCancel(context.Background())
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.writeLoop(ctx, c)
		cancel() // ends the reader
	}()
	s.readLoop(ctx, c)
	s.mu.Lock()
	c.closing = &closeFrame{abort: true}
	c.signal()
	s.detach(c)
	delete(s.conns, c)
	s.mu.Unlock()
	<-written
	if c.stream != nil {
		c.stream.close() // into memory, which can't fail
	}
	ws.CloseNow()
}

// detach leaves the connection's session waiting for a resume. Called with mu held.
func (s *Server) detach(c *conn) {
	if sess := c.session; sess != nil && sess.conn == c {
		sess.conn = nil
		sess.detached = s.cfg.Now()
	}
}

// writeLoop sends what is queued until the connection is to be closed or a write fails.
func (s *Server) writeLoop(ctx context.Context, c *conn) {
	var frame []byte
	for {
		select {
		case <-c.wake:
		case <-ctx.Done():
			return
		}
		for {
			s.mu.Lock()
			control := c.control
			c.control = nil
			var events []event
			if c.session != nil && c.session.conn == c && c.session.seq > c.sent {
				all, ok := c.session.since(c.sent)
				if !ok {
					c.closing = &closeFrame{code: closeSessionTimedOut, reason: "Too far behind."}
				} else {
					events = append(events, all[:min(len(all), writeBatch)]...)
					c.sent += uint64(len(events))
				}
			}
			closing := c.closing
			s.mu.Unlock()
			if closing != nil && closing.abort {
				c.ws.CloseNow()
				return
			}
			for _, b := range control {
				if c.write(ctx, b) != nil {
					return
				}
			}
			for _, e := range events {
				frame = e.append(frame[:0])
				if c.write(ctx, frame) != nil {
					return
				}
			}
			if len(events) > 0 {
				continue
			}
			if closing != nil {
				c.ws.Close(closing.code, closing.reason)
				return
			}
			break
		}
	}
}

func (c *conn) write(ctx context.Context, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	if c.stream == nil {
		return c.ws.Write(ctx, websocket.MessageText, b)
	}
	b, err := c.stream.compress(b)
	if err != nil {
		return err
	}
	return c.ws.Write(ctx, websocket.MessageBinary, b)
}

// payload is what a client sends.
type payload struct {
	Op *int            `json:"op"`
	D  json.RawMessage `json:"d"`
}

// readLoop handles what the client sends until the connection ends.
func (s *Server) readLoop(ctx context.Context, c *conn) {
	for {
		kind, data, err := c.ws.Read(ctx)
		if err != nil {
			var ce websocket.CloseError
			if errors.As(err, &ce) && (ce.Code == websocket.StatusNormalClosure || ce.Code == websocket.StatusGoingAway) {
				// A client that says goodbye ends its session.
				s.mu.Lock()
				if c.session != nil && c.session.conn == c {
					s.dropSession(c.session)
				}
				s.mu.Unlock()
			}
			return
		}
		var p payload
		bad := kind != websocket.MessageText || len(data) > maxPayload || json.Unmarshal(data, &p) != nil || p.Op == nil
		s.mu.Lock()
		now := s.cfg.Now()
		switch {
		case c.closing != nil:
		case bad:
			c.close(closeDecodeError, "Error while decoding payload.")
		case !c.maySend(now):
			c.close(closeRateLimited, "You are being rate limited.")
		default:
			s.handlePayload(c, *p.Op, p.D, now)
		}
		s.mu.Unlock()
	}
}

// maySend counts a message of the client.
func (c *conn) maySend(now time.Time) bool {
	for len(c.sends) > 0 && now.Sub(c.sends[0]) >= sendWindow {
		c.sends = c.sends[1:]
	}
	if len(c.sends) >= maxSends {
		return false
	}
	c.sends = append(c.sends, now)
	return true
}

// sweepSessions closes connections whose client fell silent and forgets sessions that nobody resumed. Called with mu held.
func (s *Server) sweepSessions(now time.Time) {
	for c := range s.conns {
		silent := now.Sub(c.lastBeat)
		if c.session == nil && silent > helloTimeout || silent > heartbeatGrace {
			c.close(closeSessionTimedOut, "Session timed out.")
		}
	}
	for _, sess := range s.sessions {
		if sess.conn == nil && now.Sub(sess.detached) > sessionLinger {
			s.dropSession(sess)
		}
	}
}

// bareToken takes the scheme off a token.
func bareToken(t string) string {
	if scheme, rest, ok := strings.Cut(t, " "); ok && (strings.EqualFold(scheme, "bot") || strings.EqualFold(scheme, "bearer")) {
		return strings.TrimSpace(rest)
	}
	return t
}
