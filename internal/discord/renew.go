package discord

import (
	"slices"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/snowflake/v2"
)

// What this file holds is how what is known of servers is brought up to date where events were missed. disgo adds what a new
// session tells to what it knew, so that what went away in between would stay for ever.

// handle takes an event of the gateway. One that can't be handled costs nothing but itself.
func (c *Client) handle(g gateway.Gateway, t gateway.EventType, sequence int, data gateway.EventData) {
	defer func() {
		if p := recover(); p != nil {
			c.log.Error("an event could not be handled", "event", t, "panic", p)
		}
	}()
	c.disgo.EventManager.HandleGatewayEvent(g, t, sequence, data)
	switch e := data.(type) {
	case gateway.EventReady:
		c.leaveMissing(g, sequence, e)
	case gateway.EventGuildCreate:
		c.renew(e.GatewayGuild)
	case gateway.EventGuildDelete:
		if !e.Unavailable {
			c.disgo.Caches.SetGuildUnready(e.ID, false)
			c.disgo.Caches.SetGuildUnavailable(e.ID, false)
		}
	}
}

// leaveMissing has disgo forget the servers that Mynah was taken off since the last session.
func (c *Client) leaveMissing(g gateway.Gateway, sequence int, e gateway.EventReady) {
	here := map[snowflake.ID]bool{}
	for _, server := range e.Guilds {
		here[server.ID] = true
	}
	var gone []snowflake.ID
	for server := range c.disgo.Caches.Guilds() {
		if !here[server.ID] {
			gone = append(gone, server.ID)
		}
	}
	for _, id := range c.disgo.Caches.UnavailableGuildIDs() {
		if !here[id] {
			gone = append(gone, id)
		}
	}
	for _, id := range gone {
		c.handle(g, gateway.EventTypeGuildDelete, sequence, gateway.EventGuildDelete{UnavailableGuild: discord.UnavailableGuild{ID: id}})
	}
}

// renew drops what a server doesn't have any more: roles, threads, and people in voice channels.
func (c *Client) renew(server discord.GatewayGuild) {
	caches, id := c.disgo.Caches, server.ID
	roles := map[snowflake.ID]bool{}
	for _, r := range server.Roles {
		roles[r.ID] = true
	}
	// The caches are locked while they are walked through.
	for _, r := range slices.Collect(caches.Roles(id)) {
		if !roles[r.ID] {
			caches.RemoveRole(id, r.ID)
		}
	}
	threads := map[snowflake.ID]bool{}
	for _, t := range server.Threads {
		threads[t.ID()] = true
	}
	for _, ch := range slices.Collect(caches.Channels()) {
		if ch.GuildID() == id && !threads[ch.ID()] {
			caches.RemoveChannel(ch.ID())
		}
	}
	talking := map[snowflake.ID]bool{}
	for _, v := range server.VoiceStates {
		talking[v.UserID] = true
	}
	for _, v := range slices.Collect(caches.VoiceStates(id)) {
		if !talking[v.UserID] {
			caches.RemoveVoiceState(id, v.UserID)
		}
	}
	c.calls.renew(id, talking, server.Members)
}

// present reports whether Mynah is a member of a server. One that only uses its commands isn't among those that the gateway tells
// of.
func (c *Client) present(server snowflake.ID) bool {
	_, known := c.disgo.Caches.Guild(server)
	return known || c.disgo.Caches.IsGuildUnready(server) || c.disgo.Caches.IsGuildUnavailable(server)
}
