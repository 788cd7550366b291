package dave

// The delivery service's epochs: from who is in the call to proposals, to the winning commit, to its transition.

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/mynahbot/mynah/dave/mls"
)

// advanceLocked does what can be done now. One transition is finished before the next epoch is begun.
func (d *DeliveryService) advanceLocked() {
	if t := d.transition; t != nil {
		if len(t.waiting) > 0 {
			return
		}
		d.executeLocked(t)
	}
	if len(d.peers) == 0 {
		return
	}
	d.changeVersionLocked()
	if d.transition != nil || d.target == 0 {
		return
	}
	if d.epoch > 0 && !slices.ContainsFunc(d.leaves, d.healthyLocked) {
		d.resetLocked() // nobody is left who could commit
		return
	}
	d.proposeLocked()
}

// healthyLocked reports whether a leaf's user is connected, and did not lose the group.
func (d *DeliveryService) healthyLocked(user UserID) bool {
	p := d.peers[user]
	return p != nil && !p.broken
}

// changeVersionLocked follows the newest version that all clients speak (whitepaper, "Protocol Version
// Transitions").
func (d *DeliveryService) changeVersionLocked() {
	version := uint16(MaxProtocolVersion)
	for _, p := range d.peers {
		version = min(version, p.maxVersion)
	}
	if version == d.target {
		return
	}
	d.target = version
	d.dropGroupLocked()
	if version > 0 {
		d.startOverLocked()
		return
	}
	t := d.newTransitionLocked()
	for _, p := range d.sortedLocked() {
		d.announceLocked(t, p.user, Message{Op: OpPrepareTransition, TransitionID: t.id})
	}
}

// resetLocked gives the group up and has everybody make a new one.
func (d *DeliveryService) resetLocked() {
	d.dropGroupLocked()
	d.transition = nil
	if d.target > 0 {
		d.startOverLocked()
	}
}

func (d *DeliveryService) dropGroupLocked() {
	d.epoch, d.leaves = 0, nil
	d.endEpochLocked()
	for _, p := range d.peers {
		p.keyPackage, p.broken = nil, false
	}
}

func (d *DeliveryService) endEpochLocked() {
	d.proposals, d.commitBy = nil, noTime
	for _, p := range d.peers {
		p.informed = false
	}
}

// startOverLocked asks for new key packages (op 24). Somebody who is alone is told that no transition follows
// (whitepaper, "Sole member reset").
func (d *DeliveryService) startOverLocked() {
	for _, p := range d.sortedLocked() {
		d.prepareEpochLocked(p)
	}
	if len(d.peers) == 1 {
		d.version = d.target
		for user := range d.peers {
			d.config.Send(user, Message{Op: OpPrepareTransition, Version: d.target})
		}
	}
}

// prepareEpochLocked sends op 24, and op 25 after it: some clients have no place for an external sender before.
func (d *DeliveryService) prepareEpochLocked(p *peer) {
	d.config.Send(p.user, Message{Op: OpPrepareEpoch, Epoch: 1, Version: d.target})
	if !p.externalSent {
		d.sendExternalLocked(p)
	}
}

// proposeLocked brings the epoch's proposals in line with who is in the call: what is no longer wanted is
// revoked, what is missing is added.
func (d *DeliveryService) proposeLocked() {
	revoked, kept := d.revokeLocked()
	d.proposals = kept
	if d.epoch > 0 || d.pendingLocked() > 1 {
		d.wantLocked()
	}
	changed := len(revoked) > 0 || len(d.proposals) > len(kept)
	for _, p := range d.sortedLocked() {
		if d.proposesToLocked(p) {
			d.informLocked(p, revoked, d.proposals[len(kept):])
		}
	}
	switch {
	case len(d.proposals) == 0:
		d.commitBy = noTime
	case changed:
		d.commitBy = d.config.Now().Add(d.config.CommitTimeout)
	}
}

// revokeLocked splits the proposals into those that no longer hold, because the user left or sent another key
// package, and the others.
func (d *DeliveryService) revokeLocked() (revoked, kept []sentProposal) {
	alone := d.epoch == 0 && d.pendingLocked() < 2
	for _, s := range d.proposals {
		p := d.peers[s.user]
		if alone || s.keyPackage != nil && (p == nil || p.keyPackage != s.keyPackage) {
			revoked = append(revoked, s)
		} else {
			kept = append(kept, s)
		}
	}
	return revoked, kept
}

// wantLocked appends the proposals that are missing.
func (d *DeliveryService) wantLocked() {
	for i, user := range d.leaves {
		if user != 0 && !d.healthyLocked(user) && !d.proposedLocked(user, false) {
			d.signLocked(sentProposal{user: user}, mls.RemoveProposal(mls.LeafIndex(i)))
		}
	}
	for _, p := range d.sortedLocked() {
		member := slices.Contains(d.leaves, p.user) && !p.broken
		if p.keyPackage != nil && !member && !d.proposedLocked(p.user, true) {
			d.signLocked(sentProposal{user: p.user, keyPackage: p.keyPackage}, mls.AddProposal(p.keyPackage))
		}
	}
}

// pendingLocked counts those who wait for the first epoch.
func (d *DeliveryService) pendingLocked() (n int) {
	for _, p := range d.peers {
		if p.keyPackage != nil {
			n++
		}
	}
	return n
}

func (d *DeliveryService) proposedLocked(user UserID, add bool) bool {
	return slices.ContainsFunc(d.proposals, func(s sentProposal) bool { return s.user == user && (s.keyPackage != nil) == add })
}

func (d *DeliveryService) signLocked(s sentProposal, p *mls.Proposal) {
	var err error
	if s.message, s.ref, err = mls.SignExternalProposal(d.config.SigningKey, d.group, d.epoch, 0, p); err != nil {
		panic(err) // signing with a key that was checked does not fail
	}
	d.proposals = append(d.proposals, s)
}

// proposesToLocked reports whether a user takes part in the epoch: as a member or, before there is a group, with
// a key package.
func (d *DeliveryService) proposesToLocked(p *peer) bool {
	if d.epoch == 0 {
		return p.keyPackage != nil
	}
	return slices.Contains(d.leaves, p.user) && !p.broken
}

// informLocked sends op 27: what changed or, for the first time in an epoch, everything. Nobody is told of its
// own Add: before there is a group, each pending member may become the one that adds the others.
func (d *DeliveryService) informLocked(p *peer, revoked, added []sentProposal) {
	if !p.informed {
		p.informed = true
		revoked, added = nil, d.proposals
	}
	var refs, messages []byte
	for _, s := range revoked {
		if s.user != p.user {
			refs = appendOpaque(refs, s.ref)
		}
	}
	for _, s := range added {
		if s.user != p.user {
			messages = append(messages, s.message...)
		}
	}
	if len(refs) > 0 {
		d.config.Send(p.user, Message{Op: OpProposals, Payload: appendOpaque([]byte{proposalsRevoke}, refs)})
	}
	if len(messages) > 0 {
		d.config.Send(p.user, Message{Op: OpProposals, Payload: appendOpaque([]byte{proposalsAppend}, messages)})
	}
}

// commitLocked takes op 28. The first commit that the epoch can use wins.
func (d *DeliveryService) commitLocked(p *peer, payload []byte) error {
	if len(payload) > MaxMessageSize {
		return fmt.Errorf("%w: %d bytes", ErrCommit, len(payload))
	}
	m, rest, err := mls.ReadMessage(payload)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrCommit, err)
	}
	commit := payload[:len(payload)-len(rest)]
	applied, err := d.checkCommitLocked(p, m)
	if err != nil {
		return err
	}
	welcome, err := checkWelcome(rest, applied)
	if err != nil {
		return err
	}
	d.chooseLocked(p, commit, welcome, applied)
	return nil
}

// checkCommitLocked checks what can be told without the group's keys (whitepaper, "Voice Gateway Commit Validity"), and
// returns the commit's proposals in its order.
func (d *DeliveryService) checkCommitLocked(p *peer, m *mls.Message) ([]sentProposal, error) {
	if m.WireFormat != mls.WirePublicMessage || m.Public.Content.ContentType != mls.ContentCommit {
		return nil, fmt.Errorf("%w: not a commit", ErrCommit)
	}
	c := m.Public.Content
	switch {
	case d.transition != nil || len(d.proposals) == 0:
		return nil, fmt.Errorf("%w: no proposals are out", ErrCommit)
	case !bytes.Equal(c.GroupID, d.group) || c.Epoch != d.epoch:
		return nil, fmt.Errorf("%w: for epoch %d of group %x at epoch %d", ErrCommit, c.Epoch, c.GroupID, d.epoch)
	case c.Sender.Type != mls.SenderMember || !d.proposesToLocked(p):
		return nil, fmt.Errorf("%w: %v is not a member", ErrCommit, p.user)
	case d.epoch == 0 && c.Sender.Index != 0,
		d.epoch > 0 && (int64(c.Sender.Index) >= int64(len(d.leaves)) || d.leaves[c.Sender.Index] != p.user):
		return nil, fmt.Errorf("%w: leaf %d is not of %v", ErrCommit, c.Sender.Index, p.user)
	}
	var applied []sentProposal
	removes := false
	for _, ref := range c.Commit.Proposals {
		i := slices.IndexFunc(d.proposals, func(s sentProposal) bool { return bytes.Equal(s.ref, ref.Ref) })
		if ref.Proposal != nil || i < 0 {
			return nil, fmt.Errorf("%w: a proposal that is not out", ErrCommit)
		}
		s := d.proposals[i]
		if slices.ContainsFunc(applied, func(a sentProposal) bool { return bytes.Equal(a.ref, s.ref) }) {
			return nil, fmt.Errorf("%w: a proposal twice", ErrCommit)
		}
		removes = removes || s.keyPackage == nil
		applied = append(applied, s)
	}
	for _, s := range d.proposals {
		own := d.epoch == 0 && s.user == p.user
		if !own && !slices.ContainsFunc(applied, func(a sentProposal) bool { return bytes.Equal(a.ref, s.ref) }) {
			return nil, fmt.Errorf("%w: it leaves a proposal out", ErrCommit)
		}
	}
	if removes && c.Commit.Path == nil {
		return nil, fmt.Errorf("%w: a removal without a path", ErrCommit)
	}
	if c.Commit.Path != nil {
		l := c.Commit.Path.LeafNode
		if user, err := userOf(l.Credential); err != nil || user != p.user || !bytes.Equal(l.SignatureKey, p.identity) {
			return nil, fmt.Errorf("%w: it changes who its author is", ErrCommit)
		}
	}
	return applied, nil
}

// checkWelcome checks that there is a welcome for exactly those whom the commit adds.
func checkWelcome(b []byte, applied []sentProposal) (*mls.Welcome, error) {
	adds := 0
	for _, s := range applied {
		if s.keyPackage != nil {
			adds++
		}
	}
	if adds == 0 {
		if len(b) > 0 {
			return nil, fmt.Errorf("%w: %d bytes after it", ErrCommit, len(b))
		}
		return nil, nil
	}
	w, err := mls.ParseWelcome(b)
	if err != nil {
		return nil, fmt.Errorf("%w: welcome: %w", ErrCommit, err)
	}
	if w.Suite != mls.P256 || len(w.Secrets) != adds {
		return nil, fmt.Errorf("%w: a welcome for %d of %d", ErrCommit, len(w.Secrets), adds)
	}
	for _, s := range applied {
		if s.keyPackage == nil {
			continue
		}
		if _, err := w.For(s.keyPackage.Ref()); err != nil {
			return nil, fmt.Errorf("%w: welcome: %w", ErrCommit, err)
		}
	}
	return w, nil
}

// chooseLocked makes the commit the group's next epoch, and hands it out: op 29 to members, op 30 to those whom
// it adds.
func (d *DeliveryService) chooseLocked(author *peer, commit []byte, welcome *mls.Welcome, applied []sentProposal) {
	commit = bytes.Clone(commit)
	t := &pendingTransition{version: d.target, waiting: make(map[UserID]bool)}
	if d.epoch > 0 || d.version != d.target {
		t = d.newTransitionLocked()
	} // else the first group: transition 0, at once
	announce := Message{Op: OpAnnounceCommit, TransitionID: t.id, Payload: commit}
	if d.epoch == 0 {
		d.leaves = []UserID{author.user}
	}
	members := slices.Clone(d.leaves)
	for _, s := range applied {
		if s.keyPackage == nil {
			d.leaves[slices.Index(d.leaves, s.user)] = 0
		}
	}
	for _, user := range members {
		if user != 0 && d.healthyLocked(user) {
			d.announceLocked(t, user, announce)
		}
	}
	for _, s := range applied {
		if s.keyPackage == nil {
			continue
		}
		if i := slices.Index(d.leaves, 0); i >= 0 {
			d.leaves[i] = s.user
		} else {
			d.leaves = append(d.leaves, s.user)
		}
		own, err := welcome.For(s.keyPackage.Ref())
		if err != nil {
			panic(err) // checkWelcome has looked
		}
		p := d.peers[s.user]
		p.keyPackage, p.broken = nil, false
		d.announceLocked(t, s.user, Message{Op: OpWelcome, TransitionID: t.id, Payload: own.Marshal()})
	}
	author.keyPackage = nil
	d.epoch++
	d.endEpochLocked()
	if t.id == 0 {
		d.version = t.version
	}
}

// newTransitionLocked starts a transition to the target version. Ids go round and leave 0 out.
func (d *DeliveryService) newTransitionLocked() *pendingTransition {
	if d.lastID++; d.lastID == 0 {
		d.lastID = 1
	}
	d.transition = &pendingTransition{
		id: d.lastID, version: d.target, waiting: make(map[UserID]bool),
		due: d.config.Now().Add(d.config.TransitionTimeout),
	}
	return d.transition
}

// announceLocked sends a transition's first message, which op 23 answers unless the id is 0.
func (d *DeliveryService) announceLocked(t *pendingTransition, user UserID, m Message) {
	if t.id != 0 {
		t.members = append(t.members, user)
		t.waiting[user] = true
	}
	d.peers[user].invalid = false
	d.config.Send(user, m)
}

// executeLocked sends op 22.
func (d *DeliveryService) executeLocked(t *pendingTransition) {
	for _, user := range t.members {
		if d.peers[user] != nil {
			d.config.Send(user, Message{Op: OpExecuteTransition, TransitionID: t.id})
		}
	}
	d.version = t.version
	d.transition = nil
}
