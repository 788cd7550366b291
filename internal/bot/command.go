package bot

import (
	"context"
	"regexp"
	"slices"
	"strings"
)

// Kind is the type of an option's value.
type Kind int

const (
	Text    Kind = iota // any text
	Integer             // a whole number
	Boolean             // true/false, yes/no, 1/0, да/нет
	Upload              // an attachment
	Channel             // a text channel of the server
	Role                // a role of the server
	Member              // a person
)

// Option is one argument of a command.
type Option struct {
	Name     string
	Kind     Kind
	Required bool
	// Rest makes the option take all text that no other option claims, when
	// it is typed as a prefix command without quotes.
	Rest bool
	// Verbatim, together with Rest, looks for no other option in the text: JSON
	// and questions stay as they were typed.
	Verbatim bool
	// Takes, when set, says which unnamed words of a prefix command the option
	// may take; others go to the next option.
	Takes *regexp.Regexp
	// Voice offers, of an option of kind Channel, voice channels and stages only.
	Voice bool
	// Choices are all values that the option may have; none = any.
	Choices []string
	// Complete lists what can be chosen, best first; nil = nothing to choose from.
	Complete func(ctx context.Context, c *Call, typed string) ([]Choice, error)
}

// Choice is one value offered while typing.
type Choice struct {
	Label string // what the person sees
	Value string // what the command gets
}

// Command is declared once and becomes a prefix command, a slash command, a
// line of `help`, and its own checks. Its descriptions are texts
// "command.<name>" and "command.<name>.<option>", with "_" for the space in a
// sub-command's name; all attachment options are "command.<name>.file".
type Command struct {
	// Name is one word, or two for a sub-command ("dataset list").
	Name    string
	Options []Option
	// Trusted commands need Manage Server or a role chosen in the settings.
	Trusted bool
	// ServerOnly commands mean nothing in direct messages, unless these belong to
	// a home server: then they are for its members.
	ServerOnly bool
	// Slow commands may take longer than Discord waits for an answer to an
	// interaction (3 s): it is told at once that the answer will come.
	Slow bool
	// Private answers are shown to the author only where Discord can do that.
	Private bool
	// Uploads is how many attachments beyond the declared options the prefix
	// form takes; the slash form declares as many options "file", "file2", ….
	Uploads int
	// Menu is true for a command of a message's context menu. It has no prefix
	// and no slash form.
	Menu bool
	// Default is what the name of a group alone runs, typed as a prefix command.
	Default bool
	// Form is true for what a submitted [Modal], or a button, runs. Nobody can call it by name.
	Form bool
	Run  func(ctx context.Context, c *Call) error
}

// option returns the option called name, in any case, or nil.
func (c *Command) option(name string) *Option {
	for i := range c.Options {
		if strings.EqualFold(c.Options[i].Name, name) {
			return &c.Options[i]
		}
	}
	return nil
}

// textKey is the command's name as the texts spell it.
func (c *Command) textKey() string { return "command." + strings.ReplaceAll(c.Name, " ", "_") }

// UploadOptions returns the names of the attachment options that the slash form
// declares for Uploads.
func (c *Command) UploadOptions() []string {
	var names []string
	for i := range c.Uploads {
		if i == 0 {
			names = append(names, "file")
			continue
		}
		names = append(names, "file"+string(rune('1'+i)))
	}
	return names
}

// Commands returns everything that can be invoked, in the order of `help`.
func (b *Bot) Commands() []*Command { return b.commands }

// Describe returns the description of a command, or of one of its options where
// option is not empty, in a language. It is at most 100 characters long.
func (b *Bot) Describe(c *Command, option, language string) string {
	key := c.textKey()
	switch {
	case option == "":
	case slices.Contains(c.UploadOptions(), option):
		key += ".file"
	default:
		key += "." + option
	}
	return b.texts.get(language, key)
}

// Languages are the BCP 47 primary tags of those that Mynah speaks.
func (b *Bot) Languages() []string { return b.cfg.Languages.Tags() }

// CommandName is what a command, or a group of them, is called in a language; "" where it has no name but the English one. Of a
// sub-command ("dataset list") it is that of the second word.
func (b *Bot) CommandName(name, language string) string { return b.texts.commands[language][name] }

// DescribeGroup returns the description of what sub-commands have in common.
func (b *Bot) DescribeGroup(group, language string) string {
	return b.texts.get(language, "command."+group)
}

// find returns the command whose name, in any language, stands at the start of words, and how
// many words its name took. A lone group name finds nothing, but returns the group's English name.
func (b *Bot) find(words ...string) (cmd *Command, used int, group string) {
	if len(words) == 0 {
		return nil, 0, ""
	}
	first, _ := b.texts.english("", words[0])
	second := ""
	if len(words) > 1 {
		second, _ = b.texts.english(first, words[1])
	}
	for _, c := range b.commands {
		if c.Menu || c.Form {
			continue
		}
		head, tail, two := strings.Cut(c.Name, " ")
		switch {
		case head != first:
		case !two:
			return c, 1, ""
		case tail == second:
			return c, 2, ""
		case c.Default && second == "":
			return c, 1, ""
		default:
			group = head
		}
	}
	return nil, 0, group
}
