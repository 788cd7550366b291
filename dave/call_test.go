package dave

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A testCall runs a delivery service and its clients in memory. Messages keep their order in each connection, as
// on a websocket; between connections, the test chooses.
type testCall struct {
	t       testTB
	now     time.Time
	service *DeliveryService
	clients map[UserID]*testClient
	failed  []error        // what clients and the service refused, but for commits that lost
	seen    map[string]int // how often what happened
}

// testTB is what *testing.T and *rapid.T have in common here.
type testTB interface {
	Helper()
	Cleanup(func())
	Logf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// A testMember is a DAVE implementation behind a connection. Errors of its handlers are its own affair; what it
// sends meanwhile goes to the client's outbox.
type testMember interface {
	handle(event) error
	encrypt(frame []byte) ([]byte, error)
	decrypt(from UserID, frame []byte) ([]byte, error)
	privacyCode() string
	close()
}

// event is what a gateway tells a client: a message of DAVE, or op 4, 11 or 13.
type event struct {
	Message
	users []UserID
}

const (
	opSelectProtocolAck Opcode = 4 // Version
	opClientsConnect    Opcode = 11
	opClientDisconnect  Opcode = 13
)

type testClient struct {
	user   UserID
	member testMember
	inbox  []event
	outbox []Message
}

const testChannel ChannelID = 4242

func newTestCall(t testTB, seed uint64) *testCall {
	c := &testCall{t: t, now: testStart, clients: make(map[UserID]*testClient), seen: make(map[string]int)}
	var err error
	c.service, err = NewDeliveryService(DeliveryConfig{
		Channel: testChannel, Rand: testRand(seed), Now: func() time.Time { return c.now },
		Send: func(to UserID, m Message) {
			switch {
			case m.Op == OpProposals && m.Payload[0] == proposalsRevoke:
				c.seen["revoked proposals"]++
			case m.Op == OpPrepareEpoch && len(c.clients) == 1:
				c.seen["resets of a sole member"]++
			}
			if client := c.clients[to]; client != nil {
				client.inbox = append(client.inbox, event{Message: m})
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, client := range c.clients {
			client.member.close()
		}
	})
	return c
}

func testRand(seed uint64) *rand.ChaCha8 {
	var key [32]byte
	for i := range 8 {
		key[i] = byte(seed >> (8 * i))
	}
	return rand.NewChaCha8(key)
}

// join connects a user, as op 0 to op 4 do.
func (c *testCall) join(user UserID, maxVersion uint16, newMember func(client *testClient) testMember) {
	client := &testClient{user: user}
	version := c.service.Version(maxVersion)
	others := c.users()
	for _, u := range others {
		c.clients[u].inbox = append(c.clients[u].inbox, event{Message: Message{Op: opClientsConnect}, users: []UserID{user}})
	}
	c.clients[user] = client
	client.member = newMember(client)
	client.inbox = []event{
		{Message: Message{Op: opClientsConnect}, users: append(others, user)},
		{Message: Message{Op: opSelectProtocolAck, Version: version}},
	}
	c.service.Connect(user, maxVersion)
}

// leave disconnects a user and returns the member as it was.
func (c *testCall) leave(user UserID) testMember {
	member := c.clients[user].member
	delete(c.clients, user)
	for _, u := range c.users() {
		c.clients[u].inbox = append(c.clients[u].inbox, event{Message: Message{Op: opClientDisconnect}, users: []UserID{user}})
	}
	c.service.Disconnect(user)
	return member
}

func (c *testCall) users() []UserID {
	users := make([]UserID, 0, len(c.clients)+1)
	for u := range c.clients {
		users = append(users, u)
	}
	slices.Sort(users)
	return users
}

// step moves one message, of those that pick chooses among n, and reports whether there was any.
func (c *testCall) step(pick func(n int) int) bool {
	var busy []*testClient
	for _, u := range c.users() {
		if client := c.clients[u]; len(client.inbox)+len(client.outbox) > 0 {
			busy = append(busy, client)
		}
	}
	if len(busy) == 0 {
		return false
	}
	client := busy[pick(len(busy))]
	if len(client.inbox) > 0 && (len(client.outbox) == 0 || pick(2) == 0) {
		c.deliver(client)
		return true
	}
	m := client.outbox[0]
	client.outbox = client.outbox[1:]
	proposals := c.service.proposals
	err := c.service.Handle(client.user, m)
	switch {
	case errors.Is(err, ErrCommit):
		c.seen["commits that lost"]++
	case err != nil:
		c.failed = append(c.failed, fmt.Errorf("op %d from %v: %w", m.Op, client.user, err))
	case m.Op == OpInvalidCommitWelcome:
		c.seen["recoveries"]++
	case m.Op == OpCommitWelcome:
		c.seen["commits"]++
		for _, p := range proposals {
			if p.keyPackage == nil && slices.ContainsFunc(proposals, func(q sentProposal) bool {
				return q.keyPackage != nil && q.user == p.user
			}) {
				c.seen["removals and additions of one user in a commit"]++
			}
		}
	}
	return true
}

func (c *testCall) deliver(client *testClient) {
	e := client.inbox[0]
	client.inbox = client.inbox[1:]
	if err := client.member.handle(e); err != nil {
		c.failed = append(c.failed, fmt.Errorf("op %d to %v: %w", e.Op, client.user, err))
	}
}

// settle moves messages until there are none, and lets time pass if something waits for it.
func (c *testCall) settle(pick func(n int) int) {
	c.t.Helper()
	for round := 0; ; round++ {
		for n := 0; c.step(pick); n++ {
			if n > 200_000 {
				c.t.Fatal("the call does not settle")
			}
		}
		due, ok := c.service.Deadline()
		if !ok {
			return
		}
		if round > 1000 {
			c.t.Fatal("the call waits forever")
		}
		if c.now.Before(due) {
			c.now = due
		}
		c.service.Tick()
	}
}

// inOrder serves connections in turn.
func inOrder(int) int { return 0 }

// check demands that all clients share an epoch and hear each other, and that none of the outsiders hears or is
// heard.
func (c *testCall) check(outsiders ...testMember) {
	c.t.Helper()
	users := c.users()
	if len(users) < 2 {
		return
	}
	code := c.clients[users[0]].member.privacyCode()
	for _, u := range users {
		if got := c.clients[u].member.privacyCode(); got == "" || got != code {
			c.t.Fatalf("privacy code of %v is %q, of %v %q\n%v", u, got, users[0], code, errors.Join(c.failed...))
		}
	}
	for _, from := range users {
		media := fmt.Appendf(nil, "media of %v at %v", from, c.now)
		frame, err := c.clients[from].member.encrypt(media)
		if err != nil {
			c.t.Fatalf("%v encrypts: %v\n%v", from, err, errors.Join(c.failed...))
		}
		if bytes.Contains(frame, media) {
			c.t.Fatalf("%v sends in clear", from)
		}
		for _, to := range users {
			if to == from {
				continue
			}
			if got, err := c.clients[to].member.decrypt(from, frame); err != nil || !bytes.Equal(got, media) {
				c.t.Fatalf("%v does not hear %v: %q, %v\n%v", to, from, got, err, errors.Join(c.failed...))
			}
		}
		for _, o := range outsiders {
			// Some clients hand on what they can't open.
			if got, err := o.decrypt(from, frame); err == nil && bytes.Contains(got, media) {
				c.t.Fatalf("somebody who left hears %v: %q", from, got)
			}
		}
	}
}

// checkClear demands that all clients send in clear and hear each other.
func (c *testCall) checkClear() {
	c.t.Helper()
	media := []byte("in clear")
	for from, client := range c.clients {
		frame, err := client.member.encrypt(media)
		if err != nil || !bytes.Equal(frame, media) {
			c.t.Fatalf("%v sends %x, %v", from, frame, err)
		}
		for to, other := range c.clients {
			if to == from {
				continue
			}
			if got, err := other.member.decrypt(from, frame); err != nil || !bytes.Equal(got, media) {
				c.t.Fatalf("%v does not hear %v: %v", to, from, err)
			}
		}
	}
}

// ownMember is a Session as a testMember.
type ownMember struct{ *Session }

// own makes a member of this package.
func (c *testCall) own(seed uint64) func(*testClient) testMember {
	return func(client *testClient) testMember {
		s, err := NewSession(Config{
			Channel: testChannel, User: client.user, Rand: testRand(seed ^ uint64(client.user)<<32), Now: func() time.Time { return c.now },
			Send: func(m Message) error {
				client.outbox = append(client.outbox, m)
				return nil
			},
		})
		if err != nil {
			c.t.Fatal(err)
		}
		return ownMember{s}
	}
}

func (m ownMember) handle(e event) error {
	switch e.Op {
	case opSelectProtocolAck:
		return m.SelectProtocolAck(e.Version)
	case opClientsConnect:
		return m.AddUsers(e.users...)
	case opClientDisconnect:
		m.RemoveUser(e.users[0])
		return nil
	}
	return m.Handle(e.Message)
}

func (m ownMember) encrypt(frame []byte) ([]byte, error) { return m.AppendEncrypt(nil, frame) }
func (m ownMember) decrypt(from UserID, frame []byte) ([]byte, error) {
	return m.AppendDecrypt(nil, from, frame)
}
func (m ownMember) privacyCode() string { return m.PrivacyCode() }
func (m ownMember) close()              { m.Close() }

func TestCallJoinsAndLeaves(t *testing.T) {
	c := newTestCall(t, 1)
	for user := UserID(1); user <= 6; user++ {
		c.join(user, 1, c.own(uint64(user)))
		c.settle(inOrder)
		c.check()
	}
	if c.service.Epoch() != 5 {
		t.Errorf("epoch %d after five joins to the first member", c.service.Epoch())
	}
	gone := c.leave(3)
	c.settle(inOrder)
	c.check(gone)
	c.join(3, 1, c.own(33))
	c.settle(inOrder)
	c.check(gone)
	for _, user := range []UserID{1, 2, 4, 5} {
		c.leave(user)
	}
	c.settle(inOrder)
	c.check(gone)
	c.leave(6)
	c.settle(inOrder)
	if _, err := c.clients[3].member.encrypt([]byte("alone")); !errors.Is(err, ErrNotReady) {
		t.Errorf("alone after a reset: %v", err)
	}
	c.join(7, 1, c.own(7))
	c.settle(inOrder)
	c.check(gone)
	if len(c.failed) > 0 {
		t.Errorf("refused: %v", errors.Join(c.failed...))
	}
}

func TestCallWithoutEncryption(t *testing.T) {
	c := newTestCall(t, 1)
	c.join(1, 1, c.own(1))
	c.join(2, 1, c.own(2))
	c.settle(inOrder)
	c.check()

	c.join(3, 0, c.own(3)) // a client without DAVE
	c.settle(inOrder)
	c.checkClear()
	media := []byte("in clear")

	c.leave(3)
	c.settle(inOrder)
	c.check()
	if _, err := c.clients[1].member.decrypt(2, media); err != nil {
		t.Errorf("a frame in clear right after the upgrade: %v", err)
	}
	c.now = c.now.Add(retention)
	if _, err := c.clients[1].member.decrypt(2, media); !errors.Is(err, ErrNotEncrypted) {
		t.Errorf("a frame in clear later: %v", err)
	}
	if len(c.failed) > 0 {
		t.Errorf("refused: %v", errors.Join(c.failed...))
	}
}

func TestCallAtOnce(t *testing.T) {
	for seed := range uint64(30) {
		r := rand.New(testRand(seed))
		c := newTestCall(t, seed)
		for user := UserID(1); user <= 7; user++ {
			c.join(user, 1, c.own(uint64(user)))
		}
		for range r.IntN(60) {
			c.step(r.IntN)
		}
		gone := c.leave(UserID(1 + r.IntN(7)))
		c.settle(r.IntN)
		c.check(gone)
	}
}
