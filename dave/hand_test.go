package dave

import (
	"crypto/rand"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/mynahbot/mynah/dave/mls"
)

// A gatewayByHand lets a test send a session exactly what it wants, right or wrong, as the one external sender.
type gatewayByHand struct {
	t       *testing.T
	session *Session
	sent    []Message
	now     time.Time
	key     *mls.SignatureKey
}

const handUser UserID = 1

func newGatewayByHand(t *testing.T) *gatewayByHand { return newGatewayFor(t, handUser) }

func newGatewayFor(t *testing.T, user UserID) *gatewayByHand {
	g := &gatewayByHand{t: t, now: testStart}
	var err error
	if g.key, err = mls.GenerateSignatureKey(mls.P256, testRand(99)); err != nil {
		t.Fatal(err)
	}
	g.session, err = NewSession(Config{
		Channel: testChannel, User: user, Rand: testRand(uint64(user)), Now: func() time.Time { return g.now },
		Send: func(m Message) error {
			g.sent = append(g.sent, m)
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.session.Close)
	return g
}

func (g *gatewayByHand) external() []byte {
	return mls.ExternalSender{SignatureKey: g.key.Public(), Credential: mls.BasicCredential([]byte{0})}.Marshal()
}

// start brings the session to a pending group.
func (g *gatewayByHand) start(users ...UserID) {
	g.t.Helper()
	for _, err := range []error{
		g.session.AddUsers(users...), g.session.SelectProtocolAck(1), g.session.takeExternalSender(g.external()),
	} {
		if err != nil {
			g.t.Fatal(err)
		}
	}
	g.expect(OpKeyPackage)
}

// expect demands that these were sent since the last call, and returns them.
func (g *gatewayByHand) expect(ops ...Opcode) []Message {
	g.t.Helper()
	sent := g.sent
	g.sent = nil
	if !slices.EqualFunc(sent, ops, func(m Message, op Opcode) bool { return m.Op == op }) {
		g.t.Fatalf("sent %v, want opcodes %v", opcodes(sent), ops)
	}
	return sent
}

func opcodes(ms []Message) (ops []Opcode) {
	for _, m := range ms {
		ops = append(ops, m.Op)
	}
	return ops
}

// keyPackage makes somebody's key package.
func (g *gatewayByHand) keyPackage(identity []byte) *mls.KeyPackage {
	g.t.Helper()
	key, err := mls.GenerateSignatureKey(mls.P256, rand.Reader)
	if err != nil {
		g.t.Fatal(err)
	}
	k, err := mls.NewKeyPackage(key, mls.BasicCredential(identity), mls.Forever, rand.Reader)
	if err != nil {
		g.t.Fatal(err)
	}
	return k.KeyPackage
}

func identityOf(user UserID) []byte { return binary.BigEndian.AppendUint64(nil, uint64(user)) }

func (g *gatewayByHand) sign(epoch uint64, p *mls.Proposal) (message []byte, ref mls.ProposalRef) {
	g.t.Helper()
	message, ref, err := mls.SignExternalProposal(g.key, identityOf(UserID(testChannel)), epoch, 0, p)
	if err != nil {
		g.t.Fatal(err)
	}
	return message, ref
}

func (g *gatewayByHand) add(epoch uint64, user UserID) (message []byte, ref mls.ProposalRef) {
	return g.sign(epoch, mls.AddProposal(g.keyPackage(identityOf(user))))
}

func appendOp(messages ...[]byte) []byte {
	return appendOpaque([]byte{proposalsAppend}, slices.Concat(messages...))
}

func revokeOp(refs ...mls.ProposalRef) []byte {
	var b []byte
	for _, r := range refs {
		b = appendOpaque(b, r)
	}
	return appendOpaque([]byte{proposalsRevoke}, b)
}

// commitOf cuts the commit out of an op 28.
func (g *gatewayByHand) commitOf(m Message) []byte {
	g.t.Helper()
	_, rest, err := mls.ReadMessage(m.Payload)
	if err != nil {
		g.t.Fatal(err)
	}
	return m.Payload[:len(m.Payload)-len(rest)]
}

// enter brings the session to epoch 1, together with users 2 and 3.
func (g *gatewayByHand) enter(id uint16) {
	g.t.Helper()
	g.start(1, 2, 3)
	two, _ := g.add(0, 2)
	three, _ := g.add(0, 3)
	if err := g.session.takeProposals(appendOp(two, three)); err != nil {
		g.t.Fatal(err)
	}
	if err := g.session.takeCommit(id, g.commitOf(g.expect(OpCommitWelcome)[0])); err != nil {
		g.t.Fatal(err)
	}
	if id != 0 {
		g.expect(OpTransitionReady)
	}
}
