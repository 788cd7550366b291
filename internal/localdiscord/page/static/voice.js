// Being in a voice channel: joined through the gateway, carried by the tab's own WebSocket (the other side of it is
// package tab), encrypted end to end from this machine's Mynah on.
import { $, el } from "./dom.js";
import { STAGE, stageCall } from "./stage.js";

export const VOICE = 2;
export const hasVoice = (channel) => channel?.type === VOICE || channel?.type === STAGE;

const QUIET = 0.004, HOLD = 30; // below this loudness for this many pieces of 20 ms, nothing is sent
const BEFORE = 10; // pieces from before the first loud one that are sent with it

export class Voice {
  // changed is called when something to show has changed.
  constructor(client, notice, changed) {
    this.client = client;
    this.notice = notice;
    this.changed = changed;
    this.speaking = new Map(); // user → when heard last
    client.addEventListener("VOICE_SERVER_UPDATE", (e) => { this.server = e.detail; this.connect(); });
    client.addEventListener("VOICE_STATE_UPDATE", (e) => {
      if (e.detail.user_id !== client.user?.id) { this.look(); return; }
      const was = this.here;
      this.here = e.detail.channel_id ? e.detail : null;
      if (!this.here) this.end();
      else if (this.here.suppress && this.stream) this.muteMicrophone(); // back in a stage's audience
      else if (was && was.channel_id !== this.here.channel_id) this.server = null;
      this.connect();
      this.look();
    });
    client.addEventListener("READY", () => this.end());
  }

  // talk enters a channel, has call bring Mynah there, and switches the microphone on once both are connected: what is said
  // before that would be lost. Like join it must be called by a press of a button.
  async talk(channel, call) {
    await this.join(channel);
    if (this.wanted !== channel.id) return; // there is no sound
    await this.until(() => this.state === "connected");
    const company = () => [...this.client.voice.values()].some((v) => v.channel_id === channel.id && this.client.users.get(v.user_id)?.bot);
    if (this.here && !company()) {
      call();
      await this.until(company);
    }
    if (this.here && !this.stream) await this.toggleMicrophone();
  }

  // until waits until something is so, or this is over.
  until(so) {
    this.awaited?.done();
    return new Promise((done) => { this.awaited = { so, done }; this.look(); });
  }

  look() {
    if (!this.awaited || (this.wanted && !this.awaited.so())) return;
    this.awaited.done();
    this.awaited = null;
  }

  // join enters a channel. It must be called by a press of a button: browsers allow sound only then.
  async join(channel) {
    this.notice("");
    try {
      // Recognition and Mynah's voice work at these rates, and the browser resamples better than we would.
      this.output ??= new AudioContext({ sampleRate: 16000 });
      await this.output.resume();
      if (!this.speakers) {
        await this.output.audioWorklet.addModule("worklet.js");
        this.speakers = new AudioWorkletNode(this.output, "speakers", { numberOfInputs: 0, outputChannelCount: [1] });
        this.speakers.connect(this.output.destination);
      }
    } catch (e) {
      this.notice(`This browser can't play sound: ${e.message}`);
      return;
    }
    this.wanted = channel.id;
    this.state = "joining…";
    this.client.setVoice(channel.guild_id, channel.id);
    this.changed();
    clearTimeout(this.patience);
    this.patience = setTimeout(() => {
      if (this.state !== "joining…") return;
      this.state = "";
      this.wanted = null;
      this.look();
      this.notice("The voice channel did not let you in: it is full, or you may not connect.");
      this.changed();
    }, 8000);
  }

  leave() {
    this.wanted = null;
    if (this.here) this.client.setVoice(this.here.guild_id, null);
    this.end();
    this.look();
  }

  connect() {
    const s = this.server, h = this.here;
    if (!s?.endpoint || !h || this.wanted !== h.channel_id || this.connected === s.token + h.channel_id) return;
    this.socket?.close();
    this.connected = s.token + h.channel_id;
    const ws = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/tab/voice`);
    ws.binaryType = "arraybuffer";
    this.socket = ws;
    ws.onopen = () => ws.send(JSON.stringify({ guild: s.guild_id, channel: h.channel_id, user: this.client.user.id, session: h.session_id, token: s.token, endpoint: s.endpoint }));
    ws.onmessage = (e) => (typeof e.data === "string" ? this.news(JSON.parse(e.data)) : this.hear(e.data));
    ws.onclose = () => { if (this.socket === ws) { this.socket = null; this.connected = null; this.state = this.wanted ? "the connection to Mynah's process is lost" : ""; this.changed(); } };
  }

  news({ state, reason, health }) {
    if (health) this.health = health;
    if (state) {
      this.state = { connected: "connected", lost: "reconnecting…", moved: "moving…", stopped: reason }[state] ?? state;
      if (state === "stopped" && reason && this.wanted) this.notice(reason);
      this.look();
    }
    this.changed();
  }

  hear(buffer) {
    const user = new DataView(buffer).getBigUint64(0, true).toString();
    const samples = new Int16Array(buffer.slice(8));
    this.speakers.port.postMessage({ user, samples });
    const now = performance.now(), before = this.speaking.get(user) ?? 0;
    this.speaking.set(user, now);
    this.samplesHeard = (this.samplesHeard ?? 0) + samples.length;
    if (now - before > 400) this.changed();
    clearTimeout(this.fading);
    this.fading = setTimeout(() => this.changed(), 500);
  }

  isSpeaking(user) { return performance.now() - (this.speaking.get(user) ?? -1e9) < 400; }

  // toggleMicrophone switches the microphone on or off.
  async toggleMicrophone() {
    if (this.stream) { this.muteMicrophone(); this.changed(); return; }
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true } });
      this.input ??= new AudioContext({ sampleRate: 48000 });
      await this.input.resume();
      if (!this.inputReady) { await this.input.audioWorklet.addModule("worklet.js"); this.inputReady = true; }
      this.source = this.input.createMediaStreamSource(this.stream);
      this.microphone = new AudioWorkletNode(this.input, "microphone", { numberOfOutputs: 0 });
      let quiet = HOLD, before = [];
      this.microphone.port.onmessage = ({ data }) => {
        let loudest = 0;
        for (const s of data) loudest = Math.max(loudest, Math.abs(s));
        quiet = loudest > QUIET ? 0 : quiet + 1;
        if (quiet >= HOLD) { before.push(data); if (before.length > BEFORE) before.shift(); return; }
        for (const piece of [...before, data]) this.say(piece);
        before = [];
      };
      this.source.connect(this.microphone);
    } catch (e) {
      this.stream = null;
      this.notice(e.name === "NotAllowedError" || e.name === "NotFoundError" ? "No microphone: allow it for this page." : e.message);
    }
    this.changed();
  }

  muteMicrophone() {
    this.stream?.getTracks().forEach((t) => t.stop());
    this.source?.disconnect();
    this.microphone?.disconnect();
    this.stream = this.source = this.microphone = null;
  }

  say(piece) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const out = new Int16Array(piece.length);
    for (let i = 0; i < piece.length; i++) out[i] = Math.max(-1, Math.min(1, piece[i])) * 32767;
    this.socket.send(out.buffer);
  }

  end() {
    this.muteMicrophone();
    const ws = this.socket;
    this.socket = null;
    this.server = this.connected = this.health = null;
    this.state = "";
    ws?.close();
    this.changed();
  }

  // bar shows the call of a voice channel.
  bar(channel) {
    const bar = $("call");
    bar.hidden = !hasVoice(channel) && !this.here;
    if (bar.hidden) return;
    const shown = hasVoice(channel) ? channel : this.client.channels.get(this.here.channel_id);
    const inside = this.here?.channel_id === shown.id, stage = shown.type === STAGE;
    const people = [...this.client.voice.values()].filter((v) => v.channel_id === shown.id).map((v) => this.client.name(v.user_id));
    const code = this.health?.privacy_code;
    const [who, ...deeds] = stage ? stageCall(this.client, shown, inside, this.notice)
      : [el("span", { class: "people" }, el("strong", { "data-id": shown.id }, shown.name), people.length ? ` · ${people.join(", ")}` : " · nobody is here")];
    const fresh = el("section", {}, [
      who,
      inside && el("span", { class: "state", id: "voice-state" }, this.state),
      inside && stage && el("span", { class: "state" }, "not end-to-end encrypted"),
      inside && code && el("span", { class: "state", title: "Everybody in the call sees the same code: nobody listens in." }, `end-to-end encrypted · ${code.slice(0, 11)}…`),
      ...deeds,
      inside
        ? [!this.here.suppress && el("button", { type: "button", id: "microphone", class: "button" + (this.stream ? " on" : ""), "aria-pressed": String(!!this.stream), onclick: () => this.toggleMicrophone() }, this.stream ? "Microphone is on" : "Turn the microphone on"),
          el("button", { type: "button", id: "leave-voice", class: "button", onclick: () => this.leave() }, "Leave")]
        : el("button", { type: "button", id: "join-voice", class: "button primary", onclick: () => this.join(shown) }, stage ? "Join the audience" : "Join voice"),
    ].flat());
    if (fresh.innerHTML !== bar.innerHTML) bar.replaceChildren(...fresh.childNodes); // a button that is being pressed stays
  }
}
