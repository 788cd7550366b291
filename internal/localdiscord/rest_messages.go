package localdiscord

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

func (s *Server) messageRoutes(add addRoute) {
	add("GET /channels/{channel}/messages", authToken, inChannel(0, (*call).listMessages))
	add("POST /channels/{channel}/messages", authToken, sending(false, toChannel, (*call).createMessage))
	add("POST /channels/{channel}/messages/bulk-delete", authToken, inChannel(permManageMessages, (*call).bulkDelete))
	add("GET /channels/{channel}/messages/{message}", authToken, onMessage(0, (*call).getMessage))
	add("PATCH /channels/{channel}/messages/{message}", authToken, sending(true, toChannel, (*call).editMessage))
	add("DELETE /channels/{channel}/messages/{message}", authToken, onMessage(0, (*call).deleteMessage))
	add("POST /channels/{channel}/typing", authToken, inChannel(permSendMessages, (*call).typing))
	add("PUT /channels/{channel}/messages/{message}/reactions/{emoji}/@me", authToken, onEmoji(permReadMessageHistory, (*call).addReaction))
	add("DELETE /channels/{channel}/messages/{message}/reactions/{emoji}/{user}", authToken, onEmoji(permReadMessageHistory, (*call).removeReaction))
	add("GET /channels/{channel}/messages/{message}/reactions/{emoji}", authToken, onEmoji(permReadMessageHistory, (*call).listReactions))
	add("DELETE /channels/{channel}/messages/{message}/reactions/{emoji}", authToken, onEmoji(permReadMessageHistory|permManageMessages, (*call).clearReaction))
	add("DELETE /channels/{channel}/messages/{message}/reactions", authToken, onMessage(permReadMessageHistory|permManageMessages, (*call).clearReactions))
}

func (c *call) createMessage(in *messageInput) (any, error) {
	s := c.s
	ch, err := c.channel(permSendMessages)
	if err != nil {
		return nil, err
	}
	switch {
	case ch.kind == channelCategory:
		return nil, errNonText
	case ch.kind == channelForum:
		return nil, errForumMessage
	case ch.thread != nil && ch.thread.locked && !ch.permissions(c.account).has(permManageThreads):
		return nil, errThreadLocked
	}
	p := ch.permissions(c.account)
	if len(in.files) > 0 && !p.has(permAttachFiles) {
		return nil, errMissingPermissions
	}
	if in.flags()&flagVoiceMessage != 0 && !p.has(permSendVoiceMessages) {
		return nil, errMissingPermissions
	}
	in.Flags.value &^= flagEphemeral
	if err := s.checkReference(ch, in, c.account); err != nil {
		return nil, err
	}
	if in.EnforceNonce && in.Nonce != nil {
		// The same nonce within a few minutes is the same message sent again.
		for i := len(ch.messages) - 1; i >= 0 && i >= len(ch.messages)-100; i-- {
			if m := ch.messages[i]; m.author == c.account && string(m.nonce) == string(in.Nonce) {
				return s.wireMessage(m, c.account), nil
			}
		}
	}
	if err := ch.slow(c.account, s.cfg.Now()); err != nil {
		return nil, err
	}
	m := s.post(ch, c.account, in, nil)
	return s.wireMessage(m, c.account), nil
}

// slow lets somebody write at the pace of the channel's slow mode, which bots and moderators needn't keep. Called with mu held.
func (ch *channel) slow(a *account, now time.Time) error {
	p := ch.permissions(a)
	if ch.slowMode == 0 || a.bot || p.has(permManageMessages) || p.has(permManageChannels) {
		return nil
	}
	if left := ch.wrote[a.id].Add(time.Duration(ch.slowMode) * time.Second).Sub(now); left > 0 {
		no := false
		return &apiError{Status: 429, Message: "This action cannot be performed due to slowmode rate limit", Code: 20016, RetryAfter: left.Seconds(), Global: &no}
	}
	if ch.wrote == nil {
		ch.wrote = map[ID]time.Time{}
	}
	ch.wrote[a.id] = now
	return nil
}

// checkReference checks that the message that is answered or forwarded is there; with fail_if_not_exists false a missing one makes
// an ordinary message. Called with mu held.
func (s *Server) checkReference(ch *channel, in *messageInput, a *account) error {
	ref := in.Reference
	if ref == nil {
		return nil
	}
	switch ref.Type {
	case 0:
	case 1:
		return s.forward(in, a)
	default:
		return formError("message_reference.type", "BASE_TYPE_CHOICES", "Value must be one of (0, 1).")
	}
	m := ch.find(ref.MessageID)
	if m != nil && m.visible(a) && (ref.ChannelID == 0 || ref.ChannelID == ch.id) {
		if !ch.permissions(a).has(permReadMessageHistory) {
			return errReplyHistory
		}
		return nil
	}
	if ref.FailIfNotExists != nil && !*ref.FailIfNotExists {
		in.Reference = nil
		return nil
	}
	return formError("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
}

// forward takes a picture of the message that is forwarded. Called with mu held.
func (s *Server) forward(in *messageInput, a *account) error {
	from := s.channels[in.Reference.ChannelID]
	if from == nil || !from.permissions(a).has(permViewChannel|permReadMessageHistory) {
		return errMissingAccess
	}
	m := from.find(in.Reference.MessageID)
	switch {
	case m == nil || !m.visible(a):
		return errUnknownMessage
	case in.Content.value != "" || len(in.files) > 0 || len(in.Embeds.value) > 0 || len(in.Components.value) > 0:
		return formError("message_reference", "MESSAGE_REFERENCE_FORWARD_CONTENT", "A forward has no content of its own")
	}
	in.forwarded = s.snapshot(m)
	return nil
}

func (c *call) listMessages(ch *channel) (any, error) {
	s := c.s
	q := c.r.URL.Query()
	limit := 50
	if v := q.Get("limit"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 || n > 100 {
			return nil, formError("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
		}
		limit = n
	}
	bounds := map[string]ID{}
	for _, name := range []string{"before", "after", "around"} {
		if v := q.Get(name); v != "" {
			id, err := ParseID(v)
			if err != nil && v != "0" {
				return nil, formError(name, "NUMBER_TYPE_COERCE", fmt.Sprintf("Value %.40q is not snowflake.", v))
			}
			bounds[name] = id
		}
	}
	list := []wireMessage{}
	if !ch.permissions(c.account).has(permReadMessageHistory) {
		return list, nil
	}
	var seen []*message
	for _, m := range ch.messages {
		if m.visible(c.account) {
			seen = append(seen, m)
		}
	}
	index := func(id ID) int { // of the first message with an ID of at least id
		i, _ := slices.BinarySearchFunc(seen, id, func(m *message, id ID) int {
			switch {
			case m.id < id:
				return -1
			case m.id > id:
				return 1
			}
			return 0
		})
		return i
	}
	from, to := max(0, len(seen)-limit), len(seen)
	if id, ok := bounds["around"]; ok {
		from = max(0, index(id)-limit/2)
		to = min(len(seen), from+limit)
	} else if id, ok := bounds["before"]; ok {
		to = index(id)
		from = max(0, to-limit)
	} else if id, ok := bounds["after"]; ok {
		from = index(id + 1)
		to = min(len(seen), from+limit)
	}
	for i := to - 1; i >= from; i-- {
		list = append(list, s.wireMessage(seen[i], c.account))
	}
	return list, nil
}

func (c *call) getMessage(m *message) (any, error) {
	if !m.channel.permissions(c.account).has(permReadMessageHistory) {
		return nil, errMissingPermissions
	}
	return c.s.wireMessage(m, c.account), nil
}

func (c *call) editMessage(in *messageInput) (any, error) {
	s := c.s
	m, err := c.message(0)
	if err != nil {
		return nil, err
	}
	if m.author != c.account {
		return nil, errEditOther
	}
	if err := s.edit(m, in, false); err != nil {
		return nil, err
	}
	return s.wireMessage(m, c.account), nil
}

func (c *call) deleteMessage(m *message) (any, error) {
	if m.author != c.account && (m.channel.guild == nil || !m.channel.permissions(c.account).has(permManageMessages)) {
		return nil, errMissingPermissions
	}
	c.s.deleteMessage(m)
	return nil, nil
}

func (c *call) bulkDelete(ch *channel) (any, error) {
	s := c.s
	var body struct {
		Messages []ID `json:"messages"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if n := len(body.Messages); n < 2 || n > 100 {
		return nil, formError("messages", "BASE_TYPE_BAD_LENGTH", "Must be between 2 and 100 in length.")
	}
	now := s.cfg.Now()
	ids := []ID{}
	for _, id := range body.Messages {
		if now.Sub(id.Time()) > oldMessage {
			return nil, &apiError{Status: 400, Message: "A message provided was too old to bulk delete", Code: 50034}
		}
		if m := ch.find(id); m != nil {
			ch.remove(m)
			s.store.discard(m.files)
			ids = append(ids, id)
		}
	}
	data := ch.about(map[string]any{"ids": ids})
	s.notify(ch, IntentGuildMessages, IntentDirectMessages, "MESSAGE_DELETE_BULK", data)
	return nil, nil
}

func (c *call) typing(ch *channel) (any, error) {
	s := c.s
	data := ch.about(map[string]any{"user_id": c.account.id, "timestamp": s.cfg.Now().Unix()})
	if ch.guild != nil {
		data["member"] = ch.guild.members[c.account.id].wire(true)
	}
	s.notify(ch, IntentGuildMessageTyping, IntentDirectMessageTyping, "TYPING_START", data)
	return nil, nil
}

// emoji reads the path's emoji: a Unicode one, or name:id.
func (c *call) emoji() (name string, id ID, err error) {
	text := c.r.PathValue("emoji")
	if unescaped, err := url.PathUnescape(text); err == nil {
		text = unescaped // some clients escape twice
	}
	name, number, custom := strings.Cut(text, ":")
	if custom {
		if id, err = ParseID(number); err != nil {
			return "", 0, errUnknownEmoji
		}
		return name, id, nil
	}
	if n := utf8.RuneCountInString(name); n == 0 || n > 16 || !strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f }) {
		return "", 0, errUnknownEmoji
	}
	return name, 0, nil
}

func (m *message) reaction(name string, id ID) int {
	return slices.IndexFunc(m.reactions, func(r *reaction) bool { return r.id == id && (id != 0 || r.name == name) })
}

// maxReactions is how many different emojis a message may have.
const maxReactions = 20

func (c *call) addReaction(m *message, name string, id ID) (any, error) {
	s := c.s
	i := m.reaction(name, id)
	if i < 0 {
		if !m.channel.permissions(c.account).has(permAddReactions) {
			return nil, errMissingPermissions
		}
		if len(m.reactions) >= maxReactions {
			return nil, &apiError{Status: 400, Message: "Maximum number of reactions reached (20)", Code: 30010}
		}
		m.reactions = append(m.reactions, &reaction{id: id, name: name})
		i = len(m.reactions) - 1
	}
	r := m.reactions[i]
	if slices.Contains(r.by, c.account.id) {
		return nil, nil
	}
	r.by = append(r.by, c.account.id)
	data := s.reactionEvent(m, r, c.account)
	data["message_author_id"] = m.author.id
	if g := m.channel.guild; g != nil {
		data["member"] = g.members[c.account.id].wire(true)
	}
	s.notify(m.channel, IntentGuildMessageReactions, IntentDirectMessageReactions, "MESSAGE_REACTION_ADD", data)
	return nil, nil
}

func (s *Server) reactionEvent(m *message, r *reaction, by *account) map[string]any {
	return m.channel.about(map[string]any{"message_id": m.id, "emoji": r.wire(), "burst": false, "type": 0, "user_id": by.id})
}

func (c *call) removeReaction(m *message, name string, id ID) (any, error) {
	s := c.s
	whose := c.account
	if c.r.PathValue("user") != "@me" {
		uid, err := c.id("user")
		if err != nil {
			return nil, err
		}
		if whose = s.accounts[uid]; whose == nil {
			return nil, errUnknownUser
		}
		if whose != c.account && !m.channel.permissions(c.account).has(permManageMessages) {
			return nil, errMissingPermissions
		}
	}
	i := m.reaction(name, id)
	if i < 0 {
		return nil, errUnknownEmoji
	}
	r := m.reactions[i]
	k := slices.Index(r.by, whose.id)
	if k < 0 {
		return nil, nil
	}
	r.by = slices.Delete(r.by, k, k+1)
	if len(r.by) == 0 {
		m.reactions = slices.Delete(m.reactions, i, i+1)
	}
	s.notify(m.channel, IntentGuildMessageReactions, IntentDirectMessageReactions, "MESSAGE_REACTION_REMOVE", s.reactionEvent(m, r, whose))
	return nil, nil
}

func (c *call) listReactions(m *message, name string, id ID) (any, error) {
	users := []wireUser{}
	if i := m.reaction(name, id); i >= 0 {
		for _, id := range m.reactions[i].by[:min(100, len(m.reactions[i].by))] {
			users = append(users, c.s.accounts[id].wire())
		}
	}
	return users, nil
}

// clearReaction removes one emoji.
func (c *call) clearReaction(m *message, name string, id ID) (any, error) {
	i := m.reaction(name, id)
	if i < 0 {
		return nil, errUnknownEmoji
	}
	data := m.channel.about(map[string]any{"message_id": m.id, "emoji": m.reactions[i].wire()})
	m.reactions = slices.Delete(m.reactions, i, i+1)
	c.s.notify(m.channel, IntentGuildMessageReactions, IntentDirectMessageReactions, "MESSAGE_REACTION_REMOVE_EMOJI", data)
	return nil, nil
}

func (c *call) clearReactions(m *message) (any, error) {
	m.reactions = nil
	c.s.notify(m.channel, IntentGuildMessageReactions, IntentDirectMessageReactions, "MESSAGE_REACTION_REMOVE_ALL",
		m.channel.about(map[string]any{"message_id": m.id}))
	return nil, nil
}
