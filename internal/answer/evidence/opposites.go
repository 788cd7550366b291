package evidence

import (
	_ "embed"
	"slices"
	"strings"
)

//go:embed texts/opposites.txt
var oppositesText string

// meaning is one member of a group of words that exclude each other.
type meaning struct{ group, member int }

// opposites are the groups that a word or a stem belongs to.
var opposites = func() map[string][]meaning {
	all := map[string][]meaning{}
	group := 0
	for line := range strings.Lines(oppositesText) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		for member, forms := range strings.Fields(line) {
			for form := range strings.SplitSeq(forms, "/") {
				form = strings.ReplaceAll(form, "ё", "е")
				m := meaning{group, member}
				for _, key := range []string{form, stem(form)} {
					if !slices.Contains(all[key], m) {
						all[key] = append(all[key], m)
					}
				}
			}
		}
		group++
	}
	return all
}()

// meanings are what the words of a text exclude.
func meanings(words []lexeme) []meaning {
	var all []meaning
	for _, w := range words {
		found := opposites[w.word]
		if found == nil {
			found = opposites[w.stem]
		}
		all = append(all, found...)
	}
	return all
}

// opposed counts the groups of which two texts have different members, and none that both have.
func opposed(a, b []meaning) int {
	n := 0
	seen := map[int]bool{}
	for _, x := range a {
		if seen[x.group] {
			continue
		}
		seen[x.group] = true
		same, other := false, false
		for _, y := range b {
			if y.group == x.group {
				other = true
				same = same || slices.Contains(a, y)
			}
		}
		if other && !same {
			n++
		}
	}
	return n
}
