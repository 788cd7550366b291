package dave

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/mynahbot/mynah/dave/mls"
)

// exporterLabel is that of the sender keys (whitepaper, "Sender Key Derivation").
const exporterLabel = "Discord Secure Frames v0"

// takeCommit handles op 29: the gateway has chosen this commit. Keys to receive with are ready when it
// returns; own frames switch with op 22, or at once for transition 0. A refused commit leads to op 31 and a new
// op 26: see ErrInvalidTransition.
func (s *Session) takeCommit(id uint16, commit []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case s.state == nil:
		return fmt.Errorf("%w: commit without a group", ErrIgnored)
	case s.lastCommit != nil && bytes.Equal(commit, s.lastCommit):
		return fmt.Errorf("%w: commit announced twice", ErrIgnored)
	}
	// Own commits are known by their bytes: whether one is "by me" does not tell which of several was chosen.
	i := slices.IndexFunc(s.candidates, func(c *mls.PendingCommit) bool { return bytes.Equal(c.Commit, commit) })
	if i >= 0 {
		return s.enterLocked(id, s.candidates[i].Group, s.candidates[i], commit)
	}
	next, err := s.processCommitLocked(commit)
	switch {
	case err == nil:
		return s.enterLocked(id, next, nil, commit)
	case errors.Is(err, mls.ErrRemoved):
		s.resetLocked()
		s.media.sendNothing()
		return s.makePendingLocked()
	case errors.Is(err, ErrIgnored):
		return err
	}
	return s.recoverLocked(id, err)
}

func (s *Session) processCommitLocked(commit []byte) (*mls.Group, error) {
	m, err := mls.ParseMessage(commit)
	if err != nil {
		return nil, err
	}
	if m.WireFormat != mls.WirePublicMessage || m.Public.Content.ContentType != mls.ContentCommit {
		return nil, fmt.Errorf("%w: not a commit", ErrMalformed)
	}
	c := m.Public.Content
	if bytes.Equal(c.GroupID, s.group) && c.Epoch < s.state.Epoch() {
		return nil, fmt.Errorf("%w: commit of epoch %d at epoch %d", ErrIgnored, c.Epoch, s.state.Epoch())
	}
	if !s.established {
		// A pending member is welcomed, unless it lost that, or what it knew of the group.
		return nil, fmt.Errorf("%w: commit of epoch %d before a welcome", ErrGroup, c.Epoch)
	}
	cached := make([]*mls.CachedProposal, len(c.Commit.Proposals))
	for i, p := range c.Commit.Proposals {
		j := slices.IndexFunc(s.proposals, func(q proposal) bool { return bytes.Equal(q.cached.Ref, p.Ref) })
		if p.Proposal != nil || j < 0 {
			return nil, fmt.Errorf("%w: commit with a proposal that the gateway did not send", ErrProposal)
		}
		cached[i] = s.proposals[j].cached
	}
	next, err := s.state.ProcessCommit(commit, cached)
	if err != nil {
		return nil, err
	}
	if err := s.checkRosterLocked(next, cached); err != nil {
		next.Erase()
		return nil, err
	}
	return next, nil
}

// checkRosterLocked refuses a group with a user twice, and proposals that add somebody who is not in the call.
func (s *Session) checkRosterLocked(g *mls.Group, proposals []*mls.CachedProposal) error {
	if _, err := rosterOf(g); err != nil {
		return err
	}
	for _, p := range proposals {
		if p.Proposal.Type != mls.ProposalAdd {
			continue
		}
		user, err := userOf(p.Proposal.Add.LeafNode.Credential)
		if err != nil {
			return err
		}
		if !s.users[user] {
			return fmt.Errorf("%w: %v is being added", ErrUnexpectedUser, user)
		}
	}
	return nil
}

// rosterOf lists the users of a group, each of whom must be in it once.
func rosterOf(g *mls.Group) ([]UserID, error) {
	members := g.Members()
	users := make([]UserID, len(members))
	seen := make(map[UserID]struct{}, len(members))
	for i, m := range members {
		u, err := userOf(m.Credential)
		if err != nil {
			return nil, err
		}
		if _, twice := seen[u]; twice {
			return nil, fmt.Errorf("%w: %v", ErrDuplicateUser, u)
		}
		seen[u] = struct{}{}
		users[i] = u
	}
	return users, nil
}

// takeWelcome handles op 30: the session was added to the group. As with op 29, receiving is ready when it returns.
// In an established group it is ignored, unless it is for a key package that was sent since and leads to a later
// epoch: then the gateway has removed and added the member. Otherwise, a refused one leads to op 31 and a new op
// 26.
func (s *Session) takeWelcome(id uint16, welcome []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case len(s.bundles) == 0:
		return fmt.Errorf("%w: welcome without a key package", ErrIgnored)
	}
	g, err := s.processWelcomeLocked(welcome)
	switch {
	case err == nil && s.established && g.Epoch() <= s.state.Epoch():
		g.Erase()
		return fmt.Errorf("%w: welcome to epoch %d at epoch %d", ErrIgnored, g.Epoch(), s.state.Epoch())
	case err != nil && s.established:
		return fmt.Errorf("%w: welcome in an established group: %w", ErrIgnored, err)
	case err != nil:
		return s.recoverLocked(id, err)
	}
	return s.enterLocked(id, g, nil, nil)
}

func (s *Session) processWelcomeLocked(welcome []byte) (*mls.Group, error) {
	var g *mls.Group
	var err error
	for i := len(s.bundles) - 1; i >= 0; i-- {
		if g, err = mls.JoinWelcome(s.bundles[i], welcome); err == nil {
			s.bundles[i].Erase() // an init key serves once
			s.bundles = slices.Delete(s.bundles, i, i+1)
			break
		}
		if !errors.Is(err, mls.ErrNotAddressed) {
			return nil, err
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.checkJoinedLocked(g); err != nil {
		g.Erase()
		return nil, err
	}
	return g, nil
}

// checkJoinedLocked checks that the group is this call's. Somebody who left while the welcome was under way may
// still be in it.
func (s *Session) checkJoinedLocked(g *mls.Group) error {
	x := g.Extensions()
	switch {
	case !bytes.Equal(g.ID(), s.group):
		return fmt.Errorf("%w: group id", ErrGroup)
	case g.Suite() != mls.P256:
		return fmt.Errorf("%w: %v", ErrGroup, g.Suite())
	case len(x) != 1 || x[0].Type != mls.ExtensionExternalSenders || s.external == nil:
		return fmt.Errorf("%w: extensions other than one external sender", ErrGroup)
	case !bytes.Equal(x[0].Data, mls.ExternalSendersExtension(*s.external).Data):
		return fmt.Errorf("%w: another external sender", ErrGroup)
	}
	roster, err := rosterOf(g)
	if err != nil {
		return err
	}
	for _, u := range roster {
		if _, announced := s.users[u]; !announced && u != s.config.User {
			return fmt.Errorf("%w: %v is in the group", ErrUnexpectedUser, u)
		}
	}
	return nil
}

// enterLocked makes g the current epoch and prepares the transition to its keys.
func (s *Session) enterLocked(id uint16, g *mls.Group, own *mls.PendingCommit, commit []byte) error {
	authenticator, err := g.EpochAuthenticator()
	if err != nil {
		return fmt.Errorf("dave: enter epoch: %w", err)
	}
	code, err := PrivacyCode(authenticator)
	if err != nil {
		return err
	}
	roster, err := rosterOf(g)
	if err != nil {
		return err
	}
	keys := make(map[UserID][keySize]byte, len(roster))
	defer clear(keys)
	for _, u := range roster {
		if keys[u], err = baseKey(g, u); err != nil {
			return err
		}
	}
	s.dropCandidatesLocked(own)
	if s.state != nil {
		s.state.Erase()
	}
	s.state, s.established, s.proposals = g, true, nil
	s.lastCommit, s.privacyCode = bytes.Clone(commit), code
	s.sender = newFrameSender(keys[s.config.User])
	delete(keys, s.config.User)
	s.media.install(keys)
	s.epochs++
	return s.prepareLocked(id, max(s.version, 1))
}

// baseKey exports the secret that a member's ratchet starts from (whitepaper, "Sender Key Derivation").
func baseKey(g *mls.Group, user UserID) (key [keySize]byte, err error) {
	secret, err := g.Export(exporterLabel, binary.LittleEndian.AppendUint64(nil, uint64(user)), keySize)
	if err != nil {
		return key, fmt.Errorf("dave: derive sender key: %w", err)
	}
	defer clear(secret)
	copy(key[:], secret)
	return key, nil
}

// recoverLocked answers an invalid commit or welcome: the gateway removes and adds the member again
// (whitepaper, "Recovery from Invalid Commit or Welcome").
func (s *Session) recoverLocked(id uint16, reason error) error {
	s.resetLocked()
	err := fmt.Errorf("%w: %w", ErrInvalidTransition, reason)
	if sendErr := s.config.Send(Message{Op: OpInvalidCommitWelcome, TransitionID: id}); sendErr != nil {
		return errors.Join(err, sendErr)
	}
	return errors.Join(err, s.joinLocked())
}

// prepareTransition handles op 21: the call changes its protocol version (0: to frames in clear), or stays encrypted
// with nobody else in it (transition 0).
func (s *Session) prepareTransition(id, version uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usableLocked(version); err != nil {
		return err
	}
	return s.prepareLocked(id, version)
}

// prepareLocked readies the receiving side, then answers with op 23 or, for transition 0, switches at once: no
// op 22 will follow.
func (s *Session) prepareLocked(id, version uint16) error {
	t := transition{version: version, sender: s.sender, epochs: s.epochs}
	if version == 0 {
		t.sender = nil
		s.media.allowPlain()
	}
	if id == 0 {
		s.executeLocked(t)
		return nil
	}
	s.transitions[id] = t
	return s.config.Send(Message{Op: OpTransitionReady, TransitionID: id})
}

// executeTransition handles op 22: own frames switch to the transition's key, or to clear. Unknown and repeated
// ids are ignored.
func (s *Session) executeTransition(id uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	t, ok := s.transitions[id]
	if !ok {
		return fmt.Errorf("%w: unknown transition %d", ErrIgnored, id)
	}
	delete(s.transitions, id)
	s.executeLocked(t)
	return nil
}

func (s *Session) executeLocked(t transition) {
	s.version = t.version
	if t.version == 0 {
		s.resetLocked()
		s.media.sendPlain()
		return
	}
	s.media.endPlain()
	s.media.send(t.sender, t.epochs)
}
