package mls

import "errors"

// Every refusal wraps one of these, so that errors.Is tells which rule of
// RFC 9420 was broken. No error carries a secret.
var (
	// ErrMalformed: the bytes are not what the presentation language of
	// section 2 prescribes (length, minimal varint, enum, order, trailing bytes).
	ErrMalformed = errors.New("mls: malformed encoding (RFC 9420 section 2)")
	// ErrTooLarge: the bytes are more than one of this package's named limits.
	ErrTooLarge = errors.New("mls: larger than this package accepts")
	// ErrUnsupported: well-formed, but a version, cipher suite, credential or
	// feature that this package or this group doesn't know.
	ErrUnsupported = errors.New("mls: unsupported (RFC 9420 section 5.1, 6 or 13)")

	// ErrSignature: a signature doesn't verify (section 5.1.2).
	ErrSignature = errors.New("mls: signature does not verify (RFC 9420 section 5.1.2)")
	// ErrPublicKey: a key is not a point of the suite's curve (section 5.1).
	ErrPublicKey = errors.New("mls: invalid public key (RFC 9420 section 5.1)")
	// ErrMembershipTag: a member's message lacks a right membership_tag (section 6.2).
	ErrMembershipTag = errors.New("mls: wrong membership tag (RFC 9420 section 6.2)")
	// ErrConfirmationTag: a commit or GroupInfo leads to another epoch than
	// the one its author confirmed (sections 6.1 and 8.1).
	ErrConfirmationTag = errors.New("mls: wrong confirmation tag (RFC 9420 section 8.1)")
	// ErrDecrypt: an HPKE or AEAD ciphertext doesn't open (section 5.1.3).
	ErrDecrypt = errors.New("mls: ciphertext does not open (RFC 9420 section 5.1.3)")

	// ErrWrongGroup: the message is for another group (section 6.1).
	ErrWrongGroup = errors.New("mls: message for another group (RFC 9420 section 6.1)")
	// ErrWrongEpoch: the message is for another epoch (sections 6.1 and 12.4.2).
	ErrWrongEpoch = errors.New("mls: message for another epoch (RFC 9420 section 12.4.2)")
	// ErrSender: the sender is not a member, not one of the external senders,
	// or may not send this (sections 6.1 and 12.1.8).
	ErrSender = errors.New("mls: sender may not send this (RFC 9420 sections 6.1 and 12.1.8)")
	// ErrNotPublicMessage: a handshake message came in another wire format (section 6).
	ErrNotPublicMessage = errors.New("mls: not a PublicMessage (RFC 9420 section 6)")

	// ErrContentType: the message holds another content than was asked for (section 6).
	ErrContentType = errors.New("mls: other content than asked for (RFC 9420 section 6)")

	// ErrKeyPackage: a KeyPackage breaks section 10.1.
	ErrKeyPackage = errors.New("mls: invalid KeyPackage (RFC 9420 section 10.1)")
	// ErrLeafNode: a LeafNode breaks section 7.3.
	ErrLeafNode = errors.New("mls: invalid LeafNode (RFC 9420 section 7.3)")
	// ErrDuplicateKey: an encryption or signature key is already in the tree (section 7.3).
	ErrDuplicateKey = errors.New("mls: key already in the tree (RFC 9420 section 7.3)")
	// ErrTree: a ratchet tree breaks section 7.1, 12.4.3.1 or 12.4.3.3.
	ErrTree = errors.New("mls: invalid ratchet tree (RFC 9420 section 12.4.3)")
	// ErrTreeHash: a GroupInfo's tree is not the one its context names (section 12.4.3.1).
	ErrTreeHash = errors.New("mls: wrong tree hash (RFC 9420 section 12.4.3.1)")
	// ErrParentHash: a parent node is not bound to its descendants (section 7.9.2).
	ErrParentHash = errors.New("mls: wrong parent hash (RFC 9420 section 7.9.2)")

	// ErrProposal: a proposal is invalid by itself (section 12.1).
	ErrProposal = errors.New("mls: invalid proposal (RFC 9420 section 12.1)")
	// ErrProposalList: a commit's proposals are invalid together (section 12.2).
	ErrProposalList = errors.New("mls: invalid list of proposals (RFC 9420 section 12.2)")
	// ErrUnknownProposal: a commit refers to a proposal that was not given (section 12.4.2).
	ErrUnknownProposal = errors.New("mls: commit refers to an unknown proposal (RFC 9420 section 12.4.2)")
	// ErrPathRequired: a commit lacks the path that its proposals demand (section 12.4).
	ErrPathRequired = errors.New("mls: commit lacks its path (RFC 9420 section 12.4)")
	// ErrPath: an UpdatePath doesn't fit the tree or its own keys (sections 7.5, 7.6, 12.4.2).
	ErrPath = errors.New("mls: invalid UpdatePath (RFC 9420 section 12.4.2)")

	// ErrNotAddressed: a Welcome has no entry for the key package (section 12.4.3.1).
	ErrNotAddressed = errors.New("mls: welcome is not for this key package (RFC 9420 section 12.4.3.1)")
	// ErrGroupInfo: a GroupInfo breaks section 12.4.3.1.
	ErrGroupInfo = errors.New("mls: invalid GroupInfo (RFC 9420 section 12.4.3.1)")
	// ErrOwnCommit: the commit is from this member; the state that Commit
	// returned with it is the next epoch (section 14).
	ErrOwnCommit = errors.New("mls: own commit, adopt the state made with it (RFC 9420 section 14)")
	// ErrRemoved: the commit removes this member (section 12.4.2).
	ErrRemoved = errors.New("mls: this member is removed by the commit (RFC 9420 section 12.4.2)")
	// ErrErased: the group's secrets were erased (section 9.2).
	ErrErased = errors.New("mls: group state was erased (RFC 9420 section 9.2)")
)
