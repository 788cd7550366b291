package voice

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/mynahbot/mynah/dave"
	"github.com/mynahbot/mynah/internal/localdiscord"
)

// room is one voice channel: who is in it, and their end-to-end encryption.
type room struct {
	server  *Server
	guild   localdiscord.ID
	channel localdiscord.ID

	mu      sync.Mutex
	members []*member
	sending atomic.Pointer[[]*member] // a snapshot for the relay
	e2ee    *delivery                 // nil without end-to-end encryption
}

func newRoom(s *Server, v localdiscord.VoiceSession) (*room, error) {
	r := &room{server: s, guild: v.GuildID, channel: v.ChannelID}
	r.sending.Store(&[]*member{})
	if s.cfg.MaxDAVE > 0 && !v.Stage {
		var err error
		if r.e2ee, err = newDelivery(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// byUser finds a member for the delivery service; nil when it has gone.
func (r *room) byUser(user dave.UserID) *member {
	for _, m := range r.members {
		if m.user == localdiscord.ID(user) {
			return m
		}
	}
	return nil
}

// enter adds a member: it learns who is here, and the others learn of it before anything of end-to-end encryption names it.
func (r *room) enter(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.send(opClientsConnect, map[string]any{"user_ids": ids(r.members)})
	for _, o := range r.members {
		m.send(opClientFlags, map[string]any{"user_id": o.user, "flags": 0})
		m.send(opClientPlatform, map[string]any{"user_id": o.user, "platform": 0})
		if o.spoke.Load() {
			user := o.user
			m.send(opSpeaking, speaking{Speaking: 1, SSRC: o.ssrc, UserID: &user})
		}
		o.send(opClientsConnect, map[string]any{"user_ids": []string{m.user.String()}})
		o.send(opClientFlags, map[string]any{"user_id": m.user, "flags": 0})
		o.send(opClientPlatform, map[string]any{"user_id": m.user, "platform": 0})
	}
	r.members = append(r.members, m)
	r.snapshot()
}

// leave removes a member and tells the others.
func (r *room) leave(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.members, m)
	if i < 0 {
		return
	}
	r.members = slices.Delete(r.members, i, i+1)
	r.snapshot()
	for _, o := range r.members {
		o.send(opClientDisconnect, map[string]any{"user_id": m.user})
	}
	if r.e2ee != nil {
		r.e2ee.left(m)
	}
}

func (r *room) snapshot() {
	list := slices.Clone(r.members)
	r.sending.Store(&list)
}

// others lists everybody but m.
func (r *room) others(m *member) []*member {
	var out []*member
	for _, o := range *r.sending.Load() {
		if o != m {
			out = append(out, o)
		}
	}
	return out
}

func (r *room) list() []*member { return *r.sending.Load() }

func (r *room) empty() bool { return len(r.list()) == 0 }

// speaking passes on that a member speaks, with its SSRC.
func (r *room) speaking(m *member, flags int) {
	m.spoke.Store(true)
	user := m.user
	for _, o := range r.others(m) {
		o.send(opSpeaking, speaking{Speaking: flags, SSRC: m.ssrc, UserID: &user})
	}
}

// version is the DAVE version that a member is told when its session is described.
func (r *room) version(m *member) int {
	if r.e2ee == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.e2ee.version(m)
}

// described lets a member that has its transport key take part in end-to-end encryption.
func (r *room) described(m *member) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.e2ee != nil && slices.Contains(r.members, m) {
		r.e2ee.joined(m)
	}
}

// binary takes a message that is no JSON.
func (r *room) binary(m *member, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.e2ee != nil && slices.Contains(r.members, m) {
		r.e2ee.binary(m, b)
	}
}

// transition takes op 23 and 31.
func (r *room) transition(m *member, op int, data json.RawMessage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.e2ee != nil && slices.Contains(r.members, m) {
		r.e2ee.json(m, op, data)
	}
}

func (r *room) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.e2ee != nil {
		r.e2ee.close()
	}
}
