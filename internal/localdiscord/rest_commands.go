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
		add("GET "+scope, authToken, (*call).listCommands)
		add("PUT "+scope, authToken, (*call).setCommands)
		add("POST "+scope, authToken, (*call).createCommand)
		add("GET "+scope+"/{command}", authToken, (*call).getCommand)
		add("PATCH "+scope+"/{command}", authToken, (*call).editCommand)
		add("DELETE "+scope+"/{command}", authToken, (*call).deleteCommand)
	}
	add("GET /guilds/{guild}/application-command-index", authToken, (*call).commandIndex)
	add("GET /channels/{channel}/application-command-index", authToken, (*call).commandIndex)
}

// scope checks that the caller is the path's application, and finds the guild of the path (0: global commands). Called with mu held.
func (c *call) scope() (ID, error) {
	app, err := c.id("app")
	if err != nil {
		return 0, err
	}
	if app != c.account.application() {
		return 0, errMissingAccess
	}
	if !c.account.bot {
		return 0, errOnlyBots
	}
	if c.r.PathValue("guild") == "" {
		return 0, nil
	}
	g, err := c.guild(0)
	if err != nil {
		return 0, err
	}
	return g.id, nil
}

func (c *call) listCommands() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	scope, err := c.scope()
	if err != nil {
		return nil, err
	}
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
func (c *call) setCommands() (any, error) {
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
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	scope, err := c.scope()
	if err != nil {
		return nil, err
	}
	old := c.account.commands[scope]
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

func (c *call) createCommand() (any, error) {
	cmd := &command{}
	if err := c.decode(cmd); err != nil {
		return nil, err
	}
	if err := cmd.validate(""); err != nil {
		return nil, err
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	scope, err := c.scope()
	if err != nil {
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

// command finds the path's command. Called with mu held.
func (c *call) command() (scope ID, cmd *command, err error) {
	if scope, err = c.scope(); err != nil {
		return 0, nil, err
	}
	id, err := c.id("command")
	if err != nil {
		return 0, nil, err
	}
	for _, cmd := range c.account.commands[scope] {
		if cmd.ID == id {
			return scope, cmd, nil
		}
	}
	return 0, nil, errUnknownCommand
}

func (c *call) getCommand() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	_, cmd, err := c.command()
	if err != nil {
		return nil, err
	}
	return cmd, nil
}

func (c *call) editCommand() (any, error) {
	var fields map[string]json.RawMessage
	if err := c.decode(&fields); err != nil {
		return nil, err
	}
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	scope, old, err := c.command()
	if err != nil {
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
	s.register(c.account, scope, cmd, old)
	list := slices.Clone(c.account.commands[scope])
	list[slices.Index(list, old)] = cmd
	c.account.commands[scope] = list
	return cmd, nil
}

func (c *call) deleteCommand() (any, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	scope, cmd, err := c.command()
	if err != nil {
		return nil, err
	}
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

// commandIndex is what a person's client asks to fill its list of commands. A guild's index is that of its first text channel.
func (c *call) commandIndex() (any, error) {
	s := c.s
	s.mu.Lock()
	defer s.mu.Unlock()
	var ch *channel
	if c.r.PathValue("guild") != "" {
		g, err := c.guild(0)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(g.channels, func(ch *channel) bool {
			return ch.kind == channelText && ch.permissions(c.account).has(permViewChannel)
		})
		if i < 0 {
			return nil, errUnknownChannel
		}
		ch = g.channels[i]
	} else {
		var err error
		if ch, err = c.channel(0); err != nil {
			return nil, err
		}
	}
	apps, list := s.commandsIn(ch, c.account)
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
