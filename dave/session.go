package dave

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/mynahbot/mynah/dave/mls"
)

// MaxProtocolVersion is the newest version of DAVE that a Session speaks: what op 0 announces as
// max_dave_protocol_version.
const MaxProtocolVersion = 1

// Why a gateway message was refused. Test with errors.Is; errors of package mls may be wrapped as well.
var (
	// ErrVersion: the gateway chose a protocol version above MaxProtocolVersion.
	ErrVersion = errors.New("dave: unsupported protocol version")
	// ErrIgnored: the message does not concern the session's state (late, duplicate, or before its time);
	// nothing changed.
	ErrIgnored = errors.New("dave: message ignored")
	// ErrUnexpectedUser: a proposal or a group has a user whom op 11 did not announce (whitepaper, "Unexpected
	// users").
	ErrUnexpectedUser = errors.New("dave: user was not announced")
	// ErrDuplicateUser: a user would be in the group twice.
	ErrDuplicateUser = errors.New("dave: user is in the group twice")
	// ErrProposal: a proposal is neither an Add nor a Remove by the gateway, or proposals contradict each other.
	ErrProposal = errors.New("dave: proposal refused")
	// ErrGroup: a group is not for this call: another id, suite or external sender.
	ErrGroup = errors.New("dave: group is not this call's")
	// ErrInvalidTransition: a commit or a welcome was refused; the session sent op 31 and a new key package, and
	// waits to be added again. It wraps the reason.
	ErrInvalidTransition = errors.New("dave: invalid commit or welcome, recovering")
	// ErrClosed: the session was closed.
	ErrClosed = errors.New("dave: session is closed")
)

const (
	// maxBundles is how many key packages can be answered by a welcome: one that was sent before a recovery may
	// still be used.
	maxBundles = 4
	// maxCandidates is how many own commits of an epoch are kept, until the gateway announces one.
	maxCandidates = 16
	// maxProposals bounds what a gateway can make a session hold in one epoch.
	maxProposals = 4096
)

// A Config says who a Session is. Channel, User and Send are required.
type Config struct {
	Channel ChannelID
	User    UserID

	// Send hands a message for the voice gateway over: op 23, 26, 28 or 31. It is called one at a time, in
	// order, while a method of the session handles something, and must not call the session's methods other than
	// those for frames. Its error ends the method that caused it.
	Send func(Message) error

	// SigningKey is the user's persistent identity key; nil makes one for this session. It may serve all calls.
	SigningKey *mls.SignatureKey
	// Rand is the source of keys; nil is crypto/rand. HPKE's ephemeral keys come from the system in any case.
	Rand io.Reader
	// Now is the clock that keys and passthrough expire by; nil is time.Now.
	Now func() time.Time
}

// A Session is one member of one call. Its methods may be called from several goroutines; those for frames wait
// for no handshake. Call the other ones in the order in which the gateway's messages come.
type Session struct {
	config Config
	group  []byte // the MLS group id
	media  media

	mu          sync.Mutex
	closed      bool
	version     uint16          // in force for own frames
	users       map[UserID]bool // announced by op 11; false once op 13 said that they left
	external    *mls.ExternalSender
	bundles     []*mls.KeyPackageBundle // newest last
	state       *mls.Group              // nil, pending (epoch 0, alone) or established
	established bool
	proposals   []proposal
	candidates  []*mls.PendingCommit
	lastCommit  []byte // that led to this epoch
	epochs      uint64 // number of epochs entered, over all groups
	sender      *frameSender
	transitions map[uint16]transition
	privacyCode string
}

// proposal is one of the epoch's, unrevoked.
type proposal struct {
	cached *mls.CachedProposal
	user   UserID // whom it adds or removes
}

// transition is what op 22 will put in force.
type transition struct {
	version uint16
	sender  *frameSender // nil if alone or without encryption
	epochs  uint64       // order among transitions
}

// NewSession returns a session that waits for op 4. Close it to erase its keys.
func NewSession(c Config) (*Session, error) {
	if c.Send == nil || c.User == 0 || c.Channel == 0 {
		return nil, errors.New("dave: a session needs Send, User and Channel")
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.SigningKey == nil {
		key, err := mls.GenerateSignatureKey(mls.P256, c.Rand)
		if err != nil {
			return nil, fmt.Errorf("dave: make identity key: %w", err)
		}
		c.SigningKey = key
	} else if c.SigningKey.Suite() != mls.P256 {
		return nil, fmt.Errorf("dave: identity key is for %v", c.SigningKey.Suite())
	}
	s := &Session{
		config: c, group: binary.BigEndian.AppendUint64(nil, uint64(c.Channel)),
		users: make(map[UserID]bool), transitions: make(map[uint16]transition),
	}
	s.media.init(c.Now)
	return s, nil
}

// String names the session without its secrets.
func (s *Session) String() string {
	return fmt.Sprintf("session of user %v in channel %v", s.config.User, s.config.Channel)
}

// GoString names the session without its secrets.
func (s *Session) GoString() string { return s.String() }

// Close erases all keys. Later calls return ErrClosed or, for frames, ErrNotReady and ErrUnknownUser.
func (s *Session) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	s.resetLocked()
	for _, b := range s.bundles {
		b.Erase()
	}
	s.bundles, s.transitions = nil, nil
	s.media.close()
}

// Handle passes one of the gateway's messages, op 21, 22, 24, 25, 27, 29 or 30, to the method for it.
func (s *Session) Handle(m Message) error {
	switch m.Op {
	case OpPrepareTransition:
		return s.prepareTransition(m.TransitionID, m.Version)
	case OpExecuteTransition:
		return s.executeTransition(m.TransitionID)
	case OpPrepareEpoch:
		return s.prepareEpoch(m.Epoch, m.Version)
	case OpExternalSender:
		return s.takeExternalSender(m.Payload)
	case OpProposals:
		return s.takeProposals(m.Payload)
	case OpAnnounceCommit:
		return s.takeCommit(m.TransitionID, m.Payload)
	case OpWelcome:
		return s.takeWelcome(m.TransitionID, m.Payload)
	}
	return fmt.Errorf("%w: opcode %d is not for members", ErrMalformed, m.Op)
}

// SelectProtocolAck handles dave_protocol_version of op 4: 0 leaves the call in clear, otherwise the session
// sends a key package (op 26) and waits to be added to the group.
func (s *Session) SelectProtocolAck(version uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usableLocked(version); err != nil {
		return err
	}
	s.resetLocked()
	clear(s.transitions)
	s.version = version
	if version == 0 {
		s.media.sendPlain()
		return nil
	}
	s.media.sendNothing()
	s.media.refusePlain()
	return s.joinLocked()
}

// AddUsers handles op 11: these users are in the call. Proposals that came before it are committed now (op 28).
func (s *Session) AddUsers(users ...UserID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	held := s.heldLocked()
	for _, u := range users {
		s.users[u] = true
	}
	if held && !s.heldLocked() {
		return s.commitLocked()
	}
	return nil
}

// RemoveUser handles op 13: the user has left. Frames under way are still decrypted for a few seconds.
func (s *Session) RemoveUser(user UserID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.users[user]; known {
		s.users[user] = false
	}
	s.media.retire(user)
}

// prepareEpoch handles op 24. Epoch 1 means that a new group is about to be made: the session sends a key
// package (op 26). Keys in use stay until the transition that follows is executed. Other epochs need no
// preparation.
func (s *Session) prepareEpoch(epoch uint64, version uint16) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.usableLocked(version); err != nil {
		return err
	}
	if epoch != 1 || version == 0 {
		return nil
	}
	s.resetLocked()
	return s.joinLocked()
}

// takeExternalSender handles op 25: the key by which the gateway proposes (whitepaper, "External Sender").
func (s *Session) takeExternalSender(payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	if len(payload) > MaxMessageSize {
		return fmt.Errorf("%w: external sender of %d bytes", ErrMalformed, len(payload))
	}
	external, err := mls.ParseExternalSender(payload)
	if err != nil {
		return fmt.Errorf("%w: external sender: %w", ErrMalformed, err)
	}
	if s.external != nil && bytes.Equal(s.external.Marshal(), payload) && s.state != nil {
		return nil
	}
	s.external = &external
	if s.established {
		return nil // the group keeps the one it was made with
	}
	return s.makePendingLocked()
}

func (s *Session) usableLocked(version uint16) error {
	if s.closed {
		return ErrClosed
	}
	if version > MaxProtocolVersion {
		return fmt.Errorf("%w: %d", ErrVersion, version)
	}
	return nil
}

// resetLocked leaves the MLS group and forgets what belongs to its epoch, but neither media keys nor key packages.
func (s *Session) resetLocked() {
	s.dropCandidatesLocked(nil)
	if s.state != nil {
		s.state.Erase()
	}
	s.state, s.established, s.proposals, s.lastCommit, s.sender, s.privacyCode = nil, false, nil, nil, nil, ""
}

// dropCandidatesLocked erases the epoch's own commits but the adopted one.
func (s *Session) dropCandidatesLocked(adopted *mls.PendingCommit) {
	for _, c := range s.candidates {
		if c != adopted {
			c.Group.Erase()
		}
	}
	s.candidates = nil
}

// joinLocked sends a fresh key package and, where the external sender is known, makes the pending group from it.
func (s *Session) joinLocked() error {
	identity := binary.BigEndian.AppendUint64(nil, uint64(s.config.User))
	b, err := mls.NewKeyPackage(s.config.SigningKey, mls.BasicCredential(identity), mls.Forever, s.config.Rand)
	if err != nil {
		return fmt.Errorf("dave: make key package: %w", err)
	}
	if len(s.bundles) == maxBundles {
		s.bundles[0].Erase()
		s.bundles = append(s.bundles[:0], s.bundles[1:]...)
	}
	s.bundles = append(s.bundles, b)
	if err := s.makePendingLocked(); err != nil {
		return err
	}
	return s.config.Send(Message{Op: OpKeyPackage, Payload: b.KeyPackage.Marshal()})
}

// makePendingLocked makes the group of one member that an initial commit starts from (whitepaper, "Initial Group Creation").
func (s *Session) makePendingLocked() error {
	if s.external == nil || len(s.bundles) == 0 {
		return nil
	}
	extensions := []mls.Extension{mls.ExternalSendersExtension(*s.external)}
	g, err := mls.NewGroup(s.bundles[len(s.bundles)-1], s.group, extensions, s.config.Rand)
	if err != nil {
		return fmt.Errorf("dave: make pending group: %w", err)
	}
	s.resetLocked()
	s.state = g
	return nil
}
