// Package sentence prepares text for being spoken: [Clean] takes out what is not said, and [Split] cuts the rest into
// pieces that are synthesized one after the other, the first of them short, so that speech begins soon.
package sentence

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/language"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Limits of the pieces, in characters. English is spoken at about 17 characters a second.
const (
	maxFirst = 30  // of the first piece
	maxPiece = 220 // of any piece
	minPiece = 8   // a cut leaves no less than this on either side
)

// Pauses after a piece.
const (
	paragraphPause = 500 * time.Millisecond
	sentencePause  = 280 * time.Millisecond
	clausePause    = 130 * time.Millisecond
	noPause        = 20 * time.Millisecond // a cut between two words
)

// Split cuts text, which [Clean] has gone over, into pieces: at the ends of sentences, and where a piece would be too
// long at punctuation, before a conjunction or preposition, and in the worst case between two words. All pieces
// together have all words of the text, in their order. A text without a letter or digit has none.
func Split(text string) []spoken.Part {
	var pieces []spoken.Part
	for _, paragraph := range strings.Split(text, "\n") {
		sentences := sentences(strings.Join(strings.Fields(paragraph), " "))
		for i, s := range sentences {
			pause := sentencePause
			if i == len(sentences)-1 {
				pause = paragraphPause
			}
			for rest := []rune(s); len(rest) > 0; {
				limit := maxPiece
				if len(pieces) == 0 {
					limit = maxFirst
				}
				at, p := cut(rest, limit)
				if at == len(rest) {
					p = pause
				}
				if head := strings.TrimSpace(string(rest[:at])); Sayable(head) {
					pieces = append(pieces, spoken.Part{Text: head, Pause: p})
				}
				rest = rest[at:]
			}
		}
	}
	if len(pieces) > 0 {
		pieces[len(pieces)-1].Pause = 0
	}
	return pieces
}

// Sayable reports whether anything of s would be said: whether it has a letter or a digit.
func Sayable(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}

// sentences cuts one paragraph, whose words stand one space apart.
func sentences(s string) []string {
	var all []string
	start := 0
	runes := []rune(s)
	for i := 0; i < len(runes); i++ {
		if !strings.ContainsRune(".!?…。！？", runes[i]) {
			continue
		}
		end := i + 1
		for end < len(runes) && strings.ContainsRune(".!?…\"'”’»)]", runes[end]) {
			end++
		}
		wide := strings.ContainsRune("。！？", runes[i])
		if end < len(runes) && runes[end] != ' ' && !wide {
			i = end - 1
			continue // 3.5, example.org
		}
		if runes[i] == '.' && end == i+1 && end < len(runes) && continues(runes[start:i], runes[end:]) {
			continue
		}
		all = append(all, strings.TrimSpace(string(runes[start:end])))
		start, i = end, end-1
	}
	if rest := strings.TrimSpace(string(runes[start:])); rest != "" {
		all = append(all, rest)
	}
	return all
}

// maxAbbreviation is how far is looked around a full stop, in characters.
const maxAbbreviation = 16

// continues reports whether a sentence goes on after a full stop: after an abbreviation or an initial, or before a
// small letter.
func continues(before, after []rune) bool {
	begin := len(before)
	for begin > 0 && len(before)-begin < maxAbbreviation && before[begin-1] != ' ' {
		begin--
	}
	word := string(before[begin:])
	next := rune(0)
	for _, r := range after[:min(len(after), maxAbbreviation)] {
		if r != ' ' && !strings.ContainsRune("\"'“‘«([", r) {
			next = r
			break
		}
	}
	if unicode.IsLower(next) {
		return true
	}
	first, size := utf8.DecodeRuneInString(word)
	known := language.Known().Spoken
	if unicode.IsUpper(first) && size == len(word) && !slices.Contains(known.Letters, word) {
		return true // an initial
	}
	lower := strings.ToLower(strings.TrimLeft(word, "(\"«“"))
	// "etc." and the like may end a sentence too; titles never do.
	return slices.Contains(known.Abbreviations, lower) || slices.Contains(known.MayEnd, lower) && !unicode.IsUpper(next)
}

// cut says where the first piece of a sentence ends, about limit characters on but for long words: at len(runes) where
// the sentence fits as a whole.
func cut(runes []rune, limit int) (at int, pause time.Duration) {
	if len(runes) <= limit+limit/6 { // a little over the limit is better than a cut
		return len(runes), 0
	}
	known := language.Known().Spoken
	best, quality := 0, 0
	consider := func(at, q int) {
		// The better kind of place wins, and of one kind the last.
		// A little over the limit it has to be a pause.
		if at >= minPiece && len(runes)-at >= minPiece && q >= quality && (at <= limit || q >= 4) {
			best, quality = at, q
		}
	}
	for i := 1; i < len(runes) && i <= limit+limit/6; i++ {
		if runes[i] != ' ' {
			continue
		}
		word := nextWord(runes[i+1 : min(len(runes), i+1+maxAbbreviation)])
		switch {
		case strings.ContainsRune(";:—–", runes[i-1]) || i > 1 && runes[i-1] == '-' && runes[i-2] == ' ':
			consider(i, 5)
		case strings.ContainsRune(",)", runes[i-1]):
			consider(i, 4)
		case slices.Contains(known.Conjunctions, word):
			consider(i, 3)
		case slices.Contains(known.Prepositions, word):
			consider(i, 2)
		default:
			consider(i, 1)
		}
	}
	if best == 0 {
		// A word longer than the piece: to its end, if that comes soon, else through it.
		best = limit
		for i := limit; i < len(runes) && i < 2*limit; i++ {
			if runes[i] == ' ' {
				best = i
				break
			}
		}
	}
	pause = noPause
	if quality >= 4 {
		pause = clausePause
	}
	return best, pause
}

// nextWord is the word that runes begin with, in small letters.
func nextWord(runes []rune) string {
	end := slices.IndexFunc(runes, func(r rune) bool { return !unicode.IsLetter(r) })
	if end < 0 {
		end = len(runes)
	}
	return strings.ToLower(string(runes[:end]))
}

var (
	fence   = regexp.MustCompile("(?s)```[a-zA-Z0-9]*\n?(.*?)```")
	link    = regexp.MustCompile(`\[([^\]\n]{1,200})\]\([^)\s]*\)`)
	address = regexp.MustCompile(`https?://(?:www\.)?([^/\s?#>]+)[^\s>]*`)
	mention = regexp.MustCompile(`<(?:@[!&]?|#|/[^:>]*:|t:|a?:\w+:)-?\d+(?::[a-zA-Z])?>`)
	marks   = regexp.MustCompile("(?m)[*`~|]+|^\\s*#{1,6}\\s|^\\s*>+\\s?|^\\s*-\\s|\\b_+|_+\\b")
)

// Clean takes out of a text what is written and not said: control characters, the marks of Markdown, Discord's
// mentions, pictures. Of a link it leaves the words, or the host's name.
func Clean(text string) string {
	text = strings.ToValidUTF8(text, " ")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	text = fence.ReplaceAllString(text, "$1")
	text = link.ReplaceAllString(text, "$1")
	text = address.ReplaceAllString(text, "$1")
	text = mention.ReplaceAllString(text, " ")
	text = marks.ReplaceAllString(text, "")
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case unicode.IsSpace(r), unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.So, r), unicode.Is(unicode.Sk, r) && r > 0xff, unicode.Is(unicode.Cf, r), r >= 0xfe00 && r <= 0xfe0f, unicode.Is(unicode.Co, r):
			return -1 // pictures, their modifiers, and invisible marks
		}
		return r
	}, text))
}
