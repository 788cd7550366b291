package discord

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/omit"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/discord/voice"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech"
)

const (
	// DefaultAloneTime is how long Mynah stays in a voice channel that no person is in.
	DefaultAloneTime = 5 * time.Minute
	// leaveTime bounds how long leaving a voice channel takes.
	leaveTime = 3 * time.Second
	// askTime bounds how long asking to speak on a stage again takes.
	askTime = 5 * time.Second
	// meetTime bounds how long learning who sits in a channel takes.
	meetTime = 20 * time.Second
)

// calls are the voice channels that Mynah is in, at most one a server.
type calls struct {
	client *Client
	voices speech.Synthesizer
	alone  time.Duration
	voice  *voice.Connections

	mu       sync.Mutex
	ongoing  map[snowflake.ID]*call
	bitrates map[snowflake.ID]int           // by channel, of those that were joined
	people   map[member]bot.Person          // those who were seen in voice channels
	joining  map[snowflake.ID]chan struct{} // by server: full while somebody joins
	closing  bool
}

// member is a person on a server.
type member struct{ guild, user snowflake.ID }

func newCalls(c *Client, cfg Config) *calls {
	s := &calls{
		client: c, voices: cfg.Synthesizer, alone: cfg.AloneTime,
		ongoing: map[snowflake.ID]*call{}, bitrates: map[snowflake.ID]int{}, people: map[member]bot.Person{}, joining: map[snowflake.ID]chan struct{}{},
	}
	if s.alone == 0 {
		s.alone = DefaultAloneTime
	}
	s.voice = voice.NewConnections(voice.Config{
		Logger: cfg.Log, Bitrate: s.bitrate, Changed: s.changed, Listen: s.listener, MeasureNames: cfg.MeasureNames,
	})
	return s
}

// Join implements [bot.Calls].
func (s *calls) Join(ctx context.Context, server record.ServerID, channel record.ChannelID, asker record.UserID) (bot.OngoingCall, error) {
	guild, place := snowflake.ID(server), snowflake.ID(channel)
	stage, err := s.admitted(ctx, guild, place, snowflake.ID(asker))
	if err != nil {
		return nil, err
	}
	done, err := s.queue(ctx, guild)
	if err != nil {
		return nil, err
	}
	defer done()
	k, err := s.open(ctx, guild, place)
	if stop, ok := errors.AsType[*voice.StopError](err); ok && stop.Reason == voice.ReasonClosed && ctx.Err() == nil {
		k, err = s.open(ctx, guild, place) // the connection of before was just ending
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	k.joined = true
	s.mu.Unlock()
	s.meet(ctx, guild, place)
	s.company(guild)
	if stage {
		if err := s.askToSpeak(ctx, guild, place); err != nil {
			return k, err
		}
	}
	return k, nil
}

// queue lets those who join on a server go one after the other.
func (s *calls) queue(ctx context.Context, guild snowflake.ID) (done func(), err error) {
	s.mu.Lock()
	turn := s.joining[guild]
	if turn == nil {
		turn = make(chan struct{}, 1)
		s.joining[guild] = turn
	}
	s.mu.Unlock()
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// open connects to a channel. The error is a *bot.CallError around what happened.
func (s *calls) open(ctx context.Context, guild, channel snowflake.ID) (*call, error) {
	conn, ok := s.client.disgo.VoiceManager.CreateConn(guild).(*voice.Conn)
	if !ok {
		return nil, errors.New("discord: voice connections are not Mynah's own")
	}
	k, err := s.begin(ctx, guild, conn)
	if err != nil {
		return nil, err
	}
	if err := conn.Open(ctx, channel, false, false); err != nil {
		if stop, ok := errors.AsType[*voice.StopError](err); ok {
			return nil, &bot.CallError{Fault: fault(stop.Reason), Err: err}
		}
		why := bot.CallNoAnswer
		if conn.ChannelID() != nil {
			why = bot.CallUnreachable // Discord has let Mynah in; it is the voice server that doesn't answer
		}
		closing, done := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
		defer done()
		conn.Close(closing)
		return nil, &bot.CallError{Fault: why, Err: err}
	}
	return k, nil
}

// begin returns the call on a connection, with its conversation running.
func (s *calls) begin(ctx context.Context, guild snowflake.ID, conn *voice.Conn) (*call, error) {
	s.mu.Lock()
	k := s.ongoing[guild]
	s.mu.Unlock()
	if k != nil && k.conn == conn {
		return k, nil
	}
	k = &call{calls: s, guild: guild, conn: conn}
	server := record.ServerID(guild)
	talk, err := s.client.bot.Converse(ctx, server, Mouth(conn.Player()), func(context.Context) { k.end(bot.CallShuttingDown) })
	if err != nil {
		return nil, err
	}
	k.talk = talk
	s.mu.Lock()
	s.ongoing[guild] = k
	s.mu.Unlock()
	if talk != nil {
		talking, end := context.WithCancel(context.Background())
		s.client.wg.Go(func() {
			<-conn.Done()
			end()
		})
		s.client.wg.Go(func() {
			if err := talk.Run(talking); err != nil && !errors.Is(err, context.Canceled) {
				s.client.log.Error("the conversation in a voice channel has ended", "server", server, "err", err)
			}
			s.client.bot.EndConversation(server, talk)
		})
	}
	return k, nil
}

// listener is who listens to a server's voice channel.
func (s *calls) listener(guild snowflake.ID) voice.Listener {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.ongoing[guild]; k != nil && k.talk != nil {
		return Ear(k.talk)
	}
	return nil
}

// meet learns who sits in a channel that Mynah has entered: Discord tells names only of those who come later.
func (s *calls) meet(ctx context.Context, guild, channel snowflake.ID) {
	for _, user := range s.present(guild, channel) {
		s.mu.Lock()
		_, known := s.people[member{guild, user}]
		s.mu.Unlock()
		if known {
			continue
		}
		m, err := s.client.disgo.Rest.GetMember(guild, user, rest.WithCtx(ctx))
		if err != nil {
			s.client.log.Warn("somebody in the voice channel is not known by name", "err", err)
			continue
		}
		s.know(guild, *m)
	}
}

func (s *calls) know(guild snowflake.ID, m discord.Member) {
	p := s.client.person(&guild, m.User, &m)
	p.Bot = m.User.Bot
	s.mu.Lock()
	defer s.mu.Unlock()
	s.people[member{guild, m.User.ID}] = p
}

func (s *calls) forget(guild, user snowflake.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.people, member{guild, user})
}

// present lists who sits in a channel besides Mynah.
func (s *calls) present(guild, channel snowflake.ID) []snowflake.ID {
	var users []snowflake.ID
	for state := range s.client.disgo.Caches.VoiceStates(guild) {
		if state.ChannelID != nil && *state.ChannelID == channel && state.UserID != s.client.self {
			users = append(users, state.UserID)
		}
	}
	return users
}

// admitted looks whether Mynah may enter and speak, since Discord answers a wish that it does not grant with nothing at all, and
// whether asker, unless 0, may enter.
func (s *calls) admitted(ctx context.Context, guild, channel, asker snowflake.ID) (stage bool, err error) {
	c := s.client.disgo
	found, err := c.Rest.GetChannel(channel, rest.WithCtx(ctx))
	if err != nil {
		if _, refused := errors.AsType[*apiError](err); refused {
			return false, &bot.CallError{Fault: bot.CallNoConnect, Err: err}
		}
		return false, err
	}
	room, ok := found.(discord.GuildAudioChannel)
	if !ok || room.GuildID() != guild {
		return false, &bot.CallError{Fault: bot.CallNoVoice}
	}
	if s.away(guild, channel) {
		return false, &bot.CallError{Fault: bot.CallAFK}
	}
	_, stage = found.(discord.GuildStageVoiceChannel)
	const enter = discord.PermissionViewChannel | discord.PermissionConnect
	if asker != 0 {
		if may, err := s.client.permissions(ctx, room, asker); err != nil {
			return false, err
		} else if !may.Has(enter) {
			return false, &bot.CallError{Fault: bot.CallNotYours}
		}
	}
	may, err := s.client.permissions(ctx, room, s.client.self)
	if err != nil {
		return false, err
	}
	switch {
	case !may.Has(enter):
		return false, &bot.CallError{Fault: bot.CallNoConnect}
	case !stage && !may.Has(discord.PermissionSpeak):
		return false, &bot.CallError{Fault: bot.CallNoSpeak}
	}
	if v, ok := found.(discord.GuildVoiceChannel); ok && v.UserLimit > 0 && !may.Has(discord.PermissionMoveMembers) {
		people, here := 0, false
		for state := range c.Caches.VoiceStates(guild) {
			if state.ChannelID != nil && *state.ChannelID == channel {
				people++
				here = here || state.UserID == s.client.self
			}
		}
		if people >= v.UserLimit && !here {
			return false, &bot.CallError{Fault: bot.CallFull}
		}
	}
	s.keepBitrate(room)
	return stage, nil
}

// away reports whether a channel is its server's for those who do nothing, where nobody may speak.
func (s *calls) away(guild, channel snowflake.ID) bool {
	g, ok := s.client.disgo.Caches.Guild(guild)
	return ok && g.AfkChannelID != nil && *g.AfkChannelID == channel
}

// hushed is what the server lets Mynah do in its voice channel.
func (s *calls) hushed(guild snowflake.ID) bot.Hushed {
	v, ok := s.client.disgo.Caches.VoiceState(guild, s.client.self)
	if !ok || v.ChannelID == nil {
		return bot.Hushed{}
	}
	return bot.Hushed{Muted: v.GuildMute, Deafened: v.GuildDeaf, Suppressed: v.Suppress}
}

// askToSpeak leaves the audience of a stage where Mynah may, and raises its hand where it may not. The error is a *bot.CallError that
// tells what somebody else has to do.
func (s *calls) askToSpeak(ctx context.Context, guild, channel snowflake.ID) error {
	members := s.client.disgo.Rest
	on := false
	err := members.UpdateCurrentUserVoiceState(guild, discord.CurrentUserVoiceStateUpdate{ChannelID: &channel, Suppress: &on}, rest.WithCtx(ctx))
	if err == nil {
		return nil
	}
	now := omit.NewPtr(time.Now())
	asked := members.UpdateCurrentUserVoiceState(guild, discord.CurrentUserVoiceStateUpdate{ChannelID: &channel, RequestToSpeakTimestamp: now}, rest.WithCtx(ctx))
	if asked != nil {
		return &bot.CallError{Fault: bot.CallMuted, Err: errors.Join(err, asked)}
	}
	return &bot.CallError{Fault: bot.CallAudience, Err: err}
}

// backOnStage asks to speak again where a new connection, or a move, has put Mynah into the audience of a stage.
func (s *calls) backOnStage(guild, channel snowflake.ID) {
	state, ok := s.client.disgo.Caches.VoiceState(guild, s.client.self)
	if !ok || state.ChannelID == nil || *state.ChannelID != channel || !state.Suppress || state.RequestToSpeakTimestamp != nil {
		return
	}
	ctx, done := context.WithTimeout(context.Background(), askTime)
	defer done()
	if err := s.askToSpeak(ctx, guild, channel); err != nil {
		s.client.log.Info("in the audience of a stage again", "server", guild, "err", err)
	}
}

// Ongoing implements [bot.Calls].
func (s *calls) Ongoing(server record.ServerID) (bot.OngoingCall, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k, ok := s.ongoing[snowflake.ID(server)]
	if !ok || !k.joined {
		return nil, false
	}
	return k, true
}

func (s *calls) keepBitrate(c discord.GuildAudioChannel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bitrates[c.ID()] = c.Bitrate()
}

func (s *calls) bitrate(channel snowflake.ID) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bitrates[channel]
}

// changed is told what becomes of a connection.
func (s *calls) changed(guild snowflake.ID, e voice.Event) {
	switch e.Kind {
	case voice.EventConnected:
		s.mu.Lock()
		k := s.ongoing[guild]
		if k != nil && k.joined && !s.closing {
			s.client.wg.Go(func() { s.backOnStage(guild, e.Channel) })
		}
		s.mu.Unlock()
	case voice.EventCleared:
		s.client.bot.CallCleared(record.ServerID(guild))
	case voice.EventMoved:
		if s.away(guild, e.Channel) {
			s.mu.Lock()
			if k := s.ongoing[guild]; k != nil && !s.closing {
				s.client.wg.Go(func() { k.end(bot.CallMovedAFK) })
			}
			s.mu.Unlock()
			return
		}
		s.client.bot.CallMoved(record.ServerID(guild), record.ChannelID(e.Channel))
		s.mu.Lock()
		if !s.closing {
			s.client.wg.Go(func() {
				ctx, done := context.WithTimeout(context.Background(), meetTime)
				defer done()
				s.company(guild) // who has been seen before is known at once
				if c, err := s.client.disgo.Rest.GetChannel(e.Channel, rest.WithCtx(ctx)); err != nil {
					s.client.log.Warn("the bitrate of a voice channel is not known", "channel", e.Channel, "err", err)
				} else if room, ok := c.(discord.GuildAudioChannel); ok {
					s.keepBitrate(room)
				}
				s.meet(ctx, guild, e.Channel)
				s.company(guild)
			})
		}
		s.mu.Unlock()
	case voice.EventStopped:
		s.mu.Lock()
		k := s.ongoing[guild]
		if k != nil && k.conn != e.Conn {
			k = nil // that of a newer connection
		} else {
			delete(s.ongoing, guild)
		}
		closing := s.closing
		why := fault(e.Err.Reason)
		asked := false
		if k != nil {
			if k.lonely != nil {
				k.lonely.Stop()
			}
			if k.fault != "" {
				why = k.fault
			}
			asked = why == bot.CallShuttingDown
		}
		s.mu.Unlock()
		if k != nil && k.joined && !closing && !asked {
			s.client.bot.CallEnded(record.ServerID(guild), why)
		}
	}
}

// onVoiceState looks whether Mynah has company, and who that is.
func (c *Client) onVoiceState(e *events.GuildVoiceStateUpdate) {
	switch {
	case e.VoiceState.ChannelID == nil:
		c.calls.forget(e.VoiceState.GuildID, e.VoiceState.UserID)
	case e.Member.User.ID != 0:
		c.calls.know(e.VoiceState.GuildID, e.Member)
	}
	if e.VoiceState.UserID == c.self && e.VoiceState.ChannelID != nil && e.OldVoiceState.ChannelID != nil &&
		*e.VoiceState.ChannelID == *e.OldVoiceState.ChannelID {
		old := bot.Hushed{Muted: e.OldVoiceState.GuildMute, Deafened: e.OldVoiceState.GuildDeaf, Suppressed: e.OldVoiceState.Suppress}
		if now := c.calls.hushed(e.VoiceState.GuildID); now != old {
			c.bot.CallHushed(record.ServerID(e.VoiceState.GuildID), old, now)
		}
	}
	c.calls.company(e.VoiceState.GuildID)
}

// onChannel follows the bitrates of voice channels.
func (c *Client) onChannel(e *events.GuildChannelUpdate) {
	if room, ok := e.Channel.(discord.GuildAudioChannel); ok {
		c.calls.keepBitrate(room)
	}
}

// onServer tells the bot that a server can be worked with.
func (c *Client) onServer(e *events.GuildReady) { c.bot.ServerReady(record.ServerID(e.GuildID)) }

// onServerBack does so after an outage of the server.
func (c *Client) onServerBack(e *events.GuildAvailable) {
	c.bot.ServerReady(record.ServerID(e.GuildID))
}

// onServerLeft tells the bot that it was taken off a server.
func (c *Client) onServerLeft(e *events.GuildLeave) {
	c.calls.left(e.GuildID)
	c.bot.ServerLeft(record.ServerID(e.GuildID))
}

// renew takes who sits in a server's voice channels from what a new session, or the end of an outage, tells of it.
func (s *calls) renew(guild snowflake.ID, talking map[snowflake.ID]bool, members []discord.Member) {
	s.mu.Lock()
	for who := range s.people {
		if who.guild == guild && !talking[who.user] {
			delete(s.people, who)
		}
	}
	s.mu.Unlock()
	for _, m := range members {
		if talking[m.User.ID] {
			s.know(guild, m)
		}
	}
	s.company(guild)
}

// left ends the call on a server that Mynah was taken off.
func (s *calls) left(guild snowflake.ID) {
	s.mu.Lock()
	k := s.ongoing[guild]
	closing := s.closing
	if k != nil && !closing {
		s.client.wg.Go(func() { k.end(bot.CallRemoved) })
	}
	s.mu.Unlock()
}

// company tells the bot who sits in Mynah's voice channel, and leaves it after a while when no human does.
func (s *calls) company(guild snowflake.ID) {
	s.mu.Lock()
	k := s.ongoing[guild]
	s.mu.Unlock()
	if k == nil {
		return
	}
	var people []bot.Person
	humans := 0
	if channel := k.conn.ChannelID(); channel != nil {
		users := s.present(guild, *channel)
		s.mu.Lock()
		for _, user := range users {
			p, known := s.people[member{guild, user}]
			if !known {
				p.ID = record.UserID(user)
			}
			p.Voice = record.ChannelID(*channel)
			people = append(people, p)
			if !p.Bot {
				humans++
			}
		}
		s.mu.Unlock()
	}
	s.client.bot.CallPeople(record.ServerID(guild), people)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case humans > 0 && k.lonely != nil:
		k.lonely.Stop()
		k.lonely = nil
	case humans == 0 && k.lonely == nil && k.joined:
		k.lonely = time.AfterFunc(s.alone, func() { k.end(bot.CallAlone) })
	}
}

// close ends all calls; Mynah returns to them with the next start.
func (s *calls) close(ctx context.Context) {
	s.mu.Lock()
	s.closing = true
	var all []*call
	for _, k := range s.ongoing {
		all = append(all, k)
	}
	s.mu.Unlock()
	var leaving sync.WaitGroup
	for _, k := range all {
		leaving.Go(func() { k.conn.Close(ctx) })
	}
	leaving.Wait()
}

// fault is a connection's reason in the bot's words.
func fault(r voice.Reason) bot.CallFault {
	switch r {
	case voice.ReasonToken:
		return bot.CallToken
	case voice.ReasonMode:
		return bot.CallMode
	case voice.ReasonDAVE:
		return bot.CallDAVE
	case voice.ReasonRateLimited:
		return bot.CallRateLimited
	case voice.ReasonRemoved:
		return bot.CallRemoved
	case voice.ReasonUnreachable:
		return bot.CallUnreachable
	case voice.ReasonClosed:
		return bot.CallShuttingDown
	default:
		return bot.CallNoAnswer
	}
}
