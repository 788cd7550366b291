package localdiscord

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Permissions is Discord's permission bit set; on the wire a decimal string.
type Permissions uint64

// The permissions that the server checks or that Mynah and its tests name.
const (
	permAdministrator      Permissions = 1 << 3
	permManageChannels     Permissions = 1 << 4
	permManageGuild        Permissions = 1 << 5
	permAddReactions       Permissions = 1 << 6
	permViewChannel        Permissions = 1 << 10
	permSendMessages       Permissions = 1 << 11
	permManageMessages     Permissions = 1 << 13
	permEmbedLinks         Permissions = 1 << 14
	permAttachFiles        Permissions = 1 << 15
	permReadMessageHistory Permissions = 1 << 16
	permMentionEveryone    Permissions = 1 << 17
	permConnect            Permissions = 1 << 20
	permSpeak              Permissions = 1 << 21
	permMuteMembers        Permissions = 1 << 22
	permDeafenMembers      Permissions = 1 << 23
	permMoveMembers        Permissions = 1 << 24
	permManageNicknames    Permissions = 1 << 27
	permManageRoles        Permissions = 1 << 28
	permCreateThreads      Permissions = 1 << 35
	permSendInThreads      Permissions = 1 << 38
	permManageThreads      Permissions = 1 << 34
	permModerate           Permissions = 1 << 40
	permUseCommands        Permissions = 1 << 31
	permRequestToSpeak     Permissions = 1 << 32
	permSendVoiceMessages  Permissions = 1 << 46

	// allPermissions are the bits that Discord has given a meaning.
	allPermissions Permissions = 1<<53 - 1

	// everyonePermissions is what @everyone may do where the world does not say otherwise: what a new Discord
	// server grants.
	everyonePermissions = permAddReactions | permViewChannel | permSendMessages | permEmbedLinks | permAttachFiles |
		permReadMessageHistory | permConnect | permSpeak | permUseCommands | permSendVoiceMessages | permRequestToSpeak |
		permCreateThreads | permSendInThreads |
		1<<9 /* STREAM */ | 1<<25 /* USE_VAD */ | 1<<26 /* CHANGE_NICKNAME */ | 1<<18 /* USE_EXTERNAL_EMOJIS */
)

// permissionNames are Discord's names as its documentation spells them; world files use them.
var permissionNames = map[string]Permissions{
	"CREATE_INSTANT_INVITE": 1 << 0, "KICK_MEMBERS": 1 << 1, "BAN_MEMBERS": 1 << 2,
	"ADMINISTRATOR": permAdministrator, "MANAGE_CHANNELS": permManageChannels, "MANAGE_GUILD": permManageGuild,
	"ADD_REACTIONS": permAddReactions, "VIEW_AUDIT_LOG": 1 << 7, "PRIORITY_SPEAKER": 1 << 8, "STREAM": 1 << 9,
	"VIEW_CHANNEL": permViewChannel, "SEND_MESSAGES": permSendMessages, "SEND_TTS_MESSAGES": 1 << 12,
	"MANAGE_MESSAGES": permManageMessages, "EMBED_LINKS": permEmbedLinks, "ATTACH_FILES": permAttachFiles,
	"READ_MESSAGE_HISTORY": permReadMessageHistory, "MENTION_EVERYONE": permMentionEveryone,
	"USE_EXTERNAL_EMOJIS": 1 << 18, "CONNECT": permConnect, "SPEAK": permSpeak, "MUTE_MEMBERS": permMuteMembers,
	"DEAFEN_MEMBERS": permDeafenMembers, "MOVE_MEMBERS": permMoveMembers, "USE_VAD": 1 << 25,
	"CHANGE_NICKNAME": 1 << 26, "MANAGE_NICKNAMES": permManageNicknames, "MANAGE_ROLES": permManageRoles,
	"USE_APPLICATION_COMMANDS": permUseCommands, "REQUEST_TO_SPEAK": permRequestToSpeak, "SEND_VOICE_MESSAGES": permSendVoiceMessages,
	"MANAGE_THREADS": permManageThreads, "CREATE_PUBLIC_THREADS": permCreateThreads, "CREATE_PRIVATE_THREADS": 1 << 36,
	"SEND_MESSAGES_IN_THREADS": permSendInThreads, "MODERATE_MEMBERS": permModerate,
}

// MarshalJSON writes the decimal string.
func (p Permissions) MarshalJSON() ([]byte, error) {
	return []byte(`"` + strconv.FormatUint(uint64(p), 10) + `"`), nil
}

// UnmarshalJSON reads a decimal string or number.
func (p *Permissions) UnmarshalJSON(b []byte) error {
	n, err := strconv.ParseUint(strings.Trim(string(b), `"`), 10, 63)
	if err != nil {
		return fmt.Errorf("permissions must be a decimal number: %w", err)
	}
	*p = Permissions(n)
	return nil
}

func (p Permissions) has(want Permissions) bool { return p&want == want }

func parsePermissions(names []string) (Permissions, error) {
	var p Permissions
	for _, name := range names {
		bit, ok := permissionNames[strings.ToUpper(strings.ReplaceAll(name, " ", "_"))]
		if !ok {
			return 0, fmt.Errorf("%.60q is no permission; Discord's names are meant, such as MANAGE_GUILD or SEND_MESSAGES", name)
		}
		p |= bit
	}
	return p, nil
}

// guildPermissions computes what the account may do in the guild as a whole: @everyone and the roles joined; the
// owner and administrators may do everything. Called with mu held.
func (g *guild) permissions(a *account) Permissions {
	m := g.members[a.id]
	if m == nil {
		return 0
	}
	if g.owner == a.id {
		return allPermissions
	}
	p := g.role(g.id).permissions
	for _, id := range m.roles {
		if r := g.role(id); r != nil {
			p |= r.permissions
		}
	}
	if p.has(permAdministrator) {
		return allPermissions
	}
	return p
}

// permissions computes what the account may do in the channel, in Discord's order: the guild's permissions, then
// the overwrites for @everyone, for the roles taken together, and for the member. In a direct message each of the
// two may do all that a direct message knows. Called with mu held.
func (ch *channel) permissions(a *account) Permissions {
	if ch.guild == nil {
		if !slices.Contains(ch.recipients, a) {
			return 0
		}
		return everyonePermissions
	}
	if ch.thread != nil {
		p := ch.thread.parent.permissions(a)
		p &^= permSendMessages
		if p.has(permSendInThreads) {
			p |= permSendMessages
		}
		return p
	}
	p := ch.guild.permissions(a)
	if p == allPermissions || p == 0 {
		return p
	}
	m := ch.guild.members[a.id]
	var allow, deny Permissions
	for _, o := range ch.overwrites {
		if o.id == ch.guild.id {
			p = p&^o.deny | o.allow
		} else if slices.Contains(m.roles, o.id) {
			allow |= o.allow
			deny |= o.deny
		}
	}
	p = p&^deny | allow
	for _, o := range ch.overwrites {
		if o.id == a.id {
			p = p&^o.deny | o.allow
		}
	}
	if !p.has(permViewChannel) {
		return 0
	}
	if ch.kind == channelText && !p.has(permSendMessages) {
		p &^= permMentionEveryone | permAttachFiles | permEmbedLinks
	}
	if m.timeout.After(ch.guild.now()) {
		p &= permViewChannel | permReadMessageHistory
	}
	return p
}
