package localdiscord

func (s *Server) userRoutes(add addRoute) {
	add("GET /gateway", authNone, (*call).gateway)
	add("GET /gateway/bot", authToken, locked((*call).gatewayBot))
	add("GET /users/@me", authToken, (*call).me)
	add("GET /users/{user}", authToken, locked((*call).user))
	add("GET /users/@me/guilds", authToken, locked((*call).myGuilds))
	add("GET /users/@me/guilds/{guild}/member", authToken, onMember(0, (*call).guildMember))
	add("GET /users/@me/channels", authToken, locked((*call).myChannels))
	add("POST /users/@me/channels", authToken, locked((*call).openDM))
	add("GET /oauth2/applications/@me", authToken, locked((*call).application))
	add("GET /applications/@me", authToken, locked((*call).application))
	add("GET /voice/regions", authNone, (*call).voiceRegions)
	add("GET /sticker-packs", authNone, func(*call) (any, error) { return map[string]any{"sticker_packs": []any{}}, nil })
}

func (c *call) gateway() (any, error) {
	return map[string]any{"url": c.s.gatewayURL()}, nil
}

func (c *call) me() (any, error) { return c.account.wireSelf(), nil }

func (c *call) user() (any, error) {
	id, err := c.id("user")
	if err != nil {
		return nil, err
	}
	a := c.s.accounts[id]
	if a == nil {
		return nil, errUnknownUser
	}
	return a.wire(), nil
}

func (c *call) myGuilds() (any, error) {
	list := []map[string]any{}
	for _, g := range c.s.guildOrder {
		if g.members[c.account.id] != nil {
			list = append(list, map[string]any{"id": g.id, "name": g.name, "icon": nil, "banner": nil, "owner": g.owner == c.account.id,
				"permissions": g.permissions(c.account), "features": []string{}})
		}
	}
	return list, nil
}

// myChannels lists a person's direct messages; Discord gives bots none.
func (c *call) myChannels() (any, error) {
	list := []wireChannel{}
	if !c.account.bot {
		for _, ch := range c.account.dms {
			list = append(list, ch.wire(c.account))
		}
	}
	return list, nil
}

func (c *call) openDM() (any, error) {
	var body struct {
		RecipientID ID   `json:"recipient_id"`
		Recipients  []ID `json:"recipients"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if body.RecipientID == 0 && len(body.Recipients) == 1 {
		body.RecipientID = body.Recipients[0]
	}
	s := c.s
	other := s.accounts[body.RecipientID]
	if other == nil {
		return nil, formError("recipient_id", "INVALID_RECIPIENT", "Invalid recipient(s)")
	}
	if other == c.account || other.bot && c.account.bot {
		return nil, errCannotDM
	}
	ch := c.account.dms[other.id]
	if ch == nil {
		ch = &channel{id: s.newID(), kind: channelDM, recipients: []*account{c.account, other}}
		s.channels[ch.id] = ch
		c.account.dms[other.id], other.dms[c.account.id] = ch, ch
		for _, a := range ch.recipients {
			if !a.bot {
				s.notifyAccount(a, nil, "CHANNEL_CREATE", ch.wire(a))
			}
		}
	}
	return ch.wire(c.account), nil
}

func (c *call) application() (any, error) {
	a := c.account
	guilds := 0
	for _, g := range c.s.guildOrder {
		if g.members[a.id] != nil {
			guilds++
		}
	}
	owner := a
	for _, g := range c.s.guildOrder {
		if g.members[a.id] != nil {
			owner = c.s.accounts[g.owner]
			break
		}
	}
	return map[string]any{"id": a.application(), "name": a.name, "icon": nil, "description": "", "type": nil, "summary": "",
		"bot": a.wire(), "bot_public": true, "bot_require_code_grant": false, "verify_key": "", "flags": a.applicationFlags(), "flags_new": "0",
		"redirect_uris": []string{}, "interactions_endpoint_url": nil, "role_connections_verification_url": nil, "owner": owner.wire(),
		"approximate_guild_count": guilds, "approximate_user_install_count": 0, "approximate_user_authorization_count": 0,
		"explicit_content_filter": 0, "team": nil, "eligible_oauth2_scopes": []string{}}, nil
}

func (c *call) voiceRegions() (any, error) {
	return []map[string]any{{"id": "local", "name": "Local", "custom": false, "deprecated": false, "optimal": true}}, nil
}
