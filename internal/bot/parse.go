package bot

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/dataset"
)

// Arguments are the values of a command's options, by the option's name, as
// text in one form whatever was typed: numbers in decimals, booleans "true" or
// "false", channels, roles and people as decimal ids.
type Arguments map[string]string

// ArgumentError says which option is wrong, and how.
type ArgumentError struct {
	Option string // "" for a word that no option takes
	Kind   Kind
	Value  string
	Reason ArgumentFault
}

// ArgumentFault is the way in which an argument is wrong.
type ArgumentFault int

const (
	ArgumentMissing    ArgumentFault = iota // a required option is not there
	ArgumentMalformed                       // it can't be read as the option's kind
	ArgumentTwice                           // given two times
	ArgumentUnexpected                      // nothing takes it
	ArgumentNotAChoice                      // not one of the choices
)

func (e *ArgumentError) Error() string {
	reasons := [...]string{"is missing", "can't be read", "is given twice", "is unexpected", "is no choice"}
	return fmt.Sprintf("argument %s %.40q %s", e.Option, e.Value, reasons[e.Reason])
}

// token is one word of a command line.
type token struct {
	start, end int    // in the line, quotes and name included
	name       string // of `name=value` and `name:value`, where such an option exists
	value      string
	quoted     bool
}

var closing = map[rune]rune{'"': '"', '“': '”', '«': '»', '„': '“'}

// ParseArguments reads what stands after a command's name. Named options are
// `name=value` or `name:value`, with or without blanks before the value; other
// words go to the options in their order, and everything that is left to the
// option that takes the rest. A value that has spaces is quoted, or is a text
// that stands behind such words and goes on to the next option or the end. A
// name whose value its option doesn't take is a word like others, and so is that
// of the option that takes the rest once it has words. Quotes are "…", “…”, «…»
// or „…“; in "…" a backslash before a quote or a backslash keeps it.
func ParseArguments(cmd *Command, line string) (Arguments, error) {
	args := Arguments{}
	rest := restOption(cmd)
	if rest != nil && rest.Verbatim {
		if value := unquoteWhole(strings.TrimSpace(line)); value != "" {
			args[rest.Name] = value
		}
		return args, args.check(cmd)
	}
	var free []token
	for _, t := range tokens(cmd, line) {
		if t.name == "" {
			free = append(free, t)
			continue
		}
		if _, twice := args[t.name]; twice {
			return nil, &ArgumentError{Option: t.name, Value: t.value, Reason: ArgumentTwice}
		}
		if err := args.set(cmd.option(t.name), t.value); err != nil {
			return nil, err
		}
	}
	for i := range cmd.Options {
		o := &cmd.Options[i]
		if _, named := args[o.Name]; named || o.Kind == Upload || len(free) == 0 {
			continue
		}
		if o.Takes != nil && !o.Takes.MatchString(free[0].value) {
			continue
		}
		if o.Rest && !(free[0].quoted && fit(cmd.Options[i+1:], args, free[1:])) {
			value := restText(line, free)
			free = nil
			if err := args.set(o, value); err != nil {
				return nil, err
			}
			continue
		}
		if err := args.set(o, free[0].value); err != nil {
			return nil, err
		}
		free = free[1:]
	}
	if len(free) > 0 {
		return nil, &ArgumentError{Value: free[0].value, Reason: ArgumentUnexpected}
	}
	return args, args.check(cmd)
}

// fit reports whether the options take all of the words.
func fit(options []Option, args Arguments, words []token) bool {
	for i := range options {
		o := &options[i]
		if _, named := args[o.Name]; named || o.Kind == Upload || len(words) == 0 || o.Takes != nil && !o.Takes.MatchString(words[0].value) {
			continue
		}
		if _, err := o.read(words[0].value); err != nil {
			return false
		}
		words = words[1:]
	}
	return len(words) == 0
}

// restOption returns the option that takes the rest of the line, or nil.
func restOption(cmd *Command) *Option {
	for i := range cmd.Options {
		if cmd.Options[i].Rest {
			return &cmd.Options[i]
		}
	}
	return nil
}

// restText is what the words say together: as it was typed where they stand
// together, joined by spaces where a named option stood between them.
func restText(line string, words []token) string {
	if len(words) == 1 {
		return words[0].value
	}
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			between := line[words[i-1].end:w.start]
			if strings.TrimSpace(between) != "" {
				between = " "
			}
			b.WriteString(between)
		}
		b.WriteString(line[w.start:w.end])
	}
	return b.String()
}

// tokens divides a line into words.
func tokens(cmd *Command, line string) []token {
	var found []token
	at := 0
	for at < len(line) {
		r, size := utf8.DecodeRuneInString(line[at:])
		if unicode.IsSpace(r) {
			at += size
			continue
		}
		t := token{start: at}
		o, from := optionAt(cmd, line, at, found)
		if o != nil {
			t.name, at = o.Name, from
		}
		t.value, t.quoted, at = word(line, at)
		if o != nil && !t.quoted && o.runsOn(cmd, found) {
			at = textEnd(cmd, line, at, append(found, t))
			t.value = line[from:at]
		}
		t.end = at
		found = append(found, t)
	}
	return found
}

// optionAt returns the option that is named at line[at:] and where its value
// begins, behind the words found so far; nil where none is.
func optionAt(cmd *Command, line string, at int, found []token) (o *Option, from int) {
	name, length := optionName(cmd, line[at:])
	if name == "" {
		return nil, at
	}
	o, from = cmd.option(name), at+length
	if o.Rest && restBegan(cmd, found) {
		return nil, at
	}
	behind := strings.TrimLeft(line[from:], " \t")
	if next, _ := optionName(cmd, behind); next == "" && behind != "" {
		from = len(line) - len(behind)
	}
	if value, _, _ := word(line, from); o.Takes != nil && !o.Takes.MatchString(value) {
		return nil, at
	}
	return o, from
}

// restBegan reports whether the words found so far hold some of the option that
// takes the rest.
func restBegan(cmd *Command, found []token) bool {
	var free []token
	named := map[string]bool{}
	for _, t := range found {
		if t.name == "" {
			free = append(free, t)
		}
		named[t.name] = true
	}
	for i := range cmd.Options {
		switch o := &cmd.Options[i]; {
		case o.Rest:
			return named[o.Name] || len(free) > 0
		case named[o.Name], o.Kind == Upload, len(free) == 0, o.Takes != nil && !o.Takes.MatchString(free[0].value):
		default:
			free = free[1:]
		}
	}
	return false
}

// runsOn reports whether the option's unquoted value goes on to the next option:
// it takes the rest, or it is a text and other words than its own stand before it.
func (o *Option) runsOn(cmd *Command, found []token) bool {
	if o.Rest {
		return true
	}
	if o.Kind != Text || len(o.Choices) > 0 || o.Takes != nil || restOption(cmd) == nil {
		return false
	}
	return restBegan(cmd, found) || slices.ContainsFunc(found, func(t token) bool { return t.name == "" })
}

// textEnd returns where a text ends whose first word ended at at: before the next
// option, or with the line.
func textEnd(cmd *Command, line string, at int, found []token) int {
	end := at
	for {
		at += len(line[at:]) - len(strings.TrimLeftFunc(line[at:], unicode.IsSpace))
		if at == len(line) {
			return end
		}
		if o, _ := optionAt(cmd, line, at, found); o != nil {
			return end
		}
		_, _, at = word(line, at)
		end = at
	}
}

// optionName reads `name=` or `name:` at the start of s, where the command has
// such an option, and returns the option's name and the length in bytes.
func optionName(cmd *Command, s string) (name string, length int) {
	for i, r := range s {
		if r == '=' || r == ':' {
			// "https://…" and "12:30" are text, not options.
			if o := cmd.option(s[:i]); o != nil && o.Kind != Upload && !strings.HasPrefix(s[i+1:], "//") {
				return o.Name, i + 1
			}
			return "", 0
		}
		if r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return "", 0
		}
	}
	return "", 0
}

// word reads one word or quotation at line[at:] and returns where it ends.
func word(line string, at int) (value string, quoted bool, end int) {
	r, size := utf8.DecodeRuneInString(line[at:])
	if close, ok := closing[r]; ok {
		if value, end, ok := quotation(line, at+size, r, close); ok {
			return value, true, end
		}
	}
	end = at
	for end < len(line) {
		r, size := utf8.DecodeRuneInString(line[end:])
		if unicode.IsSpace(r) {
			break
		}
		end += size
	}
	return line[at:end], false, end
}

// quotation reads up to the closing quote, which must end a word.
func quotation(line string, at int, open, close rune) (value string, end int, ok bool) {
	var b strings.Builder
	for at < len(line) {
		r, size := utf8.DecodeRuneInString(line[at:])
		at += size
		if open == '"' && r == '\\' && at < len(line) && (line[at] == '"' || line[at] == '\\') {
			b.WriteByte(line[at])
			at++
			continue
		}
		if r == close {
			next, _ := utf8.DecodeRuneInString(line[at:])
			if at < len(line) && !unicode.IsSpace(next) {
				return "", 0, false
			}
			return b.String(), at, true
		}
		b.WriteString(line[at-size : at])
	}
	return "", 0, false
}

// unquoteWhole takes away quotes around the whole of s, unless they are those
// of a JSON string, which is read by whoever wants JSON.
func unquoteWhole(s string) string {
	r, size := utf8.DecodeRuneInString(s)
	close, ok := closing[r]
	if !ok || r == '"' && strings.ContainsAny(s, "{[") {
		return s
	}
	if value, end, ok := quotation(s, size, r, close); ok && end == len(s) {
		return value
	}
	return s
}

// set reads a value as the option wants it.
func (a Arguments) set(o *Option, text string) error {
	value, err := o.read(text)
	if err != nil {
		return err
	}
	a[o.Name] = value
	return nil
}

// check reports a required option that is missing.
func (a Arguments) check(cmd *Command) error {
	for i := range cmd.Options {
		o := &cmd.Options[i]
		if o.Required && a[o.Name] == "" {
			return &ArgumentError{Option: o.Name, Kind: o.Kind, Reason: ArgumentMissing}
		}
	}
	return nil
}

var mention = regexp.MustCompile(`^<(?:#|@&|@!?)([0-9]{1,20})>$`)

// read brings a value into the one form that Arguments have.
func (o *Option) read(text string) (string, error) {
	bad := &ArgumentError{Option: o.Name, Kind: o.Kind, Value: text, Reason: ArgumentMalformed}
	switch o.Kind {
	case Integer:
		n, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
		if err != nil {
			return "", bad
		}
		return strconv.FormatInt(n, 10), nil
	case Boolean:
		b, ok := dataset.ParseBool(text)
		if !ok {
			return "", bad
		}
		return strconv.FormatBool(b), nil
	case Channel, Role, Member:
		if m := mention.FindStringSubmatch(text); m != nil {
			text = m[1]
		}
		if _, err := strconv.ParseUint(text, 10, 64); err != nil {
			return "", bad
		}
		return text, nil
	}
	if len(o.Choices) > 0 {
		for _, choice := range o.Choices {
			if strings.EqualFold(choice, text) {
				return choice, nil
			}
		}
		return "", &ArgumentError{Option: o.Name, Value: text, Reason: ArgumentNotAChoice}
	}
	return text, nil
}
