package localdiscord

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"
)

// What this file holds are Discord's objects as JSON, and how they are made from the state. A value that is made
// here shares nothing that changes later, so it can be encoded after the lock is released.

// timestamp is Discord's form of ISO 8601.
func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000-07:00") }

func optionalTimestamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := timestamp(t)
	return &s
}

type wireUser struct {
	ID            ID      `json:"id"`
	Username      string  `json:"username"`
	Discriminator string  `json:"discriminator"`
	GlobalName    *string `json:"global_name"`
	Avatar        *string `json:"avatar"`
	Bot           bool    `json:"bot,omitempty"`
	Flags         int     `json:"flags"`
	PublicFlags   int     `json:"public_flags"`
	PrimaryGuild  *string `json:"primary_guild"`
	// Member is set for the mentions of gateway messages only.
	Member *wireMember `json:"member,omitempty"`
}

func (a *account) wire() wireUser {
	u := wireUser{ID: a.id, Username: a.username, Discriminator: "0", Bot: a.bot}
	if a.name != a.username {
		name := a.name
		u.GlobalName = &name
	}
	return u
}

// wireSelf is the user as it sees itself.
type wireSelf struct {
	wireUser
	MFAEnabled bool    `json:"mfa_enabled"`
	Locale     string  `json:"locale"`
	Verified   bool    `json:"verified"`
	Email      *string `json:"email"`
}

func (a *account) wireSelf() wireSelf {
	return wireSelf{wireUser: a.wire(), Locale: a.locale, Verified: true}
}

type wireMember struct {
	User        *wireUser    `json:"user,omitempty"`
	Nick        *string      `json:"nick"`
	Avatar      *string      `json:"avatar"`
	Banner      *string      `json:"banner"`
	Roles       []ID         `json:"roles"`
	JoinedAt    string       `json:"joined_at"`
	Premium     *string      `json:"premium_since"`
	Deaf        bool         `json:"deaf"`
	Mute        bool         `json:"mute"`
	Flags       int          `json:"flags"`
	Pending     bool         `json:"pending"`
	Timeout     *string      `json:"communication_disabled_until"`
	Permissions *Permissions `json:"permissions,omitempty"` // in interactions
}

func (m *member) wire(withUser bool) *wireMember {
	w := &wireMember{Roles: append([]ID{}, m.roles...), JoinedAt: timestamp(m.joined), Deaf: m.deaf, Mute: m.mute, Timeout: optionalTimestamp(m.timeout)}
	if m.nick != "" {
		nick := m.nick
		w.Nick = &nick
	}
	if withUser {
		u := m.account.wire()
		w.User = &u
	}
	return w
}

type wireRole struct {
	ID          ID             `json:"id"`
	Name        string         `json:"name"`
	Description *string        `json:"description"`
	Permissions Permissions    `json:"permissions"`
	Position    int            `json:"position"`
	Color       int            `json:"color"`
	Colors      map[string]any `json:"colors"`
	Hoist       bool           `json:"hoist"`
	Managed     bool           `json:"managed"`
	Mentionable bool           `json:"mentionable"`
	Icon        *string        `json:"icon"`
	Emoji       *string        `json:"unicode_emoji"`
	Flags       int            `json:"flags"`
	Tags        map[string]ID  `json:"tags,omitempty"`
}

func (g *guild) wireRoles() []wireRole {
	roles := make([]wireRole, len(g.roles))
	for i, r := range g.roles {
		roles[i] = wireRole{ID: r.id, Name: r.name, Permissions: r.permissions, Position: i, Managed: r.bot != 0,
			Colors: map[string]any{"primary_color": 0, "secondary_color": nil, "tertiary_color": nil}}
		if r.bot != 0 {
			roles[i].Tags = map[string]ID{"bot_id": r.bot}
		}
	}
	return roles
}

type wireOverwrite struct {
	ID    ID          `json:"id"`
	Type  int         `json:"type"` // 0 role, 1 member
	Allow Permissions `json:"allow"`
	Deny  Permissions `json:"deny"`
}

type wireChannel struct {
	ID            ID              `json:"id"`
	Type          int             `json:"type"`
	Flags         int             `json:"flags"`
	GuildID       ID              `json:"guild_id,omitempty"`
	Name          string          `json:"name,omitempty"`
	Position      *int            `json:"position,omitempty"`
	Topic         *string         `json:"topic,omitempty"`
	NSFW          *bool           `json:"nsfw,omitempty"`
	LastMessageID *optionalID     `json:"last_message_id,omitempty"`
	ParentID      *optionalID     `json:"parent_id,omitempty"`
	Overwrites    []wireOverwrite `json:"permission_overwrites,omitzero"`
	RateLimit     *int            `json:"rate_limit_per_user,omitempty"`
	Bitrate       int             `json:"bitrate,omitempty"`
	UserLimit     *int            `json:"user_limit,omitempty"`
	Recipients    []wireUser      `json:"recipients,omitempty"`
	*wireThread                   // of a thread
}

// wire shows the channel to the viewer: a direct message names the other.
func (ch *channel) wire(viewer *account) wireChannel {
	w := wireChannel{ID: ch.id, Type: ch.kind}
	last := optionalID(ch.last)
	if ch.kind != channelCategory {
		w.LastMessageID = &last
	}
	if ch.guild == nil {
		for _, a := range ch.recipients {
			if a != viewer {
				w.Recipients = append(w.Recipients, a.wire())
			}
		}
		return w
	}
	slow, no, position, parent := ch.slowMode, false, ch.position, optionalID(ch.parent)
	w.GuildID, w.Name, w.ParentID, w.RateLimit = ch.guild.id, ch.name, &parent, &slow
	if ch.thread != nil {
		w.wireThread = ch.wireThread(viewer)
		return w
	}
	w.Position, w.NSFW = &position, &no
	if ch.topic != "" {
		topic := ch.topic
		w.Topic = &topic
	}
	if ch.hasVoice() {
		limit := ch.userLimit
		w.Bitrate, w.UserLimit = 64000, &limit
	}
	w.Overwrites = []wireOverwrite{}
	for _, o := range ch.overwrites {
		kind := 0
		if o.member {
			kind = 1
		}
		w.Overwrites = append(w.Overwrites, wireOverwrite{ID: o.id, Type: kind, Allow: o.allow, Deny: o.deny})
	}
	return w
}

type wireGuild struct {
	ID                          ID                `json:"id"`
	Name                        string            `json:"name"`
	Icon                        *string           `json:"icon"`
	Description                 *string           `json:"description"`
	HomeHeader                  *string           `json:"home_header"`
	Splash                      *string           `json:"splash"`
	DiscoverySplash             *string           `json:"discovery_splash"`
	Features                    []string          `json:"features"`
	Banner                      *string           `json:"banner"`
	OwnerID                     ID                `json:"owner_id"`
	ApplicationID               optionalID        `json:"application_id"`
	Region                      string            `json:"region"`
	AFKChannelID                optionalID        `json:"afk_channel_id"`
	AFKTimeout                  int               `json:"afk_timeout"`
	SystemChannelID             optionalID        `json:"system_channel_id"`
	SystemChannelFlags          int               `json:"system_channel_flags"`
	WidgetEnabled               bool              `json:"widget_enabled"`
	WidgetChannelID             optionalID        `json:"widget_channel_id"`
	VerificationLevel           int               `json:"verification_level"`
	Roles                       []wireRole        `json:"roles"`
	DefaultMessageNotifications int               `json:"default_message_notifications"`
	MFALevel                    int               `json:"mfa_level"`
	ExplicitContentFilter       int               `json:"explicit_content_filter"`
	MaxPresences                *int              `json:"max_presences"`
	MaxMembers                  int               `json:"max_members"`
	MaxStageVideoUsers          int               `json:"max_stage_video_channel_users"`
	MaxVideoUsers               int               `json:"max_video_channel_users"`
	VanityURLCode               *string           `json:"vanity_url_code"`
	PremiumTier                 int               `json:"premium_tier"`
	PremiumSubscriptionCount    int               `json:"premium_subscription_count"`
	PreferredLocale             string            `json:"preferred_locale"`
	RulesChannelID              optionalID        `json:"rules_channel_id"`
	SafetyAlertsChannelID       optionalID        `json:"safety_alerts_channel_id"`
	PublicUpdatesChannelID      optionalID        `json:"public_updates_channel_id"`
	PremiumProgressBar          bool              `json:"premium_progress_bar_enabled"`
	NSFW                        bool              `json:"nsfw"`
	NSFWLevel                   int               `json:"nsfw_level"`
	Emojis                      []json.RawMessage `json:"emojis"`
	Stickers                    []json.RawMessage `json:"stickers"`
	Incidents                   *string           `json:"incidents_data"`
	MemberCount                 *int              `json:"approximate_member_count,omitempty"`
	PresenceCount               *int              `json:"approximate_presence_count,omitempty"`
}

func (g *guild) wire() wireGuild {
	return wireGuild{ID: g.id, Name: g.name, Features: []string{}, OwnerID: g.owner, Region: "deprecated", AFKTimeout: 300,
		AFKChannelID: optionalID(g.afk), PremiumTier: g.tier,
		Roles: g.wireRoles(), DefaultMessageNotifications: 1, MaxMembers: 500000, MaxStageVideoUsers: 50, MaxVideoUsers: 25,
		PreferredLocale: g.locale, Emojis: []json.RawMessage{}, Stickers: []json.RawMessage{}}
}

// wireGuildCreate is the GUILD_CREATE event.
type wireGuildCreate struct {
	wireGuild
	JoinedAt        string            `json:"joined_at"`
	Large           bool              `json:"large"`
	Unavailable     bool              `json:"unavailable"`
	MemberCount     int               `json:"member_count"`
	VoiceStates     []wireVoiceState  `json:"voice_states"`
	Members         []*wireMember     `json:"members"`
	Channels        []wireChannel     `json:"channels"`
	Threads         []wireChannel     `json:"threads"`
	Presences       []json.RawMessage `json:"presences"`
	StageInstances  []json.RawMessage `json:"stage_instances"`
	ScheduledEvents []json.RawMessage `json:"guild_scheduled_events"`
	Soundboard      []json.RawMessage `json:"soundboard_sounds"`
}

// wireCreate shows the guild to a session that has just identified. Without the intent for members only the account
// itself and those in voice channels are listed. A person sees only the channels that they may view.
func (g *guild) wireCreate(sess *session) wireGuildCreate {
	none := []json.RawMessage{}
	w := wireGuildCreate{wireGuild: g.wire(), JoinedAt: timestamp(g.members[sess.account.id].joined), MemberCount: len(g.order),
		VoiceStates: []wireVoiceState{}, Members: []*wireMember{}, Channels: []wireChannel{}, Threads: []wireChannel{}, Presences: none,
		StageInstances: none, ScheduledEvents: none, Soundboard: none}
	all := sess.intents.has(IntentGuildMembers)
	for _, m := range g.order {
		if _, inVoice := g.voice[m.account.id]; all || inVoice || m.account == sess.account {
			w.Members = append(w.Members, m.wire(true))
		}
		if v := g.voice[m.account.id]; v != nil {
			w.VoiceStates = append(w.VoiceStates, v.wire(false))
		}
	}
	for _, ch := range g.channels {
		if sess.account.bot || ch.permissions(sess.account).has(permViewChannel) {
			w.Channels = append(w.Channels, ch.wire(sess.account))
		}
	}
	for _, th := range g.threads {
		if !th.thread.archived && th.permissions(sess.account).has(permViewChannel) {
			w.Threads = append(w.Threads, th.wire(sess.account))
		}
	}
	return w
}

type wireAttachment struct {
	ID          ID       `json:"id"`
	Filename    string   `json:"filename"`
	Title       string   `json:"title,omitempty"`
	Description string   `json:"description,omitempty"`
	ContentType string   `json:"content_type,omitempty"`
	Size        int64    `json:"size"`
	URL         string   `json:"url"`
	ProxyURL    string   `json:"proxy_url"`
	Width       int      `json:"width,omitempty"`
	Height      int      `json:"height,omitempty"`
	Ephemeral   bool     `json:"ephemeral,omitempty"`
	Duration    *float64 `json:"duration_secs,omitempty"`
	Waveform    string   `json:"waveform,omitempty"`
	Flags       int      `json:"flags,omitempty"`
}

func (s *Server) wireAttachment(f *file) wireAttachment {
	now := s.cfg.Now()
	expires := now.Add(attachmentURLLife).Unix()
	u := fmt.Sprintf("%s/attachments/%s/%s/%s?ex=%x&is=%x&hm=%s&", s.cdnURL(), f.channel, f.id, url.PathEscape(f.name),
		expires, now.Unix(), s.store.sign(f.channel, f.id, expires))
	return wireAttachment{ID: f.id, Filename: f.name, Title: f.title, Description: f.description, ContentType: f.contentType,
		Size: f.size, URL: u, ProxyURL: u, Width: f.width, Height: f.height, Ephemeral: f.ephemeral, Duration: f.duration, Waveform: f.waveform}
}

type wireEmoji struct {
	ID   optionalID `json:"id"`
	Name string     `json:"name"`
}

type wireReaction struct {
	Emoji        wireEmoji      `json:"emoji"`
	Count        int            `json:"count"`
	CountDetails map[string]int `json:"count_details"`
	BurstColors  []string       `json:"burst_colors"`
	MeBurst      bool           `json:"me_burst"`
	Me           bool           `json:"me"`
}

type messageReference struct {
	Type      int `json:"type"`
	MessageID ID  `json:"message_id,omitempty"`
	ChannelID ID  `json:"channel_id"`
	GuildID   ID  `json:"guild_id,omitempty"`
}

// wireSnapshot is a forwarded message as it was.
type wireSnapshot struct {
	Message struct {
		Type            int               `json:"type"`
		Content         string            `json:"content"`
		Timestamp       string            `json:"timestamp"`
		EditedTimestamp *string           `json:"edited_timestamp"`
		Mentions        []wireUser        `json:"mentions"`
		MentionRoles    []ID              `json:"mention_roles"`
		Attachments     []wireAttachment  `json:"attachments"`
		Embeds          []json.RawMessage `json:"embeds"`
		Components      []json.RawMessage `json:"components"`
		Flags           int               `json:"flags"`
	} `json:"message"`
}

// snapshot shows a message to those whom it is forwarded to. Called with mu held.
func (s *Server) snapshot(m *message) *wireSnapshot {
	if m.snapshot != nil {
		return m.snapshot // a forward is forwarded as what it holds
	}
	whole, w := s.wireMessage(m, nil), &wireSnapshot{}
	w.Message.Type, w.Message.Content, w.Message.Flags = whole.Type, whole.Content, whole.Flags
	w.Message.Timestamp, w.Message.EditedTimestamp = whole.Timestamp, whole.EditedTimestamp
	w.Message.Mentions, w.Message.MentionRoles = whole.Mentions, whole.MentionRoles
	w.Message.Attachments, w.Message.Embeds, w.Message.Components = whole.Attachments, whole.Embeds, whole.Components
	return w
}

type wireMessage struct {
	ID              ID                   `json:"id"`
	ChannelID       ID                   `json:"channel_id"`
	GuildID         ID                   `json:"guild_id,omitempty"` // in events
	Type            int                  `json:"type"`
	Author          wireUser             `json:"author"`
	Member          *wireMember          `json:"member,omitempty"` // in events
	Content         string               `json:"content"`
	Timestamp       string               `json:"timestamp"`
	EditedTimestamp *string              `json:"edited_timestamp"`
	TTS             bool                 `json:"tts"`
	MentionEveryone bool                 `json:"mention_everyone"`
	Mentions        []wireUser           `json:"mentions"`
	MentionRoles    []ID                 `json:"mention_roles"`
	Attachments     []wireAttachment     `json:"attachments"`
	Embeds          []json.RawMessage    `json:"embeds"`
	Components      []json.RawMessage    `json:"components"`
	Reactions       []wireReaction       `json:"reactions,omitempty"`
	Nonce           json.RawMessage      `json:"nonce,omitempty"`
	Pinned          bool                 `json:"pinned"`
	Flags           int                  `json:"flags"`
	WebhookID       ID                   `json:"webhook_id,omitempty"`
	ApplicationID   ID                   `json:"application_id,omitempty"`
	Reference       *messageReference    `json:"message_reference,omitempty"`
	Referenced      *wireReferenced      `json:"referenced_message,omitempty"`
	Snapshots       []wireSnapshot       `json:"message_snapshots,omitempty"`
	Poll            json.RawMessage      `json:"poll,omitempty"`
	Stickers        []json.RawMessage    `json:"sticker_items,omitempty"`
	Metadata        *interactionMetadata `json:"interaction_metadata,omitempty"`
	Interaction     *wireOldInteraction  `json:"interaction,omitempty"`
	Position        *int                 `json:"position,omitempty"`
	ChannelType     *int                 `json:"channel_type,omitempty"` // in events

	over map[string]json.RawMessage // fields that a test has laid over
}

// MarshalJSON writes the message, with what a test has laid over it.
func (w wireMessage) MarshalJSON() ([]byte, error) {
	type plain wireMessage
	if w.over == nil {
		return json.Marshal(plain(w))
	}
	more := map[string]any{}
	for k, v := range w.over {
		more[k] = v
	}
	return json.Marshal(mergeJSON(plain(w), more))
}

// wireMessage shows the message to the viewer, whose own reactions are marked; viewer may be nil.
func (s *Server) wireMessage(m *message, viewer *account) wireMessage {
	w := wireMessage{ID: m.id, ChannelID: m.channel.id, Type: m.kind, Author: m.author.wire(), Content: m.content,
		Timestamp: timestamp(m.created), EditedTimestamp: optionalTimestamp(m.edited), TTS: m.tts,
		MentionEveryone: m.everyone, Mentions: make([]wireUser, 0, len(m.mentions)), MentionRoles: append([]ID{}, m.roles...),
		Attachments: make([]wireAttachment, 0, len(m.files)), Embeds: append([]json.RawMessage{}, m.embeds...),
		Components: append([]json.RawMessage{}, m.components...), Nonce: m.nonce, Pinned: m.pinned, Flags: m.flags,
		ApplicationID: m.app, WebhookID: m.app, Reference: m.reference, Metadata: m.metadata}
	w.Poll, w.Stickers, w.over = m.poll, m.stickers, m.over
	if m.snapshot != nil {
		w.Snapshots = []wireSnapshot{*m.snapshot}
	}
	if m.metadata != nil && m.metadata.Type == interactionCommand {
		w.Interaction = &wireOldInteraction{ID: m.metadata.ID, Type: m.metadata.Type, Name: m.metadata.name, User: m.metadata.User}
	}
	for _, a := range m.mentions {
		w.Mentions = append(w.Mentions, a.wire())
	}
	for _, f := range m.files {
		w.Attachments = append(w.Attachments, s.wireAttachment(f))
	}
	for _, r := range m.reactions {
		wr := wireReaction{Emoji: r.wire(), Count: len(r.by), CountDetails: map[string]int{"burst": 0, "normal": len(r.by)}, BurstColors: []string{}}
		for _, id := range r.by {
			wr.Me = wr.Me || viewer != nil && id == viewer.id
		}
		w.Reactions = append(w.Reactions, wr)
	}
	if m.reference != nil && m.kind == messageReply {
		w.Referenced = &wireReferenced{}
		if ref := m.channel.find(m.reference.MessageID); ref != nil {
			inner := s.wireMessage(ref, viewer)
			inner.Referenced = nil
			w.Referenced.message = &inner
		}
	}
	return w
}

// wireEventMessage is the message as MESSAGE_CREATE and MESSAGE_UPDATE carry it.
func (s *Server) wireEventMessage(m *message) wireMessage {
	w := s.wireMessage(m, nil)
	kind := m.channel.kind
	w.ChannelType = &kind
	if g := m.channel.guild; g != nil {
		w.GuildID = g.id
		if mem := g.members[m.author.id]; mem != nil {
			w.Member = mem.wire(false)
		}
		for i, a := range m.mentions {
			if mem := g.members[a.id]; mem != nil {
				w.Mentions[i].Member = mem.wire(false)
			}
		}
	}
	return w
}

// withoutContent is what a session without the message content intent gets.
func (w wireMessage) withoutContent() wireMessage {
	w.Content = ""
	w.Attachments = []wireAttachment{}
	w.Embeds = []json.RawMessage{}
	w.Components = []json.RawMessage{}
	w.Poll = nil
	w.Snapshots = nil
	if w.Referenced != nil && w.Referenced.message != nil {
		inner := w.Referenced.message.withoutContent()
		w.Referenced = &wireReferenced{message: &inner}
	}
	return w
}

// wireReferenced is the message that a reply answers: null when it was deleted.
type wireReferenced struct{ message *wireMessage }

// MarshalJSON writes the message or null.
func (r *wireReferenced) MarshalJSON() ([]byte, error) { return json.Marshal(r.message) }

func (r *reaction) wire() wireEmoji { return wireEmoji{ID: optionalID(r.id), Name: r.name} }

// mustJSON encodes a value of this file, none of which can fail.
func mustJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("localdiscord: encode %T: %v", v, err))
	}
	return b
}
