// Discord's Markdown, as far as bots use it: code, bold, italics, underline, strike-through, quotes, headings, lists, links,
// mentions and timestamps. Everything becomes nodes; nothing is parsed as HTML.
import { el } from "./dom.js";

const inline = [
  [/^`([^`]+)`/, (m) => el("code", {}, m[1])],
  [/^\*\*([\s\S]+?)\*\*/, (m, c) => el("strong", {}, ...spans(m[1], c))],
  [/^__([\s\S]+?)__/, (m, c) => el("u", {}, ...spans(m[1], c))],
  [/^~~([\s\S]+?)~~/, (m, c) => el("s", {}, ...spans(m[1], c))],
  [/^\*([^*\s](?:[^*]*[^*\s])?)\*/, (m, c) => el("em", {}, ...spans(m[1], c))],
  [/^_([^_\s](?:[^_]*[^_\s])?)_(?!\w)/, (m, c) => el("em", {}, ...spans(m[1], c))],
  [/^\|\|([\s\S]+?)\|\|/, (m, c) => el("details", {}, el("summary", {}, "spoiler"), ...spans(m[1], c))],
  [/^\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/, (m, c) => link(m[2], spans(m[1], c))],
  [/^<(https?:\/\/[^\s>]+)>/, (m) => link(m[1], [m[1]])],
  [/^https?:\/\/[^\s<]+[^\s<.,:;"')\]]/, (m) => link(m[0], [m[0]])],
  [/^<@!?(\d+)>/, (m, c) => el("span", { class: "mention" }, "@" + c.name(m[1]))],
  [/^<#(\d+)>/, (m, c) => el("span", { class: "mention" }, "#" + (c.channels.get(m[1])?.name ?? "channel"))],
  [/^<@&(\d+)>/, (m, c) => el("span", { class: "mention" }, "@" + (role(c, m[1]) ?? "role"))],
  [/^<\/([^:>]+):\d+>/, (m) => el("span", { class: "mention" }, "/" + m[1])],
  [/^<a?:(\w+):\d+>/, (m) => ":" + m[1] + ":"],
  [/^<t:(-?\d+)(?::([tTdDfFR]))?>/, (m) => moment(new Date(m[1] * 1000), m[2] ?? "f")],
  [/^\\([\\`*_~|<>#@-])/, (m) => m[1]],
];

function link(href, children) {
  return el("a", { href, target: "_blank", rel: "noopener noreferrer" }, ...children);
}

function role(client, id) {
  for (const g of client.guilds.values()) {
    const r = g.roles?.find((r) => r.id === id);
    if (r) return r.name;
  }
}

// styles are the ways in which a timestamp may be written.
const styles = {
  t: { timeStyle: "short" }, T: { timeStyle: "medium" }, d: { dateStyle: "short" }, D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" }, F: { dateStyle: "full", timeStyle: "short" },
};

function moment(at, style) {
  if (isNaN(at)) return "Invalid date";
  const text = style === "R" ? relative((at - Date.now()) / 1000) : at.toLocaleString([], styles[style]);
  return el("time", { datetime: at.toISOString(), title: at.toLocaleString([], styles.F) }, text);
}

// relative tells a time from now in the largest unit that fits.
function relative(seconds) {
  const units = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
  const [unit, length] = units.find(([, n]) => Math.abs(seconds) >= n) ?? units.at(-1);
  return new Intl.RelativeTimeFormat([], { numeric: "auto" }).format(Math.round(seconds / length), unit);
}

function spans(text, client) {
  const out = [];
  let plain = "";
  while (text) {
    let hit = null;
    if (/[`*_~|[<h\\]/.test(text[0])) {
      for (const [pattern, make] of inline) {
        const m = pattern.exec(text);
        if (m) { hit = [m, make]; break; }
      }
    }
    if (!hit) { plain += text[0]; text = text.slice(1); continue; }
    if (plain) { out.push(plain); plain = ""; }
    out.push(hit[1](hit[0], client));
    text = text.slice(hit[0][0].length);
  }
  if (plain) out.push(plain);
  return out;
}

// markdown turns a message's text into nodes.
export function markdown(text, client) {
  const out = [];
  const fence = /```(?:([\w+-]*)\n)?([\s\S]*?)```/g;
  let at = 0;
  for (let m; (m = fence.exec(text)); at = fence.lastIndex) {
    out.push(...blocks(text.slice(at, m.index).replace(/\n$/, ""), client));
    out.push(el("pre", {}, el("code", {}, m[2].replace(/\n$/, ""))));
  }
  const rest = at ? text.slice(at).replace(/^\n/, "") : text;
  out.push(...blocks(rest, client));
  return out;
}

function blocks(text, client) {
  const out = [];
  let quote = null, line = false;
  for (const raw of text ? text.split("\n") : []) {
    const q = /^> ?(.*)/.exec(raw), h = /^(#{1,3}) (.+)/.exec(raw), li = /^(\s*)[-*] (.+)/.exec(raw), small = /^-# (.+)/.exec(raw);
    if (!q) quote = null;
    if (q) {
      if (!quote) out.push((quote = el("blockquote")));
      else quote.append("\n");
      quote.append(...spans(q[1], client));
      line = false;
      continue;
    }
    if (h) { out.push(el("h" + (h[1].length + 2), {}, ...spans(h[2], client))); line = false; continue; }
    if (line) out.push("\n");
    if (small) out.push(el("small", {}, ...spans(small[1], client)));
    else if (li) out.push(li[1] + (li[1] ? "◦ " : "• "), ...spans(li[2], client));
    else out.push(...spans(raw, client));
    line = true;
  }
  return out;
}
