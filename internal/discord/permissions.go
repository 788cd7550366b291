package discord

import (
	"context"
	"time"

	"github.com/disgoorg/disgo/discord"
	"github.com/disgoorg/disgo/rest"
	"github.com/disgoorg/snowflake/v2"
)

// permissions are what a member may do in a channel
// (https://docs.discord.com/developers/topics/permissions#permission-overwrites). disgo's own takes an overwrite of the member for
// one of a role, so that a denial to the member is lost where a role is allowed.
func (c *Client) permissions(ctx context.Context, in discord.GuildChannel, user snowflake.ID) (discord.Permissions, error) {
	m, err := c.disgo.Rest.GetMember(in.GuildID(), user, rest.WithCtx(ctx))
	if err != nil {
		return 0, err
	}
	m.GuildID = in.GuildID()
	all := c.disgo.Caches.MemberPermissions(*m)
	if all.Has(discord.PermissionAdministrator) {
		return discord.PermissionsAll, nil
	}
	overwrites := in.PermissionOverwrites()
	if o, ok := overwrites.Role(in.GuildID()); ok {
		all = all&^o.Deny | o.Allow
	}
	var allow, deny discord.Permissions
	for _, role := range m.RoleIDs {
		if o, ok := overwrites.Role(role); ok && role != in.GuildID() {
			allow, deny = allow|o.Allow, deny|o.Deny
		}
	}
	all = all&^deny | allow
	if o, ok := overwrites.Member(user); ok {
		all = all&^o.Deny | o.Allow
	}
	if m.CommunicationDisabledUntil != nil && m.CommunicationDisabledUntil.After(time.Now()) {
		all &= discord.PermissionViewChannel | discord.PermissionReadMessageHistory
	}
	return all, nil
}
