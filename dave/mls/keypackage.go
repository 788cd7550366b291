package mls

import (
	"bytes"
	"fmt"
	"io"
)

// A KeyPackage mirrors KeyPackage of RFC 9420 section 10: what a client
// publishes so that others can add it to a group. A parsed one must not be changed.
type KeyPackage struct {
	Version    uint16
	Suite      CipherSuite
	InitKey    []byte // HPKE public key
	LeafNode   *LeafNode
	Extensions []Extension
	Signature  []byte
}

func (k *KeyPackage) appendContent(b []byte) []byte {
	b = appendUint16(b, k.Version)
	b = appendUint16(b, uint16(k.Suite))
	b = appendOpaque(b, k.InitKey)
	b = k.LeafNode.append(b)
	return appendExtensions(b, k.Extensions)
}

func (k *KeyPackage) append(b []byte) []byte {
	return appendOpaque(k.appendContent(b), k.Signature)
}

// Marshal encodes the key package, bare: without an MLSMessage around it.
func (k *KeyPackage) Marshal() []byte { return k.append(nil) }

func readKeyPackage(d *decoder) *KeyPackage {
	return &KeyPackage{
		Version:    d.uint16(),
		Suite:      CipherSuite(d.uint16()),
		InitKey:    d.opaque(),
		LeafNode:   readLeafNode(d),
		Extensions: readExtensions(d),
		Signature:  d.opaque(),
	}
}

// ParseKeyPackage reads a bare key package. It checks the form only: see
// [KeyPackage.Validate].
func ParseKeyPackage(b []byte) (*KeyPackage, error) { return decode(b, readKeyPackage) }

// Ref returns the KeyPackageRef of RFC 9420 section 5.2, by which a Welcome
// names its addressees.
func (k *KeyPackage) Ref() []byte {
	return k.Suite.refHash("MLS 1.0 KeyPackage Reference", k.Marshal())
}

// Validate checks the key package for a group of the suite, both signatures
// included: RFC 9420 sections 10.1 and 7.3. The lifetime is the caller's to
// check, with [Lifetime.Contains], as is whether the credential is true.
func (k *KeyPackage) Validate(suite CipherSuite) error { return k.validate(suite, nil) }

func (k *KeyPackage) validate(suite CipherSuite, groupExtensions []Extension) error {
	if err := suite.check(); err != nil {
		return err
	}
	switch {
	case k.Version != ProtocolVersion:
		return fmt.Errorf("%w: version %d", ErrKeyPackage, k.Version)
	case k.Suite != suite:
		return fmt.Errorf("%w: %v in a group of %v", ErrKeyPackage, k.Suite, suite)
	case k.LeafNode.Source != SourceKeyPackage:
		return fmt.Errorf("%w: leaf node source %d", ErrKeyPackage, k.LeafNode.Source)
	case bytes.Equal(k.InitKey, k.LeafNode.EncryptionKey):
		return fmt.Errorf("%w: init key equals encryption key", ErrKeyPackage)
	}
	if err := suite.checkPublicKey(k.InitKey); err != nil {
		return err
	}
	if err := k.LeafNode.validate(suite, groupExtensions); err != nil {
		return err
	}
	if err := k.LeafNode.verifySignature(suite, nil, 0); err != nil {
		return err
	}
	return suite.verifyWithLabel(k.LeafNode.SignatureKey, "KeyPackageTBS", k.appendContent(nil), k.Signature)
}

// A KeyPackageBundle is a key package with its private keys. It serves one
// group: [NewGroup] or [JoinWelcome]. Nothing prints its secrets.
type KeyPackageBundle struct {
	KeyPackage *KeyPackage

	init   keyPair
	leaf   keyPair
	signer *SignatureKey
}

// NewKeyPackage makes a key package with fresh init and encryption keys from
// rand: no extensions, and capabilities for the signer's suite and basic
// credentials (RFC 9420 sections 7.2 and 10).
func NewKeyPackage(signer *SignatureKey, credential Credential, lifetime Lifetime, rand io.Reader) (*KeyPackageBundle, error) {
	suite := signer.suite
	init, err := suite.generateKey(rand)
	if err != nil {
		return nil, err
	}
	leaf, err := suite.generateKey(rand)
	if err != nil {
		return nil, err
	}
	node := &LeafNode{
		EncryptionKey: leaf.public,
		SignatureKey:  signer.public,
		Credential:    credential,
		Capabilities: Capabilities{
			Versions:    []uint16{ProtocolVersion},
			Suites:      []CipherSuite{suite},
			Credentials: []CredentialType{CredentialBasic},
		},
		Source:   SourceKeyPackage,
		Lifetime: lifetime,
	}
	if err := node.sign(signer, nil, 0); err != nil {
		return nil, err
	}
	k := &KeyPackage{Version: ProtocolVersion, Suite: suite, InitKey: init.public, LeafNode: node}
	if k.Signature, err = signer.signWithLabel("KeyPackageTBS", k.appendContent(nil)); err != nil {
		return nil, err
	}
	return &KeyPackageBundle{KeyPackage: k, init: init, leaf: leaf, signer: signer}, nil
}

// Erase overwrites the init and encryption keys. The signature key stays.
func (b *KeyPackageBundle) Erase() {
	b.init.erase()
	b.leaf.erase()
}

// String names the bundle without its secrets.
func (b *KeyPackageBundle) String() string { return "key package bundle" }

// Format prints what String returns, whatever the verb.
func (b *KeyPackageBundle) Format(f fmt.State, _ rune) { io.WriteString(f, b.String()) }
