package localdiscord

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

func (s *Server) guildRoutes(add addRoute) {
	add("GET /guilds/{guild}", authToken, (*call).getGuild)
	add("GET /guilds/{guild}/channels", authToken, (*call).guildChannels)
	add("GET /guilds/{guild}/roles", authToken, (*call).guildRoles)
	add("GET /guilds/{guild}/emojis", authToken, (*call).guildNothing)
	add("GET /guilds/{guild}/stickers", authToken, (*call).guildNothing)
	add("GET /guilds/{guild}/members", authToken, (*call).guildMembers)
	add("GET /guilds/{guild}/members/search", authToken, (*call).searchMembers)
	add("GET /guilds/{guild}/members/{user}", authToken, (*call).guildMember)
	add("PATCH /guilds/{guild}/members/{user}", authToken, (*call).editMember)
	add("PUT /guilds/{guild}/members/{user}/roles/{role}", authToken, (*call).grantRole)
	add("DELETE /guilds/{guild}/members/{user}/roles/{role}", authToken, (*call).grantRole)
	add("GET /guilds/{guild}/voice-states/{user}", authToken, (*call).voiceState)
	add("PATCH /guilds/{guild}/voice-states/{user}", authToken, (*call).editVoiceState)
	add("GET /guilds/{guild}/threads/active", authToken, (*call).activeThreads)
}

func (s *Server) channelRoutes(add addRoute) {
	add("GET /channels/{channel}", authToken, (*call).getChannel)
	add("GET /channels/{channel}/pins", authToken, func(c *call) (any, error) {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		_, err := c.channel(0)
		return []any{}, err
	})
}

// guild finds the path's guild, of which the caller must be a member with the permissions. Called with mu held.
func (c *call) guild(want Permissions) (*guild, error) {
	id, err := c.id("guild")
	if err != nil {
		return nil, err
	}
	g := c.s.guilds[id]
	if g == nil {
		return nil, errUnknownGuild
	}
	if g.members[c.account.id] == nil {
		return nil, errMissingAccess
	}
	if !g.permissions(c.account).has(want) {
		return nil, errMissingPermissions
	}
	return g, nil
}

// member finds the path's member. Called with mu held.
func (c *call) member() (*guild, *member, error) {
	g, err := c.guild(0)
	if err != nil {
		return nil, nil, err
	}
	id := c.account.id
	if c.r.PathValue("user") != "@me" {
		if id, err = c.id("user"); err != nil {
			return nil, nil, err
		}
	}
	m := g.members[id]
	if m == nil {
		if c.s.accounts[id] == nil {
			return nil, nil, errUnknownUser
		}
		return nil, nil, errUnknownMember
	}
	return g, m, nil
}

func (c *call) getGuild() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	g, err := c.guild(0)
	if err != nil {
		return nil, err
	}
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

func (c *call) guildChannels() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	g, err := c.guild(0)
	if err != nil {
		return nil, err
	}
	list := []wireChannel{}
	for _, ch := range g.channels {
		if c.account.bot || ch.permissions(c.account).has(permViewChannel) {
			list = append(list, ch.wire(c.account))
		}
	}
	return list, nil
}

func (c *call) getChannel() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	ch, err := c.channel(0)
	if err != nil {
		return nil, err
	}
	return ch.wire(c.account), nil
}

func (c *call) guildRoles() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	g, err := c.guild(0)
	if err != nil {
		return nil, err
	}
	return g.wireRoles(), nil
}

func (c *call) guildNothing() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	_, err := c.guild(0)
	return []any{}, err
}

func (c *call) activeThreads() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	_, err := c.guild(0)
	return map[string]any{"threads": []any{}, "members": []any{}, "has_more": false}, err
}

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

func (c *call) guildMembers() (any, error) {
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
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	g, err := c.guild(0)
	if err != nil {
		return nil, err
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

func (c *call) searchMembers() (any, error) {
	limit, err := c.limit(1, 1000)
	if err != nil {
		return nil, err
	}
	query := c.r.URL.Query().Get("query")
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	g, err := c.guild(0)
	if err != nil {
		return nil, err
	}
	list := []*wireMember{}
	for _, m := range g.order {
		if len(list) < limit && (hasPrefixFold(m.account.username, query) || hasPrefixFold(m.account.name, query) || hasPrefixFold(m.nick, query)) {
			list = append(list, m.wire(true))
		}
	}
	return list, nil
}

func (c *call) guildMember() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	_, m, err := c.member()
	if err != nil {
		return nil, err
	}
	return m.wire(true), nil
}

// editMember changes a nickname or moves, mutes or deafens somebody in voice.
func (c *call) editMember() (any, error) {
	var body struct {
		Nick    optional[string] `json:"nick"`
		Mute    *bool            `json:"mute"`
		Deaf    *bool            `json:"deaf"`
		Channel optional[ID]     `json:"channel_id"`
		Roles   *[]ID            `json:"roles"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if utf8.RuneCountInString(body.Nick.value) > 32 {
		return nil, formError("nick", "BASE_TYPE_MAX_LENGTH", "Must be 32 or fewer in length.")
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	g, m, err := c.member()
	if err != nil {
		return nil, err
	}
	p := g.permissions(c.account)
	self := m.account == c.account
	if body.Nick.set && !(self && p.has(1<<26) || p.has(permManageNicknames)) || body.Mute != nil && !p.has(permMuteMembers) ||
		body.Deaf != nil && !p.has(permDeafenMembers) || body.Channel.set && !p.has(permMoveMembers) || body.Roles != nil && !p.has(permManageRoles) {
		return nil, errMissingPermissions
	}
	v := g.voice[m.account.id]
	if v == nil && (body.Channel.set || body.Mute != nil || body.Deaf != nil) {
		return nil, &apiError{Status: 400, Message: "Target user is not connected to voice.", Code: 40032}
	}
	var to *channel
	if body.Channel.set && !body.Channel.null {
		if to = s.channels[body.Channel.value]; to == nil || to.guild != g || !to.hasVoice() {
			return nil, errUnknownChannel
		}
	}
	if body.Roles != nil {
		for _, id := range *body.Roles {
			if g.role(id) == nil {
				return nil, errUnknownRole
			}
		}
		m.roles = slices.Clone(*body.Roles)
	}
	if body.Nick.set {
		m.nick = body.Nick.value
	}
	if body.Nick.set || body.Roles != nil {
		s.notifyMember(g, m)
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

func (s *Server) notifyMember(g *guild, m *member) {
	type update struct {
		GuildID ID `json:"guild_id"`
		*wireMember
	}
	s.notifyGuild(g, IntentGuildMembers, "GUILD_MEMBER_UPDATE", update{g.id, m.wire(true)})
	if v := g.voice[m.account.id]; v != nil {
		s.tellVoice(v) // a role may give or take the right to speak
	}
}

func (c *call) grantRole() (any, error) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	g, m, err := c.member()
	if err != nil {
		return nil, err
	}
	if !g.permissions(c.account).has(permManageRoles) {
		return nil, errMissingPermissions
	}
	id, err := c.id("role")
	if err != nil {
		return nil, err
	}
	if g.role(id) == nil || id == g.id {
		return nil, errUnknownRole
	}
	m.roles = slices.DeleteFunc(slices.Clone(m.roles), func(r ID) bool { return r == id })
	if c.r.Method == "PUT" {
		m.roles = append(m.roles, id)
	}
	s.notifyMember(g, m)
	return nil, nil
}

func (c *call) voiceState() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	g, m, err := c.member()
	if err != nil {
		return nil, err
	}
	v := g.voice[m.account.id]
	if v == nil {
		return nil, errUnknownVoiceState
	}
	return v.wire(true), nil
}

// editVoiceState lets somebody on a stage speak or listen, and has the caller ask to speak.
func (c *call) editVoiceState() (any, error) {
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
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	g, m, err := c.member()
	if err != nil {
		return nil, err
	}
	v, self := g.voice[m.account.id], m.account == c.account
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
