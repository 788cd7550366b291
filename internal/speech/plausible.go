package speech

import (
	"slices"
	"strings"
	"time"
	"unicode"
)

// scriptsOf are the scripts of languages, for those that are written in one. Languages that aren't listed are not checked.
var scriptsOf = func() map[string][]*unicode.RangeTable {
	m := map[string][]*unicode.RangeTable{
		"el": {unicode.Greek}, "he": {unicode.Hebrew}, "hy": {unicode.Armenian}, "ka": {unicode.Georgian},
		"ko": {unicode.Hangul, unicode.Han}, "th": {unicode.Thai},
		"ja": {unicode.Hiragana, unicode.Katakana, unicode.Han}, "zh": {unicode.Han}, "yue": {unicode.Han},
	}
	for script, languages := range map[*unicode.RangeTable]string{
		unicode.Latin:      "en de fr es it pt nl pl cs sk sl hr ro hu fi sv da no nn nb et lv lt tr vi id ms ca gl eu sq cy is ga af sw tl",
		unicode.Cyrillic:   "ru uk be bg mk ky tg",
		unicode.Arabic:     "ar fa ur ps",
		unicode.Devanagari: "hi mr ne",
	} {
		for _, l := range strings.Fields(languages) {
			m[l] = []*unicode.RangeTable{script}
		}
	}
	return m
}()

const (
	// maxLetterRate is more letters a second than anybody speaks: fast speech in English has about 25.
	maxLetterRate = 45
	// A text of at least loopWords words loops when the same few words, at most loopLength, follow on each other
	// loopTimes times and make up more than half of it.
	loopWords, loopLength, loopTimes = 12, 8, 5
)

// plausible reports whether a text can be what somebody said in that time in that language. Recognizers that are
// given what they were not trained for write in other scripts, or the same words without end.
func plausible(text, language string, length time.Duration) bool {
	letters, known := 0, 0
	script := scriptsOf[language]
	for _, r := range text {
		if unicode.IsLetter(r) {
			letters++
			if script == nil || unicode.In(r, script...) {
				known++
			}
		}
	}
	if 2*known < letters {
		return false
	}
	if float64(letters) > maxLetterRate*max(1, length.Seconds()) {
		return false
	}
	return !loops(text)
}

func wordsOf(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

func loops(text string) bool {
	words := wordsOf(text)
	if len(words) < loopWords {
		return false
	}
	for n := 1; n <= loopLength; n++ {
		for i := 0; i+2*n <= len(words); {
			times := 1
			for j := i + n; j+n <= len(words) && slices.Equal(words[i:i+n], words[j:j+n]); j += n {
				times++
			}
			if times >= loopTimes && 2*times*n > len(words) {
				return true
			}
			i += max(1, (times-1)*n)
		}
	}
	return false
}
