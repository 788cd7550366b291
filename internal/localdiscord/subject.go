package localdiscord

import "strings"

// What this file holds is how a request finds what it is about. Each helper makes an endpoint of a function that gets its
// subject: it takes the lock, resolves the path, checks that the caller may be there with the permissions that are wanted, and
// runs the function. Bodies are read before (call.decode, sending), so that the lock is held only while state is looked at.

// locked runs with the lock held.
func locked(run endpoint) endpoint {
	return func(c *call) (any, error) {
		c.s.mu.Lock()
		defer c.s.mu.Unlock()
		return run(c)
	}
}

// subject makes an endpoint of what finds a subject and what is done to it.
func subject[T any](find func(*call) (T, error), run func(*call, T) (any, error)) endpoint {
	return locked(func(c *call) (any, error) {
		t, err := find(c)
		if err != nil {
			return nil, err
		}
		return run(c, t)
	})
}

// inGuild is about the path's guild.
func inGuild(want Permissions, run func(*call, *guild) (any, error)) endpoint {
	return subject(func(c *call) (*guild, error) { return c.guild(want) }, run)
}

// onMember is about the path's member, whose guild the caller must belong to with the permissions.
func onMember(want Permissions, run func(*call, *member) (any, error)) endpoint {
	return subject(func(c *call) (*member, error) { return c.member(want) }, run)
}

// inChannel is about the path's channel.
func inChannel(want Permissions, run func(*call, *channel) (any, error)) endpoint {
	return subject(func(c *call) (*channel, error) { return c.channel(want) }, run)
}

// onMessage is about the path's message.
func onMessage(want Permissions, run func(*call, *message) (any, error)) endpoint {
	return subject(func(c *call) (*message, error) { return c.message(want) }, run)
}

// onEmoji is about the path's emoji under the path's message.
func onEmoji(want Permissions, run func(c *call, m *message, name string, id ID) (any, error)) endpoint {
	return onMessage(want, func(c *call, m *message) (any, error) {
		name, id, err := c.emoji()
		if err != nil {
			return nil, err
		}
		return run(c, m, name, id)
	})
}

// inScope is about the commands of the caller's application: global ones (scope 0), or those of a guild.
func inScope(run func(*call, ID) (any, error)) endpoint { return subject((*call).scope, run) }

// onCommand is about one of them.
func onCommand(run func(*call, *command) (any, error)) endpoint { return subject((*call).command, run) }

// onResponse is about a message of the path's interaction.
func onResponse(run func(*call, *interaction, *message) (any, error)) endpoint {
	return locked(func(c *call) (any, error) {
		it, m, err := c.response()
		if err != nil {
			return nil, err
		}
		return run(c, it, m)
	})
}

// sending is about a message that the request carries, with its files, which lie in the folder of the channel that find
// returns. edit allows a message without anything. run must give the files to a message, or they are discarded.
func sending(edit bool, find func(*call) (ID, error), run func(*call, *messageInput) (any, error)) endpoint {
	return func(c *call) (any, error) {
		channel, err := find(c)
		if err != nil {
			return nil, err
		}
		in, done, err := c.readValid(channel, edit)
		if err != nil {
			return nil, err
		}
		defer done()
		return locked(func(c *call) (any, error) { return run(c, in) })(c)
	}
}

// toChannel is the path's channel.
func toChannel(c *call) (ID, error) { return c.id("channel") }

// toHook is the channel of the path's interaction.
func toHook(c *call) (ID, error) {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	it, err := c.hook()
	if err != nil {
		return 0, err
	}
	return it.channel.id, nil
}

// guild finds the path's guild, of which the caller must be a member with the permissions. Called with mu held.
func (c *call) guild(want Permissions) (*guild, error) {
	id, err := c.id("guild")
	if err != nil {
		return nil, err
	}
	g := c.s.guilds[id]
	if g == nil {
		return nil, errUnknownGuild
	}
	if g.members[c.account.id] == nil {
		return nil, errMissingAccess
	}
	if !g.permissions(c.account).has(want) {
		return nil, errMissingPermissions
	}
	return g, nil
}

// member finds the path's member. Called with mu held.
func (c *call) member(want Permissions) (*member, error) {
	g, err := c.guild(want)
	if err != nil {
		return nil, err
	}
	id := c.account.id
	if who := c.r.PathValue("user"); who != "@me" && who != "" {
		if id, err = c.id("user"); err != nil {
			return nil, err
		}
	}
	m := g.members[id]
	if m == nil {
		if c.s.accounts[id] == nil {
			return nil, errUnknownUser
		}
		return nil, errUnknownMember
	}
	return m, nil
}

// channel finds the path's channel, in which the caller must have the permissions. Called with mu held.
func (c *call) channel(want Permissions) (*channel, error) {
	id, err := c.id("channel")
	if err != nil {
		return nil, err
	}
	ch := c.s.channels[id]
	if ch == nil {
		return nil, errUnknownChannel
	}
	p := ch.permissions(c.account)
	if !p.has(permViewChannel) {
		return nil, errMissingAccess
	}
	if !p.has(want) {
		return nil, errMissingPermissions
	}
	return ch, nil
}

// message finds the path's message. Called with mu held.
func (c *call) message(want Permissions) (*message, error) {
	ch, err := c.channel(want)
	if err != nil {
		return nil, err
	}
	id, err := c.id("message")
	if err != nil {
		return nil, err
	}
	m := ch.find(id)
	if m == nil || !m.visible(c.account) {
		return nil, errUnknownMessage
	}
	return m, nil
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

// command finds the path's command. Called with mu held.
func (c *call) command() (*command, error) {
	scope, err := c.scope()
	if err != nil {
		return nil, err
	}
	id, err := c.id("command")
	if err != nil {
		return nil, err
	}
	for _, cmd := range c.account.commands[scope] {
		if cmd.ID == id {
			return cmd, nil
		}
	}
	return nil, errUnknownCommand
}

// hook finds the interaction of a webhook path. Called with mu held.
func (c *call) hook() (*interaction, error) {
	app, err := c.id("app")
	if err != nil {
		return nil, err
	}
	it := c.s.interactions[c.r.PathValue("token")]
	if it == nil || it.app.application() != app || !it.answered {
		return nil, errUnknownWebhook
	}
	if c.s.cfg.Now().Sub(it.created) > tokenLife {
		return nil, errWebhookToken
	}
	return it, nil
}

// response finds a message of the interaction; @original is its first response. Called with mu held.
func (c *call) response() (*interaction, *message, error) {
	it, err := c.hook()
	if err != nil {
		return nil, nil, err
	}
	id := it.original
	if c.r.PathValue("message") != "@original" {
		if id, err = c.id("message"); err != nil {
			return nil, nil, err
		}
	}
	m := it.channel.find(id)
	if m == nil || m.interaction != it.id && m.id != it.source {
		return nil, nil, errUnknownMessage
	}
	return it, m, nil
}

// hasPrefixFold compares without regard to case.
func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
