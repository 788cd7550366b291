package mls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"fmt"
	"io"
)

// signContent is SignContent of section 5.1.2.
func signContent(label string, content []byte) []byte {
	b := make([]byte, 0, len(content)+len(label)+16)
	return appendOpaque(appendOpaque(b, labelPrefix+label), content)
}

// verifyWithLabel is VerifyWithLabel of section 5.1.2.
func (s CipherSuite) verifyWithLabel(public []byte, label string, content, signature []byte) error {
	message := signContent(label, content)
	if s == X25519Ed25519 {
		if len(public) != ed25519.PublicKeySize {
			return fmt.Errorf("%w: signature key of %d bytes", ErrPublicKey, len(public))
		}
		if !ed25519.Verify(public, message, signature) {
			return fmt.Errorf("%w: %s", ErrSignature, label)
		}
		return nil
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), public)
	if err != nil {
		return fmt.Errorf("%w: signature key", ErrPublicKey)
	}
	digest := sha256.Sum256(message)
	if !ecdsa.VerifyASN1(key, digest[:], signature) {
		return fmt.Errorf("%w: %s", ErrSignature, label)
	}
	return nil
}

// A SignatureKey is a client's private signature key (RFC 9420 section 5.1.1).
// It may serve many key packages and groups, and several goroutines at once.
// Nothing prints it.
type SignatureKey struct {
	suite   CipherSuite
	public  []byte
	ecdsa   *ecdsa.PrivateKey
	ed25519 ed25519.PrivateKey
}

// GenerateSignatureKey makes a new key from 32 bytes of rand.
func GenerateSignatureKey(suite CipherSuite, rand io.Reader) (*SignatureKey, error) {
	if err := suite.check(); err != nil {
		return nil, err
	}
	if suite == X25519Ed25519 {
		seed := make([]byte, ed25519.SeedSize)
		if _, err := io.ReadFull(rand, seed); err != nil {
			return nil, fmt.Errorf("mls: generate signature key: %w", err)
		}
		return ParseSignatureKey(suite, seed)
	}
	// HPKE's DeriveKeyPair (RFC 9180 section 7.1.3) gives a uniform scalar of
	// the curve; crypto/ecdsa would not use a reader of the caller's.
	k, err := suite.generateKey(rand)
	if err != nil {
		return nil, err
	}
	defer clear(k.private)
	return ParseSignatureKey(suite, k.private)
}

// ParseSignatureKey reads what [SignatureKey.Bytes] wrote.
func ParseSignatureKey(suite CipherSuite, private []byte) (*SignatureKey, error) {
	if err := suite.check(); err != nil {
		return nil, err
	}
	if suite == X25519Ed25519 {
		if len(private) != ed25519.SeedSize {
			return nil, fmt.Errorf("%w: Ed25519 seed of %d bytes", ErrMalformed, len(private))
		}
		k := ed25519.NewKeyFromSeed(private)
		return &SignatureKey{suite: suite, public: k.Public().(ed25519.PublicKey), ed25519: k}, nil
	}
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), private)
	if err != nil {
		return nil, fmt.Errorf("%w: P-256 private key", ErrMalformed)
	}
	public, err := k.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("%w: P-256 private key", ErrMalformed)
	}
	return &SignatureKey{suite: suite, public: public, ecdsa: k}, nil
}

// Suite returns the suite whose signatures the key makes.
func (k *SignatureKey) Suite() CipherSuite { return k.suite }

// Public returns the SignaturePublicKey: for P-256 the 65 bytes of the
// uncompressed point (RFC 9420 section 5.1.1). It must not be changed.
func (k *SignatureKey) Public() []byte { return k.public }

// Bytes returns the private key, to be kept as a secret: 32 bytes, the scalar
// of P-256 or the seed of Ed25519.
func (k *SignatureKey) Bytes() []byte {
	if k.ed25519 != nil {
		return k.ed25519.Seed()
	}
	b, err := k.ecdsa.Bytes()
	if err != nil {
		panic(err) // the key was parsed or generated here
	}
	return b
}

// String names the key without its secret.
func (k *SignatureKey) String() string { return fmt.Sprintf("signature key of %v", k.suite) }

// Format prints what String returns, whatever the verb.
func (k *SignatureKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

// signWithLabel is SignWithLabel of section 5.1.2. ECDSA signatures are
// deterministic (RFC 6979), in DER.
func (k *SignatureKey) signWithLabel(label string, content []byte) ([]byte, error) {
	message := signContent(label, content)
	if k.ed25519 != nil {
		return ed25519.Sign(k.ed25519, message), nil
	}
	digest := sha256.Sum256(message)
	sig, err := k.ecdsa.Sign(nil, digest[:], crypto.SHA256)
	if err != nil {
		return nil, fmt.Errorf("mls: sign: %w", err)
	}
	return sig, nil
}
