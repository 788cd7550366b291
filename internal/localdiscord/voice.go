package localdiscord

import (
	"context"
	"encoding/json"
)

// VoiceServer hands out where the voice of a server is carried. It is called without the server's lock, one call at
// a time, in the order of the events that it belongs to.
type VoiceServer interface {
	// Connect tells that the session entered a channel, moved to another, or that its right to speak changed. It returns
	// the endpoint for VOICE_SERVER_UPDATE ("host:port", without a scheme) and the token that the client shows
	// there. Connect is called again for each move; the token may stay the same.
	Connect(ctx context.Context, v VoiceSession) (endpoint, token string, err error)
	// Disconnect tells that the session left voice in that guild.
	Disconnect(v VoiceSession)
	// Move ends the connections of a guild as when its calls are moved to another server; Connect follows for each session.
	Move(guild ID)
}

// VoiceSession is one account's presence in a guild's voice.
type VoiceSession struct {
	GuildID   ID
	ChannelID ID
	UserID    ID
	// SessionID is the gateway session's; the voice gateway's identify repeats it.
	SessionID string
	// Client is what the session's client calls itself in its identify ("browser"), such as "disgo" or "@discordjs/ws 1.2.3".
	Client string
	// CanSpeak tells whether the account has the permission, or was invited to speak on a stage, and is not muted by the server.
	CanSpeak bool
	// Deaf tells that the account is deafened, by the server or by itself: no audio is sent to it.
	Deaf bool
	// Stage tells that the channel is a stage, where Discord has no end-to-end encryption.
	Stage bool
}

// voiceState is where an account is in a guild's voice. Guarded by Server.mu.
type voiceState struct {
	guild     *guild
	account   *account
	channel   *channel
	session   string
	client    string
	selfMute  bool
	selfDeaf  bool
	selfVideo bool
	// suppressed tells that the account is in the audience of a stage; requested is when it asked to speak there, nil when it didn't.
	suppressed bool
	requested  *string
	// told is what the voice server was told last.
	told VoiceSession
}

type wireVoiceState struct {
	GuildID     ID          `json:"guild_id"`
	ChannelID   optionalID  `json:"channel_id"`
	UserID      ID          `json:"user_id"`
	Member      *wireMember `json:"member,omitempty"`
	SessionID   string      `json:"session_id"`
	Deaf        bool        `json:"deaf"`
	Mute        bool        `json:"mute"`
	SelfDeaf    bool        `json:"self_deaf"`
	SelfMute    bool        `json:"self_mute"`
	SelfStream  bool        `json:"self_stream"`
	SelfVideo   bool        `json:"self_video"`
	Suppress    bool        `json:"suppress"`
	RequestedAt *string     `json:"request_to_speak_timestamp"`
}

func (v *voiceState) wire(withMember bool) wireVoiceState {
	w := wireVoiceState{GuildID: v.guild.id, UserID: v.account.id, SessionID: v.session, SelfMute: v.selfMute, SelfDeaf: v.selfDeaf, SelfVideo: v.selfVideo}
	if v.channel != nil {
		w.ChannelID = optionalID(v.channel.id)
		w.Suppress, w.RequestedAt = !v.maySpeak(), v.requested
	}
	if m := v.guild.members[v.account.id]; m != nil {
		w.Mute, w.Deaf = m.mute, m.deaf
		if withMember {
			w.Member = m.wire(true)
		}
	}
	return w
}

// maySpeak reports whether the account may speak in its channel: on a stage those may who were let out of the audience.
func (v *voiceState) maySpeak() bool {
	if v.channel.kind == channelStage {
		return !v.suppressed
	}
	return v.channel.id != v.guild.afk && v.channel.permissions(v.account).has(permSpeak)
}

func (v *voiceState) voiceSession() VoiceSession {
	vs := VoiceSession{GuildID: v.guild.id, UserID: v.account.id, SessionID: v.session, Client: v.client}
	if v.channel != nil {
		vs.ChannelID = v.channel.id
		vs.CanSpeak = v.maySpeak() && !v.guild.members[v.account.id].mute
		vs.Deaf = v.selfDeaf || v.guild.members[v.account.id].deaf
		vs.Stage = v.channel.kind == channelStage
	}
	return vs
}

// hasVoice reports whether people talk in the channel.
func (ch *channel) hasVoice() bool { return ch.kind == channelVoice || ch.kind == channelStage }

// people counts who is in the voice channel. Called with mu held.
func (ch *channel) people() int {
	n := 0
	for _, v := range ch.guild.voice {
		if v.channel == ch {
			n++
		}
	}
	return n
}

// handleVoiceStateUpdate runs op 4 with mu held. discord.py sends its IDs as JSON integers. What the account may not do is
// ignored, as Discord does.
func (s *Server) handleVoiceStateUpdate(c *conn, d json.RawMessage) {
	var u struct {
		GuildID   ID   `json:"guild_id"`
		ChannelID ID   `json:"channel_id"`
		SelfMute  bool `json:"self_mute"`
		SelfDeaf  bool `json:"self_deaf"`
		SelfVideo bool `json:"self_video"`
	}
	if err := json.Unmarshal(d, &u); err != nil {
		c.close(closeDecodeError, "Error while decoding payload.")
		return
	}
	g, a := s.guilds[u.GuildID], c.session.account
	if g == nil || g.members[a.id] == nil {
		return
	}
	v := g.voice[a.id]
	if u.ChannelID == 0 {
		if v != nil {
			s.setVoice(v, nil)
		}
		return
	}
	ch := s.channels[u.ChannelID]
	if ch == nil || ch.guild != g || !ch.hasVoice() || !ch.permissions(a).has(permConnect|permViewChannel) {
		return
	}
	if ch.userLimit > 0 && (v == nil || v.channel != ch) && ch.people() >= ch.userLimit && !ch.permissions(a).has(permMoveMembers) {
		return
	}
	if v == nil {
		v = &voiceState{guild: g, account: a}
	}
	v.session, v.client = c.session.id, c.session.client
	v.selfMute, v.selfDeaf, v.selfVideo = u.SelfMute, u.SelfDeaf, u.SelfVideo
	s.setVoice(v, ch)
}

// setVoice puts the account into the channel, or out of voice for nil, and tells the guild and the voice server.
// Called with mu held.
func (s *Server) setVoice(v *voiceState, ch *channel) {
	if v.channel != ch {
		v.suppressed, v.requested = ch != nil && ch.kind == channelStage, nil // whoever enters a stage is in the audience
	}
	v.channel = ch
	if ch == nil {
		delete(v.guild.voice, v.account.id)
	} else {
		v.guild.voice[v.account.id] = v
	}
	s.notifyGuild(v.guild, IntentGuildVoiceStates, "VOICE_STATE_UPDATE", v.wire(true))
	s.tellVoice(v)
}

// tellVoice has the voice server told, after mu is released, when what it knows is not so any more. Called with mu held.
func (s *Server) tellVoice(v *voiceState) {
	before, now := v.told, v.voiceSession()
	if s.cfg.Voice == nil || before == now {
		return
	}
	v.told = now
	if v.channel == nil {
		s.afterUnlock(func() { s.cfg.Voice.Disconnect(before) })
		return
	}
	moved := before.ChannelID != now.ChannelID || before.SessionID != now.SessionID
	s.afterUnlock(func() { s.connectVoice(now, moved) })
}

// MoveVoice has all calls of a guild go on on another voice server: clients see the endpoint vanish and then a new one. It
// reports false for a guild that is not there, or without a voice server.
func (s *Server) MoveVoice(guild ID) bool {
	s.mu.Lock()
	g := s.guilds[guild]
	if g == nil || s.cfg.Voice == nil {
		s.mu.Unlock()
		return false
	}
	var moved []*voiceState
	for _, v := range g.voice {
		moved = append(moved, v)
		if sess := s.sessions[v.session]; sess != nil {
			sess.push("VOICE_SERVER_UPDATE", mustJSON(map[string]any{"token": "", "guild_id": guild, "endpoint": nil}))
		}
	}
	s.afterUnlock(func() { s.cfg.Voice.Move(guild) })
	for _, v := range moved {
		now := v.voiceSession()
		s.afterUnlock(func() { s.connectVoice(now, true) })
	}
	s.mu.Unlock()
	return true
}

// connectVoice asks the voice server for an endpoint and tells the client where it moved. Called without mu.
func (s *Server) connectVoice(vs VoiceSession, moved bool) {
	endpoint, token, err := s.cfg.Voice.Connect(s.ctx, vs)
	if err != nil {
		s.log.Error("the voice server refused a session", "guild", vs.GuildID, "channel", vs.ChannelID, "user", vs.UserID, "err", err)
		return
	}
	if !moved {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if sess := s.sessions[vs.SessionID]; sess != nil {
		sess.push("VOICE_SERVER_UPDATE", mustJSON(map[string]any{"token": token, "guild_id": vs.GuildID, "endpoint": endpoint}))
	}
}

// leaveVoiceOf takes the session's account out of the channels that it entered through this session. Called with mu held.
func (s *Server) leaveVoiceOf(sess *session) {
	for _, g := range s.guildOrder {
		if v := g.voice[sess.account.id]; v != nil && v.session == sess.id {
			s.setVoice(v, nil)
		}
	}
}
