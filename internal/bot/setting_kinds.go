package bot

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/record"
)

// The kinds of settings. Lists and files have files of their own.

// choiceSetting is one of a few words.
type choiceSetting[T ~string] struct {
	in     field[T]
	values func(b *Bot) []string
	usual  func(c *Call) string // what holds where nothing was chosen
	// channels, where set, are the choices of single channels.
	channels func(*record.Settings) *map[record.ChannelID]T
}

// fixed are values that don't depend on the configuration.
func fixed[T ~string](values ...T) func(*Bot) []string {
	var words []string
	for _, v := range values {
		words = append(words, string(v))
	}
	return func(*Bot) []string { return words }
}

func (k choiceSetting[T]) read(_ context.Context, c *Call, _ string, v *settingValue) (func(*record.Settings), error) {
	word := strings.ToLower(v.text)
	if k.channels != nil && v.channel == 0 {
		if first, channel, two := strings.Cut(word, " "); two { // `all #channel`
			id, err := channelID(strings.TrimSpace(channel))
			if err != nil {
				return nil, c.fail("settings.which_channel", "value", plain(channel))
			}
			word, v.channel = first, id
		}
	}
	if values := k.values(c.bot); word != byDefault && !slices.Contains(values, word) {
		return nil, c.noSuchValue(word, values)
	}
	if k.channels == nil || v.channel == 0 {
		return func(s *record.Settings) { k.in.set(s, T(word), word != byDefault) }, nil
	}
	channel := v.channel
	v.channel = 0
	return func(s *record.Settings) {
		at := k.channels(s)
		own := maps.Clone(*at) // what was read may be shared
		if word == byDefault {
			delete(own, channel)
		} else {
			if own == nil {
				own = map[record.ChannelID]T{}
			}
			own[channel] = T(word)
		}
		*at = own
	}, nil
}

func (k choiceSetting[T]) show(c *Call, s record.Settings) string {
	value, chosen := k.in.get(s)
	text := string(value)
	if !chosen {
		text = k.usual(c)
	}
	if k.channels != nil {
		own := *k.channels(&s)
		for _, id := range slices.Sorted(maps.Keys(own)) {
			text += fmt.Sprintf(", <#%s>: %s", id, own[id])
		}
	}
	return text
}

func (k choiceSetting[T]) offers(c *Call) []string { return k.values(c.bot) }

func (k choiceSetting[T]) takes(b *Bot) string {
	text := quoted(k.values(b))
	if k.channels != nil {
		text += "; for a channel too"
	}
	return text
}

// numberSetting is a number within limits, perhaps with a unit that people may type after it.
type numberSetting struct {
	in        field[float64]
	low, high float64
	whole     bool
	words     func(t translation, x float64) string // the number as it is shown; nil: alone
	usual     func(c *Call) string                  // what holds where nothing was chosen
	offered   []string
}

func (k numberSetting) read(_ context.Context, c *Call, name string, v *settingValue) (func(*record.Settings), error) {
	if strings.EqualFold(v.text, byDefault) {
		return func(s *record.Settings) { k.in.set(s, 0, false) }, nil
	}
	x, ok := readNumber(v.text)
	if !ok || x < k.low || x > k.high || k.whole && x != float64(int(x)) {
		key := "settings.bad_number"
		if k.whole {
			key = "settings.bad_whole_number"
		}
		return nil, c.fail(key, "name", name, "low", short(k.low), "high", short(k.high), "help", c.T("setting."+name))
	}
	return func(s *record.Settings) { k.in.set(s, x, true) }, nil
}

func (k numberSetting) show(c *Call, s record.Settings) string {
	switch x, chosen := k.in.get(s); {
	case !chosen:
		return k.usual(c)
	case k.words == nil:
		return number(x)
	default:
		return k.words(c.translation, x)
	}
}

func (k numberSetting) offers(*Call) []string { return k.offered }

func (k numberSetting) takes(*Bot) string { return short(k.low) + " to " + short(k.high) }

// readNumber reads a number with a point or a comma, and perhaps a unit after it.
func readNumber(text string) (x float64, ok bool) {
	text = strings.ReplaceAll(text, ",", ".")
	end := strings.IndexFunc(text, func(r rune) bool { return !strings.ContainsRune("+-.0123456789", r) })
	unit := ""
	if end >= 0 {
		text, unit = text[:end], text[end:]
	}
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil && !strings.ContainsFunc(unit, unicode.IsDigit)
}

// short prints a number with no more digits than it has.
func short(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// toggleSetting is on or off.
type toggleSetting struct {
	in    field[bool]
	usual func(c *Call) bool // what holds where nothing was chosen
}

func (k toggleSetting) read(_ context.Context, c *Call, _ string, v *settingValue) (func(*record.Settings), error) {
	if strings.EqualFold(v.text, byDefault) {
		return func(s *record.Settings) { k.in.set(s, false, false) }, nil
	}
	value, ok := readBool(v.text)
	if !ok {
		return nil, c.noSuchValue(v.text, k.offers(c))
	}
	return func(s *record.Settings) { k.in.set(s, value, true) }, nil
}

func (k toggleSetting) show(c *Call, s record.Settings) string {
	value, chosen := k.in.get(s)
	if !chosen {
		value = k.usual(c)
	}
	if value {
		return on
	}
	return off
}

func (k toggleSetting) offers(*Call) []string { return []string{on, off} }

func (k toggleSetting) takes(*Bot) string { return quoted([]string{on, off}) }

// channelSetting is a text channel of the server that Mynah may write in, or none.
type channelSetting struct {
	in field[record.ChannelID]
}

func (k channelSetting) read(ctx context.Context, c *Call, _ string, v *settingValue) (func(*record.Settings), error) {
	id := v.channel
	switch {
	case id != 0:
		v.channel = 0
	case none(v.text):
		return func(s *record.Settings) { k.in.set(s, 0, false) }, nil
	default:
		var err error
		if id, err = channelID(v.text); err != nil {
			return nil, c.fail("settings.which_channel", "value", plain(v.text))
		}
	}
	link, err := c.bot.connection(ctx)
	if err != nil {
		return nil, err
	}
	if ok, err := link.messenger.Writable(ctx, c.Server, id); err != nil {
		return nil, err
	} else if !ok {
		return nil, c.fail("settings.not_writable", "channel", id)
	}
	return func(s *record.Settings) { k.in.set(s, id, true) }, nil
}

func (k channelSetting) show(_ *Call, s record.Settings) string {
	if id, chosen := k.in.get(s); chosen {
		return "<#" + id.String() + ">"
	}
	return off
}

func (k channelSetting) offers(*Call) []string { return []string{off} }

func (k channelSetting) takes(*Bot) string { return "a text channel, or `off`" }

// channelID reads a channel that is mentioned, or its id.
func channelID(text string) (record.ChannelID, error) {
	o := Option{Name: "channel", Kind: Channel}
	text, err := o.read(text)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	return record.ChannelID(n), err
}

// textSetting is any text within limits.
type textSetting struct {
	in       field[string]
	maxRunes int
	good     func(value string) bool
	bad      string // key of what is said of a text that isn't good; its place {max} is filled
	usual    func(c *Call) string
	offered  []string
}

func (k textSetting) read(_ context.Context, c *Call, _ string, v *settingValue) (func(*record.Settings), error) {
	value := v.text
	if strings.EqualFold(value, byDefault) {
		return func(s *record.Settings) { k.in.set(s, "", false) }, nil
	}
	if utf8.RuneCountInString(value) > k.maxRunes || !k.good(value) {
		return nil, c.fail(k.bad, "max", k.maxRunes)
	}
	return func(s *record.Settings) { k.in.set(s, value, true) }, nil
}

func (k textSetting) show(c *Call, s record.Settings) string {
	if value, chosen := k.in.get(s); chosen {
		return plain(value)
	}
	return k.usual(c)
}

func (k textSetting) offers(*Call) []string { return k.offered }

func (k textSetting) takes(*Bot) string {
	return fmt.Sprintf("a text of at most %d characters", k.maxRunes)
}

// quoted shows words as they are typed.
func quoted(words []string) string { return "`" + strings.Join(words, "`, `") + "`" }

func (c *Call) noSuchValue(value string, choices []string) error {
	return c.fail("settings.no_such_value", "value", plain(value), "choices", quoted(choices))
}
