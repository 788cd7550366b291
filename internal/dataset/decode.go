package dataset

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

var errBinary = errors.New("this is not a text file")

// decodeText returns data as UTF-8 with \n line ends. It understands UTF-8 and UTF-16 with and without a byte order mark, and in
// lines that aren't UTF-8 Windows-1251, or Windows-1252 where the letters beyond ASCII stand inside Latin words.
func decodeText(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return decodeUTF16(data, unicode.LittleEndian)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return decodeUTF16(data, unicode.BigEndian)
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if bytes.IndexByte(data[:min(len(data), 4096)], 0) >= 0 {
		if e, ok := utf16Endianness(data); ok {
			return decodeUTF16(data, e)
		}
	}
	if bytes.IndexByte(data, 0) >= 0 {
		return "", errBinary
	}
	if !utf8.Valid(data) {
		var err error
		if data, err = decodeLines(data); err != nil {
			return "", err
		}
	}
	s := string(data)
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.ReplaceAll(s, "\r", "\n"), nil
}

func decodeUTF16(data []byte, e unicode.Endianness) (string, error) {
	out, err := unicode.UTF16(e, unicode.UseBOM).NewDecoder().Bytes(data)
	if err != nil {
		return "", errBinary
	}
	if bytes.IndexByte(out, 0) >= 0 {
		return "", errBinary
	}
	s := strings.ReplaceAll(string(out), "\r\n", "\n")
	return strings.ReplaceAll(s, "\r", "\n"), nil
}

// utf16Endianness guesses the byte order of UTF-16 without a mark from where its line ends and spaces have their zero.
func utf16Endianness(data []byte) (unicode.Endianness, bool) {
	var little, big int
	for i := 0; i+1 < min(len(data), 4096); i += 2 {
		switch {
		case data[i] != 0 && data[i] < 0x80 && data[i+1] == 0:
			little++
		case data[i] == 0 && data[i+1] != 0 && data[i+1] < 0x80:
			big++
		case data[i] == 0 && data[i+1] == 0:
			return unicode.LittleEndian, false
		}
	}
	switch {
	case len(data)%2 != 0:
		return unicode.LittleEndian, false
	case little > 4*big && little > 0:
		return unicode.LittleEndian, true
	case big > 4*little && big > 0:
		return unicode.BigEndian, true
	}
	return unicode.LittleEndian, false
}

// decodeLines decodes the lines that aren't UTF-8 from a single-byte encoding.
func decodeLines(data []byte) ([]byte, error) {
	lines := bytes.SplitAfter(data, []byte("\n"))
	inLatin, inRun, control := 0, 0, 0
	for _, l := range lines {
		if utf8.Valid(l) {
			continue
		}
		for i, c := range l {
			if c < 0x20 && c != '\n' && c != '\r' && c != '\t' {
				control++
			}
			if c < 0xc0 {
				continue
			}
			prev, next := byte(' '), byte(' ')
			if i > 0 {
				prev = l[i-1]
			}
			if i+1 < len(l) {
				next = l[i+1]
			}
			switch {
			case prev >= 0xc0 || next >= 0xc0:
				inRun++
			case isLatin(prev) || isLatin(next):
				inLatin++
			}
		}
	}
	if control > len(data)/100 {
		return nil, errBinary
	}
	var enc encoding.Encoding = charmap.Windows1251
	if inLatin > inRun {
		enc = charmap.Windows1252
	}
	var out []byte
	for _, l := range lines {
		if !utf8.Valid(l) {
			d, err := enc.NewDecoder().Bytes(l)
			if err != nil {
				return nil, errBinary
			}
			l = d
		}
		out = append(out, l...)
	}
	return out, nil
}

func isLatin(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
