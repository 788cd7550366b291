package voice

import (
	"context"
	"encoding/json"
	"net"
	"net/netip"
	"testing"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/rtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// guests starts a server with two members whose sockets are gone, as between two connections, and a UDP address of theirs.
func guests(t testing.TB) (s *Server, members [2]*member, from netip.AddrPort) {
	t.Helper()
	s, err := Start(context.Background(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	udp, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { udp.Close() })
	from = udp.LocalAddr().(*net.UDPAddr).AddrPort()
	for i := range members {
		session := localdiscord.VoiceSession{GuildID: 5, ChannelID: 77, UserID: localdiscord.ID(i + 1), SessionID: "s", CanSpeak: true}
		_, token, err := s.Connect(context.Background(), session)
		if err != nil {
			t.Fatal(err)
		}
		d, err := json.Marshal(identify{ServerID: 5, UserID: session.UserID, SessionID: "s", Token: token, MaxDAVE: 1})
		if err != nil {
			t.Fatal(err)
		}
		k := newSocket(nil)
		m, err := s.identify(k, d)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.describe(m, rtp.ModeAES256GCM); err != nil {
			t.Fatal(err)
		}
		m.detach(k, func() { s.expire(m) })
		m.media.Load().addr.Store(&from)
		members[i] = m
	}
	return s, members, from
}

// No datagram stops the relay, and nothing is forwarded that was not sealed with the key of a member.
func FuzzPacket(f *testing.F) {
	s, members, from := guests(f)
	header := make([]byte, rtp.HeaderSize)
	rtp.PutHeader(header, 1, 2, members[0].ssrc)
	seal, err := rtp.NewTransport(rtp.ModeAES256GCM, members[0].media.Load().key[:])
	if err != nil {
		f.Fatal(err)
	}
	sound, err := seal.Seal(nil, header, []byte{0xf8, 0xff, 0xfe})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sound)
	f.Add(sound[:rtp.HeaderSize])
	ask := make([]byte, discoverySize)
	ask[1], ask[3] = discoveryRequest, discoverySize-4
	f.Add(ask)
	f.Add([]byte{0x13, 0x37, 0xca, 0xfe, 0, 0, 0, 1})
	f.Add([]byte{0x90, 0x78, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0xbe, 0xde, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) > rtp.MaxPacket {
			return // longer than the buffer that datagrams are read into
		}
		s.packet(p, from)
	})
}

// Whatever a member sends, it stays a member or is closed with one of the gateway's codes.
func FuzzMember(f *testing.F) {
	f.Add(opSelectProtocol, []byte(`{"protocol":"udp","data":{"address":"127.0.0.1","port":1,"mode":"aead_aes256_gcm_rtpsize"}}`))
	f.Add(opSelectProtocol, []byte(`{"protocol":"webrtc"}`))
	f.Add(opSpeaking, []byte(`{"speaking":1,"delay":0,"ssrc":1}`))
	f.Add(opTransitionReady, []byte(`{"transition_id":1}`))
	f.Add(opInvalidCommit, []byte(`{"transition_id":0}`))
	f.Add(-1, []byte{26, 0, 1, 0, 2, 0x40, 0x41, 4})
	f.Add(-1, []byte{28, 0, 1, 0, 1})
	f.Add(-1, []byte{})
	s, members, _ := guests(f)
	f.Fuzz(func(t *testing.T, op int, b []byte) {
		m := members[0]
		if op < 0 {
			if len(b) > 0 { // the gateway refuses empty ones
				m.room.binary(m, b)
			}
			return
		}
		err := s.handle(m, envelope{Op: op, D: b})
		if closed, ok := err.(errClosed); err != nil && (!ok || closed < closeUnknownOpcode || closed > closeDAVERequired) {
			t.Errorf("op %d: %v", op, err)
		}
	})
}

// Nobody identifies or resumes by chance.
func FuzzIdentify(f *testing.F) {
	s, _, _ := guests(f)
	f.Add([]byte(`{"server_id":"5","user_id":"1","session_id":"s","token":"","max_dave_protocol_version":1,"seq_ack":-1}`))
	f.Add([]byte(`{"server_id":5,"user_id":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if m, err := s.identify(newSocket(nil), b); err == nil {
			t.Errorf("%s identified as %d", b, m.user)
		}
		if m, err := s.resume(newSocket(nil), b); err == nil {
			t.Errorf("%s resumed as %d", b, m.user)
		}
	})
}
