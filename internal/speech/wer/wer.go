// Package wer measures the word error rate of recognition.
package wer

import (
	"fmt"
	"strings"
	"unicode"
)

// Count is how many words were wrong of how many that were said.
type Count struct{ Errors, Words int }

// Compare counts the fewest words that have to be replaced, added and left out to make what was said out of what was
// recognized. Case and punctuation do not count; anything else does ("Mr" for "mister" is an error).
func Compare(said, recognized string) Count {
	want, got := words(said), words(recognized)
	// The classic dynamic programme, one row at a time: row[j] is the distance of want[:i] to got[:j].
	row := make([]int, len(got)+1)
	for j := range row {
		row[j] = j
	}
	for i, w := range want {
		diagonal := row[0]
		row[0] = i + 1
		for j, g := range got {
			replace := diagonal
			if w != g {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, row[j]+1, row[j+1]+1)
		}
	}
	return Count{Errors: row[len(got)], Words: len(want)}
}

// Add sums two counts.
func (c Count) Add(d Count) Count { return Count{c.Errors + d.Errors, c.Words + d.Words} }

// Rate is the share of wrong words; it can be over 1.
func (c Count) Rate() float64 {
	if c.Words == 0 {
		return float64(c.Errors)
	}
	return float64(c.Errors) / float64(c.Words)
}

func (c Count) String() string { return fmt.Sprintf("%.2f %%", 100*c.Rate()) }

func words(s string) []string {
	s = strings.ReplaceAll(strings.ToLower(s), "’", "'")
	return strings.FieldsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r) && r != '\''
	})
}
