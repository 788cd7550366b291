package bot

import (
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/language/languagetest"
)

// A folder is all that a further language takes: every text is found, and what lists the languages lists it.
func TestALanguageIsAFolder(t *testing.T) {
	greek := languagetest.Greek
	b := newTestBotWith(t, nil, func(c *Config) { c.Languages = languagetest.WithMadeUp(t) })
	if !slices.Equal(b.Languages(), []string{languagetest.Tag, "en", "ru"}) {
		t.Fatalf("languages: %v", b.Languages())
	}
	for key := range b.texts.sentences["en"] {
		want := greek(b.texts.get("en", key))
		if got := b.texts.get(languagetest.Tag, key); got != want {
			t.Errorf("%s: %q, wants %q", key, got, want)
		}
	}
	if got, want := b.texts.get(languagetest.Tag, "settings.days", "days", 1), greek("1 day"); got != want {
		t.Errorf("one day is %q, wants %q", got, want)
	}
	for _, cmd := range b.commands {
		if cmd.Menu || cmd.Form {
			continue
		}
		words := strings.Fields(greek(cmd.Name))
		if found, n, _ := b.find(words...); found != cmd || n != len(words) {
			t.Errorf("%q finds %v", words, found)
		}
	}
	say := choosing(t, b)
	for _, c := range []struct{ name, value, wants string }{
		{"language", "tlh", "`el`, `en`, `ru`"},
		{"language", "el", greek("is now")},
		{"retention", "", greek("30 days")},
		{"require_e2ee", "on", greek("is now")},
	} {
		if got := say(map[string]string{"name": c.name, "value": c.value}); !strings.Contains(got, c.wants) {
			t.Errorf("settings %s %s: %q, without %q", c.name, c.value, got, c.wants)
		}
	}
	var r lastReply
	b.invocation(t.Context(), b.cfg.Now(), b.named("instruction"), Invocation{Command: "instruction", Server: 7, Author: Person{ID: 9}}, &r)
	if !strings.HasPrefix(r.text, greek("# How to work with Mynah")) {
		t.Errorf("instruction: %.100q", r.text)
	}
}
