package language

import (
	"slices"
	"strings"
	"sync"
)

// Words are those of one language that many need: its file words.yaml.
type Words struct {
	Yes    []string    `yaml:"yes"`
	No     []string    `yaml:"no"`
	Spoken SpokenWords `yaml:"spoken"`
	Digits []string    `yaml:"digits"` // of a number that is said digit by digit
}

// SpokenWords are those at which text is cut for being spoken, in small letters but for Letters.
type SpokenWords struct {
	Abbreviations []string `yaml:"abbreviations"` // without their last full stop, which ends no sentence
	MayEnd        []string `yaml:"may_end"`       // abbreviations that may end a sentence before a capital
	Letters       []string `yaml:"letters"`       // words of one capital letter, which are no initials
	Conjunctions  []string `yaml:"conjunctions"`
	Prepositions  []string `yaml:"prepositions"`
}

// Words returns the words of all languages together: who reads a text doesn't know which it is in.
func (s *Set) Words() (Words, error) {
	var all Words
	for _, tag := range s.tags {
		var w Words
		if err := s.Decode(tag, "words.yaml", &w); err != nil {
			return Words{}, err
		}
		all.Yes, all.No, all.Digits = slices.Concat(all.Yes, w.Yes), slices.Concat(all.No, w.No), slices.Concat(all.Digits, w.Digits)
		of, more := &all.Spoken, w.Spoken
		of.Abbreviations, of.MayEnd = slices.Concat(of.Abbreviations, more.Abbreviations), slices.Concat(of.MayEnd, more.MayEnd)
		of.Conjunctions, of.Prepositions = slices.Concat(of.Conjunctions, more.Conjunctions), slices.Concat(of.Prepositions, more.Prepositions)
		of.Letters = slices.Concat(of.Letters, more.Letters)
	}
	return all, nil
}

// Known are the words of all languages that are built in, read once. Do not change them.
var Known = sync.OnceValue(func() *Words {
	set, err := All()
	if err != nil {
		panic(err) // a test reads them
	}
	all, err := set.Words()
	if err != nil {
		panic(err)
	}
	return &all
})

// Truth reads what people write for true and false, in any of the languages.
func (w *Words) Truth(text string) (value, ok bool) {
	text = strings.ToLower(strings.TrimSpace(text))
	switch {
	case slices.Contains([]string{"true", "t", "1", "on", "+"}, text), slices.Contains(w.Yes, text):
		return true, true
	case slices.Contains([]string{"false", "f", "0", "off", "-"}, text), slices.Contains(w.No, text):
		return false, true
	}
	return false, false
}
