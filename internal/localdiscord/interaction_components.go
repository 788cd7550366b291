package localdiscord

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// What this file holds is how a used component or a submitted modal becomes the data of its interaction.

// componentData makes the data of a pressed button or a chosen menu entry. Called with mu held.
func (s *Server) componentData(it *interaction, in *interactionInput, event map[string]any) error {
	m := it.channel.find(in.MessageID)
	if m == nil || !m.visible(it.user) || m.author != it.app {
		return errUnknownMessage
	}
	comp := findComponent(m.components, in.Data.CustomID)
	if comp == nil {
		return formError("data.custom_id", "COMPONENT_VALIDATION_FAILED", "The message has no such component")
	}
	if disabled, _ := comp["disabled"].(bool); disabled {
		return formError("data.custom_id", "COMPONENT_VALIDATION_FAILED", "The component is disabled")
	}
	kind, _ := comp["type"].(float64)
	id, _ := comp["id"].(float64)
	data := map[string]any{"component_type": int(kind), "custom_id": in.Data.CustomID, "id": int(id)}
	if int(kind) != componentButton {
		lo, _ := comp["min_values"].(float64)
		hi, _ := comp["max_values"].(float64)
		if n := float64(len(in.Data.Values)); n < lo || n > hi {
			return formError("data.values", "BASE_TYPE_BAD_LENGTH", fmt.Sprintf("Must be between %v and %v in length.", lo, hi))
		}
		data["values"] = append([]string{}, in.Data.Values...)
	}
	if int(kind) == componentSelect {
		options, _ := comp["options"].([]any)
		for _, v := range in.Data.Values {
			if !slices.ContainsFunc(options, func(o any) bool { m, _ := o.(map[string]any); return m["value"] == v }) {
				return formError("data.values", "BASE_TYPE_CHOICES", fmt.Sprintf("%.40q is not among the options", v))
			}
		}
	} else if int(kind) == 5 { // users
		res := &resolved{}
		for _, v := range in.Data.Values {
			uid, _ := ParseID(v)
			a := s.accounts[uid]
			if a == nil {
				return errUnknownUser
			}
			res.addUser(a, it.channel)
		}
		data["resolved"] = res
	}
	it.source = m.id
	it.original = m.id
	it.metadata.InteractedWith = m.id
	event["data"], event["message"] = data, s.wireMessage(m, it.app)
	return nil
}

func findComponent(list []json.RawMessage, customID string) map[string]any {
	var search func(v any) map[string]any
	search = func(v any) map[string]any {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				if m := search(e); m != nil {
					return m
				}
			}
		case map[string]any:
			if id, _ := v["custom_id"].(string); id == customID && id != "" {
				return v
			}
			for _, key := range []string{"components", "accessory", "component"} {
				if m := search(v[key]); m != nil {
					return m
				}
			}
		}
		return nil
	}
	for _, raw := range list {
		var v any
		if json.Unmarshal(raw, &v) == nil {
			if m := search(v); m != nil {
				return m
			}
		}
	}
	return nil
}

// modalData makes the data of a submitted modal. data.id is the ID of the interaction that opened it; without one the
// person's newest open modal of that custom_id is meant. Called with mu held.
func (s *Server) modalData(it *interaction, in *interactionInput, event map[string]any) error {
	var opener *interaction
	for _, o := range s.interactions {
		if o.modal == nil || o.user != it.user || o.app != it.app || o.channel != it.channel || o.modal.customID != in.Data.CustomID {
			continue
		}
		if in.Data.ID == o.id || in.Data.ID == 0 && (opener == nil || o.id > opener.id) {
			opener = o
		}
	}
	if opener == nil {
		return errUnknownInteraction
	}
	given := map[string]string{}
	var walk func(list []givenComponent) error
	walk = func(list []givenComponent) error {
		for i := range list {
			comp := &list[i]
			if comp.Component != nil {
				one := []givenComponent{*comp.Component}
				if err := walk(one); err != nil {
					return err
				}
				comp.Component = &one[0]
			}
			if err := walk(comp.Components); err != nil {
				return err
			}
			if comp.CustomID == "" {
				continue
			}
			known, ok := opener.modal.inputs[comp.CustomID]
			if !ok {
				return formError("data.components", "COMPONENT_VALIDATION_FAILED", fmt.Sprintf("The modal has no input %.40q", comp.CustomID))
			}
			comp.ID = known.id
			if comp.Value == nil {
				continue
			}
			n := utf8.RuneCountInString(*comp.Value)
			if n > 0 && n < known.minLength || n > known.maxLength {
				return formError("data.components", "BASE_TYPE_BAD_LENGTH", fmt.Sprintf("%.40q: must be between %d and %d in length.", comp.CustomID, known.minLength, known.maxLength))
			}
			given[comp.CustomID] = *comp.Value
		}
		return nil
	}
	if err := walk(in.Data.Components); err != nil {
		return err
	}
	for id, known := range opener.modal.inputs {
		if known.required && given[id] == "" {
			return formError("data.components", "BASE_TYPE_REQUIRED", fmt.Sprintf("%.40q is required", id))
		}
	}
	opener.modal = nil
	it.metadata.Triggering = opener.metadata
	event["data"] = map[string]any{"custom_id": in.Data.CustomID, "components": in.Data.Components}
	if m := it.channel.find(opener.source); opener.source != 0 && m != nil {
		it.source, it.original = m.id, m.id
		event["message"] = s.wireMessage(m, it.app)
	}
	return nil
}
