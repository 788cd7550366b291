package bot

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func TestTextsAreTheSameInEveryLanguage(t *testing.T) {
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	if len(all.languages) < 2 {
		t.Fatalf("languages: %v", all.languages)
	}
	english := all.sentences["en"]
	for _, language := range all.languages {
		sentences := all.sentences[language]
		for key, text := range sentences {
			want, ok := english[key]
			if !ok {
				t.Errorf("%s: %s is not in English", language, key)
				continue
			}
			places := func(s string) []string {
				found := placeholder.FindAllString(s, -1)
				slices.Sort(found)
				return slices.Compact(found)
			}
			if a, b := places(text), places(want); !slices.Equal(a, b) {
				t.Errorf("%s: %s has the places %v, in English %v", language, key, a, b)
			}
			if strings.TrimSpace(text) == "" {
				t.Errorf("%s: %s is empty", language, key)
			}
		}
		for key := range english {
			if _, ok := sentences[key]; !ok {
				t.Errorf("%s: %s is missing", language, key)
			}
		}
		if _, err := instructions.ReadFile("instruction/" + language + ".md"); err != nil {
			t.Errorf("%s: %v", language, err)
		}
	}
}

func TestEveryCommandIsDescribed(t *testing.T) {
	b := newTestBot(t)
	for _, language := range b.texts.languages {
		check := func(key, text string, limit int) {
			if text == key || strings.HasPrefix(text, "command.") || strings.HasPrefix(text, "option.") {
				t.Errorf("%s: %s is missing", language, key)
			}
			if n := utf8.RuneCountInString(text); n > limit {
				t.Errorf("%s: %s has %d characters, Discord takes %d", language, key, n, limit)
			}
		}
		for _, cmd := range b.commands {
			if cmd.Form {
				continue
			}
			limit := 100
			if cmd.Menu {
				limit = 32
			}
			check(cmd.textKey(), b.Describe(cmd, "", language), limit)
			for _, o := range cmd.Options {
				check(cmd.textKey()+"."+o.Name, b.Describe(cmd, o.Name, language), 100)
			}
			if head, _, two := strings.Cut(cmd.Name, " "); two {
				check("command."+head, b.DescribeGroup(head, language), 100)
			}
		}
		for _, s := range settingsTable() {
			check("setting."+s.name, b.texts.get(language, "setting."+s.name), 200)
		}
	}
}

// sources are the files of this package that are no tests.
func TestEveryTextIsUsedAndThere(t *testing.T) {
	all, err := loadTexts()
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, m := range textKeys(t) {
		used[m] = true
		if _, ok := all.sentences["en"][m]; !ok {
			t.Errorf("the code uses the text %s, which is not there", m)
		}
	}
	if len(used) == 0 {
		t.Fatal("no text is used: the search is broken")
	}
	for key := range all.sentences["en"] {
		head, _, _ := strings.Cut(key, ".")
		switch head {
		case "command", "option", "setting", "kind": // made from names
			continue
		}
		if !used[key] {
			t.Errorf("nothing uses the text %s", key)
		}
	}
}
