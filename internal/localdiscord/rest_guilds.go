package localdiscord

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

func (s *Server) guildRoutes(add addRoute) {
	add("GET /guilds/{guild}", authToken, inGuild(0, (*call).getGuild))
	add("GET /guilds/{guild}/channels", authToken, inGuild(0, (*call).guildChannels))
	add("GET /guilds/{guild}/roles", authToken, inGuild(0, (*call).guildRoles))
	add("GET /guilds/{guild}/emojis", authToken, inGuild(0, nothing))
	add("GET /guilds/{guild}/stickers", authToken, inGuild(0, nothing))
	add("GET /guilds/{guild}/members", authToken, inGuild(0, (*call).guildMembers))
	add("GET /guilds/{guild}/members/search", authToken, inGuild(0, (*call).searchMembers))
	add("GET /guilds/{guild}/members/{user}", authToken, onMember(0, (*call).guildMember))
	add("PATCH /guilds/{guild}/members/{user}", authToken, onMember(0, (*call).editMember))
	add("PUT /guilds/{guild}/members/{user}/roles/{role}", authToken, onMember(permManageRoles, (*call).grantRole))
	add("DELETE /guilds/{guild}/members/{user}/roles/{role}", authToken, onMember(permManageRoles, (*call).grantRole))
	add("GET /guilds/{guild}/voice-states/{user}", authToken, onMember(0, (*call).voiceState))
	add("PATCH /guilds/{guild}/voice-states/{user}", authToken, onMember(0, (*call).editVoiceState))
	add("GET /guilds/{guild}/threads/active", authToken, inGuild(0, (*call).activeThreads))
}

func (s *Server) channelRoutes(add addRoute) {
	add("GET /channels/{channel}", authToken, inChannel(0, (*call).getChannel))
	add("GET /channels/{channel}/pins", authToken, inChannel(0, func(*call, *channel) (any, error) { return []any{}, nil }))
}

func (c *call) getGuild(g *guild) (any, error) {
	w := g.wire()
	if c.queryBool("with_counts") {
		members, online := len(g.order), 0
		for _, m := range g.order {
			if len(m.account.sessions) > 0 {
				online++
			}
		}
		w.MemberCount, w.PresenceCount = &members, &online
	}
	return w, nil
}

func (c *call) guildChannels(g *guild) (any, error) {
	list := []wireChannel{}
	for _, ch := range g.channels {
		if c.account.bot || ch.permissions(c.account).has(permViewChannel) {
			list = append(list, ch.wire(c.account))
		}
	}
	return list, nil
}

func (c *call) getChannel(ch *channel) (any, error) {
	return ch.wire(c.account), nil
}

func (c *call) guildRoles(g *guild) (any, error) {
	return g.wireRoles(), nil
}

// nothing is what a guild has none of here.
func nothing(*call, *guild) (any, error) { return []any{}, nil }

func (c *call) limit(def, largest int) (int, error) {
	v := c.r.URL.Query().Get("limit")
	if v == "" {
		return def, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > largest {
		return 0, formError("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and "+strconv.Itoa(largest)+".")
	}
	return n, nil
}

func (c *call) guildMembers(g *guild) (any, error) {
	limit, err := c.limit(1, 1000)
	if err != nil {
		return nil, err
	}
	var after ID
	if v := c.r.URL.Query().Get("after"); v != "" && v != "0" {
		if after, err = ParseID(v); err != nil {
			return nil, formError("after", "NUMBER_TYPE_COERCE", "Not a snowflake.")
		}
	}
	if !c.account.toggles.has(IntentGuildMembers) {
		return nil, errMissingAccess
	}
	byID := slices.SortedFunc(slices.Values(g.order), func(a, b *member) int {
		if a.account.id < b.account.id {
			return -1
		}
		return 1
	})
	list := []*wireMember{}
	for _, m := range byID {
		if m.account.id > after && len(list) < limit {
			list = append(list, m.wire(true))
		}
	}
	return list, nil
}

func (c *call) searchMembers(g *guild) (any, error) {
	limit, err := c.limit(1, 1000)
	if err != nil {
		return nil, err
	}
	query := c.r.URL.Query().Get("query")
	list := []*wireMember{}
	for _, m := range g.order {
		if len(list) < limit && (hasPrefixFold(m.account.username, query) || hasPrefixFold(m.account.name, query) || hasPrefixFold(m.nick, query)) {
			list = append(list, m.wire(true))
		}
	}
	return list, nil
}

func (c *call) guildMember(m *member) (any, error) {
	return m.wire(true), nil
}

// editMember changes a nickname or moves, mutes or deafens somebody in voice.
func (c *call) editMember(m *member) (any, error) {
	s := c.s
	var body struct {
		Nick    optional[string] `json:"nick"`
		Mute    *bool            `json:"mute"`
		Deaf    *bool            `json:"deaf"`
		Channel optional[ID]     `json:"channel_id"`
		Roles   *[]ID            `json:"roles"`
		Timeout optional[string] `json:"communication_disabled_until"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(body.Nick.value) > 32 {
		return nil, formError("nick", "BASE_TYPE_MAX_LENGTH", "Must be 32 or fewer in length.")
	}
	p := m.guild.permissions(c.account)
	self := m.account == c.account
	if body.Nick.set && !(self && p.has(1<<26) || p.has(permManageNicknames)) || body.Mute != nil && !p.has(permMuteMembers) ||
		body.Deaf != nil && !p.has(permDeafenMembers) || body.Channel.set && !p.has(permMoveMembers) || body.Roles != nil && !p.has(permManageRoles) ||
		body.Timeout.set && (!p.has(permModerate) || self) {
		return nil, errMissingPermissions
	}
	v := m.guild.voice[m.account.id]
	if v == nil && (body.Channel.set || body.Mute != nil || body.Deaf != nil) {
		return nil, &apiError{Status: 400, Message: "Target user is not connected to voice.", Code: 40032}
	}
	var to *channel
	if body.Channel.set && !body.Channel.null {
		if to = s.channels[body.Channel.value]; to == nil || to.guild != m.guild || !to.hasVoice() {
			return nil, errUnknownChannel
		}
	}
	if body.Roles != nil {
		for _, id := range *body.Roles {
			if m.guild.role(id) == nil {
				return nil, errUnknownRole
			}
		}
		m.roles = slices.Clone(*body.Roles)
	}
	if body.Timeout.set {
		until, err := time.Parse(time.RFC3339, body.Timeout.value)
		if err != nil && !body.Timeout.null {
			return nil, formError("communication_disabled_until", "DATE_TIME_TYPE_PARSE", "Could not parse. Should be ISO8601.")
		}
		m.timeout = until
	}
	if body.Nick.set {
		m.nick = body.Nick.value
	}
	if body.Nick.set || body.Roles != nil || body.Timeout.set {
		s.notifyMember(m)
	}
	if body.Mute != nil {
		m.mute = *body.Mute
	}
	if body.Deaf != nil {
		m.deaf = *body.Deaf
	}
	switch {
	case body.Channel.set:
		s.setVoice(v, to)
	case body.Mute != nil || body.Deaf != nil:
		s.setVoice(v, v.channel)
	}
	return m.wire(true), nil
}

func (s *Server) notifyMember(m *member) {
	g := m.guild
	type update struct {
		GuildID ID `json:"guild_id"`
		*wireMember
	}
	for _, other := range g.order {
		for _, sess := range other.account.sessions {
			// A bot learns of its own member without the intent.
			if sess.sees(g) && (sess.intents.has(IntentGuildMembers) || other == m) {
				sess.push("GUILD_MEMBER_UPDATE", mustJSON(update{g.id, m.wire(true)}))
			}
		}
	}
	if v := g.voice[m.account.id]; v != nil {
		s.tellVoice(v) // a role may give or take the right to speak
	}
}

func (c *call) grantRole(m *member) (any, error) {
	s := c.s
	id, err := c.id("role")
	if err != nil {
		return nil, err
	}
	if m.guild.role(id) == nil || id == m.guild.id {
		return nil, errUnknownRole
	}
	m.roles = slices.DeleteFunc(slices.Clone(m.roles), func(r ID) bool { return r == id })
	if c.r.Method == "PUT" {
		m.roles = append(m.roles, id)
	}
	s.notifyMember(m)
	return nil, nil
}

func (c *call) voiceState(m *member) (any, error) {
	v := m.guild.voice[m.account.id]
	if v == nil {
		return nil, errUnknownVoiceState
	}
	return v.wire(true), nil
}

// editVoiceState lets somebody on a stage speak or listen, and has the caller ask to speak.
func (c *call) editVoiceState(m *member) (any, error) {
	s := c.s
	var body struct {
		Channel   ID               `json:"channel_id"`
		Suppress  *bool            `json:"suppress"`
		Requested optional[string] `json:"request_to_speak_timestamp"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if _, err := time.Parse(time.RFC3339, body.Requested.value); body.Requested.set && !body.Requested.null && err != nil {
		return nil, formError("request_to_speak_timestamp", "DATE_TIME_TYPE_PARSE", "Could not parse. Should be ISO8601.")
	}
	v, self := m.guild.voice[m.account.id], m.account == c.account
	switch {
	case v == nil:
		return nil, errUnknownVoiceState
	case v.channel.kind != channelStage || body.Channel != 0 && body.Channel != v.channel.id:
		return nil, errUnknownChannel
	}
	may := v.channel.permissions(c.account)
	moderates := may.has(permMuteMembers)
	if body.Suppress != nil && !moderates && !(self && *body.Suppress) || body.Requested.set && (!self || !body.Requested.null && !may.has(permRequestToSpeak)) {
		return nil, errMissingPermissions
	}
	if body.Suppress != nil {
		v.suppressed = *body.Suppress
		v.requested = nil
	}
	if body.Requested.set {
		v.requested = nil
		if !body.Requested.null {
			v.requested = &body.Requested.value
		}
	}
	s.setVoice(v, v.channel)
	return nil, nil
}
