// A Discord client's wire: REST and gateway v10, and what the gateway tells about the world. Events of the gateway are
// dispatched as DOM events of the same name with the data in detail; "state" tells that the connection changed.

const HELLO = 10, ACK = 11, HEARTBEAT = 1, IDENTIFY = 2, RESUME = 6, RECONNECT = 7, INVALID = 9, DISPATCH = 0, VOICE_STATE = 4;

export class Client extends EventTarget {
  constructor(line, account) {
    super();
    this.line = line;
    this.account = account;
    this.guilds = new Map();
    this.channels = new Map(); // by id, with guild
    this.users = new Map();
    this.voice = new Map(); // user id → voice state
    this.roles = new Map(); // guild id → our roles there
    this.sequence = null;
    this.session = null;
    this.wait = 500;
    this.closed = false;
    addEventListener("pagehide", () => this.close()); // else one would stay in voice until the session runs out
    this.connect();
  }

  connect() {
    const url = new URL(this.resumeURL ?? this.line.gateway);
    url.search = "v=10&encoding=json";
    const ws = new WebSocket(url);
    this.ws = ws;
    this.state("connecting…");
    ws.onmessage = (e) => this.receive(JSON.parse(e.data));
    ws.onclose = (e) => {
      clearInterval(this.beating);
      if (this.closed || this.ws !== ws) return;
      if ([4004, 4010, 4011, 4012, 4013, 4014].includes(e.code)) {
        this.state(`The local Discord refused this person (${e.code}). Reload the page.`);
        return;
      }
      this.state("disconnected, trying again…");
      setTimeout(() => this.closed || this.connect(), this.wait);
      this.wait = Math.min(this.wait * 2, 10000);
    };
  }

  close() {
    this.closed = true;
    clearInterval(this.beating);
    this.ws.close(1000);
  }

  state(text) {
    this.link = text;
    this.dispatchEvent(new Event("state"));
  }

  send(op, d) {
    if (this.ws.readyState === WebSocket.OPEN) this.ws.send(JSON.stringify({ op, d }));
  }

  receive({ op, d, s, t }) {
    if (s != null) this.sequence = s;
    switch (op) {
      case HELLO:
        this.acked = true;
        clearInterval(this.beating);
        this.beating = setInterval(() => {
          if (!this.acked) { this.ws.close(4900); return; }
          this.acked = false;
          this.send(HEARTBEAT, this.sequence);
        }, d.heartbeat_interval);
        if (this.session) this.send(RESUME, { token: this.account.token, session_id: this.session, seq: this.sequence });
        else this.send(IDENTIFY, { token: this.account.token, properties: { os: "browser", browser: "Mynah page", device: "" } });
        break;
      case ACK: this.acked = true; break;
      case HEARTBEAT: this.send(HEARTBEAT, this.sequence); break;
      case RECONNECT: this.ws.close(4900); break;
      case INVALID:
        if (!d) { this.session = null; this.resumeURL = null; }
        this.ws.close(4900);
        break;
      case DISPATCH:
        this.keep(t, d);
        this.dispatchEvent(new CustomEvent(t, { detail: d }));
        break;
    }
  }

  // keep updates what is known of the world.
  keep(type, d) {
    switch (type) {
      case "READY":
        this.session = d.session_id;
        this.resumeURL = d.resume_gateway_url;
        this.user = d.user;
        this.users.set(d.user.id, d.user);
        this.wait = 500;
        this.state("");
        break;
      case "RESUMED": this.wait = 500; this.state(""); break;
      case "GUILD_CREATE":
        this.guilds.set(d.id, d);
        for (const c of d.channels ?? []) this.channels.set(c.id, { ...c, guild_id: d.id });
        for (const m of d.members ?? []) this.member(d.id, m);
        for (const v of d.voice_states ?? []) this.voice.set(v.user_id, { ...v, guild_id: d.id });
        break;
      case "CHANNEL_CREATE": case "CHANNEL_UPDATE": this.channels.set(d.id, d); break;
      case "CHANNEL_DELETE": this.channels.delete(d.id); break;
      case "GUILD_MEMBER_ADD": case "GUILD_MEMBER_UPDATE": this.member(d.guild_id, d); break;
      case "VOICE_STATE_UPDATE":
        if (d.channel_id) this.voice.set(d.user_id, d); else this.voice.delete(d.user_id);
        break;
      case "MESSAGE_CREATE": if (!this.users.has(d.author.id)) this.users.set(d.author.id, d.author); break;
    }
  }

  member(guild, m) {
    this.users.set(m.user.id, { ...m.user, nick: m.nick });
    if (m.user.id === this.user?.id) this.roles.set(guild, m.roles ?? []);
  }

  // name is how a person is shown.
  name(id) {
    const u = this.users.get(id);
    return u ? (u.nick || u.global_name || u.username) : "somebody";
  }

  setVoice(guild_id, channel_id, self_mute = false, self_deaf = false) {
    this.send(VOICE_STATE, { guild_id, channel_id, self_mute, self_deaf });
  }

  // rest calls the REST API and waits out rate limits. It returns the decoded answer, or throws an Error for people.
  async rest(method, path, body) {
    const headers = { Authorization: this.account.token };
    if (body !== undefined && !(body instanceof FormData)) {
      headers["Content-Type"] = "application/json";
      body = JSON.stringify(body);
    }
    for (let tries = 0; ; tries++) {
      let answer;
      try {
        answer = await fetch(`${this.line.rest}/v10${path}`, { method, headers, body });
      } catch {
        throw new Error("The local Discord can't be reached. Is it still running?");
      }
      if (answer.status === 429 && tries < 5) {
        const { retry_after = 1 } = await answer.json().catch(() => ({}));
        await new Promise((done) => setTimeout(done, retry_after * 1000));
        continue;
      }
      if (answer.status === 204) return null;
      const data = await answer.json().catch(() => null);
      if (!answer.ok) throw new Error(explain(data, answer.status));
      return data;
    }
  }
}

// explain turns Discord's error body into a sentence.
function explain(data, status) {
  const first = (errors) => {
    if (!errors || typeof errors !== "object") return "";
    if (Array.isArray(errors._errors) && errors._errors[0]) return errors._errors[0].message;
    for (const value of Object.values(errors)) {
      const text = first(value);
      if (text) return text;
    }
    return "";
  };
  const detail = first(data?.errors);
  return [data?.message ?? `Error ${status}`, detail].filter(Boolean).join(": ");
}
