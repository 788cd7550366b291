package speech

import (
	"slices"
	"strings"
	"unicode"

	"github.com/mynahbot/mynah/internal/language"
)

const (
	// A text goes round in circles when the same words, at most longestRound, follow on each other rounds times, or one word
	// of letters wordRounds times: people say such things as "no, no, no".
	longestRound, rounds, wordRounds = 14, 3, 7
	// alike is how much of two rounds may differ: models that loop change a digit or an ending now and then.
	alike = 0.25
	// shortestNumber is how many digits a number has that nobody says three times. Shorter ones are parts of a longer.
	shortestNumber = 4
	// Within a word, letters go round in circles that repeat letterRounds times over at least letterCircle letters.
	letterCircle, letterRounds = 18, 4
)

// word is a word of a text, in lower case, and where it stands.
type word struct {
	text       string
	start, end int // in bytes
}

func split(text string) (words []word) {
	start := -1
	give := func(end int) {
		if start >= 0 {
			words = append(words, word{strings.ToLower(text[start:end]), start, end})
			start = -1
		}
	}
	for i, r := range text {
		switch in := isWordRune(r) || inNumber(text, i); {
		case in && start < 0:
			start = i
		case !in:
			give(i)
		}
	}
	give(len(text))
	return words
}

func isWordRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.M, r)
}

// inNumber reports whether a sign stands between two digits, as in 192.168.0.1 and 10,000.
func inNumber(text string, at int) bool {
	digit := func(i int) bool { return i >= 0 && i < len(text) && text[i] >= '0' && text[i] <= '9' }
	return strings.IndexByte(".,:", text[at]) >= 0 && digit(at-1) && digit(at+1)
}

// firstRound leaves out what a text repeats when it goes round in circles, and returns every other text as it is. Recognizers do
// so when they lose the thread.
func firstRound(text string) string {
	for {
		from, to := circle(text)
		if from == to {
			return text
		}
		rest := strings.TrimLeftFunc(text[to:], func(r rune) bool { return unicode.IsSpace(r) || unicode.IsPunct(r) })
		text = strings.TrimRight(text[:from], " ,;:-–—")
		if rest != "" {
			text += " " + rest
		}
	}
}

// circle finds the rounds after the first, from where to where they stand; both are equal where there are none.
func circle(text string) (from, to int) {
	words := split(text)
	for _, w := range words {
		if period := letterPeriod([]rune(w.text)); period > 0 {
			letters := []rune(text[w.start:w.end])
			return w.start + len(string(letters[:period])), w.end
		}
	}
	for i := range words {
		for n := 1; n <= longestRound && i+2*n <= len(words); n++ {
			end, times := i+n, 1
			for end+n <= len(words) && similar(words[i:i+n], words[end:end+n]) {
				end += n
				times++
			}
			if begins(words[i:i+n], words[end:]) { // it was cut off in the middle of a round
				if 2*(len(words)-end) >= n {
					times++
				}
				end = len(words)
			}
			if times < needed(words[i:i+n]) {
				continue
			}
			return words[i+n-1].end, words[end-1].end
		}
	}
	return 0, 0
}

// needed is how often words must follow on each other to be a circle.
func needed(round []word) int {
	const never = 1 << 30
	letters, digits, longest := 0, 0, 0
	for _, w := range round {
		for _, r := range w.text {
			if unicode.IsDigit(r) {
				digits++
			} else {
				letters++
			}
		}
		longest = max(longest, len(w.text))
	}
	switch spelled := numbersOnly(round); {
	case letters == 0 && longest < shortestNumber, spelled:
		return never // a number, digit by digit
	case len(round) > 1 && !slices.ContainsFunc(round, func(w word) bool { return w.text != round[0].text }):
		return never // for one word alone to decide
	case len(round) == 1 && letters > 0 && digits == 0:
		return wordRounds
	}
	return rounds
}

// numbersOnly reports whether the words are those of a number that is said digit by digit.
func numbersOnly(round []word) bool {
	digits := language.Known().Digits
	for _, w := range round {
		if !slices.Contains(digits, w.text) {
			return false
		}
	}
	return true
}

// similar reports whether two rounds are nearly the same.
func similar(a, b []word) bool {
	if len(a) == 0 || len(a) != len(b) {
		return len(a) == len(b)
	}
	x, y := joined(a), joined(b)
	if string(x) == string(y) {
		return true
	}
	if first, second := joined(a[:1]), joined(b[:1]); float64(distance(first, second)) > alike*float64(len(first)) {
		return false // the rounds don't begin here
	}
	longest := max(len(x), len(y))
	return longest >= 6 && float64(distance(x, y)) <= alike*float64(longest)
}

// begins reports whether what is left of a text is a round's beginning.
func begins(round, left []word) bool {
	whole, part := joined(round), joined(left)
	return len(part) > 0 && len(part) <= len(whole) && float64(distance(whole[:len(part)], part)) <= alike*float64(len(part))
}

func joined(words []word) []rune {
	var all []rune
	for i, w := range words {
		if i > 0 {
			all = append(all, ' ')
		}
		all = append(all, []rune(w.text)...)
	}
	return all
}

// distance is how many letters have to be put in, left out or replaced to make one text of the other.
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		last := row[0]
		row[0] = i + 1
		for j, y := range b {
			now := last
			if x != y {
				now++
			}
			last, row[j+1] = row[j+1], min(now, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}

// letterPeriod is after how many letters a word begins anew, 0 where it doesn't.
func letterPeriod(w []rune) int {
	if len(w) < letterCircle {
		return 0
	}
	for period := 1; period*letterRounds <= len(w); period++ {
		same := true
		for i := period; i < len(w) && same; i++ {
			same = w[i] == w[i-period]
		}
		if same {
			return period
		}
	}
	return 0
}
