package discord

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/rest"

	"github.com/mynahbot/mynah/internal/bot"
)

// english is the language that everybody sees whose own Mynah doesn't speak.
const english = "en"

// localized says something in every locale of Discord whose language Mynah speaks, but for English. What is empty is left out.
func (c *Client) localized(say func(language string) string) map[discord.Locale]string {
	spoken := c.bot.Languages()
	all := map[discord.Locale]string{}
	for locale := range discord.Locales {
		language, _, _ := strings.Cut(locale.Code(), "-")
		if language == english || !slices.Contains(spoken, language) {
			continue
		}
		if text := say(language); text != "" {
			all[locale] = text
		}
	}
	return all
}

// commandNames are what a command, or a group of them, is called in other languages.
func (c *Client) commandNames(name string) map[discord.Locale]string {
	return c.localized(func(language string) string { return c.bot.CommandName(name, language) })
}

// maxDescription is how long Discord lets a description be, in characters.
const maxDescription = 100

const (
	// registerTime is how long one attempt to register the commands may take.
	registerTime = 30 * time.Second
	// maxRegisterWait is the longest wait between two attempts.
	maxRegisterWait = 10 * time.Minute
)

// register has Discord know the commands, and tries until that is so or ctx ends. Those of the last start work meanwhile.
func (c *Client) register(ctx context.Context) {
	for try := 0; ; try++ {
		err := c.registerOnce(ctx)
		if err == nil {
			c.metrics.commands.Set(1)
			return
		}
		if ctx.Err() != nil {
			return
		}
		wait := min(5*time.Second<<min(try, 7), maxRegisterWait)
		wait = wait/2 + rand.N(wait/2)
		c.log.Error("the commands could not be registered; those of before still work", "err", err, "again in", wait.Round(time.Second))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// registerOnce replaces the commands that Discord has, where they differ. An Entry Point command, which opens an activity and which
// Discord makes by itself, is kept.
func (c *Client) registerOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, registerTime)
	defer cancel()
	client, app := c.rest, c.disgo.ApplicationID
	var have []map[string]any
	err := client.Do(rest.GetGlobalCommands.Compile(discord.QueryValues{"with_localizations": true}, app), nil, &have, rest.WithCtx(ctx))
	if err != nil {
		return err
	}
	want := []any{}
	for _, cmd := range c.commands() {
		want = append(want, cmd)
	}
	asked, err := plain(want)
	if err != nil {
		return err
	}
	known := map[string]any{}
	for _, cmd := range have {
		if cmd["type"] == float64(entryPoint) {
			want = append(want, withoutKeys(cmd, serverKeys...))
			continue
		}
		known[commandKey(cmd)] = declared(cmd)
	}
	same := len(known) == len(asked)
	for _, cmd := range asked {
		same = same && reflect.DeepEqual(known[commandKey(cmd)], declared(cmd))
	}
	if same {
		return nil
	}
	return client.Do(rest.SetGlobalCommands.Compile(nil, app), want, nil, rest.WithCtx(ctx))
}

// entryPoint is the type of the command that opens an activity.
const entryPoint = 4

// serverKeys are what Discord adds to a command.
var serverKeys = []string{"id", "application_id", "version", "guild_id", "name_localized", "description_localized"}

// plain is what commands are as JSON.
func plain(commands []any) (out []map[string]any, err error) {
	raw, err := json.Marshal(commands)
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	return out, err
}

func commandKey(cmd map[string]any) string { return fmt.Sprint(cmd["type"], cmd["name"]) }

func withoutKeys(m map[string]any, keys ...string) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		out[k] = v
	}
	for _, k := range keys {
		delete(out, k)
	}
	return out
}

// declared is what a command says, without what Discord adds and without defaults, so that what was sent and what it became are
// the same.
func declared(cmd map[string]any) any {
	cmd = withoutKeys(cmd, append([]string{"dm_permission", "default_permission", "nsfw"}, serverKeys...)...)
	return meaning(cmd)
}

// meaning leaves out what is empty, at any depth.
func meaning(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, e := range v {
			if m := meaning(e); m != nil {
				out[k] = m
			}
		}
		if len(out) == 0 {
			return nil
		}
		return out
	case []any:
		var out []any
		for _, e := range v {
			out = append(out, meaning(e))
		}
		if out == nil {
			return nil
		}
		return out
	case bool:
		if !v {
			return nil
		}
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}

// commands declares the bot's commands to Discord: slash commands, with groups
// as sub-commands, and the menus of messages.
func (c *Client) commands() []discord.ApplicationCommandCreate {
	var out []discord.ApplicationCommandCreate
	groups := map[string]int{} // index in out
	for _, cmd := range c.bot.Commands() {
		everywhere := []discord.InteractionContextType{discord.InteractionContextTypeGuild, discord.InteractionContextTypeBotDM}
		// Who installs an application for themselves could use its commands on servers that it isn't on, and change their settings.
		servers := []discord.ApplicationIntegrationType{discord.ApplicationIntegrationTypeGuildInstall}
		switch head, tail, two := strings.Cut(cmd.Name, " "); {
		case cmd.Form:
		case cmd.Menu:
			text, others := c.describe(cmd, "")
			out = append(out, discord.MessageCommandCreate{Name: clip(text, 32), NameLocalizations: clipAll(others, 32), Contexts: everywhere, IntegrationTypes: servers})
		case two:
			at, seen := groups[head]
			if !seen {
				describe := func(language string) string { return clip(c.bot.DescribeGroup(head, language), maxDescription) }
				at = len(out)
				groups[head] = at
				out = append(out, discord.SlashCommandCreate{
					Name: head, NameLocalizations: c.commandNames(head), Description: describe(english), DescriptionLocalizations: c.localized(describe),
					Contexts: everywhere, IntegrationTypes: servers,
				})
			}
			group := out[at].(discord.SlashCommandCreate)
			text, others := c.describe(cmd, "")
			group.Options = append(group.Options, discord.ApplicationCommandOptionSubCommand{
				Name: tail, NameLocalizations: c.commandNames(cmd.Name), Description: text, DescriptionLocalizations: others, Options: c.options(cmd),
			})
			out[at] = group
		default:
			text, others := c.describe(cmd, "")
			out = append(out, discord.SlashCommandCreate{
				Name: cmd.Name, NameLocalizations: c.commandNames(cmd.Name), Description: text, DescriptionLocalizations: others,
				Options: c.options(cmd), Contexts: everywhere, IntegrationTypes: servers,
			})
		}
	}
	return out
}

// menuCommand returns the full name of the command that a menu's entry runs.
func (c *Client) menuCommand(entry string) string {
	for _, cmd := range c.bot.Commands() {
		if text, _ := c.describe(cmd, ""); cmd.Menu && clip(text, 32) == entry {
			return cmd.Name
		}
	}
	return entry
}

// describe returns the English description and the others.
func (c *Client) describe(cmd *bot.Command, option string) (text string, others map[discord.Locale]string) {
	describe := func(language string) string { return clip(c.bot.Describe(cmd, option, language), maxDescription) }
	return describe(english), c.localized(describe)
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
	text, others := c.describe(cmd, o.Name)
	switch o.Kind {
	case bot.Integer:
		return discord.ApplicationCommandOptionInt{Name: o.Name, Description: text, DescriptionLocalizations: others, Required: o.Required, Autocomplete: o.Complete != nil}
	case bot.Boolean:
		return discord.ApplicationCommandOptionBool{Name: o.Name, Description: text, DescriptionLocalizations: others, Required: o.Required}
	case bot.Upload:
		return discord.ApplicationCommandOptionAttachment{Name: o.Name, Description: text, DescriptionLocalizations: others, Required: o.Required}
	case bot.Channel:
		channel := discord.ApplicationCommandOptionChannel{Name: o.Name, Description: text, DescriptionLocalizations: others, Required: o.Required}
		if o.Voice {
			channel.ChannelTypes = []discord.ChannelType{discord.ChannelTypeGuildVoice, discord.ChannelTypeGuildStageVoice}
		}
		return channel
	case bot.Role:
		return discord.ApplicationCommandOptionRole{Name: o.Name, Description: text, DescriptionLocalizations: others, Required: o.Required}
	case bot.Member:
		return discord.ApplicationCommandOptionUser{Name: o.Name, Description: text, DescriptionLocalizations: others, Required: o.Required}
	}
	out := discord.ApplicationCommandOptionString{Name: o.Name, Description: text, DescriptionLocalizations: others, Required: o.Required, Autocomplete: o.Complete != nil}
	for _, choice := range o.Choices {
		out.Choices = append(out.Choices, discord.ApplicationCommandOptionChoiceString{Name: choice, Value: choice})
	}
	return out
}
