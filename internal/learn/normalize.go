package learn

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Normalize returns the form in which two texts count as the same one: Unicode NFKC, lower case, ё as е, every run of
// anything but letters, digits and marks as one space. A text without letters and digits keeps its signs ("?!").
func Normalize(text string) string {
	text = norm.NFKC.String(text)
	var b strings.Builder
	b.Grow(len(text))
	space := false
	for _, r := range text {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) {
			// An apostrophe inside a word is part of it for people who type it, and absent for those who don't.
			if r != '\'' && r != '’' {
				space = true
			}
			continue
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(foldRune(r))
	}
	if b.Len() == 0 {
		return strings.ToLower(strings.Join(strings.Fields(text), " "))
	}
	return b.String()
}

// foldRune is the letter under which r is counted.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if 'A' <= r && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	r = unicode.ToLower(r)
	if r == 'ё' {
		return 'е'
	}
	return r
}
