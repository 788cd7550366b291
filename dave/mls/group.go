package mls

import (
	"bytes"
	"fmt"
	"io"
	"sync/atomic"
)

// A Group is one member's view of one epoch of a group: RFC 9420 section 8.
// It never changes: a commit yields the Group of the next epoch, and this one
// stays usable until [Group.Erase]. Until then its methods may be called by
// several goroutines at once. Nothing prints its secrets.
type Group struct {
	suite           CipherSuite
	context         GroupContext
	contextBytes    []byte
	senders         []ExternalSender
	tree            *RatchetTree
	private         privateTree
	signer          *SignatureKey
	secrets         epochSecrets
	confirmationTag []byte
	interim         []byte // interim_transcript_hash
	psks            pskFinder
	erased          atomic.Bool
}

// NewGroup makes a group whose one member is the owner of the bundle, at
// epoch 0: RFC 9420 section 11. The extensions are those of the group, such
// as [ExternalSendersExtension]. The bundle can be erased afterwards.
func NewGroup(bundle *KeyPackageBundle, groupID []byte, extensions []Extension, rand io.Reader) (*Group, error) {
	k := bundle.KeyPackage
	if err := k.LeafNode.Capabilities.support(extensions); err != nil {
		return nil, err
	}
	epochSecret, err := randomBytes(rand, hashSize)
	if err != nil {
		return nil, err
	}
	defer clear(epochSecret)
	g := &Group{
		suite: k.Suite,
		context: GroupContext{
			Version: ProtocolVersion, Suite: k.Suite, GroupID: bytes.Clone(groupID), Extensions: extensions,
		},
		tree:    newRatchetTree(k.Suite, k.LeafNode),
		private: privateTree{leaf: bundle.leaf.clone()},
		signer:  bundle.signer,
		secrets: k.Suite.deriveEpochSecrets(epochSecret),
	}
	g.context.TreeHash = g.tree.treeHash()
	if err := g.settle(); err != nil {
		return nil, err
	}
	g.confirm()
	return g, nil
}

// settle computes what follows from the context.
func (g *Group) settle() (err error) {
	g.contextBytes = g.context.marshal()
	g.senders, err = externalSenders(g.context.Extensions)
	return err
}

// confirm computes the confirmation tag and the interim transcript hash:
// sections 6.1 and 8.2.
func (g *Group) confirm() {
	g.confirmationTag = g.suite.mac(g.secrets.confirmation, g.context.ConfirmedTranscriptHash)
	g.interim = g.suite.interimTranscriptHash(g.context.ConfirmedTranscriptHash, g.confirmationTag)
}

// JoinWelcome makes the group that a bare Welcome leads to, for the owner of
// one of the key packages that it addresses: RFC 9420 section 12.4.3.1. The
// GroupInfo must carry the ratchet tree. The bundle can be erased afterwards.
func JoinWelcome(bundle *KeyPackageBundle, welcome []byte) (*Group, error) {
	w, err := ParseWelcome(welcome)
	if err != nil {
		return nil, err
	}
	return joinWelcome(bundle, w, nil, nil)
}

// joinWelcome takes the tree from outside if it is not nil.
func joinWelcome(bundle *KeyPackageBundle, w *Welcome, tree []byte, psks pskFinder) (*Group, error) {
	suite := w.Suite
	secrets, err := w.openSecrets(bundle)
	if err != nil {
		return nil, err
	}
	defer secrets.erase()
	psk, err := suite.pskSecret(secrets.psks, psks)
	if err != nil {
		return nil, err
	}
	member := suite.memberSecret(secrets.joinerSecret, psk)
	defer clear(member)
	info, err := w.openGroupInfo(member)
	if err != nil {
		return nil, err
	}
	g, err := newGroupFromInfo(bundle, info, tree)
	if err != nil {
		return nil, err
	}
	g.psks = psks
	if err := g.enterByWelcome(info, secrets, member); err != nil {
		g.Erase()
		return nil, err
	}
	return g, nil
}

// enterByWelcome derives the secrets of the epoch that a Welcome leads to:
// section 12.4.3.1.
func (g *Group) enterByWelcome(info *GroupInfo, secrets *groupSecrets, member []byte) error {
	if secrets.pathSecret != nil {
		if err := g.adoptPathSecret(info.Signer, secrets.pathSecret); err != nil {
			return err
		}
	}
	epochSecret := g.suite.epochSecret(member, g.contextBytes)
	defer clear(epochSecret)
	g.secrets = g.suite.deriveEpochSecrets(epochSecret)
	g.confirm()
	if !equal(g.confirmationTag, info.ConfirmationTag) {
		return fmt.Errorf("%w: group info", ErrConfirmationTag)
	}
	return nil
}

// newGroupFromInfo checks a GroupInfo and its tree. The group lacks secrets.
func newGroupFromInfo(bundle *KeyPackageBundle, info *GroupInfo, tree []byte) (*Group, error) {
	c := &info.Context
	if c.Version != ProtocolVersion || c.Suite != bundle.KeyPackage.Suite {
		return nil, fmt.Errorf("%w: version %d, %v for a key package of %v", ErrGroupInfo, c.Version, c.Suite, bundle.KeyPackage.Suite)
	}
	if tree == nil {
		var ok bool
		if tree, ok = findExtension(info.Extensions, ExtensionRatchetTree); !ok {
			return nil, fmt.Errorf("%w: no ratchet tree", ErrGroupInfo)
		}
	}
	t, err := ParseRatchetTree(c.Suite, tree)
	if err != nil {
		return nil, err
	}
	signer := t.leaf(info.Signer)
	if signer == nil {
		return nil, fmt.Errorf("%w: signer %d is not a member", ErrGroupInfo, info.Signer)
	}
	if err := info.verifySignature(c.Suite, signer.SignatureKey); err != nil {
		return nil, err
	}
	if !bytes.Equal(t.treeHash(), c.TreeHash) {
		return nil, ErrTreeHash
	}
	if err := t.validate(c.GroupID, c.Extensions); err != nil {
		return nil, err
	}
	own, ok := t.find(bundle.KeyPackage.LeafNode)
	if !ok {
		return nil, fmt.Errorf("%w: own leaf is not in the tree", ErrGroupInfo)
	}
	g := &Group{
		suite: c.Suite, context: *c, tree: t, signer: bundle.signer,
		private: privateTree{own: own, leaf: bundle.leaf.clone(), path: map[nodeIndex]keyPair{}},
	}
	return g, g.settle()
}

// find returns the place of a leaf.
func (t *RatchetTree) find(leaf *LeafNode) (LeafIndex, bool) {
	want := leaf.append(nil)
	for l := range LeafIndex(t.leaves()) {
		if n := t.leaf(l); n != nil && bytes.Equal(n.SignatureKey, leaf.SignatureKey) && bytes.Equal(n.append(nil), want) {
			return l, true
		}
	}
	return 0, false
}

// adoptPathSecret derives the private keys above this member from the secret
// of the lowest node that it shares with the signer: section 12.4.3.1.
func (g *Group) adoptPathSecret(signer LeafIndex, secret []byte) error {
	if signer == g.private.own {
		return fmt.Errorf("%w: signer is the new member", ErrGroupInfo)
	}
	steps := g.tree.filteredDirectPath(signer)
	for i, s := range steps {
		if s.copath.covers(g.private.own) {
			d, err := g.tree.checkDerived(secret, steps[i:])
			if err != nil {
				return err
			}
			d.eraseSecrets()
			g.private.adopt(steps[i:], d.keys)
			return nil
		}
	}
	return fmt.Errorf("%w: no node above signer and new member", ErrPath)
}

// Erase overwrites the secrets of this epoch. Afterwards every method that
// needs one returns [ErrErased]. It must not run at the same time as another
// method. Other epochs of the group are not affected (RFC 9420 section 9.2).
func (g *Group) Erase() {
	g.erased.Store(true)
	g.secrets.erase()
	g.private.erase()
}

// Suite returns the group's cipher suite.
func (g *Group) Suite() CipherSuite { return g.suite }

// ID returns the group_id: RFC 9420 section 8.1.
func (g *Group) ID() []byte { return bytes.Clone(g.context.GroupID) }

// Epoch returns the epoch, from 0: RFC 9420 section 8.1.
func (g *Group) Epoch() uint64 { return g.context.Epoch }

// TreeHash returns the tree hash of the ratchet tree's root, 32 bytes: RFC
// 9420 section 7.8.
func (g *Group) TreeHash() []byte { return bytes.Clone(g.context.TreeHash) }

// Extensions returns the group's extensions: RFC 9420 section 8.1. They must
// not be changed.
func (g *Group) Extensions() []Extension { return g.context.Extensions }

// ExternalSenders returns those whom the group's extensions allow to propose:
// RFC 9420 section 12.1.8.1. They must not be changed.
func (g *Group) ExternalSenders() []ExternalSender { return g.senders }

// OwnLeaf returns this member's leaf index.
func (g *Group) OwnLeaf() LeafIndex { return g.private.own }

// A Member is one occupied leaf of the ratchet tree: RFC 9420 section 7.2.
// Its slices must not be changed.
type Member struct {
	Leaf         LeafIndex
	Credential   Credential
	SignatureKey []byte
}

// Members lists the members by ascending leaf index.
func (g *Group) Members() []Member {
	var ms []Member
	for l := range LeafIndex(g.tree.leaves()) {
		if n := g.tree.leaf(l); n != nil {
			ms = append(ms, Member{Leaf: l, Credential: n.Credential, SignatureKey: n.SignatureKey})
		}
	}
	return ms
}

// Member returns the member at a leaf index.
func (g *Group) Member(l LeafIndex) (Member, bool) {
	n := g.tree.leaf(l)
	if n == nil {
		return Member{}, false
	}
	return Member{Leaf: l, Credential: n.Credential, SignatureKey: n.SignatureKey}, true
}

// Export is MLS-Exporter of RFC 9420 section 8.5: n bytes, 0..8160, that all
// members of the epoch share and nobody else can compute.
func (g *Group) Export(label string, context []byte, n int) ([]byte, error) {
	if g.erased.Load() {
		return nil, ErrErased
	}
	if n < 0 || n > 255*hashSize {
		return nil, fmt.Errorf("%w: export of %d bytes", ErrTooLarge, n)
	}
	return g.suite.export(g.secrets.exporter, label, context, n), nil
}

// EpochAuthenticator returns the epoch_authenticator, 32 bytes, by which
// members can find out whether they share an epoch: RFC 9420 section 8.7.
func (g *Group) EpochAuthenticator() ([]byte, error) {
	if g.erased.Load() {
		return nil, ErrErased
	}
	return bytes.Clone(g.secrets.authenticator), nil
}

// String names the group without its secrets.
func (g *Group) String() string {
	return fmt.Sprintf("group %x at epoch %d", g.context.GroupID, g.context.Epoch)
}

// Format prints what String returns, whatever the verb.
func (g *Group) Format(f fmt.State, _ rune) { io.WriteString(f, g.String()) }
