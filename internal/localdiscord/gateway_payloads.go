package localdiscord

import (
	"encoding/json"
	"time"
)

// handlePayload takes what a client may say: to live, to identify, to resume, to move in voice, to ask for members.
// Called with mu held.
func (s *Server) handlePayload(c *conn, op int, d json.RawMessage, now time.Time) {
	if c.session == nil && op != opHeartbeat && op != opIdentify && op != opResume {
		c.close(closeNotAuthenticated, "Not authenticated.")
		return
	}
	switch op {
	case opHeartbeat:
		c.lastBeat = now
		c.queue(opHeartbeatACK, nil)
	case opIdentify:
		s.identify(c, d, now)
	case opResume:
		s.resume(c, d, now)
	case opVoiceStateUpdate:
		s.handleVoiceStateUpdate(c, d)
	case opRequestGuildMembers:
		s.requestGuildMembers(c, d)
	case opPresenceUpdate:
		if !json.Valid(d) {
			c.close(closeDecodeError, "Error while decoding payload.")
		}
	default:
		c.close(closeUnknownOpcode, "Unknown opcode.")
	}
}

func (s *Server) identify(c *conn, d json.RawMessage, now time.Time) {
	if c.session != nil {
		c.close(closeAlreadyAuthenticated, "Already authenticated.")
		return
	}
	var id struct {
		Token   string   `json:"token"`
		Intents *Intents `json:"intents"`
		Shard   *[2]int  `json:"shard"`
		About   struct {
			Browser string `json:"browser"`
		} `json:"properties"`
	}
	if err := json.Unmarshal(d, &id); err != nil {
		c.close(closeDecodeError, "Error while decoding payload.")
		return
	}
	a := s.byToken[bareToken(id.Token)]
	if a == nil {
		c.close(closeAuthenticationFailed, "Authentication failed.")
		return
	}
	shard := [2]int{0, 1}
	if id.Shard != nil {
		shard = *id.Shard
	}
	if shard[1] < 1 || shard[1] > 1000 || shard[0] < 0 || shard[0] >= shard[1] {
		c.close(closeInvalidShard, "Invalid shard.")
		return
	}
	if s.struck(c, "identify", a) {
		return
	}
	if a.bot && s.serversOf(a, shard) > s.cfg.World.Gateway.withDefaults().ServersPerShard {
		c.close(closeShardingRequired, "Sharding required.")
		return
	}
	intents := IntentsAll // a person's own client names none
	switch {
	case id.Intents != nil:
		intents = *id.Intents
	case a.bot:
		c.close(closeInvalidIntents, "Invalid intent(s).")
		return
	}
	if intents&^intentsKnown != 0 {
		c.close(closeInvalidIntents, "Invalid intent(s).")
		return
	}
	if intents&intentsPrivileged&^a.toggles != 0 {
		c.close(closeDisallowedIntents, "Disallowed intent(s).")
		return
	}
	if !s.mayStart(c, a, shard[0], now) {
		return
	}
	if len(a.sessions) >= maxSessions {
		old := a.sessions[0]
		if old.conn != nil {
			old.conn.close(closeSessionTimedOut, "Session timed out.")
		}
		s.dropSession(old)
	}
	sess := &session{id: randomHex(16), account: a, client: id.About.Browser, intents: intents, shard: shard, conn: c,
		native: !a.bot && id.Intents == nil}
	s.sessions[sess.id] = sess
	a.sessions = append(a.sessions, sess)
	c.session, c.lastBeat = sess, now
	s.sendReady(sess)
}

// sendReady sends READY and a GUILD_CREATE for each of the account's guilds.
func (s *Server) sendReady(sess *session) {
	a := sess.account
	type unavailable struct {
		ID          ID   `json:"id"`
		Unavailable bool `json:"unavailable"`
	}
	guilds := []unavailable{}
	var mine []*guild
	for _, g := range s.guildOrder {
		if g.members[a.id] != nil && sess.sees(g) {
			guilds = append(guilds, unavailable{g.id, true})
			mine = append(mine, g)
		}
	}
	private := []wireChannel{}
	if !a.bot {
		for _, ch := range a.dms {
			private = append(private, ch.wire(a))
		}
	}
	sess.push("READY", mustJSON(map[string]any{
		"v": 10, "user": a.wireSelf(), "guilds": guilds, "session_id": sess.id, "session_type": "normal",
		"resume_gateway_url": s.resumeURL(), "shard": sess.shard, "private_channels": private,
		"application":   map[string]any{"id": a.application(), "flags": a.applicationFlags()},
		"relationships": []any{}, "presences": []any{}, "user_settings": struct{}{}, "geo_ordered_rtc_regions": []string{}, "_trace": []string{},
	}))
	if !sess.intents.has(IntentGuilds) {
		return
	}
	for _, g := range mine {
		if g.away {
			continue
		}
		sess.push("GUILD_CREATE", mustJSON(g.wireCreate(sess)))
	}
}

// applicationFlags shows the privileged intents as Discord does for a bot in fewer than 100 servers.
func (a *account) applicationFlags() int {
	flags := 1 << 23 // has registered commands
	for intent, flag := range map[Intents]int{IntentGuildPresences: 1 << 13, IntentGuildMembers: 1 << 15, IntentMessageContent: 1 << 19} {
		if a.toggles.has(intent) {
			flags |= flag
		}
	}
	return flags
}

func (s *Server) resume(c *conn, d json.RawMessage, now time.Time) {
	if c.session != nil {
		c.close(closeAlreadyAuthenticated, "Already authenticated.")
		return
	}
	var r struct {
		Token     string `json:"token"`
		SessionID string `json:"session_id"`
		Seq       uint64 `json:"seq"`
	}
	if err := json.Unmarshal(d, &r); err != nil {
		c.close(closeDecodeError, "Error while decoding payload.")
		return
	}
	a := s.byToken[bareToken(r.Token)]
	if a == nil {
		c.close(closeAuthenticationFailed, "Authentication failed.")
		return
	}
	if s.struck(c, "resume", a) {
		return
	}
	sess := s.sessions[r.SessionID]
	resumable := sess != nil && sess.account == a
	if resumable {
		_, resumable = sess.since(r.Seq)
	}
	if !resumable {
		c.queue(opInvalidSession, false)
		return
	}
	if sess.conn != nil { // the old connection is not known to be dead yet
		sess.conn.close(closeSessionTimedOut, "Session resumed elsewhere.")
	}
	sess.conn, c.session, c.sent, c.lastBeat = c, sess, r.Seq, now
	sess.push("RESUMED", json.RawMessage(`{"_trace":[]}`))
}

func (s *Server) requestGuildMembers(c *conn, d json.RawMessage) {
	var q struct {
		GuildID   oneOrMany[ID] `json:"guild_id"`
		Query     *string       `json:"query"`
		Limit     int           `json:"limit"`
		UserIDs   oneOrMany[ID] `json:"user_ids"`
		Nonce     string        `json:"nonce"`
		Presences bool          `json:"presences"`
	}
	if err := json.Unmarshal(d, &q); err != nil || len(q.GuildID) != 1 || len(q.Nonce) > 32 {
		c.close(closeDecodeError, "Error while decoding payload.")
		return
	}
	sess := c.session
	g := s.guilds[q.GuildID[0]]
	if g == nil || g.members[sess.account.id] == nil || !sess.sees(g) {
		return
	}
	whole := q.Query != nil && *q.Query == "" && q.Limit == 0 && len(q.UserIDs) == 0
	if whole && !sess.intents.has(IntentGuildMembers) {
		c.close(closeDisallowedIntents, "Disallowed intent(s).")
		return
	}
	var found []*wireMember
	notFound := []ID{}
	if len(q.UserIDs) > 0 {
		for _, id := range q.UserIDs[:min(len(q.UserIDs), 100)] {
			if m := g.members[id]; m != nil {
				found = append(found, m.wire(true))
			} else {
				notFound = append(notFound, id)
			}
		}
	} else if q.Query != nil {
		for _, m := range g.order {
			if hasPrefixFold(m.account.username, *q.Query) || hasPrefixFold(m.account.name, *q.Query) || hasPrefixFold(m.nick, *q.Query) {
				if found = append(found, m.wire(true)); q.Limit > 0 && len(found) >= q.Limit {
					break
				}
			}
		}
	}
	const chunk = 1000
	chunks := max(1, (len(found)+chunk-1)/chunk)
	for i := range chunks {
		part := found[i*chunk : min(len(found), (i+1)*chunk)]
		body := map[string]any{"guild_id": g.id, "members": append([]*wireMember{}, part...), "chunk_index": i, "chunk_count": chunks, "not_found": notFound}
		if q.Nonce != "" {
			body["nonce"] = q.Nonce
		}
		if q.Presences {
			body["presences"] = []any{}
		}
		sess.push("GUILD_MEMBERS_CHUNK", mustJSON(body))
	}
}

// oneOrMany is a value or a list of values.
type oneOrMany[T any] []T

// UnmarshalJSON reads either.
func (o *oneOrMany[T]) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '[' {
		return json.Unmarshal(b, (*[]T)(o))
	}
	if string(b) == "null" {
		return nil
	}
	var one T
	if err := json.Unmarshal(b, &one); err != nil {
		return err
	}
	*o = []T{one}
	return nil
}
