package dave

import (
	"fmt"
	"slices"
)

// Stats is a session's health at one moment.
type Stats struct {
	Version     uint16 // of the protocol, in force for own frames; 0: in clear
	Epoch       uint64 // of the MLS group; 0 without one
	PrivacyCode string // 30 digits, equal for all members of the epoch; empty without a group
	Users       []UserStats
}

// UserStats counts the frames of one sender since the session knows its keys.
type UserStats struct {
	User        UserID
	Member      bool   // of the current epoch
	Decrypted   uint64 // authentic frames
	Passed      uint64 // silence, or clear frames while those were allowed
	Unauthentic uint64 // ErrAuthentication
	Replayed    uint64 // ErrReplay
	Refused     uint64 // the other errors
}

// Failed is the number of frames that were not let through.
func (u UserStats) Failed() uint64 { return u.Unauthentic + u.Replayed + u.Refused }

// Stats returns the session's health, users in ascending order.
func (s *Session) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{Version: s.version, PrivacyCode: s.privacyCode}
	members := make(map[UserID]bool)
	if s.established {
		st.Epoch = s.state.Epoch()
		for _, m := range s.state.Members() {
			if u, err := userOf(m.Credential); err == nil {
				members[u] = true
			}
		}
	}
	for user, r := range *s.media.receivers.Load() {
		r.mu.Lock()
		c := r.stats
		r.mu.Unlock()
		st.Users = append(st.Users, UserStats{
			User: user, Member: members[user], Decrypted: c.decrypted, Passed: c.passed,
			Unauthentic: c.unauthentic, Replayed: c.replayed, Refused: c.refused,
		})
	}
	slices.SortFunc(st.Users, func(a, b UserStats) int { return compareUsers(a.User, b.User) })
	return st
}

func compareUsers(a, b UserID) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// PrivacyCode returns the epoch's 30 digits (whitepaper, "Epoch Authenticator"), empty without a group.
func (s *Session) PrivacyCode() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.privacyCode
}

// Fingerprint returns the pairwise fingerprint with another member of the group: see PairwiseFingerprint and
// VerificationCode. It is ErrUnknownUser for somebody who is not one.
func (s *Session) Fingerprint(user UserID) ([]byte, error) {
	key, err := s.identityOf(user)
	if err != nil {
		return nil, err
	}
	return PairwiseFingerprint(s.config.User, s.config.SigningKey.Public(), user, key)
}

func (s *Session) identityOf(user UserID) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.established {
		for _, m := range s.state.Members() {
			if u, err := userOf(m.Credential); err == nil && u == user {
				return m.SignatureKey, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: %v", ErrUnknownUser, user)
}
