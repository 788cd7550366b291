package dave

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Members join and leave while messages are lost, repeated and overtake each other. Once that ends and somebody
// joins, all share an epoch, and nobody ever accepts a frame of somebody who is not a member, or under another's
// name.
//
// Messages of which a websocket would have to lose the only one of their kind (op 4, 11, 13, 24, 25, 26, 31) are
// not lost, and a client's own do not overtake each other.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		m := &model{testCall: newTestCall(t, seed), Rand: rand.New(testRand(seed)), next: 1}
		for _, action := range rapid.SliceOfN(rapid.IntRange(0, 15), 10, 60).Draw(t, "actions") {
			m.act(action)
			m.checkStrangers()
		}
		m.settle(m.IntN)
		for range 2 {
			m.arrive()
			m.settle(m.IntN)
		}
		m.now = m.now.Add(retention)
		m.check()
		m.checkStrangers()
	})
}

type model struct {
	*testCall
	*rand.Rand
	next UserID
	gone []goneUser
}

type goneUser struct {
	user   UserID
	member testMember
}

const maxModelUsers = 6

func (m *model) arrive() {
	if len(m.clients) == maxModelUsers {
		m.depart()
	}
	m.join(m.next, 1, m.own(uint64(m.next)))
	m.next++
}

func (m *model) depart() {
	if len(m.clients) == 0 {
		return
	}
	user := m.users()[m.IntN(len(m.clients))]
	m.gone = append(m.gone, goneUser{user, m.leave(user)})
	m.t.Cleanup(m.gone[len(m.gone)-1].member.close)
}

func (m *model) act(action int) {
	switch action {
	case 0, 1:
		m.arrive()
	case 2:
		m.depart()
	case 3: // a client's message is lost
		if c, i := m.pick(outbox, canLose); c != nil {
			c.outbox = slices.Delete(c.outbox, i, i+1)
		}
	case 4, 5: // one to a client is
		if c, i := m.pick(inbox, canLose); c != nil {
			c.inbox = slices.Delete(c.inbox, i, i+1)
		}
	case 6: // a client's message arrives twice
		if c, i := m.pick(outbox, always); c != nil {
			c.outbox = slices.Insert(c.outbox, i+m.IntN(len(c.outbox)-i), c.outbox[i])
		}
	case 7: // one to a client does, the second time later
		if c, i := m.pick(inbox, always); c != nil {
			c.inbox = slices.Insert(c.inbox, i+m.IntN(len(c.inbox)-i), c.inbox[i])
		}
	case 9: // a message to a client overtakes another
		if c, i := m.pick(inbox, always); c != nil && i > 0 {
			c.inbox[i-1], c.inbox[i] = c.inbox[i], c.inbox[i-1]
		}
	case 8: // time passes
		if due, ok := m.service.Deadline(); ok && m.now.Before(due) {
			m.now = due
		}
		m.service.Tick()
	default:
		for range m.IntN(30) {
			m.step(m.IntN)
		}
	}
}

func canLose(op Opcode) bool {
	switch op {
	case OpExecuteTransition, OpTransitionReady, OpProposals, OpCommitWelcome, OpAnnounceCommit, OpWelcome:
		return true
	}
	return false
}

func always(Opcode) bool { return true }

func inbox(c *testClient) (ops []Opcode) {
	for _, e := range c.inbox {
		ops = append(ops, e.Op)
	}
	return ops
}

func outbox(c *testClient) []Opcode { return opcodes(c.outbox) }

// pick chooses one message of those that satisfy want, and returns whose it is and where; nil if there is none.
func (m *model) pick(box func(*testClient) []Opcode, want func(Opcode) bool) (*testClient, int) {
	type place struct {
		client *testClient
		index  int
	}
	var places []place
	for _, u := range m.users() {
		for i, op := range box(m.clients[u]) {
			if want(op) {
				places = append(places, place{m.clients[u], i})
			}
		}
	}
	if len(places) == 0 {
		return nil, 0
	}
	p := places[m.IntN(len(places))]
	return p.client, p.index
}

// checkStrangers offers everybody frames that nobody may accept.
func (m *model) checkStrangers() {
	users := m.users()
	media := []byte("whose?")
	for _, from := range users {
		frame, err := m.clients[from].member.encrypt(media)
		if err != nil {
			continue
		}
		if bytes.Contains(frame, media) {
			m.t.Fatalf("%v sends in clear", from)
		}
		for _, to := range users {
			for _, name := range append(slices.Clone(users), 999) {
				if name == from || name == to {
					continue
				}
				if got, err := m.clients[to].member.decrypt(name, frame); err == nil {
					m.t.Fatalf("%v takes a frame of %v for one of %v: %q", to, from, name, got)
				}
			}
			if _, err := m.clients[to].member.decrypt(from, media); err == nil {
				m.t.Fatalf("%v accepts a frame in clear", to)
			}
		}
	}
	if !m.retired() {
		return
	}
	for _, g := range m.gone {
		frame, err := g.member.encrypt(media)
		if err != nil {
			continue
		}
		for _, to := range users {
			if _, err := m.clients[to].member.decrypt(g.user, frame); err == nil {
				m.t.Fatal(fmt.Sprintf("%v accepts a frame of %v, who has left", to, g.user))
			}
		}
	}
}

// retired reports whether the frames of those who left can't be under way any more: their keys expire retention
// after a client hears of it.
func (m *model) retired() bool {
	for _, c := range m.clients {
		if len(c.inbox) > 0 {
			return false
		}
	}
	if len(m.gone) == 0 {
		return false
	}
	m.now = m.now.Add(retention)
	return true
}
