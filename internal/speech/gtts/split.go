package gtts

import (
	"regexp"
	"strings"
	"unicode"
)

// maxPart is how many characters the endpoint takes at once.
const maxPart = 100

// Marks at which the endpoint's users cut a text, as the Python package gTTS has them (its gtts/tokenizer).
const (
	toneMarks   = "?!？！"              // cut after the mark, which changes the tone of what is before
	periodComma = ".,"                // cut only before a space, and not after an abbreviation such as "p.m"
	otherMarks  = "¡()[]¿…‥،;—。，、：\n" // cut anywhere
	allMarks    = toneMarks + periodComma + otherMarks + ":"
)

// shortened are words that are said the same without the full stop behind them.
var shortened = []string{"dr", "jr", "mr", "mrs", "ms", "msgr", "prof", "sr", "st"}

var esquire = regexp.MustCompile(`(?i)esq\.`)

// split cuts a text into parts of at most maxPart characters that each hold something to say, as gTTS does: at
// punctuation, and where that leaves a part too long, at a space. A part may lack the mark it was cut at.
func split(text string) []string {
	text = prepare(strings.TrimSpace(text))
	tokens := []string{text}
	if len([]rune(text)) > maxPart {
		tokens = tokenize([]rune(text))
	}
	var parts []string
	for _, t := range tokens {
		if strings.Trim(t, allMarks+" \t\r\v\f") == "" {
			continue
		}
		for rest := []rune(strings.TrimSpace(t)); len(rest) > 0; {
			var part []rune
			part, rest = head(rest)
			if s := string(part); strings.TrimSpace(s) != "" {
				parts = append(parts, s)
			}
		}
	}
	return parts
}

// prepare makes a text fit for being cut: a space after marks of tone, words whole that a hyphen broke at the end of a
// line, no full stop after shortened words.
func prepare(text string) string {
	var b strings.Builder
	for _, r := range text {
		b.WriteRune(r)
		if strings.ContainsRune(toneMarks, r) {
			b.WriteByte(' ')
		}
	}
	text = strings.ReplaceAll(b.String(), "-\n", "")
	runes := []rune(text)
	kept := runes[:0:0]
	for i, r := range runes {
		if r == '.' && endsShortened(runes[:i]) {
			continue
		}
		kept = append(kept, r)
	}
	return esquire.ReplaceAllString(string(kept), "Esquire")
}

// endsShortened reports whether before ends in one of the shortened words. Like gTTS it does not ask what the word
// begins with, so that "first." loses its full stop too.
func endsShortened(before []rune) bool {
	tail := strings.ToLower(string(before[max(0, len(before)-4):]))
	for _, w := range shortened {
		if strings.HasSuffix(tail, w) {
			return true
		}
	}
	return false
}

// tokenize cuts at the marks. What stands at a cut goes, but for marks of tone.
func tokenize(runes []rune) []string {
	var tokens []string
	start := 0
	cut := func(end, next int) {
		tokens = append(tokens, string(runes[start:end]))
		start = next
	}
	for i := 0; i < len(runes); i++ {
		r := runes[i]
		switch {
		case i > 0 && strings.ContainsRune(toneMarks, runes[i-1]) && r != '\n':
			// The character after a mark of tone goes, which prepare has made a space.
			cut(i, i+1)
		case strings.ContainsRune(periodComma, r):
			if i+1 < len(runes) && runes[i+1] == ' ' && !(i >= 2 && runes[i-2] == '.' && isLatin(runes[i-1])) {
				cut(i, i+2)
				i++
			}
		case r == ':':
			if i == 0 || !unicode.IsDigit(runes[i-1]) {
				cut(i, i+1)
			}
		case strings.ContainsRune(otherMarks, r):
			cut(i, i+1)
		}
	}
	return append(tokens, string(runes[start:]))
}

func isLatin(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }

// head takes a part off the start: up to the last space that leaves it short enough, or through a long word.
func head(runes []rune) (part, rest []rune) {
	for len(runes) > 0 && runes[0] == ' ' {
		runes = runes[1:]
	}
	if len(runes) <= maxPart {
		return runes, nil
	}
	for i := maxPart - 1; i > 0; i-- {
		if runes[i] == ' ' {
			return runes[:i], runes[i:]
		}
	}
	return runes[:maxPart], runes[maxPart:]
}
