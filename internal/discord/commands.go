package discord

import (
	"strings"

	"github.com/disgoorg/disgo/discord"

	"github.com/mynahbot/mynah/internal/bot"
)

// localesOf are Discord's names for the languages that
// descriptions exist in beside English, which everybody else sees.
var localesOf = map[string][]discord.Locale{
	"ru": {discord.LocaleRussian},
}

// maxDescription is how long Discord lets a description be, in characters.
const maxDescription = 100

// commands declares the bot's commands to Discord: slash commands, with groups
// as sub-commands, and the menus of messages.
func (c *Client) commands() []discord.ApplicationCommandCreate {
	var out []discord.ApplicationCommandCreate
	groups := map[string]int{} // index in out
	for _, cmd := range c.bot.Commands() {
		everywhere := []discord.InteractionContextType{discord.InteractionContextTypeGuild, discord.InteractionContextTypeBotDM}
		switch head, tail, two := strings.Cut(cmd.Name, " "); {
		case cmd.Form:
		case cmd.Menu:
			english, others := c.describe(cmd, "")
			out = append(out, discord.MessageCommandCreate{Name: clip(english, 32), NameLocalizations: clipAll(others, 32), Contexts: everywhere})
		case two:
			at, seen := groups[head]
			if !seen {
				english := c.bot.DescribeGroup(head, "en")
				others := map[discord.Locale]string{}
				for language, locales := range localesOf {
					for _, l := range locales {
						others[l] = clip(c.bot.DescribeGroup(head, language), maxDescription)
					}
				}
				at = len(out)
				groups[head] = at
				out = append(out, discord.SlashCommandCreate{
					Name: head, Description: clip(english, maxDescription), DescriptionLocalizations: others, Contexts: everywhere,
				})
			}
			group := out[at].(discord.SlashCommandCreate)
			english, others := c.describe(cmd, "")
			group.Options = append(group.Options, discord.ApplicationCommandOptionSubCommand{
				Name: tail, Description: english, DescriptionLocalizations: others, Options: c.options(cmd),
			})
			out[at] = group
		default:
			english, others := c.describe(cmd, "")
			out = append(out, discord.SlashCommandCreate{
				Name: cmd.Name, Description: english, DescriptionLocalizations: others, Options: c.options(cmd), Contexts: everywhere,
			})
		}
	}
	return out
}

// menuCommand returns the full name of the command that a menu's entry runs.
func (c *Client) menuCommand(entry string) string {
	for _, cmd := range c.bot.Commands() {
		if english, _ := c.describe(cmd, ""); cmd.Menu && clip(english, 32) == entry {
			return cmd.Name
		}
	}
	return entry
}

// describe returns the English description and the others.
func (c *Client) describe(cmd *bot.Command, option string) (english string, others map[discord.Locale]string) {
	others = map[discord.Locale]string{}
	for language, locales := range localesOf {
		for _, l := range locales {
			others[l] = clip(c.bot.Describe(cmd, option, language), maxDescription)
		}
	}
	return clip(c.bot.Describe(cmd, option, "en"), maxDescription), others
}

func clipAll(m map[discord.Locale]string, n int) map[discord.Locale]string {
	for k, v := range m {
		m[k] = clip(v, n)
	}
	return m
}

// options declares a command's options: required ones first, as Discord wants it.
func (c *Client) options(cmd *bot.Command) []discord.ApplicationCommandOption {
	var required, optional []discord.ApplicationCommandOption
	for _, o := range cmd.Options {
		if o.Required {
			required = append(required, c.option(cmd, o))
		} else {
			optional = append(optional, c.option(cmd, o))
		}
	}
	for _, name := range cmd.UploadOptions() {
		optional = append(optional, c.option(cmd, bot.Option{Name: name, Kind: bot.Upload}))
	}
	return append(required, optional...)
}

func (c *Client) option(cmd *bot.Command, o bot.Option) discord.ApplicationCommandOption {
	english, others := c.describe(cmd, o.Name)
	switch o.Kind {
	case bot.Integer:
		return discord.ApplicationCommandOptionInt{Name: o.Name, Description: english, DescriptionLocalizations: others, Required: o.Required, Autocomplete: o.Complete != nil}
	case bot.Boolean:
		return discord.ApplicationCommandOptionBool{Name: o.Name, Description: english, DescriptionLocalizations: others, Required: o.Required}
	case bot.Upload:
		return discord.ApplicationCommandOptionAttachment{Name: o.Name, Description: english, DescriptionLocalizations: others, Required: o.Required}
	case bot.Channel:
		return discord.ApplicationCommandOptionChannel{Name: o.Name, Description: english, DescriptionLocalizations: others, Required: o.Required}
	case bot.Role:
		return discord.ApplicationCommandOptionRole{Name: o.Name, Description: english, DescriptionLocalizations: others, Required: o.Required}
	case bot.Member:
		return discord.ApplicationCommandOptionUser{Name: o.Name, Description: english, DescriptionLocalizations: others, Required: o.Required}
	}
	out := discord.ApplicationCommandOptionString{Name: o.Name, Description: english, DescriptionLocalizations: others, Required: o.Required, Autocomplete: o.Complete != nil}
	for _, choice := range o.Choices {
		out.Choices = append(out.Choices, discord.ApplicationCommandOptionChoiceString{Name: choice, Value: choice})
	}
	return out
}
