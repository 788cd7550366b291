package voice

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/disgoorg/snowflake/v2"
)

// A binary message that is accepted is made of exactly the bytes that came.
func FuzzBinary(f *testing.F) {
	f.Add([]byte{0, 1, opExternalSender, 0x40, 0x41, 4})
	f.Add([]byte{0xff, 0xff, opAnnounceCommit, 0, 7, 0, 1, 0, 1})
	f.Add([]byte{0, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := parseBinary(b)
		if err != nil {
			if !errors.Is(err, errMessage) {
				t.Errorf("refused with %v", err)
			}
			return
		}
		if again := append(binary.BigEndian.AppendUint16(nil, m.seq), m.body...); !bytes.Equal(again, b) || m.op != int(m.body[0]) {
			t.Errorf("%x was taken for %+v", b, m)
		}
		if last := advanceSeq(int64(m.seq), m.seq+1); uint16(last) != m.seq+1 {
			t.Errorf("%d is followed by %d", m.seq, last)
		}
	})
}

// A session description that is accepted says the same when it is written again, and one that is refused says nothing of
// the key in its error.
func FuzzSessionDescription(f *testing.F) {
	f.Add([]byte(`{"mode":"aead_aes256_gcm_rtpsize","secret_key":[0,1,255],"dave_protocol_version":1}`))
	f.Add([]byte(`{"mode":"x","secret_key":[256],"dave_protocol_version":0}`))
	f.Add([]byte(`{"secret_key":"AAEC"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var d sessionDescription
		if err := d.UnmarshalJSON(b); err != nil {
			if err != errMessage {
				t.Errorf("refused with %v", err)
			}
			return
		}
		key := make([]int, len(d.SecretKey))
		for i, k := range d.SecretKey {
			key[i] = int(k)
		}
		again, err := json.Marshal(map[string]any{"mode": d.Mode, "secret_key": key, "dave_protocol_version": d.DAVEVersion})
		if err != nil {
			t.Fatal(err)
		}
		var e sessionDescription
		if err := e.UnmarshalJSON(again); err != nil || e.Mode != d.Mode || e.DAVEVersion != d.DAVEVersion || !bytes.Equal(e.SecretKey, d.SecretKey) {
			t.Errorf("%s became %+v, then %+v (%v)", b, d, e, err)
		}
	})
}

// An answer of the IP discovery that is accepted holds an address that means the same when it is written again.
func FuzzDiscovery(f *testing.F) {
	answer := func(ssrc uint32, address string, port uint16) []byte {
		p := make([]byte, discoverySize)
		binary.BigEndian.PutUint16(p, discoveryReply)
		binary.BigEndian.PutUint16(p[2:], discoverySize-4)
		binary.BigEndian.PutUint32(p[4:], ssrc)
		copy(p[8:72], address)
		binary.BigEndian.PutUint16(p[72:], port)
		return p
	}
	f.Add(answer(7, "192.0.2.1", 50000), uint32(7))
	f.Add(answer(7, "2001:db8::1", 1), uint32(7))
	f.Add(answer(8, "192.0.2.1", 1), uint32(7))
	f.Add(discoveryPacket(7), uint32(7))
	f.Fuzz(func(t *testing.T, p []byte, ssrc uint32) {
		addr, ok := parseDiscovery(p, ssrc)
		if !ok {
			return
		}
		text := addr.Addr().String()
		if len(text) > 64 {
			return // a zone may be longer when it is written out
		}
		again, ok := parseDiscovery(answer(ssrc, text, addr.Port()), ssrc)
		if !ok || again != addr {
			t.Errorf("%v became %v (%v)", addr, again, ok)
		}
	})
}

// No message of the gateway, JSON or DAVE, makes the session fail in another way than by an error, before and after the
// encryption has begun.
func FuzzMessage(f *testing.F) {
	f.Add(opClientsConnect, []byte(`{"user_ids":["1","2"]}`), false, true)
	f.Add(opClientDisconnect, []byte(`{"user_id":"2"}`), false, true)
	f.Add(opSpeaking, []byte(`{"speaking":1,"ssrc":7,"user_id":"2"}`), false, true)
	f.Add(opPrepareTransition, []byte(`{"transition_id":1,"protocol_version":0}`), false, true)
	f.Add(opPrepareEpoch, []byte(`{"epoch":1,"protocol_version":1}`), false, false)
	f.Add(opProposals, []byte{opProposals, 0, 0}, true, true)
	f.Add(opWelcome, []byte{opWelcome, 0, 1, 0, 2}, true, false)
	f.Fuzz(func(t *testing.T, op int, body []byte, isBinary, begun bool) {
		m := message{op: op, data: body}
		if isBinary {
			if len(body) == 0 {
				return
			}
			m = message{op: int(body[0]), body: body, binary: true}
		}
		if m.op == opReady { // opens a UDP socket to wherever it says
			return
		}
		silent := func(context.Context, snowflake.ID, *snowflake.ID, bool, bool) error { return nil }
		c := NewConnections(Config{}).Create(testGuild, 1, silent, func() {}).(*Conn)
		defer c.Close(t.Context())
		l := newLink(c, 77, "session", "token", "ws://127.0.0.1:1")
		defer l.keys.close()
		defer l.cancel()
		if begun {
			_ = l.keys.begin(daveVersion) // its key package can't be sent anywhere
		}
		_ = l.handle(t.Context(), nil, m)
		if h := l.keys.state(); h.Version > daveVersion {
			t.Errorf("version %d", h.Version)
		}
		_ = fmt.Sprint(l.rx.health())
	})
}
