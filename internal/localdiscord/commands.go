package localdiscord

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits on application commands, as in Discord.
const (
	maxCommands     = 100 // of type 1, for one application and scope
	maxMenuCommands = 15  // of types 2 and 3 each
	maxOptions      = 25
	maxChoices      = 25
	maxCommandChars = 8000
)

// Application command types.
const (
	commandChat    = 1
	commandUser    = 2
	commandMessage = 3
	commandEntry   = 4 // of an activity
)

// Option types.
const (
	optionSubcommand  = 1
	optionGroup       = 2
	optionString      = 3
	optionInteger     = 4
	optionBoolean     = 5
	optionUser        = 6
	optionChannel     = 7
	optionRole        = 8
	optionMentionable = 9
	optionNumber      = 10
	optionAttachment  = 11
)

// command is an application command. It does not change: an edit replaces it.
type command struct {
	ID                       ID                `json:"id"`
	ApplicationID            ID                `json:"application_id"`
	Version                  ID                `json:"version"`
	GuildID                  ID                `json:"guild_id,omitempty"`
	Type                     int               `json:"type"`
	Name                     string            `json:"name"`
	NameLocalizations        map[string]string `json:"name_localizations"`
	NameLocalized            string            `json:"name_localized,omitempty"`
	Description              string            `json:"description"`
	DescriptionLocalizations map[string]string `json:"description_localizations"`
	DescriptionLocalized     string            `json:"description_localized,omitempty"`
	Options                  []commandOption   `json:"options,omitempty"`
	DefaultMemberPermissions *Permissions      `json:"default_member_permissions"`
	DMPermission             *bool             `json:"dm_permission,omitempty"`
	Contexts                 []int             `json:"contexts"`
	IntegrationTypes         []int             `json:"integration_types"`
	NSFW                     bool              `json:"nsfw"`
	Handler                  *int              `json:"handler,omitempty"` // of an entry point
}

type commandOption struct {
	Type                     int               `json:"type"`
	Name                     string            `json:"name"`
	NameLocalizations        map[string]string `json:"name_localizations,omitempty"`
	NameLocalized            string            `json:"name_localized,omitempty"`
	Description              string            `json:"description"`
	DescriptionLocalizations map[string]string `json:"description_localizations,omitempty"`
	DescriptionLocalized     string            `json:"description_localized,omitempty"`
	Required                 bool              `json:"required,omitempty"`
	Choices                  []commandChoice   `json:"choices,omitempty"`
	Options                  []commandOption   `json:"options,omitempty"`
	ChannelTypes             []int             `json:"channel_types,omitempty"`
	MinValue                 *float64          `json:"min_value,omitempty"`
	MaxValue                 *float64          `json:"max_value,omitempty"`
	MinLength                *int              `json:"min_length,omitempty"`
	MaxLength                *int              `json:"max_length,omitempty"`
	Autocomplete             bool              `json:"autocomplete,omitempty"`
}

type commandChoice struct {
	Name              string            `json:"name"`
	NameLocalizations map[string]string `json:"name_localizations,omitempty"`
	NameLocalized     string            `json:"name_localized,omitempty"`
	Value             json.RawMessage   `json:"value"`
}

var commandName = regexp.MustCompile(`^[-_'\p{L}\p{N}\p{Devanagari}\p{Thai}]{1,32}$`)

func checkChatName(field, name string) error {
	if !commandName.MatchString(name) || name != strings.ToLower(name) {
		return formError(field, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
	}
	return nil
}

func checkDescription(field, text string, localizations map[string]string) error {
	if n := utf8.RuneCountInString(text); n < 1 || n > 100 {
		return formError(field, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
	}
	for locale, text := range localizations {
		if !knownLocale(locale) {
			return formError(field+"_localizations", "BASE_TYPE_CHOICES", fmt.Sprintf("%.20q is no locale.", locale))
		}
		if n := utf8.RuneCountInString(text); n < 1 || n > 100 {
			return formError(field+"_localizations."+locale, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
		}
	}
	return nil
}

// validate checks a command as Discord does and fills in defaults; field is where it stands in the request.
func (cmd *command) validate(field string) error {
	if cmd.Type == 0 {
		cmd.Type = commandChat
	}
	if cmd.IntegrationTypes == nil {
		cmd.IntegrationTypes = []int{0}
	}
	cmd.NameLocalized, cmd.DescriptionLocalized = "", ""
	switch cmd.Type {
	case commandChat:
		if err := checkChatName(field+"name", cmd.Name); err != nil {
			return err
		}
		for locale, name := range cmd.NameLocalizations {
			if !knownLocale(locale) {
				return formError(field+"name_localizations", "BASE_TYPE_CHOICES", fmt.Sprintf("%.20q is no locale.", locale))
			}
			if err := checkChatName(field+"name_localizations."+locale, name); err != nil {
				return err
			}
		}
		if err := checkDescription(field+"description", cmd.Description, cmd.DescriptionLocalizations); err != nil {
			return err
		}
	case commandEntry:
		if cmd.Handler == nil {
			return formError(field+"handler", "BASE_TYPE_REQUIRED", "This field is required")
		}
	case commandUser, commandMessage:
		if n := utf8.RuneCountInString(cmd.Name); n < 1 || n > 32 {
			return formError(field+"name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 32 in length.")
		}
		if cmd.Description != "" || len(cmd.Options) > 0 {
			return formError(field+"description", "APPLICATION_COMMAND_INVALID_DESCRIPTION", "Context menu commands can have neither description nor options")
		}
	default:
		return formError(field+"type", "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4).")
	}
	for _, context := range cmd.Contexts {
		if context < 0 || context > 2 {
			return formError(field+"contexts", "BASE_TYPE_CHOICES", "Value must be one of (0, 1, 2).")
		}
	}
	if err := validateOptions(field, cmd.Options, 0); err != nil {
		return err
	}
	chars := textLength(cmd.Name, cmd.NameLocalizations) + textLength(cmd.Description, cmd.DescriptionLocalizations) + optionChars(cmd.Options)
	if chars > maxCommandChars {
		return formError(strings.TrimSuffix(field, "."), "APPLICATION_COMMAND_TOO_LARGE", fmt.Sprintf("Command exceeds maximum size (%d)", maxCommandChars))
	}
	return nil
}

// textLength counts the longest of a text and its translations.
func textLength(text string, localizations map[string]string) int {
	n := utf8.RuneCountInString(text)
	for _, t := range localizations {
		n = max(n, utf8.RuneCountInString(t))
	}
	return n
}

func optionChars(options []commandOption) int {
	n := 0
	for _, o := range options {
		n += textLength(o.Name, o.NameLocalizations) + textLength(o.Description, o.DescriptionLocalizations) + optionChars(o.Options)
		for _, ch := range o.Choices {
			n += textLength(ch.Name, ch.NameLocalizations)
			if o.Type == optionString {
				n += len(ch.Value) - 2
			}
		}
	}
	return n
}

func validateOptions(field string, options []commandOption, depth int) error {
	if len(options) > maxOptions {
		return formError(field+"options", "BASE_TYPE_MAX_LENGTH", fmt.Sprintf("Must be %d or fewer in length.", maxOptions))
	}
	names := map[string]bool{}
	optional := false
	for i := range options {
		o := &options[i]
		at := fmt.Sprintf("%soptions.%d.", field, i)
		if err := checkChatName(at+"name", o.Name); err != nil {
			return err
		}
		for locale, name := range o.NameLocalizations {
			if err := checkChatName(at+"name_localizations."+locale, name); err != nil {
				return err
			}
		}
		if names[o.Name] {
			return formError(at+"name", "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_EXISTS", "Option name already exists")
		}
		names[o.Name] = true
		if err := checkDescription(at+"description", o.Description, o.DescriptionLocalizations); err != nil {
			return err
		}
		nested := o.Type == optionSubcommand || o.Type == optionGroup
		switch {
		case o.Type < optionSubcommand || o.Type > optionAttachment:
			return formError(at+"type", "BASE_TYPE_CHOICES", "Value must be one of (1, …, 11).")
		case nested && (depth > 1 || depth == 1 && o.Type == optionGroup) || !nested && len(o.Options) > 0,
			nested != (options[0].Type == optionSubcommand || options[0].Type == optionGroup):
			return formError(at+"type", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Sub-command and sub-command group option types are mutually exclusive to all other types")
		case o.Required && optional:
			return formError(at+"required", "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", "Required options must be placed before non-required options")
		case len(o.Choices) > 0 && o.Autocomplete:
			return formError(at+"choices", "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES", "Choices and autocomplete exclude each other")
		case (len(o.Choices) > 0 || o.Autocomplete) && o.Type != optionString && o.Type != optionInteger && o.Type != optionNumber:
			return formError(at+"choices", "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Only strings, integers and numbers have choices")
		case len(o.Choices) > maxChoices:
			return formError(at+"choices", "BASE_TYPE_MAX_LENGTH", fmt.Sprintf("Must be %d or fewer in length.", maxChoices))
		}
		optional = optional || !o.Required && !nested
		for k, ch := range o.Choices {
			if n := utf8.RuneCountInString(ch.Name); n < 1 || n > 100 {
				return formError(fmt.Sprintf("%schoices.%d.name", at, k), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
			}
			if _, err := optionValue(o.Type, ch.Value); err != nil {
				return formError(fmt.Sprintf("%schoices.%d.value", at, k), "BASE_TYPE_BAD", err.Error())
			}
		}
		o.NameLocalized, o.DescriptionLocalized = "", ""
		if err := validateOptions(at, o.Options, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// optionValue reads a value as its option's type wants it: string, int64, bool, float64 or ID.
func optionValue(kind int, raw json.RawMessage) (any, error) {
	var v any
	var err error
	switch kind {
	case optionString:
		v, err = decodeAs[string](raw)
	case optionInteger:
		v, err = decodeAs[int64](raw)
	case optionBoolean:
		v, err = decodeAs[bool](raw)
	case optionNumber:
		v, err = decodeAs[float64](raw)
	default:
		v, err = decodeAs[ID](raw)
	}
	if err != nil || string(raw) == "null" {
		return nil, fmt.Errorf("%.60s is no value of option type %d", raw, kind)
	}
	return v, nil
}

func decodeAs[T any](raw json.RawMessage) (T, error) {
	var v T
	err := json.Unmarshal(raw, &v)
	return v, err
}

// localized shows the command in a client's language, as Discord does for the client's locale.
func (cmd *command) localized(locale string) command {
	c := *cmd
	c.NameLocalized, c.DescriptionLocalized = cmd.NameLocalizations[locale], cmd.DescriptionLocalizations[locale]
	c.Options = localizedOptions(cmd.Options, locale)
	return c
}

func localizedOptions(options []commandOption, locale string) []commandOption {
	list := slices.Clone(options)
	for i := range list {
		o := &list[i]
		o.NameLocalized, o.DescriptionLocalized = o.NameLocalizations[locale], o.DescriptionLocalizations[locale]
		o.Options = localizedOptions(o.Options, locale)
		o.Choices = slices.Clone(o.Choices)
		for k := range o.Choices {
			o.Choices[k].NameLocalized = o.Choices[k].NameLocalizations[locale]
		}
	}
	return list
}

// allowed tells whether the account may use the command in the channel: the default member permissions ask for rights in
// the guild, and contexts say where it is offered. Called with mu held.
func (cmd *command) allowed(a *account, ch *channel) bool {
	context := 1 // direct message with the bot
	if ch.guild != nil {
		context = 0
	}
	if cmd.Contexts != nil && !slices.Contains(cmd.Contexts, context) || context == 1 && cmd.DMPermission != nil && !*cmd.DMPermission {
		return false
	}
	if ch.guild == nil {
		return true
	}
	p := ch.permissions(a)
	if !p.has(permUseCommands) {
		return false
	}
	need := cmd.DefaultMemberPermissions
	if need == nil || p == allPermissions {
		return true
	}
	return *need != 0 && p.has(*need)
}
