// A stage: few speak, the others are its audience and may raise their hands. Whoever may mute members moderates it. There is no
// end-to-end encryption there.
import { el } from "./dom.js";

export const STAGE = 13;
const ADMINISTRATOR = 1n << 3n, MUTE_MEMBERS = 1n << 22n;

// moderates tells whether one may let others speak, going by the server's roles: what a channel's own rules change, the local
// Discord's answer tells.
function moderates(client, guild) {
  if (guild.owner_id === client.user.id) return true;
  const mine = client.roles.get(guild.id) ?? [];
  const may = guild.roles.filter((r) => r.id === guild.id || mine.includes(r.id)).reduce((all, r) => all | BigInt(r.permissions), 0n);
  return (may & (ADMINISTRATOR | MUTE_MEMBERS)) !== 0n;
}

// stageCall tells who is on a stage and offers what one may do there.
export function stageCall(client, channel, inside, notice) {
  const there = [...client.voice.values()].filter((v) => v.channel_id === channel.id);
  const names = (of) => of.map((v) => client.name(v.user_id)).join(", ");
  const speakers = there.filter((v) => !v.suppress), audience = there.filter((v) => v.suppress);
  const change = (user, what) => client.rest("PATCH", `/guilds/${channel.guild_id}/voice-states/${user}`, { channel_id: channel.id, ...what }).catch((e) => notice(e.message));
  const button = (id, text, user, what) => el("button", { type: "button", id, class: "button", onclick: () => change(user, what) }, text);
  const parts = [el("span", { class: "people" }, el("strong", { "data-id": channel.id }, channel.name),
    ` · speaking: ${names(speakers) || "nobody"}`, audience.length ? ` · listening: ${audience.map((v) => client.name(v.user_id) + (v.request_to_speak_timestamp ? " (hand raised)" : "")).join(", ")}` : "")];
  const me = there.find((v) => v.user_id === client.user.id);
  if (!inside || !me) return parts;
  const moderator = moderates(client, client.guilds.get(channel.guild_id));
  if (!me.suppress) parts.push(button("to-audience", "Back to the audience", "@me", { suppress: true }));
  else if (moderator) parts.push(button("to-speak", "Speak", "@me", { suppress: false }));
  else if (me.request_to_speak_timestamp) parts.push(button("lower-hand", "Lower the hand", "@me", { request_to_speak_timestamp: null }));
  else parts.push(button("raise-hand", "Raise the hand", "@me", { request_to_speak_timestamp: new Date().toISOString() }));
  if (moderator) {
    for (const v of audience.filter((v) => v.request_to_speak_timestamp && v !== me)) {
      parts.push(button(`invite-${v.user_id}`, `Let ${client.name(v.user_id)} speak`, v.user_id, { suppress: false }));
    }
  }
  return parts;
}
