package localdiscord

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"
)

// What this file holds are threads and the posts of forums, which are threads too.

// thread is what a channel has that is a thread. Guarded by Server.mu.
type thread struct {
	parent   *channel
	owner    ID
	archived bool
	locked   bool // only who manages threads may open it again
	changed  time.Time
	created  time.Time
	members  []ID
}

// wireThread is what the channel object of a thread has beside that of a channel.
type wireThread struct {
	OwnerID      ID             `json:"owner_id"`
	Metadata     map[string]any `json:"thread_metadata"`
	MessageCount int            `json:"message_count"`
	MemberCount  int            `json:"member_count"`
	TotalSent    int            `json:"total_message_sent"`
	Member       map[string]any `json:"member,omitempty"` // the viewer's own
}

func (ch *channel) wireThread(viewer *account) *wireThread {
	t := ch.thread
	w := &wireThread{OwnerID: t.owner, MessageCount: len(ch.messages), MemberCount: len(t.members), TotalSent: len(ch.messages),
		Metadata: map[string]any{"archived": t.archived, "auto_archive_duration": 1440, "archive_timestamp": timestamp(t.changed),
			"locked": t.locked, "create_timestamp": timestamp(t.created)}}
	if viewer != nil && slices.Contains(t.members, viewer.id) {
		w.Member = map[string]any{"id": ch.id, "user_id": viewer.id, "join_timestamp": timestamp(t.created), "flags": 0}
	}
	return w
}

func (s *Server) threadRoutes(add addRoute) {
	add("POST /channels/{channel}/threads", authToken, (*call).startThread)
	add("POST /channels/{channel}/messages/{message}/threads", authToken, onMessage(permCreateThreads, (*call).startThreadAt))
	add("PATCH /channels/{channel}", authToken, inChannel(0, (*call).editChannel))
	add("DELETE /channels/{channel}", authToken, inChannel(permManageThreads, (*call).deleteThread))
	add("PUT /channels/{channel}/thread-members/@me", authToken, inChannel(0, (*call).joinThread))
}

// startThread starts a thread in a text channel, or a post in a forum, whose message the request holds.
func (c *call) startThread() (any, error) {
	id, err := c.id("channel")
	if err != nil {
		return nil, err
	}
	var body struct {
		Name    string          `json:"name"`
		Message json.RawMessage `json:"message"`
	}
	in, err := c.readMessage(id, func(b []byte) (json.RawMessage, error) { return body.Message, decodeJSON(b, &body) })
	if err != nil {
		return nil, err
	}
	defer func() { c.s.store.discard(in.files) }()
	if err := checkThreadName(body.Name); err != nil {
		return nil, err
	}
	return inChannel(0, func(c *call, ch *channel) (any, error) {
		want := permCreateThreads
		switch ch.kind {
		case channelText:
		case channelForum:
			if want = permSendMessages; body.Message == nil {
				return nil, formError("message", "BASE_TYPE_REQUIRED", "This field is required")
			}
			if err := in.validate(false); err != nil {
				return nil, err
			}
		default:
			return nil, errWrongChannel
		}
		if !ch.permissions(c.account).has(want) {
			return nil, errMissingPermissions
		}
		th := c.s.newThread(ch, c.account, c.s.newID(), body.Name)
		if ch.kind == channelText {
			return created{th.wire(c.account)}, nil
		}
		// The first message of a post has the thread's ID.
		m := c.s.post(th, c.account, in, func(m *message) { m.id = th.id })
		return created{mergeJSON(th.wire(c.account), map[string]any{"message": c.s.wireMessage(m, c.account)})}, nil
	})(c)
}

// startThreadAt starts a thread at a message, whose ID it has too.
func (c *call) startThreadAt(m *message) (any, error) {
	var body struct {
		Name string `json:"name"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if err := checkThreadName(body.Name); err != nil {
		return nil, err
	}
	if m.channel.kind != channelText {
		return nil, errWrongChannel
	}
	if c.s.channels[m.id] != nil {
		return nil, &apiError{Status: 400, Message: "A thread has already been created for this message", Code: 160004}
	}
	return created{c.s.newThread(m.channel, c.account, m.id, body.Name).wire(c.account)}, nil
}

func checkThreadName(name string) error {
	if n := utf8.RuneCountInString(name); n < 1 || n > 100 {
		return formError("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
	}
	return nil
}

// newThread makes a thread and tells everybody who sees it. Called with mu held.
func (s *Server) newThread(parent *channel, owner *account, id ID, name string) *channel {
	now := s.cfg.Now()
	th := &channel{id: id, kind: channelThread, name: name, guild: parent.guild, parent: parent.id,
		thread: &thread{parent: parent, owner: owner.id, created: now, changed: now, members: []ID{owner.id}}}
	parent.guild.threads = append(parent.guild.threads, th)
	s.channels[th.id] = th
	s.notify(th, IntentGuilds, IntentGuilds, "THREAD_CREATE", mergeJSON(th.wire(nil), map[string]any{"newly_created": true}))
	return th
}

// editChannel renames, archives or locks a thread, or changes a channel's name, topic and slow mode.
func (c *call) editChannel(ch *channel) (any, error) {
	var body struct {
		Name     *string `json:"name"`
		Topic    *string `json:"topic"`
		SlowMode *int    `json:"rate_limit_per_user"`
		Archived *bool   `json:"archived"`
		Locked   *bool   `json:"locked"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	p := ch.permissions(c.account)
	want := permManageChannels
	if ch.thread != nil {
		want = permManageThreads
	}
	reopens := ch.thread != nil && body.Archived != nil && !ch.thread.locked && p.has(permSendMessages)
	if !p.has(want) && !(ch.thread != nil && ch.thread.owner == c.account.id && body.Locked == nil) && !reopens {
		return nil, errMissingPermissions
	}
	if ch.thread != nil && ch.thread.archived && (body.Archived == nil || *body.Archived) {
		return nil, errArchived
	}
	if body.Name != nil {
		ch.name = *body.Name
	}
	if body.Topic != nil {
		ch.topic = *body.Topic
	}
	if body.SlowMode != nil {
		if *body.SlowMode < 0 || *body.SlowMode > 21600 {
			return nil, formError("rate_limit_per_user", "NUMBER_TYPE_MAX", "int value should be between 0 and 21600.")
		}
		ch.slowMode = *body.SlowMode
	}
	if ch.thread == nil {
		c.s.notify(ch, IntentGuilds, IntentGuilds, "CHANNEL_UPDATE", ch.wire(nil))
		return ch.wire(c.account), nil
	}
	if body.Locked != nil {
		ch.thread.locked = *body.Locked
	}
	if body.Archived != nil {
		ch.thread.archived = *body.Archived
	}
	c.s.threadChanged(ch)
	return ch.wire(c.account), nil
}

// threadChanged tells of a thread's new state. Called with mu held.
func (s *Server) threadChanged(ch *channel) {
	ch.thread.changed = s.cfg.Now()
	s.notify(ch, IntentGuilds, IntentGuilds, "THREAD_UPDATE", ch.wire(nil))
}

func (c *call) deleteThread(ch *channel) (any, error) {
	if ch.thread == nil {
		return nil, &apiError{Status: 403, Message: "This server's channels are those of its world", Code: 50013}
	}
	s, g, was := c.s, ch.guild, ch.wire(c.account)
	s.notify(ch, IntentGuilds, IntentGuilds, "THREAD_DELETE",
		map[string]any{"id": ch.id, "guild_id": g.id, "parent_id": ch.parent, "type": ch.kind})
	for _, m := range ch.messages {
		s.store.discard(m.files)
	}
	delete(s.channels, ch.id)
	g.threads = slices.DeleteFunc(slices.Clone(g.threads), func(t *channel) bool { return t == ch })
	return was, nil
}

func (c *call) joinThread(ch *channel) (any, error) {
	switch {
	case ch.thread == nil:
		return nil, errWrongChannel
	case ch.thread.archived:
		return nil, errArchived
	case !slices.Contains(ch.thread.members, c.account.id):
		ch.thread.members = append(ch.thread.members, c.account.id)
	}
	return nil, nil
}

func (c *call) activeThreads(g *guild) (any, error) {
	list := []wireChannel{}
	for _, th := range g.threads {
		if !th.thread.archived && th.permissions(c.account).has(permViewChannel) {
			list = append(list, th.wire(c.account))
		}
	}
	return map[string]any{"threads": list, "members": []any{}, "has_more": false}, nil
}

// mergeJSON lays further fields over an object.
func mergeJSON(v any, more map[string]any) map[string]any {
	var out map[string]any
	if err := decodeJSON(mustJSON(v), &out); err != nil {
		panic(fmt.Sprintf("localdiscord: %T is no object", v))
	}
	for k, v := range more {
		out[k] = v
	}
	return out
}
