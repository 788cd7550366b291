package bot

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/record"
)

// What a server chooses about conversations in voice channels.

const (
	optIn  = "opt-in"
	on     = "on"
	optOut = "opt-out"
	// maxWords is how many words, and how many names, a server may have.
	maxWords = 200
	// maxWordRunes is the longest of them.
	maxWordRunes = 50
	// The shortest and longest silences, in milliseconds, that may end a turn.
	minEndpoint, maxEndpoint = 150, 5000
)

// voiceSettings are those that mean something only where Mynah can listen.
func (b *Bot) voiceSettings() []setting {
	endpoint := func(name string, field func(*record.Settings) *int, configured time.Duration, usual ...string) setting {
		return setting{
			name:   name,
			values: func(*Call) []string { return append(slices.Clone(usual), byDefault) },
			show: func(c *Call, s record.Settings) string {
				return c.T("settings.milliseconds", "n", cmp.Or(*field(&s), int(configured.Milliseconds())))
			},
			set: func(c *Call, s *record.Settings, value string) error {
				*field(s) = 0
				if value != byDefault {
					n, err := strconv.Atoi(strings.TrimRight(strings.ToLower(value), "ms мс"))
					if err != nil || n < minEndpoint || n > maxEndpoint {
						return c.fail("settings.bad_endpoint", "min", minEndpoint, "max", maxEndpoint)
					}
					*field(s) = n
				}
				if short, long := b.endpoints(*s); short > long {
					return c.fail("settings.endpoint_order", "short", short.Milliseconds(), "long", long.Milliseconds())
				}
				return nil
			},
		}
	}
	short, long := b.endpoints(record.Settings{})
	return []setting{
		{
			name:   "consent",
			values: func(*Call) []string { return []string{optOut, optIn, byDefault} },
			show: func(_ *Call, s record.Settings) string {
				if s.VoiceOptIn {
					return optIn
				}
				return optOut
			},
			set: func(c *Call, s *record.Settings, value string) error {
				var choice string
				if err := c.oneOf(&choice, value, optOut, optIn); err != nil {
					return err
				}
				s.VoiceOptIn = choice == optIn
				return nil
			},
		},
		{
			name:   "transcripts",
			values: func(*Call) []string { return []string{off} },
			show: func(_ *Call, s record.Settings) string {
				if s.TranscriptChannel == 0 {
					return off
				}
				return "<#" + s.TranscriptChannel.String() + ">"
			},
			check: func(ctx context.Context, c *Call, value string) error {
				id, err := transcriptChannel(c, value)
				if err != nil || id == 0 {
					return err
				}
				link, err := b.connection(ctx)
				if err != nil {
					return err
				}
				ok, err := link.messenger.Writable(ctx, c.Server, id)
				if err == nil && !ok {
					err = c.fail("settings.not_writable", "channel", id)
				}
				return err
			},
			set: func(c *Call, s *record.Settings, value string) (err error) {
				s.TranscriptChannel, err = transcriptChannel(c, value)
				return err
			},
		},
		{
			name:   "vocabulary",
			values: func(c *Call) []string { return append(slices.Clone(c.settings.Vocabulary), byDefault) },
			show:   func(c *Call, s record.Settings) string { return listed(c, s.Vocabulary) },
			set: func(c *Call, s *record.Settings, value string) (err error) {
				s.Vocabulary, err = toggled(c, s.Vocabulary, value)
				return err
			},
		},
		{
			name:   "names",
			values: func(c *Call) []string { return append(slices.Clone(c.settings.Names), byDefault) },
			show:   func(c *Call, s record.Settings) string { return listed(c, s.Names) },
			set: func(c *Call, s *record.Settings, value string) (err error) {
				if strings.Contains(value, "=") {
					return c.fail("settings.bad_word", "max", maxWordRunes)
				}
				s.Names, err = toggled(c, s.Names, value)
				return err
			},
		},
		endpoint("endpoint_short", func(s *record.Settings) *int { return &s.EndpointShort }, short, "250", "350", "500"),
		endpoint("endpoint_long", func(s *record.Settings) *int { return &s.EndpointLong }, long, "700", "900", "1500"),
	}
}

// endpoints are the silences that end a turn on a server.
func (b *Bot) endpoints(s record.Settings) (short, long time.Duration) {
	timing := b.cfg.Talking.Timing.WithDefaults()
	short, long = timing.Short, timing.Long
	if s.EndpointShort > 0 {
		short = time.Duration(s.EndpointShort) * time.Millisecond
	}
	if s.EndpointLong > 0 {
		long = time.Duration(s.EndpointLong) * time.Millisecond
	}
	return short, long
}

// transcriptChannel reads where transcripts are to go; 0 for nowhere.
func transcriptChannel(c *Call, value string) (record.ChannelID, error) {
	if value == byDefault || strings.EqualFold(value, off) {
		return 0, nil
	}
	channel := Option{Name: "channel", Kind: Channel}
	text, err := channel.read(value)
	if err != nil {
		return 0, c.fail("settings.which_channel", "value", plain(value))
	}
	n, _ := strconv.ParseUint(text, 10, 64) // checked by read
	return record.ChannelID(n), nil
}

// listed shows words.
func listed(c *Call, list []string) string {
	if len(list) == 0 {
		return c.T("settings.words_none")
	}
	var shown []string
	for _, w := range list {
		shown = append(shown, plain(w))
	}
	return shorten(strings.Join(shown, ", "), 600)
}

// toggled adds words that stand between commas, each perhaps with how it is said behind "=", and takes away those that
// are there already, as they stand.
func toggled(c *Call, list []string, value string) ([]string, error) {
	if value == byDefault {
		return nil, nil
	}
	list = slices.Clone(list)
	for entry := range strings.SplitSeq(value, ",") {
		word, said, pronounced := strings.Cut(entry, "=")
		word, said = strings.TrimSpace(word), strings.TrimSpace(said)
		for _, part := range []string{word, said} {
			if utf8.RuneCountInString(part) > maxWordRunes || strings.ContainsFunc(part, unicode.IsControl) {
				return nil, c.fail("settings.bad_word", "max", maxWordRunes)
			}
		}
		if !strings.ContainsFunc(word, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) || pronounced && said == "" {
			return nil, c.fail("settings.bad_word", "max", maxWordRunes)
		}
		full := word
		if pronounced {
			full += "=" + said
		}
		at := slices.IndexFunc(list, func(has string) bool {
			known, _, _ := strings.Cut(has, "=")
			return strings.EqualFold(known, word)
		})
		switch {
		case at < 0:
			list = append(list, full)
		case pronounced && list[at] != full:
			list[at] = full
		default:
			list = slices.Delete(list, at, at+1)
		}
	}
	if len(list) > maxWords {
		return nil, c.fail("settings.too_many_words", "max", maxWords)
	}
	return list, nil
}

// settingChanged makes a changed setting hold in the conversation that goes on, and tells the people there when what they
// say begins to be written down.
func (c *Call) settingChanged(ctx context.Context, name string) error {
	if name == "retention" {
		c.bot.expireNow()
	}
	t := c.bot.talks.of(c.Server)
	if t == nil {
		return nil
	}
	switch name {
	case "consent", "recognizer":
		t.choices.SetOptOut(!c.settings.VoiceOptIn)
		t.choices.SetDeaf(c.settings.Recognizer == off)
		for _, p := range t.present() {
			if !t.choices.Heard(p.ID) {
				t.session.Forget(p.ID)
			}
		}
	case "names", "endpoint_short", "endpoint_long":
		short, long := c.bot.endpoints(c.settings)
		t.session.Configure(c.settings.Names, short, long)
	case "vocabulary":
		t.setPeople(ctx, t.present())
	case "transcripts", "retention":
		if c.settings.TranscriptChannel != 0 {
			_, err := t.Post(ctx, c.bot.keptNotice(c.settings, c.Language))
			return err
		}
	}
	return nil
}
