package bot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/record"
)

// setting is one thing that a server can choose.
type setting struct {
	name string
	// values are what can be chosen, for completion; nil where anything can.
	values func(c *Call) []string
	// show is the value that holds, for the overview.
	show func(c *Call, s record.Settings) string
	// check looks at a value where that takes asking Discord; nil where it doesn't.
	check func(ctx context.Context, c *Call, value string) error
	// set changes s to value, which is never empty. It returns a refusal where
	// it can't be.
	set func(c *Call, s *record.Settings, value string) error
}

const (
	maxPrefixRunes = 5
	maxTrainRoles  = 20
	// byDefault as a value takes a choice back.
	byDefault = "default"
	// off switches hearing or speaking off.
	off = "off"
	// voiceAuto is the usual voice of each language, voicePlain the one that
	// speaks every language.
	voiceAuto  = "auto"
	voicePlain = "espeak-ng"
)

// serverSettings lists all of them. The instruction is a file and has its own way.
func (b *Bot) serverSettings() []setting {
	fixed := func(values ...string) func(*Call) []string {
		return func(*Call) []string { return append(values, byDefault) }
	}
	all := []setting{
		{
			name:   "language",
			values: fixed(b.texts.languages...),
			show: func(c *Call, s record.Settings) string {
				if s.Language == "" {
					return c.T("settings.language_auto", "language", c.Language)
				}
				return s.Language
			},
			set: func(c *Call, s *record.Settings, value string) error {
				if value == byDefault {
					s.Language = ""
					return nil
				}
				value = strings.ToLower(value)
				if !slices.Contains(c.bot.texts.languages, value) {
					return c.noSuchValue(value, c.bot.texts.languages)
				}
				s.Language = value
				return nil
			},
		},
		{
			name:   "prefix",
			values: fixed("!", "?", ".", "m!"),
			show:   func(c *Call, s record.Settings) string { return c.bot.prefix(s) },
			set: func(c *Call, s *record.Settings, value string) error {
				if value == byDefault {
					s.Prefix = ""
					return nil
				}
				bad := utf8.RuneCountInString(value) > maxPrefixRunes || strings.HasPrefix(value, "/") || strings.HasPrefix(value, "<@")
				if bad || strings.ContainsFunc(value, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) || r == '`' }) {
					return c.fail("settings.bad_prefix", "max", maxPrefixRunes)
				}
				s.Prefix = value
				return nil
			},
		},
		{
			name: "reply_mode",
			values: func(*Call) []string {
				return []string{string(record.ReplyMention), string(record.ReplyAll), string(record.ReplyOff), byDefault}
			},
			show: showReplyMode,
			set:  setReplyMode,
		},
		{
			name: "train_roles",
			show: func(c *Call, s record.Settings) string {
				if len(s.TrainRoles) == 0 {
					return c.T("settings.roles_none")
				}
				var names []string
				for _, id := range s.TrainRoles {
					names = append(names, "<@&"+id.String()+">")
				}
				return strings.Join(names, " ")
			},
			set: setTrainRoles,
		},
		{
			name:   "refusal_target",
			values: fixed("1", "2", "5", "10", "20"),
			show: func(c *Call, s record.Settings) string {
				if s.RefusalTarget == 0 {
					return c.T("settings.as_configured")
				}
				return percent(s.RefusalTarget)
			},
			set: func(c *Call, s *record.Settings, value string) error {
				if value == byDefault {
					s.RefusalTarget = 0
					return nil
				}
				n, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.ReplaceAll(value, ",", "."), "%")), 64)
				if err != nil || !(n > 0 && n <= 50) {
					return c.fail("settings.bad_refusal")
				}
				s.RefusalTarget = n / 100
				return nil
			},
		},
		{
			name:   "label_threshold",
			values: fixed("0"),
			show: func(c *Call, s record.Settings) string {
				return c.threshold(s.LabelThreshold, func(k *answer.Knowledge) float64 {
					m, _ := k.Model()
					return m.Threshold()
				})
			},
			set: func(c *Call, s *record.Settings, value string) error {
				return c.setThreshold(&s.LabelThreshold, value, -5, 5)
			},
		},
		{
			name:   "reply_threshold",
			values: fixed("0.3", "0.5", "0.7"),
			show: func(c *Call, s record.Settings) string {
				return c.threshold(s.ReplyThreshold, func(k *answer.Knowledge) float64 { return k.Pairs().Threshold() })
			},
			set: func(c *Call, s *record.Settings, value string) error {
				return c.setThreshold(&s.ReplyThreshold, value, 0, 1)
			},
		},
		{
			name:   "recognizer",
			values: fixed("local", "google", "openai", off),
			show:   func(c *Call, s record.Settings) string { return orConfigured(c, s.Recognizer) },
			set: func(c *Call, s *record.Settings, value string) error {
				return c.oneOf(&s.Recognizer, value, "local", "google", "openai", off)
			},
		},
		{
			name:   "recognizer_language",
			values: fixed("en-US", "ru-RU", "de-DE", "fr-FR", "es-ES", "uk-UA"),
			show: func(c *Call, s record.Settings) string {
				if s.RecognizerLanguage == "" {
					return c.T("settings.from_language")
				}
				return s.RecognizerLanguage
			},
			set: func(c *Call, s *record.Settings, value string) error {
				if value == byDefault {
					s.RecognizerLanguage = ""
					return nil
				}
				if !isLanguageTag(value) {
					return c.fail("settings.bad_language_tag")
				}
				s.RecognizerLanguage = value
				return nil
			},
		},
		{
			name:   "require_e2ee",
			values: func(*Call) []string { return []string{on, off, byDefault} },
			show: func(_ *Call, s record.Settings) string {
				if s.RequireE2EE {
					return on
				}
				return off
			},
			set: func(c *Call, s *record.Settings, value string) error {
				var choice string
				if err := c.oneOf(&choice, value, on, off); err != nil {
					return err
				}
				s.RequireE2EE = choice == on
				return nil
			},
		},
		{
			name:   "voice",
			values: fixed(voiceAuto, voicePlain, off),
			show:   func(c *Call, s record.Settings) string { return orConfigured(c, s.Voice) },
			set: func(c *Call, s *record.Settings, value string) error {
				return c.oneOf(&s.Voice, value, voiceAuto, voicePlain, off)
			},
		},
		{
			name:   "retention",
			values: func(*Call) []string { return []string{"1", "7", "30", "90", byDefault} },
			show:   func(c *Call, s record.Settings) string { return c.T("settings.days", "days", retentionDays(s)) },
			set: func(c *Call, s *record.Settings, value string) error {
				s.RetentionDays = 0
				if value == byDefault {
					return nil
				}
				number, _, _ := strings.Cut(value, " ") // "30 days"
				n, err := strconv.Atoi(number)
				if err != nil || n < 1 || n > maxRetentionDays {
					return c.fail("settings.bad_retention", "max", maxRetentionDays)
				}
				s.RetentionDays = n
				return nil
			},
		},
	}
	if b.cfg.Talking != nil {
		all = append(all, b.voiceSettings()...)
	}
	if !b.answers.CanChat() {
		return all
	}
	return append(all, setting{
		name:   "chat",
		values: fixed("openai", off),
		show:   func(c *Call, s record.Settings) string { return orConfigured(c, s.Chat) },
		set:    func(c *Call, s *record.Settings, value string) error { return c.oneOf(&s.Chat, value, "openai", off) },
	}, setting{
		name:   "grounded",
		values: fixed("on", off),
		show: func(c *Call, s record.Settings) string {
			if _, grounded := c.bot.answers.Chats(s); grounded {
				return "on"
			}
			return off
		},
		set: func(c *Call, s *record.Settings, value string) error {
			var choice string
			if err := c.oneOf(&choice, value, "on", off); err != nil {
				return err
			}
			s.Grounded = nil
			if choice != "" {
				s.Grounded = new(choice == "on")
			}
			return nil
		},
	})
}

// threshold shows a threshold: the chosen one, else that of the model in use.
func (c *Call) threshold(chosen *float64, of func(*answer.Knowledge) float64) string {
	if chosen != nil {
		return number(*chosen)
	}
	if k := c.bot.answers.Loaded(c.Server); k != nil {
		if m, n := k.Model(); m != nil {
			return c.T("settings.threshold_of", "threshold", number(of(k)), "number", n)
		}
	}
	return c.T("settings.threshold_trained")
}

// setThreshold takes a number from low to high. It holds at once.
func (c *Call) setThreshold(field **float64, value string, low, high float64) error {
	if value == byDefault {
		*field = nil
	} else {
		n, err := strconv.ParseFloat(strings.ReplaceAll(value, ",", "."), 64)
		if err != nil || !(n >= low && n <= high) {
			return c.fail("settings.bad_threshold", "low", low, "high", high)
		}
		*field = &n
	}
	return nil
}

func orConfigured(c *Call, value string) string {
	if value == "" {
		return c.T("settings.as_configured")
	}
	return value
}

// oneOf sets field to value where that is one of the choices.
func (c *Call) oneOf(field *string, value string, choices ...string) error {
	value = strings.ToLower(value)
	switch {
	case value == byDefault:
		*field = ""
	case slices.Contains(choices, value):
		*field = value
	default:
		return c.noSuchValue(value, choices)
	}
	return nil
}

func (c *Call) noSuchValue(value string, choices []string) error {
	return c.fail("settings.no_such_value", "value", plain(value), "choices", "`"+strings.Join(choices, "`, `")+"`")
}

// isLanguageTag reports whether s looks like a BCP 47 tag: "ru", "ru-RU".
func isLanguageTag(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) > 3 || len(parts[0]) < 2 || len(parts[0]) > 3 {
		return false
	}
	for _, p := range parts {
		if p == "" || len(p) > 8 || strings.ContainsFunc(p, func(r rune) bool { return r > 'z' || !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			return false
		}
	}
	return true
}

func showReplyMode(c *Call, s record.Settings) string {
	text := string(c.bot.replyMode(record.Settings{ReplyMode: s.ReplyMode}, 0, 0))
	channels := make([]record.ChannelID, 0, len(s.ChannelModes))
	for id := range s.ChannelModes {
		channels = append(channels, id)
	}
	slices.Sort(channels)
	for _, id := range channels {
		text += fmt.Sprintf(", <#%s>: %s", id, s.ChannelModes[id])
	}
	return text
}

func setReplyMode(c *Call, s *record.Settings, value string) error {
	mode := record.ReplyMode(strings.ToLower(value))
	if value != byDefault && !mode.Valid() {
		return c.noSuchValue(value, []string{"mention", "all", "off"})
	}
	id := c.Arg("channel")
	if id == "" {
		if value == byDefault {
			mode = ""
		}
		s.ReplyMode = mode
		return nil
	}
	n, _ := strconv.ParseUint(id, 10, 64) // checked when it was read
	modes := map[record.ChannelID]record.ReplyMode{}
	for channel, m := range s.ChannelModes {
		modes[channel] = m
	}
	if value == byDefault {
		delete(modes, record.ChannelID(n))
	} else {
		modes[record.ChannelID(n)] = mode
	}
	s.ChannelModes = modes
	return nil
}

// setTrainRoles adds a role, or takes it away where it is there already.
func setTrainRoles(c *Call, s *record.Settings, value string) error {
	if value == byDefault || strings.EqualFold(value, "none") {
		s.TrainRoles = nil
		return nil
	}
	roles := slices.Clone(s.TrainRoles)
	for word := range strings.FieldsSeq(value) {
		role := Option{Name: "role", Kind: Role}
		text, err := role.read(word)
		if err != nil {
			return c.fail("settings.bad_role", "value", plain(word))
		}
		n, _ := strconv.ParseUint(text, 10, 64) // checked by read
		if at := slices.Index(roles, record.RoleID(n)); at >= 0 {
			roles = slices.Delete(roles, at, at+1)
		} else {
			roles = append(roles, record.RoleID(n))
		}
	}
	if len(roles) > maxTrainRoles {
		return c.fail("settings.too_many_roles", "max", maxTrainRoles)
	}
	s.TrainRoles = roles
	return nil
}

// settingsCommand shows and changes what the server chose.
func (b *Bot) settingsCommand() *Command {
	all := b.serverSettings()
	var names []string
	for _, s := range all {
		names = append(names, s.name)
	}
	names = append(names, "instruction")
	return &Command{
		Name:       "settings",
		Trusted:    true,
		ServerOnly: true,
		Options: []Option{
			{Name: "name", Choices: names},
			{Name: "value", Rest: true, Complete: func(_ context.Context, c *Call, typed string) ([]Choice, error) {
				var choices []Choice
				for _, s := range all {
					if s.name == c.Arg("name") && s.values != nil {
						for _, v := range s.values(c) {
							choices = append(choices, Choice{v, v})
						}
					}
				}
				return matching(choices, typed), nil
			}},
			{Name: "channel", Kind: Channel},
			{Name: "role", Kind: Role},
		},
		Uploads: 1,
		Run: func(ctx context.Context, c *Call) error {
			name, value := c.Arg("name"), strings.TrimSpace(c.Arg("value"))
			if name == "train_roles" && c.Arg("role") != "" {
				value = strings.TrimSpace(value + " " + c.Arg("role"))
			}
			if id := c.Arg("channel"); name == "transcripts" && id != "" && value == "" {
				value = id
			}
			if name == "reply_mode" && c.Arg("channel") == "" {
				// `!settings reply_mode all #channel`
				if mode, channel, ok := strings.Cut(value, " "); ok {
					o := Option{Name: "channel", Kind: Channel}
					id, err := o.read(strings.TrimSpace(channel))
					if err != nil {
						return err
					}
					value, c.args["channel"] = mode, id
				}
			}
			if _, err := c.bot.answers.Knowledge(ctx, c.Server); err != nil { // whose thresholds are shown
				c.bot.log.Error("the model in use can't be read", "server", c.Server, "err", err)
			}
			if name == "" {
				return c.Say(ctx, c.settingsOverview(all))
			}
			if name == "instruction" {
				return c.setInstruction(ctx, value)
			}
			at := slices.IndexFunc(all, func(s setting) bool { return s.name == name })
			if value == "" {
				return c.Say(ctx, c.T("settings.one", "name", name, "value", all[at].show(c, c.settings), "help", c.T("setting."+name)))
			}
			if check := all[at].check; check != nil {
				if err := check(ctx, c, value); err != nil {
					return err
				}
			}
			if err := c.changeSettings(ctx, func(s *record.Settings) error { return all[at].set(c, s, value) }); err != nil {
				return err
			}
			c.translation = c.bot.in(c.bot.language(c.settings, c.locales...), c.settings)
			if name == "label_threshold" || name == "reply_threshold" {
				c.bot.answers.Forget(c.Server)
			}
			if err := c.settingChanged(ctx, name); err != nil {
				return err
			}
			return c.Say(ctx, c.T("settings.changed", "name", name, "value", all[at].show(c, c.settings)))
		},
	}
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

func (c *Call) settingsOverview(all []setting) string {
	var b strings.Builder
	b.WriteString(c.T("settings.intro") + "\n")
	for _, s := range all {
		b.WriteString("• `" + s.name + "`: " + s.show(c, c.settings) + " — " + c.T("setting."+s.name) + "\n")
	}
	own, err := c.ownInstruction()
	state := c.T("settings.instruction_default")
	switch {
	case err != nil:
		c.bot.log.Error("the instruction can't be read", "server", c.Server, "err", err)
	case own != "":
		state = c.T("settings.instruction_own")
	}
	b.WriteString("• `instruction`: " + state + " — " + c.T("setting.instruction"))
	return b.String()
}

// instructionFile is the server's own instruction in its workspace.
const instructionFile = "instruction.md"

// maxInstructionBytes limits an instruction.
const maxInstructionBytes = 100_000

// ownInstruction returns the server's own instruction, "" where it has none.
func (c *Call) ownInstruction() (text string, err error) {
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return "", err
	}
	raw, err := readFile(w, instructionFile, maxInstructionBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(raw)), "\uFFFD"), err
}
