// Running commands as a person's client does: command list, options with completion, message menus, buttons and forms.
import { $, el } from "./dom.js";

const COMMAND = 2, COMPONENT = 3, AUTOCOMPLETE = 4, MODAL = 5;
const CHAT = 1, MESSAGE_MENU = 3;
const SUB = 1, GROUP = 2, STRING = 3, INTEGER = 4, BOOLEAN = 5, USER = 6, CHANNEL = 7, ROLE = 8, NUMBER = 10, FILE = 11;

export class Interactions {
  constructor(client, suggestions, current, notice) {
    this.client = client;
    this.suggestions = suggestions;
    this.current = current; // () → channel
    this.notice = notice; // (text)
    this.waiting = new Map(); // nonce → what the interaction was
    this.index = null;
    this.panel = $("command");
    for (const [name, f] of Object.entries({
      INTERACTION_SUCCESS: (d) => this.waiting.delete(d.nonce),
      INTERACTION_FAILURE: (d) => {
        const w = this.waiting.get(d.nonce);
        this.waiting.delete(d.nonce);
        if (w && !w.quiet) this.notice(`Mynah did not answer ${w.what} in time.`);
      },
      INTERACTION_MODAL_CREATE: (d) => this.form(d),
      APPLICATION_COMMAND_AUTOCOMPLETE_RESPONSE: (d) => this.waiting.get(d.nonce)?.choices?.(d.choices),
    })) client.addEventListener(name, (e) => f(e.detail));
  }

  // commands returns the commands of a kind that may be run here.
  async commands(kind) {
    const channel = this.current();
    this.index = await this.client.rest("GET", channel.guild_id
      ? `/guilds/${channel.guild_id}/application-command-index` : `/channels/${channel.id}/application-command-index`);
    return this.index.application_commands.filter((c) => (c.type ?? CHAT) === kind);
  }

  // flat lists a command's forms: itself, or each of its sub-commands, as {command, path, options, name, shown, description}. The
  // person sees the name in their language, where there is one.
  flat(command) {
    const walk = (options, path, description) => {
      const subs = (options ?? []).filter((o) => o.type === SUB || o.type === GROUP);
      if (!subs.length) return [{ command, path, options: options ?? [], name: [command.name, ...path.map((p) => p.name)].join(" "), shown: [command, ...path].map((p) => local(p, "name")).join(" "), description }];
      return subs.flatMap((s) => walk(s.options, [...path, s], local(s, "description")));
    };
    return walk(command.options, [], local(command, "description"));
  }

  async suggest(text) {
    const typed = text.slice(1).toLowerCase();
    let all;
    try { all = (await this.commands(CHAT)).flatMap((c) => this.flat(c)); } catch (e) { this.notice(e.message); return; }
    const begins = (f) => f.shown.startsWith(typed) || f.name.startsWith(typed);
    const fits = all.filter(begins).concat(all.filter((f) => !begins(f) && (f.shown.includes(typed) || f.name.includes(typed))));
    if ($("input").value !== text) return; // typed on meanwhile
    this.suggestions.show(fits.map((f) => ({
      label: "/" + f.shown, hint: f.description, pick: () => this.start(f),
    })), $("input"));
    if (!all.length) this.notice("No commands here yet. Is the bot running?");
  }

  // call runs a command that needs no option.
  async call(name) {
    try {
      const f = (await this.commands(CHAT)).flatMap((c) => this.flat(c)).find((c) => c.name === name);
      if (f) this.run(f, new Map());
      else this.notice(`Nobody here knows the command /${name}. Is the bot running?`);
    } catch (e) { this.notice(e.message); }
  }

  // start opens the fields of a command, or runs it at once if it has none.
  start(f) {
    $("input").value = "";
    if (!f.options.length) { this.run(f, new Map()); return; }
    this.fields = new Map();
    const fields = f.options.map((o) => {
      const input = this.field(f, o);
      this.fields.set(o.name, { option: o, input });
      return el("label", {}, el("span", { class: o.required ? "required" : "" }, o.name_localized ?? o.name), input);
    });
    const run = el("button", { type: "button", class: "button primary", onclick: () => this.submit(f) }, "Run");
    const cancel = el("button", { type: "button", class: "button", onclick: () => this.cancel() }, "Cancel");
    this.panel.replaceChildren(el("h2", {}, "/" + f.shown, el("small", {}, f.description)), ...fields, run, cancel);
    this.panel.hidden = false;
    this.panel.onkeydown = (e) => {
      if (e.key === "Escape") this.cancel();
      if (e.key === "Enter" && e.target.tagName !== "BUTTON" && !this.suggestions.open) { e.preventDefault(); this.submit(f); }
    };
    [...this.fields.values()][0].input.focus();
  }

  field(f, o) {
    const hint = local(o, "description");
    const pick = (entries) => el("select", { title: hint }, el("option", { value: "" }, o.required ? "choose…" : "—"), entries.map(([value, label]) => el("option", { value: String(value) }, label)));
    if (o.choices?.length) return pick(o.choices.map((c) => [c.value, c.name_localized ?? c.name]));
    switch (o.type) {
      case BOOLEAN: return pick([["true", "yes"], ["false", "no"]]);
      case USER: return pick([...this.client.users.values()].map((u) => [u.id, this.client.name(u.id)]));
      case CHANNEL: return pick([...this.client.channels.values()].filter((c) => !o.channel_types || o.channel_types.includes(c.type)).map((c) => [c.id, c.name]));
      case ROLE: return pick((this.client.guilds.get(this.current().guild_id)?.roles ?? []).map((r) => [r.id, r.name]));
      case FILE: return el("input", { type: "file", title: hint });
    }
    const input = el("input", { type: o.type === INTEGER || o.type === NUMBER ? "number" : "text", title: hint, placeholder: hint,
      step: o.type === NUMBER ? "any" : undefined, maxlength: String(o.max_length ?? 6000) });
    if (o.autocomplete) {
      const ask = () => this.complete(f, o, input);
      input.addEventListener("input", () => { this.suggestions.hide(); ask(); }); // Enter must not choose from an older list
      input.addEventListener("focus", ask);
      input.addEventListener("blur", () => this.suggestions.hide());
      input.addEventListener("keydown", (e) => { if (this.suggestions.key(e)) e.stopPropagation(); });
    }
    return input;
  }

  complete(f, o, input) {
    const nonce = this.nonce(), typed = input.value;
    this.waiting.set(nonce, { what: o.name, quiet: true, choices: (choices) => {
      this.waiting.delete(nonce);
      if (document.activeElement !== input || input.value !== typed) return; // typed on, or chosen, meanwhile
      this.suggestions.show(choices.map((c) => ({ label: c.name_localized ?? c.name, pick: () => { input.value = c.value; } })), input);
    } });
    const options = [...this.fields].flatMap(([name, { option, input: i }]) => {
      if (name === o.name) return [{ type: o.type, name, value: i.value, focused: true }];
      return option.type !== FILE && i.value !== "" ? [{ type: option.type, name, value: convert(option, i.value) }] : [];
    });
    this.post({ type: AUTOCOMPLETE, data: this.data(f, options), nonce }).catch(() => this.waiting.delete(nonce));
  }

  cancel() {
    this.panel.hidden = true;
    this.panel.replaceChildren();
    this.suggestions.hide();
    $("input").focus();
  }

  submit(f) {
    for (const { option, input } of this.fields.values()) {
      if (option.required && (option.type === FILE ? !input.files.length : input.value === "")) {
        this.notice(`${option.name} is needed.`);
        input.focus();
        return;
      }
    }
    const fields = this.fields;
    this.cancel();
    this.run(f, fields);
  }

  run(f, fields) {
    const files = [], options = [];
    for (const [name, { option, input }] of fields) {
      if (option.type === FILE) {
        if (!input.files.length) continue;
        options.push({ type: FILE, name, value: String(files.length) });
        files.push(input.files[0]);
      } else if (input.value !== "") options.push({ type: option.type, name, value: convert(option, input.value) });
    }
    const nonce = this.nonce();
    this.waiting.set(nonce, { what: "/" + f.name });
    this.post({ type: COMMAND, data: this.data(f, options, files), nonce }, files).catch((e) => this.failed(nonce, e));
  }

  data(f, options, files = []) {
    let inner = options;
    for (const step of [...f.path].reverse()) inner = [{ type: step.type, name: step.name, options: inner }];
    return { id: f.command.id, name: f.command.name, type: CHAT, version: f.command.version, options: inner,
      attachments: files.map((file, i) => ({ id: String(i), filename: file.name })) };
  }

  // menu offers what can be done to a message.
  async menu(message) {
    let commands = [];
    try { commands = await this.commands(MESSAGE_MENU); } catch (e) { this.notice(e.message); }
    const modal = $("modal");
    const done = (f) => () => { modal.close(); f(); };
    modal.replaceChildren(el("h2", {}, "Message"), el("div", { class: "components" },
      commands.map((c) => el("button", { type: "button", class: "primary", onclick: done(() => this.apply(c, message)) }, c.name_localized ?? c.name)),
      el("button", { type: "button", onclick: done(() => navigator.clipboard?.writeText(message.content)) }, "Copy the text"),
      message.author.id === this.client.user.id && el("button", { type: "button", class: "danger", onclick: done(() => this.client.rest("DELETE", `/channels/${message.channel_id}/messages/${message.id}`).catch((e) => this.notice(e.message))) }, "Delete"),
      el("button", { type: "button", onclick: () => modal.close() }, "Close")));
    modal.showModal();
  }

  apply(command, message) {
    const nonce = this.nonce();
    this.waiting.set(nonce, { what: command.name });
    this.post({ type: COMMAND, nonce, data: { id: command.id, name: command.name, type: MESSAGE_MENU, version: command.version, target_id: message.id } })
      .catch((e) => this.failed(nonce, e));
  }

  press(message, component) {
    const nonce = this.nonce();
    this.waiting.set(nonce, { what: component.label ?? "the button" });
    this.post({ type: COMPONENT, nonce, application_id: message.application_id ?? message.author.id, message_id: message.id,
      data: { component_type: component.type, custom_id: component.custom_id } }).catch((e) => this.failed(nonce, e));
  }

  // form shows a modal and submits it.
  form(d) {
    this.waiting.delete(d.nonce);
    const modal = $("modal");
    const rows = d.components.map((row) => row.component ?? row.components?.[0]).filter((c) => c?.type === 4);
    const inputs = rows.map((c) => {
      const attributes = { maxlength: String(c.max_length ?? 4000), placeholder: c.placeholder ?? "", required: c.required !== false };
      const input = c.style === 2 ? el("textarea", { rows: "5", ...attributes }) : el("input", attributes);
      input.value = c.value ?? "";
      return input;
    });
    const form = el("form", { method: "dialog", onsubmit: (e) => {
      e.preventDefault();
      modal.close();
      const nonce = this.nonce();
      this.waiting.set(nonce, { what: d.title });
      this.post({ type: MODAL, application_id: d.application.id, nonce, data: { id: d.id, custom_id: d.custom_id,
        components: rows.map((c, i) => ({ type: 1, components: [{ type: 4, custom_id: c.custom_id, value: inputs[i].value }] })) } })
        .catch((e2) => this.failed(nonce, e2));
    } }, el("h2", {}, d.title), rows.map((c, i) => el("label", {}, d.components[i].label ?? c.label ?? c.custom_id, inputs[i])),
    el("div", { class: "row" }, el("button", { type: "button", class: "button", onclick: () => modal.close() }, "Cancel"), el("button", { class: "button primary" }, "Submit")));
    modal.replaceChildren(form);
    modal.showModal();
    inputs[0]?.focus();
  }

  failed(nonce, e) {
    this.waiting.delete(nonce);
    this.notice(e.message);
  }

  nonce() { return String((BigInt(Date.now()) - 1420070400000n) << 22n | BigInt(Math.floor(Math.random() * (1 << 22)))); }

  post(body, files = []) {
    const channel = this.current();
    const full = { application_id: this.index?.applications[0]?.id, channel_id: channel.id, guild_id: channel.guild_id, session_id: this.client.session, ...body };
    const command = this.index?.application_commands.find((c) => c.id === body.data.id);
    if (command) full.application_id = command.application_id;
    if (!files.length) return this.client.rest("POST", "/interactions", full);
    const form = new FormData();
    form.append("payload_json", JSON.stringify(full));
    files.forEach((file, i) => form.append(`files[${i}]`, file, file.name));
    return this.client.rest("POST", "/interactions", form);
  }
}

const local = (o, key) => o[key + "_localized"] ?? o[key] ?? "";

function convert(option, text) {
  switch (option.type) {
    case INTEGER: return parseInt(text, 10);
    case NUMBER: return parseFloat(text);
    case BOOLEAN: return text === "true";
    default: return text;
  }
}
