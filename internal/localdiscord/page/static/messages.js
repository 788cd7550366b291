// Messages as a person sees them.
import { $, el, icon } from "./dom.js";
import { markdown } from "./markdown.js";

const VOICE_MESSAGE = 1 << 13, EPHEMERAL = 1 << 6, LOADING = 1 << 7;
const GROUP = 7 * 60 * 1000; // messages of one person within this many milliseconds share a head
const KEEP = 200; // messages that the list holds

const sizes = (n) => (n < 1024 ? `${n} B` : n < 1 << 20 ? `${(n / 1024).toFixed(1)} KB` : `${(n / (1 << 20)).toFixed(1)} MB`);
const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

export class Messages {
  // on: {reply(message), action(message, button), press(message, component), menu(message), react(message, emoji, add)}
  constructor(client, on) {
    this.client = client;
    this.on = on;
    this.list = $("messages");
    this.byId = new Map();
    this.following = true; // the newest message stays in sight, until somebody scrolls up
    let top = 0;
    this.list.addEventListener("scroll", () => {
      const up = this.list.scrollTop < top;
      top = this.list.scrollTop;
      if (this.atEnd()) this.following = true;
      else if (up) this.following = false;
    });
    const follow = () => { if (this.following) this.scrollDown(); };
    this.list.addEventListener("load", follow, true); // a picture has come and has grown
    this.list.addEventListener("loadedmetadata", follow, true); // or a film
    new ResizeObserver(follow).observe(this.list); // or the composer has
  }

  clear() {
    this.byId.clear();
    this.list.replaceChildren();
  }

  // show replaces what is shown by a channel's latest messages, oldest first.
  show(messages) {
    this.clear();
    for (const m of messages) this.add(m);
    if (!messages.length) this.list.append(el("li", { class: "empty" }, "Nothing has been said here yet. Say hi, or type / to see what Mynah can do."));
    this.scrollDown();
  }

  atEnd() { return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 120; }

  add(m) {
    if (this.byId.has(m.id)) return this.update(m);
    this.list.querySelector(".empty")?.remove();
    const node = this.render(m);
    this.byId.set(m.id, { message: m, node });
    this.list.append(node);
    while (this.list.children.length > KEEP) {
      this.byId.delete(this.list.firstElementChild.dataset.id);
      this.list.firstElementChild.remove();
    }
    if (this.following) this.scrollDown();
  }

  scrollDown() {
    this.following = true;
    this.list.scrollTop = this.list.scrollHeight;
  }

  update(part) {
    const entry = this.byId.get(part.id);
    if (!entry) return;
    entry.message = { ...entry.message, ...part };
    const node = this.render(entry.message, entry.node.previousElementSibling);
    entry.node.replaceWith(node);
    entry.node = node;
    if (this.following) this.scrollDown();
  }

  remove(id) {
    this.byId.get(id)?.node.remove();
    this.byId.delete(id);
  }

  get(id) { return this.byId.get(id)?.message; }

  react({ message_id, emoji, user_id }, add) {
    const entry = this.byId.get(message_id);
    if (!entry) return;
    const list = structuredClone(entry.message.reactions ?? []);
    const key = emoji.id ?? emoji.name;
    let r = list.find((r) => (r.emoji.id ?? r.emoji.name) === key);
    if (!r) list.push((r = { emoji, count: 0, me: false }));
    r.count += add ? 1 : -1;
    if (user_id === this.client.user?.id) r.me = add;
    this.update({ id: message_id, reactions: list.filter((r) => r.count > 0) });
  }

  render(m, before = this.list.lastElementChild) {
    const previous = before && this.byId.get(before.dataset.id)?.message;
    const at = new Date(m.timestamp);
    const head = !previous || previous.author.id !== m.author.id || m.referenced_message || m.interaction_metadata || at - new Date(previous.timestamp) > GROUP;
    const body = el("div", { class: "body" });
    if (head) {
      body.append(el("div", { class: "byline" },
        el("strong", {}, this.client.name(m.author.id) === "somebody" ? m.author.username : this.client.name(m.author.id)),
        m.author.bot && el("span", { class: "tag" }, "BOT"),
        el("time", { datetime: m.timestamp, title: at.toLocaleString() }, at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }))));
    }
    if (m.flags & LOADING) body.append(el("div", { class: "thinking" }, `${m.author.username} is thinking…`));
    if (m.content) {
      body.append(el("div", { class: "content" }, ...markdown(m.content, this.client), m.edited_timestamp && el("span", { class: "edited", title: new Date(m.edited_timestamp).toLocaleString() }, " (edited)")));
    }
    for (const a of m.attachments ?? []) body.append(this.attachment(a, m.flags & VOICE_MESSAGE));
    for (const e of m.embeds ?? []) body.append(this.embed(e));
    if (m.components?.length) body.append(this.components(m));
    if (m.reactions?.length) {
      body.append(el("div", { class: "reactions" }, m.reactions.map((r) => el("button", {
        type: "button", "aria-pressed": String(!!r.me), "aria-label": `${r.emoji.name}, ${r.count}`, onclick: () => this.on.react(m, r.emoji.name, !r.me),
      }, `${r.emoji.name} ${r.count}`))));
    }
    if (m.flags & EPHEMERAL) body.append(el("div", { class: "only-you" }, "Only you can see this."));
    const reference = m.referenced_message
      ? `${this.client.name(m.referenced_message.author.id)}: ${m.referenced_message.content || "(file)"}`
      : m.interaction_metadata && head ? used(this.client.name(m.interaction_metadata.user.id), m.interaction?.name ?? m.interaction_metadata.name) : "";
    return el("li", { class: "message" + (head ? " head" : ""), "data-id": m.id, "data-bot": String(!!m.author.bot) },
      reference && el("button", { class: "reference", type: "button", onclick: () => this.jump(m.referenced_message?.id) }, reference),
      head ? avatar(m.author) : el("span"),
      body,
      el("div", { class: "actions" },
        m.author.bot && el("button", { type: "button", title: "Good answer", "aria-label": "Good answer", onclick: () => this.on.react(m, "👍", true) }, icon("good")),
        m.author.bot && el("button", { type: "button", title: "Bad answer", "aria-label": "Bad answer", onclick: () => this.on.react(m, "👎", true) }, icon("bad")),
        el("button", { type: "button", title: "Reply", "aria-label": "Reply", onclick: () => this.on.reply(m) }, icon("reply")),
        el("button", { type: "button", title: "More", "aria-label": "More", onclick: () => this.on.menu(m) }, icon("more"))));
  }

  jump(id) {
    const node = this.byId.get(id)?.node;
    node?.scrollIntoView({ block: "center" });
  }

  attachment(a, voiceMessage) {
    const type = a.content_type ?? "";
    const link = el("a", { class: "file", href: a.url, download: a.filename, target: "_blank", rel: "noopener" }, icon("file"), el("span", {}, a.filename), el("small", {}, sizes(a.size)));
    if (type.startsWith("audio/") && (voiceMessage || a.waveform)) return el("div", { class: "attachment" }, voicePlayer(a));
    if (type.startsWith("audio/")) return el("div", { class: "attachment" }, player("audio", a), link);
    if (type.startsWith("image/")) return el("div", { class: "attachment" }, el("a", { href: a.url, target: "_blank", rel: "noopener" }, el("img", { src: a.url, alt: a.description || a.filename, loading: "lazy" })));
    if (type.startsWith("video/")) return el("div", { class: "attachment" }, player("video", a), link);
    return el("div", { class: "attachment" }, link);
  }

  embed(e) {
    const fields = (e.fields ?? []).map((f) => el("div", {}, el("dt", {}, f.name), el("dd", { class: "content" }, ...markdown(f.value, this.client))));
    const article = el("article", { class: "embed" },
      e.author?.name && el("small", {}, e.author.name),
      e.title && el("h4", {}, e.url ? el("a", { href: e.url, rel: "noopener noreferrer", target: "_blank" }, e.title) : e.title),
      e.description && el("div", { class: "content" }, ...markdown(e.description, this.client)),
      fields.length > 0 && el("dl", {}, fields),
      e.image?.url && el("img", { src: e.image.url, alt: "" }),
      e.footer?.text && el("footer", {}, e.footer.text));
    if (e.color) article.style.borderLeftColor = "#" + e.color.toString(16).padStart(6, "0");
    return article;
  }

  components(m) {
    const styles = { 1: "primary", 3: "primary", 4: "danger" };
    const buttons = m.components.flatMap((row) => row.components ?? []).filter((c) => c.type === 2);
    return el("div", { class: "components" }, buttons.map((c) => c.url
      ? el("a", { class: "button", href: c.url, target: "_blank", rel: "noopener noreferrer" }, c.label)
      : el("button", { type: "button", class: styles[c.style] ?? "", disabled: !!c.disabled, onclick: () => this.on.press(m, c) }, c.emoji?.name ? `${c.emoji.name} ${c.label ?? ""}` : c.label)));
  }
}

// used says what a message answers: a command, or a form or button, which have no name.
const used = (person, command) => (command ? `${person} used /${command}` : `For ${person}`);

const colours = ["#f4c95d", "#9fd8cb", "#e8a0bf", "#a7c5eb", "#c9b6e4", "#f2a97e"];

export function avatar(user) {
  const a = el("span", { class: "avatar", "aria-hidden": "true" });
  if (user.bot) a.append(el("img", { src: "mynah.svg", alt: "" }));
  else {
    a.textContent = (user.global_name || user.username || "?").slice(0, 1).toUpperCase();
    a.style.background = colours[Number(BigInt(user.id) >> 3n & 0xffn) % colours.length];
  }
  return a;
}

// player plays a file. Where the file does not tell its length, as FLAC and WebM written to a pipe, the browser looks for its end.
function player(kind, a) {
  const media = el(kind, { controls: true, preload: "metadata", src: a.url });
  media.addEventListener("loadedmetadata", () => {
    if (media.duration !== Infinity) return;
    media.addEventListener("seeked", () => { media.currentTime = 0; }, { once: true });
    media.currentTime = Number.MAX_SAFE_INTEGER;
  }, { once: true });
  return media;
}

// voicePlayer plays a voice message and draws its waveform.
function voicePlayer(a) {
  const audio = new Audio(a.url);
  audio.preload = "none";
  const total = a.duration_secs ?? 0;
  const bars = a.waveform ? Array.from(atob(a.waveform), (c) => c.charCodeAt(0)) : [];
  const time = el("time", {}, clock(total));
  const canvas = el("canvas", { width: 220, height: 32, role: "slider", tabindex: "0", "aria-label": "Position" });
  const button = el("button", { type: "button", "aria-label": "Play" }, icon("play"));
  const draw = () => {
    const c = canvas.getContext("2d"), style = getComputedStyle(document.body);
    const w = canvas.width, h = canvas.height, n = Math.max(1, Math.min(bars.length, 55)), played = audio.currentTime / (audio.duration || total || 1);
    c.clearRect(0, 0, w, h);
    for (let i = 0; i < n; i++) {
      const v = Math.max(...bars.slice(Math.floor(i * bars.length / n), Math.floor((i + 1) * bars.length / n) || 1), 0) / 255;
      c.fillStyle = i / n < played ? style.getPropertyValue("--accent") : style.getPropertyValue("--soft");
      const b = Math.max(2, v * h);
      c.fillRect(i * w / n, (h - b) / 2, Math.max(1, w / n - 1.5), b);
    }
    canvas.setAttribute("aria-valuetext", `${clock(audio.currentTime)} of ${clock(total)}`);
  };
  button.onclick = () => (audio.paused ? audio.play() : audio.pause());
  audio.onplay = () => { button.replaceChildren(icon("pause")); button.setAttribute("aria-label", "Pause"); };
  audio.onpause = () => { button.replaceChildren(icon("play")); button.setAttribute("aria-label", "Play"); };
  audio.ontimeupdate = () => { time.textContent = clock(audio.paused ? total : audio.currentTime); draw(); };
  const seek = (share) => { if (audio.duration) { audio.currentTime = Math.max(0, Math.min(1, share)) * audio.duration; draw(); } };
  canvas.onclick = (e) => seek(e.offsetX / canvas.clientWidth);
  canvas.onkeydown = (e) => {
    if (e.key === "ArrowRight") seek((audio.currentTime + 2) / audio.duration);
    if (e.key === "ArrowLeft") seek((audio.currentTime - 2) / audio.duration);
  };
  requestAnimationFrame(draw);
  return el("div", { class: "voice-message" }, button, canvas, time);
}
