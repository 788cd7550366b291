package bot

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// Everything that Mynah says, one file a language. A third language is one more
// file with the same keys; a test compares them.
//
//go:embed texts/*.yaml
var textFiles embed.FS

// fallbackLanguage is spoken where the wanted language has no file.
const fallbackLanguage = "en"

// texts are the sentences of all languages by their key.
type texts struct {
	languages []string // sorted
	sentences map[string]map[string]string
}

// loadTexts reads the embedded files.
func loadTexts() (*texts, error) {
	entries, err := textFiles.ReadDir("texts")
	if err != nil {
		return nil, err
	}
	t := &texts{sentences: map[string]map[string]string{}}
	for _, entry := range entries {
		language := strings.TrimSuffix(entry.Name(), ".yaml")
		raw, err := textFiles.ReadFile(path.Join("texts", entry.Name()))
		if err != nil {
			return nil, err
		}
		var file struct {
			Texts map[string]string `yaml:"texts"`
		}
		if err := yaml.Unmarshal(raw, &file); err != nil {
			return nil, fmt.Errorf("texts/%s: %w", entry.Name(), err)
		}
		for key, text := range file.Texts {
			file.Texts[key] = strings.TrimRight(text, "\n")
		}
		t.languages = append(t.languages, language)
		t.sentences[language] = file.Texts
	}
	slices.Sort(t.languages)
	if t.sentences[fallbackLanguage] == nil {
		return nil, fmt.Errorf("texts/%s.yaml is missing", fallbackLanguage)
	}
	return t, nil
}

// match returns the first of the locales ("ru", "en-US") whose language has a
// file, else the fallback.
func (t *texts) match(locales ...string) string {
	for _, locale := range locales {
		language, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "_", "-")), "-")
		if slices.Contains(t.languages, language) {
			return language
		}
	}
	return fallbackLanguage
}

// get returns a sentence with its {name} places filled from pairs of name and
// value. A key that is nowhere comes back itself: a test makes sure that none is used.
func (t *texts) get(language, key string, pairs ...any) string {
	text, ok := t.sentences[language][key]
	if !ok {
		if text, ok = t.sentences[fallbackLanguage][key]; !ok {
			return key
		}
	}
	if len(pairs) == 0 {
		return text
	}
	places := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		places = append(places, "{"+fmt.Sprint(pairs[i])+"}", fmt.Sprint(pairs[i+1]))
	}
	return strings.NewReplacer(places...).Replace(text)
}

// says reports whether a word is the sentence of a key in any language, in any case.
func (t *texts) says(key, word string) bool {
	for _, language := range t.languages {
		if strings.EqualFold(t.sentences[language][key], word) {
			return true
		}
	}
	return false
}
