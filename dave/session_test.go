package dave

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/dave/mls"
)

func TestProposalsRefused(t *testing.T) {
	other, err := mls.GenerateSignatureKey(mls.P256, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		make func(g *gatewayByHand) []byte
		want error
	}{
		{"empty", func(*gatewayByHand) []byte { return nil }, ErrMalformed},
		{"unknown operation", func(*gatewayByHand) []byte { return []byte{2, 0} }, ErrMalformed},
		{"bad vector", func(*gatewayByHand) []byte { return []byte{0, 5, 1} }, ErrMalformed},
		{"bytes after the vector", func(*gatewayByHand) []byte { return []byte{0, 0, 1} }, ErrMalformed},
		{"not a message", func(*gatewayByHand) []byte { return appendOp([]byte{1, 2, 3}) }, ErrMalformed},
		{"an epoch that is over", func(g *gatewayByHand) []byte { m, _ := g.add(0, 4); return appendOp(m) }, ErrIgnored},
		{"another epoch", func(g *gatewayByHand) []byte { m, _ := g.add(7, 4); return appendOp(m) }, mls.ErrWrongEpoch},
		{"another group", func(g *gatewayByHand) []byte {
			m, _, _ := mls.SignExternalProposal(g.key, identityOf(1), 1, 0, mls.AddProposal(g.keyPackage(identityOf(4))))
			return appendOp(m)
		}, mls.ErrWrongGroup},
		{"another signer", func(g *gatewayByHand) []byte {
			m, _, _ := mls.SignExternalProposal(other, identityOf(UserID(testChannel)), 1, 0, mls.AddProposal(g.keyPackage(identityOf(4))))
			return appendOp(m)
		}, mls.ErrSignature},
		{"another external sender", func(g *gatewayByHand) []byte {
			m, _, _ := mls.SignExternalProposal(g.key, identityOf(UserID(testChannel)), 1, 1, mls.AddProposal(g.keyPackage(identityOf(4))))
			return appendOp(m)
		}, mls.ErrSender},
		{"a blank leaf", func(g *gatewayByHand) []byte {
			m, _ := g.sign(1, mls.RemoveProposal(9))
			return appendOp(m)
		}, ErrProposal},
		{"a short user id", func(g *gatewayByHand) []byte {
			m, _ := g.sign(1, mls.AddProposal(g.keyPackage([]byte("name"))))
			return appendOp(m)
		}, ErrUnexpectedUser},
		{"a member again", func(g *gatewayByHand) []byte { m, _ := g.add(1, 2); return appendOp(m) }, ErrDuplicateUser},
		{"oneself", func(g *gatewayByHand) []byte { m, _ := g.add(1, handUser); return appendOp(m) }, ErrDuplicateUser},
		{"somebody twice", func(g *gatewayByHand) []byte {
			one, _ := g.add(1, 4)
			two, _ := g.add(1, 4)
			return appendOp(one, two)
		}, ErrDuplicateUser},
		{"an unknown revocation", func(*gatewayByHand) []byte { return revokeOp(make([]byte, 32)) }, ErrIgnored},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGatewayByHand(t)
			g.enter(0)
			if err := g.session.AddUsers(4); err != nil {
				t.Fatal(err)
			}
			if err := g.session.takeProposals(tc.make(g)); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			g.expect() // no commit
		})
	}
}

func TestProposalsBeforeTheirUser(t *testing.T) {
	g := newGatewayByHand(t)
	g.start(1, 2)
	two, _ := g.add(0, 2)
	three, ref := g.add(0, 3)
	if err := g.session.takeProposals(appendOp(two, three)); err != nil {
		t.Fatal(err)
	}
	g.expect() // 3 is not announced
	if err := g.session.AddUsers(5); err != nil {
		t.Fatal(err)
	}
	g.expect()
	if err := g.session.AddUsers(3); err != nil {
		t.Fatal(err)
	}
	g.expect(OpCommitWelcome)
	if err := g.session.takeProposals(revokeOp(ref)); err != nil {
		t.Fatal(err)
	}
	g.expect(OpCommitWelcome)
}

func TestLastProposalRevoked(t *testing.T) {
	g := newGatewayByHand(t)
	g.start(1, 2)
	two, ref := g.add(0, 2)
	if err := g.session.takeProposals(appendOp(two)); err != nil {
		t.Fatal(err)
	}
	g.expect(OpCommitWelcome)
	if err := g.session.takeProposals(appendOp(two)); err != nil {
		t.Fatal(err) // the same again
	}
	g.expect()
	if err := g.session.takeProposals(revokeOp(ref)); err != nil {
		t.Fatal(err)
	}
	g.expect() // an empty commit would be refused
}

// The gateway announces a commit that its author has superseded.
func TestSupersededCommitIsAdopted(t *testing.T) {
	g := newGatewayByHand(t)
	g.start(1, 2, 3)
	two, _ := g.add(0, 2)
	three, _ := g.add(0, 3)
	for _, p := range [][]byte{two, three} {
		if err := g.session.takeProposals(appendOp(p)); err != nil {
			t.Fatal(err)
		}
	}
	commits := g.expect(OpCommitWelcome, OpCommitWelcome)
	if err := g.session.takeCommit(0, g.commitOf(commits[0])); err != nil {
		t.Fatal(err)
	}
	var members []UserID
	for _, u := range g.session.Stats().Users {
		if u.Member {
			members = append(members, u.User)
		}
	}
	if !slices.Equal(members, []UserID{2}) {
		t.Errorf("the group has %v beside the author, want user 2 only", members)
	}
	if err := g.session.takeCommit(0, g.commitOf(commits[0])); !errors.Is(err, ErrIgnored) {
		t.Errorf("announced twice: %v", err)
	}
}

func TestTransitionsExecuteInAnyOrder(t *testing.T) {
	g := newGatewayByHand(t)
	g.enter(7)
	if _, err := g.session.AppendEncrypt(nil, nil); !errors.Is(err, ErrNotReady) {
		t.Errorf("before op 22: %v", err)
	}
	if err := g.session.AddUsers(4); err != nil {
		t.Fatal(err)
	}
	four, _ := g.add(1, 4)
	if err := g.session.takeProposals(appendOp(four)); err != nil {
		t.Fatal(err)
	}
	if err := g.session.takeCommit(8, g.commitOf(g.expect(OpCommitWelcome)[0])); err != nil {
		t.Fatal(err)
	}
	g.expect(OpTransitionReady)
	if err := g.session.executeTransition(8); err != nil {
		t.Fatal(err)
	}
	newest := g.session.media.out.Load().sender
	if err := g.session.executeTransition(7); err != nil {
		t.Fatal(err)
	}
	if g.session.media.out.Load().sender != newest {
		t.Error("an older transition took the newest key back")
	}
	for _, id := range []uint16{7, 8, 9, 0} {
		if err := g.session.executeTransition(id); !errors.Is(err, ErrIgnored) {
			t.Errorf("op 22 for %d: %v", id, err)
		}
	}
}

func TestOwnRemoval(t *testing.T) {
	g := newGatewayByHand(t)
	g.enter(0)
	remove, _ := g.sign(1, mls.RemoveProposal(0))
	if err := g.session.takeProposals(appendOp(remove)); err != nil {
		t.Fatal(err)
	}
	g.expect() // others commit it
}

func TestRecovery(t *testing.T) {
	for _, tc := range []struct {
		name string
		do   func(s *Session) error
	}{
		{"a commit that is not one", func(s *Session) error { return s.takeCommit(9, []byte{1, 2}) }},
		{"nothing", func(s *Session) error { return s.takeCommit(9, nil) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := newGatewayByHand(t)
			g.enter(0)
			if err := tc.do(g.session); !errors.Is(err, ErrInvalidTransition) {
				t.Errorf("%v", err)
			}
			if sent := g.expect(OpInvalidCommitWelcome, OpKeyPackage); sent[0].TransitionID != 9 {
				t.Errorf("op 31 for transition %d", sent[0].TransitionID)
			}
			if g.session.PrivacyCode() != "" {
				t.Error("still in the group")
			}
			if !g.session.Ready() {
				t.Error("own frames stopped: others have the key for a while")
			}
		})
	}
}

// A welcome to a group with somebody whom nobody has announced, or with another external sender, is refused.
func TestWelcomeRefused(t *testing.T) {
	for _, tc := range []struct {
		name  string
		users []UserID
		sign  uint64 // seed of the external sender of the welcome's group
		want  error
	}{
		{"right", []UserID{1, 2, 3}, 99, nil},
		{"somebody unannounced", []UserID{1, 2}, 99, ErrUnexpectedUser},
		{"another external sender", []UserID{1, 2, 3}, 98, ErrGroup},
	} {
		t.Run(tc.name, func(t *testing.T) {
			author := newGatewayByHand(t)
			joiner := newGatewayFor(t, 2)
			var err error
			if author.key, err = mls.GenerateSignatureKey(mls.P256, testRand(tc.sign)); err != nil {
				t.Fatal(err)
			}
			for _, err := range []error{
				joiner.session.AddUsers(tc.users...), joiner.session.SelectProtocolAck(1), joiner.session.takeExternalSender(joiner.external()),
			} {
				if err != nil {
					t.Fatal(err)
				}
			}
			k, err := mls.ParseKeyPackage(joiner.expect(OpKeyPackage)[0].Payload)
			if err != nil {
				t.Fatal(err)
			}
			author.start(1, 2, 3)
			two, _ := author.sign(0, mls.AddProposal(k))
			three, _ := author.add(0, 3)
			if err := author.session.takeProposals(appendOp(two, three)); err != nil {
				t.Fatal(err)
			}
			_, welcome, err := mls.ReadMessage(author.expect(OpCommitWelcome)[0].Payload)
			if err != nil {
				t.Fatal(err)
			}
			if err := joiner.session.takeWelcome(5, welcome); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
			if tc.want != nil {
				joiner.expect(OpInvalidCommitWelcome, OpKeyPackage)
				return
			}
			joiner.expect(OpTransitionReady)
			if err := joiner.session.takeWelcome(5, welcome); !errors.Is(err, ErrIgnored) {
				t.Errorf("welcome twice: %v", err)
			}
		})
	}
}

// A welcome may be for a key package that was sent before a recovery.
func TestWelcomeToAnOlderKeyPackage(t *testing.T) {
	author, joiner := newGatewayByHand(t), newGatewayFor(t, 2)
	joiner.start(1, 2)
	author.start(1, 2)
	if err := joiner.session.prepareEpoch(1, 1); err != nil {
		t.Fatal(err)
	}
	newer := joiner.expect(OpKeyPackage)[0].Payload
	joiner.session.mu.Lock()
	older := joiner.session.bundles[0].KeyPackage
	joiner.session.mu.Unlock()
	if bytes.Equal(older.Marshal(), newer) {
		t.Fatal("the key package was used again")
	}
	two, _ := author.sign(0, mls.AddProposal(older))
	if err := author.session.takeProposals(appendOp(two)); err != nil {
		t.Fatal(err)
	}
	_, welcome, err := mls.ReadMessage(author.expect(OpCommitWelcome)[0].Payload)
	if err != nil {
		t.Fatal(err)
	}
	if err := joiner.session.takeWelcome(0, welcome); err != nil {
		t.Fatal(err)
	}
}

// The gateway removes and adds a member that has reported a failure, and was well by the time.
func TestWelcomeAfterRemovalUnawares(t *testing.T) {
	author, joiner := newGatewayByHand(t), newGatewayFor(t, 2)
	joiner.start(1, 2)
	author.start(1, 2)
	if err := joiner.session.prepareEpoch(1, 1); err != nil {
		t.Fatal(err)
	}
	joiner.expect(OpKeyPackage)
	joiner.session.mu.Lock()
	older, newer := joiner.session.bundles[0].KeyPackage, joiner.session.bundles[1].KeyPackage
	joiner.session.mu.Unlock()
	one, _ := author.sign(0, mls.AddProposal(older))
	remove, _ := author.sign(1, mls.RemoveProposal(1))
	again, _ := author.sign(1, mls.AddProposal(newer))
	for _, p := range [][]byte{appendOp(one), appendOp(remove, again)} {
		if err := author.session.takeProposals(p); err != nil {
			t.Fatal(err)
		}
		sent := author.expect(OpCommitWelcome)[0]
		commit := author.commitOf(sent)
		if err := author.session.takeCommit(0, commit); err != nil {
			t.Fatal(err)
		}
		if err := joiner.session.takeWelcome(0, sent.Payload[len(commit):]); err != nil {
			t.Fatal(err)
		}
		if code := joiner.session.PrivacyCode(); code == "" || code != author.session.PrivacyCode() {
			t.Errorf("privacy code %q, want %q", code, author.session.PrivacyCode())
		}
	}
}

// The keys of somebody who is no member of an epoch expire, even if op 13 never says that they left.
func TestKeysOfFormerMembersExpire(t *testing.T) {
	now := testStart
	var m media
	m.init(func() time.Time { return now })
	m.install(map[UserID][keySize]byte{1: testBase(1), 2: testBase(2)})
	m.install(map[UserID][keySize]byte{2: testBase(3)})
	now = now.Add(retention)
	r := (*m.receivers.Load())[1]
	if _, err := r.appendDecrypt(nil, sealOne(t, newFrameSender(testBase(1))), false, m.now); !errors.Is(err, ErrUnknownUser) {
		t.Errorf("%v, want %v", err, ErrUnknownUser)
	}
	m.install(map[UserID][keySize]byte{2: testBase(4)})
	if n := len(*m.receivers.Load()); n != 1 {
		t.Errorf("%d receivers are held", n)
	}
}

func TestSessionRefusesVersionsAndWhatIsClosed(t *testing.T) {
	g := newGatewayByHand(t)
	for _, err := range []error{
		g.session.SelectProtocolAck(2), g.session.prepareEpoch(1, 2), g.session.prepareTransition(1, 2),
	} {
		if !errors.Is(err, ErrVersion) {
			t.Error(err)
		}
	}
	if err := g.session.Handle(Message{Op: OpKeyPackage}); !errors.Is(err, ErrMalformed) {
		t.Error(err)
	}
	g.session.Close()
	g.session.Close()
	for _, err := range []error{
		g.session.SelectProtocolAck(1), g.session.prepareEpoch(1, 1), g.session.prepareTransition(1, 1), g.session.executeTransition(1),
		g.session.takeExternalSender(nil), g.session.takeProposals(nil), g.session.takeCommit(1, nil), g.session.takeWelcome(1, nil),
		g.session.AddUsers(1),
	} {
		if !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	if _, err := g.session.AppendEncrypt(nil, nil); !errors.Is(err, ErrNotReady) {
		t.Error(err)
	}
}

func TestFingerprintsAgree(t *testing.T) {
	c := newTestCall(t, 1)
	c.join(1, 1, c.own(1))
	c.join(2, 1, c.own(2))
	c.settle(inOrder)
	a, errA := c.clients[1].member.(ownMember).Fingerprint(2)
	b, errB := c.clients[2].member.(ownMember).Fingerprint(1)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("%x, %v; %x, %v", a, errA, b, errB)
	}
	if _, err := c.clients[1].member.(ownMember).Fingerprint(3); !errors.Is(err, ErrUnknownUser) {
		t.Error(err)
	}
}

// Frames go on while the group changes. Run with -race.
func TestFramesDuringHandshakes(t *testing.T) {
	c := newTestCall(t, 1)
	c.join(1, 1, c.own(1))
	c.join(2, 1, c.own(2))
	c.settle(inOrder)
	// The sessions' clock is read by frames, and stands still here.
	one, two := c.clients[1].member.(ownMember).Session, c.clients[2].member.(ownMember).Session
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		frame, opened := make([]byte, 0, 256), make([]byte, 0, 256)
		for heard := 0; ; {
			select {
			case <-stop:
				if heard == 0 {
					t.Error("nothing was heard")
				}
				return
			default:
			}
			frame, err := one.AppendEncrypt(frame[:0], []byte("media"))
			if err != nil {
				t.Error(err)
				return
			}
			if opened, err = two.AppendDecrypt(opened[:0], 1, frame); err == nil {
				heard++
			} else if !errors.Is(err, ErrAuthentication) { // between two members' switches
				t.Error(err)
				return
			}
		}
	})
	for user := UserID(3); user < 13; user++ {
		c.join(user, 1, c.own(uint64(user)))
		for c.step(inOrder) {
		}
	}
	two.Stats()
	close(stop)
	wg.Wait()
}

// No secret shows in errors, nor when a session is printed.
func TestNoSecretIsPrinted(t *testing.T) {
	c := newTestCall(t, 1)
	c.join(1, 1, c.own(1))
	c.join(2, 1, c.own(2))
	c.settle(inOrder)
	one := c.clients[1].member.(ownMember).Session
	base, err := baseKey(one.state, 1)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := one.AppendEncrypt(nil, []byte("media of one"))
	if err != nil {
		t.Fatal(err)
	}
	frame[0] ^= 1
	_, frameErr := c.clients[2].member.decrypt(1, frame)
	printed := []string{
		fmt.Sprint(frameErr), fmt.Sprint(one.takeCommit(3, []byte{0, 1, 0, 1, 2})), fmt.Sprint(one.takeProposals([]byte{0, 1, 2})),
		fmt.Sprint(one), fmt.Sprintf("%+v", one), fmt.Sprintf("%#v", one),
	}
	for _, secret := range [][]byte{base[:], one.config.SigningKey.Bytes(), []byte("media of one")} {
		for _, p := range printed {
			decimal := strings.Trim(fmt.Sprint(secret), "[]")
			if strings.Contains(p, string(secret)) || strings.Contains(p, hex.EncodeToString(secret)) || strings.Contains(p, decimal) {
				t.Errorf("%.200q holds a secret", p)
			}
		}
	}
}
