package mls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A trio is a group of three, as seen by a (leaf 0), who misbehaves where a
// test says so, and by b (leaf 1), who must refuse.
type trio struct {
	*world
	a, b *Group
}

func newTrio(t testing.TB) *trio {
	t.Helper()
	w := newWorld(t, P256, 3)
	w.found("a")
	w.step("a", []string{"b", "c"}, nil, true)
	return &trio{world: w, a: w.members["a"], b: w.members["b"]}
}

// frame signs and tags content of a's, whatever it is.
func (r *trio) frame(c FramedContent, confirmationTag []byte) []byte {
	c.Sender = Sender{Type: SenderMember, Index: uint32(r.a.OwnLeaf())}
	m := must(r.a.sign(c))
	m.confirmationTag = confirmationTag
	public := newPublicMessage(m, m.membershipTag(r.suite, r.a.secrets.membership, r.a.contextBytes))
	return (&Message{WireFormat: WirePublicMessage, Public: public}).Marshal()
}

func (r *trio) frameCommit(c *Commit) []byte {
	return r.frame(FramedContent{ContentType: ContentCommit, Commit: c}, zeros[:])
}

func inline(ps ...*Proposal) []ProposalOrRef {
	var out []ProposalOrRef
	for _, p := range ps {
		out = append(out, ProposalOrRef{Proposal: p})
	}
	return out
}

func wantRefusal(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

func TestProposalRefusals(t *testing.T) {
	r := newTrio(t)
	external := func(change func(c *FramedContent)) []byte {
		c := FramedContent{
			GroupID: r.b.ID(), Epoch: r.b.Epoch(), Sender: Sender{Type: SenderExternal},
			ContentType: ContentProposal, Proposal: RemoveProposal(2),
		}
		change(&c)
		a := authenticatedContent{wireFormat: WirePublicMessage, content: c, encoded: c.append(nil)}
		noError(t, a.sign(r.service, nil))
		return (&Message{WireFormat: WirePublicMessage, Public: newPublicMessage(a, nil)}).Marshal()
	}
	// add proposes a key package that is signed again after a change.
	add := func(change func(k *KeyPackage)) []byte {
		b := r.bundle("x")
		change(b.KeyPackage)
		noError(t, b.KeyPackage.LeafNode.sign(b.signer, nil, 0))
		b.KeyPackage.Signature = must(b.signer.signWithLabel("KeyPackageTBS", b.KeyPackage.appendContent(nil)))
		return external(func(c *FramedContent) { c.Proposal = AddProposal(b.KeyPackage) })
	}
	badSignature := func(of func(k *KeyPackage) []byte) []byte {
		k := r.bundle("x").KeyPackage
		of(k)[8] ^= 1
		return external(func(c *FramedContent) { c.Proposal = AddProposal(k) })
	}
	valid := external(func(*FramedContent) {})
	if _, err := r.b.ProcessProposal(valid); err != nil {
		t.Fatal(err)
	}
	if _, err := r.b.ProcessProposal(add(func(*KeyPackage) {})); err != nil {
		t.Fatal(err)
	}
	member := r.frame(FramedContent{ContentType: ContentProposal, Proposal: RemoveProposal(2)}, nil)
	if _, err := r.b.ProcessProposal(member); err != nil {
		t.Fatal(err)
	}
	flip := func(b []byte, fromEnd int) []byte {
		b = bytes.Clone(b)
		b[len(b)-fromEnd] ^= 1
		return b
	}
	update := *r.a.tree.leaf(0)
	update.Source = SourceUpdate
	for _, c := range []struct {
		name    string
		message []byte
		want    error
	}{
		{"truncated", valid[:len(valid)-1], ErrMalformed},
		{"trailing byte", append(bytes.Clone(valid), 0), ErrMalformed},
		{"too large", make([]byte, MaxMessageSize+1), ErrTooLarge},
		{"protocol version", flip(valid, len(valid)-1), ErrUnsupported},
		{"a Welcome", (&Message{WireFormat: WireWelcome, Welcome: &Welcome{Suite: P256}}).Marshal(), ErrNotPublicMessage},
		{"a commit", r.frameCommit(&Commit{}), ErrContentType},
		{"other group", external(func(c *FramedContent) { c.GroupID = []byte("other") }), ErrWrongGroup},
		{"past epoch", external(func(c *FramedContent) { c.Epoch-- }), ErrWrongEpoch},
		{"future epoch", external(func(c *FramedContent) { c.Epoch++ }), ErrWrongEpoch},
		{"unknown external sender", external(func(c *FramedContent) { c.Sender.Index = 1 }), ErrSender},
		{"external signature", flip(valid, 1), ErrSignature},
		{"membership tag", flip(member, 1), ErrMembershipTag},
		{"new member proposal", external(func(c *FramedContent) { c.Sender.Type = SenderNewMemberProposal }), ErrUnsupported},
		{"external update", external(func(c *FramedContent) { c.Proposal = &Proposal{Type: ProposalUpdate, Update: &update} }), ErrSender},
		{"update keeps its key", r.frame(FramedContent{ContentType: ContentProposal, Proposal: &Proposal{Type: ProposalUpdate, Update: &update}}, nil), ErrProposal},
		{"reinit", external(func(c *FramedContent) { c.Proposal = &Proposal{Type: ProposalReInit, ReInit: &ReInit{}} }), ErrUnsupported},
		{"external init", external(func(c *FramedContent) { c.Proposal = &Proposal{Type: ProposalExternalInit} }), ErrUnsupported},
		{"pre-shared key", external(func(c *FramedContent) {
			c.Proposal = &Proposal{Type: ProposalPreSharedKey, PreSharedKey: &PreSharedKeyID{Type: pskExternal, Nonce: zeros[:]}}
		}), ErrUnsupported},
		{"remove a blank leaf", external(func(c *FramedContent) { c.Proposal = RemoveProposal(3) }), ErrProposal},
		{"remove outside of the tree", external(func(c *FramedContent) { c.Proposal = RemoveProposal(1 << 31) }), ErrProposal},
		{"key package of another suite", add(func(k *KeyPackage) { k.Suite = X25519Ed25519 }), ErrKeyPackage},
		{"key package of another version", add(func(k *KeyPackage) { k.Version = 2 }), ErrKeyPackage},
		{"init key is the encryption key", add(func(k *KeyPackage) { k.InitKey = k.LeafNode.EncryptionKey }), ErrKeyPackage},
		{"leaf node source", add(func(k *KeyPackage) { k.LeafNode.Source = SourceUpdate }), ErrKeyPackage},
		{"init key off the curve", add(func(k *KeyPackage) { k.InitKey = make([]byte, 65) }), ErrPublicKey},
		{"encryption key off the curve", add(func(k *KeyPackage) { k.LeafNode.EncryptionKey = make([]byte, 65) }), ErrPublicKey},
		{"signature key off the curve", add(func(k *KeyPackage) { k.LeafNode.SignatureKey = make([]byte, 65) }), ErrPublicKey},
		{"lacks mls10", add(func(k *KeyPackage) { k.LeafNode.Capabilities.Versions = nil }), ErrLeafNode},
		{"lacks the suite", add(func(k *KeyPackage) { k.LeafNode.Capabilities.Suites = nil }), ErrLeafNode},
		{"lacks basic credentials", add(func(k *KeyPackage) { k.LeafNode.Capabilities.Credentials = nil }), ErrLeafNode},
		{"lifetime backwards", add(func(k *KeyPackage) { k.LeafNode.Lifetime = Lifetime{NotBefore: 2, NotAfter: 1} }), ErrLeafNode},
		{"unlisted extension", add(func(k *KeyPackage) { k.LeafNode.Extensions = []Extension{{Type: 99}} }), ErrLeafNode},
		{"extension twice", add(func(k *KeyPackage) { k.Extensions = []Extension{{Type: 99}, {Type: 99}} }), ErrMalformed},
		{"leaf signature", badSignature(func(k *KeyPackage) []byte { return k.LeafNode.Signature }), ErrSignature},
		{"key package signature", badSignature(func(k *KeyPackage) []byte { return k.Signature }), ErrSignature},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.b.ProcessProposal(c.message)
			wantRefusal(t, err, c.want)
		})
	}
}

func TestCommitRefusals(t *testing.T) {
	r := newTrio(t)
	x, y := r.bundle("x"), r.bundle("y")
	twin := r.bundle("twin") // the signature key of x under another name
	twin.KeyPackage.LeafNode.SignatureKey = x.signer.Public()
	noError(t, twin.KeyPackage.LeafNode.sign(x.signer, nil, 0))
	twin.KeyPackage.Signature = must(x.signer.signWithLabel("KeyPackageTBS", twin.KeyPackage.appendContent(nil)))
	extensions := &Proposal{Type: ProposalGroupContextExtensions, Extensions: r.extensions()}
	unsupported := &Proposal{Type: ProposalGroupContextExtensions, Extensions: []Extension{{Type: 99}}}
	ownCommit := must(r.b.Commit(CommitOptions{Rand: r.rand})).Commit
	stale := cache(t, r.b, r.propose(r.b, RemoveProposal(2)))
	stale[0].groupContext = []byte("another epoch")
	proposal := r.frame(FramedContent{ContentType: ContentProposal, Proposal: RemoveProposal(2)}, nil)
	for _, c := range []struct {
		name    string
		message []byte
		want    error
	}{
		{"own", ownCommit, ErrOwnCommit},
		{"a proposal", proposal, ErrContentType},
		{"unknown proposal", r.frameCommit(&Commit{Proposals: []ProposalOrRef{{Ref: zeros[:]}}}), ErrUnknownProposal},
		{"proposal of another epoch", r.frameCommit(&Commit{Proposals: []ProposalOrRef{{Ref: stale[0].Ref}}}), ErrUnknownProposal},
		{"nothing and no path", r.frameCommit(&Commit{}), ErrPathRequired},
		{"remove and no path", r.frameCommit(&Commit{Proposals: inline(RemoveProposal(2))}), ErrPathRequired},
		{"extensions and no path", r.frameCommit(&Commit{Proposals: inline(extensions)}), ErrPathRequired},
		{"extensions twice", r.frameCommit(&Commit{Proposals: inline(extensions, extensions)}), ErrProposalList},
		{"extensions that members lack", r.frameCommit(&Commit{Proposals: inline(unsupported)}), ErrProposalList},
		{"removes its author", r.frameCommit(&Commit{Proposals: inline(RemoveProposal(0))}), ErrProposalList},
		{"removes one twice", r.frameCommit(&Commit{Proposals: inline(RemoveProposal(2), RemoveProposal(2))}), ErrProposalList},
		{"removes us", r.frameCommit(&Commit{Proposals: inline(RemoveProposal(1))}), ErrRemoved},
		{"removes us for another", r.frameCommit(&Commit{Proposals: inline(RemoveProposal(1), AddProposal(x.KeyPackage))}), ErrRemoved},
		{"adds one twice", r.frameCommit(&Commit{Proposals: inline(AddProposal(x.KeyPackage), AddProposal(x.KeyPackage))}), ErrDuplicateKey},
		{"adds a signature key twice", r.frameCommit(&Commit{Proposals: inline(AddProposal(x.KeyPackage), AddProposal(twin.KeyPackage))}), ErrDuplicateKey},
		{"confirmation tag", r.frameCommit(&Commit{Proposals: inline(AddProposal(x.KeyPackage), AddProposal(y.KeyPackage))}), ErrConfirmationTag},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := r.b.ProcessCommit(c.message, stale)
			wantRefusal(t, err, c.want)
		})
	}
	for _, c := range []struct {
		sender Sender
		want   error
	}{
		{Sender{Type: SenderMember, Index: 3}, ErrSender},
		{Sender{Type: SenderExternal}, ErrSender},
		{Sender{Type: SenderNewMemberProposal}, ErrSender},
		{Sender{Type: SenderNewMemberCommit}, ErrUnsupported},
	} {
		t.Run(fmt.Sprint("sender ", c.sender), func(t *testing.T) {
			content := must(parsePublicMessage(ownCommit)).Content
			content.Sender = c.sender
			a := authenticatedContent{wireFormat: WirePublicMessage, content: content, encoded: content.append(nil)}
			m := Message{WireFormat: WirePublicMessage, Public: newPublicMessage(a, zeros[:])}
			_, err := r.b.ProcessCommit(m.Marshal(), nil)
			wantRefusal(t, err, c.want)
		})
	}
}

// TestPathRefusals changes a valid UpdatePath of a's and signs it again.
func TestPathRefusals(t *testing.T) {
	r := newTrio(t)
	base := must(r.a.Commit(CommitOptions{Rand: r.rand})).Commit
	b, err := r.b.ProcessCommit(base, nil)
	noError(t, err)
	b.Erase()
	resign := func(l *LeafNode) { noError(t, l.sign(r.a.signer, r.a.ID(), 0)) }
	other := r.bundle("x")
	for _, c := range []struct {
		name   string
		change func(p *UpdatePath)
		want   error
	}{
		{"valid, with another confirmation tag", func(p *UpdatePath) {}, ErrConfirmationTag},
		{"a node too few", func(p *UpdatePath) { p.nodes = p.nodes[:1] }, ErrPath},
		{"a node too many", func(p *UpdatePath) { p.nodes = append(p.nodes, p.nodes[0]) }, ErrPath},
		{"a ciphertext too few", func(p *UpdatePath) { p.nodes[0].secrets = nil }, ErrPath},
		{"a ciphertext too many", func(p *UpdatePath) { p.nodes[1].secrets = append(p.nodes[1].secrets, p.nodes[0].secrets[0]) }, ErrPath},
		{"leaf source", func(p *UpdatePath) { p.LeafNode.Source = SourceUpdate; resign(p.LeafNode) }, ErrLeafNode},
		{"leaf keeps its key", func(p *UpdatePath) {
			p.LeafNode.EncryptionKey = r.a.tree.leaf(0).EncryptionKey
			resign(p.LeafNode)
		}, ErrPath},
		{"leaf takes another identity", func(p *UpdatePath) {
			p.LeafNode.Credential = BasicCredential([]byte("c"))
			resign(p.LeafNode)
		}, ErrLeafNode},
		{"leaf signature", func(p *UpdatePath) { p.LeafNode.Signature[9] ^= 1 }, ErrSignature},
		{"leaf takes another's signature key", func(p *UpdatePath) { p.LeafNode.SignatureKey = r.a.tree.leaf(2).SignatureKey }, ErrDuplicateKey},
		{"key of another member", func(p *UpdatePath) { p.nodes[0].encryptionKey = r.a.tree.leaf(2).EncryptionKey }, ErrDuplicateKey},
		{"one key twice", func(p *UpdatePath) { p.nodes[0].encryptionKey = p.nodes[1].encryptionKey }, ErrDuplicateKey},
		{"key off the curve", func(p *UpdatePath) { p.nodes[0].encryptionKey = make([]byte, 65) }, ErrPublicKey},
		{"another node key", func(p *UpdatePath) { p.nodes[0].encryptionKey = other.leaf.public }, ErrParentHash},
		{"parent hash", func(p *UpdatePath) { p.LeafNode.ParentHash[0] ^= 1; resign(p.LeafNode) }, ErrParentHash},
		{"ciphertext", func(p *UpdatePath) { p.nodes[0].secrets[0].ciphertext[0] ^= 1 }, ErrDecrypt},
		{"kem output", func(p *UpdatePath) { p.nodes[0].secrets[0].kemOutput = make([]byte, 65) }, ErrDecrypt},
		{"secret of another key", func(p *UpdatePath) { reseal(t, r, p, bytes.Repeat([]byte{7}, hashSize)) }, ErrPath},
		{"short secret", func(p *UpdatePath) { reseal(t, r, p, []byte{1}) }, ErrPath},
	} {
		t.Run(c.name, func(t *testing.T) {
			commit := must(parsePublicMessage(base)).Content.Commit
			c.change(commit.Path)
			_, err := r.b.ProcessCommit(r.frameCommit(commit), nil)
			wantRefusal(t, err, c.want)
		})
	}
}

// reseal encrypts another secret for b in the path of a.
func reseal(t *testing.T, r *trio, p *UpdatePath, secret []byte) {
	tree := r.b.tree.clone()
	noError(t, tree.merge(0, p, tree.filteredDirectPath(0)))
	context := r.b.context
	context.Epoch++
	context.TreeHash = tree.treeHash()
	p.nodes[0].secrets[0] = must(r.suite.encryptWithLabel(tree.leaf(1).EncryptionKey, "UpdatePathNode", context.marshal(), secret))
}

func TestErased(t *testing.T) {
	r := newTrio(t)
	messages := r.propose(r.b, RemoveProposal(2))
	cached := cache(t, r.b, messages)
	secret, leaf := r.b.secrets.exporter, r.b.private.leaf.private
	var path []byte
	for _, k := range r.b.private.path {
		path = k.private
	}
	if path == nil {
		t.Fatal("no private key above the leaf")
	}
	next := must(r.b.Commit(CommitOptions{Proposals: cached, Rand: r.rand})).Group
	r.b.Erase()
	for _, b := range [][]byte{secret, leaf, path} {
		if slices.ContainsFunc(b, func(c byte) bool { return c != 0 }) {
			t.Error("a secret is left")
		}
	}
	_, err := r.b.Export("x", nil, 16)
	wantRefusal(t, err, ErrErased)
	_, err = r.b.EpochAuthenticator()
	wantRefusal(t, err, ErrErased)
	_, err = r.b.ProcessProposal(messages[0])
	wantRefusal(t, err, ErrErased)
	_, err = r.b.ProcessCommit(must(r.a.Commit(CommitOptions{Rand: r.rand})).Commit, nil)
	wantRefusal(t, err, ErrErased)
	_, err = r.b.Commit(CommitOptions{Rand: r.rand})
	wantRefusal(t, err, ErrErased)
	_, _, err = r.b.Propose(RemoveProposal(2))
	wantRefusal(t, err, ErrErased)

	// The next epoch lives on by keys of its own.
	if _, err := next.Export("x", nil, 16); err != nil {
		t.Error(err)
	}
	a, err := r.a.ProcessCommit(must(r.a.Commit(CommitOptions{Rand: r.rand})).Commit, nil)
	wantRefusal(t, err, ErrOwnCommit)
	if a != nil {
		t.Error("own commit processed")
	}
}

// TestNothingPrintsSecrets prints what holds secrets in every way of fmt.
func TestNothingPrintsSecrets(t *testing.T) {
	r := newTrio(t)
	x := r.bundle("x")
	secrets := [][]byte{
		r.a.secrets.exporter, r.a.secrets.init, r.a.private.leaf.private, r.a.signer.Bytes(), x.init.private, x.leaf.private,
	}
	for _, v := range []any{r.a, x, r.a.signer} {
		for _, format := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			s := fmt.Sprintf(format, v)
			for _, secret := range secrets {
				for _, form := range []string{fmt.Sprintf("%x", secret), fmt.Sprint(secret), fmt.Sprintf("%#v", secret), string(secret)} {
					if strings.Contains(s, strings.Trim(form, "[]")) {
						t.Errorf("%s of %T shows a secret", format, v)
					}
				}
			}
		}
	}
}
