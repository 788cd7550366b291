package localdiscord

import (
	"encoding/json"
	"fmt"
	"strconv"
	"unicode/utf8"
)

// Interaction callback types.
const (
	callbackMessage         = 4
	callbackDeferredMessage = 5
	callbackDeferredUpdate  = 6
	callbackUpdate          = 7
	callbackAutocomplete    = 8
	callbackModal           = 9
)

// callback takes the application's first response: POST /interactions/{id}/{token}/callback.
func (c *call) callback() (any, error) {
	s := c.s
	id, err := c.id("interaction")
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	it, err := s.unanswered(c.r.PathValue("token"), id)
	var channel ID
	if err == nil {
		channel = it.channel.id
	}
	s.mu.Unlock()
	if err != nil {
		return nil, err
	}
	var kind int
	var data json.RawMessage
	in, err := c.readMessage(channel, func(b []byte) (json.RawMessage, error) {
		var body struct {
			Type int             `json:"type"`
			Data json.RawMessage `json:"data"`
		}
		if err := decodeJSON(b, &body); err != nil {
			return nil, err
		}
		kind, data = body.Type, body.Data
		if string(data) == "null" {
			data = nil
		}
		switch kind {
		case callbackMessage, callbackUpdate, callbackDeferredMessage:
			return data, nil
		}
		return nil, nil
	})
	if err != nil {
		return nil, err
	}
	defer func() { s.store.discard(in.files) }()

	s.mu.Lock()
	defer s.mu.Unlock()
	if it, err = s.unanswered(c.r.PathValue("token"), id); err != nil {
		return nil, err
	}
	m, err := s.respond(it, kind, in, data)
	if err != nil {
		return nil, err
	}
	it.answered = true
	it.tellUser(s, "INTERACTION_SUCCESS", nil)
	if !c.queryBool("with_response") {
		return nil, nil
	}
	about := map[string]any{"id": it.id, "type": it.kind, "channel_id": it.channel.id}
	if it.channel.guild != nil {
		about["guild_id"] = it.channel.guild.id
	}
	body := map[string]any{"interaction": about}
	if m != nil {
		about["response_message_id"] = m.id
		about["response_message_loading"] = m.flags&flagLoading != 0
		about["response_message_ephemeral"] = m.ephemeral != nil
		if kind == callbackMessage || kind == callbackUpdate {
			body["resource"] = map[string]any{"type": kind, "message": s.wireMessage(m, it.app)}
		}
	}
	return body, nil
}

// unanswered finds an interaction that waits for its first response. Called with mu held.
func (s *Server) unanswered(token string, id ID) (*interaction, error) {
	it := s.interactions[token]
	switch {
	case it == nil || it.id != id || !it.answered && s.cfg.Now().Sub(it.created) > answerTime:
		return nil, errUnknownInteraction
	case it.answered:
		return nil, errAcknowledged
	}
	return it, nil
}

// respond carries out a first response; m is the message that it made or changed. Called with mu held.
func (s *Server) respond(it *interaction, kind int, in *messageInput, data json.RawMessage) (m *message, err error) {
	bad := func() error {
		return formError("type", "INTERACTION_TYPE_INVALID", fmt.Sprintf("Response type %d does not fit an interaction of type %d", kind, it.kind))
	}
	if (kind == callbackAutocomplete) != (it.kind == interactionAutocomplete) {
		return nil, bad()
	}
	switch kind {
	case callbackMessage:
		if err := in.validate(false); err != nil {
			return nil, err
		}
		m = s.postResponse(it, in, it.kind != interactionComponent && it.kind != interactionModal || it.source == 0)
		it.original = m.id
		return m, nil
	case callbackDeferredMessage:
		in.Content, in.Embeds, in.Components = optional[string]{}, optional[[]json.RawMessage]{}, optional[[]json.RawMessage]{}
		it.ephemeral = in.flags()&flagEphemeral != 0
		in.Flags = optional[int]{set: true, value: in.flags() & flagEphemeral}
		m = s.postResponseWith(it, in, true, flagLoading)
		it.original, it.deferred = m.id, true
		return m, nil
	case callbackDeferredUpdate, callbackUpdate:
		if m = it.channel.find(it.source); it.source == 0 || m == nil {
			return nil, bad()
		}
		if kind == callbackDeferredUpdate {
			return m, nil
		}
		if err := in.validate(true); err != nil {
			return nil, err
		}
		return m, s.edit(m, in, false)
	case callbackAutocomplete:
		return nil, s.offerChoices(it, data)
	case callbackModal:
		if it.kind == interactionModal {
			return nil, bad()
		}
		return nil, s.openModal(it, data)
	}
	return nil, bad()
}

func (s *Server) postResponse(it *interaction, in *messageInput, first bool) *message {
	return s.postResponseWith(it, in, first, 0)
}

// postResponseWith posts a message of the interaction. first tells a command's first response from follow-ups and from answers
// to components, which are replies. Called with mu held.
func (s *Server) postResponseWith(it *interaction, in *messageInput, first bool, flags int) *message {
	in.Reference = nil
	return s.post(it.channel, it.app, in, func(m *message) {
		meta := *it.metadata
		m.flags |= flags
		m.app = it.app.application()
		m.interaction = it.id
		if m.flags&flagEphemeral != 0 {
			m.ephemeral = it.user
		}
		switch {
		case first && it.metadata.TargetMessage != 0 || first && it.metadata.TargetUser != nil:
			m.kind = messageMenuCommand
		case first && it.kind == interactionCommand:
			m.kind = messageChatCommand
		default:
			if ref := it.channel.find(it.original); ref != nil {
				m.kind = messageReply
				m.reference = &messageReference{MessageID: ref.id, ChannelID: it.channel.id}
				if it.channel.guild != nil {
					m.reference.GuildID = it.channel.guild.id
				}
			}
			if it.answered {
				meta.Original = it.original
			}
		}
		m.metadata = &meta
	})
}

// offerChoices passes autocompletion choices on to the person's clients. Called with mu held.
func (s *Server) offerChoices(it *interaction, data json.RawMessage) error {
	var body struct {
		Choices []commandChoice `json:"choices"`
	}
	if err := decodeJSON(data, &body); err != nil {
		return err
	}
	if len(body.Choices) > maxChoices {
		return formError("data.choices", "BASE_TYPE_MAX_LENGTH", fmt.Sprintf("Must be %d or fewer in length.", maxChoices))
	}
	for i, ch := range body.Choices {
		if n := utf8.RuneCountInString(ch.Name); n < 1 || n > 100 {
			return formError(fmt.Sprintf("data.choices.%d.name", i), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
		}
		var text string
		if len(ch.Value) == 0 || json.Unmarshal(ch.Value, &text) == nil && utf8.RuneCountInString(text) > 100 {
			return formError(fmt.Sprintf("data.choices.%d.value", i), "BASE_TYPE_BAD_LENGTH", "Must be 100 or fewer in length.")
		}
		body.Choices[i].NameLocalized = ch.NameLocalizations[it.user.locale]
	}
	it.tellUser(s, "APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE", map[string]any{"choices": append([]commandChoice{}, body.Choices...)})
	return nil
}

// openModal passes a modal on to the person's clients, and remembers what may be submitted. Called with mu held.
func (s *Server) openModal(it *interaction, data json.RawMessage) error {
	var body struct {
		CustomID   string           `json:"custom_id"`
		Title      string           `json:"title"`
		Components []map[string]any `json:"components"`
	}
	if err := decodeJSON(data, &body); err != nil {
		return err
	}
	if n := utf8.RuneCountInString(body.CustomID); n < 1 || n > 100 {
		return formError("data.custom_id", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
	}
	if n := utf8.RuneCountInString(body.Title); n < 1 || n > 45 {
		return formError("data.title", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 45 in length.")
	}
	if n := len(body.Components); n < 1 || n > maxModalRows {
		return formError("data.components", "BASE_TYPE_BAD_LENGTH", fmt.Sprintf("Must be between 1 and %d in length.", maxModalRows))
	}
	modal := &openModal{customID: body.CustomID, inputs: map[string]modalInput{}}
	next, count := 1, 0
	var collect func(comp map[string]any)
	collect = func(comp map[string]any) {
		if id, _ := comp["custom_id"].(string); id != "" {
			required, given := comp["required"].(bool)
			modal.inputs[id] = modalInput{required: required || !given, minLength: intOr(comp["min_length"], 0), maxLength: min(intOr(comp["max_length"], 4000), 4000),
				id: float64(intOr(comp["id"], 0))}
		}
		if one, ok := comp["component"].(map[string]any); ok {
			collect(one)
		}
		children, _ := comp["components"].([]any)
		for _, child := range children {
			if m, ok := child.(map[string]any); ok {
				collect(m)
			}
		}
	}
	for i, comp := range body.Components {
		if kind := intOr(comp["type"], 0); kind != componentRow && kind != componentLabel && kind != 10 {
			return formError(fmt.Sprintf("data.components.%d.type", i), "BASE_TYPE_CHOICES", "Value must be one of (1, 10, 18).")
		}
		if err := completeComponent(comp, fmt.Sprintf("data.components.%d", i), &next, &count); err != nil {
			return err
		}
		body.Components[i] = normalised(comp)
		collect(body.Components[i])
	}
	it.modal = modal
	it.tellUser(s, "INTERACTION_MODAL_CREATE", map[string]any{"channel_id": it.channel.id, "custom_id": body.CustomID, "title": body.Title,
		"components": body.Components, "application": map[string]any{"id": it.app.application(), "name": it.app.name, "icon": nil, "description": "", "bot": it.app.wire()}})
	return nil
}

// normalised gives a component the types that decoding JSON gives.
func normalised(comp map[string]any) map[string]any {
	var out map[string]any
	if err := json.Unmarshal(mustJSON(comp), &out); err != nil {
		panic(err) // mustJSON wrote an object
	}
	return out
}

// followUp posts one more message; the first one after a deferral fills the message that is waiting.
func (c *call) followUp(in *messageInput) (any, error) {
	s := c.s
	it, err := c.hook()
	if err != nil {
		return nil, err
	}
	if m := it.channel.find(it.original); it.deferred && m != nil {
		if err := s.fill(it, m, in); err != nil {
			return nil, err
		}
		return s.wireMessage(m, it.app), nil
	}
	return s.wireMessage(s.postResponse(it, in, false), it.app), nil
}

// fill replaces the loading message of a deferral. Called with mu held.
func (s *Server) fill(it *interaction, m *message, in *messageInput) error {
	loading := m.flags & flagLoading
	m.flags &^= flagLoading
	in.Attachments = optional[[]attachmentInput]{}
	in.Flags.value &^= flagEphemeral
	if err := s.edit(m, in, true); err != nil {
		m.flags |= loading
		return err
	}
	it.deferred = false
	return nil
}

func (c *call) getResponse(it *interaction, m *message) (any, error) {
	return c.s.wireMessage(m, it.app), nil
}

func (c *call) editResponse(in *messageInput) (any, error) {
	s := c.s
	it, m, err := c.response()
	if err != nil {
		return nil, err
	}
	if it.deferred && m.id == it.original {
		err = s.fill(it, m, in)
	} else {
		err = s.edit(m, in, false)
	}
	if err != nil {
		return nil, err
	}
	return s.wireMessage(m, it.app), nil
}

func (c *call) deleteResponse(it *interaction, m *message) (any, error) {
	it.deferred = it.deferred && m.id != it.original
	c.s.deleteMessage(m)
	return nil, nil
}

// intOr reads a JSON number or returns the default.
func intOr(v any, def int) int {
	if n, ok := v.(float64); ok {
		return int(n)
	}
	if s, ok := v.(string); ok {
		if n, err := strconv.Atoi(s); err == nil {
			return n
		}
	}
	return def
}
