package bot

import (
	"context"
	"strings"

	"github.com/mynahbot/mynah/internal/record"
)

// setting is one thing that a server can choose: an entry of [settingsTable]. What it is for is
// the text "setting.<name>" of each language.
type setting struct {
	name string
	kind settingKind
	// needs reports whether the setting means something in a bot as it is configured; nil: always.
	needs func(b *Bot) bool
	// valid refuses settings whose values don't go together; nil: each stands alone.
	valid func(c *Call, s record.Settings) error
	// then is what follows from a change, in this order.
	then []effect
}

// settingKind is how the values of a setting are read, kept, shown and offered.
type settingKind interface {
	// read understands a value, asks Discord where that takes it, and returns how to keep it. The
	// error is a refusal in words for the person. What it uses of v it takes out.
	read(ctx context.Context, c *Call, name string, v *settingValue) (keep func(s *record.Settings), err error)
	// show is the value that holds.
	show(c *Call, s record.Settings) string
	// offers are values to choose from while typing; "default" is always there.
	offers(c *Call) []string
	// takes says in English which values there are, for docs/settings.md.
	takes(b *Bot) string
}

// settingValue is what a person gave as a new value.
type settingValue struct {
	text    string
	channel record.ChannelID // of the option "channel"; 0 = not given
	role    string           // of the option "role", a decimal id; "" = not given
	files   []Attachment
}

// empty reports whether nothing was given.
func (v *settingValue) empty() bool {
	return v.text == "" && v.channel == 0 && v.role == "" && len(v.files) == 0
}

const (
	// byDefault as a value takes a choice back.
	byDefault = "default"
	// on and off switch something.
	on  = "on"
	off = "off"
)

// none reports whether a value takes a choice back or says that there is to be none.
func none(value string) bool {
	switch strings.ToLower(value) {
	case byDefault, off, "none":
		return true
	}
	return false
}

// field is where settings keep a value that may be not chosen.
type field[T any] struct {
	get func(s record.Settings) (value T, chosen bool)
	set func(s *record.Settings, value T, chosen bool)
}

// zeroable is a field whose zero value means "not chosen".
func zeroable[T comparable](at func(*record.Settings) *T) field[T] {
	return field[T]{
		get: func(s record.Settings) (T, bool) {
			var zero T
			value := *at(&s)
			return value, value != zero
		},
		set: func(s *record.Settings, value T, chosen bool) {
			var zero T
			if !chosen {
				value = zero
			}
			*at(s) = value
		},
	}
}

// nilable is a field that is nil where nothing was chosen.
func nilable[T any](at func(*record.Settings) **T) field[T] {
	return field[T]{
		get: func(s record.Settings) (value T, chosen bool) {
			if p := *at(&s); p != nil {
				return *p, true
			}
			return value, false
		},
		set: func(s *record.Settings, value T, chosen bool) {
			*at(s) = nil
			if chosen {
				*at(s) = &value
			}
		},
	}
}

// through is a field that keeps a value in another form.
func through[A, B any](f field[A], out func(A) B, in func(B) A) field[B] {
	return field[B]{
		get: func(s record.Settings) (B, bool) {
			value, chosen := f.get(s)
			return out(value), chosen
		},
		set: func(s *record.Settings, value B, chosen bool) { f.set(s, in(value), chosen) },
	}
}

// whole is a whole number whose zero means "not chosen".
func whole(at func(*record.Settings) *int) field[float64] {
	return through(zeroable(at), func(n int) float64 { return float64(n) }, func(x float64) int { return int(x) })
}

// share is a share of 1, chosen in percent, whose zero means "not chosen".
func share(at func(*record.Settings) *float64) field[float64] {
	return through(zeroable(at), func(x float64) float64 { return 100 * x }, func(x float64) float64 { return x / 100 })
}

// between keeps one of two words as false and true.
func between(at func(*record.Settings) *bool, no, yes string) field[string] {
	return through(zeroable(at), func(b bool) string {
		if b {
			return yes
		}
		return no
	}, func(word string) bool { return word == yes })
}

// settings are those that mean something here, in the order of the table.
func (b *Bot) settingsHere() []setting {
	var here []setting
	for _, s := range settingsTable() {
		if s.needs == nil || s.needs(b) {
			here = append(here, s)
		}
	}
	return here
}

// settingNamed finds a setting that means something here, in any case.
func (b *Bot) settingNamed(name string) (setting, bool) {
	for _, s := range b.settingsHere() {
		if strings.EqualFold(s.name, name) {
			return s, true
		}
	}
	return setting{}, false
}

// changeSettings changes the server's settings and keeps them. Changes of one
// server don't overtake each other.
func (c *Call) changeSettings(ctx context.Context, change func(*record.Settings) error) error {
	c.bot.settingsMu.Lock()
	defer c.bot.settingsMu.Unlock()
	s, err := c.bot.cfg.Settings.Settings(ctx, c.Server)
	if err != nil {
		return err
	}
	s.Server = c.Server
	if err := change(&s); err != nil {
		return err
	}
	if err := c.bot.cfg.Settings.SaveSettings(ctx, s); err != nil {
		return err
	}
	c.settings = s
	return nil
}
