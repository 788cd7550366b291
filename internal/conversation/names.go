package conversation

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Word is a name or a term of the server: what transcripts are corrected to, and how it is said.
type Word struct {
	Text string // as it is written
	Said string // how the synthesizer is told to say it; "" = as it is written
}

const (
	// minWord is the shortest word, in letters, that a near miss is corrected to: short words are near to everything.
	minWord = 4
	// longestSpan is how many words of a transcript one term may have been heard as.
	longestSpan = 3
	// maxVocabulary bounds a server's words.
	maxVocabulary = 2000
)

// vocabulary corrects near misses in transcripts, and tells pronunciations.
type vocabulary struct {
	terms []term
	said  *strings.Replacer
}

type term struct {
	text  string
	plain string // small letters, without spaces
	key   string // phonetic
	words int
}

func newVocabulary(list []Word) *vocabulary {
	v := &vocabulary{}
	var pairs []string
	for _, w := range list[:min(len(list), maxVocabulary)] {
		ws := words(w.Text)
		plain := strings.Join(ws, "")
		if w.Said != "" && w.Text != "" {
			pairs = append(pairs, w.Text, w.Said)
		}
		if utf8.RuneCountInString(plain) >= minWord {
			v.terms = append(v.terms, term{strings.TrimSpace(w.Text), plain, phoneticKey(plain), len(ws)})
		}
	}
	v.said = strings.NewReplacer(pairs...)
	return v
}

// pronounce writes the words of a text as they are said.
func (v *vocabulary) pronounce(text string) string { return v.said.Replace(text) }

// correct puts the vocabulary's words in the place of what sounds the same and is spelled nearly so. Words that are
// common in their own right stay, and so does what two terms are equally near to.
func (v *vocabulary) correct(text string, common []string) string {
	if len(v.terms) == 0 {
		return text
	}
	ts := tokens(text)
	var b strings.Builder
	done := 0
	for i := 0; i < len(ts); {
		found, n := v.near(text, ts[i:], common)
		if n == 0 {
			i++
			continue
		}
		b.WriteString(text[done:ts[i].start])
		b.WriteString(found)
		done = ts[i+n-1].end
		i += n
	}
	b.WriteString(text[done:])
	return b.String()
}

// near finds the term that the start of ts was meant to be, and how many words it takes.
func (v *vocabulary) near(text string, ts []token, common []string) (string, int) {
	for n := min(longestSpan, len(ts)); n > 0; n-- {
		plain := ""
		allCommon := true
		for k, t := range ts[:n] {
			if k > 0 && strings.ContainsAny(text[ts[k-1].end:t.start], ".,;:!?") {
				plain = ""
				break
			}
			plain += t.word
			allCommon = allCommon && slices.Contains(common, t.word)
		}
		if plain == "" || allCommon {
			continue
		}
		key := phoneticKey(plain)
		best, bestCost, tie := -1, 0, false
		for k, t := range v.terms {
			if plain == t.plain {
				if n == t.words {
					return "", 0 // it is right as it is
				}
				return t.text, n
			}
			cost := distance(plain, t.plain)
			length := utf8.RuneCountInString(t.plain)
			near := key == t.key && cost <= max(1, length/4) || length >= 7 && cost == 1 && first(plain) == first(t.plain)
			if !near {
				continue
			}
			switch {
			case best < 0 || cost < bestCost:
				best, bestCost, tie = k, cost, false
			case cost == bestCost && v.terms[best].text != t.text:
				tie = true
			}
		}
		if best >= 0 && !tie {
			return v.terms[best].text, n
		}
	}
	return "", 0
}

func first(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// sounds groups letters that recognizers confuse, Latin and Cyrillic alike.
var sounds = map[rune]rune{
	'b': 'p', 'p': 'p', 'б': 'p', 'п': 'p',
	'd': 't', 't': 't', 'д': 't', 'т': 't',
	'g': 'k', 'k': 'k', 'c': 'k', 'q': 'k', 'x': 'k', 'г': 'k', 'к': 'k',
	'f': 'f', 'v': 'f', 'w': 'f', 'ф': 'f', 'в': 'f',
	's': 's', 'z': 's', 'j': 's', 'с': 's', 'з': 's', 'ш': 's', 'щ': 's', 'ж': 's', 'ч': 's', 'ц': 's',
	'm': 'm', 'n': 'm', 'м': 'm', 'н': 'm',
	'l': 'l', 'л': 'l',
	'r': 'r', 'р': 'r',
}

// digraphs are letters that sound as one.
var digraphs = strings.NewReplacer("ph", "f", "sch", "s", "sh", "s", "ch", "s", "th", "t", "ck", "k", "gh", "", "kn", "n", "wr", "r", "ce", "se", "ci", "si", "cy", "sy", "ge", "je", "gi", "ji")

// phoneticKey is how a word sounds, roughly: its consonants by kind, and whether it begins with a vowel.
func phoneticKey(w string) string {
	w = digraphs.Replace(strings.ToLower(w))
	var key []rune
	for i, r := range w {
		s, ok := sounds[r]
		switch {
		case !ok && i == 0 && unicode.IsLetter(r) && r != 'h':
			s = 'a'
		case !ok && unicode.IsDigit(r):
			s = r
		case !ok:
			continue
		}
		if len(key) == 0 || key[len(key)-1] != s {
			key = append(key, s)
		}
	}
	return string(key)
}

// distance is the number of letters to replace, add, leave out or swap with their neighbour to make b out of a.
func distance(a, b string) int {
	x, y := []rune(a), []rune(b)
	rows := make([][]int, len(x)+1)
	for i := range rows {
		rows[i] = make([]int, len(y)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(x); i++ {
		for j := 1; j <= len(y); j++ {
			cost := 1
			if x[i-1] == y[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j-1]+cost, rows[i-1][j]+1, rows[i][j-1]+1)
			if i > 1 && j > 1 && x[i-1] == y[j-2] && x[i-2] == y[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(x)][len(y)]
}
