package dave

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"

	"github.com/mynahbot/mynah/dave/mls"
)

const (
	keySize = 16 // AES-128

	// generationShift: a key serves 2^24 frames; the nonce's top byte is the generation's low byte
	// (whitepaper, "Sender Key Derivation").
	generationShift = 24
)

// A hashRatchet yields one sender's keys in order (RFC 9420 section 9.1, without the nonces). It erases what it
// leaves behind.
type hashRatchet struct {
	generation uint32
	secret     []byte
}

// newHashRatchet takes the sender's exported base secret.
func newHashRatchet(base [keySize]byte) hashRatchet {
	return hashRatchet{secret: append([]byte(nil), base[:]...)}
}

func (r *hashRatchet) clone() hashRatchet {
	return hashRatchet{r.generation, append([]byte(nil), r.secret...)}
}

// advance moves to a later generation; generation must not be behind.
func (r *hashRatchet) advance(generation uint32) {
	for r.generation < generation {
		next := mls.P256.DeriveTreeSecret(r.secret, "secret", r.generation, sha256.Size)
		clear(r.secret)
		r.secret = next
		r.generation++
	}
}

// aead returns the current generation's cipher.
func (r *hashRatchet) aead() cipher.AEAD {
	key := mls.P256.DeriveTreeSecret(r.secret, "key", r.generation, keySize)
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key's length is fixed
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err) // AES has the block size that GCM wants
	}
	return gcm
}

func (r *hashRatchet) erase() { clear(r.secret) }

// nonceFor fills the 12-byte nonce: eight zeros and the truncated nonce, little-endian
// (whitepaper, "Truncated synchronization nonce").
func nonceFor(full *[12]byte, truncated uint32) {
	binary.LittleEndian.PutUint32(full[8:], truncated)
}
