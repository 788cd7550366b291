package mls

import (
	"crypto/ecdh"
	"crypto/hpke"
	"fmt"
	"io"
)

func (s CipherSuite) kem() hpke.KEM {
	if s == X25519Ed25519 {
		return hpke.DHKEM(ecdh.X25519())
	}
	return hpke.DHKEM(ecdh.P256())
}

// A keyPair is an HPKE key pair, as RFC 9180 serializes it.
type keyPair struct {
	private, public []byte
}

func (k keyPair) clone() keyPair {
	return keyPair{private: append([]byte(nil), k.private...), public: k.public}
}

func (k keyPair) erase() { clear(k.private) }

// deriveKeyPair is DeriveKeyPair of RFC 9180 section 7.1.3.
func (s CipherSuite) deriveKeyPair(ikm []byte) (keyPair, error) {
	k, err := s.kem().DeriveKeyPair(ikm)
	if err != nil {
		return keyPair{}, fmt.Errorf("mls: derive key pair: %w", err)
	}
	private, err := k.Bytes()
	if err != nil {
		return keyPair{}, fmt.Errorf("mls: derive key pair: %w", err)
	}
	return keyPair{private: private, public: k.PublicKey().Bytes()}, nil
}

func (s CipherSuite) generateKey(rand io.Reader) (keyPair, error) {
	ikm, err := randomBytes(rand, 32)
	if err != nil {
		return keyPair{}, err
	}
	defer clear(ikm)
	return s.deriveKeyPair(ikm)
}

func randomBytes(rand io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fmt.Errorf("mls: read randomness: %w", err)
	}
	return b, nil
}

// checkPublicKey refuses an HPKE key that isn't on the suite's curve.
func (s CipherSuite) checkPublicKey(public []byte) error {
	if _, err := s.kem().NewPublicKey(public); err != nil {
		return fmt.Errorf("%w: encryption key", ErrPublicKey)
	}
	return nil
}

// An hpkeCiphertext mirrors HPKECiphertext of section 7.6.
type hpkeCiphertext struct {
	kemOutput, ciphertext []byte
}

func (c hpkeCiphertext) append(b []byte) []byte {
	return appendOpaque(appendOpaque(b, c.kemOutput), c.ciphertext)
}

func readHPKECiphertext(d *decoder) hpkeCiphertext {
	return hpkeCiphertext{kemOutput: d.opaque(), ciphertext: d.opaque()}
}

// encryptContext is EncryptContext of section 5.1.3.
func encryptContext(label string, context []byte) []byte {
	b := make([]byte, 0, len(context)+len(label)+16)
	return appendOpaque(appendOpaque(b, labelPrefix+label), context)
}

// encryptWithLabel is EncryptWithLabel of section 5.1.3.
func (s CipherSuite) encryptWithLabel(public []byte, label string, context, plaintext []byte) (hpkeCiphertext, error) {
	key, err := s.kem().NewPublicKey(public)
	if err != nil {
		return hpkeCiphertext{}, fmt.Errorf("%w: encryption key", ErrPublicKey)
	}
	enc, sender, err := hpke.NewSender(key, hpke.HKDFSHA256(), hpke.AES128GCM(), encryptContext(label, context))
	if err != nil {
		return hpkeCiphertext{}, fmt.Errorf("mls: encrypt %s: %w", label, err)
	}
	ct, err := sender.Seal(nil, plaintext)
	if err != nil {
		return hpkeCiphertext{}, fmt.Errorf("mls: encrypt %s: %w", label, err)
	}
	return hpkeCiphertext{kemOutput: enc, ciphertext: ct}, nil
}

// decryptWithLabel is DecryptWithLabel of section 5.1.3.
func (s CipherSuite) decryptWithLabel(private []byte, label string, context []byte, c hpkeCiphertext) ([]byte, error) {
	key, err := s.kem().NewPrivateKey(private)
	if err != nil {
		return nil, fmt.Errorf("%w: private key for %s", ErrDecrypt, label)
	}
	r, err := hpke.NewRecipient(c.kemOutput, key, hpke.HKDFSHA256(), hpke.AES128GCM(), encryptContext(label, context))
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrDecrypt, label)
	}
	plain, err := r.Open(nil, c.ciphertext)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrDecrypt, label)
	}
	return plain, nil
}
