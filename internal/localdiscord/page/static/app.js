// The page: who one is, which channel is open, and what is written. Where to read on:
// client.js (REST and gateway), messages.js (how messages look), interactions.js (commands), recorder.js (voice messages),
// voice.js (voice channels), stage.js (stages).
import { Client } from "./client.js";
import { $, el, icon } from "./dom.js";
import { Interactions } from "./interactions.js";
import { Messages } from "./messages.js";
import { Recorder } from "./recorder.js";
import { STAGE } from "./stage.js";
import { Suggestions } from "./suggestions.js";
import { hasVoice, Voice, VOICE } from "./voice.js";

const TEXT = 0;
const input = $("input");

let client, messages, interactions, suggestions, voice, channel, replyTo = null, typing = new Map(), pending = [], recorder = new Recorder();
const unread = new Set();

function notice(text) { $("notice").textContent = text; }

async function start() {
  let line;
  try {
    line = await (await fetch("_local/ready")).json();
  } catch {
    notice("The local Discord can't be reached. Start it with `make run` and reload.");
    return;
  }
  const people = line.accounts.filter((a) => !a.bot);
  const wanted = new URLSearchParams(location.search).get("as") ?? sessionStorage.getItem("person");
  const person = people.find((p) => p.name === wanted) ?? people[0];
  if (!person) { notice("This world has no people. Add one to its file."); return; }
  $("person").replaceChildren(...people.map((p) => el("option", { value: p.name, selected: p === person }, p.name)));
  $("person").onchange = (e) => { sessionStorage.setItem("person", e.target.value); location.search = "?as=" + encodeURIComponent(e.target.value); };

  client = new Client(line, person);
  suggestions = new Suggestions(input);
  messages = new Messages(client, {
    reply: (m) => setReply(m),
    menu: (m) => interactions.menu(m),
    press: (m, c) => interactions.press(m, c),
    react: (m, emoji, add) => client.rest(add ? "PUT" : "DELETE", `/channels/${m.channel_id}/messages/${m.id}/reactions/${encodeURIComponent(emoji)}/@me`).catch((e) => notice(e.message)),
  });
  voice = new Voice(client, notice, () => { voice.bar(channel); channels(); offerTalk(); });
  interactions = new Interactions(client, suggestions, () => channel, notice);
  listen();
  compose();
}

function listen() {
  const on = (name, f) => client.addEventListener(name, (e) => f(e.detail));
  client.addEventListener("state", () => { $("link").textContent = client.link; });
  on("GUILD_CREATE", (g) => {
    channels();
    if (!channel || !client.channels.has(channel.id)) {
      const first = [...client.channels.values()].find((c) => c.type === TEXT);
      if (first) open(first);
    } else open(channel);
  });
  for (const name of ["CHANNEL_CREATE", "CHANNEL_UPDATE", "CHANNEL_DELETE", "VOICE_STATE_UPDATE", "GUILD_MEMBER_ADD", "GUILD_MEMBER_UPDATE"]) on(name, () => { channels(); voice.bar(channel); offerTalk(); });
  on("MESSAGE_CREATE", (m) => {
    typing.delete(m.author.id);
    showTyping();
    if (m.channel_id === channel?.id) messages.add(m);
    else { unread.add(m.channel_id); channels(); }
  });
  on("MESSAGE_UPDATE", (m) => messages.update(m));
  on("MESSAGE_DELETE", (m) => messages.remove(m.id));
  on("MESSAGE_REACTION_ADD", (r) => messages.react(r, true));
  on("MESSAGE_REACTION_REMOVE", (r) => messages.react(r, false));
  on("TYPING_START", (t) => {
    if (t.channel_id !== channel?.id || t.user_id === client.user.id) return;
    clearTimeout(typing.get(t.user_id));
    typing.set(t.user_id, setTimeout(() => { typing.delete(t.user_id); showTyping(); }, 10000));
    showTyping();
  });
  on("RESUMED", () => channel && open(channel));
}

// offerTalk shows the one button that it takes to talk to a bot.
function offerTalk() {
  const bot = [...client.users.values()].find((u) => u.bot), room = voiceRoom(), button = $("talk");
  button.hidden = !bot || !room || !!voice.here;
  button.disabled = !!voice.state;
  button.replaceChildren(icon("mic"), ` Talk to ${bot ? client.name(bot.id) : ""}`);
  button.onclick = () => voice.talk(room, () => interactions.call("join"));
}

// voiceRoom is the voice channel that is open, else the server's first.
function voiceRoom() {
  if (channel?.type === VOICE) return channel;
  return sorted().find((c) => c.type === VOICE && c.guild_id === channel?.guild_id);
}

function showTyping() {
  const names = [...typing.keys()].map((id) => client.name(id));
  $("typing").textContent = names.length ? `${names.join(", ")} ${names.length > 1 ? "are" : "is"} typing…` : "";
}

const sorted = () => [...client.channels.values()].sort((a, b) => (a.position ?? 0) - (b.position ?? 0));

function channels() {
  const all = sorted();
  const button = (c) => el("button", {
    type: "button", class: "channel", "aria-current": String(c.id === channel?.id), "data-channel": c.name, onclick: () => open(c),
  }, el("span", { class: "kind", "aria-hidden": "true" }, c.type === STAGE ? icon("stage") : c.type === VOICE ? icon("speaker") : "#"), el("span", { class: "name" }, c.name), unread.has(c.id) && el("span", { class: "unread", title: "new messages" }));
  const section = (guild, title, type) => {
    const of = all.filter((c) => c.guild_id === guild.id && c.type === type);
    return of.length ? [el("h2", {}, title), ...of.flatMap((c) => [button(c), people(c)])] : [];
  };
  const guilds = [...client.guilds.values()];
  $("channels").replaceChildren(...guilds.flatMap((g) => [guilds.length > 1 ? el("h2", { class: "server" }, g.name) : "",
    ...section(g, "Text channels", TEXT), ...section(g, "Voice channels", VOICE), ...section(g, "Stages", STAGE)]));
}

function people(c) {
  const here = [...client.voice.values()].filter((v) => v.channel_id === c.id);
  return el("ul", { class: "in-voice", hidden: !here.length }, here.map((v) => el("li", { "data-user": v.user_id, class: voice.isSpeaking(v.user_id) ? "speaking" : "" }, client.name(v.user_id))));
}

async function open(c) {
  const changed = c.id !== channel?.id;
  channel = c;
  unread.delete(c.id);
  const server = client.guilds.get(c.guild_id)?.name ?? "Local Discord";
  $("server-name").textContent = server;
  document.title = `${server} · local Discord`;
  channels();
  voice.bar(c);
  offerTalk();
  $("side").classList.remove("open");
  $("menu").setAttribute("aria-expanded", "false");
  $("channel-name").textContent = (hasVoice(c) ? "" : "# ") + c.name;
  $("topic").textContent = c.topic ?? "";
  input.placeholder = hasVoice(c) ? `Message in ${c.name}` : matchMedia("(max-width: 720px)").matches ? `Message #${c.name}` : `Message #${c.name}, or / for commands`;
  if (changed) { setReply(null); for (const t of typing.values()) clearTimeout(t); typing = new Map(); showTyping(); messages.clear(); }
  try {
    const latest = await client.rest("GET", `/channels/${c.id}/messages?limit=50`);
    if (channel === c) messages.show(latest.reverse());
  } catch (e) { notice(e.message); }
  if (matchMedia("(min-width: 721px)").matches) input.focus();
}

function setReply(m) {
  replyTo = m;
  const bar = $("reply-to");
  bar.hidden = !m;
  if (!m) return;
  bar.replaceChildren(el("span", {}, `Replying to ${client.name(m.author.id)}: ${m.content.slice(0, 80)}`), el("button", { type: "button", "aria-label": "Don't reply", onclick: () => setReply(null) }, icon("close")));
  input.focus();
}

function addFiles(list) {
  pending.push(...list);
  showFiles();
}

function showFiles() {
  $("files").hidden = !pending.length;
  $("files").replaceChildren(...pending.map((f, i) => el("li", {}, f.name, el("button", { type: "button", "aria-label": `Remove ${f.name}`, onclick: () => { pending.splice(i, 1); showFiles(); } }, icon("close")))));
}

// send posts what is written; what could not be sent stays in the box.
async function send() {
  const content = input.value.trim();
  if (!content && !pending.length) return;
  notice("");
  suggestions.hide();
  const target = channel, files = pending, reference = replyTo;
  const body = { content, ...(reference && { message_reference: { message_id: reference.id } }) };
  input.value = "";
  grow();
  pending = [];
  showFiles();
  setReply(null);
  try {
    await client.rest("POST", `/channels/${target.id}/messages`, files.length ? withFiles(body, files) : body);
  } catch (e) {
    notice(e.message);
    if (!input.value) { input.value = content; grow(); }
    pending = files.concat(pending);
    showFiles();
  }
}

function withFiles(body, files, more = []) {
  const form = new FormData();
  form.append("payload_json", JSON.stringify({ ...body, attachments: files.map((f, i) => ({ id: String(i), filename: f.name, ...more[i] })) }));
  files.forEach((f, i) => form.append(`files[${i}]`, f, f.name));
  return form;
}

async function record() {
  const button = $("record");
  notice("");
  try {
    if (!recorder.on) {
      await recorder.start();
      button.classList.add("on");
      button.replaceChildren(icon("stop"));
      button.setAttribute("aria-label", "Stop and send");
      return;
    }
    const { blob, seconds, waveform } = await recorder.stop();
    button.classList.remove("on");
    button.replaceChildren(icon("mic"));
    button.setAttribute("aria-label", "Record a voice message");
    const name = "voice-message." + (blob.type.split("/")[1] || "ogg");
    await client.rest("POST", `/channels/${channel.id}/messages`,
      withFiles({ flags: 1 << 13 }, [new File([blob], name, { type: blob.type })], [{ duration_secs: seconds, waveform }]));
  } catch (e) {
    button.classList.remove("on");
    button.replaceChildren(icon("mic"));
    notice(e.name === "NotAllowedError" || e.name === "NotFoundError" ? "No microphone: allow it for this page, or attach a recording instead." : e.message);
  }
}

function grow() {
  input.style.height = "auto";
  input.style.height = Math.min(input.scrollHeight, 200) + "px";
}

let lastTyping = 0;

function compose() {
  for (const [id, name] of Object.entries({ menu: "menu", attach: "plus", record: "mic", send: "send" })) $(id).replaceChildren(icon(name));
  $("composer").onsubmit = (e) => { e.preventDefault(); send(); };
  input.oninput = () => {
    grow();
    if (/^\/[\w -]*$/.test(input.value)) interactions.suggest(input.value);
    else {
      suggestions.hide();
      if (input.value && Date.now() - lastTyping > 8000) {
        lastTyping = Date.now();
        client.rest("POST", `/channels/${channel.id}/typing`).catch(() => {});
      }
    }
  };
  input.onkeydown = (e) => {
    if (suggestions.key(e)) return;
    if (e.key === "Enter" && !e.shiftKey && !e.isComposing) { e.preventDefault(); send(); }
    if (e.key === "Escape" && replyTo) setReply(null);
  };
  input.onpaste = (e) => { if (e.clipboardData.files.length) { e.preventDefault(); addFiles(e.clipboardData.files); } };
  $("attach").onclick = () => $("file-input").click();
  $("file-input").onchange = (e) => { addFiles(e.target.files); e.target.value = ""; };
  $("record").onclick = record;
  $("menu").onclick = () => {
    const shown = $("side").classList.toggle("open");
    $("menu").setAttribute("aria-expanded", String(shown));
    if (shown) document.querySelector(".channel")?.focus();
  };
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape" && $("side").classList.contains("open")) { $("side").classList.remove("open"); $("menu").focus(); }
  });
  let depth = 0;
  const hasFiles = (e) => e.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (e) => { if (hasFiles(e)) { depth++; $("drop").hidden = false; e.preventDefault(); } });
  addEventListener("dragover", (e) => { if (hasFiles(e)) e.preventDefault(); });
  addEventListener("dragleave", (e) => { if (hasFiles(e) && --depth <= 0) { depth = 0; $("drop").hidden = true; } });
  addEventListener("drop", (e) => {
    if (!hasFiles(e)) return;
    e.preventDefault();
    depth = 0;
    $("drop").hidden = true;
    addFiles(e.dataTransfer.files);
    input.focus();
  });
}

start();
