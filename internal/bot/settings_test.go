package bot

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/record"
)

var update = flag.Bool("update", false, "write what docs/ holds of this package anew")

// lastReply is a Responder that keeps what was said last.
type lastReply struct{ text string }

func (r *lastReply) Send(_ context.Context, reply Reply) (record.MessageID, error) {
	r.text = reply.Text
	return 0, nil
}
func (*lastReply) Working(context.Context, bool) error { return nil }

// writableChannels is a Messenger that may write in some channels.
type writableChannels []record.ChannelID

func (w writableChannels) Post(context.Context, record.ChannelID, Reply) (record.MessageID, error) {
	return 0, nil
}
func (w writableChannels) Edit(context.Context, record.ChannelID, record.MessageID, Reply) error {
	return nil
}
func (w writableChannels) Delete(context.Context, record.ChannelID, record.MessageID) error {
	return nil
}
func (w writableChannels) Writable(_ context.Context, _ record.ServerID, channel record.ChannelID) (bool, error) {
	return slices.Contains(w, channel), nil
}

// eachChat is a chat server that is never asked.
type eachChat struct{ answer.ChatServer }

// choosing returns what a manager's `settings` says to values of its options.
func choosing(t *testing.T, b *Bot) func(values map[string]string) string {
	return func(values map[string]string) string {
		var r lastReply
		b.invocation(t.Context(), time.Now(), b.named("settings"), Invocation{
			Command: "settings", Server: 7, Channel: 8, Author: Person{ID: 9, Manager: true}, Values: values,
		}, &r)
		return r.text
	}
}

func everySetting(t testing.TB) *Bot {
	b := newTestBotWith(t, func(c *answer.Config) { c.Chat, c.ChatGrounded = eachChat{}, true }, nil)
	b.Connect(writableChannels{11}, nil, nil, nil)
	return b
}

func TestSettingsTakeAndRefuse(t *testing.T) {
	b := everySetting(t)
	say := choosing(t, b)
	for _, c := range []struct{ name, value, wants string }{
		{"language", "ru", "`language` теперь: ru"},
		{"language", "tlh", "выбрать нельзя. Можно: `en`, `ru`"},
		{"language", "DEFAULT", "now as each person's Discord"},
		{"Prefix", "?", "`prefix` is now ?"},
		{"prefix", "<@1>", "A prefix has at most 5"},
		{"prefix", "too long", "A prefix has at most 5"},
		{"prefix", "default", "`prefix` is now !"},
		{"reply_mode", "ALL", "now all"},
		{"reply_mode", "off <#11>", "now all, <#11>: off"},
		{"reply_mode", "off everywhere", "is no channel"},
		{"reply_mode", "sometimes", "Choose one of `mention`, `all`, `off`"},
		{"reply_mode", "default", "now mention, <#11>: off"},
		{"reply_mode", "default 11", "now mention."},
		{"train_roles", "<@&1> 2", "now <@&1>, <@&2>"},
		{"train_roles", "1, 3", "now <@&2>, <@&3>"},
		{"train_roles", "somebody", "is no role"},
		{"train_roles", strings.Join(manyNumbers(maxTrainRoles), " "), "at most 20"},
		{"train_roles", "none", "nobody beyond"},
		{"refusal_target", "default", "now 5 %"},
		{"refusal_target", "7 %", "now 7 %"},
		{"refusal_target", "0,5", "now 0.5 %"},
		{"refusal_target", "0", "number from 0.1 to 50"},
		{"refusal_target", "60%", "number from 0.1 to 50"},
		{"label_threshold", "-1.5", "now -1.5000"},
		{"label_threshold", "0", "now 0.0000"},
		{"label_threshold", "1e9", "number from -5 to 5"},
		{"label_threshold", "default", "now as the training chooses"},
		{"reply_threshold", "1.1", "number from 0 to 1"},
		{"reply_threshold", "NaN", "number from 0 to 1"},
		{"recognizer", "google", "now google"},
		{"recognizer", "parrot", "Choose one of `local`, `google`, `openai`, `off`"},
		{"recognizer", "default", "now as configured"},
		{"recognizer_language", "de-DE", "now de-DE"},
		{"recognizer_language", "German", "must be a language"},
		{"recognizer_language", "default", "now as the language"},
		{"voice", "espeak-ng", "now espeak-ng"},
		{"retention", "7 days", "now 7 days"},
		{"retention", "1.5", "whole number from 1 to 365"},
		{"retention", "0", "days until questions"},
		{"retention", "default", "now 30 days"},
		{"consent", "opt-in", "now opt-in"},
		{"consent", "default", "now opt-out"},
		{"require_e2ee", "on", "now on"},
		{"require_e2ee", "default", "now off"},
		{"transcripts", "<#11>", "now <#11>"},
		{"transcripts", "12", "can't write in <#12>"},
		{"transcripts", "here", "is no channel"},
		{"transcripts", "off", "now off"},
		{"vocabulary", "Grimwald, Xylo = Zylo", "now Grimwald, Xylo=Zylo"},
		{"vocabulary", "xylo=Sailo", "now Grimwald, xylo=Sailo"},
		{"vocabulary", "XYLO", "now Grimwald."},
		{"vocabulary", "a=", "stands after `=`"},
		{"vocabulary", strings.Join(manyNumbers(maxWords), ","), "at most 200"},
		{"vocabulary", "default", "now none"},
		{"names", "a_b", "now a\\_b"},
		{"names", "a=b", "between commas"},
		{"endpoint_short", "200ms", "now 200 ms"},
		{"endpoint_short", "2000", "longer than the long one"},
		{"endpoint_short", "", "is 200 ms"},
		{"endpoint_long", "149", "whole number from 150 to 5000"},
		{"chat", "off", "now off"},
		{"grounded", "yes", "now on"},
		{"grounded", "no", "now off"},
		{"grounded", "maybe", "Choose one of `on`, `off`"},
		{"instruction", "", "is Mynah's own"},
		{"instruction", "Be kind.", "now this server's own"},
		{"instruction", "default", "now Mynah's own"},
		{"retension", "7", "Did you mean `retention`?"},
		{"colour", "red", "no setting “colour”"},
	} {
		if got := say(map[string]string{"name": c.name, "value": c.value}); !strings.Contains(got, c.wants) {
			t.Errorf("settings %s %s: %q, without %q", c.name, c.value, got, c.wants)
		}
	}
}

// What a setting takes, it shows, within limits.
func FuzzSettingValues(f *testing.F) {
	for _, seed := range []string{"on", "default", "off", "0,5 %", "-1.5", "7 days", "<@&1>, 2", "all <#11>", "Xylo=Zylo, a_b", "de-DE", "!", "1e9", "=", ",", "\xff", "`", "<#99999999999999999999>"} {
		f.Add(seed)
	}
	b := everySetting(f)
	f.Fuzz(func(t *testing.T, value string) {
		for _, s := range b.settingsHere() {
			if _, file := s.kind.(instructionSetting); file {
				continue
			}
			c := &Call{bot: b, translation: b.in("en", record.Settings{}), Server: 7}
			keep, err := s.kind.read(t.Context(), c, s.name, &settingValue{text: value})
			if err != nil {
				continue
			}
			keep(&c.settings)
			shown := s.kind.show(c, c.settings)
			if strings.TrimSpace(shown) == "" || len([]rune(shown)) > 2*maxListRunes {
				t.Errorf("%s took %q and shows %q", s.name, value, shown)
			}
		}
	})
}

func manyNumbers(n int) []string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprint(100+i))
	}
	return append(all, "99")
}

// A channel, a role or a file goes to settings that take one; others say that they don't.
func TestSettingsTakeOptions(t *testing.T) {
	say := choosing(t, everySetting(t))
	for _, c := range []struct {
		values map[string]string
		wants  string
	}{
		{map[string]string{"name": "transcripts", "channel": "11"}, "now <#11>"},
		{map[string]string{"name": "reply_mode", "value": "all", "channel": "11"}, "now mention, <#11>: all"},
		{map[string]string{"name": "train_roles", "role": "5"}, "now <@&5>"},
		{map[string]string{"name": "train_roles", "value": "6", "role": "5"}, "now <@&6>"},
		{map[string]string{"name": "prefix", "value": "?", "channel": "11"}, "`prefix` doesn't take a channel"},
		{map[string]string{"name": "prefix"}, "`prefix` is !"},
		{map[string]string{"name": "voice", "value": "off", "role": "5"}, "`voice` doesn't take a role"},
	} {
		if got := say(c.values); !strings.Contains(got, c.wants) {
			t.Errorf("settings %v: %q, without %q", c.values, got, c.wants)
		}
	}
}

// Only what is configured can be chosen, and what would mean nothing isn't there.
func TestSettingsFollowTheConfiguration(t *testing.T) {
	b := newTestBotWith(t, nil, func(c *Config) { c.Recognizers, c.Talking = []string{"local"}, nil })
	say := choosing(t, b)
	if got := say(map[string]string{"name": "recognizer", "value": "openai"}); !strings.Contains(got, "Choose one of `local`, `off`") {
		t.Error(got)
	}
	overview := say(nil)
	for name, wants := range map[string]bool{"`recognizer`": true, "`consent`": false, "`chat`": false} {
		if strings.Contains(overview, name) != wants {
			t.Errorf("%s is there: %v, in\n%s", name, !wants, overview)
		}
	}
	none := choosing(t, newTestBotWith(t, nil, func(c *Config) { c.Recognizers = nil }))
	if got := none(map[string]string{"name": "recognizer", "value": "off"}); !strings.Contains(got, "no setting") {
		t.Error(got)
	}
}

func TestSettingsAreCompleted(t *testing.T) {
	b := everySetting(t)
	values := func(option, typed string, values map[string]string) []string {
		var found []string
		for _, c := range b.HandleCompletion(t.Context(), Completion{
			Invocation: Invocation{Command: "settings", Server: 7, Author: Person{Manager: true}, Values: values, Locale: "ru"}, Option: option, Typed: typed,
		}) {
			found = append(found, c.Value)
		}
		return found
	}
	if got := values("name", "endpoint", nil); !slices.Equal(got, []string{"endpoint_short", "endpoint_long"}) {
		t.Errorf("names: %q", got)
	}
	if got := values("name", "громк", nil); got != nil {
		t.Errorf("names for a word of no setting: %q", got)
	}
	if got := values("name", "роли", nil); !slices.Contains(got, "train_roles") {
		t.Errorf("names by what they are for: %q", got)
	}
	for name, wants := range map[string][]string{
		"retention": {"1", "7", "30", "90", "default"}, "consent": {"opt-out", "opt-in", "default"}, "grounded": {"on", "off", "default"},
		"transcripts": {"off", "default"}, "nothing": nil,
	} {
		if got := values("value", "", map[string]string{"name": name}); !slices.Equal(got, wants) {
			t.Errorf("values of %s: %q", name, got)
		}
	}
}

// docs/settings.md is made of the settings themselves.
func TestSettingsAreDocumented(t *testing.T) {
	b := everySetting(t)
	c := &Call{bot: b, translation: b.in("en", record.Settings{})}
	var page bytes.Buffer
	page.WriteString("# Settings\n\nWhat each server can choose with `settings name value`, made from the program itself\n" +
		"(`go test ./internal/bot -run TestSettingsAreDocumented -update`). `default` as a value takes a choice back. Some are there only\n" +
		"where what they need is configured: a recognizer, a voice, a chat server.\n\n| name | values | by default | |\n|---|---|---|---|\n")
	escape := strings.NewReplacer("|", `\|`)
	for _, s := range b.settingsHere() {
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", s.name, escape.Replace(s.kind.takes(b)), escape.Replace(s.kind.show(c, record.Settings{})), escape.Replace(c.T("setting."+s.name)))
	}
	documented(t, "settings.md", page.Bytes(), "docs/settings.md is not what the settings say: go test ./internal/bot -run TestSettingsAreDocumented -update")
}

// documented compares a page of docs/ with what was made for it, and writes it with -update.
func documented(t *testing.T, page string, made []byte, differs string) {
	t.Helper()
	file := filepath.Join("../../docs", page)
	if *update {
		if err := os.WriteFile(file, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, made) {
		t.Error(differs)
	}
}
