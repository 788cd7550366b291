package dave

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"
)

func FuzzParseBinary(f *testing.F) {
	for op := range byte(33) {
		f.Add([]byte{op})
		f.Add([]byte{op, 0, 1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseBinary(b)
		if err != nil {
			return
		}
		if again, err := m.AppendBinary(nil); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("parsed %x, re-encoded %x, %v", b, again, err)
		}
	})
}

func FuzzParseData(f *testing.F) {
	for op := range uint8(33) {
		f.Add(op, []byte(`{"transition_id":7,"protocol_version":1,"epoch":1}`))
	}
	f.Add(uint8(OpPrepareEpoch), []byte(`{"epoch":1,"protocol_version":1,"transition_id":3,"more":[]}`))
	f.Add(uint8(OpExecuteTransition), []byte(`{"transition_id":65536}`))
	f.Fuzz(func(t *testing.T, op uint8, d []byte) {
		m, err := ParseData(Opcode(op), d)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatal(err)
			}
			return
		}
		again, err := m.Data()
		if err != nil || !json.Valid(again) {
			t.Fatalf("%s, %v", again, err)
		}
		if n, err := ParseData(m.Op, again); err != nil || !reflect.DeepEqual(n, m) {
			t.Fatalf("%+v became %+v, %v", m, n, err)
		}
	})
}

func FuzzVector(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte{3, 1, 2, 3, 4})
	f.Add([]byte{0x40, 1, 2})
	f.Add(append([]byte{0x40, 64}, make([]byte, 64)...))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, rest, err := readOpaque(b)
		if err != nil {
			return
		}
		if again := append(appendOpaque(nil, v), rest...); !bytes.Equal(again, b) {
			t.Fatalf("read %x, wrote %x", b, again)
		}
	})
}

// outliving lets a call serve several inputs.
type outliving struct{ testTB }

func (outliving) Cleanup(func()) {}

// fuzzedCall brings a call to where one more message may come: users 1 and 2 share a group, the proposal to add
// 3 is out, and 3 waits for its welcome. It returns the messages that were and those that will be carried to and
// from clients.
func fuzzedCall(t testTB, ahead bool) (c *testCall, in, out []Message) {
	c = newTestCall(t, 1)
	next := func() bool {
		for _, u := range c.users() {
			for _, e := range c.clients[u].inbox {
				in = append(in, e.Message)
			}
			out = append(out, c.clients[u].outbox...)
		}
		return c.step(inOrder)
	}
	c.join(1, 1, c.own(1))
	c.join(2, 1, c.own(1))
	for next() {
	}
	c.join(3, 1, c.own(1))
	for len(c.service.proposals) == 0 && next() {
	}
	for ahead && next() {
	}
	return c, in, out
}

func seedMessages(f *testing.F, messages []Message) {
	n := 0
	for _, m := range messages {
		if m.Binary() {
			f.Add(uint8(m.Op), m.TransitionID, m.Payload)
			n++
		}
	}
	if n == 0 {
		f.Fatal("no seeds")
	}
}

// Whatever a gateway sends, a member neither panics nor sends in clear, and what it does not accept leaves the
// group as it was, or recovers.
func FuzzSession(f *testing.F) {
	_, in, _ := fuzzedCall(f, true)
	seedMessages(f, in)
	var c *testCall // as long as nothing is accepted
	f.Fuzz(func(t *testing.T, op uint8, id uint16, payload []byte) {
		if c == nil {
			c, _, _ = fuzzedCall(outliving{t}, false)
		}
		for user, client := range c.clients {
			session := client.member.(ownMember).Session
			before, sent := session.Stats(), len(client.outbox)
			err := session.Handle(Message{Op: Opcode(op), TransitionID: id, Version: 1, Epoch: uint64(id), Payload: payload})
			after := session.Stats()
			if err == nil || errors.Is(err, ErrInvalidTransition) {
				defer func() { c = nil }()
			}
			if err != nil && !errors.Is(err, ErrInvalidTransition) && (before.PrivacyCode != after.PrivacyCode) {
				t.Fatalf("%v: %v changed the group", user, err)
			}
			if len(client.outbox)-sent > 2 {
				t.Fatalf("%v answers one message with %d", user, len(client.outbox)-sent)
			}
			if frame, err := client.member.encrypt([]byte("secret media")); err == nil && bytes.Contains(frame, []byte("secret")) {
				t.Fatalf("%v sends in clear", user)
			}
		}
	})
}

// Whatever a client sends, the service neither panics nor forgets who is where.
func FuzzDeliveryService(f *testing.F) {
	_, _, out := fuzzedCall(f, true)
	seedMessages(f, out)
	var c *testCall // as long as nothing is accepted
	f.Fuzz(func(t *testing.T, op uint8, id uint16, payload []byte) {
		if c == nil {
			c, _, _ = fuzzedCall(outliving{t}, false)
		}
		epoch := c.service.Epoch()
		for user := UserID(1); user <= 3; user++ {
			err := c.service.Handle(user, Message{Op: Opcode(op), TransitionID: id, Payload: payload})
			if now := c.service.Epoch(); err != nil && now != epoch {
				t.Fatalf("epoch %d became %d by what was refused: %v", epoch, now, err)
			}
			epoch = c.service.Epoch()
			if err == nil {
				defer func() { c = nil }()
			}
		}
	})
}
