package dave_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"strconv"
	"time"

	"github.com/mynahbot/mynah/dave"
)

// A call of two without a network: two queues stand for what a voice gateway carries.
func Example() {
	const (
		channel = dave.ChannelID(1)
		alice   = dave.UserID(10)
		bob     = dave.UserID(20)
	)
	type parcel struct {
		user    dave.UserID
		message dave.Message
	}
	var toMembers, toGateway []parcel

	// The gateway.
	gateway, err := dave.NewDeliveryService(dave.DeliveryConfig{
		Channel: channel,
		Send:    func(to dave.UserID, m dave.Message) { toMembers = append(toMembers, parcel{to, m}) },
	})
	if err != nil {
		log.Fatal(err)
	}

	// Each member connects, hears who is there (op 11) and that the call is encrypted (op 4).
	members := make(map[dave.UserID]*dave.Session)
	for _, user := range []dave.UserID{alice, bob} {
		s, err := dave.NewSession(dave.Config{
			Channel: channel, User: user,
			Send: func(m dave.Message) error {
				toGateway = append(toGateway, parcel{user, m})
				return nil
			},
		})
		if err != nil {
			log.Fatal(err)
		}
		defer s.Close()
		members[user] = s
		if err := s.AddUsers(alice, bob); err != nil {
			log.Fatal(err)
		}
		if err := s.SelectProtocolAck(gateway.Version(dave.MaxProtocolVersion)); err != nil {
			log.Fatal(err)
		}
		gateway.Connect(user, dave.MaxProtocolVersion)
	}

	// Messages go to and fro until the group is made: key packages, proposals, a commit, a welcome.
	for len(toMembers)+len(toGateway) > 0 {
		for _, p := range toMembers {
			if err := members[p.user].Handle(p.message); err != nil {
				log.Fatal(err)
			}
		}
		toMembers = nil
		out := toGateway
		toGateway = nil
		for _, p := range out {
			// Both members commit, one commit is chosen. The other's refusal is an error that is worth no more than a log line.
			_ = gateway.Handle(p.user, p.message)
		}
	}

	// Alice speaks.
	frame := []byte("20 ms of Opus")
	sealed, err := members[alice].AppendEncrypt(nil, frame)
	if err != nil {
		log.Fatal(err)
	}
	opened, err := members[bob].AppendDecrypt(nil, alice, sealed)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", opened)
	fmt.Println("same privacy code:", members[alice].PrivacyCode() == members[bob].PrivacyCode())

	// Output:
	// 20 ms of Opus
	// same privacy code: true
}

// A connection is a member's: what comes from the voice gateway goes to its session, and what the session wants to say
// leaves by the two functions that write to the websocket.
type connection struct {
	session   *dave.Session
	writeJSON func(op int, d json.RawMessage) error
	write     func(binary []byte) error
}

// send is the session's Config.Send.
func (c *connection) send(m dave.Message) error {
	if m.Binary() {
		frame, err := m.AppendBinary(nil)
		if err != nil {
			return err
		}
		return c.write(frame)
	}
	d, err := m.Data()
	if err != nil {
		return err
	}
	return c.writeJSON(int(m.Op), d)
}

// text takes a JSON message.
func (c *connection) text(op int, d json.RawMessage) error {
	switch op {
	case 4:
		var v struct {
			Version uint16 `json:"dave_protocol_version"`
		}
		if err := json.Unmarshal(d, &v); err != nil {
			return err
		}
		return c.session.SelectProtocolAck(v.Version)
	case 11:
		var v struct {
			Users []string `json:"user_ids"`
		}
		if err := json.Unmarshal(d, &v); err != nil {
			return err
		}
		for _, u := range v.Users {
			id, err := strconv.ParseUint(u, 10, 64)
			if err != nil {
				return err
			}
			if err := c.session.AddUsers(dave.UserID(id)); err != nil {
				return err
			}
		}
	case 21, 22, 24:
		m, err := dave.ParseData(dave.Opcode(op), d)
		if err != nil {
			return err
		}
		return c.handle(m)
	}
	return nil
}

// binary takes a binary message: two bytes of sequence number, the opcode, and what it says.
func (c *connection) binary(frame []byte) error {
	if len(frame) < 2 {
		return dave.ErrMalformed
	}
	m, err := dave.ParseBinary(frame[2:])
	if err != nil {
		return err
	}
	return c.handle(m)
}

func (c *connection) handle(m dave.Message) error {
	err := c.session.Handle(m)
	if errors.Is(err, dave.ErrIgnored) {
		return nil // late or twice
	}
	return err // worth a line in the log: the session recovers by itself
}

// A member turns what its voice gateway says into calls of its session.
func ExampleSession() {
	c := &connection{
		writeJSON: func(op int, d json.RawMessage) error {
			fmt.Printf("sends op %d, %s\n", op, d)
			return nil
		},
		write: func(b []byte) error {
			fmt.Printf("sends op %d, binary\n", b[0])
			return nil
		},
	}
	var err error
	c.session, err = dave.NewSession(dave.Config{Channel: 1, User: 10, Send: c.send})
	if err != nil {
		log.Fatal(err)
	}
	defer c.session.Close()

	for _, m := range []struct {
		op int
		d  string
	}{
		{11, `{"user_ids":["10","20"]}`},
		{4, `{"dave_protocol_version":1}`},
		{21, `{"transition_id":7,"protocol_version":0}`}, // somebody came whose client doesn't encrypt
		{22, `{"transition_id":7}`},
	} {
		if err := c.text(m.op, json.RawMessage(m.d)); err != nil {
			log.Fatal(err)
		}
		fmt.Printf("after op %d: ready %v\n", m.op, c.session.Ready())
	}
	fmt.Println("nonsense:", errors.Is(c.binary([]byte{0, 1, 99}), dave.ErrMalformed))
	// Output:
	// after op 11: ready false
	// sends op 26, binary
	// after op 4: ready false
	// sends op 23, {"transition_id":7}
	// after op 21: ready false
	// after op 22: ready true
	// nonsense: true
}

// A voice gateway tells its delivery service who comes and goes, passes messages on in both directions, and wakes it up
// when somebody takes too long.
func ExampleDeliveryService() {
	now := time.Unix(0, 0)
	gateway, err := dave.NewDeliveryService(dave.DeliveryConfig{
		Channel: 1,
		Now:     func() time.Time { return now },
		Send:    func(to dave.UserID, m dave.Message) { fmt.Printf("op %d to user %v\n", m.Op, to) },
	})
	if err != nil {
		log.Fatal(err)
	}
	// What clients announced in op 0 decides about op 4.
	fmt.Println("version for user 10:", gateway.Version(1))
	gateway.Connect(10, 1)
	fmt.Println("version for user 20:", gateway.Version(0))
	gateway.Connect(20, 0)

	// Both have two seconds to answer with op 23. Here nothing comes.
	due, waits := gateway.Deadline()
	fmt.Println("waits until", due.Sub(now), waits)
	now = due
	gateway.Tick()
	fmt.Println("settled:", gateway.Settled())
	// Output:
	// version for user 10: 1
	// op 25 to user 10
	// version for user 20: 0
	// op 21 to user 10
	// op 21 to user 20
	// waits until 2s true
	// op 22 to user 10
	// op 22 to user 20
	// settled: true
}
