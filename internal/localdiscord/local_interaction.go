package localdiscord

import (
	"encoding/json"
	"slices"
)

// localInteraction lets a test act as a person without knowing IDs: a command by name with its options by name.
func (s *Server) localInteraction(body []byte) (any, error) {
	var q struct {
		Account     string                     `json:"account"`
		Channel     string                     `json:"channel"`
		Application string                     `json:"application"`
		Command     string                     `json:"command"`
		Subcommand  []string                   `json:"subcommand"`
		Options     map[string]json.RawMessage `json:"options"`
		Focused     string                     `json:"focused"` // autocompletes this option
		Target      ID                         `json:"target"`  // of a context-menu command
		Message     ID                         `json:"message"` // whose component is used
		CustomID    string                     `json:"custom_id"`
		Values      []string                   `json:"values"`
		Foreign     bool                       `json:"foreign"` // the person has installed the application for themselves
		Modal       map[string]string          `json:"modal"`   // submits the modal custom_id with these inputs
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	user, err := s.findAccount(q.Account)
	if err != nil {
		return nil, err
	}
	app, err := s.findAccount(q.Application)
	if err != nil {
		return nil, err
	}
	ch, err := s.findChannel(q.Channel)
	if err != nil {
		return nil, err
	}
	in := &interactionInput{ApplicationID: app.application(), ChannelID: ch.id, MessageID: q.Message}
	in.foreign = q.Foreign
	in.Data.CustomID, in.Data.Values, in.Data.TargetID = q.CustomID, q.Values, q.Target
	switch {
	case q.Modal != nil:
		in.Type = interactionModal
		for id, value := range q.Modal {
			in.Data.Components = append(in.Data.Components, givenComponent{Type: componentRow,
				Components: []givenComponent{{Type: componentTextInput, CustomID: id, Value: &value}}})
		}
	case q.Message != 0:
		in.Type = interactionComponent
	default:
		in.Type = interactionCommand
		if q.Focused != "" {
			in.Type = interactionAutocomplete
		}
		in.Data.Name, in.Data.Type = q.Command, commandChat
		if q.Target != 0 {
			in.Data.Type = commandMessage
			if s.accounts[q.Target] != nil {
				in.Data.Type = commandUser
			}
		}
		var options []givenOption
		for name, value := range q.Options {
			options = append(options, givenOption{Name: name, Value: value, Focused: name == q.Focused})
		}
		for _, name := range slices.Backward(q.Subcommand) {
			options = []givenOption{{Name: name, Options: options}}
		}
		in.Data.Options = options
	}
	it, err := s.interact(user, in)
	if err != nil {
		return nil, err
	}
	return map[string]string{"id": it.id.String(), "token": it.token}, nil
}
