// Package voice is the voice server of the local Discord: voice gateway v8 over WebSockets, media over UDP forwarded to
// everybody in a channel, and the DAVE delivery service for end-to-end encryption. Many channels share one process, one
// WebSocket address and one UDP socket.
//
// Start makes a Server, which is the localdiscord.VoiceServer that localdiscord.Config wants. Clients that accept a whole
// address get ws://; others insist on wss:// and need the certificate authority whose file CAFile names. What can go wrong
// on the real one can be asked for: see Faults, Kill, Hold and Move.
package voice

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// Config says how to serve. The zero value serves on free ports of 127.0.0.1 with end-to-end encryption.
type Config struct {
	// Listen is the address of the plain WebSocket, TLSListen that of the encrypted one; both 127.0.0.1:0 by default.
	Listen, TLSListen string
	// CADir is where the generated certificate authority is written, so that clients can be told to trust it. Empty serves
	// no TLS.
	CADir string
	// Plain tells whether a session's client understands an endpoint that is a whole ws:// address. nil means those that call
	// themselves by Mynah's name do, and, where there is no TLS, all have to.
	Plain func(localdiscord.VoiceSession) bool
	// MaxDAVE is the newest DAVE version that is offered; -1 offers none. 0 means 1.
	MaxDAVE int
	// Heartbeat is the interval that clients are told; 0 means 13.75 s.
	Heartbeat time.Duration
	// TransitionWait is how long a transition waits for those who are not ready; 0 means 2 s.
	TransitionWait time.Duration
	// Bare forwards packets without the extensions and the padding that the real servers add.
	Bare bool
	// Log gets what goes wrong; nil means nothing is logged.
	Log *slog.Logger
}

// Server is a running voice server.
type Server struct {
	cfg    Config
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup
	plain  *http.Server
	tls    *http.Server
	udp    *net.UDPConn
	wsAddr string
	// tlsAddr is host:port, caFile the certificate authority's PEM file; both empty without TLS.
	tlsAddr, caFile string

	mu     sync.Mutex
	rooms  map[localdiscord.ID]*room // by channel
	places map[placeKey]*place       // who may identify
	bySSRC map[uint32]*member
	nextID uint32
	closed bool
	faults faults
}

// placeKey names an account's one place in a guild's voice.
type placeKey struct{ guild, user localdiscord.ID }

// place is what the main gateway promised an account: where it may go, and the token that it shows there.
type place struct {
	session localdiscord.VoiceSession
	token   string
	member  *member // once it has identified
}

// Start listens and serves until Close is called or ctx ends.
func Start(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.TLSListen == "" {
		cfg.TLSListen = "127.0.0.1:0"
	}
	if cfg.MaxDAVE == 0 {
		cfg.MaxDAVE = 1
	}
	if cfg.Heartbeat == 0 {
		cfg.Heartbeat = 13750 * time.Millisecond
	}
	if cfg.TransitionWait == 0 {
		cfg.TransitionWait = 2 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Plain == nil {
		cfg.Plain = func(v localdiscord.VoiceSession) bool { return strings.Contains(strings.ToLower(v.Client), "mynah") }
	}
	s := &Server{
		cfg: cfg, log: cfg.Log, rooms: map[localdiscord.ID]*room{}, places: map[placeKey]*place{}, bySSRC: map[uint32]*member{},
	}
	s.faults.init()
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", cfg.Listen)
	if err != nil {
		return nil, fmt.Errorf("voice server: %w", err)
	}
	s.wsAddr = l.Addr().String()
	host, _, err := net.SplitHostPort(s.wsAddr)
	if err != nil {
		l.Close()
		return nil, err
	}
	packets, err := lc.ListenPacket(ctx, "udp", net.JoinHostPort(host, "0"))
	if err != nil {
		l.Close()
		return nil, fmt.Errorf("voice server: %w", err)
	}
	s.udp = packets.(*net.UDPConn)
	_ = s.udp.SetReadBuffer(4 << 20) // as much as the kernel allows: many channels share the socket
	_ = s.udp.SetWriteBuffer(4 << 20)
	s.ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, s.cancel)
	if cfg.CADir != "" {
		if err := s.serveTLS(ctx); err != nil {
			stop()
			l.Close()
			s.udp.Close()
			s.cancel()
			return nil, err
		}
	}
	s.plain = &http.Server{Handler: http.HandlerFunc(s.serveSocket), ReadHeaderTimeout: 5 * time.Second}
	s.work.Go(func() { s.serveHTTP(s.plain, l) })
	s.work.Go(s.relay)
	s.work.Go(func() {
		<-s.ctx.Done()
		stop()
		s.udp.Close()
		s.plain.Close()
		if s.tls != nil {
			s.tls.Close()
		}
		s.closeRooms()
	})
	return s, nil
}

func (s *Server) serveHTTP(h *http.Server, l net.Listener) {
	if err := h.Serve(l); err != nil && !errors.Is(err, http.ErrServerClosed) {
		s.log.Error("voice server", slog.Any("err", err))
	}
}

// begin counts a client to what Close waits for. It reports false once the server is closed.
func (s *Server) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.ctx.Err() != nil {
		return false
	}
	s.work.Add(1)
	return true
}

// Close ends all connections and waits for what the server runs.
func (s *Server) Close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.cancel()
	s.work.Wait()
	s.faults.wait()
}

// CAFile is the PEM file of the certificate authority that signed the certificate of wss://, empty without TLS.
func (s *Server) CAFile() string { return s.caFile }

// Connect implements localdiscord.VoiceServer.
func (s *Server) Connect(_ context.Context, v localdiscord.VoiceSession) (endpoint, token string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := placeKey{v.GuildID, v.UserID}
	p := s.places[key]
	if p != nil && p.session.ChannelID == v.ChannelID && p.session.SessionID == v.SessionID {
		p.session.CanSpeak, p.session.Deaf = v.CanSpeak, v.Deaf
		if p.member != nil {
			p.member.canSpeak.Store(v.CanSpeak)
			p.member.deaf.Store(v.Deaf)
		}
		return s.endpointFor(v), p.token, nil
	}
	if p != nil && p.member != nil {
		s.evict(p.member, closeDisconnected)
	}
	var b [16]byte
	rand.Read(b[:])
	p = &place{session: v, token: hex.EncodeToString(b[:])}
	s.places[key] = p
	return s.endpointFor(v), p.token, nil
}

func (s *Server) endpointFor(v localdiscord.VoiceSession) string {
	if s.tlsAddr == "" || s.cfg.Plain(v) {
		return "ws://" + s.wsAddr
	}
	return s.tlsAddr
}

// Disconnect implements localdiscord.VoiceServer.
func (s *Server) Disconnect(v localdiscord.VoiceSession) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := placeKey{v.GuildID, v.UserID}
	p := s.places[key]
	if p == nil || p.session.SessionID != v.SessionID {
		return
	}
	delete(s.places, key)
	if p.member != nil {
		s.evict(p.member, closeDisconnected)
	}
}

// Move ends every session of a guild with 4014, as when Discord moves a call to another voice server. Connect has to be
// called again for each.
func (s *Server) Move(guild localdiscord.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, p := range s.places {
		if key.guild != guild {
			continue
		}
		delete(s.places, key)
		if p.member != nil {
			s.evict(p.member, closeDisconnected)
		}
	}
}

// evict takes a member out of its room and closes its socket with code. Called with mu held.
func (s *Server) evict(m *member, code int) {
	delete(s.bySSRC, m.ssrc)
	if m.place.member == m {
		m.place.member = nil
	}
	m.room.leave(m)
	m.kill(code)
	if m.room.empty() {
		delete(s.rooms, m.room.channel)
		m.room.close()
	}
}

// room returns the channel's room, making it if needed. Called with mu held.
func (s *Server) room(v localdiscord.VoiceSession) (*room, error) {
	if r := s.rooms[v.ChannelID]; r != nil {
		return r, nil
	}
	r, err := newRoom(s, v)
	if err != nil {
		return nil, err
	}
	s.rooms[v.ChannelID] = r
	return r, nil
}

func (s *Server) closeRooms() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rooms {
		for _, m := range r.list() {
			m.kill(closeDisconnected)
		}
		r.close()
	}
}
