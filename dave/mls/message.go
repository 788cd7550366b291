package mls

import (
	"fmt"
)

// A WireFormat is one of RFC 9420 section 17.2.
type WireFormat uint16

// The wire formats of RFC 9420 section 17.2.
const (
	WirePublicMessage  WireFormat = 1
	WirePrivateMessage WireFormat = 2
	WireWelcome        WireFormat = 3
	WireGroupInfo      WireFormat = 4
	WireKeyPackage     WireFormat = 5
)

// A ContentType is one of RFC 9420 section 6.
type ContentType uint8

// The content types of RFC 9420 section 6.
const (
	ContentApplication ContentType = 1
	ContentProposal    ContentType = 2
	ContentCommit      ContentType = 3
)

// A SenderType is one of RFC 9420 section 6.
type SenderType uint8

// The senders of RFC 9420 section 6.
const (
	SenderMember            SenderType = 1
	SenderExternal          SenderType = 2
	SenderNewMemberProposal SenderType = 3
	SenderNewMemberCommit   SenderType = 4
)

// A Sender mirrors Sender of RFC 9420 section 6.
type Sender struct {
	Type  SenderType
	Index uint32 // of the leaf for a member, into external_senders for an external sender
}

// Leaf returns the leaf index of a sender that is a member.
func (s Sender) Leaf() LeafIndex { return LeafIndex(s.Index) }

func (s Sender) append(b []byte) []byte {
	b = append(b, byte(s.Type))
	if s.Type == SenderMember || s.Type == SenderExternal {
		b = appendUint32(b, s.Index)
	}
	return b
}

func readSender(d *decoder) Sender {
	s := Sender{Type: SenderType(d.uint8())}
	switch s.Type {
	case SenderMember, SenderExternal:
		s.Index = d.uint32()
	case SenderNewMemberProposal, SenderNewMemberCommit:
	default:
		d.fail(ErrMalformed, "sender type %d", s.Type)
	}
	return s
}

// FramedContent mirrors FramedContent of RFC 9420 section 6.
type FramedContent struct {
	GroupID           []byte
	Epoch             uint64
	Sender            Sender
	AuthenticatedData []byte
	ContentType       ContentType
	Application       []byte    // for ContentApplication
	Proposal          *Proposal // for ContentProposal
	Commit            *Commit   // for ContentCommit
}

func (c *FramedContent) append(b []byte) []byte {
	b = appendOpaque(b, c.GroupID)
	b = appendUint64(b, c.Epoch)
	b = c.Sender.append(b)
	b = appendOpaque(b, c.AuthenticatedData)
	b = append(b, byte(c.ContentType))
	switch c.ContentType {
	case ContentProposal:
		return c.Proposal.append(b)
	case ContentCommit:
		return c.Commit.append(b)
	}
	return appendOpaque(b, c.Application)
}

func readFramedContent(d *decoder) (c FramedContent) {
	c = FramedContent{
		GroupID: d.opaque(), Epoch: d.uint64(), Sender: readSender(d),
		AuthenticatedData: d.opaque(), ContentType: ContentType(d.uint8()),
	}
	switch c.ContentType {
	case ContentApplication:
		c.Application = d.opaque()
	case ContentProposal:
		c.Proposal = readProposal(d)
	case ContentCommit:
		c.Commit = readCommit(d)
	default:
		d.fail(ErrMalformed, "content type %d", c.ContentType)
	}
	return c
}

// authenticatedContent mirrors AuthenticatedContent of section 6. The
// encoding of its content is kept, since signature, tag, transcript and
// reference all cover it.
type authenticatedContent struct {
	wireFormat      WireFormat
	content         FramedContent
	encoded         []byte // content
	signature       []byte
	confirmationTag []byte // of a commit
}

// appendAuth appends FramedContentAuthData: section 6.1.
func (a *authenticatedContent) appendAuth(b []byte) []byte {
	b = appendOpaque(b, a.signature)
	if a.content.ContentType == ContentCommit {
		b = appendOpaque(b, a.confirmationTag)
	}
	return b
}

// signedContent is FramedContentTBS of section 6.1. The context, encoded, is
// covered only where the sender knows it.
func (a *authenticatedContent) signedContent(groupContext []byte) []byte {
	b := make([]byte, 0, 4+len(a.encoded)+len(groupContext))
	b = appendUint16(b, ProtocolVersion)
	b = appendUint16(b, uint16(a.wireFormat))
	b = append(b, a.encoded...)
	switch a.content.Sender.Type {
	case SenderMember, SenderNewMemberCommit:
		b = append(b, groupContext...)
	}
	return b
}

func (a *authenticatedContent) sign(key *SignatureKey, groupContext []byte) (err error) {
	a.signature, err = key.signWithLabel("FramedContentTBS", a.signedContent(groupContext))
	return err
}

func (a *authenticatedContent) verifySignature(suite CipherSuite, public, groupContext []byte) error {
	return suite.verifyWithLabel(public, "FramedContentTBS", a.signedContent(groupContext), a.signature)
}

// membershipTag is the tag of a member's PublicMessage: section 6.2.
func (a *authenticatedContent) membershipTag(suite CipherSuite, key, groupContext []byte) []byte {
	return suite.mac(key, a.appendAuth(a.signedContent(groupContext)))
}

// ref is MakeProposalRef of section 5.2.
func (a *authenticatedContent) ref(suite CipherSuite) ProposalRef {
	b := make([]byte, 0, 128+len(a.encoded))
	b = append(appendUint16(b, uint16(a.wireFormat)), a.encoded...)
	return suite.refHash("MLS 1.0 Proposal Reference", a.appendAuth(b))
}

// transcriptInput is ConfirmedTranscriptHashInput of section 8.2.
func (a *authenticatedContent) transcriptInput() []byte {
	b := make([]byte, 0, 128+len(a.encoded))
	b = append(appendUint16(b, uint16(a.wireFormat)), a.encoded...)
	return appendOpaque(b, a.signature)
}

// A PublicMessage mirrors PublicMessage of RFC 9420 section 6.2. It comes from
// [ParseMessage] or [ReadMessage], and must not be changed.
type PublicMessage struct {
	Content FramedContent

	auth          authenticatedContent
	membershipTag []byte // of a member's message
}

func newPublicMessage(a authenticatedContent, membershipTag []byte) *PublicMessage {
	return &PublicMessage{Content: a.content, auth: a, membershipTag: membershipTag}
}

func (m *PublicMessage) append(b []byte) []byte {
	b = append(b, m.auth.encoded...)
	b = m.auth.appendAuth(b)
	if m.Content.Sender.Type == SenderMember {
		b = appendOpaque(b, m.membershipTag)
	}
	return b
}

func readPublicMessage(d *decoder) *PublicMessage {
	m := new(PublicMessage)
	start := d.b
	m.Content = readFramedContent(d)
	m.auth = authenticatedContent{wireFormat: WirePublicMessage, content: m.Content, encoded: start[:len(start)-len(d.b)]}
	m.auth.signature = d.opaque()
	if m.Content.ContentType == ContentCommit {
		m.auth.confirmationTag = d.opaque()
	}
	if m.Content.Sender.Type == SenderMember {
		m.membershipTag = d.opaque()
	}
	return m
}

// ProposalRef returns the reference by which commits name the proposal in m,
// for whoever keeps a group's proposals without being a member: RFC 9420
// section 5.2. It is nil where m holds no proposal.
func (m *PublicMessage) ProposalRef(suite CipherSuite) ProposalRef {
	if m.Content.ContentType != ContentProposal {
		return nil
	}
	return m.auth.ref(suite)
}

// VerifyExternal checks the signature of an external sender's message: RFC
// 9420 sections 6.1 and 12.1.8.
func (m *PublicMessage) VerifyExternal(suite CipherSuite, sender ExternalSender) error {
	if m.Content.Sender.Type != SenderExternal {
		return fmt.Errorf("%w: sender type %d is not external", ErrSender, m.Content.Sender.Type)
	}
	return m.auth.verifySignature(suite, sender.SignatureKey, nil)
}

// privateMessage mirrors PrivateMessage of section 6.3. It is parsed so that
// an MLSMessage of any kind is, and never opened.
type privateMessage struct {
	groupID             []byte
	epoch               uint64
	contentType         ContentType
	authenticatedData   []byte
	encryptedSenderData []byte
	ciphertext          []byte
}

func (m *privateMessage) append(b []byte) []byte {
	b = appendUint64(appendOpaque(b, m.groupID), m.epoch)
	b = appendOpaque(append(b, byte(m.contentType)), m.authenticatedData)
	return appendOpaque(appendOpaque(b, m.encryptedSenderData), m.ciphertext)
}

func readPrivateMessage(d *decoder) *privateMessage {
	m := &privateMessage{groupID: d.opaque(), epoch: d.uint64(), contentType: ContentType(d.uint8())}
	if m.contentType < ContentApplication || m.contentType > ContentCommit {
		d.fail(ErrMalformed, "content type %d", m.contentType)
	}
	m.authenticatedData, m.encryptedSenderData, m.ciphertext = d.opaque(), d.opaque(), d.opaque()
	return m
}

// A Message mirrors MLSMessage of RFC 9420 section 6: the field named by its
// wire format is set. A PrivateMessage is recognised and kept, not opened.
type Message struct {
	WireFormat WireFormat
	Public     *PublicMessage
	Welcome    *Welcome
	GroupInfo  *GroupInfo
	KeyPackage *KeyPackage

	private *privateMessage
}

// Marshal encodes the message.
func (m *Message) Marshal() []byte {
	b := appendUint16(make([]byte, 0, 512), ProtocolVersion)
	b = appendUint16(b, uint16(m.WireFormat))
	switch m.WireFormat {
	case WirePublicMessage:
		return m.Public.append(b)
	case WirePrivateMessage:
		return m.private.append(b)
	case WireWelcome:
		return m.Welcome.append(b)
	case WireGroupInfo:
		return m.GroupInfo.append(b)
	}
	return m.KeyPackage.append(b)
}

func readMessage(d *decoder) *Message {
	if v := d.uint16(); d.err == nil && v != ProtocolVersion {
		d.fail(ErrUnsupported, "protocol version %d", v)
	}
	m := &Message{WireFormat: WireFormat(d.uint16())}
	switch m.WireFormat {
	case WirePublicMessage:
		m.Public = readPublicMessage(d)
	case WirePrivateMessage:
		m.private = readPrivateMessage(d)
	case WireWelcome:
		m.Welcome = readWelcome(d)
	case WireGroupInfo:
		m.GroupInfo = readGroupInfo(d)
	case WireKeyPackage:
		m.KeyPackage = readKeyPackage(d)
	default:
		d.fail(ErrUnsupported, "wire format %d", m.WireFormat)
	}
	return m
}

// ParseMessage reads one MLSMessage that fills b: RFC 9420 section 6.
func ParseMessage(b []byte) (*Message, error) { return decode(b, readMessage) }

// ReadMessage reads the MLSMessage at the start of b and returns what follows
// it, for protocols that put nothing in between.
func ReadMessage(b []byte) (m *Message, rest []byte, err error) { return decodePrefix(b, readMessage) }

// parsePublicMessage reads an MLSMessage that must be a PublicMessage.
func parsePublicMessage(b []byte) (*PublicMessage, error) {
	m, err := ParseMessage(b)
	if err != nil {
		return nil, err
	}
	if m.WireFormat != WirePublicMessage {
		return nil, fmt.Errorf("%w: wire format %d", ErrNotPublicMessage, m.WireFormat)
	}
	return m.Public, nil
}
