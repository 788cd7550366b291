package mls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
)

// Limits against a hostile peer. Parsers alias one copy of their input and
// keep a bounded record per element, so that memory stays proportional to the
// input: see the fuzz targets for the factor that is asserted.
const (
	// MaxMessageSize is the largest encoding that any parser accepts, in
	// bytes. A ratchet tree of 1,000 members takes less than 600 kB.
	MaxMessageSize = 4 << 20
	// MaxLeaves bounds the leaves of a ratchet tree: its width is rounded up
	// to a power of two, so that one far leaf costs memory for all before it.
	MaxLeaves = 1 << 15

	maxProposals  = 1 << 12 // proposals of one commit, PSKs of one GroupSecrets
	maxExtensions = 1 << 8  // extensions of one list
	maxPathNodes  = 32      // nodes of one UpdatePath: the depth of the tree
)

// decoder reads the TLS presentation language of RFC 9420 section 2.1. The
// first error sticks; every later read returns zero values.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(err error, format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: "+format, append([]any{err}, args...)...)
		d.b = nil
	}
}

func (d *decoder) take(n int) []byte {
	if d.err != nil {
		return nil
	}
	if n > len(d.b) {
		d.fail(ErrMalformed, "%d bytes wanted, %d left", n, len(d.b))
		return nil
	}
	v := d.b[:n:n]
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint8() uint8 {
	if v := d.take(1); v != nil {
		return v[0]
	}
	return 0
}

func (d *decoder) uint16() uint16 {
	if v := d.take(2); v != nil {
		return binary.BigEndian.Uint16(v)
	}
	return 0
}

func (d *decoder) uint32() uint32 {
	if v := d.take(4); v != nil {
		return binary.BigEndian.Uint32(v)
	}
	return 0
}

func (d *decoder) uint64() uint64 {
	if v := d.take(8); v != nil {
		return binary.BigEndian.Uint64(v)
	}
	return 0
}

// varint reads a variable-length length: section 2.1.2.
func (d *decoder) varint() int {
	first := d.uint8()
	prefix := first >> 6
	if prefix == 3 {
		d.fail(ErrMalformed, "varint prefix 3")
		return 0
	}
	v := uint32(first & 0x3f)
	for _, c := range d.take(1<<prefix - 1) {
		v = v<<8 | uint32(c)
	}
	if prefix > 0 && v < 1<<(8<<(prefix-1)-2) {
		d.fail(ErrMalformed, "varint is not minimal")
		return 0
	}
	return int(v)
}

// opaque reads opaque<V>. The result aliases the input.
func (d *decoder) opaque() []byte {
	return d.take(d.varint())
}

// optional reads the presence byte of section 2.1.1.
func (d *decoder) optional() bool {
	v := d.uint8()
	if v > 1 {
		d.fail(ErrMalformed, "presence byte %d", v)
	}
	return v == 1
}

// vector reads a T<V> of at most limit elements.
func vector[T any](d *decoder, limit int, read func(*decoder) T) []T {
	in := decoder{b: d.opaque()}
	var out []T
	for len(in.b) > 0 && in.err == nil {
		if len(out) == limit {
			in.fail(ErrTooLarge, "more than %d elements", limit)
			break
		}
		out = append(out, read(&in))
	}
	if in.err != nil && d.err == nil {
		d.err, d.b = in.err, nil
	}
	return out
}

// decode reads one T that must fill b. The result doesn't alias b.
func decode[T any](b []byte, read func(*decoder) T) (T, error) {
	v, rest, err := decodePrefix(b, read)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%w: %d bytes too many", ErrMalformed, len(rest))
	}
	if err != nil {
		var zero T
		return zero, err
	}
	return v, nil
}

// decodePrefix reads one T at the start of b and returns what follows it.
func decodePrefix[T any](b []byte, read func(*decoder) T) (v T, rest []byte, err error) {
	if len(b) > MaxMessageSize {
		return v, nil, fmt.Errorf("%w: %d bytes of at most %d", ErrTooLarge, len(b), MaxMessageSize)
	}
	d := decoder{b: bytes.Clone(b)}
	v = read(&d)
	if d.err != nil {
		var zero T
		return zero, nil, d.err
	}
	return v, b[len(b)-len(d.b):], nil
}

// appendVarint appends a length: section 2.1.2.
func appendVarint(b []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return binary.BigEndian.AppendUint16(b, 1<<14|uint16(n))
	case n < 1<<30:
		return binary.BigEndian.AppendUint32(b, 2<<30|uint32(n))
	}
	panic("mls: vector longer than 2^30-1 bytes")
}

// appendOpaque appends v as opaque<V>.
func appendOpaque[T ~[]byte | ~string](b []byte, v T) []byte {
	return append(appendVarint(b, len(v)), v...)
}

// appendVector appends vs as T<V>.
func appendVector[T any](b []byte, vs []T, element func([]byte, T) []byte) []byte {
	start := len(b)
	for _, v := range vs {
		b = element(b, v)
	}
	var prefix [4]byte
	return slices.Insert(b, start, appendVarint(prefix[:0], len(b)-start)...)
}

func appendUint16(b []byte, v uint16) []byte { return binary.BigEndian.AppendUint16(b, v) }
func appendUint32(b []byte, v uint32) []byte { return binary.BigEndian.AppendUint32(b, v) }
func appendUint64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }

func appendOptional(b []byte, present bool) []byte {
	if present {
		return append(b, 1)
	}
	return append(b, 0)
}
