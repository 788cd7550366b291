package localdiscord

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Message types.
const (
	messageDefault     = 0
	messageThread      = 18
	messageReply       = 19
	messageChatCommand = 20
	messageMenuCommand = 23
)

var mentionPattern = regexp.MustCompile(`<@([!&]?)(\d{1,20})>`)

// post makes a message of an input that was validated and tells everyone who sees it. fill sets what depends on how the message came
// about. Called with mu held.
func (s *Server) post(ch *channel, author *account, in *messageInput, fill func(*message)) *message {
	m := &message{id: s.newID(), channel: ch, author: author, content: strings.TrimSpace(in.Content.value), created: s.cfg.Now(), tts: in.TTS,
		embeds: in.Embeds.value, components: in.Components.value, nonce: in.Nonce, files: in.files,
		flags: in.flags() & (flagSuppressEmbeds | flagEphemeral | flagSuppressNotifications | flagVoiceMessage | flagComponentsV2)}
	m.poll = in.poll(m.created)
	for _, id := range in.StickerIDs {
		m.stickers = append(m.stickers, mustJSON(map[string]any{"id": id, "name": "sticker", "format_type": 1}))
	}
	if in.forwarded != nil {
		m.snapshot = in.forwarded
		m.flags |= flagHasSnapshot
		m.reference = &messageReference{Type: 1, MessageID: in.Reference.MessageID, ChannelID: in.Reference.ChannelID}
	}
	if ref := in.Reference; ref != nil && ref.Type == 0 {
		m.kind = messageReply
		m.reference = &messageReference{MessageID: ref.MessageID, ChannelID: ch.id}
		if ch.guild != nil {
			m.reference.GuildID = ch.guild.id
		}
	}
	if fill != nil {
		fill(m)
	}
	perms := ch.permissions(author)
	if m.app == 0 && ch.guild != nil && !perms.has(permEmbedLinks) {
		m.embeds = nil
	}
	s.mention(m, in.AllowedMentions, perms)
	for _, f := range m.files {
		f.ephemeral = m.ephemeral != nil
	}
	resolveAttachmentURLs(s, m)
	s.store.keep(m.files)
	in.files = nil
	if th := ch.thread; th != nil && th.archived { // whoever writes opens it again
		th.archived = false
		s.threadChanged(ch)
	}
	if gone := ch.add(m); gone != nil {
		s.store.discard(gone.files)
	}
	s.notifyMessage(m, "MESSAGE_CREATE")
	return m
}

// mention finds who is mentioned in the content, as far as the allowed mentions and the author's permissions let it.
func (s *Server) mention(m *message, allowed *allowedMentions, perms Permissions) {
	m.mentions, m.roles, m.everyone = nil, nil, false
	may := func(kind string, id ID, ids []ID) bool {
		return allowed == nil || slices.Contains(allowed.Parse, kind) || slices.Contains(ids, id)
	}
	addUser := func(a *account) {
		if a != nil && !slices.Contains(m.mentions, a) {
			m.mentions = append(m.mentions, a)
		}
	}
	for _, found := range mentionPattern.FindAllStringSubmatch(m.content, 100) {
		id, err := ParseID(found[2])
		if err != nil {
			continue
		}
		if found[1] == "&" {
			if m.channel.guild != nil && m.channel.guild.role(id) != nil && !slices.Contains(m.roles, id) &&
				(allowed == nil || may("roles", id, allowed.Roles)) {
				m.roles = append(m.roles, id)
			}
			continue
		}
		if allowed == nil || may("users", id, allowed.Users) {
			addUser(s.accounts[id])
		}
	}
	if strings.Contains(m.content, "@everyone") || strings.Contains(m.content, "@here") {
		m.everyone = perms.has(permMentionEveryone) && may("everyone", 0, nil)
	}
	if m.reference != nil && (allowed == nil || allowed.RepliedUser) {
		if ref := m.channel.find(m.reference.MessageID); ref != nil && ref.author != m.author {
			addUser(ref.author)
		}
	}
}

// resolveAttachmentURLs makes attachment://name in embeds and components point to the message's file of that name.
func resolveAttachmentURLs(s *Server, m *message) {
	for _, list := range [][]json.RawMessage{m.embeds, m.components} {
		for i, raw := range list {
			for _, f := range m.files {
				if text := string(raw); strings.Contains(text, `"attachment://`+f.name+`"`) {
					list[i] = json.RawMessage(strings.ReplaceAll(text, `"attachment://`+f.name+`"`, string(mustJSON(s.wireAttachment(f).URL))))
					raw = list[i]
				}
			}
		}
	}
}

// edit changes a message by what the input sets. keepTime leaves the time of editing unset, for a deferred response.
// Called with mu held, with an input that was validated.
func (s *Server) edit(m *message, in *messageInput, keepTime bool) error {
	if m.flags&flagVoiceMessage != 0 && (in.Content.set || in.Embeds.set || in.Attachments.set || len(in.files) > 0) {
		return errVoiceEdit
	}
	files := m.files
	var dropped []*file
	if in.Attachments.set {
		files = nil
		for _, f := range m.files {
			if slices.ContainsFunc(in.Attachments.value, func(a attachmentInput) bool { return string(a.ID) == f.id.String() }) {
				files = append(files, f)
			} else {
				dropped = append(dropped, f)
			}
		}
	}
	if len(files)+len(in.files) > maxFiles {
		return formError("attachments", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
	}
	content, embeds, components := m.content, m.embeds, m.components
	if in.Content.set {
		content = strings.TrimSpace(in.Content.value)
	}
	if in.Embeds.set {
		embeds = in.Embeds.value
	}
	if in.Components.set {
		components = in.Components.value
	}
	if content == "" && len(embeds) == 0 && len(components) == 0 && len(files)+len(in.files) == 0 {
		return errEmptyMessage
	}
	m.content, m.embeds, m.components = content, embeds, components
	m.files = append(slices.Clone(files), in.files...)
	for _, f := range in.files {
		f.ephemeral = m.ephemeral != nil
	}
	s.store.keep(in.files)
	s.store.discard(dropped)
	in.files = nil
	if in.Flags.set {
		const settable = flagSuppressEmbeds | flagComponentsV2
		m.flags = m.flags&^flagSuppressEmbeds | in.flags()&settable
	}
	if in.Content.set || in.AllowedMentions != nil {
		s.mention(m, in.AllowedMentions, m.channel.permissions(m.author))
	}
	resolveAttachmentURLs(s, m)
	if !keepTime {
		m.edited = s.cfg.Now()
	}
	s.notifyMessage(m, "MESSAGE_UPDATE")
	return nil
}

// deleteMessage removes a message and tells everyone who saw it. Called with mu held.
func (s *Server) deleteMessage(m *message) {
	ch := m.channel
	ch.remove(m)
	s.store.discard(m.files)
	data := ch.about(map[string]any{"id": m.id})
	if m.ephemeral != nil {
		s.notifyAccount(m.ephemeral, ch.guild, "MESSAGE_DELETE", data)
		return
	}
	s.notify(ch, IntentGuildMessages, IntentDirectMessages, "MESSAGE_DELETE", data)
}

// visible tells whether the account may see the message: an ephemeral one is its reader's and its author's only.
func (m *message) visible(a *account) bool {
	return m.ephemeral == nil || m.ephemeral == a || m.author == a
}

// oldMessage is how old a message may be to be deleted in bulk.
const oldMessage = 14 * 24 * time.Hour
