package mls

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
)

// A CipherSuite is one of the suites of RFC 9420 section 5.1 and 17.1. All
// that this package knows hash with SHA-256, encrypt with AES-128-GCM and
// derive with HKDF-SHA256.
type CipherSuite uint16

const (
	// X25519Ed25519 is MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519.
	X25519Ed25519 CipherSuite = 1
	// P256 is MLS_128_DHKEMP256_AES128GCM_SHA256_P256, the suite of DAVE.
	P256 CipherSuite = 2
)

const (
	hashSize  = sha256.Size // KDF.Nh in bytes
	keySize   = 16          // AEAD.Nk in bytes
	nonceSize = 12          // AEAD.Nn in bytes

	labelPrefix = "MLS 1.0 " // of every label: sections 5.1.2, 5.1.3 and 8
)

func (s CipherSuite) String() string {
	switch s {
	case X25519Ed25519:
		return "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"
	case P256:
		return "MLS_128_DHKEMP256_AES128GCM_SHA256_P256"
	}
	return fmt.Sprintf("cipher suite %d", uint16(s))
}

// check refuses a suite that this package doesn't know.
func (s CipherSuite) check() error {
	if s != X25519Ed25519 && s != P256 {
		return fmt.Errorf("%w: %v", ErrUnsupported, s)
	}
	return nil
}

// hash is the suite's hash function: section 5.1.
func (s CipherSuite) hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(make([]byte, 0, hashSize))
}

// mac is the suite's MAC, HMAC with its hash: section 5.1.
func (s CipherSuite) mac(key, content []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(content)
	return m.Sum(make([]byte, 0, hashSize))
}

// equal compares tags in constant time.
func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// refHash is RefHash of section 5.2.
func (s CipherSuite) refHash(label string, value []byte) []byte {
	return s.hash(appendOpaque(nil, label), appendVarint(nil, len(value)), value)
}

// extract is KDF.Extract of section 8.
func (s CipherSuite) extract(salt, ikm []byte) []byte {
	prk, err := hkdf.Extract(sha256.New, ikm, salt)
	if err != nil {
		panic(err) // only in FIPS mode, for keys shorter than MLS ever uses
	}
	return prk
}

// ExpandWithLabel is ExpandWithLabel of RFC 9420 section 8: n bytes derived
// from secret. It panics when n is not in 0..8160, which HKDF-SHA256 can't give.
func (s CipherSuite) ExpandWithLabel(secret []byte, label string, context []byte, n int) []byte {
	info := appendUint16(make([]byte, 0, 64+len(context)), uint16(n))
	info = appendOpaque(info, labelPrefix+label)
	info = appendOpaque(info, context)
	out, err := hkdf.Expand(sha256.New, secret, string(info), n)
	if err != nil {
		panic(fmt.Sprintf("mls: expand to %d bytes: %v", n, err))
	}
	return out
}

// deriveSecret is DeriveSecret of section 8.
func (s CipherSuite) deriveSecret(secret []byte, label string) []byte {
	return s.ExpandWithLabel(secret, label, nil, hashSize)
}

// DeriveTreeSecret is DeriveTreeSecret of RFC 9420 section 9: n bytes derived
// from secret for a label and a generation.
func (s CipherSuite) DeriveTreeSecret(secret []byte, label string, generation uint32, n int) []byte {
	return s.ExpandWithLabel(secret, label, appendUint32(nil, generation), n)
}

// aead returns the suite's AEAD for a key of keySize bytes: section 5.1.
func (s CipherSuite) aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // keySize is a size of AES
	}
	a, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return a
}
