package bot

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/language"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

const (
	maxPrefixRunes = 5
	// voiceAuto is the usual voice of each language, voicePlain the one that
	// speaks every language.
	voiceAuto  = "auto"
	voicePlain = "espeak-ng"
	optIn      = "opt-in"
	optOut     = "opt-out"
	chatOpenAI = "openai"
	// The shortest and longest silences, in milliseconds, that may end a turn.
	minEndpoint, maxEndpoint = 150, 5000
)

// settingsTable lists all that a server can choose. To add a setting, add an entry here, its text
// "setting.<name>" in each language, a field to [record.Settings], and write docs/settings.md anew:
// go test ./internal/bot -run TestSettingsAreDocumented -update.
func settingsTable() []setting {
	return []setting{
		{name: "language", kind: choiceSetting[string]{
			in:     zeroable(func(s *record.Settings) *string { return &s.Language }),
			values: func(b *Bot) []string { return b.texts.languages },
			usual:  func(c *Call) string { return c.T("settings.language_auto", "language", c.Language) },
		}},
		{name: "prefix", kind: textSetting{
			in:       zeroable(func(s *record.Settings) *string { return &s.Prefix }),
			maxRunes: maxPrefixRunes, good: goodPrefix, bad: "settings.bad_prefix",
			usual:   func(c *Call) string { return c.bot.cfg.Prefix },
			offered: []string{"!", "?", ".", "m!"},
		}},
		{name: "reply_mode", kind: choiceSetting[record.ReplyMode]{
			in:       zeroable(func(s *record.Settings) *record.ReplyMode { return &s.ReplyMode }),
			values:   fixed(record.ReplyMention, record.ReplyAll, record.ReplyOff),
			usual:    func(c *Call) string { return string(c.bot.cfg.ReplyMode) },
			channels: func(s *record.Settings) *map[record.ChannelID]record.ReplyMode { return &s.ChannelModes },
		}},
		{name: "train_roles", kind: listSetting[record.RoleID]{
			at: func(s *record.Settings) *[]record.RoleID { return &s.TrainRoles },
			of: roleItems, max: maxTrainRoles, none: "settings.roles_none",
		}},
		{name: "refusal_target", kind: numberSetting{
			in:  share(func(s *record.Settings) *float64 { return &s.RefusalTarget }),
			low: 0.1, high: 50, words: func(_ translation, x float64) string { return percent(x / 100) },
			usual:   func(c *Call) string { return percent(cmp.Or(c.bot.cfg.RefusalTarget, learn.DefaultTargetRefusal)) },
			offered: []string{"1", "2", "5", "10", "20"},
		}},
		{name: "label_threshold", then: []effect{forgetModel}, kind: numberSetting{
			in:  nilable(func(s *record.Settings) **float64 { return &s.LabelThreshold }),
			low: -5, high: 5,
			usual:   func(c *Call) string { return c.trained(func(m *learn.Model) float64 { return m.Threshold() }) },
			offered: []string{"0"},
		}},
		{name: "reply_threshold", then: []effect{forgetModel}, kind: numberSetting{
			in:  nilable(func(s *record.Settings) **float64 { return &s.ReplyThreshold }),
			low: 0, high: 1,
			usual:   func(c *Call) string { return c.trained(func(m *learn.Model) float64 { return m.ReplyThreshold() }) },
			offered: []string{"0.3", "0.5", "0.7"},
		}},
		{name: "recognizer", needs: recognizer, then: []effect{hearAgain}, kind: choiceSetting[string]{
			in:     zeroable(func(s *record.Settings) *string { return &s.Recognizer }),
			values: func(b *Bot) []string { return append(slices.Clone(b.cfg.Recognizers), off) },
			usual:  asConfigured,
		}},
		{name: "recognizer_language", needs: recognizer, kind: textSetting{
			in:       zeroable(func(s *record.Settings) *string { return &s.RecognizerLanguage }),
			maxRunes: 20, good: isLanguageTag, bad: "settings.bad_language_tag",
			usual:   func(c *Call) string { return c.T("settings.from_language") },
			offered: []string{"en-US", "ru-RU", "de-DE", "fr-FR", "es-ES", "uk-UA"},
		}},
		{name: "voice", kind: choiceSetting[string]{
			in:     zeroable(func(s *record.Settings) *string { return &s.Voice }),
			values: fixed(voiceAuto, voicePlain, off),
			usual:  asConfigured,
		}},
		{name: "retention", then: []effect{expireOld, tellKept}, kind: numberSetting{
			in:  whole(func(s *record.Settings) *int { return &s.RetentionDays }),
			low: 1, high: maxRetentionDays, whole: true, words: days,
			usual:   func(c *Call) string { return days(c.translation, record.DefaultRetentionDays) },
			offered: []string{"1", "7", "30", "90"},
		}},
		{name: "consent", needs: talking, then: []effect{hearAgain}, kind: choiceSetting[string]{
			in:     between(func(s *record.Settings) *bool { return &s.VoiceOptIn }, optOut, optIn),
			values: fixed(optOut, optIn),
			usual:  func(*Call) string { return optOut },
		}},
		{name: "require_e2ee", then: []effect{leaveClear}, kind: toggleSetting{
			in:    zeroable(func(s *record.Settings) *bool { return &s.RequireE2EE }),
			usual: func(*Call) bool { return false },
		}},
		{name: "transcripts", needs: talking, then: []effect{tellKept}, kind: channelSetting{
			in: zeroable(func(s *record.Settings) *record.ChannelID { return &s.TranscriptChannel }),
		}},
		{name: "vocabulary", needs: talking, then: []effect{listenForWords}, kind: listSetting[string]{
			at: func(s *record.Settings) *[]string { return &s.Vocabulary },
			of: wordItems, max: maxWords, none: "settings.words_none",
		}},
		{name: "names", needs: talking, then: []effect{listenAnew}, kind: listSetting[string]{
			at: func(s *record.Settings) *[]string { return &s.Names },
			of: nameItems, max: maxWords, none: "settings.words_none",
		}},
		{name: "endpoint_short", needs: talking, valid: endpointOrder, then: []effect{listenAnew}, kind: numberSetting{
			in:  whole(func(s *record.Settings) *int { return &s.EndpointShort }),
			low: minEndpoint, high: maxEndpoint, whole: true, words: milliseconds,
			usual:   func(c *Call) string { short, _ := c.bot.endpoints(record.Settings{}); return inMilliseconds(c, short) },
			offered: []string{"250", "350", "500"},
		}},
		{name: "endpoint_long", needs: talking, valid: endpointOrder, then: []effect{listenAnew}, kind: numberSetting{
			in:  whole(func(s *record.Settings) *int { return &s.EndpointLong }),
			low: minEndpoint, high: maxEndpoint, whole: true, words: milliseconds,
			usual:   func(c *Call) string { _, long := c.bot.endpoints(record.Settings{}); return inMilliseconds(c, long) },
			offered: []string{"700", "900", "1500"},
		}},
		{name: "chat", needs: chatServer, kind: choiceSetting[string]{
			in:     zeroable(func(s *record.Settings) *string { return &s.Chat }),
			values: fixed(chatOpenAI, off),
			usual:  asConfigured,
		}},
		{name: "grounded", needs: chatServer, kind: toggleSetting{
			in:    nilable(func(s *record.Settings) **bool { return &s.Grounded }),
			usual: func(c *Call) bool { _, grounded := c.bot.answers.Chats(record.Settings{}); return grounded },
		}},
		{name: "instruction", kind: instructionSetting{}},
	}
}

func recognizer(b *Bot) bool { return len(b.cfg.Recognizers) > 0 }
func talking(b *Bot) bool    { return b.cfg.Talking != nil }
func chatServer(b *Bot) bool { return b.answers.CanChat() }

func asConfigured(c *Call) string { return c.T("settings.as_configured") }

// days says a number of days.
func days(t translation, n float64) string { return t.T("settings.days", "days", int(n)) }

// milliseconds says a number of milliseconds.
func milliseconds(t translation, n float64) string { return t.T("settings.milliseconds", "n", int(n)) }

func inMilliseconds(c *Call, d time.Duration) string {
	return milliseconds(c.translation, float64(d.Milliseconds()))
}

// trained is a threshold that the training of the model in use chose.
func (c *Call) trained(of func(*learn.Model) float64) string {
	if k := c.bot.answers.Loaded(c.Server); k != nil {
		if m, n := k.Model(); m != nil {
			return c.T("settings.threshold_of", "threshold", number(of(m)), "number", n)
		}
	}
	return c.T("settings.threshold_trained")
}

// goodPrefix refuses what Discord or the reading of commands takes for something else.
func goodPrefix(value string) bool {
	return !strings.HasPrefix(value, "/") && !strings.HasPrefix(value, "<@") &&
		!strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '`' })
}

// isLanguageTag reports whether s is a BCP 47 tag: "ru", "ru-RU".
func isLanguageTag(s string) bool {
	_, err := language.Parse(s)
	return err == nil && !strings.Contains(s, "_")
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

// endpointOrder refuses a short silence that is longer than the long one.
func endpointOrder(c *Call, s record.Settings) error {
	if short, long := c.bot.endpoints(s); short > long {
		return c.fail("settings.endpoint_order", "short", short.Milliseconds(), "long", long.Milliseconds())
	}
	return nil
}
