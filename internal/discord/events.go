package discord

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/record"
)

// onMessage turns a message into the bot's. Messages of other types than texts and replies (somebody joined, something was
// pinned) are nobody's question, and neither is one that holds nothing to read, such as a poll or a sticker.
func (c *Client) onMessage(e *events.MessageCreate) {
	m := e.Message
	if m.Author.ID == c.self || m.ID == 0 || m.ChannelID == 0 || m.Author.ID == 0 {
		return // the last are what is left of a message that couldn't be read
	}
	c.wire.news.meet(m)
	if m.Type != discord.MessageTypeDefault && m.Type != discord.MessageTypeReply {
		return
	}
	says := read(m)
	if says.text == "" && len(says.files) == 0 && (m.Poll != nil || len(m.StickerItems) > 0) {
		return
	}
	author := c.person(e.GuildID, m.Author, m.Member)
	author.Bot = m.Author.Bot || m.Author.System || m.WebhookID != nil
	in := bot.Message{
		ID:          record.MessageID(m.ID),
		Server:      serverID(e.GuildID),
		Channel:     record.ChannelID(m.ChannelID),
		Parent:      c.parent(m.ChannelID),
		Author:      author,
		Text:        says.text,
		Attachments: attachments(says.files),
		Voice:       says.voice,
		Forwarded:   says.forwarded,
		Locale:      c.locale(e.GuildID),
		UploadLimit: c.uploadLimit(e.GuildID),
	}
	if !says.forwarded {
		in.Text, in.Mentioned = c.called(e.GuildID, m.Mentions, says.text)
	}
	if m.ReferencedMessage != nil && m.Type == discord.MessageTypeReply {
		q := c.quoted(*m.ReferencedMessage)
		in.ReplyTo = &q
	}
	c.bot.HandleMessage(in, &channelResponder{
		client: c, guild: e.GuildID, channel: m.ChannelID, author: m.Author.ID, to: &m.ID,
	})
}

func (c *Client) quoted(m discord.Message) bot.Quoted {
	return bot.Quoted{
		ID:          record.MessageID(m.ID),
		Mine:        m.Author.ID == c.self,
		Text:        quotedText(m),
		Attachments: attachments(read(m).files),
	}
}

func attachments(all []discord.Attachment) []bot.Attachment {
	var out []bot.Attachment
	for _, a := range all {
		out = append(out, attachment(a))
	}
	return out
}

func attachment(a discord.Attachment) bot.Attachment {
	out := bot.Attachment{Name: a.Filename, URL: a.URL, Size: int64(a.Size)}
	if a.ContentType != nil {
		out.ContentType = *a.ContentType
	}
	return out
}

func serverID(id *snowflake.ID) record.ServerID {
	if id == nil {
		return 0
	}
	return record.ServerID(*id)
}

// locale is the server's preferred locale, "" in direct messages.
func (c *Client) locale(guild *snowflake.ID) string {
	if guild == nil {
		return ""
	}
	g, _ := c.disgo.Caches.Guild(*guild)
	return g.PreferredLocale
}

// person describes somebody; member is nil in direct messages.
func (c *Client) person(guild *snowflake.ID, user discord.User, member *discord.Member) bot.Person {
	p := bot.Person{ID: record.UserID(user.ID), Name: user.EffectiveName()}
	if guild == nil {
		return p
	}
	if member != nil {
		m := *member
		m.GuildID, m.User = *guild, user
		p.Name = m.EffectiveName()
		for _, id := range m.RoleIDs {
			p.Roles = append(p.Roles, record.RoleID(id))
		}
		p.Manager = manages(c.disgo.Caches.MemberPermissions(m))
	}
	if state, ok := c.disgo.Caches.VoiceState(*guild, user.ID); ok && state.ChannelID != nil {
		p.Voice = record.ChannelID(*state.ChannelID)
	}
	return p
}

// manages reports whether permissions include the right to train.
func manages(p discord.Permissions) bool {
	return p.Has(discord.PermissionManageGuild) || p.Has(discord.PermissionAdministrator)
}

// invoker describes who used a command. Discord computed the permissions.
func (c *Client) invoker(i discord.Interaction) bot.Person {
	var member *discord.Member
	if m := i.Member(); m != nil {
		member = &m.Member
	}
	p := c.person(i.GuildID(), i.User(), member)
	if m := i.Member(); m != nil {
		p.Manager = p.Manager || manages(m.Permissions)
	}
	return p
}

// invocation is what all interactions have in common.
func (c *Client) invocation(i discord.Interaction) bot.Invocation {
	v := bot.Invocation{
		Server:      serverID(i.GuildID()),
		Author:      c.invoker(i),
		Locale:      string(i.Locale()),
		Values:      map[string]string{},
		UploadLimit: int64(i.AttachmentSizeLimit()),
	}
	if i.Channel().MessageChannel != nil {
		v.Channel = record.ChannelID(i.Channel().ID())
	}
	if l := i.GuildLocale(); l != nil {
		v.ServerLocale = string(*l)
	}
	return v
}

// stranger refuses an interaction from a server that Mynah isn't a member of: who has installed the application for themselves, or
// without its bot, must not change there what the server's own people decide. It reports whether it did.
func (c *Client) stranger(i discord.Interaction) bool {
	guild := i.GuildID()
	if guild == nil || c.present(*guild) {
		return false
	}
	r := newInteractionResponder(c, i, true)
	c.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, firstAnswer)
		defer cancel()
		text := c.bot.Refused(ctx, 0, string(i.Locale()), bot.RefusedStranger, "invite", c.InviteURL())
		if _, err := r.Send(ctx, bot.Reply{Text: text, Private: true}); err != nil && c.ctx.Err() == nil {
			c.log.Warn("somebody on a foreign server could not be told so", "err", err)
		}
	})
	return true
}

// onCommand turns a slash command or a context menu into an invocation.
func (c *Client) onCommand(e *events.ApplicationCommandInteractionCreate) {
	if c.stranger(e.ApplicationCommandInteraction) {
		return
	}
	v := c.invocation(e.ApplicationCommandInteraction)
	switch data := e.Data.(type) {
	case discord.SlashCommandInteractionData:
		v.Command = data.CommandName()
		if data.SubCommandName != nil {
			v.Command += " " + *data.SubCommandName
		}
		for name, o := range data.Options {
			if o.Type != discord.ApplicationCommandOptionTypeAttachment {
				v.Values[name] = optionText(o.Value)
			}
		}
		v.Attachments = c.chosenFiles(v.Command, data)
	case discord.MessageCommandInteractionData:
		v.Command = c.menuCommand(data.CommandName())
		q := c.quoted(data.TargetMessage())
		v.Target = &q
	default:
		return
	}
	c.bot.HandleInvocation(v, c.responder(v.Command, e.ApplicationCommandInteraction))
}

// responder answers an interaction that uses a command.
func (c *Client) responder(command string, i discord.Interaction) *interactionResponder {
	private := slices.ContainsFunc(c.bot.Commands(), func(cmd *bot.Command) bool { return cmd.Name == command && cmd.Private })
	return newInteractionResponder(c, i, private)
}

// chosenFiles returns the attachments of a slash command in the order of its options.
func (c *Client) chosenFiles(command string, data discord.SlashCommandInteractionData) []bot.Attachment {
	var files []bot.Attachment
	for _, cmd := range c.bot.Commands() {
		if cmd.Name != command {
			continue
		}
		for _, name := range cmd.UploadOptions() {
			if a, ok := data.OptAttachment(name); ok {
				files = append(files, attachment(a))
			}
		}
	}
	return files
}

// optionText is an option's value as text: strings as they are, numbers and
// booleans as JSON prints them.
func optionText(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		return s
	}
	return string(raw)
}

// onCompletion answers what can be chosen for an option. It must not wait for
// the channel's queue: Discord takes an answer within 3 s.
func (c *Client) onCompletion(e *events.AutocompleteInteractionCreate) {
	if g := e.GuildID(); g != nil && !c.present(*g) {
		return // the command itself says why
	}
	q := bot.Completion{Invocation: c.invocation(e.AutocompleteInteraction)}
	q.Command = e.Data.CommandName
	if e.Data.SubCommandName != nil {
		q.Command += " " + *e.Data.SubCommandName
	}
	for name, o := range e.Data.Options {
		q.Values[name] = optionText(o.Value)
		if o.Focused {
			q.Option, q.Typed = name, q.Values[name]
		}
	}
	i := e.AutocompleteInteraction
	c.wg.Go(func() {
		ctx, cancel := context.WithTimeout(c.ctx, firstAnswer)
		defer cancel()
		result := discord.AutocompleteResult{Choices: []discord.AutocompleteChoice{}}
		for _, choice := range c.bot.HandleCompletion(ctx, q) {
			result.Choices = append(result.Choices, completionChoice(choice, e.Data.Options[q.Option].Type))
		}
		err := c.disgo.Rest.CreateInteractionResponse(i.ID(), i.Token(), discord.InteractionResponse{
			Type: discord.InteractionResponseTypeAutocompleteResult, Data: result,
		}, rest.WithCtx(ctx))
		if err != nil && c.ctx.Err() == nil {
			c.log.Warn("completions could not be sent", "command", q.Command, "err", err)
		}
	})
}

// completionChoice is a choice in the type of its option, within Discord's 100
// characters.
func completionChoice(choice bot.Choice, kind discord.ApplicationCommandOptionType) discord.AutocompleteChoice {
	if n, err := strconv.Atoi(choice.Value); err == nil && kind == discord.ApplicationCommandOptionTypeInt {
		return discord.AutocompleteChoiceInt{Name: clip(choice.Label, 100), Value: n}
	}
	return discord.AutocompleteChoiceString{Name: clip(choice.Label, 100), Value: clip(choice.Value, 100)}
}

// onForm turns a submitted form into an invocation. The form's id carries the
// command and the message that it is about.
func (c *Client) onForm(e *events.ModalSubmitInteractionCreate) {
	if c.stranger(e.ModalSubmitInteraction) {
		return
	}
	command, target, ok := strings.Cut(e.Data.CustomID, "/")
	id, err := strconv.ParseUint(target, 10, 64)
	if !ok || err != nil {
		c.log.Warn("a form that Mynah didn't make")
		return
	}
	v := c.invocation(e.ModalSubmitInteraction)
	v.Command = command
	v.Values[formField] = e.Data.Text(formField)
	v.Target = &bot.Quoted{ID: record.MessageID(id), Mine: true}
	c.bot.HandleInvocation(v, c.responder(v.Command, e.ModalSubmitInteraction))
}

// onButton turns a pressed button into an invocation.
func (c *Client) onButton(e *events.ComponentInteractionCreate) {
	if c.stranger(e.ComponentInteraction) {
		return
	}
	command, option, value, ok := readButton(e.Data.CustomID())
	if !ok {
		c.log.Warn("a button that Mynah didn't make")
		return
	}
	v := c.invocation(e.ComponentInteraction)
	v.Command = command
	if option != "" {
		v.Values[option] = value
	}
	v.Target = &bot.Quoted{ID: record.MessageID(e.Message.ID), Mine: true}
	c.bot.HandleInvocation(v, c.responder(v.Command, e.ComponentInteraction))
}

// The events of both kinds of channels are used, since only they tell whose
// message it is.
func (c *Client) onServerReaction(e *events.GuildMessageReactionAdd) {
	if e.MessageAuthorID == nil || *e.MessageAuthorID != c.self || e.Member.User.Bot {
		return
	}
	r := reaction(&e.GuildID, e.ChannelID, e.MessageID, e.UserID, e.Emoji)
	r.Added = true
	c.bot.HandleReaction(r)
}

func (c *Client) onDirectReaction(e *events.DMMessageReactionAdd) {
	if e.MessageAuthorID == nil || *e.MessageAuthorID != c.self || e.UserID == c.self {
		return
	}
	r := reaction(nil, e.ChannelID, e.MessageID, e.UserID, e.Emoji)
	r.Added = true
	c.bot.HandleReaction(r)
}

func (c *Client) onReactionRemove(e *events.MessageReactionRemove) {
	if e.UserID != c.self {
		c.bot.HandleReaction(reaction(e.GuildID, e.ChannelID, e.MessageID, e.UserID, e.Emoji))
	}
}

func reaction(guild *snowflake.ID, channel, message, user snowflake.ID, emoji discord.PartialEmoji) bot.Reaction {
	r := bot.Reaction{
		Server:  serverID(guild),
		Channel: record.ChannelID(channel),
		Message: record.MessageID(message),
		User:    record.UserID(user),
	}
	if emoji.Name != nil && emoji.ID == nil {
		r.Emoji = *emoji.Name
	}
	return r
}
