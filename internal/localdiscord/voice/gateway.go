package voice

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/coder/websocket"

	"github.com/mynahbot/mynah/internal/rtp"
)

// identifyWait is how long a client may take to say who it is.
const identifyWait = 10 * time.Second

// errClosed carries the close code for a client that did something wrong.
type errClosed int

func (e errClosed) Error() string { return "the client is closed" }

// serveSocket serves one client of the voice gateway.
func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !s.begin() {
		http.Error(w, "closing", http.StatusServiceUnavailable)
		return
	}
	defer s.work.Done()
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered
	}
	ws.SetReadLimit(maxMessage)
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	k := newSocket(ws)
	written := make(chan struct{})
	go func() {
		defer close(written)
		defer cancel()
		k.write(ctx)
	}()
	if v := r.URL.Query().Get("v"); v != "8" && v != "9" {
		k.end(closeProtocol)
		<-written
		return
	}
	k.push(jsonFrame(opHello, nil, map[string]any{"v": 8, "heartbeat_interval": float64(s.cfg.Heartbeat) / float64(time.Millisecond)}))
	m, err := s.converse(ctx, k)
	var closed errClosed
	if errors.As(err, &closed) {
		k.end(int(closed))
	} else {
		k.end(int(websocket.StatusNormalClosure))
	}
	<-written
	if m != nil {
		m.detach(k, func() { s.expire(m) })
	}
}

// expire ends a session that was not resumed in time.
func (s *Server) expire(m *member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.place.member == m {
		s.evict(m, closeTimeout)
	}
}

// converse reads from a client until it is gone. It returns the member that the socket belonged to, if any.
func (s *Server) converse(ctx context.Context, k *socket) (*member, error) {
	var m *member
	identified := time.AfterFunc(identifyWait, func() { k.end(closeNotIdentified) })
	defer identified.Stop()
	// A client that stops its heartbeat is gone.
	silent := time.AfterFunc(s.cfg.Heartbeat*5/2+5*time.Second, func() { k.end(closeTimeout) })
	defer silent.Stop()
	for {
		kind, b, err := k.ws.Read(ctx)
		if err != nil {
			return m, err
		}
		if kind == websocket.MessageBinary {
			if m == nil {
				return nil, errClosed(closeNotIdentified)
			}
			if len(b) == 0 {
				return m, errClosed(closeDecode)
			}
			if s.faults.lost(m, int(b[0])) {
				return m, nil
			}
			m.room.binary(m, b)
			continue
		}
		var e envelope
		if err := json.Unmarshal(b, &e); err != nil {
			return m, errClosed(closeDecode)
		}
		if s.faults.lost(m, e.Op) {
			return m, nil
		}
		switch e.Op {
		case opIdentify:
			if m != nil {
				return m, errClosed(closeIdentifiedTwo)
			}
			if m, err = s.identify(k, e.D); err != nil {
				return nil, err
			}
			identified.Stop()
		case opResume:
			if m != nil {
				return m, errClosed(closeIdentifiedTwo)
			}
			if m, err = s.resume(k, e.D); err != nil {
				return nil, err
			}
			identified.Stop()
		case opHeartbeat:
			silent.Reset(s.cfg.Heartbeat*5/2 + 5*time.Second)
			if s.faults.silentHeartbeats(m) {
				continue
			}
			var d json.RawMessage = e.D
			var v8 struct {
				T json.RawMessage `json:"t"`
			}
			if json.Unmarshal(e.D, &v8) == nil && v8.T != nil {
				k.push(jsonFrame(opHeartbeatAck, nil, v8))
			} else {
				k.push(jsonFrame(opHeartbeatAck, nil, d))
			}
		default:
			if m == nil {
				return nil, errClosed(closeNotIdentified)
			}
			if err := s.handle(m, e); err != nil {
				return m, err
			}
		}
	}
}

// identify admits a client to the channel that the main gateway named.
func (s *Server) identify(k *socket, d json.RawMessage) (*member, error) {
	var id identify
	if err := json.Unmarshal(d, &id); err != nil {
		return nil, errClosed(closeDecode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.places[placeKey{id.ServerID, id.UserID}]
	switch {
	case p == nil:
		return nil, errClosed(closeServerNotFound)
	case p.token != id.Token:
		return nil, errClosed(closeAuthentication)
	case p.session.SessionID != id.SessionID:
		return nil, errClosed(closeSessionInvalid)
	case s.cfg.MaxDAVE > 0 && id.MaxDAVE < 1 && !p.session.Stage:
		return nil, errClosed(closeDAVERequired)
	}
	if s.faults.outdated(id.UserID) {
		id.MaxDAVE = 0
	}
	if p.member != nil {
		s.evict(p.member, closeSessionInvalid)
	}
	room, err := s.room(p.session)
	if err != nil {
		s.log.Error("voice server", slog.Any("err", err))
		return nil, errClosed(closeCrashed)
	}
	s.nextID++
	m := &member{server: s, room: room, place: p, user: id.UserID, ssrc: s.nextID*7919 + 1000, maxDAVE: id.MaxDAVE}
	m.canSpeak.Store(p.session.CanSpeak)
	m.deaf.Store(p.session.Deaf)
	m.attach(k)
	p.member = m
	s.bySSRC[m.ssrc] = m
	addr := s.udp.LocalAddr().String()
	host, port := splitAddr(addr)
	m.sendOnce(opReady, map[string]any{"ssrc": m.ssrc, "ip": host, "port": port, "modes": rtp.Modes(), "experiments": []string{}, "streams": []any{}})
	m.room.enter(m)
	return m, nil
}

// resume continues a session on a new socket.
func (s *Server) resume(k *socket, d json.RawMessage) (*member, error) {
	var r resume
	if err := json.Unmarshal(d, &r); err != nil {
		return nil, errClosed(closeDecode)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, p := range s.places {
		if key.guild != r.ServerID || p.session.SessionID != r.SessionID || p.token != r.Token || p.member == nil {
			continue
		}
		if p.member.resume(k, r.SeqAck) {
			return p.member, nil
		}
		return nil, errClosed(closeSessionInvalid)
	}
	return nil, errClosed(closeSessionInvalid)
}

// handle acts upon a message of a member.
func (s *Server) handle(m *member, e envelope) error {
	switch e.Op {
	case opSelectProtocol:
		var d selectProtocol
		if err := json.Unmarshal(e.D, &d); err != nil {
			return errClosed(closeDecode)
		}
		if d.Protocol != "udp" {
			return errClosed(closeProtocol)
		}
		return s.describe(m, d.Data.Mode)
	case opSpeaking:
		var d speaking
		if err := json.Unmarshal(e.D, &d); err != nil {
			return errClosed(closeDecode)
		}
		m.room.speaking(m, d.Speaking)
	case opTransitionReady, opInvalidCommit:
		m.room.transition(m, e.Op, e.D)
	case opVideo, opClientFlags, opClientPlatform, 14, 15, 16, 32:
		// Clients send them; audio does not need them.
	default:
		s.log.Debug("voice server: unknown opcode", slog.Int("op", e.Op))
		return errClosed(closeUnknownOpcode)
	}
	return nil
}
