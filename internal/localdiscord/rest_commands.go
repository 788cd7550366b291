package localdiscord

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

func (s *Server) commandRoutes(add addRoute) {
	for _, scope := range []string{"/applications/{app}/commands", "/applications/{app}/guilds/{guild}/commands"} {
		add("GET "+scope, authToken, inScope((*call).listCommands))
		add("PUT "+scope, authToken, inScope((*call).setCommands))
		add("POST "+scope, authToken, inScope((*call).createCommand))
		add("GET "+scope+"/{command}", authToken, onCommand((*call).getCommand))
		add("PATCH "+scope+"/{command}", authToken, onCommand((*call).editCommand))
		add("DELETE "+scope+"/{command}", authToken, onCommand((*call).deleteCommand))
	}
	add("GET /guilds/{guild}/application-command-index", authToken, inGuild(0, (*call).guildIndex))
	add("GET /channels/{channel}/application-command-index", authToken, inChannel(0, (*call).commandIndex))
}

func (c *call) listCommands(scope ID) (any, error) {
	list := []command{}
	for _, cmd := range c.account.commands[scope] {
		if c.queryBool("with_localizations") {
			list = append(list, *cmd)
			continue
		}
		plain := cmd.localized(cmp.Or(c.r.Header.Get("X-Discord-Locale"), "-"))
		list = append(list, plain)
	}
	return list, nil
}

// setCommands replaces all commands of the scope. A command that keeps type and name keeps its ID.
func (c *call) setCommands(scope ID) (any, error) {
	s := c.s
	var list []*command
	if err := c.decode(&list); err != nil {
		return nil, err
	}
	counts := map[int]int{}
	names := map[string]bool{}
	for i, cmd := range list {
		field := strconv.Itoa(i) + "."
		if cmd == nil {
			return nil, formError(strconv.Itoa(i), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
		}
		if err := cmd.validate(field); err != nil {
			return nil, err
		}
		key := fmt.Sprint(cmd.Type, cmd.Name)
		if names[key] {
			return nil, formError(field+"name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
		}
		names[key] = true
		if counts[cmd.Type]++; tooMany(cmd.Type, counts[cmd.Type]) {
			return nil, &apiError{Status: 400, Message: "Maximum number of application commands reached (100).", Code: 30032}
		}
	}
	old := c.account.commands[scope]
	kept := func(cmd *command) bool { return cmd.Type == commandEntry }
	if slices.ContainsFunc(old, kept) && !slices.ContainsFunc(list, kept) {
		return nil, errEntryPoint
	}
	for _, cmd := range list {
		s.register(c.account, scope, cmd, find(old, cmd.Type, cmd.Name))
	}
	c.account.commands[scope] = list
	return append([]*command{}, list...), nil
}

func tooMany(kind, n int) bool {
	return kind == commandChat && n > maxCommands || kind != commandChat && n > maxMenuCommands
}

func find(list []*command, kind int, name string) *command {
	for _, cmd := range list {
		if cmd.Type == kind && cmd.Name == name {
			return cmd
		}
	}
	return nil
}

// register completes a command with what the server gives it. Called with mu held.
func (s *Server) register(a *account, scope ID, cmd, old *command) {
	cmd.ApplicationID, cmd.GuildID, cmd.Version = a.application(), scope, s.newID()
	if old != nil {
		cmd.ID = old.ID
	} else {
		cmd.ID = s.newID()
	}
}

func (c *call) createCommand(scope ID) (any, error) {
	s := c.s
	cmd := &command{}
	if err := c.decode(cmd); err != nil {
		return nil, err
	}
	if err := cmd.validate(""); err != nil {
		return nil, err
	}
	list := slices.Clone(c.account.commands[scope])
	old := find(list, cmd.Type, cmd.Name)
	s.register(c.account, scope, cmd, old)
	if old != nil {
		list[slices.Index(list, old)] = cmd
		c.account.commands[scope] = list
		return cmd, nil
	}
	n := 1
	for _, other := range list {
		if other.Type == cmd.Type {
			n++
		}
	}
	if tooMany(cmd.Type, n) {
		return nil, &apiError{Status: 400, Message: "Maximum number of application commands reached (100).", Code: 30032}
	}
	c.account.commands[scope] = append(list, cmd)
	return created{cmd}, nil
}

func (c *call) getCommand(cmd *command) (any, error) {
	return cmd, nil
}

func (c *call) editCommand(old *command) (any, error) {
	scope := old.GuildID
	var fields map[string]json.RawMessage
	if err := c.decode(&fields); err != nil {
		return nil, err
	}
	// The fields given are laid over the old ones.
	var merged map[string]json.RawMessage
	if err := json.Unmarshal(mustJSON(old), &merged); err != nil {
		return nil, err
	}
	for k, v := range fields {
		if k != "type" {
			merged[k] = v
		}
	}
	cmd := &command{}
	if err := decodeJSON(mustJSON(merged), cmd); err != nil {
		return nil, err
	}
	if err := cmd.validate(""); err != nil {
		return nil, err
	}
	if other := find(c.account.commands[scope], cmd.Type, cmd.Name); other != nil && other != old {
		return nil, formError("name", "APPLICATION_COMMANDS_DUPLICATE_NAME", "Application command names must be unique")
	}
	c.s.register(c.account, scope, cmd, old)
	list := slices.Clone(c.account.commands[scope])
	list[slices.Index(list, old)] = cmd
	c.account.commands[scope] = list
	return cmd, nil
}

func (c *call) deleteCommand(cmd *command) (any, error) {
	scope := cmd.GuildID
	c.account.commands[scope] = slices.DeleteFunc(slices.Clone(c.account.commands[scope]), func(o *command) bool { return o == cmd })
	return nil, nil
}

// commandsIn lists what the account can use in the channel: the commands of each bot that is there, a guild command
// hiding the global one of its name. Called with mu held.
func (s *Server) commandsIn(ch *channel, a *account) (apps []*account, list []*command) {
	bots := ch.recipients
	var scope ID
	if ch.guild != nil {
		scope = ch.guild.id
		bots = nil
		for _, m := range ch.guild.order {
			bots = append(bots, m.account)
		}
	}
	for _, b := range bots {
		if !b.bot {
			continue
		}
		var own []*command
		if scope != 0 {
			own = b.commands[scope]
		}
		n := len(list)
		for _, cmd := range own {
			if cmd.allowed(a, ch) {
				list = append(list, cmd)
			}
		}
		for _, cmd := range b.commands[0] {
			if find(own, cmd.Type, cmd.Name) == nil && cmd.allowed(a, ch) {
				list = append(list, cmd)
			}
		}
		if len(list) > n {
			apps = append(apps, b)
		}
	}
	return apps, list
}

// guildIndex is the index of a guild's first text channel.
func (c *call) guildIndex(g *guild) (any, error) {
	i := slices.IndexFunc(g.channels, func(ch *channel) bool {
		return ch.kind == channelText && ch.permissions(c.account).has(permViewChannel)
	})
	if i < 0 {
		return nil, errUnknownChannel
	}
	return c.commandIndex(g.channels[i])
}

// commandIndex is what a person's client asks to fill its list of commands.
func (c *call) commandIndex(ch *channel) (any, error) {
	apps, list := c.s.commandsIn(ch, c.account)
	wireApps, wireCommands := []map[string]any{}, []command{}
	for _, a := range apps {
		wireApps = append(wireApps, map[string]any{"id": a.application(), "name": a.name, "description": "", "icon": nil, "bot": a.wire()})
	}
	version := ID(0)
	for _, cmd := range list {
		wireCommands = append(wireCommands, cmd.localized(c.account.locale))
		version = max(version, cmd.Version)
	}
	return map[string]any{"applications": wireApps, "application_commands": wireCommands, "version": version}, nil
}
