package speech

import (
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

// maxLetterRate is more letters a second than anybody speaks: fast speech in English has about 25.
const maxLetterRate = 45

// plausible reports whether a text can be what somebody said in that time in that language. Recognizers that are
// given what they were not trained for write in other scripts.
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
	return float64(letters) <= maxLetterRate*max(1, length.Seconds())
}
