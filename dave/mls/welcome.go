package mls

import (
	"bytes"
	"fmt"
)

// A Welcome mirrors Welcome of RFC 9420 section 12.4.3. A parsed one must not
// be changed.
type Welcome struct {
	Suite              CipherSuite
	Secrets            []EncryptedGroupSecrets
	encryptedGroupInfo []byte
}

// EncryptedGroupSecrets mirrors EncryptedGroupSecrets of RFC 9420 section 12.4.3.
type EncryptedGroupSecrets struct {
	NewMember []byte // KeyPackageRef: see [KeyPackage.Ref]
	secrets   hpkeCiphertext
}

func (w *Welcome) append(b []byte) []byte {
	b = appendUint16(b, uint16(w.Suite))
	b = appendVector(b, w.Secrets, func(b []byte, s EncryptedGroupSecrets) []byte {
		return s.secrets.append(appendOpaque(b, s.NewMember))
	})
	return appendOpaque(b, w.encryptedGroupInfo)
}

// Marshal encodes the welcome, bare: without an MLSMessage around it.
func (w *Welcome) Marshal() []byte { return w.append(nil) }

func readWelcome(d *decoder) *Welcome {
	return &Welcome{
		Suite: CipherSuite(d.uint16()),
		Secrets: vector(d, MaxLeaves, func(d *decoder) EncryptedGroupSecrets {
			return EncryptedGroupSecrets{NewMember: d.opaque(), secrets: readHPKECiphertext(d)}
		}),
		encryptedGroupInfo: d.opaque(),
	}
}

// ParseWelcome reads a bare welcome.
func ParseWelcome(b []byte) (*Welcome, error) { return decode(b, readWelcome) }

// For returns the welcome cut down to the one entry for a key package, for a
// delivery service that sends each new member only its own. The error is
// [ErrNotAddressed] if there is none.
func (w *Welcome) For(keyPackageRef []byte) (*Welcome, error) {
	for i, s := range w.Secrets {
		if bytes.Equal(s.NewMember, keyPackageRef) {
			return &Welcome{Suite: w.Suite, Secrets: w.Secrets[i : i+1 : i+1], encryptedGroupInfo: w.encryptedGroupInfo}, nil
		}
	}
	return nil, ErrNotAddressed
}

// groupSecrets mirrors GroupSecrets of section 12.4.3.
type groupSecrets struct {
	joinerSecret []byte
	pathSecret   []byte // nil if absent
	psks         []PreSharedKeyID
}

func (s *groupSecrets) append(b []byte) []byte {
	b = appendOpaque(b, s.joinerSecret)
	b = appendOptional(b, s.pathSecret != nil)
	if s.pathSecret != nil {
		b = appendOpaque(b, s.pathSecret)
	}
	return appendVector(b, s.psks, func(b []byte, p PreSharedKeyID) []byte { return p.append(b) })
}

func readGroupSecrets(d *decoder) *groupSecrets {
	s := &groupSecrets{joinerSecret: d.opaque()}
	if d.optional() {
		s.pathSecret = d.opaque()
	}
	s.psks = vector(d, maxProposals, readPreSharedKeyID)
	return s
}

func (s *groupSecrets) erase() {
	clear(s.joinerSecret)
	clear(s.pathSecret)
}

// A GroupInfo mirrors GroupInfo of RFC 9420 section 12.4.3.
type GroupInfo struct {
	Context         GroupContext
	Extensions      []Extension
	ConfirmationTag []byte
	Signer          LeafIndex
	Signature       []byte
}

func (g *GroupInfo) appendContent(b []byte) []byte {
	b = g.Context.append(b)
	b = appendExtensions(b, g.Extensions)
	return appendUint32(appendOpaque(b, g.ConfirmationTag), uint32(g.Signer))
}

func (g *GroupInfo) append(b []byte) []byte {
	return appendOpaque(g.appendContent(b), g.Signature)
}

func readGroupInfo(d *decoder) *GroupInfo {
	return &GroupInfo{
		Context: readGroupContext(d), Extensions: readExtensions(d), ConfirmationTag: d.opaque(),
		Signer: LeafIndex(d.uint32()), Signature: d.opaque(),
	}
}

func (g *GroupInfo) sign(key *SignatureKey) (err error) {
	g.Signature, err = key.signWithLabel("GroupInfoTBS", g.appendContent(nil))
	return err
}

func (g *GroupInfo) verifySignature(suite CipherSuite, public []byte) error {
	return suite.verifyWithLabel(public, "GroupInfoTBS", g.appendContent(nil), g.Signature)
}

// welcomeKeys are the AEAD's key and nonce for the GroupInfo: section 12.4.3.
func (s CipherSuite) welcomeKeys(memberSecret []byte) (key, nonce []byte) {
	secret := s.welcomeSecret(memberSecret)
	defer clear(secret)
	return s.ExpandWithLabel(secret, "key", nil, keySize), s.ExpandWithLabel(secret, "nonce", nil, nonceSize)
}

// A newMember is somebody whom a commit adds.
type newMember struct {
	keyPackage *KeyPackage
	pathSecret []byte // nil if the commit has no path
}

// sealWelcome encrypts a GroupInfo and the secrets of its epoch: section 12.4.3.1.
func sealWelcome(info *GroupInfo, joinerSecret, memberSecret []byte, psks []PreSharedKeyID, to []newMember) (*Welcome, error) {
	suite := info.Context.Suite
	key, nonce := suite.welcomeKeys(memberSecret)
	w := &Welcome{
		Suite:              suite,
		Secrets:            make([]EncryptedGroupSecrets, len(to)),
		encryptedGroupInfo: suite.aead(key).Seal(nil, nonce, info.append(nil), nil),
	}
	err := parallel(len(to), func(i int) error {
		secrets := groupSecrets{joinerSecret: joinerSecret, pathSecret: to[i].pathSecret, psks: psks}
		plain := secrets.append(nil)
		defer clear(plain)
		c, err := suite.encryptWithLabel(to[i].keyPackage.InitKey, "Welcome", w.encryptedGroupInfo, plain)
		w.Secrets[i] = EncryptedGroupSecrets{NewMember: to[i].keyPackage.Ref(), secrets: c}
		return err
	})
	return w, err
}

// openSecrets decrypts the entry for a key package: section 12.4.3.1.
func (w *Welcome) openSecrets(b *KeyPackageBundle) (*groupSecrets, error) {
	if w.Suite != b.KeyPackage.Suite {
		return nil, fmt.Errorf("%w: welcome of %v for a key package of %v", ErrNotAddressed, w.Suite, b.KeyPackage.Suite)
	}
	one, err := w.For(b.KeyPackage.Ref())
	if err != nil {
		return nil, err
	}
	plain, err := w.Suite.decryptWithLabel(b.init.private, "Welcome", w.encryptedGroupInfo, one.Secrets[0].secrets)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	s, err := decode(plain, readGroupSecrets)
	if err != nil {
		return nil, fmt.Errorf("group secrets: %w", err)
	}
	return s, nil
}

// openGroupInfo decrypts the GroupInfo: section 12.4.3.1.
func (w *Welcome) openGroupInfo(memberSecret []byte) (*GroupInfo, error) {
	key, nonce := w.Suite.welcomeKeys(memberSecret)
	plain, err := w.Suite.aead(key).Open(nil, nonce, w.encryptedGroupInfo, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: group info", ErrDecrypt)
	}
	info, err := decode(plain, readGroupInfo)
	if err != nil {
		return nil, fmt.Errorf("group info: %w", err)
	}
	return info, nil
}
