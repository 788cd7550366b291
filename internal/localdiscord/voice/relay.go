package voice

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"net"
	"net/netip"
	"strconv"

	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/rtp"
)

const (
	discoverySize    = 74
	discoveryRequest = 1
	discoveryReply   = 2
	pingMagic        = 0x1337cafe
	pongMagic        = 0x1337f00d
	silentLevel      = 0x7f
)

// describe gives the member its key (op 4) and lets it take part in end-to-end encryption.
func (s *Server) describe(m *member, mode string) error {
	md := &media{mode: mode}
	rand.Read(md.key[:])
	var err error
	if md.open, err = rtp.NewTransport(mode, md.key[:]); err != nil {
		return errClosed(closeMode)
	}
	if md.seal, err = rtp.NewTransport(mode, md.key[:]); err != nil {
		return errClosed(closeMode)
	}
	// The address is that which discovery has seen; a client behind a NAT can't know it better.
	if a := m.discovered.Load(); a != nil {
		md.addr.Store(a)
	}
	m.media.Store(md)
	key := make([]int, len(md.key))
	for i, b := range md.key {
		key[i] = int(b)
	}
	m.sendOnce(opSessionDescription, map[string]any{
		"mode": mode, "secret_key": key, "dave_protocol_version": m.room.version(m),
		"audio_codec": "opus", "video_codec": nil, "media_session_id": strconv.FormatUint(uint64(m.ssrc), 16),
	})
	m.room.described(m)
	return nil
}

// relay forwards media until the socket is closed.
func (s *Server) relay() {
	buf := make([]byte, rtp.MaxPacket)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(buf)
		if err != nil {
			if s.ctx.Err() != nil {
				return
			}
			continue // an ICMP error of some client's closed port
		}
		s.packet(buf[:n], netip.AddrPortFrom(from.Addr().Unmap(), from.Port()))
	}
}

// packet handles one datagram.
func (s *Server) packet(p []byte, from netip.AddrPort) {
	switch {
	case len(p) == discoverySize && binary.BigEndian.Uint16(p) == discoveryRequest:
		s.discover(p, from)
		return
	case len(p) == 8:
		if binary.BigEndian.Uint32(p) == pingMagic {
			binary.BigEndian.PutUint32(p, pongMagic)
			_, _ = s.udp.WriteToUDPAddrPort(p, from)
		}
		return
	}
	h, err := rtp.ParseHeader(p)
	if err != nil {
		return
	}
	m := s.source(h.SSRC)
	if m == nil {
		return
	}
	md := m.media.Load()
	if md == nil || !m.canSpeak.Load() {
		return
	}
	if s.faults.strike(m.user, true, p, func(p []byte) { s.forward(m, md, bytes.Clone(p), from, true) }) {
		return
	}
	s.forward(m, md, p, from, false)
}

// source returns whose an SSRC is.
func (s *Server) source(ssrc uint32) *member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bySSRC[ssrc]
}

// discover answers a client that asks for its own address.
func (s *Server) discover(p []byte, from netip.AddrPort) {
	m := s.source(binary.BigEndian.Uint32(p[4:]))
	if m == nil {
		return
	}
	m.discovered.Store(&from)
	if md := m.media.Load(); md != nil {
		md.addr.Store(&from)
	}
	reply := make([]byte, discoverySize)
	binary.BigEndian.PutUint16(reply, discoveryReply)
	binary.BigEndian.PutUint16(reply[2:], discoverySize-4)
	copy(reply[4:8], p[4:8])
	copy(reply[8:72], from.Addr().String())
	binary.BigEndian.PutUint16(reply[72:], from.Port())
	s.sendTo(m.user, reply, from)
}

// sendTo sends a packet to a user, unless a fault has it lost or late.
func (s *Server) sendTo(user localdiscord.ID, p []byte, to netip.AddrPort) {
	send := func(p []byte) { _, _ = s.udp.WriteToUDPAddrPort(p, to) }
	if !s.faults.strike(user, false, p, send) {
		send(p)
	}
}

// forward opens a packet and sends its payload to everybody else in the channel. A packet that was held back comes from
// another goroutine than the relay's and needs a transport of its own.
func (s *Server) forward(m *member, md *media, p []byte, from netip.AddrPort, delayed bool) {
	h, err := rtp.ParseHeader(p)
	if err != nil {
		return
	}
	open := md.open
	if delayed {
		if open, err = rtp.NewTransport(md.mode, md.key[:]); err != nil {
			return
		}
	}
	payload, err := open.Open(p, h)
	if err != nil || h.Payload != rtp.PayloadOpus {
		return
	}
	if a := md.addr.Load(); a == nil || *a != from {
		md.addr.Store(&from)
	}
	for _, to := range m.room.others(m) {
		s.deliver(to, h, payload)
	}
}

// deliver seals a payload for one member, as the real servers do: with an audio level and, on some packets, padding.
func (s *Server) deliver(to *member, h rtp.Header, payload []byte) {
	md := to.media.Load()
	if md == nil || to.deaf.Load() {
		return
	}
	addr := md.addr.Load()
	if addr == nil {
		return
	}
	md.sealMu.Lock()
	defer md.sealMu.Unlock()
	var head [rtp.HeaderSize + 4]byte
	var body [rtp.MaxPacket]byte
	clear := head[:rtp.HeaderSize]
	inner := body[:0]
	if s.cfg.Bare {
		rtp.PutHeader(clear, h.Sequence, h.Timestamp, h.SSRC)
		inner = append(inner, payload...)
	} else {
		padding := 0
		if h.Sequence%5 == 0 {
			padding = 4 - len(payload)%4
		}
		clear = rtp.AppendExtended(head[:0], h.Sequence, h.Timestamp, h.SSRC, 2, padding > 0)
		inner = append(inner, 0x10, silentLevel, 0x90, 0x00, 0, 0, 0, 0) // audio level, the speaker byte, two bytes of fill
		inner = append(inner, payload...)
		for i := range padding {
			if i == padding-1 {
				inner = append(inner, byte(padding))
			} else {
				inner = append(inner, 0)
			}
		}
	}
	out, err := md.seal.Seal(md.out[:0], clear, inner)
	if err != nil {
		return
	}
	md.out = out
	s.sendTo(to.user, out, *addr)
}

func splitAddr(a string) (string, int) {
	host, port, err := net.SplitHostPort(a)
	if err != nil {
		return a, 0
	}
	n, _ := strconv.Atoi(port)
	return host, n
}
