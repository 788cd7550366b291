package evidence

import (
	"hash/fnv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kljensen/snowball/english"
	"github.com/kljensen/snowball/russian"

	"github.com/mynahbot/mynah/internal/learn"
)

const (
	// maxWords is how many words of a text are looked at: it bounds the time that a text takes.
	maxWords = 120
	// maxWordBytes is the longest word whose letters are looked at.
	maxWordBytes = 64
)

// lexeme is a word as it was written and its stem.
type lexeme struct{ word, stem string }

// lexemes are the words of a text in lower case, at most maxWords.
func lexemes(text string) []lexeme {
	words := written(text)
	out := make([]lexeme, len(words))
	for i, w := range words {
		out[i] = lexeme{w, stem(w)}
	}
	return out
}

// written are the words of a text as they are written, in lower case, at most maxWords.
func written(text string) []string {
	words := strings.Fields(learn.Normalize(text))
	words = words[:min(len(words), maxWords)]
	for i, w := range words {
		if len(w) > maxWordBytes {
			words[i] = strings.ToValidUTF8(w[:maxWordBytes], "")
		}
	}
	return words
}

func stem(word string) string {
	first, _ := utf8.DecodeRuneInString(word)
	if unicode.Is(unicode.Cyrillic, first) {
		return russian.Stem(word, false)
	}
	return english.Stem(word, false)
}

// alike reports whether two stems are one word but for a slip of the pen: a letter too many, too few,
// wrong or in the wrong place, in words of at least five letters, and two of them from nine on.
func alike(a, b string) bool {
	if a == b {
		return true
	}
	if len(a) > maxWordBytes || len(b) > maxWordBytes {
		return false
	}
	x, y := []rune(a), []rune(b)
	if len(x) > len(y) {
		x, y = y, x
	}
	slips := 0
	switch {
	case len(x) >= 9:
		slips = 2
	case len(x) >= 5:
		slips = 1
	}
	if len(y)-len(x) > slips || slips == 0 || x[0] != y[0] {
		return false
	}
	return distance(x, y, slips) <= slips
}

// distance is the restricted Damerau-Levenshtein distance of two words, or more than limit where it is
// over that.
func distance(a, b []rune, limit int) int {
	var rows [3][maxWordBytes + 1]int
	before, last, now := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		now[0] = i
		least := i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(last[j]+1, now[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, before[j-2]+1)
			}
			now[j] = d
			least = min(least, d)
		}
		if least > limit {
			return limit + 1
		}
		before, last, now = last, now, before
	}
	return last[len(b)]
}

// grams counts the pieces of three to five letters of each word, with a mark at its beginning and end.
func grams(words []lexeme, visit func(gram uint64)) {
	var buf [maxWordBytes + 8]byte
	for _, w := range words {
		padded := append(append(append(buf[:0], '_'), w.word...), '_')
		var starts [maxWordBytes + 9]int
		n := 0
		for i := range string(padded) {
			starts[n] = i
			n++
		}
		starts[n] = len(padded)
		for size := 3; size <= 5; size++ {
			for i := 0; i+size <= n; i++ {
				visit(hash(padded[starts[i]:starts[i+size]]))
			}
		}
		if n < 7 {
			visit(hash(append(padded, '=')))
		}
	}
}

func hash(b []byte) uint64 {
	h := fnv.New64a()
	h.Write(b)
	return h.Sum64()
}

// Asks reports whether a word, in lower case, is one that questions are asked with.
func Asks(word string) bool { return questionWords[word] }

// questionWords begin questions, or ask somewhere near their beginning.
var questionWords = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`how what when where who whom whose which why can could is are do does did will would should may am
		как что чего чем кто кого кому когда где куда откуда зачем почему отчего какой какая какое какие каком какую сколько скока скольки можно ли есть чей нужно`) {
		all[w] = true
	}
	return all
}()

// negations turn a text into its opposite.
var negations = func() map[string]bool {
	all := map[string]bool{}
	for _, w := range strings.Fields(`not no never without cannot cant dont doesnt didnt isnt arent wasnt wont nothing none stop
		не нет нельзя никогда без никак нету`) {
		all[w] = true
	}
	return all
}()
