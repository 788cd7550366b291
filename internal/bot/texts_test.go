package bot

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/feature/plural"
	xlanguage "golang.org/x/text/language"

	"github.com/mynahbot/mynah/internal/language"
)

var placeholder = regexp.MustCompile(`\{[a-z_]+\}`)

func loadedTexts(t *testing.T) *texts {
	t.Helper()
	known, err := language.All()
	if err != nil {
		t.Fatal(err)
	}
	all, err := loadTexts(known)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// places are the {places} of a text, sorted, once each.
func places(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestTextsAreTheSameInEveryLanguage(t *testing.T) {
	all := loadedTexts(t)
	if len(all.languages.Tags()) < 2 {
		t.Fatalf("languages: %v", all.languages.Tags())
	}
	english := all.sentences["en"]
	for _, tag := range all.languages.Tags() {
		sentences := all.sentences[tag]
		for key, s := range sentences {
			want, ok := english[key]
			if !ok {
				t.Errorf("%s: %s is not in English", tag, key)
				continue
			}
			if a, b := places(s.text), places(want.text); !slices.Equal(a, b) {
				t.Errorf("%s: %s has the places %v, in English %v", tag, key, a, b)
			}
			if strings.TrimSpace(s.text) == "" {
				t.Errorf("%s: %s is empty", tag, key)
			}
		}
		for key := range english {
			if _, ok := sentences[key]; !ok {
				t.Errorf("%s: %s is missing", tag, key)
			}
		}
	}
}

// A text that counts has what to say for every number, and names each place that it counts.
func TestTextsCountInEveryForm(t *testing.T) {
	all := loadedTexts(t)
	counted := 0
	for tag, sentences := range all.sentences {
		for key, s := range sentences {
			for place, forms := range s.counted {
				counted++
				if !strings.Contains(s.text, "{"+place+"}") {
					t.Errorf("%s: %s counts {%s}, which isn't in it", tag, key, place)
				}
				needed := map[plural.Form]bool{plural.Other: true} // fractions
				for n := range 200 {
					needed[formOf(xlanguage.Make(tag), fmt.Sprint(n))] = true
				}
				for form := range needed {
					if strings.TrimSpace(forms[form]) == "" {
						t.Errorf("%s: %s has no form %d for {%s}", tag, key, form, place)
					}
				}
				for form := range forms {
					if !needed[form] {
						t.Errorf("%s: %s has the form %d for {%s}, which the language doesn't have", tag, key, form, place)
					}
				}
			}
		}
	}
	if counted == 0 {
		t.Error("no text counts")
	}
	for _, c := range []struct {
		tag   string
		n     any
		wants string
	}{
		{"en", 1, "1 day"}, {"en", 2, "2 days"}, {"en", 0, "0 days"}, {"en", "1.5", "1.5 days"},
		{"ru", 1, "1 день"}, {"ru", 3, "3 дня"}, {"ru", int64(11), "11 дней"}, {"ru", uint64(21), "21 день"}, {"ru", 112, "112 дней"}, {"ru", "1.5", "1.5 дня"},
	} {
		if got := all.get(c.tag, "settings.days", "days", c.n); got != c.wants {
			t.Errorf("%s, %v: %q, wants %q", c.tag, c.n, got, c.wants)
		}
	}
}

var commandName = regexp.MustCompile(`^[-_\p{L}\p{N}]{1,32}$`)

// Each language names each command, so that Discord takes the name and no two are called alike.
func TestEveryCommandIsNamed(t *testing.T) {
	b := newTestBot(t)
	wanted := map[string]bool{}
	for _, cmd := range b.commands {
		if cmd.Menu || cmd.Form {
			continue
		}
		wanted[cmd.Name] = true
		head, _, _ := strings.Cut(cmd.Name, " ")
		wanted[head] = true
	}
	for _, tag := range b.Languages() {
		if tag == language.Fallback {
			continue
		}
		used := map[string]string{}
		for name := range wanted {
			local := b.CommandName(name, tag)
			if !commandName.MatchString(local) || local != strings.ToLower(local) {
				t.Errorf("%s: %q is called %q", tag, name, local)
			}
			group, _, two := strings.Cut(name, " ")
			if !two {
				group = ""
			}
			if other := used[group+" "+local]; other != "" {
				t.Errorf("%s: %q and %q are called %q", tag, name, other, local)
			}
			used[group+" "+local] = name
			if wanted[local] && local != name {
				t.Errorf("%s: %q is called as the command %q", tag, name, local)
			}
			words := strings.Fields(b.texts.local(tag, name))
			if cmd, n, found := b.find(words...); cmd == nil && found != name || cmd != nil && (n != len(words) || cmd.Name != name && !cmd.Default) {
				t.Errorf("%s: %q finds %v of %d words, not %q", tag, words, cmd, n, name)
			}
		}
		for name := range b.texts.commands[tag] {
			if !wanted[name] {
				t.Errorf("%s: %q is no command", tag, name)
			}
		}
	}
}

func TestEveryCommandIsDescribed(t *testing.T) {
	b := newTestBot(t)
	for _, language := range b.Languages() {
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
	all := loadedTexts(t)
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
