package dave

import (
	"crypto/cipher"
	"slices"
	"sync"
)

// A frameSender encrypts own frames with one epoch's key. There is one per epoch and key, since its counter must
// not restart.
type frameSender struct {
	mu      sync.Mutex
	ratchet hashRatchet
	aead    cipher.AEAD
	counter uint64 // of the last frame; its low 32 bits are the frame's nonce
	nonce   [12]byte
}

func newFrameSender(base [keySize]byte) *frameSender {
	s := &frameSender{ratchet: newHashRatchet(base)}
	s.aead = s.ratchet.aead()
	return s
}

// appendEncrypt appends the protocol frame of an Opus frame: no clear ranges, empty associated data.
func (s *frameSender) appendEncrypt(dst, frame []byte) ([]byte, error) {
	if len(frame) > MaxFrameSize-Overhead {
		return dst, ErrFrameTooLarge
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counter++ // so that the first nonce is 1, as in other implementations
	if generation := uint32(s.counter >> generationShift); generation != s.ratchet.generation {
		s.ratchet.advance(generation)
		s.aead = s.ratchet.aead()
	}
	nonce := uint32(s.counter)
	nonceFor(&s.nonce, nonce)
	dst = slices.Grow(dst, len(frame)+Overhead)
	end := len(dst) + len(frame) + tagSize
	dst = s.aead.Seal(dst, s.nonce[:], frame, nil)
	return appendTrailer(dst[:end], nonce), nil // the tag is GCM's, cut to 8 bytes
}

// erase drops the ratchet's secret. The cipher's own key goes with the garbage collector.
func (s *frameSender) erase() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ratchet.erase()
}
