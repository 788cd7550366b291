package localdiscord

import (
	"encoding/json"
	"net/http"
	"time"
)

// What this file holds is how an interaction comes about: a person runs a command, presses a button, submits a modal, and the
// application gets INTERACTION_CREATE. How it is answered is in interaction_callback.go.

const (
	// answerTime is how long the application may take to its first response.
	answerTime = 3 * time.Second
	// tokenLife is how long an interaction's token is good for.
	tokenLife = 15 * time.Minute
	// maxInteractions is how many interactions are remembered; the oldest go first. It bounds the memory of a server whose
	// commands are run without end.
	maxInteractions = 10000
	// maxModalRows is how many components a modal may have.
	maxModalRows = 5
)

// Interaction types.
const (
	interactionCommand      = 2
	interactionComponent    = 3
	interactionAutocomplete = 4
	interactionModal        = 5
)

// interaction is one that is going on. Guarded by Server.mu.
type interaction struct {
	id      ID
	token   string
	kind    int
	app     *account
	user    *account
	channel *channel
	name    string // of the command
	nonce   json.RawMessage
	created time.Time

	foreign   bool // see interactionInput
	answered  bool
	deferred  bool // waiting for the follow-up that fills the original message
	ephemeral bool // what the deferral asked for
	original  ID   // message
	source    ID   // message whose component or modal it is
	metadata  *interactionMetadata
	modal     *openModal
	files     []*file // attachments among its options
}

// openModal is a modal that a person has open.
type openModal struct {
	customID string
	inputs   map[string]modalInput
}

type modalInput struct {
	required  bool
	minLength int
	maxLength int
	id        float64
}

// interactionMetadata is what a message says about the interaction that it answers. It does not change.
type interactionMetadata struct {
	ID             ID                   `json:"id"`
	Type           int                  `json:"type"`
	User           wireUser             `json:"user"`
	Owners         map[string]ID        `json:"authorizing_integration_owners"`
	Original       ID                   `json:"original_response_message_id,omitempty"` // of follow-ups
	TargetUser     *wireUser            `json:"target_user,omitempty"`
	TargetMessage  ID                   `json:"target_message_id,omitempty"`
	InteractedWith ID                   `json:"interacted_message_id,omitempty"`
	Triggering     *interactionMetadata `json:"triggering_interaction_metadata,omitempty"`
	name           string
}

// wireOldInteraction is the older form of the metadata, which client libraries still read.
type wireOldInteraction struct {
	ID   ID       `json:"id"`
	Type int      `json:"type"`
	Name string   `json:"name"`
	User wireUser `json:"user"`
}

// interactionInput is what a person's client posts to /interactions.
type interactionInput struct {
	Type          int             `json:"type"`
	ApplicationID ID              `json:"application_id"`
	GuildID       ID              `json:"guild_id"`
	ChannelID     ID              `json:"channel_id"`
	MessageID     ID              `json:"message_id"`
	Nonce         json.RawMessage `json:"nonce"`
	Data          struct {
		ID          ID                `json:"id"`
		Name        string            `json:"name"`
		Type        int               `json:"type"`
		Options     []givenOption     `json:"options"`
		TargetID    ID                `json:"target_id"`
		Attachments []attachmentInput `json:"attachments"`
		CustomID    string            `json:"custom_id"`
		Values      []string          `json:"values"`
		Components  []givenComponent  `json:"components"`
	} `json:"data"`

	files   []*file
	numbers []string
	// foreign tells that the person has installed the application for themselves: it needn't be a member of the guild.
	foreign bool
}

// givenOption is an option as given, and as the application gets it.
type givenOption struct {
	Type    int             `json:"type"`
	Name    string          `json:"name"`
	Value   json.RawMessage `json:"value,omitempty"`
	Options []givenOption   `json:"options,omitzero"`
	Focused bool            `json:"focused,omitempty"`
}

type givenComponent struct {
	Type       int              `json:"type"`
	ID         float64          `json:"id,omitempty"`
	CustomID   string           `json:"custom_id,omitempty"`
	Value      *string          `json:"value,omitempty"`
	Values     []string         `json:"values,omitempty"`
	Components []givenComponent `json:"components,omitempty"`
	Component  *givenComponent  `json:"component,omitempty"`
}

func (s *Server) interactionRoutes(add addRoute) {
	add("POST /interactions", authToken, (*call).interact)
	add("POST /interactions/{interaction}/{token}/callback", authNone, (*call).callback)
	const hook = "/webhooks/{app}/{token}"
	add("POST "+hook, authNone, sending(false, toHook, (*call).followUp))
	add("GET "+hook+"/messages/{message}", authNone, onResponse((*call).getResponse))
	add("PATCH "+hook+"/messages/{message}", authNone, sending(true, toHook, (*call).editResponse))
	add("DELETE "+hook+"/messages/{message}", authNone, onResponse((*call).deleteResponse))
}

// interact takes an interaction from a person. It answers 204; how it goes on comes over the gateway.
func (c *call) interact() (any, error) {
	if c.account.bot {
		return nil, &apiError{Status: http.StatusForbidden, Message: "Bots cannot use this endpoint", Code: 20001}
	}
	var in interactionInput
	msg, err := c.readMessage(0, func(b []byte) (json.RawMessage, error) { return nil, decodeJSON(b, &in) })
	if err != nil {
		return nil, err
	}
	in.files, in.numbers = msg.files, msg.numbers
	c.s.mu.Lock()
	_, err = c.s.interact(c.account, &in)
	c.s.mu.Unlock()
	if err != nil {
		c.s.store.discard(in.files)
		return nil, err
	}
	return nil, nil
}

// interact starts an interaction. Called with mu held.
func (s *Server) interact(user *account, in *interactionInput) (*interaction, error) {
	ch := s.channels[in.ChannelID]
	if ch == nil || !ch.permissions(user).has(permViewChannel) {
		return nil, errUnknownChannel
	}
	app := s.accounts[in.ApplicationID]
	if app == nil || !app.bot || !in.foreign && ch.permissions(app) == 0 && (ch.guild == nil || ch.guild.members[app.id] == nil) {
		return nil, &apiError{Status: 404, Message: "Unknown Application", Code: 10002}
	}
	it := &interaction{foreign: in.foreign, id: s.newID(), token: interactionToken(), kind: in.Type, app: app, user: user, channel: ch, nonce: in.Nonce, created: s.cfg.Now()}
	if string(it.nonce) == "null" {
		it.nonce = nil
	}
	it.metadata = &interactionMetadata{ID: it.id, Type: in.Type, User: user.wire(), Owners: it.owners()}
	event := it.event(s)
	var err error
	switch in.Type {
	case interactionCommand, interactionAutocomplete:
		event["data"], err = s.commandData(it, in)
	case interactionComponent:
		err = s.componentData(it, in, event)
	case interactionModal:
		err = s.modalData(it, in, event)
	default:
		err = formError("type", "BASE_TYPE_CHOICES", "Value must be one of (2, 3, 4, 5).")
	}
	if err != nil {
		return nil, err
	}
	s.remember(it)
	it.tellUser(s, "INTERACTION_CREATE", nil)
	s.notifyAccount(app, ch.guild, "INTERACTION_CREATE", event)
	return it, nil
}

func interactionToken() string { return "aW50ZXJhY3Rpb24" + randomHex(32) }

// owners says for whom the application was installed: the guild, or in direct messages nobody in particular.
func (it *interaction) owners() map[string]ID {
	if it.channel.guild != nil && !it.foreign {
		return map[string]ID{"0": it.channel.guild.id}
	}
	return map[string]ID{"1": it.user.id}
}

// event makes INTERACTION_CREATE without its data.
func (it *interaction) event(s *Server) map[string]any {
	ch := it.channel
	e := map[string]any{"id": it.id, "application_id": it.app.application(), "type": it.kind, "token": it.token, "version": 1,
		"channel_id": ch.id, "channel": ch.wire(it.app), "locale": it.user.locale, "entitlements": []any{}, "entitlement_sku_ids": []any{},
		"app_permissions": ch.permissions(it.app), "authorizing_integration_owners": it.owners(), "attachment_size_limit": s.limitOf(ch.guild)}
	if g := ch.guild; g != nil {
		m := g.members[it.user.id].wire(true)
		p := ch.permissions(it.user)
		m.Permissions = &p
		e["member"], e["guild_id"], e["guild_locale"], e["context"] = m, g.id, g.locale, 0
		e["guild"] = map[string]any{"id": g.id, "locale": g.locale, "features": []string{}}
	} else {
		e["user"], e["context"] = it.user.wire(), 1
	}
	return e
}

// remember keeps the interaction, and drops the oldest when there are too many. Called with mu held.
func (s *Server) remember(it *interaction) {
	s.interactions[it.token] = it
	s.interactionOrder = append(s.interactionOrder, it)
	for len(s.interactionOrder) > maxInteractions {
		s.forget(s.interactionOrder[0])
	}
}

// forget ends an interaction's token. Called with mu held.
func (s *Server) forget(it *interaction) {
	delete(s.interactions, it.token)
	s.store.discard(it.files)
	it.files = nil
	if len(s.interactionOrder) > 0 && s.interactionOrder[0] == it {
		s.interactionOrder = s.interactionOrder[1:]
	}
}

// sweepInteractions ends what was not answered in time, and tokens that are too old. Called with mu held.
func (s *Server) sweepInteractions(now time.Time) {
	for len(s.interactionOrder) > 0 {
		it := s.interactionOrder[0]
		if s.interactions[it.token] == it && now.Sub(it.created) <= tokenLife {
			break
		}
		delete(s.interactions, it.token)
		s.store.discard(it.files)
		s.interactionOrder[0] = nil
		s.interactionOrder = s.interactionOrder[1:]
	}
	for _, it := range s.interactions {
		if !it.answered && now.Sub(it.created) > answerTime {
			delete(s.interactions, it.token)
			it.tellUser(s, "INTERACTION_FAILURE", map[string]any{"reason_code": 2})
		}
	}
}

// tellUser tells the person's own clients how the interaction goes on; sessions of client libraries, which name intents, don't know
// these events. Called with mu held.
func (it *interaction) tellUser(s *Server, name string, more map[string]any) {
	data := map[string]any{"id": it.id, "nonce": it.nonce}
	for k, v := range more {
		data[k] = v
	}
	var raw json.RawMessage
	for _, sess := range it.user.sessions {
		if sess.native && sess.sees(it.channel.guild) {
			if raw == nil {
				raw = mustJSON(data)
			}
			sess.push(name, raw)
		}
	}
}
