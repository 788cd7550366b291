package mls

import (
	"bytes"
	"fmt"
	"io"
	"slices"
)

// CommitOptions are what a commit is made of.
type CommitOptions struct {
	// Proposals are committed by reference, in this order: RFC 9420 section 12.4.
	Proposals []*CachedProposal
	// ForcePath makes a path even where only Adds are committed, which need
	// none: RFC 9420 section 12.4.
	ForcePath bool
	// Rand gives the path's secrets. It must not be nil. HPKE's ephemeral
	// keys come from the system's source, as crypto/hpke has it.
	Rand io.Reader
}

// A PendingCommit is a commit and the state that follows if the group accepts it.
type PendingCommit struct {
	Commit  []byte // MLSMessage
	Welcome []byte // bare Welcome for all who are added, nil if nobody is
	Group   *Group // of the next epoch
}

// Commit makes a commit for this epoch: RFC 9420 section 12.4.1. The group
// itself stays as it is: the caller adopts the new one when the delivery
// service has chosen this commit, and erases it when it has chosen another.
func (g *Group) Commit(o CommitOptions) (*PendingCommit, error) {
	if g.erased.Load() {
		return nil, ErrErased
	}
	commit := &Commit{Proposals: make([]ProposalOrRef, len(o.Proposals))}
	for i, p := range o.Proposals {
		commit.Proposals[i].Ref = p.Ref
	}
	n, err := g.apply(o.Proposals, g.private.own)
	if err != nil {
		return nil, err
	}
	var path *ownPath
	if o.ForcePath || n.pathRequired {
		path, err = n.tree.renew(g.private.own, g.signer, g.context.GroupID, o.Rand)
		if err != nil {
			return nil, err
		}
		defer path.eraseSecrets()
	}
	next := g.advance(n)
	pending, err := g.finishCommit(next, n, commit, path)
	if err != nil {
		next.Erase()
		return nil, err
	}
	return pending, nil
}

// finishCommit fills in the path, enters the next epoch, and makes the messages.
func (g *Group) finishCommit(next *Group, n *nextEpoch, commit *Commit, path *ownPath) (*PendingCommit, error) {
	commitSecret := zeros[:]
	if path != nil {
		var err error
		if commit.Path, err = path.seal(n.tree, n.added, next.contextBytes); err != nil {
			return nil, err
		}
		commitSecret = path.commitSecret
		next.private.leaf.erase()
		next.private.leaf = path.key
		next.private.adopt(path.steps, path.keys)
	}
	content := FramedContent{
		Sender: Sender{Type: SenderMember, Index: uint32(g.private.own)}, ContentType: ContentCommit, Commit: commit,
	}
	a, err := g.sign(content)
	if err != nil {
		return nil, err
	}
	joiner, member, err := next.enter(g, &a, commitSecret, n.psks)
	if err != nil {
		return nil, err
	}
	defer clear(joiner)
	defer clear(member)
	a.confirmationTag = next.confirmationTag
	public := newPublicMessage(a, a.membershipTag(g.suite, g.secrets.membership, g.contextBytes))
	pending := &PendingCommit{
		Commit: (&Message{WireFormat: WirePublicMessage, Public: public}).Marshal(),
		Group:  next,
	}
	if len(n.added) > 0 {
		pending.Welcome, err = next.welcome(n, path, joiner, member)
	}
	return pending, err
}

// welcome makes the Welcome for those whom the commit added: section 12.4.3.1.
func (g *Group) welcome(n *nextEpoch, path *ownPath, joiner, member []byte) ([]byte, error) {
	info := &GroupInfo{
		Context:         g.context,
		Extensions:      []Extension{{Type: ExtensionRatchetTree, Data: g.tree.Marshal()}},
		ConfirmationTag: g.confirmationTag,
		Signer:          g.private.own,
	}
	if err := info.sign(g.signer); err != nil {
		return nil, err
	}
	to := make([]newMember, len(n.added))
	for i, l := range n.added {
		to[i].keyPackage = n.keyPackages[i]
		if path != nil {
			to[i].pathSecret = path.secretFor(l)
		}
	}
	w, err := sealWelcome(info, joiner, member, n.psks, to)
	if err != nil {
		return nil, err
	}
	return w.Marshal(), nil
}

// ProcessCommit checks another member's commit and returns the group of the
// next epoch: RFC 9420 section 12.4.2. The proposals that the commit refers to
// must be among those given. The error is [ErrOwnCommit] for a commit of this
// member's, and [ErrRemoved] if the commit removes this member.
func (g *Group) ProcessCommit(message []byte, proposals []*CachedProposal) (*Group, error) {
	m, err := parsePublicMessage(message)
	if err != nil {
		return nil, err
	}
	c := &m.Content
	if c.ContentType != ContentCommit {
		return nil, fmt.Errorf("%w: %d is not a commit", ErrContentType, c.ContentType)
	}
	if c.Sender.Type == SenderExternal || c.Sender.Type == SenderNewMemberProposal {
		return nil, fmt.Errorf("%w: commit by sender type %d", ErrSender, c.Sender.Type)
	}
	if err := g.authenticate(m); err != nil {
		return nil, err
	}
	if c.Sender.Leaf() == g.private.own {
		return nil, ErrOwnCommit
	}
	resolved, err := g.resolve(c.Commit, c.Sender, proposals)
	if err != nil {
		return nil, err
	}
	n, err := g.apply(resolved, c.Sender.Leaf())
	if err != nil {
		return nil, err
	}
	if n.tree.leaf(g.private.own) == nil || slices.Contains(n.removed, g.private.own) {
		return nil, ErrRemoved
	}
	return g.follow(m, n)
}

// follow carries out an authenticated commit whose proposals n has applied.
func (g *Group) follow(m *PublicMessage, n *nextEpoch) (*Group, error) {
	sender, path := m.Content.Sender.Leaf(), m.Content.Commit.Path
	if path == nil && n.pathRequired {
		return nil, ErrPathRequired
	}
	var steps []pathStep
	if path != nil {
		steps = n.tree.filteredDirectPath(sender)
		if err := checkSuccessor(n.tree.leaf(sender), path.LeafNode); err != nil {
			return nil, err
		}
		if err := n.tree.checkPath(sender, path, steps, n.added, g.context.GroupID, n.extensions); err != nil {
			return nil, err
		}
		if err := n.tree.merge(sender, path, steps); err != nil {
			return nil, err
		}
	}
	next := g.advance(n)
	commitSecret := zeros[:]
	if path != nil {
		d, from, err := next.private.open(n.tree, path, steps, n.added, next.contextBytes)
		if err != nil {
			next.Erase()
			return nil, err
		}
		defer d.eraseSecrets()
		commitSecret = d.commitSecret
		next.private.adopt(from, d.keys)
	}
	joiner, member, err := next.enter(g, &m.auth, commitSecret, n.psks)
	if err != nil {
		next.Erase()
		return nil, err
	}
	clear(joiner)
	clear(member)
	if !equal(next.confirmationTag, m.auth.confirmationTag) {
		next.Erase()
		return nil, ErrConfirmationTag
	}
	return next, nil
}

// resolve finds the proposals of a commit: section 12.4.2.
func (g *Group) resolve(c *Commit, sender Sender, proposals []*CachedProposal) ([]*CachedProposal, error) {
	resolved := make([]*CachedProposal, len(c.Proposals))
	for i, p := range c.Proposals {
		if p.Proposal != nil {
			if err := g.checkProposal(p.Proposal, sender); err != nil {
				return nil, err
			}
			resolved[i] = &CachedProposal{Sender: sender, Proposal: p.Proposal, groupContext: g.contextBytes}
			continue
		}
		j := slices.IndexFunc(proposals, func(q *CachedProposal) bool { return bytes.Equal(q.Ref, p.Ref) })
		if j < 0 {
			return nil, ErrUnknownProposal
		}
		resolved[i] = proposals[j]
	}
	return resolved, nil
}

// A nextEpoch is what the proposals of a commit lead to.
type nextEpoch struct {
	tree         *RatchetTree
	extensions   []Extension
	removed      []LeafIndex
	added        []LeafIndex
	keyPackages  []*KeyPackage // of the added
	psks         []PreSharedKeyID
	pathRequired bool
}

// apply checks the proposals together and applies them in the order of
// sections 12.2 and 12.3. Each was found valid by itself.
func (g *Group) apply(proposals []*CachedProposal, committer LeafIndex) (*nextEpoch, error) {
	n := &nextEpoch{tree: g.tree.clone(), extensions: g.context.Extensions, pathRequired: len(proposals) == 0}
	var updates, adds []*CachedProposal
	touched := make(map[LeafIndex]struct{})
	extended := false
	for _, p := range proposals {
		if !bytes.Equal(p.groupContext, g.contextBytes) {
			return nil, fmt.Errorf("%w: it is from another epoch", ErrUnknownProposal)
		}
		if p.Proposal.Type != ProposalAdd && p.Proposal.Type != ProposalPreSharedKey {
			n.pathRequired = true
		}
		target := p.Proposal.Remove
		switch p.Proposal.Type {
		case ProposalAdd:
			adds = append(adds, p)
			continue
		case ProposalPreSharedKey:
			if slices.ContainsFunc(n.psks, func(q PreSharedKeyID) bool {
				return bytes.Equal(q.append(nil), p.Proposal.PreSharedKey.append(nil))
			}) {
				return nil, fmt.Errorf("%w: a pre-shared key twice", ErrProposalList)
			}
			n.psks = append(n.psks, *p.Proposal.PreSharedKey)
			continue
		case ProposalGroupContextExtensions:
			if extended {
				return nil, fmt.Errorf("%w: group context extensions twice", ErrProposalList)
			}
			extended = true
			n.extensions = p.Proposal.Extensions
			continue
		case ProposalUpdate:
			target = p.Sender.Leaf()
			updates = append(updates, p)
		case ProposalRemove:
			n.removed = append(n.removed, target)
		default:
			return nil, fmt.Errorf("%w: proposal type %d", ErrUnsupported, p.Proposal.Type)
		}
		if target == committer {
			return nil, fmt.Errorf("%w: committer updates or removes itself", ErrProposalList)
		}
		if _, again := touched[target]; again {
			return nil, fmt.Errorf("%w: leaf %d updated or removed twice", ErrProposalList, target)
		}
		touched[target] = struct{}{}
	}
	return n, n.applyTo(updates, adds, extended)
}

// applyTo changes the tree: section 12.3.
func (n *nextEpoch) applyTo(updates, adds []*CachedProposal, extended bool) error {
	for _, p := range updates {
		n.tree.update(p.Sender.Leaf(), p.Proposal.Update)
	}
	for _, l := range n.removed {
		if n.tree.leaf(l) == nil {
			return fmt.Errorf("%w: leaf %d to be removed is blank", ErrProposal, l)
		}
		n.tree.remove(l)
	}
	for _, p := range updates {
		if err := n.tree.checkNewLeaf(p.Proposal.Update, p.Sender.Leaf()); err != nil {
			return err
		}
	}
	for _, p := range adds {
		leaf := p.Proposal.Add.LeafNode
		if err := n.tree.checkNewLeaf(leaf, LeafIndex(n.tree.leaves())); err != nil {
			return err
		}
		l, err := n.tree.add(leaf)
		if err != nil {
			return err
		}
		n.added = append(n.added, l)
		n.keyPackages = append(n.keyPackages, p.Proposal.Add)
	}
	if !extended {
		return nil
	}
	for l := range LeafIndex(n.tree.leaves()) {
		if leaf := n.tree.leaf(l); leaf != nil {
			if err := leaf.Capabilities.support(n.extensions); err != nil {
				return fmt.Errorf("%w: leaf %d: %w", ErrProposalList, l, err)
			}
		}
	}
	return nil
}

// advance starts the next epoch: its context is the provisional one of
// section 12.4.1, with the confirmed transcript hash still that of g.
func (g *Group) advance(n *nextEpoch) *Group {
	next := &Group{
		suite: g.suite, context: g.context, senders: g.senders, tree: n.tree,
		private: g.private.next(n.tree), signer: g.signer, psks: g.psks,
	}
	next.context.Epoch++
	next.context.TreeHash = n.tree.treeHash()
	next.context.Extensions = n.extensions
	next.contextBytes = next.context.marshal()
	return next
}

// enter derives the secrets of the epoch that a commit to g starts: sections
// 8, 8.2 and 12.4.2. It returns joiner_secret and the secret after it.
func (next *Group) enter(g *Group, commit *authenticatedContent, commitSecret []byte, psks []PreSharedKeyID) (joiner, member []byte, err error) {
	s := next.suite
	psk, err := s.pskSecret(psks, g.psks)
	if err != nil {
		return nil, nil, err
	}
	next.context.ConfirmedTranscriptHash = s.confirmedTranscriptHash(g.interim, commit)
	if err := next.settle(); err != nil {
		return nil, nil, err
	}
	joiner = s.joinerSecret(g.secrets.init, commitSecret, next.contextBytes)
	member = s.memberSecret(joiner, psk)
	epochSecret := s.epochSecret(member, next.contextBytes)
	defer clear(epochSecret)
	next.secrets = s.deriveEpochSecrets(epochSecret)
	next.confirm()
	return joiner, member, nil
}
