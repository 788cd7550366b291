package localdiscord

import (
	"encoding/json"
	"fmt"
	"slices"
	"unicode/utf8"
)

// What this file holds is how what a person gave for a command is checked against the command, and becomes the data of its interaction.

// resolved are the objects that an interaction's data names by ID.
type resolved struct {
	Users       map[ID]wireUser       `json:"users,omitempty"`
	Members     map[ID]*wireMember    `json:"members,omitempty"`
	Roles       map[ID]wireRole       `json:"roles,omitempty"`
	Channels    map[ID]map[string]any `json:"channels,omitempty"`
	Messages    map[ID]wireMessage    `json:"messages,omitempty"`
	Attachments map[ID]wireAttachment `json:"attachments,omitempty"`
}

func (r *resolved) addUser(a *account, ch *channel) {
	if r.Users == nil {
		r.Users, r.Members = map[ID]wireUser{}, map[ID]*wireMember{}
	}
	r.Users[a.id] = a.wire()
	if ch.guild == nil {
		return
	}
	if m := ch.guild.members[a.id]; m != nil {
		w := m.wire(false)
		p := ch.permissions(a)
		w.Permissions = &p
		r.Members[a.id] = w
	}
}

// commandData checks what a person gave for a command and makes the data of its interaction. Called with mu held.
func (s *Server) commandData(it *interaction, in *interactionInput) (any, error) {
	cmd := s.findCommand(it.app, it.channel, in)
	if cmd == nil || it.foreign && !slices.Contains(cmd.IntegrationTypes, 1) {
		return nil, errUnknownCommand
	}
	if !cmd.allowed(it.user, it.channel) {
		return nil, errMissingPermissions
	}
	it.name = cmd.Name
	it.metadata.name = cmd.Name
	data := map[string]any{"id": cmd.ID, "name": cmd.Name, "type": cmd.Type}
	if cmd.GuildID != 0 {
		data["guild_id"] = cmd.GuildID
	}
	res := &resolved{}
	switch cmd.Type {
	case commandUser:
		target := s.accounts[in.Data.TargetID]
		if target == nil {
			return nil, errUnknownUser
		}
		res.addUser(target, it.channel)
		data["target_id"] = target.id
		u := target.wire()
		it.metadata.TargetUser = &u
	case commandMessage:
		m := it.channel.find(in.Data.TargetID)
		if m == nil || !m.visible(it.user) {
			return nil, errUnknownMessage
		}
		res.Messages = map[ID]wireMessage{m.id: s.wireMessage(m, it.app)}
		data["target_id"] = m.id
		it.metadata.TargetMessage = m.id
	default:
		g := optionCheck{s: s, it: it, in: in, resolved: res, autocomplete: it.kind == interactionAutocomplete}
		options, err := g.check("data.", cmd.Options, in.Data.Options)
		if err != nil {
			return nil, err
		}
		if g.autocomplete && g.focused != 1 {
			return nil, formError("data.options", "BASE_TYPE_REQUIRED", "One option that has autocompletion must be focused")
		}
		if options != nil {
			data["options"] = options
		}
	}
	if res.Users != nil || res.Roles != nil || res.Channels != nil || res.Messages != nil || res.Attachments != nil {
		data["resolved"] = res
	}
	return data, nil
}

// findCommand finds the command by its ID, or by name and type.
func (s *Server) findCommand(app *account, ch *channel, in *interactionInput) *command {
	var lists [][]*command
	if ch.guild != nil {
		lists = append(lists, app.commands[ch.guild.id])
	}
	lists = append(lists, app.commands[0])
	kind := max(in.Data.Type, commandChat)
	for _, list := range lists {
		for _, cmd := range list {
			if cmd.ID == in.Data.ID || in.Data.ID == 0 && cmd.Type == kind && cmd.Name == in.Data.Name {
				return cmd
			}
		}
	}
	return nil
}

// optionCheck checks given options against a command's, and collects what they name.
type optionCheck struct {
	s            *Server
	it           *interaction
	in           *interactionInput
	resolved     *resolved
	autocomplete bool
	focused      int
}

func (g *optionCheck) check(field string, known []commandOption, given []givenOption) ([]givenOption, error) {
	var out []givenOption
	seen := map[string]bool{}
	for i, o := range given {
		at := fmt.Sprintf("%soptions.%d", field, i)
		k := slices.IndexFunc(known, func(c commandOption) bool { return c.Name == o.Name })
		if k < 0 || seen[o.Name] {
			return nil, formError(at+".name", "APPLICATION_COMMAND_OPTION_UNKNOWN", fmt.Sprintf("The command has no option %.40q, or it is given twice", o.Name))
		}
		seen[o.Name] = true
		def := known[k]
		made := givenOption{Type: def.Type, Name: def.Name}
		if def.Type == optionSubcommand || def.Type == optionGroup {
			if len(given) > 1 {
				return nil, formError(at, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "Only one sub-command may be given")
			}
			nested, err := g.check(at+".", def.Options, o.Options)
			if err != nil {
				return nil, err
			}
			made.Options = append([]givenOption{}, nested...)
			out = append(out, made)
			continue
		}
		if o.Focused && g.autocomplete {
			if !def.Autocomplete {
				return nil, formError(at, "APPLICATION_COMMAND_OPTION_NOT_AUTOCOMPLETE", "The option has no autocompletion")
			}
			g.focused++
			made.Focused = true
			made.Value = o.Value // may be unfinished
			out = append(out, made)
			continue
		}
		var value any
		var err error
		if def.Type == optionAttachment {
			value, err = g.attachment(at, o.Value)
		} else {
			value, err = g.value(at, def, o.Value)
		}
		if err != nil {
			return nil, err
		}
		made.Value = mustJSON(value)
		out = append(out, made)
	}
	if len(given) == 0 && len(known) > 0 && (known[0].Type == optionSubcommand || known[0].Type == optionGroup) {
		return nil, formError(field+"options", "BASE_TYPE_REQUIRED", "A sub-command must be given")
	}
	for _, def := range known {
		if def.Required && !seen[def.Name] && !g.autocomplete {
			return nil, formError(field+"options", "BASE_TYPE_REQUIRED", fmt.Sprintf("The option %q is required", def.Name))
		}
	}
	return out, nil
}

// value reads and checks one option's value.
func (g *optionCheck) value(at string, def commandOption, raw json.RawMessage) (any, error) {
	value, err := optionValue(def.Type, raw)
	if err != nil {
		return nil, formError(at+".value", "BASE_TYPE_BAD", err.Error())
	}
	outside := func() error {
		return formError(at+".value", "BASE_TYPE_CHOICES", fmt.Sprintf("%.60s is outside of what the option allows", raw))
	}
	if len(def.Choices) > 0 && !slices.ContainsFunc(def.Choices, func(ch commandChoice) bool {
		v, err := optionValue(def.Type, ch.Value)
		return err == nil && v == value
	}) {
		return nil, outside()
	}
	var number float64
	switch v := value.(type) {
	case string:
		n := utf8.RuneCountInString(v)
		if def.MinLength != nil && n < *def.MinLength || n > 6000 || def.MaxLength != nil && n > *def.MaxLength {
			return nil, outside()
		}
		return v, nil
	case bool:
		return v, nil
	case int64:
		number = float64(v)
	case float64:
		number = v
	case ID:
		return v, g.resolve(at, def, v)
	}
	if def.MinValue != nil && number < *def.MinValue || def.MaxValue != nil && number > *def.MaxValue || number > 1<<53 || number < -(1<<53) {
		return nil, outside()
	}
	return value, nil
}

// resolve adds what an option names by ID.
func (g *optionCheck) resolve(at string, def commandOption, id ID) error {
	ch := g.it.channel
	unknown := formError(at+".value", "BASE_TYPE_BAD", fmt.Sprintf("Nothing of that type has the ID %d", uint64(id)))
	switch def.Type {
	case optionUser, optionMentionable:
		if a := g.s.accounts[id]; a != nil {
			g.resolved.addUser(a, ch)
			return nil
		}
		if def.Type == optionUser {
			return unknown
		}
		fallthrough
	case optionRole:
		if ch.guild == nil {
			return unknown
		}
		for _, r := range ch.guild.wireRoles() {
			if r.ID == id {
				if g.resolved.Roles == nil {
					g.resolved.Roles = map[ID]wireRole{}
				}
				g.resolved.Roles[id] = r
				return nil
			}
		}
		return unknown
	case optionChannel:
		named := g.s.channels[id]
		if named == nil || named.guild != ch.guild || !named.permissions(g.it.user).has(permViewChannel) ||
			len(def.ChannelTypes) > 0 && !slices.Contains(def.ChannelTypes, named.kind) {
			return unknown
		}
		if g.resolved.Channels == nil {
			g.resolved.Channels = map[ID]map[string]any{}
		}
		g.resolved.Channels[id] = map[string]any{"id": id, "name": named.name, "type": named.kind, "permissions": named.permissions(g.it.user), "parent_id": optionalID(named.parent)}
		return nil
	}
	return unknown
}

// attachment finds the uploaded file that an option names by its number.
func (g *optionCheck) attachment(at string, raw json.RawMessage) (ID, error) {
	var number flexibleNumber
	if err := json.Unmarshal(raw, &number); err != nil {
		return 0, err
	}
	k := slices.Index(g.in.numbers, string(number))
	if k < 0 {
		return 0, formError(at+".value", "BASE_TYPE_BAD", fmt.Sprintf("No file %s was uploaded", number))
	}
	f := g.in.files[k]
	f.channel, f.ephemeral = g.it.channel.id, true
	for _, a := range g.in.Data.Attachments {
		if string(a.ID) == string(number) && a.Filename != "" {
			f.name = cleanFilename(a.Filename)
		}
	}
	if !slices.Contains(g.it.files, f) {
		g.it.files = append(g.it.files, f)
		g.s.store.keep([]*file{f})
	}
	if g.resolved.Attachments == nil {
		g.resolved.Attachments = map[ID]wireAttachment{}
	}
	g.resolved.Attachments[f.id] = g.s.wireAttachment(f)
	return f.id, nil
}
