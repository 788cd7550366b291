package dave

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/mynahbot/mynah/dave/mls"
)

// Why a DeliveryService refused something. Test with errors.Is.
var (
	// ErrUnknownMember: the user is not connected.
	ErrUnknownMember = errors.New("dave: user is not connected")
	// ErrKeyPackage: a key package is not a valid one of the user's (whitepaper, "Key Packages").
	ErrKeyPackage = errors.New("dave: invalid key package")
	// ErrCommit: a commit is not the one that the epoch needs; another may be (whitepaper, "Voice Gateway Commit Validity").
	ErrCommit = errors.New("dave: commit refused")
)

const (
	// DefaultTransitionTimeout is how long members have to get ready for a transition.
	DefaultTransitionTimeout = 2 * time.Second
	// DefaultCommitTimeout is how long a group has to answer proposals before it is made anew.
	DefaultCommitTimeout = 10 * time.Second
)

// A DeliveryConfig says for which call a DeliveryService is. Channel and Send are required.
type DeliveryConfig struct {
	Channel ChannelID

	// Send queues a message for a user. It is called in order, must not wait for the user, and must not call the
	// service's methods.
	Send func(to UserID, m Message)

	// TransitionTimeout and CommitTimeout default to the constants.
	TransitionTimeout, CommitTimeout time.Duration
	// SigningKey is the external sender's; nil makes one for this service.
	SigningKey *mls.SignatureKey
	// Rand is the source of that key; nil is crypto/rand.
	Rand io.Reader
	// Now is the clock of the timeouts; nil is time.Now.
	Now func() time.Time
}

// A DeliveryService is what Discord's voice gateway does for one call: it proposes who comes and goes, chooses
// one commit for each epoch, and hands it out (whitepaper, "Delivery Service"). It learns no key. Its methods may
// be called from several goroutines.
//
// Call Version before op 4 of a connection, Connect after ops 4 and 11 were sent, Handle for ops 23, 26, 28 and 31,
// Disconnect at its end, and Tick when Deadline passes.
type DeliveryService struct {
	config   DeliveryConfig
	group    []byte // the MLS group id
	external mls.ExternalSender

	mu         sync.Mutex
	peers      map[UserID]*peer
	version    uint16   // in force
	target     uint16   // what all clients speak: where the pending transition or the next group leads
	epoch      uint64   // 0 while there is no group
	leaves     []UserID // of the group's tree, 0 for a blank
	proposals  []sentProposal
	commitBy   time.Time // noTime if no commit is awaited
	transition *pendingTransition
	lastID     uint16
}

var noTime time.Time

// peer is a connection.
type peer struct {
	user         UserID
	maxVersion   uint16
	externalSent bool            // op 25
	keyPackage   *mls.KeyPackage // unused, nil if none
	broken       bool            // its leaf must be removed, and it be added again with a new key package
	informed     bool            // of the epoch's proposals so far
	invalid      bool            // op 31 came since the last op 29 or 30
	lastRef      []byte          // of the newest key package, used or not
	identity     []byte          // its signature key
}

// sentProposal is an unrevoked proposal of the epoch.
type sentProposal struct {
	message    []byte
	ref        mls.ProposalRef
	user       UserID
	keyPackage *mls.KeyPackage // of an Add; nil for a Remove
}

type pendingTransition struct {
	id      uint16
	version uint16
	members []UserID        // who were told
	waiting map[UserID]bool // who did not answer yet
	due     time.Time
}

// NewDeliveryService returns the service of a call that nobody is in.
func NewDeliveryService(c DeliveryConfig) (*DeliveryService, error) {
	if c.Channel == 0 || c.Send == nil {
		return nil, errors.New("dave: a delivery service needs Channel and Send")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.TransitionTimeout == 0 {
		c.TransitionTimeout = DefaultTransitionTimeout
	}
	if c.CommitTimeout == 0 {
		c.CommitTimeout = DefaultCommitTimeout
	}
	if c.SigningKey == nil {
		key, err := mls.GenerateSignatureKey(mls.P256, c.Rand)
		if err != nil {
			return nil, fmt.Errorf("dave: make external sender: %w", err)
		}
		c.SigningKey = key
	}
	return &DeliveryService{
		config: c, group: binary.BigEndian.AppendUint64(nil, uint64(c.Channel)), peers: make(map[UserID]*peer),
		// Discord's external sender is called by a single zero byte.
		external: mls.ExternalSender{SignatureKey: c.SigningKey.Public(), Credential: mls.BasicCredential([]byte{0})},
	}, nil
}

// Version returns the dave_protocol_version for op 4 of a client that announced maxVersion in op 0.
func (d *DeliveryService) Version(maxVersion uint16) uint16 {
	d.mu.Lock()
	defer d.mu.Unlock()
	maxVersion = min(maxVersion, MaxProtocolVersion)
	if len(d.peers) == 0 {
		return maxVersion
	}
	return min(maxVersion, d.version, d.target)
}

// Connect adds a user, whose client announced maxVersion, to the call: it gets op 25 now and a group once it has
// sent a key package. A user's earlier connection is replaced. A client without DAVE moves the call to frames in
// clear.
func (d *DeliveryService) Connect(user UserID, maxVersion uint16) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.peers[user] != nil {
		d.disconnectLocked(user)
	}
	p := &peer{user: user, maxVersion: min(maxVersion, MaxProtocolVersion), broken: slices.Contains(d.leaves, user)}
	if len(d.peers) == 0 {
		d.version, d.target = p.maxVersion, p.maxVersion
	}
	d.peers[user] = p
	switch {
	case min(p.maxVersion, d.version, d.target) > 0:
		d.sendExternalLocked(p)
	case min(p.maxVersion, d.target) > 0:
		d.prepareEpochLocked(p) // the others are making the group that ends the call in clear
	}
	d.advanceLocked()
}

// Disconnect removes a user from the call.
func (d *DeliveryService) Disconnect(user UserID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.peers[user] == nil {
		return
	}
	d.disconnectLocked(user)
	d.advanceLocked()
}

func (d *DeliveryService) disconnectLocked(user UserID) {
	delete(d.peers, user)
	if d.transition != nil {
		delete(d.transition.waiting, user)
	}
	switch len(d.peers) {
	case 0:
		d.dropGroupLocked()
		d.transition, d.version, d.target = nil, 0, 0
	case 1:
		if d.epoch > 0 {
			d.resetLocked() // who is left alone starts over, instead of committing removals
		}
	}
}

// Handle takes a client's op 23, 26, 28 or 31. An error says why it had no effect.
func (d *DeliveryService) Handle(from UserID, m Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	p := d.peers[from]
	if p == nil {
		return fmt.Errorf("%w: %v", ErrUnknownMember, from)
	}
	err := d.handleLocked(p, m)
	d.advanceLocked()
	return err
}

func (d *DeliveryService) handleLocked(p *peer, m Message) error {
	switch m.Op {
	case OpTransitionReady:
		if d.transition == nil || d.transition.id != m.TransitionID {
			return fmt.Errorf("%w: ready for unknown transition %d", ErrIgnored, m.TransitionID)
		}
		delete(d.transition.waiting, p.user)
		return nil
	case OpKeyPackage:
		return d.keyPackageLocked(p, m.Payload)
	case OpCommitWelcome:
		return d.commitLocked(p, m.Payload)
	case OpInvalidCommitWelcome:
		if p.invalid {
			return fmt.Errorf("%w: invalid transition reported twice", ErrIgnored)
		}
		p.keyPackage, p.informed, p.broken, p.invalid = nil, false, slices.Contains(d.leaves, p.user), true
		if d.transition != nil {
			delete(d.transition.waiting, p.user)
		}
		return nil
	}
	return fmt.Errorf("%w: opcode %d is not for the gateway", ErrMalformed, m.Op)
}

// keyPackageLocked takes op 26.
func (d *DeliveryService) keyPackageLocked(p *peer, payload []byte) error {
	if len(payload) > MaxMessageSize {
		return fmt.Errorf("%w: %d bytes", ErrKeyPackage, len(payload))
	}
	k, err := mls.ParseKeyPackage(payload)
	if err != nil {
		// The whitepaper has it in an MLSMessage, clients send it bare.
		m, wrapped := mls.ParseMessage(payload)
		if wrapped != nil || m.WireFormat != mls.WireKeyPackage {
			return fmt.Errorf("%w: %w", ErrKeyPackage, err)
		}
		k = m.KeyPackage
	}
	if err := k.Validate(mls.P256); err != nil {
		return fmt.Errorf("%w: %w", ErrKeyPackage, err)
	}
	user, err := userOf(k.LeafNode.Credential)
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrKeyPackage, err)
	case user != p.user:
		return fmt.Errorf("%w: of %v from %v", ErrKeyPackage, user, p.user)
	case k.LeafNode.Lifetime != mls.Forever:
		return fmt.Errorf("%w: it expires", ErrKeyPackage)
	case len(k.Extensions) > 0 || len(k.LeafNode.Extensions) > 0:
		return fmt.Errorf("%w: extensions", ErrKeyPackage)
	}
	ref := k.Ref()
	if bytes.Equal(ref, p.lastRef) {
		return fmt.Errorf("%w: key package sent twice", ErrIgnored)
	}
	p.lastRef, p.identity = ref, k.LeafNode.SignatureKey
	// Who sends another one has started over.
	p.keyPackage, p.informed, p.broken = k, false, slices.Contains(d.leaves, p.user)
	return nil
}

// Deadline returns when Tick has something to do, and whether it ever will as things stand.
func (d *DeliveryService) Deadline() (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	due := d.commitBy
	if d.transition != nil {
		due = d.transition.due
	}
	return due, !due.IsZero()
}

// Tick executes the transition whose members took too long, and starts a group over that does not commit.
func (d *DeliveryService) Tick() {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := d.config.Now()
	if t := d.transition; t != nil && !now.Before(t.due) {
		clear(t.waiting)
	} else if !d.commitBy.IsZero() && !now.Before(d.commitBy) {
		d.resetLocked()
	}
	d.advanceLocked()
}

// Epoch returns the group's epoch, 0 while there is none.
func (d *DeliveryService) Epoch() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.epoch
}

// Settled reports whether every connected user who can be is in the group and no transition is pending.
func (d *DeliveryService) Settled() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.transition == nil && len(d.proposals) == 0
}

func (d *DeliveryService) sendExternalLocked(p *peer) {
	p.externalSent = true
	d.config.Send(p.user, Message{Op: OpExternalSender, Payload: d.external.Marshal()})
}

// sortedLocked lists the connected users in ascending order, so that a run can be repeated.
func (d *DeliveryService) sortedLocked() []*peer {
	ps := make([]*peer, 0, len(d.peers))
	for _, p := range d.peers {
		ps = append(ps, p)
	}
	slices.SortFunc(ps, func(a, b *peer) int { return compareUsers(a.user, b.user) })
	return ps
}
