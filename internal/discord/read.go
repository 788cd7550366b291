package discord

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/record"
)

// What this file holds is what of a message is read: its text, wherever that stands, its files, and whether it is meant for Mynah.

// content is what a message says.
type content struct {
	text      string
	files     []discord.Attachment
	voice     bool // a voice message
	forwarded bool // it is that of another message
}

// read returns what a message says: of a forward, what was forwarded, and of one that is made of components, their texts.
func read(m discord.Message) content {
	if len(m.MessageSnapshots) > 0 {
		out := content{forwarded: true}
		var texts []string
		for _, s := range m.MessageSnapshots {
			text := s.Message.Content
			if text == "" {
				text = componentText(s.Message.Components)
			}
			texts = append(texts, text)
			out.files = append(out.files, s.Message.Attachments...)
			out.voice = out.voice || s.Message.Flags.Has(discord.MessageFlagIsVoiceMessage)
		}
		out.text = strings.TrimSpace(strings.Join(texts, "\n"))
		return out
	}
	out := content{text: m.Content, files: m.Attachments, voice: m.Flags.Has(discord.MessageFlagIsVoiceMessage)}
	if out.text == "" {
		out.text = componentText(m.Components)
	}
	return out
}

// quotedText is what a message says that somebody points at. Where nothing was written, that is what is shown: embeds, a poll.
func quotedText(m discord.Message) string {
	if text := read(m).text; text != "" {
		return text
	}
	var lines []string
	for _, e := range m.Embeds {
		for _, line := range []string{e.Title, e.Description} {
			if line != "" {
				lines = append(lines, line)
			}
		}
	}
	if p := m.Poll; p != nil {
		if p.Question.Text != nil {
			lines = append(lines, *p.Question.Text)
		}
		for _, a := range p.Answers {
			if a.PollMedia.Text != nil {
				lines = append(lines, "- "+*a.PollMedia.Text)
			}
		}
	}
	return strings.Join(lines, "\n")
}

// componentText is what stands in components, from the top to the bottom.
func componentText(components []discord.LayoutComponent) string {
	m := discord.Message{Components: components}
	var lines []string
	for c := range m.AllComponents() {
		if t, ok := c.(discord.TextDisplayComponent); ok {
			lines = append(lines, t.Content)
		}
	}
	return strings.Join(lines, "\n")
}

// meet counts what of a message isn't known here.
func (n *news) meet(m discord.Message) {
	if m.Type > discord.MessageTypePollResult {
		n.met("message", fmt.Sprint(int(m.Type)))
	}
	for c := range m.AllComponents() {
		if u, ok := c.(discord.UnknownComponent); ok {
			n.met("component", fmt.Sprint(int(u.ComponentType)))
		}
	}
}

// called returns a message's text without what calls Mynah in it, and whether anything does: a mention of its user, of the role
// that was made for it, or its name with an @ in front of all else, which is what a client without menus sends.
func (c *Client) called(guild *snowflake.ID, mentions []discord.User, text string) (rest string, called bool) {
	for _, u := range mentions {
		called = called || u.ID == c.self
	}
	// A mention without a notification is none of mentions.
	marks := []string{"<@" + c.self.String() + ">", "<@!" + c.self.String() + ">"}
	if guild != nil && strings.Contains(text, "<@&") {
		for r := range c.disgo.Caches.Roles(*guild) {
			if r.Tags != nil && r.Tags.BotID != nil && *r.Tags.BotID == c.self {
				marks = append(marks, "<@&"+r.ID.String()+">")
			}
		}
	}
	for _, mark := range marks {
		if strings.Contains(text, mark) {
			called = true
			text = strings.ReplaceAll(text, mark, "")
		}
	}
	if called {
		return strings.TrimSpace(text), true
	}
	for _, name := range c.names(guild) {
		if rest, ok := afterName(text, name); ok {
			return rest, true
		}
	}
	return text, false
}

// names are what Mynah is called on a server.
func (c *Client) names(guild *snowflake.ID) []string {
	var names []string
	if self, ok := c.disgo.Caches.SelfUser(); ok {
		names = append(names, self.Username, self.EffectiveName())
	}
	if guild != nil {
		if m, ok := c.disgo.Caches.Member(*guild, c.self); ok && m.Nick != nil {
			names = append(names, *m.Nick)
		}
	}
	return names
}

// afterName returns what stands after "@name" at a text's begin, where the name ends there.
func afterName(text, name string) (rest string, ok bool) {
	text = strings.TrimSpace(text)
	rest, ok = strings.CutPrefix(text, "@")
	if !ok || name == "" || len(rest) < len(name) || !strings.EqualFold(rest[:len(name)], name) {
		return "", false
	}
	rest = rest[len(name):]
	if next, _ := utf8.DecodeRuneInString(rest); rest != "" && (unicode.IsLetter(next) || unicode.IsDigit(next) || next == '_') {
		return "", false
	}
	return strings.TrimSpace(strings.TrimLeft(strings.TrimSpace(rest), ",:")), true
}

// parent is the channel that a thread belongs to; 0 for another channel.
func (c *Client) parent(channel snowflake.ID) record.ChannelID {
	if t, ok := c.thread(channel); ok && t.ParentID() != nil {
		return record.ChannelID(*t.ParentID())
	}
	return 0
}

// thread is a thread that Mynah sees.
func (c *Client) thread(channel snowflake.ID) (discord.GuildThread, bool) {
	ch, ok := c.disgo.Caches.Channel(channel)
	if !ok {
		return discord.GuildThread{}, false
	}
	t, ok := ch.(discord.GuildThread)
	return t, ok
}

// uploadLimit is how large a file may be that is sent to a server, bytes: more with boosts; 0 in direct messages, where nothing is
// known.
func (c *Client) uploadLimit(guild *snowflake.ID) int64 {
	if guild == nil {
		return 0
	}
	g, ok := c.disgo.Caches.Guild(*guild)
	switch {
	case !ok:
		return 0
	case g.PremiumTier == discord.PremiumTier2:
		return 50 << 20
	case g.PremiumTier == discord.PremiumTier3:
		return 100 << 20
	}
	return 10 << 20
}
