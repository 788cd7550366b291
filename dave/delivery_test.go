package dave

import (
	"crypto/rand"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mynahbot/mynah/dave/mls"
)

// serviceByHand is a service with users 1 and 2 in a group and the proposals to add 3 and to remove 2, who is
// gone, out. It returns the winning op 28 of user 1, not handled yet.
func serviceByHand(t *testing.T) (c *testCall, winning []byte) {
	c = newTestCall(t, 1)
	for user := UserID(1); user <= 3; user++ {
		c.join(user, 1, c.own(uint64(user)))
	}
	c.settle(inOrder)
	c.join(4, 1, c.own(4))
	c.leave(2)
	newcomer, author := c.clients[4], c.clients[1]
	for len(newcomer.inbox) > 0 {
		c.deliver(newcomer)
	}
	if err := c.service.Handle(4, newcomer.outbox[0]); err != nil {
		t.Fatal(err)
	}
	for len(author.inbox) > 0 {
		c.deliver(author)
	}
	if len(c.service.proposals) != 2 || len(author.outbox) == 0 {
		t.Fatalf("%d proposals, %d answers", len(c.service.proposals), len(author.outbox))
	}
	return c, author.outbox[len(author.outbox)-1].Payload
}

func TestServiceRefusesCommits(t *testing.T) {
	for _, tc := range []struct {
		name   string
		from   UserID
		change func(commit, welcome []byte) []byte
		want   error
	}{
		{"as it is", 1, func(c, w []byte) []byte { return slices.Concat(c, w) }, nil},
		{"empty", 1, func(c, w []byte) []byte { return nil }, ErrCommit},
		{"cut", 1, func(c, w []byte) []byte { return c[:len(c)/2] }, ErrCommit},
		{"from another member", 3, func(c, w []byte) []byte { return slices.Concat(c, w) }, ErrCommit},
		{"from somebody who is not in the group", 4, func(c, w []byte) []byte { return slices.Concat(c, w) }, ErrCommit},
		{"from nobody", 9, func(c, w []byte) []byte { return slices.Concat(c, w) }, ErrUnknownMember},
		{"without its welcome", 1, func(c, w []byte) []byte { return c }, ErrCommit},
		{"with half a welcome", 1, func(c, w []byte) []byte { return slices.Concat(c, w[:len(w)/2]) }, ErrCommit},
		{"with a longer welcome", 1, func(c, w []byte) []byte { return slices.Concat(c, w, []byte{0}) }, ErrCommit},
		{"a proposal", 1, func(c, w []byte) []byte { return nil }, ErrCommit},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, winning := serviceByHand(t)
			_, welcome, err := mls.ReadMessage(winning)
			if err != nil {
				t.Fatal(err)
			}
			commit := winning[:len(winning)-len(welcome)]
			payload := tc.change(slices.Clone(commit), slices.Clone(welcome))
			if tc.name == "a proposal" {
				payload = c.service.proposals[0].message
			}
			epoch := c.service.Epoch()
			if err := c.service.Handle(tc.from, Message{Op: OpCommitWelcome, Payload: payload}); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if moved := c.service.Epoch() > epoch; moved != (tc.want == nil) {
				t.Errorf("epoch %d became %d", epoch, c.service.Epoch())
			}
			if tc.want != nil {
				return
			}
			if err := c.service.Handle(1, Message{Op: OpCommitWelcome, Payload: payload}); !errors.Is(err, ErrCommit) {
				t.Errorf("the same commit again: %v", err)
			}
			c.settle(inOrder)
			c.check()
		})
	}
}

func TestServiceRefusesKeyPackages(t *testing.T) {
	key, err := mls.GenerateSignatureKey(mls.P256, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	make := func(identity []byte, l mls.Lifetime) []byte {
		k, err := mls.NewKeyPackage(key, mls.BasicCredential(identity), l, rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return k.KeyPackage.Marshal()
	}
	right := make(identityOf(1), mls.Forever)
	broken := slices.Clone(right)
	broken[len(broken)-1] ^= 1
	past := uint64(testStart.Add(-time.Hour).Unix())
	for _, tc := range []struct {
		name    string
		payload []byte
		want    error
	}{
		{"right", right, nil},
		{"right, in an MLSMessage", slices.Concat([]byte{0, 1, 0, 5}, right), nil},
		{"empty", nil, ErrKeyPackage},
		{"cut", right[:100], ErrKeyPackage},
		{"longer", append(slices.Clone(right), 0), ErrKeyPackage},
		{"broken signature", broken, ErrKeyPackage},
		{"another user's", make(identityOf(2), mls.Forever), ErrKeyPackage},
		{"not a user's", make([]byte("somebody"[:7]), mls.Forever), ErrKeyPackage},
		{"one that expires", make(identityOf(1), mls.Lifetime{NotBefore: 0, NotAfter: past}), ErrKeyPackage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := newTestCall(t, 1)
			c.service.Connect(1, 1)
			m := Message{Op: OpKeyPackage, Payload: tc.payload}
			if err := c.service.Handle(1, m); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if tc.want == nil {
				if err := c.service.Handle(1, m); !errors.Is(err, ErrIgnored) {
					t.Errorf("the same again: %v", err)
				}
			}
		})
	}
}

// A commit that was made before the newest proposal lost, although it came first; and who comes while a group is
// being made gets all proposals.
func TestServiceWantsAllProposals(t *testing.T) {
	c := newTestCall(t, 1)
	for user := UserID(1); user <= 3; user++ {
		c.join(user, 1, c.own(uint64(user)))
		client := c.clients[user]
		for len(client.inbox) > 0 && client.inbox[0].Op != OpProposals {
			c.deliver(client)
		}
		if err := c.service.Handle(user, client.outbox[0]); err != nil {
			t.Fatal(err)
		}
		client.outbox = client.outbox[1:]
	}
	late := c.clients[3]
	if n := len(late.inbox); n != 1 {
		t.Fatalf("the last to come was sent %d messages", n)
	}
	c.deliver(late)
	first := c.clients[1]
	for len(first.inbox) > 0 {
		c.deliver(first)
	}
	if len(first.outbox) != 2 {
		t.Fatalf("%d commits by the first member", len(first.outbox))
	}
	if err := c.service.Handle(1, first.outbox[0]); !errors.Is(err, ErrCommit) {
		t.Errorf("a commit of one proposal out of two: %v", err)
	}
	if err := c.service.Handle(3, late.outbox[0]); err != nil {
		t.Errorf("the commit of the last to come: %v", err)
	}
	first.outbox = nil
	c.settle(inOrder)
	c.check()
}

// A report that comes twice must not cost the key package that came between.
func TestServiceRecoversOnce(t *testing.T) {
	c := newTestCall(t, 1)
	for user := UserID(1); user <= 3; user++ {
		c.join(user, 1, c.own(uint64(user)))
	}
	c.settle(inOrder)
	client := c.clients[2]
	if err := client.member.(ownMember).takeCommit(5, nil); !errors.Is(err, ErrInvalidTransition) {
		t.Fatal(err)
	}
	client.outbox = append(client.outbox, client.outbox[0])
	for i, want := range []error{nil, nil, ErrIgnored} { // op 31, 26, 31
		if err := c.service.Handle(2, client.outbox[i]); !errors.Is(err, want) {
			t.Errorf("op %d: %v, want %v", client.outbox[i].Op, err, want)
		}
	}
	client.outbox = nil
	c.settle(inOrder)
	c.check()
}

// A member that answers nothing holds a transition up for as long as it may, and a group that answers nothing is
// made anew.
func TestServiceTimeouts(t *testing.T) {
	c := newTestCall(t, 1)
	c.join(1, 1, c.own(1))
	c.join(2, 1, c.own(2))
	c.settle(inOrder)
	c.join(3, 1, c.own(3))
	for c.service.Epoch() == 1 && c.step(inOrder) {
	}
	began := c.now
	for _, u := range []UserID{1, 3} { // 2 does not get ready
		for client := c.clients[u]; len(client.inbox) > 0; {
			c.deliver(client)
		}
		for client := c.clients[u]; len(client.outbox) > 0; client.outbox = client.outbox[1:] {
			c.service.Handle(u, client.outbox[0])
		}
	}
	due, ok := c.service.Deadline()
	if !ok || due != began.Add(DefaultTransitionTimeout) {
		t.Fatalf("deadline %v, %v", due, ok)
	}
	c.service.Tick()
	if c.service.transition == nil {
		t.Error("executed before its time")
	}
	c.now = due
	c.service.Tick()
	if c.service.transition != nil {
		t.Error("not executed in time")
	}
	c.settle(inOrder)
	c.check()

	c.join(4, 1, c.own(4))
	for len(c.service.proposals) == 0 && c.step(inOrder) {
	}
	for _, client := range c.clients {
		client.inbox = slices.DeleteFunc(client.inbox, func(e event) bool { return e.Op == OpProposals })
	}
	c.settle(inOrder)
	if waited := c.now.Sub(due); waited < DefaultCommitTimeout {
		t.Errorf("made anew after %v", waited)
	}
	c.check()
}
