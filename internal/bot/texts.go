package bot

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/text/feature/plural"
	xlanguage "golang.org/x/text/language"
	"gopkg.in/yaml.v3"

	"github.com/mynahbot/mynah/internal/language"
)

// texts are the sentences of all languages by their key: the files texts.yaml.
type texts struct {
	languages *language.Set
	sentences map[string]map[string]sentence // by language and key
	// commands are the names of commands in languages other than English, by language and the English name. Of a sub-command
	// ("dataset list") it is the second word; the first has a name of its own.
	commands map[string]map[string]string
}

// sentence is one text. Its {name} places are filled with values.
type sentence struct {
	text string
	// counted are the places that count something, each with what stands there instead, by the form
	// that the number takes; {n} in it is the number.
	counted map[string]map[plural.Form]string
}

// forms are the names of plurals as Unicode's CLDR has them.
var forms = map[string]plural.Form{
	"zero": plural.Zero, "one": plural.One, "two": plural.Two, "few": plural.Few, "many": plural.Many, "other": plural.Other,
}

// UnmarshalYAML reads a text, or a text with the forms of the places that count something:
//
//	train.done: {text: "Learned {count}.", count: {one: "{n} example", other: "{n} examples"}}
func (s *sentence) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		s.text = strings.TrimRight(node.Value, "\n")
		return nil
	}
	var all struct {
		Text   string                       `yaml:"text"`
		Places map[string]map[string]string `yaml:",inline"`
	}
	if err := node.Decode(&all); err != nil {
		return err
	}
	s.text, s.counted = all.Text, map[string]map[plural.Form]string{}
	for place, texts := range all.Places {
		s.counted[place] = map[plural.Form]string{}
		for name, text := range texts {
			form, ok := forms[name]
			if !ok {
				return fmt.Errorf("line %d: %q is no form of a number: %v", node.Line, name, slices.Sorted(maps.Keys(forms)))
			}
			s.counted[place][form] = text
		}
	}
	return nil
}

// fill fills the places of a sentence from pairs of name and value.
func (s sentence) fill(tag xlanguage.Tag, pairs []any) string {
	if len(pairs) == 0 {
		return s.text
	}
	places := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := fmt.Sprint(pairs[i]), fmt.Sprint(pairs[i+1])
		if texts := s.counted[name]; texts != nil {
			text, ok := texts[formOf(tag, value)]
			if !ok {
				text = texts[plural.Other]
			}
			value = strings.ReplaceAll(text, "{n}", value)
		}
		places = append(places, "{"+name+"}", value)
	}
	return strings.NewReplacer(places...).Replace(s.text)
}

// formOf is the form that a number in decimal digits has beside a noun. What is no whole number has the form of fractions.
func formOf(tag xlanguage.Tag, number string) plural.Form {
	digits := make([]byte, 0, len(number))
	for _, r := range number {
		if r < '0' || r > '9' {
			return plural.Other
		}
		digits = append(digits, byte(r-'0'))
	}
	return plural.Cardinal.MatchDigits(tag, digits, len(digits), 0)
}

// loadTexts reads the files of all languages.
func loadTexts(languages *language.Set) (*texts, error) {
	t := &texts{languages: languages, sentences: map[string]map[string]sentence{}, commands: map[string]map[string]string{}}
	for _, tag := range languages.Tags() {
		var file struct {
			Commands map[string]string   `yaml:"commands"`
			Texts    map[string]sentence `yaml:"texts"`
		}
		if err := languages.Decode(tag, "texts.yaml", &file); err != nil {
			return nil, err
		}
		t.sentences[tag], t.commands[tag] = file.Texts, file.Commands
	}
	return t, nil
}

// has reports whether a language has a sentence.
func (t *texts) has(tag, key string) bool {
	_, ok := t.sentences[tag][key]
	return ok
}

// get returns a sentence with its {name} places filled from pairs of name and
// value. A key that is nowhere comes back itself: a test makes sure that none is used.
func (t *texts) get(tag, key string, pairs ...any) string {
	if !t.has(tag, key) {
		tag = language.Fallback
	}
	if !t.has(tag, key) {
		return key
	}
	return t.sentences[tag][key].fill(xlanguage.Make(tag), pairs)
}

// english returns the English name of a command that is called so in any language, and which language that is; "" for English. group
// is the English name of the first word of a sub-command, "" of the first word itself.
func (t *texts) english(group, word string) (name, tag string) {
	for _, tag := range t.languages.Tags() {
		for name, local := range t.commands[tag] {
			head, tail, two := strings.Cut(name, " ")
			switch {
			case !strings.EqualFold(local, word):
			case !two && group == "":
				return name, tag
			case two && head == group:
				return tail, tag
			}
		}
	}
	return strings.ToLower(word), ""
}

// local returns the name of a command in a language, "" where it has none but the English one.
func (t *texts) local(tag, name string) string {
	head, _, two := strings.Cut(name, " ")
	local := t.commands[tag][name]
	if two && local != "" && t.commands[tag][head] != "" {
		local = t.commands[tag][head] + " " + local
	}
	return local
}

// says reports whether a word is the sentence of a key in any language, in any case.
func (t *texts) says(key, word string) bool {
	for _, all := range t.sentences {
		if strings.EqualFold(all[key].text, word) {
			return true
		}
	}
	return false
}
