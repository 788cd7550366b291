// Package rtp reads, writes and encrypts the media packets of Discord's voice servers: RTP (RFC 3550) with Opus, encrypted
// by one of the "rtpsize" modes. It opens no socket; clients and servers share it.
//
// A sender keeps a Transport for sealing and calls PutHeader and Seal for each frame; a receiver keeps another one of the
// same key and calls ParseHeader and Open for each packet. End-to-end encryption (package dave) is inside: it is applied
// before Seal and undone after Open.
package rtp

import (
	"encoding/binary"
	"errors"
)

// Constants of the packets. A frame of 20 ms advances the timestamp by FrameSamples.
const (
	HeaderSize   = 12
	PayloadOpus  = 120
	FrameSamples = 960
	MaxPacket    = 2048 // larger ones are nobody's

	version       = 2
	rtcpFirst     = 200 // RTCP packet types (RFC 3550, section 12.1) share the socket
	rtcpLast      = 206
	preambleSize  = 4
	wordSize      = 4
	maskPadding   = 0x20
	maskExtension = 0x10
	maskCSRCCount = 0x0f
	maskPayload   = 0x7f
)

// Errors of ParseHeader and Open.
var (
	ErrNotRTP = errors.New("rtp: not an RTP packet")
	ErrRTCP   = errors.New("rtp: an RTCP packet")
	ErrShort  = errors.New("rtp: packet too short")
)

// Header is the part of an RTP header that receiving needs (RFC 3550, section 5.1).
type Header struct {
	Sequence  uint16
	Timestamp uint32 // in samples of 48 kHz
	SSRC      uint32
	Payload   uint8
	Padding   bool
	// ClearSize is the number of leading bytes in clear: header, CSRCs and the preamble of the extension (RFC 8285). They
	// are the additional authenticated data of the transport.
	ClearSize int
	// ExtensionSize is the number of encrypted extension bytes that stand before the payload.
	ExtensionSize int
}

// ParseHeader reads the clear part of packet. It refuses what is no RTP and what is RTCP.
func ParseHeader(packet []byte) (Header, error) {
	var h Header
	if len(packet) < HeaderSize || packet[0]>>6 != version {
		return h, ErrNotRTP
	}
	if packet[1] >= rtcpFirst && packet[1] <= rtcpLast {
		return h, ErrRTCP
	}
	h.Padding = packet[0]&maskPadding != 0
	h.Payload = packet[1] & maskPayload
	h.Sequence = binary.BigEndian.Uint16(packet[2:])
	h.Timestamp = binary.BigEndian.Uint32(packet[4:])
	h.SSRC = binary.BigEndian.Uint32(packet[8:])
	h.ClearSize = HeaderSize + wordSize*int(packet[0]&maskCSRCCount)
	if packet[0]&maskExtension != 0 {
		at := h.ClearSize
		h.ClearSize += preambleSize
		if len(packet) < h.ClearSize {
			return h, ErrShort
		}
		h.ExtensionSize = wordSize * int(binary.BigEndian.Uint16(packet[at+2:]))
	}
	if len(packet) < h.ClearSize {
		return h, ErrShort
	}
	return h, nil
}

// PutHeader writes the header of an Opus packet without extension into dst, which has room for HeaderSize bytes.
func PutHeader(dst []byte, sequence uint16, timestamp, ssrc uint32) {
	dst[0] = version << 6
	dst[1] = PayloadOpus
	binary.BigEndian.PutUint16(dst[2:], sequence)
	binary.BigEndian.PutUint32(dst[4:], timestamp)
	binary.BigEndian.PutUint32(dst[8:], ssrc)
}

// AppendExtended appends a header as the voice servers send it: with the one-byte extensions (RFC 8285, section 4.2) whose
// preamble is in clear, and, if padding is set, the P bit. What follows in the encrypted part is the extension's words,
// the payload, and the padding.
func AppendExtended(dst []byte, sequence uint16, timestamp, ssrc uint32, words int, padding bool) []byte {
	var h [HeaderSize]byte
	PutHeader(h[:], sequence, timestamp, ssrc)
	h[0] |= maskExtension
	if padding {
		h[0] |= maskPadding
	}
	dst = append(dst, h[:]...)
	dst = append(dst, 0xbe, 0xde)
	return binary.BigEndian.AppendUint16(dst, uint16(words))
}
