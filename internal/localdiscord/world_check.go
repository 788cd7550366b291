package localdiscord

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Validate checks that names are there, unique and known, and that limits are kept. The error begins with the key
// that is wrong, such as servers[0].channels[2].name.
func (w World) Validate() error {
	if len(w.People)+len(w.Bots) == 0 {
		return errors.New("people: at least one person or bot is needed")
	}
	if n := len(w.People) + len(w.Bots); n > MaxWorldAccounts {
		return fmt.Errorf("people: %d accounts, %d at most", n, MaxWorldAccounts)
	}
	if w.UploadLimit < 0 || w.UploadLimit > MaxUploadLimit {
		return fmt.Errorf("upload_limit: must be between 0 and %d bytes", int64(MaxUploadLimit))
	}
	if l := w.RateLimits; l.Requests < 0 || l.Seconds < 0 || l.Global < 0 || l.Seconds > 3600 {
		return errors.New("rate_limits: numbers must not be negative, and seconds at most 3600")
	}
	if g := w.Gateway; g.Shards < 0 || g.MaxConcurrency < 0 || g.Identifies < 0 || g.ServersPerShard < 0 {
		return errors.New("gateway: numbers must not be negative")
	}
	servers := 0
	for _, s := range w.Servers {
		servers += max(1, s.Copies)
	}
	if servers > MaxWorldServers {
		return fmt.Errorf("servers: %d with their copies, %d at most", servers, MaxWorldServers)
	}
	v := worldCheck{accounts: map[string]bool{}, usernames: map[string]string{}, tokens: map[string]string{}, ids: map[ID]string{}}
	for i, p := range w.People {
		if err := v.account(fmt.Sprintf("people[%d]", i), p); err != nil {
			return err
		}
	}
	for i, b := range w.Bots {
		if err := v.bot(fmt.Sprintf("bots[%d]", i), b); err != nil {
			return err
		}
	}
	for i, s := range w.Servers {
		if err := v.server(fmt.Sprintf("servers[%d]", i), s, w); err != nil {
			return err
		}
	}
	return nil
}

// worldCheck remembers what a world has named so far.
type worldCheck struct {
	accounts  map[string]bool
	usernames map[string]string
	tokens    map[string]string
	ids       map[ID]string
}

func (v *worldCheck) id(key string, id ID) error {
	if id == 0 {
		return nil
	}
	if other, taken := v.ids[id]; taken {
		return fmt.Errorf("%s.id: %d is the id of %s too", key, uint64(id), other)
	}
	v.ids[id] = key
	return nil
}

func checkName(key, name string) error {
	switch n := utf8.RuneCountInString(name); {
	case strings.TrimSpace(name) == "":
		return fmt.Errorf("%s: is missing", key)
	case n > maxNameRunes:
		return fmt.Errorf("%s: has %d characters, %d at most", key, n, maxNameRunes)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("%s: holds control characters", key)
	}
	return nil
}

func (v *worldCheck) account(key string, a WorldAccount) error {
	if err := checkName(key+".name", a.Name); err != nil {
		return err
	}
	if v.accounts[a.Name] {
		return fmt.Errorf("%s.name: there is another account named %q", key, a.Name)
	}
	v.accounts[a.Name] = true
	if a.Username != "" {
		if err := checkName(key+".username", a.Username); err != nil {
			return err
		}
	}
	username := a.username()
	if other, taken := v.usernames[username]; taken {
		return fmt.Errorf("%s.username: %q is taken by %s", key, username, other)
	}
	v.usernames[username] = key
	if a.Token != "" {
		if len(a.Token) > maxTokenBytes || strings.ContainsFunc(a.Token, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return fmt.Errorf("%s.token: must be at most %d printable ASCII characters without spaces", key, maxTokenBytes)
		}
		if other, taken := v.tokens[a.Token]; taken {
			return fmt.Errorf("%s.token: is the same as that of %s", key, other)
		}
		v.tokens[a.Token] = key
	}
	if a.Locale != "" && !knownLocale(a.Locale) {
		return fmt.Errorf("%s.locale: %.20q is none of Discord's locales, such as en-US or ru", key, a.Locale)
	}
	return v.id(key, a.ID)
}

func (v *worldCheck) bot(key string, b WorldBot) error {
	if err := v.account(key, b.WorldAccount); err != nil || b.Token == "" {
		return err
	}
	id, err := tokenID(b.Token)
	if err != nil {
		return fmt.Errorf("%s.token: %w", key, err)
	}
	if b.ID != 0 && b.ID != id {
		return fmt.Errorf("%s.token: its first part names application %d, but id says %d", key, uint64(id), uint64(b.ID))
	}
	if b.ID == 0 {
		return v.id(key, id)
	}
	return nil
}

func (v *worldCheck) server(key string, s WorldServer, w World) error {
	if err := errors.Join(checkName(key+".name", s.Name), v.id(key, s.ID)); err != nil {
		return err
	}
	if s.Copies < 0 || s.Copies > 0 && s.ID != 0 {
		return fmt.Errorf("%s.copies: must not be negative, and can't have an id", key)
	}
	if s.Tier < 0 || s.Tier > 3 {
		return fmt.Errorf("%s.tier: from 0 to 3", key)
	}
	if s.AFK != "" && !slices.ContainsFunc(s.Channels, func(c WorldChannel) bool { return c.Name == s.AFK && c.Type == "voice" }) {
		return fmt.Errorf("%s.afk: no channel of type voice is named %.60q", key, s.AFK)
	}
	if s.Owner != "" && !v.accounts[s.Owner] {
		return fmt.Errorf("%s.owner: no account is named %.60q", key, s.Owner)
	}
	if s.Locale != "" && !knownLocale(s.Locale) {
		return fmt.Errorf("%s.locale: %.20q is none of Discord's locales, such as en-US or ru", key, s.Locale)
	}
	if err := s.Everyone.check(key + ".everyone"); err != nil {
		return err
	}
	if len(s.Roles) > MaxWorldRoles {
		return fmt.Errorf("%s.roles: %d, %d at most", key, len(s.Roles), MaxWorldRoles)
	}
	if len(s.Channels) > MaxWorldChannels {
		return fmt.Errorf("%s.channels: %d, %d at most", key, len(s.Channels), MaxWorldChannels)
	}
	roles := map[string]bool{"@everyone": true}
	for i, r := range s.Roles {
		key := fmt.Sprintf("%s.roles[%d]", key, i)
		if err := errors.Join(checkName(key+".name", r.Name), v.id(key, r.ID)); err != nil {
			return err
		}
		if roles[r.Name] {
			return fmt.Errorf("%s.name: there is another role named %q", key, r.Name)
		}
		roles[r.Name] = true
		if _, err := parsePermissions(r.Permissions); err != nil {
			return fmt.Errorf("%s.permissions: %w", key, err)
		}
	}
	categories := map[string]bool{}
	for _, c := range s.Channels {
		if c.Type == "category" {
			categories[c.Name] = true
		}
	}
	for i, c := range s.Channels {
		if err := v.channel(fmt.Sprintf("%s.channels[%d]", key, i), c, roles, categories); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for i, m := range s.Members {
		key := fmt.Sprintf("%s.members[%d]", key, i)
		if !v.accounts[m.Name] {
			return fmt.Errorf("%s.name: no account is named %.60q", key, m.Name)
		}
		if seen[m.Name] {
			return fmt.Errorf("%s.name: %q is a member already", key, m.Name)
		}
		seen[m.Name] = true
		if utf8.RuneCountInString(m.Nick) > 32 {
			return fmt.Errorf("%s.nick: 32 characters at most", key)
		}
		for _, r := range m.Roles {
			if !roles[r] || r == "@everyone" {
				return fmt.Errorf("%s.roles: no role is named %.60q", key, r)
			}
		}
	}
	if owner := w.ownerOf(s); len(s.Members) > 0 && !seen[owner] {
		return fmt.Errorf("%s.members: the owner %q is not among them", key, owner)
	}
	return nil
}

func (v *worldCheck) channel(key string, c WorldChannel, roles, categories map[string]bool) error {
	if err := errors.Join(checkName(key+".name", c.Name), v.id(key, c.ID)); err != nil {
		return err
	}
	if _, err := channelKind(c.Type); err != nil {
		return fmt.Errorf("%s.type: %w", key, err)
	}
	if utf8.RuneCountInString(c.Topic) > 1024 {
		return fmt.Errorf("%s.topic: 1024 characters at most", key)
	}
	if c.SlowMode < 0 || c.SlowMode > 21600 {
		return fmt.Errorf("%s.slow_mode: from 0 to 21600 seconds", key)
	}
	if c.UserLimit < 0 || c.UserLimit > 99 {
		return fmt.Errorf("%s.user_limit: from 0 to 99", key)
	}
	if c.Category != "" && (!categories[c.Category] || c.Type == "category") {
		return fmt.Errorf("%s.category: no channel of type category is named %.60q", key, c.Category)
	}
	for i, o := range c.Overwrites {
		key := fmt.Sprintf("%s.overwrites[%d]", key, i)
		switch {
		case (o.Role == "") == (o.Member == ""):
			return fmt.Errorf("%s: needs either role or member", key)
		case o.Role != "" && !roles[o.Role]:
			return fmt.Errorf("%s.role: no role is named %.60q", key, o.Role)
		case o.Member != "" && !v.accounts[o.Member]:
			return fmt.Errorf("%s.member: no account is named %.60q", key, o.Member)
		}
		if err := o.check(key); err != nil {
			return err
		}
	}
	return nil
}

func (g WorldGrant) check(key string) error {
	if _, err := parsePermissions(g.Allow); err != nil {
		return fmt.Errorf("%s.allow: %w", key, err)
	}
	if _, err := parsePermissions(g.Deny); err != nil {
		return fmt.Errorf("%s.deny: %w", key, err)
	}
	return nil
}
