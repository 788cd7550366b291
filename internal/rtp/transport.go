package rtp

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/chacha20poly1305"
)

// The transport encryption modes that Discord's voice servers accept, best first. Both authenticate the RTP header and,
// where present, the preamble of the extension ("rtpsize").
const (
	ModeAES256GCM = "aead_aes256_gcm_rtpsize"
	ModeXChaCha20 = "aead_xchacha20_poly1305_rtpsize"
)

// KeySize is the size of a transport key in bytes, in either mode.
const KeySize = 32

// nonceSize is the number of nonce bytes that follow each packet's ciphertext.
const nonceSize = 4

// Errors of the transport.
var (
	ErrNoMode     = errors.New("rtp: no transport encryption in common")
	ErrNotOpened  = errors.New("rtp: transport authentication failed")
	ErrNonceSpent = errors.New("rtp: transport nonces are used up")
)

// Modes lists what this package can do, best first.
func Modes() []string { return []string{ModeAES256GCM, ModeXChaCha20} }

// ChooseMode returns the best mode of offered, or ErrNoMode.
func ChooseMode(offered []string) (string, error) {
	for _, mode := range Modes() {
		if slices.Contains(offered, mode) {
			return mode, nil
		}
	}
	return "", ErrNoMode
}

// Transport seals or opens packets with the key of one session description. It is not safe for concurrent use: sealing and
// opening on two goroutines take two transports of the same key.
type Transport struct {
	aead    cipher.AEAD
	counter uint32
	nonce   [chacha20poly1305.NonceSizeX]byte
}

// NewTransport takes the mode and the key of KeySize bytes of op 4.
func NewTransport(mode string, key []byte) (*Transport, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("rtp: a transport key of %d bytes", len(key))
	}
	var aead cipher.AEAD
	var err error
	switch mode {
	case ModeAES256GCM:
		var block cipher.Block
		if block, err = aes.NewCipher(key); err == nil {
			aead, err = cipher.NewGCM(block)
		}
	case ModeXChaCha20:
		aead, err = chacha20poly1305.NewX(key)
	default:
		return nil, ErrNoMode
	}
	if err != nil {
		return nil, fmt.Errorf("rtp: transport key: %w", err)
	}
	return &Transport{aead: aead}, nil
}

// Seal appends the packet to dst: header, then payload encrypted, then the nonce. The header, extension preamble included,
// is authenticated. A nonce is never used twice; after 2^32-1 packets Seal returns ErrNonceSpent and the session must be
// renewed. payload must not overlap the spare room of dst.
func (t *Transport) Seal(dst, header, payload []byte) ([]byte, error) {
	if t.counter == 1<<32-1 {
		return nil, ErrNonceSpent
	}
	t.counter++
	nonce := t.nonce[:t.aead.NonceSize()]
	clear(nonce)
	binary.BigEndian.PutUint32(nonce, t.counter)
	dst = append(dst, header...)
	dst = t.aead.Seal(dst, nonce, payload, header)
	return append(dst, nonce[:nonceSize]...), nil
}

// Open decrypts packet in place and returns the media payload without extension and padding. Both must be gone before
// end-to-end decryption: padding left on would hide its trailer.
func (t *Transport) Open(packet []byte, h Header) ([]byte, error) {
	if len(packet) < h.ClearSize+t.aead.Overhead()+nonceSize {
		return nil, ErrShort
	}
	body, tail := packet[h.ClearSize:len(packet)-nonceSize], packet[len(packet)-nonceSize:]
	nonce := t.nonce[:t.aead.NonceSize()]
	clear(nonce)
	copy(nonce, tail)
	payload, err := t.aead.Open(body[:0], nonce, body, packet[:h.ClearSize])
	if err != nil {
		return nil, ErrNotOpened
	}
	if len(payload) < h.ExtensionSize {
		return nil, ErrShort
	}
	payload = payload[h.ExtensionSize:]
	if h.Padding {
		if len(payload) == 0 {
			return nil, ErrShort
		}
		n := int(payload[len(payload)-1])
		if n == 0 || n > len(payload) {
			return nil, fmt.Errorf("rtp: %d bytes of padding in a payload of %d", n, len(payload))
		}
		payload = payload[:len(payload)-n]
	}
	return payload, nil
}
