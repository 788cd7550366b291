package dataset

import (
	"bytes"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	utf "golang.org/x/text/encoding/unicode"
)

var (
	errBinary   = errors.New("this is not a text file")
	errEncoding = errors.New("its letters are written in an encoding that can't be made out")
)

// decodeText returns data as UTF-8 with \n line ends. It understands UTF-8 and UTF-16 with and without a byte order mark, and in
// lines that aren't UTF-8 the usual single-byte encodings of Cyrillic, Greek, Hebrew, Arabic and Latin letters.
func decodeText(data []byte) (string, error) {
	switch {
	case bytes.HasPrefix(data, []byte{0xff, 0xfe}):
		return decodeUTF16(data, utf.LittleEndian)
	case bytes.HasPrefix(data, []byte{0xfe, 0xff}):
		return decodeUTF16(data, utf.BigEndian)
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

func decodeUTF16(data []byte, e utf.Endianness) (string, error) {
	out, err := utf.UTF16(e, utf.UseBOM).NewDecoder().Bytes(data)
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
func utf16Endianness(data []byte) (utf.Endianness, bool) {
	var little, big int
	for i := 0; i+1 < min(len(data), 4096); i += 2 {
		switch {
		case data[i] != 0 && data[i] < 0x80 && data[i+1] == 0:
			little++
		case data[i] == 0 && data[i+1] != 0 && data[i+1] < 0x80:
			big++
		case data[i] == 0 && data[i+1] == 0:
			return utf.LittleEndian, false
		}
	}
	switch {
	case len(data)%2 != 0:
		return utf.LittleEndian, false
	case little > 4*big && little > 0:
		return utf.LittleEndian, true
	case big > 4*little && big > 0:
		return utf.BigEndian, true
	}
	return utf.LittleEndian, false
}

// decodeLines decodes the lines that aren't UTF-8 from the single-byte encoding that makes the most likely words of them.
func decodeLines(data []byte) ([]byte, error) {
	lines := bytes.SplitAfter(data, []byte("\n"))
	var sample []byte
	control := 0
	for _, l := range lines {
		if utf8.Valid(l) {
			continue
		}
		for _, c := range l {
			if c < 0x20 && c != '\n' && c != '\r' && c != '\t' {
				control++
			}
		}
		if len(sample) < encodingSample {
			sample = append(sample, l[:min(len(l), encodingSample)]...)
		}
	}
	if control > len(data)/100 {
		return nil, errBinary
	}
	enc := encodingOf(sample)
	if enc == nil {
		return nil, errEncoding
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

// encodingSample is how much text an encoding is found by.
const encodingSample = 64 << 10

// alphabets are encodings whose words have no Latin letters, with the letters that most of a text is made of.
var alphabets = []struct {
	encoding encoding.Encoding
	common   string
}{
	{charmap.Windows1251, "оеаинтсрвлкмдпуяыьзгбйчхіїє"},
	{charmap.KOI8R, "оеаинтсрвлкмдпуяыьзгбйчх"},
	{charmap.CodePage866, "оеаинтсрвлкмдпуяыьзгбйчх"},
	{charmap.ISO8859_5, "оеаинтсрвлкмдпуяыьзгбйчх"},
	{charmap.MacintoshCyrillic, "оеаинтсрвлкмдпуяыьзгбйчх"},
	{charmap.Windows1253, "αοιετσνηυρπκμλωςάόίέήύγδ"},
	{charmap.Windows1255, "יוהלארתבמשנםכדקעפחט"},
	{charmap.Windows1256, "الينمرتوبةعدسفهكقحجأ"},
}

// encodingOf guesses the encoding of text that isn't UTF-8; nil where no guess makes words.
func encodingOf(sample []byte) encoding.Encoding {
	inLatin, inRun := 0, 0
	var seen [256]int
	for i, c := range sample {
		if c < 0x80 {
			continue
		}
		seen[c]++
		prev, next := byte(' '), byte(' ')
		if i > 0 {
			prev = sample[i-1]
		}
		if i+1 < len(sample) {
			next = sample[i+1]
		}
		switch {
		case prev >= 0x80 || next >= 0x80:
			inRun++
		case isLatin(prev) || isLatin(next):
			inLatin++
		}
	}
	if inLatin >= inRun {
		return latinOf(sample, &seen)
	}
	var best encoding.Encoding
	most := 0.5
	for _, a := range alphabets {
		decoded, err := a.encoding.NewDecoder().Bytes(sample)
		if err != nil {
			continue
		}
		if score := wordiness(string(decoded), a.common); score > most {
			best, most = a.encoding, score
		}
	}
	return best
}

// wordiness is the share of the letters beyond ASCII that are common, less what words don't have: a capital after a small letter, and
// signs that are no letters.
func wordiness(text, common string) float64 {
	score, all := 0, 0
	lower := false
	for _, r := range text {
		if r < 0x80 {
			lower = false
			continue
		}
		if strings.ContainsRune("«»„“”‘’–—…№\u00a0\ufeff", r) {
			lower = false
			continue
		}
		all++
		switch small := unicode.ToLower(r); {
		case !unicode.IsLetter(r):
			score -= 2
		case lower && unicode.IsUpper(r):
			score -= 2
		case strings.ContainsRune(common, small):
			score++
		}
		lower = unicode.IsLower(r)
	}
	if all == 0 {
		return 0
	}
	return float64(score) / float64(all)
}

// latinOf tells the encodings of Latin letters apart by letters that no language has together, or within words.
func latinOf(sample []byte, seen *[256]int) encoding.Encoding {
	within := 0 // ¹, ³, ¼ and ¾ between letters: ą, ł, Ľ and ľ
	for i, c := range sample {
		if (c == 0xb9 || c == 0xb3 || c == 0xbe) && i > 0 && i+1 < len(sample) && (isLatin(sample[i-1]) || isLatin(sample[i+1])) {
			within++
		}
	}
	has := func(all ...byte) (n int) {
		for _, c := range all {
			if seen[c] > 0 {
				n++
			}
		}
		return n
	}
	const (
		caronS, caronZ, caronT = 0x9a, 0x9e, 0x9d // š, ž, ť
		caronE, caronR, caronC = 0xec, 0xf8, 0xe8 // ě, ř, č: ì, ø, è
		ringU, caronN, caronD  = 0xf9, 0xf2, 0xef // ů, ň, ď: ù, ò, ï
		longO, longU           = 0xf5, 0xfb       // ő, ű: õ, û
		tildeA, circumE        = 0xe3, 0xea
	)
	switch {
	case within > 0, has(caronT) > 0, has(caronE, caronR, ringU, caronN, caronD) >= 2 && has(caronS, caronZ, caronR) >= 1, has(caronE, caronR) == 2,
		has(caronS, caronZ) == 2 && has(caronC) == 1, has(longO, longU) == 2 && has(tildeA, circumE) == 0:
		return charmap.Windows1250
	case has(0xf0, 0xfd, 0xfe) >= 2 && has(0xe6) == 0: // ğ, ı, ş
		return charmap.Windows1254
	}
	return charmap.Windows1252
}

func isLatin(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }
