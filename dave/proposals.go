package dave

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/mynahbot/mynah/dave/mls"
)

// takeProposals handles op 27. Valid proposals are kept, and the session commits all that are unrevoked (op 28),
// unless one adds a user whom op 11 has not announced yet: then it waits for that. The error, if any, is that of
// the first refused proposal.
func (s *Session) takeProposals(payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrClosed
	case len(payload) == 0 || len(payload) > MaxMessageSize:
		return fmt.Errorf("%w: proposals of %d bytes", ErrMalformed, len(payload))
	case s.state == nil:
		return fmt.Errorf("%w: proposals without a group", ErrIgnored)
	}
	body, err := readVector(payload[1:])
	if err != nil {
		return err
	}
	var changed bool
	switch payload[0] {
	case proposalsAppend:
		changed, err = s.appendProposalsLocked(body)
	case proposalsRevoke:
		changed, err = s.revokeProposalsLocked(body)
	default:
		return fmt.Errorf("%w: operation %d on proposals", ErrMalformed, payload[0])
	}
	if !changed || s.heldLocked() {
		return err
	}
	return errors.Join(err, s.commitLocked())
}

// appendProposalsLocked reports whether any proposal is new.
func (s *Session) appendProposalsLocked(body []byte) (changed bool, first error) {
	for len(body) > 0 {
		m, rest, err := mls.ReadMessage(body)
		if err != nil {
			return changed, errors.Join(first, fmt.Errorf("%w: proposals: %w", ErrMalformed, err))
		}
		p, err := s.checkProposalLocked(m, body[:len(body)-len(rest)])
		body = rest
		switch {
		case err != nil:
			if first == nil {
				first = err
			}
		case !slices.ContainsFunc(s.proposals, func(q proposal) bool { return bytes.Equal(q.cached.Ref, p.cached.Ref) }):
			s.proposals = append(s.proposals, p)
			changed = true
		}
	}
	return changed, first
}

// checkProposalLocked checks what can be told of one proposal by itself.
func (s *Session) checkProposalLocked(m *mls.Message, message []byte) (proposal, error) {
	if m.Public != nil && bytes.Equal(m.Public.Content.GroupID, s.group) && m.Public.Content.Epoch < s.state.Epoch() {
		// A gateway repeats them to a client that resumes with too old a sequence number.
		return proposal{}, fmt.Errorf("%w: proposal of epoch %d at epoch %d", ErrIgnored, m.Public.Content.Epoch, s.state.Epoch())
	}
	if len(s.proposals) >= maxProposals {
		return proposal{}, fmt.Errorf("%w: more than %d in an epoch", ErrProposal, maxProposals)
	}
	cached, err := s.state.ProcessProposal(message)
	if err != nil {
		return proposal{}, fmt.Errorf("%w: %w", ErrProposal, err)
	}
	if cached.Sender.Type != mls.SenderExternal {
		return proposal{}, fmt.Errorf("%w: sender type %d", ErrProposal, cached.Sender.Type)
	}
	var credential mls.Credential
	switch cached.Proposal.Type {
	case mls.ProposalAdd:
		credential = cached.Proposal.Add.LeafNode.Credential
	case mls.ProposalRemove:
		m, _ := s.state.Member(cached.Proposal.Remove) // present: the group has checked it
		credential = m.Credential
	default:
		return proposal{}, fmt.Errorf("%w: type %d", ErrProposal, cached.Proposal.Type)
	}
	user, err := userOf(credential)
	return proposal{cached, user}, err
}

func (s *Session) revokeProposalsLocked(body []byte) (changed bool, err error) {
	for len(body) > 0 {
		var ref []byte
		if ref, body, err = readOpaque(body); err != nil {
			return changed, err
		}
		i := slices.IndexFunc(s.proposals, func(p proposal) bool { return bytes.Equal(p.cached.Ref, ref) })
		if i < 0 {
			err = fmt.Errorf("%w: revocation of an unknown proposal", ErrIgnored)
			continue
		}
		s.proposals = slices.Delete(s.proposals, i, i+1)
		changed = true
	}
	return changed, err
}

// heldLocked reports whether a proposal adds somebody who is not announced.
func (s *Session) heldLocked() bool {
	return slices.ContainsFunc(s.proposals, func(p proposal) bool {
		return p.cached.Proposal.Type == mls.ProposalAdd && !s.users[p.user]
	})
}

// commitLocked sends a commit of all proposals and keeps the state that it leads to, for the case that the
// gateway chooses it.
func (s *Session) commitLocked() error {
	if len(s.proposals) == 0 {
		return nil // all were revoked
	}
	cached := make([]*mls.CachedProposal, len(s.proposals))
	for i, p := range s.proposals {
		if p.cached.Proposal.Type == mls.ProposalRemove && p.user == s.config.User {
			return nil // nobody commits its own removal
		}
		cached[i] = p.cached
	}
	c, err := s.state.Commit(mls.CommitOptions{Proposals: cached, Rand: s.config.Rand})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProposal, err)
	}
	if err := s.checkRosterLocked(c.Group, cached); err != nil {
		c.Group.Erase()
		return err
	}
	if len(s.candidates) == maxCandidates {
		s.candidates[0].Group.Erase()
		s.candidates = append(s.candidates[:0], s.candidates[1:]...)
	}
	s.candidates = append(s.candidates, c)
	return s.config.Send(Message{Op: OpCommitWelcome, Payload: slices.Concat(c.Commit, c.Welcome)})
}

// userOf reads a member's credential (whitepaper, "Key Packages").
func userOf(c mls.Credential) (UserID, error) {
	if c.Type != mls.CredentialBasic || len(c.Identity) != 8 {
		return 0, fmt.Errorf("%w: credential is not a user id", ErrUnexpectedUser)
	}
	return UserID(binary.BigEndian.Uint64(c.Identity)), nil
}
