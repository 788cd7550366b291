package localdiscord

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// What this file holds is how a test changes the world: outages, who belongs to a server, events and messages of any form.

// localServer begins or ends a server's outage.
func (s *Server) localServer(body []byte) (any, error) {
	var q struct {
		Server string `json:"server"`
		Away   bool   `json:"away"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.findGuild(q.Server)
	if err != nil || g.away == q.Away {
		return nil, err
	}
	g.away = q.Away
	for _, m := range g.order {
		for _, sess := range m.account.sessions {
			if !sess.intents.has(IntentGuilds) || !sess.sees(g) {
				continue
			}
			if g.away {
				sess.push("GUILD_DELETE", mustJSON(map[string]any{"id": g.id, "unavailable": true}))
			} else {
				sess.push("GUILD_CREATE", mustJSON(g.wireCreate(sess)))
			}
		}
	}
	return nil, nil
}

// localMember takes somebody out of a server, or in.
func (s *Server) localMember(body []byte) (any, error) {
	var q struct {
		Server  string `json:"server"`
		Account string `json:"account"`
		Present bool   `json:"present"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g, err := s.findGuild(q.Server)
	if err != nil {
		return nil, err
	}
	a, err := s.findAccount(q.Account)
	if err != nil {
		return nil, err
	}
	switch m := g.members[a.id]; {
	case m != nil && !q.Present:
		s.expel(m)
	case m == nil && q.Present:
		s.admit(g, a)
	}
	return nil, nil
}

// expel takes a member out of its server. Called with mu held.
func (s *Server) expel(m *member) {
	g, a := m.guild, m.account
	if v := g.voice[a.id]; v != nil {
		s.setVoice(v, nil)
	}
	for _, sess := range a.sessions {
		if sess.intents.has(IntentGuilds) && sess.sees(g) {
			sess.push("GUILD_DELETE", mustJSON(map[string]any{"id": g.id}))
		}
	}
	delete(g.members, a.id)
	g.order = slices.DeleteFunc(slices.Clone(g.order), func(o *member) bool { return o == m })
	s.notifyGuild(g, IntentGuildMembers, "GUILD_MEMBER_REMOVE", map[string]any{"guild_id": g.id, "user": a.wire()})
}

// admit makes an account a member, a bot with its managed role. Called with mu held.
func (s *Server) admit(g *guild, a *account) {
	m := &member{guild: g, account: a, joined: s.cfg.Now()}
	if a.bot {
		i := slices.IndexFunc(g.roles, func(r *role) bool { return r.bot == a.id })
		if i < 0 {
			g.roles = append(g.roles, &role{id: s.newID(), name: a.name, bot: a.id})
			i = len(g.roles) - 1
		}
		m.roles = []ID{g.roles[i].id}
	}
	g.members[a.id] = m
	g.order = append(g.order, m)
	for _, sess := range a.sessions {
		if sess.intents.has(IntentGuilds) && sess.sees(g) {
			sess.push("GUILD_CREATE", mustJSON(g.wireCreate(sess)))
		}
	}
	s.notifyGuild(g, IntentGuildMembers, "GUILD_MEMBER_ADD", mergeJSON(m.wire(true), map[string]any{"guild_id": g.id}))
}

// localEvent sends an account's sessions an event as it is given, of whatever form.
func (s *Server) localEvent(body []byte) (any, error) {
	var q struct {
		Account string          `json:"account"`
		Name    string          `json:"name"`
		Data    json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	if len(q.Data) == 0 || q.Name == "" || slices.ContainsFunc([]rune(q.Name), func(r rune) bool { return r != '_' && (r < 'A' || r > 'Z') }) {
		return nil, errors.New("name: capital letters, such as MESSAGE_CREATE; and data is needed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.findAccount(q.Account)
	if err != nil {
		return nil, err
	}
	for _, sess := range a.sessions {
		sess.push(q.Name, q.Data)
	}
	return map[string]int{"sessions": len(a.sessions)}, nil
}

// localMessage posts a message as an account, with fields of the wire laid over it that nobody could send: other types, unknown
// components, stickers.
func (s *Server) localMessage(body []byte) (any, error) {
	var q struct {
		Account string                     `json:"account"`
		Channel string                     `json:"channel"`
		Content string                     `json:"content"`
		Over    map[string]json.RawMessage `json:"over"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.findAccount(q.Account)
	if err != nil {
		return nil, err
	}
	ch, err := s.findChannel(q.Channel)
	if err != nil {
		return nil, err
	}
	in := &messageInput{}
	in.Content.value = q.Content
	m := s.post(ch, a, in, func(m *message) { m.over = q.Over })
	return map[string]ID{"id": m.id}, nil
}

// findGuild finds a server by its ID or name. Called with mu held.
func (s *Server) findGuild(ref string) (*guild, error) {
	for _, g := range s.guildOrder {
		if g.name == ref || g.id.String() == ref {
			return g, nil
		}
	}
	return nil, fmt.Errorf("server: none has the id or name %.60q", ref)
}
