package sentencepiece

import (
	"bytes"
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

// Limits on a text. What is longer is cut.
const (
	maxTextBytes       = 8 << 10
	maxNormalizedBytes = 16 << 10 // one character may stand for eighteen
)

// space stands for a space in pieces (U+2581).
const space = "▁"

// replacer says what is written instead of the beginning of a text: a replacement of its first size bytes. ok is false
// where the first character stays.
type replacer interface {
	longest(text string) (replacement []byte, size int, ok bool)
}

// runeMap replaces single characters.
type runeMap map[rune]string

func (m runeMap) longest(text string) (replacement []byte, size int, ok bool) {
	r, size := utf8.DecodeRuneInString(text)
	s, ok := m[r]
	return []byte(s), size, ok
}

// charsMap replaces the characters of a text by those that the model was trained on: a double array (darts-clone), whose
// keys are the bytes to be replaced, and the replacements one after the other, each with a NUL behind it. The zero value
// changes nothing.
type charsMap struct {
	units        []uint32
	replacements []byte
}

// readCharsMap reads a precompiled_charsmap: the length of the double array in bytes, as a little-endian uint32, the array,
// and the replacements.
func readCharsMap(b []byte) (charsMap, error) {
	if len(b) == 0 {
		return charsMap{}, nil
	}
	if len(b) < 4 {
		return charsMap{}, errors.New("its table of characters is cut short")
	}
	size, b := binary.LittleEndian.Uint32(b), b[4:]
	if size%4 != 0 || size == 0 || uint64(size) > uint64(len(b)) {
		return charsMap{}, errors.New("its table of characters is cut short")
	}
	m := charsMap{units: make([]uint32, size/4), replacements: bytes.Clone(b[size:])}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(b[4*i:])
	}
	return m, nil
}

// offset is how far from a unit of the double array its children are.
func offset(unit uint32) uint32 { return (unit >> 10) << ((unit & 0x200) >> 6) }

// longest finds the longest key that text begins with.
func (m charsMap) longest(text string) (replacement []byte, size int, ok bool) {
	if len(m.units) == 0 {
		return nil, 0, false
	}
	value := uint32(0)
	at := offset(m.units[0])
	for i := range len(text) {
		at ^= uint32(text[i])
		if int64(at) >= int64(len(m.units)) {
			break
		}
		unit := m.units[at]
		if unit&0x800000FF != uint32(text[i]) { // another byte leads there, or a value stands there
			break
		}
		at ^= offset(unit)
		if unit&0x100 != 0 && int64(at) < int64(len(m.units)) { // a key ends here
			value, size = m.units[at]&0x7FFFFFFF, i+1
		}
	}
	if size == 0 || int64(value) >= int64(len(m.replacements)) {
		return nil, 0, false
	}
	replacement = m.replacements[value:]
	if end := bytes.IndexByte(replacement, 0); end >= 0 {
		replacement = replacement[:end]
	}
	return replacement, size, true
}

// normalize replaces characters, strips spaces at both ends, folds runs of them to one, and writes [space] in front of the
// text and for each that is left. A text of spaces only gives nothing. Bytes that are no UTF-8 become U+FFFD.
func (m *Model) normalize(text string) []byte {
	out := make([]byte, 0, len(text)+len(text)/4+len(space))
	pending := true // a space stands before the next character, which isn't written yet
	if len(text) > maxTextBytes {
		text = text[:maxTextBytes]
		for i := range utf8.UTFMax - 1 { // no part of a character stays
			if r, size := utf8.DecodeLastRuneInString(text); i > 0 && (r != utf8.RuneError || size != 1) {
				break
			}
			text = text[:len(text)-1]
		}
	}
	for len(text) > 0 && len(out) < maxNormalizedBytes {
		part, size, ok := m.chars.longest(text)
		if !ok {
			var r rune
			if r, size = utf8.DecodeRuneInString(text); r == utf8.RuneError && size == 1 {
				part = []byte(string(utf8.RuneError))
			} else {
				part = []byte(text[:size])
			}
		}
		text = text[size:]
		for _, c := range part {
			if c == ' ' {
				pending = true
				continue
			}
			if pending {
				out, pending = append(out, space...), false
			}
			out = append(out, c)
		}
	}
	for bytes.HasSuffix(out, []byte(space)) { // that the text itself had
		out = out[:len(out)-len(space)]
	}
	return out
}
