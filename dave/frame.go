package dave

import (
	"encoding/binary"
	"errors"
)

// The protocol frame (whitepaper, "Payload Format"):
//
//	media | tag [8] | nonce ULEB128 | (offset, length ULEB128)* | size u8 | 0xFA 0xFA
//
// media is the frame with every byte outside the clear ranges encrypted; size counts tag to marker.

const (
	// Overhead is the most bytes that encryption adds to a frame, and the spare capacity with which AppendEncrypt
	// does not allocate.
	Overhead = tagSize + maxNonceSize + 1 + len(marker)

	// MaxFrameSize is the largest frame, in bytes, that is encrypted or decrypted: a UDP datagram holds no more.
	// It bounds the scratch memory that a hostile sender can make a receiver hold.
	MaxFrameSize = 1 << 16

	tagSize      = 8
	maxNonceSize = 5 // a uint32 as ULEB128
	marker       = "\xFA\xFA"
	minTrailer   = tagSize + 1 + 1 + len(marker)
)

// SilenceFrame is the Opus frame of silence, F8 FF FE. Five of them end a stretch of speech. Some clients send
// them in clear, so that receivers always let exactly this frame pass (whitepaper, "Silence Packets").
func SilenceFrame() []byte { return []byte{0xF8, 0xFF, 0xFE} }

func isSilence(frame []byte) bool {
	return len(frame) == 3 && frame[0] == 0xF8 && frame[1] == 0xFF && frame[2] == 0xFE
}

// protocolFrame is a parsed frame; its slices alias the input.
type protocolFrame struct {
	media  []byte
	tag    []byte
	nonce  uint32 // truncated: the low 32 bits
	ranges []byte // ULEB128 pairs, checked
}

var errNotProtocolFrame = errors.New("dave: not a protocol frame")

// parseFrame checks the trailer as the whitepaper's "Protocol Frame Check" lists, and that integers are
// minimally encoded, so that a parsed frame has one encoding.
func parseFrame(b []byte) (protocolFrame, error) {
	if len(b) < minTrailer || string(b[len(b)-len(marker):]) != marker {
		return protocolFrame{}, errNotProtocolFrame
	}
	size := int(b[len(b)-len(marker)-1])
	if size < minTrailer || size > len(b) {
		return protocolFrame{}, errNotProtocolFrame
	}
	trailer := b[len(b)-size:]
	f := protocolFrame{media: b[:len(b)-size], tag: trailer[:tagSize]}
	rest := trailer[tagSize : size-len(marker)-1]
	nonce, n := readULEB128(rest)
	if n == 0 {
		return protocolFrame{}, errNotProtocolFrame
	}
	f.nonce, f.ranges = nonce, rest[n:]
	if !validRanges(f.ranges, len(f.media)) {
		return protocolFrame{}, errNotProtocolFrame
	}
	return f, nil
}

// validRanges reports whether b holds ascending ranges that do not overlap and end within size bytes.
func validRanges(b []byte, size int) bool {
	end := uint64(0)
	for len(b) > 0 {
		offset, length, n := readRange(b)
		if n == 0 || uint64(offset) < end || uint64(offset)+uint64(length) > uint64(size) {
			return false
		}
		end = uint64(offset) + uint64(length)
		b = b[n:]
	}
	return true
}

// readRange returns a range and the bytes it took, 0 if malformed.
func readRange(b []byte) (offset, length uint32, n int) {
	offset, i := readULEB128(b)
	if i == 0 {
		return 0, 0, 0
	}
	length, j := readULEB128(b[i:])
	if j == 0 {
		return 0, 0, 0
	}
	return offset, length, i + j
}

// split appends the frame's encrypted bytes to secret and its clear ones, which are authenticated, to open.
func (f protocolFrame) split(secret, open []byte) (_, _ []byte) {
	at := 0
	for r := f.ranges; len(r) > 0; {
		offset, length, n := readRange(r)
		secret = append(secret, f.media[at:offset]...)
		at = int(offset) + int(length)
		open = append(open, f.media[offset:at]...)
		r = r[n:]
	}
	return append(secret, f.media[at:]...), open
}

// appendJoin appends the media with secret in the places of the encrypted bytes.
func (f protocolFrame) appendJoin(dst, secret []byte) []byte {
	at := 0
	for r := f.ranges; len(r) > 0; {
		offset, length, n := readRange(r)
		gap := int(offset) - at
		dst = append(dst, secret[:gap]...)
		secret = secret[gap:]
		at = int(offset) + int(length)
		dst = append(dst, f.media[offset:at]...)
		r = r[n:]
	}
	return append(dst, secret...)
}

// appendTrailer appends what follows the tag, for a frame without clear ranges.
func appendTrailer(dst []byte, nonce uint32) []byte {
	start := len(dst)
	dst = binary.AppendUvarint(dst, uint64(nonce))
	size := tagSize + len(dst) - start + 1 + len(marker)
	dst = append(dst, byte(size))
	return append(dst, marker...)
}

// readULEB128 reads a minimally encoded 32-bit integer and returns the bytes it took, 0 if there is none.
func readULEB128(b []byte) (uint32, int) {
	v, n := binary.Uvarint(b)
	if n <= 0 || v > 0xFFFFFFFF || n > 1 && b[n-1] == 0 {
		return 0, 0
	}
	return uint32(v), n
}
