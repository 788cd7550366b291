package mls

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// ProtocolVersion is mls10, the one version of RFC 9420 section 6.
const ProtocolVersion uint16 = 1

// A CredentialType is one of RFC 9420 section 17.5.
type CredentialType uint16

// CredentialBasic is the credential that states an identity (section 5.3).
const CredentialBasic CredentialType = 1

// A Credential mirrors Credential of RFC 9420 section 5.3. Only basic ones
// are supported: whether the identity is true is for the application to find out.
type Credential struct {
	Type     CredentialType
	Identity []byte
}

// BasicCredential returns the basic credential of an identity.
func BasicCredential(identity []byte) Credential {
	return Credential{Type: CredentialBasic, Identity: identity}
}

func (c Credential) append(b []byte) []byte {
	return appendOpaque(appendUint16(b, uint16(c.Type)), c.Identity)
}

func readCredential(d *decoder) Credential {
	c := Credential{Type: CredentialType(d.uint16())}
	if d.err == nil && c.Type != CredentialBasic {
		d.fail(ErrUnsupported, "credential type %d", c.Type)
	}
	c.Identity = d.opaque()
	return c
}

// Capabilities mirrors Capabilities of RFC 9420 section 7.2. Extensions and
// proposals that the RFC itself defines are not listed.
type Capabilities struct {
	Versions    []uint16
	Suites      []CipherSuite
	Extensions  []ExtensionType
	Proposals   []ProposalType
	Credentials []CredentialType
}

func appendUint16s[T ~uint16](b []byte, vs []T) []byte {
	b = appendVarint(b, 2*len(vs))
	for _, v := range vs {
		b = appendUint16(b, uint16(v))
	}
	return b
}

func readUint16s[T ~uint16](d *decoder) []T {
	in := decoder{b: d.opaque()}
	if len(in.b)%2 != 0 {
		d.fail(ErrMalformed, "odd list of 16-bit values")
		return nil
	}
	vs := make([]T, 0, len(in.b)/2)
	for len(in.b) > 0 {
		vs = append(vs, T(in.uint16()))
	}
	return vs
}

func (c Capabilities) append(b []byte) []byte {
	b = appendUint16s(b, c.Versions)
	b = appendUint16s(b, c.Suites)
	b = appendUint16s(b, c.Extensions)
	b = appendUint16s(b, c.Proposals)
	return appendUint16s(b, c.Credentials)
}

func readCapabilities(d *decoder) Capabilities {
	return Capabilities{
		Versions:    readUint16s[uint16](d),
		Suites:      readUint16s[CipherSuite](d),
		Extensions:  readUint16s[ExtensionType](d),
		Proposals:   readUint16s[ProposalType](d),
		Credentials: readUint16s[CredentialType](d),
	}
}

// A Lifetime mirrors Lifetime of RFC 9420 section 7.2: both ends in seconds
// since 1970, inclusive.
type Lifetime struct {
	NotBefore, NotAfter uint64
}

// Forever is the lifetime that never ends, which DAVE uses.
var Forever = Lifetime{NotBefore: 0, NotAfter: math.MaxUint64}

// Contains reports whether t lies in the lifetime. This package has no clock:
// whoever accepts a key package from outside asks (section 10.1).
func (l Lifetime) Contains(t time.Time) bool {
	s := t.Unix()
	return s >= 0 && l.NotBefore <= uint64(s) && uint64(s) <= l.NotAfter
}

// A LeafNodeSource says how a leaf came into the tree: RFC 9420 section 7.2.
type LeafNodeSource uint8

// The sources of RFC 9420 section 7.2.
const (
	SourceKeyPackage LeafNodeSource = 1
	SourceUpdate     LeafNodeSource = 2
	SourceCommit     LeafNodeSource = 3
)

// A LeafNode mirrors LeafNode of RFC 9420 section 7.2. One that is part of a
// message or a group must not be changed.
type LeafNode struct {
	EncryptionKey []byte // HPKE public key
	SignatureKey  []byte
	Credential    Credential
	Capabilities  Capabilities
	Source        LeafNodeSource
	Lifetime      Lifetime // for SourceKeyPackage
	ParentHash    []byte   // for SourceCommit
	Extensions    []Extension
	Signature     []byte
}

func (l *LeafNode) appendContent(b []byte) []byte {
	b = appendOpaque(b, l.EncryptionKey)
	b = appendOpaque(b, l.SignatureKey)
	b = l.Credential.append(b)
	b = l.Capabilities.append(b)
	b = append(b, byte(l.Source))
	switch l.Source {
	case SourceKeyPackage:
		b = appendUint64(appendUint64(b, l.Lifetime.NotBefore), l.Lifetime.NotAfter)
	case SourceCommit:
		b = appendOpaque(b, l.ParentHash)
	}
	return appendExtensions(b, l.Extensions)
}

func (l *LeafNode) append(b []byte) []byte {
	return appendOpaque(l.appendContent(b), l.Signature)
}

func readLeafNode(d *decoder) *LeafNode {
	l := &LeafNode{
		EncryptionKey: d.opaque(),
		SignatureKey:  d.opaque(),
		Credential:    readCredential(d),
		Capabilities:  readCapabilities(d),
		Source:        LeafNodeSource(d.uint8()),
	}
	switch l.Source {
	case SourceKeyPackage:
		l.Lifetime = Lifetime{NotBefore: d.uint64(), NotAfter: d.uint64()}
	case SourceUpdate:
	case SourceCommit:
		l.ParentHash = d.opaque()
	default:
		d.fail(ErrMalformed, "leaf node source %d", l.Source)
	}
	l.Extensions = readExtensions(d)
	l.Signature = d.opaque()
	return l
}

// signedContent is LeafNodeTBS of section 7.2.
func (l *LeafNode) signedContent(groupID []byte, index LeafIndex) []byte {
	b := l.appendContent(make([]byte, 0, 320))
	if l.Source != SourceKeyPackage {
		b = appendUint32(appendOpaque(b, groupID), uint32(index))
	}
	return b
}

func (l *LeafNode) sign(key *SignatureKey, groupID []byte, index LeafIndex) (err error) {
	l.Signature, err = key.signWithLabel("LeafNodeTBS", l.signedContent(groupID, index))
	return err
}

func (l *LeafNode) verifySignature(suite CipherSuite, groupID []byte, index LeafIndex) error {
	return suite.verifyWithLabel(l.SignatureKey, "LeafNodeTBS", l.signedContent(groupID, index), l.Signature)
}

// validate checks what section 7.3 demands of a leaf by itself and against
// the group's extensions, its signature aside.
func (l *LeafNode) validate(suite CipherSuite, groupExtensions []Extension) error {
	if err := suite.checkPublicKey(l.EncryptionKey); err != nil {
		return err
	}
	c := &l.Capabilities
	switch {
	case !slices.Contains(c.Versions, ProtocolVersion):
		return fmt.Errorf("%w: capabilities lack mls10", ErrLeafNode)
	case !slices.Contains(c.Suites, suite):
		return fmt.Errorf("%w: capabilities lack %v", ErrLeafNode, suite)
	case !slices.Contains(c.Credentials, l.Credential.Type):
		return fmt.Errorf("%w: capabilities lack the leaf's own credential type", ErrLeafNode)
	case l.Source == SourceKeyPackage && l.Lifetime.NotBefore > l.Lifetime.NotAfter:
		return fmt.Errorf("%w: lifetime ends before it starts", ErrLeafNode)
	}
	for _, x := range l.Extensions {
		if !c.supportsExtension(x.Type) {
			return fmt.Errorf("%w: capabilities lack the leaf's own extension %d", ErrLeafNode, x.Type)
		}
	}
	return c.support(groupExtensions)
}

// support checks that a member can be in a group with these extensions:
// sections 7.3, 11.1 and 13.4.
func (c *Capabilities) support(groupExtensions []Extension) error {
	for _, x := range groupExtensions {
		if !c.supportsExtension(x.Type) {
			return fmt.Errorf("%w: capabilities lack the group's extension %d", ErrLeafNode, x.Type)
		}
		if x.Type != ExtensionRequiredCapabilities {
			continue
		}
		r, err := decode(x.Data, readRequiredCapabilities)
		if err != nil {
			return err
		}
		for _, t := range r.extensions {
			if !c.supportsExtension(t) {
				return fmt.Errorf("%w: capabilities lack the required extension %d", ErrLeafNode, t)
			}
		}
		for _, t := range r.proposals {
			if t > lastDefaultProposal && !slices.Contains(c.Proposals, t) {
				return fmt.Errorf("%w: capabilities lack the required proposal %d", ErrLeafNode, t)
			}
		}
		for _, t := range r.credentials {
			if !slices.Contains(c.Credentials, t) {
				return fmt.Errorf("%w: capabilities lack the required credential %d", ErrLeafNode, t)
			}
		}
	}
	return nil
}

func (c *Capabilities) supportsExtension(t ExtensionType) bool {
	return t >= 1 && t <= lastDefaultExtension || slices.Contains(c.Extensions, t)
}
