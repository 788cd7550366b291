package bot

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/record"
)

// listSetting is several things. What is named is added, or taken away where it is there already.
type listSetting[T any] struct {
	at   func(*record.Settings) *[]T
	of   item[T]
	max  int
	none string // key of the text that an empty list shows
}

// item is how one thing of a list is read and shown.
type item[T any] struct {
	what  string // in English, for docs/settings.md
	split func(value string) []string
	// read understands one; the error is a refusal.
	read func(c *Call, value string) (T, error)
	// text is one as it is typed, shown as a message shows it.
	text, shown func(T) string
	// same reports whether what is named stands for what is there.
	same func(there, named T) bool
	// replaces reports whether what is named takes the place of the same thing that is there; nil: never.
	replaces func(there, named T) bool
}

func (k listSetting[T]) read(_ context.Context, c *Call, name string, v *settingValue) (func(*record.Settings), error) {
	value := v.text
	// Roles and channels may come as options of their own, which stand for what is typed.
	if v.role != "" {
		value, v.role = value+" "+v.role, ""
	}
	if v.channel != 0 {
		value, v.channel = value+" "+v.channel.String(), 0
	}
	if none(strings.TrimSpace(value)) {
		return func(s *record.Settings) { *k.at(s) = nil }, nil
	}
	var named []T
	for _, word := range k.of.split(value) {
		one, err := k.of.read(c, word)
		if err != nil {
			return nil, err
		}
		named = append(named, one)
	}
	if have := *k.at(&c.settings); len(k.toggled(have, named)) > k.max {
		return nil, c.fail("settings.too_many", "name", name, "max", k.max)
	}
	return func(s *record.Settings) { *k.at(s) = k.toggled(*k.at(s), named) }, nil
}

// toggled is the list with what is named added or taken away.
func (k listSetting[T]) toggled(have, named []T) []T {
	have = slices.Clone(have)
	for _, one := range named {
		at := slices.IndexFunc(have, func(there T) bool { return k.of.same(there, one) })
		switch {
		case at < 0:
			have = append(have, one)
		case k.of.replaces != nil && k.of.replaces(have[at], one):
			have[at] = one
		default:
			have = slices.Delete(have, at, at+1)
		}
	}
	return have
}

// maxListRunes is how much of a list is shown.
const maxListRunes = 600

func (k listSetting[T]) show(c *Call, s record.Settings) string {
	have := *k.at(&s)
	if len(have) == 0 {
		return c.T(k.none)
	}
	var shown []string
	for _, one := range have {
		shown = append(shown, k.of.shown(one))
	}
	return shorten(strings.Join(shown, ", "), maxListRunes)
}

// offers is what is there, so that it can be taken away.
func (k listSetting[T]) offers(c *Call) []string {
	var offered []string
	for _, one := range *k.at(&c.settings) {
		offered = append(offered, k.of.text(one))
	}
	return offered
}

func (k listSetting[T]) takes(*Bot) string { return fmt.Sprintf("%s, at most %d", k.of.what, k.max) }

// ids divides mentions and ids.
func ids(value string) []string {
	return strings.FieldsFunc(value, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

// roleItems are mentioned, or given by their ids.
var roleItems = item[record.RoleID]{
	what:  "roles",
	split: ids,
	read: func(c *Call, value string) (record.RoleID, error) {
		role := Option{Name: "role", Kind: Role}
		id, err := role.read(value)
		if err != nil {
			return 0, c.fail("settings.bad_role", "value", plain(value))
		}
		n, _ := strconv.ParseUint(id, 10, 64) // checked by read
		return record.RoleID(n), nil
	},
	text:  roleMention,
	shown: roleMention,
	same:  func(there, named record.RoleID) bool { return there == named },
}

func roleMention(id record.RoleID) string { return "<@&" + id.String() + ">" }

const (
	// maxWords is how many words, and how many names, a server may have.
	maxWords = 200
	// maxWordRunes is the longest of them.
	maxWordRunes  = 50
	maxTrainRoles = 20
)

// nameItems are words between commas.
var nameItems = item[string]{
	what:  "words between commas",
	split: func(value string) []string { return strings.Split(value, ",") },
	read: func(c *Call, value string) (string, error) {
		value = strings.TrimSpace(value)
		if !goodWord(value) || strings.Contains(value, "=") {
			return "", c.fail("settings.bad_word", "max", maxWordRunes)
		}
		return value, nil
	},
	text:  func(word string) string { return word },
	shown: plain,
	same:  strings.EqualFold,
}

// wordItems are words between commas, each perhaps with how it is said: "word=said".
var wordItems = item[string]{
	what:  "words between commas, each perhaps with how it is said: `Xylo=Zylo`",
	split: nameItems.split,
	read: func(c *Call, value string) (string, error) {
		word, said, pronounced := strings.Cut(value, "=")
		word, said = strings.TrimSpace(word), strings.TrimSpace(said)
		switch {
		case !goodWord(word), pronounced && !goodWord(said):
			return "", c.fail("settings.bad_pronunciation", "max", maxWordRunes)
		case pronounced:
			word += "=" + said
		}
		return word, nil
	},
	text:     nameItems.text,
	shown:    plain,
	same:     func(there, named string) bool { return strings.EqualFold(written(there), written(named)) },
	replaces: func(there, named string) bool { return strings.Contains(named, "=") && there != named },
}

// written is how a word of the vocabulary is written.
func written(entry string) string {
	word, _, _ := strings.Cut(entry, "=")
	return word
}

// goodWord reports whether a word has letters or digits, and is not too long.
func goodWord(word string) bool {
	return utf8.RuneCountInString(word) <= maxWordRunes && !strings.ContainsFunc(word, unicode.IsControl) &&
		strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) })
}
