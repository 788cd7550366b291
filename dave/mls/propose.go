package mls

import (
	"fmt"
)

// A CachedProposal is a proposal that came in a message of its own and was
// found valid for its epoch, for [Group.Commit] and [Group.ProcessCommit].
type CachedProposal struct {
	Ref      ProposalRef
	Sender   Sender
	Proposal *Proposal

	groupContext []byte // of the epoch that it is for
}

// Propose makes this member's proposal to add or to remove somebody: RFC
// 9420 section 12.1. It returns the MLSMessage to send and the proposal as
// everyone else will cache it.
func (g *Group) Propose(p *Proposal) (message []byte, cached *CachedProposal, err error) {
	if g.erased.Load() {
		return nil, nil, ErrErased
	}
	sender := Sender{Type: SenderMember, Index: uint32(g.private.own)}
	if p.Type != ProposalAdd && p.Type != ProposalRemove {
		return nil, nil, fmt.Errorf("%w: making a proposal of type %d", ErrUnsupported, p.Type)
	}
	if err := g.checkProposal(p, sender); err != nil {
		return nil, nil, err
	}
	m, err := g.sign(FramedContent{Sender: sender, ContentType: ContentProposal, Proposal: p})
	if err != nil {
		return nil, nil, err
	}
	public := newPublicMessage(m, m.membershipTag(g.suite, g.secrets.membership, g.contextBytes))
	return (&Message{WireFormat: WirePublicMessage, Public: public}).Marshal(), g.cache(&m), nil
}

// sign frames content of this member's for the current epoch: section 6.1.
func (g *Group) sign(c FramedContent) (authenticatedContent, error) {
	c.GroupID, c.Epoch = g.context.GroupID, g.context.Epoch
	a := authenticatedContent{wireFormat: WirePublicMessage, content: c, encoded: c.append(nil)}
	err := a.sign(g.signer, g.contextBytes)
	return a, err
}

func (g *Group) cache(a *authenticatedContent) *CachedProposal {
	return &CachedProposal{
		Ref: a.ref(g.suite), Sender: a.content.Sender, Proposal: a.content.Proposal, groupContext: g.contextBytes,
	}
}

// SignExternalProposal makes a proposal of an external sender, the one at
// index senderIndex of the group's external_senders: RFC 9420 section 12.1.8.
// It returns the MLSMessage to send and the reference that commits will use.
func SignExternalProposal(signer *SignatureKey, groupID []byte, epoch uint64, senderIndex uint32, p *Proposal) (message []byte, ref ProposalRef, err error) {
	c := FramedContent{
		GroupID: groupID, Epoch: epoch, Sender: Sender{Type: SenderExternal, Index: senderIndex},
		ContentType: ContentProposal, Proposal: p,
	}
	a := authenticatedContent{wireFormat: WirePublicMessage, content: c, encoded: c.append(nil)}
	if err := a.sign(signer, nil); err != nil {
		return nil, nil, err
	}
	m := Message{WireFormat: WirePublicMessage, Public: newPublicMessage(a, nil)}
	return m.Marshal(), a.ref(signer.suite), nil
}

// ProcessProposal checks an MLSMessage with a proposal for this epoch, from a
// member or an external sender: RFC 9420 sections 6.1, 6.2 and 12.1. Whether
// the person may be added or removed is for the caller to decide.
func (g *Group) ProcessProposal(message []byte) (*CachedProposal, error) {
	m, err := parsePublicMessage(message)
	if err != nil {
		return nil, err
	}
	if m.Content.ContentType != ContentProposal {
		return nil, fmt.Errorf("%w: %d is not a proposal", ErrContentType, m.Content.ContentType)
	}
	if err := g.authenticate(m); err != nil {
		return nil, err
	}
	if err := g.checkProposal(m.Content.Proposal, m.Content.Sender); err != nil {
		return nil, err
	}
	return g.cache(&m.auth), nil
}

// authenticate checks that a message is for this epoch and from its sender:
// sections 6.1 and 6.2.
func (g *Group) authenticate(m *PublicMessage) error {
	if g.erased.Load() {
		return ErrErased
	}
	c := &m.Content
	if string(c.GroupID) != string(g.context.GroupID) {
		return ErrWrongGroup
	}
	if c.Epoch != g.context.Epoch {
		return fmt.Errorf("%w: %d at epoch %d", ErrWrongEpoch, c.Epoch, g.context.Epoch)
	}
	var key []byte
	switch c.Sender.Type {
	case SenderMember:
		leaf := g.tree.leaf(c.Sender.Leaf())
		if leaf == nil {
			return fmt.Errorf("%w: leaf %d is blank", ErrSender, c.Sender.Index)
		}
		if !equal(m.membershipTag, m.auth.membershipTag(g.suite, g.secrets.membership, g.contextBytes)) {
			return ErrMembershipTag
		}
		key = leaf.SignatureKey
	case SenderExternal:
		if uint64(c.Sender.Index) >= uint64(len(g.senders)) {
			return fmt.Errorf("%w: external sender %d of %d", ErrSender, c.Sender.Index, len(g.senders))
		}
		key = g.senders[c.Sender.Index].SignatureKey
	default:
		return fmt.Errorf("%w: joining by sender type %d", ErrUnsupported, c.Sender.Type)
	}
	return m.auth.verifySignature(g.suite, key, g.contextBytes)
}

// checkProposal checks a proposal by itself, signatures included: section 12.1.
func (g *Group) checkProposal(p *Proposal, sender Sender) error {
	switch p.Type {
	case ProposalAdd:
		return p.Add.validate(g.suite, g.context.Extensions)
	case ProposalUpdate:
		return g.checkUpdate(p.Update, sender)
	case ProposalRemove:
		if g.tree.leaf(p.Remove) == nil {
			return fmt.Errorf("%w: leaf %d to be removed is blank", ErrProposal, p.Remove)
		}
		return nil
	case ProposalPreSharedKey:
		if g.psks == nil {
			return fmt.Errorf("%w: pre-shared keys", ErrUnsupported)
		}
		if len(p.PreSharedKey.Nonce) != hashSize {
			return fmt.Errorf("%w: PSK nonce of %d bytes", ErrProposal, len(p.PreSharedKey.Nonce))
		}
		return nil
	case ProposalGroupContextExtensions:
		return nil // every member's capabilities are checked with the commit
	}
	return fmt.Errorf("%w: proposal type %d", ErrUnsupported, p.Type)
}

// checkUpdate checks an Update: sections 7.3 and 12.1.2.
func (g *Group) checkUpdate(leaf *LeafNode, sender Sender) error {
	if sender.Type != SenderMember {
		return fmt.Errorf("%w: update by sender type %d", ErrSender, sender.Type)
	}
	if sender.Leaf() == g.private.own {
		return fmt.Errorf("%w: own update", ErrUnsupported)
	}
	old := g.tree.leaf(sender.Leaf())
	switch {
	case leaf.Source != SourceUpdate:
		return fmt.Errorf("%w: update with a leaf node of source %d", ErrProposal, leaf.Source)
	case string(leaf.EncryptionKey) == string(old.EncryptionKey):
		return fmt.Errorf("%w: update keeps its encryption key", ErrProposal)
	}
	if err := checkSuccessor(old, leaf); err != nil {
		return err
	}
	if err := leaf.validate(g.suite, g.context.Extensions); err != nil {
		return err
	}
	return leaf.verifySignature(g.suite, g.context.GroupID, sender.Leaf())
}

// checkSuccessor refuses a leaf that would change who the member is: section
// 5.3.1 leaves the rule to the application, and here an identity stays.
func checkSuccessor(old, leaf *LeafNode) error {
	if string(old.Credential.Identity) != string(leaf.Credential.Identity) {
		return fmt.Errorf("%w: member changes its identity", ErrLeafNode)
	}
	return nil
}
