package localdiscord

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"sort"
	"time"
)

// What this file holds is everything that the local Discord remembers, besides gateway sessions (session.go),
// interactions (interactions.go) and uploaded files (cdn.go). All of it is guarded by Server.mu; methods of these types
// are called with it held, and what they return for the wire (wire.go) is a copy.

// maxHistory is how many messages a channel keeps; the oldest go first, with their files. It bounds the memory
// of a server that is written to for hours.
const maxHistory = 2000

// Channel types, as Discord numbers them.
const (
	channelText     = 0
	channelDM       = 1
	channelVoice    = 2
	channelCategory = 4
	channelThread   = 11 // public
	channelPrivate  = 12 // thread
	channelStage    = 13
	channelForum    = 15
)

// account is a person or a bot. A bot's application has the same ID.
type account struct {
	id       ID
	username string
	name     string // shown to others
	bot      bool
	token    string
	locale   string

	// toggles are the privileged intents that the account's application may ask for.
	toggles Intents
	// dms are the account's direct message channels by the other's ID.
	dms map[ID]*channel
	// commands are the application's global commands and, by guild, its guild commands.
	commands map[ID][]*command
	// starts counts the sessions that it began.
	starts sessionStarts
	// sessions are the account's gateway sessions, also those that are waiting to be resumed.
	sessions []*session
}

type guild struct {
	id       ID
	name     string
	owner    ID
	locale   string
	roles    []*role // @everyone first
	channels []*channel
	members  map[ID]*member
	order    []*member  // by joining
	threads  []*channel // those that are not deleted
	voice    map[ID]*voiceState
	afk      ID  // voice channel; 0 is none
	tier     int // of boosts
	now      func() time.Time
	// away tells that the guild is in an outage: nobody sees it.
	away bool
}

type role struct {
	id          ID
	name        string
	permissions Permissions
	bot         ID // whose it is: a managed role; 0 for others
}

type member struct {
	guild   *guild
	account *account
	nick    string
	roles   []ID
	joined  time.Time
	mute    bool
	deaf    bool
	// timeout is until when the member may only read; zero is not at all.
	timeout time.Time
}

type overwrite struct {
	id          ID
	member      bool // for a member, else for a role
	allow, deny Permissions
}

type channel struct {
	id         ID
	kind       int
	name       string
	topic      string
	guild      *guild // nil for a direct message
	parent     ID
	position   int
	userLimit  int              // of a voice channel; 0 is none
	slowMode   int              // seconds
	wrote      map[ID]time.Time // when who wrote last, where there is a slow mode
	thread     *thread          // nil for what is none
	overwrites []overwrite
	recipients []*account // of a direct message: both

	messages []*message // by ID, oldest first
	last     ID
}

type reaction struct {
	id   ID // 0 for a Unicode emoji
	name string
	by   []ID
}

type message struct {
	id          ID
	channel     *channel
	kind        int
	author      *account
	content     string
	created     time.Time
	edited      time.Time
	tts         bool
	everyone    bool
	mentions    []*account
	roles       []ID // mentioned
	files       []*file
	embeds      []json.RawMessage
	components  []json.RawMessage
	reactions   []*reaction
	nonce       json.RawMessage
	pinned      bool
	flags       int
	reference   *messageReference
	snapshot    *wireSnapshot // of a forwarded message
	poll        json.RawMessage
	stickers    []json.RawMessage // sticker_items
	app         ID                // of the interaction that it answers
	interaction ID
	metadata    *interactionMetadata
	over        map[string]json.RawMessage // laid over what goes over the wire, by a test
	ephemeral   *account                   // the only one who sees it
}

func (a *account) application() ID { return a.id }

func (g *guild) role(id ID) *role {
	for _, r := range g.roles {
		if r.id == id {
			return r
		}
	}
	return nil
}

// find returns the message or nil.
func (ch *channel) find(id ID) *message {
	i := sort.Search(len(ch.messages), func(i int) bool { return ch.messages[i].id >= id })
	if i < len(ch.messages) && ch.messages[i].id == id {
		return ch.messages[i]
	}
	return nil
}

// add appends a message, and returns the one that left the history for it.
func (ch *channel) add(m *message) (gone *message) {
	if len(ch.messages) >= maxHistory {
		gone = ch.messages[0]
		ch.messages[0] = nil
		ch.messages = ch.messages[1:]
	}
	ch.messages = append(ch.messages, m)
	ch.last = m.id
	return gone
}

// about adds to an event where it happened.
func (ch *channel) about(data map[string]any) map[string]any {
	data["channel_id"] = ch.id
	if ch.guild != nil {
		data["guild_id"] = ch.guild.id
	}
	return data
}

func (ch *channel) remove(m *message) {
	if i := slices.Index(ch.messages, m); i >= 0 {
		ch.messages = slices.Delete(ch.messages, i, i+1)
	}
}

// audience calls f for every account that is logged in and sees the channel.
func (ch *channel) audience(f func(*account)) {
	if ch.guild == nil {
		for _, a := range ch.recipients {
			f(a)
		}
		return
	}
	if ch.guild.away {
		return
	}
	for _, m := range ch.guild.order {
		if len(m.account.sessions) > 0 && ch.permissions(m.account).has(permViewChannel) {
			f(m.account)
		}
	}
}

// build fills the server from a world that was validated. IDs that were made earlier are taken from made, and those that
// are made now added to it; grew reports that there are any.
func (s *Server) build(w World, made madeIDs) (grew bool, err error) {
	s.accounts = map[ID]*account{}
	s.byToken = map[string]*account{}
	s.guilds = map[ID]*guild{}
	s.channels = map[ID]*channel{}
	byName := map[string]*account{}
	for _, id := range made {
		s.lastID = max(s.lastID, id) // also when the clock was put back
	}
	ids := &picker{named: namedIDs(w), used: map[ID]bool{}, made: made, times: map[string]int{}, newID: s.newID}
	addAccount := func(wa WorldAccount, bot bool, toggles Intents) error {
		a := &account{id: wa.ID, username: wa.username(), name: wa.Name, bot: bot, token: wa.Token, locale: wa.Locale,
			toggles: toggles, dms: map[ID]*channel{}, commands: map[ID][]*command{}}
		if a.id == 0 && bot && a.token != "" {
			id, err := tokenID(a.token)
			if err != nil {
				return err
			}
			a.id = id
		}
		a.id = ids.pick(fmt.Sprintf("account %q", a.name), a.id)
		if a.token == "" {
			a.token = newToken(a.id)
		}
		if a.locale == "" {
			a.locale = "en-US"
		}
		s.accounts[a.id] = a
		s.order = append(s.order, a)
		s.byToken[a.token] = a
		byName[a.name] = a
		return nil
	}
	for _, p := range w.People {
		if err := addAccount(p, false, IntentsAll); err != nil {
			return false, err
		}
	}
	for _, b := range w.Bots {
		toggles := IntentsAll
		for _, t := range []struct {
			on     *bool
			intent Intents
		}{{b.Intents.MessageContent, IntentMessageContent}, {b.Intents.GuildMembers, IntentGuildMembers}, {b.Intents.GuildPresences, IntentGuildPresences}} {
			if t.on != nil && !*t.on {
				toggles &^= t.intent
			}
		}
		if err := addAccount(b.WorldAccount, true, toggles); err != nil {
			return false, err
		}
		if b.EntryPoint {
			handler, cmd := 2, &command{Type: commandEntry, Name: "launch", Description: "Launch an activity", IntegrationTypes: []int{0, 1}, Contexts: []int{0, 1, 2}}
			cmd.Handler = &handler
			a := byName[b.Name]
			s.register(a, 0, cmd, nil)
			a.commands[0] = []*command{cmd}
		}
	}
	for _, ws := range w.Servers {
		name := ws.Name
		for i := range max(1, ws.Copies) {
			if ws.Copies > 0 {
				ws.Name = fmt.Sprintf("%s %d", name, i+1)
			}
			if err := s.buildGuild(w, ws, byName, ids); err != nil {
				return false, fmt.Errorf("server %q: %w", ws.Name, err)
			}
		}
	}
	return ids.grew, nil
}

// namedIDs are the IDs that the world names, so that no made one meets them.
func namedIDs(w World) map[ID]bool {
	named := map[ID]bool{}
	add := func(id ID) {
		if id != 0 {
			named[id] = true
		}
	}
	for _, p := range w.People {
		add(p.ID)
	}
	for _, b := range w.Bots {
		add(b.ID)
		if id, err := tokenID(b.Token); err == nil {
			add(id)
		}
	}
	for _, g := range w.Servers {
		add(g.ID)
		for _, r := range g.Roles {
			add(r.ID)
		}
		for _, c := range g.Channels {
			add(c.ID)
		}
	}
	return named
}

func (s *Server) buildGuild(w World, ws WorldServer, byName map[string]*account, ids *picker) error {
	now := s.cfg.Now()
	server := fmt.Sprintf("server %q", ws.Name)
	g := &guild{id: ids.pick(server, ws.ID), name: ws.Name, owner: byName[w.ownerOf(ws)].id, locale: ws.Locale,
		members: map[ID]*member{}, voice: map[ID]*voiceState{}, tier: ws.Tier, now: s.cfg.Now}
	if g.locale == "" {
		g.locale = "en-US"
	}
	allow, err := parsePermissions(ws.Everyone.Allow)
	if err != nil {
		return err
	}
	deny, err := parsePermissions(ws.Everyone.Deny)
	if err != nil {
		return err
	}
	g.roles = []*role{{id: g.id, name: "@everyone", permissions: everyonePermissions&^deny | allow}}
	roleIDs := map[string]ID{"@everyone": g.id}
	for _, wr := range ws.Roles {
		p, err := parsePermissions(wr.Permissions)
		if err != nil {
			return err
		}
		r := &role{id: ids.pick(fmt.Sprintf("%s role %q", server, wr.Name), wr.ID), name: wr.Name, permissions: p}
		g.roles = append(g.roles, r)
		roleIDs[r.name] = r.id
	}
	members := ws.Members
	if len(members) == 0 {
		for _, a := range s.order {
			members = append(members, WorldMember{Name: a.name})
		}
	}
	for _, wm := range members {
		m := &member{guild: g, account: byName[wm.Name], nick: wm.Nick, joined: now}
		for _, name := range wm.Roles {
			m.roles = append(m.roles, roleIDs[name])
		}
		if m.account.bot { // what it was invited with
			r := &role{id: ids.pick(fmt.Sprintf("%s bot %q", server, wm.Name), 0), name: m.account.name, bot: m.account.id}
			g.roles = append(g.roles, r)
			m.roles = append(m.roles, r.id)
		}
		g.members[m.account.id] = m
		g.order = append(g.order, m)
	}
	parents := map[string]ID{}
	for i, wc := range ws.Channels {
		kind, err := channelKind(wc.Type)
		if err != nil {
			return err
		}
		ch := &channel{id: ids.pick(fmt.Sprintf("%s channel %q", server, wc.Name), wc.ID), kind: kind, name: wc.Name, topic: wc.Topic, guild: g, position: i,
			userLimit: wc.UserLimit, slowMode: wc.SlowMode}
		if wc.Name == ws.AFK && kind == channelVoice {
			g.afk = ch.id
		}
		if kind == channelCategory {
			parents[wc.Name] = ch.id
		}
		for _, wo := range wc.Overwrites {
			o := overwrite{member: wo.Member != ""}
			if o.member {
				o.id = byName[wo.Member].id
			} else {
				o.id = roleIDs[wo.Role]
			}
			if o.allow, err = parsePermissions(wo.Allow); err != nil {
				return err
			}
			if o.deny, err = parsePermissions(wo.Deny); err != nil {
				return err
			}
			ch.overwrites = append(ch.overwrites, o)
		}
		g.channels = append(g.channels, ch)
		s.channels[ch.id] = ch
	}
	for i, wc := range ws.Channels {
		g.channels[i].parent = parents[wc.Category]
	}
	s.guilds[g.id] = g
	s.guildOrder = append(s.guildOrder, g)
	return nil
}

// newToken makes a token of Discord's form; its first part is the application's ID, where libraries look for it.
func newToken(id ID) string {
	var b [24]byte
	rand.Read(b[:]) // never fails
	return tokenPrefix(id) + "." + base64.RawURLEncoding.EncodeToString(b[:4]) + "." + base64.RawURLEncoding.EncodeToString(b[4:])
}
