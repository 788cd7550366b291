package localdiscord

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

const (
	// replayLimit is how many events a session keeps for a connection that is behind or lost. A client that
	// falls further back can't resume, and one that is connected and does not read is dropped. It bounds what a client that
	// never reads can make the server keep.
	replayLimit = 4096
	// replayBytes bounds the same by size.
	replayBytes = 16 << 20
	// sessionLinger is how long a session waits for a resume after its connection is gone.
	sessionLinger = 2 * time.Minute
	// maxSessions is how many gateway sessions one account may hold; identifying once more ends the oldest.
	maxSessions = 64
)

// Intents is the bit set that a client identifies with.
type Intents uint64

// The intents that decide what this server sends.
const (
	IntentGuilds                 Intents = 1 << 0
	IntentGuildMembers           Intents = 1 << 1
	IntentGuildVoiceStates       Intents = 1 << 7
	IntentGuildPresences         Intents = 1 << 8
	IntentGuildMessages          Intents = 1 << 9
	IntentGuildMessageReactions  Intents = 1 << 10
	IntentGuildMessageTyping     Intents = 1 << 11
	IntentDirectMessages         Intents = 1 << 12
	IntentDirectMessageReactions Intents = 1 << 13
	IntentDirectMessageTyping    Intents = 1 << 14
	IntentMessageContent         Intents = 1 << 15

	// intentsKnown are all that Discord has defined; others close the connection with 4013.
	intentsKnown Intents = 1<<17 - 1 | 1<<20 | 1<<21 | 1<<24 | 1<<25
	// IntentsAll is every intent.
	IntentsAll = intentsKnown

	intentsPrivileged = IntentGuildMembers | IntentGuildPresences | IntentMessageContent
)

func (i Intents) has(want Intents) bool { return i&want == want }

// session is a gateway session: what was sent to a client since it identified, so that a new connection can go on
// where the old one broke off. Guarded by Server.mu.
type session struct {
	id      string
	account *account
	client  string // what the client calls itself
	intents Intents
	shard   [2]int
	// native is a person's own client, such as the page: it names no intents, and learns how interactions go on.
	native bool

	events   []event // the newest, oldest first; their numbers are consecutive
	size     int     // bytes in events
	seq      uint64  // of the newest event
	conn     *conn   // nil while it waits for a resume
	detached time.Time
}

// event is a dispatch (op 0). data is shared by all sessions that got it.
type event struct {
	seq  uint64
	name string
	data json.RawMessage
}

func (e event) append(b []byte) []byte {
	b = append(b, `{"op":0,"s":`...)
	b = strconv.AppendUint(b, e.seq, 10)
	b = append(b, `,"t":"`...)
	b = append(b, e.name...)
	b = append(b, `","d":`...)
	b = append(b, e.data...)
	return append(b, '}')
}

// push numbers an event and wakes the connection. It never blocks.
func (sess *session) push(name string, data json.RawMessage) {
	sess.seq++
	sess.events = append(sess.events, event{seq: sess.seq, name: name, data: data})
	sess.size += len(data)
	for len(sess.events) > replayLimit || sess.size > replayBytes && len(sess.events) > 1 {
		sess.size -= len(sess.events[0].data)
		sess.events[0] = event{}
		sess.events = sess.events[1:]
	}
	if sess.conn != nil {
		sess.conn.signal()
	}
}

// since returns the events after seq; false when some of them are gone already or were never sent.
func (sess *session) since(seq uint64) ([]event, bool) {
	if seq > sess.seq {
		return nil, false
	}
	n := sess.seq - seq
	if n > uint64(len(sess.events)) {
		return nil, false
	}
	return sess.events[uint64(len(sess.events))-n:], true
}

// sees tells whether the shard is responsible for the guild; direct messages belong to shard 0.
func (sess *session) sees(g *guild) bool {
	if g == nil {
		return sess.shard[0] == 0
	}
	return uint64(g.id>>22)%uint64(sess.shard[1]) == uint64(sess.shard[0])
}

// notify sends an event to all sessions of the accounts that see the channel and asked for it: guildIntent for
// a channel of a guild, dmIntent for a direct message. Called with mu held.
func (s *Server) notify(ch *channel, guildIntent, dmIntent Intents, name string, data any) {
	want := guildIntent
	if ch.guild == nil {
		want = dmIntent
	}
	raw := mustJSON(data)
	ch.audience(func(a *account) {
		for _, sess := range a.sessions {
			if sess.intents.has(want) && sess.sees(ch.guild) {
				sess.push(name, raw)
			}
		}
	})
}

// notifyGuild sends an event to all members' sessions that asked for it. Called with mu held.
func (s *Server) notifyGuild(g *guild, intent Intents, name string, data any) {
	if g.away {
		return
	}
	raw := mustJSON(data)
	for _, m := range g.order {
		for _, sess := range m.account.sessions {
			if sess.intents.has(intent) && sess.sees(g) {
				sess.push(name, raw)
			}
		}
	}
}

// notifyAccount sends an event to all of one account's sessions that see g. Called with mu held.
func (s *Server) notifyAccount(a *account, g *guild, name string, data any) {
	if len(a.sessions) == 0 {
		return
	}
	raw := mustJSON(data)
	for _, sess := range a.sessions {
		if sess.sees(g) {
			sess.push(name, raw)
		}
	}
}

// notifyMessage sends MESSAGE_CREATE or MESSAGE_UPDATE: with an empty content to those without the message content
// intent, unless the message is their own, mentions them or is a direct message. An ephemeral message
// goes to its only reader and its author. Called with mu held.
func (s *Server) notifyMessage(m *message, name string) {
	want := IntentGuildMessages
	if m.channel.guild == nil {
		want = IntentDirectMessages
	}
	w := s.wireEventMessage(m)
	var full, stripped json.RawMessage
	m.channel.audience(func(a *account) {
		if m.ephemeral != nil && a != m.ephemeral {
			return
		}
		for _, sess := range a.sessions {
			if !sess.intents.has(want) || !sess.sees(m.channel.guild) {
				continue
			}
			if sess.readsContent(m) {
				if full == nil {
					full = mustJSON(w)
				}
				sess.push(name, full)
				continue
			}
			if stripped == nil {
				stripped = mustJSON(w.withoutContent())
			}
			sess.push(name, stripped)
		}
	})
}

func (sess *session) readsContent(m *message) bool {
	return !sess.account.bot || sess.intents.has(IntentMessageContent) || m.channel.guild == nil ||
		m.author == sess.account || slices.Contains(m.mentions, sess.account)
}

// dropSession forgets a session; its connection, if any, must be closed by the caller. Called with mu held.
func (s *Server) dropSession(sess *session) {
	delete(s.sessions, sess.id)
	if i := slices.Index(sess.account.sessions, sess); i >= 0 {
		sess.account.sessions = slices.Delete(sess.account.sessions, i, i+1)
	}
	sess.events = nil
	sess.seq++ // nothing can be resumed any more
	s.leaveVoiceOf(sess)
}
