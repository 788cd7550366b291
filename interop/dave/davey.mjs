// DAVE members by @snazzah/davey, driven by lines of JSON: one request, one reply. Each member does with a voice gateway's
// messages what @discordjs/voice 0.19 does. See dave/interop_test.go for the other end.
import { createInterface } from 'node:readline';
import { DAVESession } from '@snazzah/davey';

const AUDIO = 0;
const members = new Map();

class Member {
  constructor(user, channel) {
    Object.assign(this, { user, channel, version: 0, session: null, users: new Set([user]), transitions: new Map(), out: [] });
  }

  send(op, fields) {
    this.out.push({ op, ...fields });
  }

  start() {
    if (this.session) this.session.reinit(this.version, this.user, this.channel);
    else this.session = new DAVESession(this.version, this.user, this.channel);
    this.send(26, { payload: this.session.getSerializedKeyPackage().toString('base64') });
  }

  recover(transition) {
    this.send(31, { transition });
    this.start();
  }

  prepare(transition, version) {
    if (transition === 0) return this.execute(version);
    this.transitions.set(transition, version);
    this.send(23, { transition });
  }

  execute(version) {
    if (this.version === 0 && version > 0) this.session?.setPassthroughMode(true, 10);
    this.version = version;
  }

  handle(e) {
    const payload = Buffer.from(e.payload ?? '', 'base64');
    switch (e.op) {
      case 4:
        this.version = e.version;
        if (this.version > 0) this.start();
        break;
      case 11:
        for (const u of e.users) this.users.add(u);
        break;
      case 13:
        for (const u of e.users) this.users.delete(u);
        break;
      case 21:
        if (e.version === 0) this.session?.setPassthroughMode(true, 24);
        this.prepare(e.transition, e.version);
        break;
      case 22:
        if (this.transitions.has(e.transition)) this.execute(this.transitions.get(e.transition));
        this.transitions.delete(e.transition);
        break;
      case 24:
        if (e.epoch === 1) {
          this.version = e.version;
          this.start();
        }
        break;
      case 25:
        this.session.setExternalSender(payload);
        break;
      case 27: {
        const { commit, welcome } = this.session.processProposals(payload[0], payload.subarray(1), [...this.users]);
        if (commit) this.send(28, { payload: Buffer.concat(welcome ? [commit, welcome] : [commit]).toString('base64') });
        break;
      }
      case 29:
      case 30:
        try {
          if (e.op === 29) this.session.processCommit(payload);
          else this.session.processWelcome(payload);
        } catch (error) {
          this.recover(e.transition);
          throw error;
        }
        this.prepare(e.transition, this.version);
        break;
      default:
        throw new Error(`unexpected op ${e.op}`);
    }
  }

  encrypt(frame) {
    if (this.version === 0) return frame;
    if (!this.session.ready) throw new Error('not ready');
    return this.session.encryptOpus(frame);
  }

  decrypt(from, frame) {
    if (this.version === 0 && !this.session?.canPassthrough(from)) return frame;
    return this.session.decrypt(from, AUDIO, frame);
  }

  // bench encrypts a frame n times, or decrypts n frames of another member's, and returns nanoseconds for each.
  bench(frame, n, from) {
    const frames = from ? Array.from({ length: n }, () => from.session.encryptOpus(frame)) : [];
    const began = process.hrtime.bigint();
    if (from) for (const f of frames) this.session.decrypt(from.user, AUDIO, f);
    else for (let i = 0; i < n; i++) this.session.encryptOpus(frame);
    return Number(process.hrtime.bigint() - began) / n;
  }
}

function answer(request) {
  if (request.do === 'new') {
    members.set(request.member, new Member(request.user, request.channel));
    return {};
  }
  const m = members.get(request.member);
  const reply = {};
  const began = process.hrtime.bigint();
  try {
    switch (request.do) {
      case 'event':
        m.handle(request);
        break;
      case 'encrypt':
        reply.frame = m.encrypt(Buffer.from(request.payload, 'base64')).toString('base64');
        break;
      case 'decrypt':
        reply.frame = m.decrypt(request.from, Buffer.from(request.payload, 'base64')).toString('base64');
        break;
      case 'bench':
        reply.each = m.bench(Buffer.from(request.payload, 'base64'), request.count, members.get(request.other));
        break;
      case 'code':
        reply.code = m.session?.voicePrivacyCode ?? '';
        break;
      case 'close':
        members.delete(request.member);
        break;
      default:
        throw new Error(`unknown request ${request.do}`);
    }
  } catch (error) {
    reply.error = String(error?.message ?? error);
  }
  reply.nanoseconds = Number(process.hrtime.bigint() - began);
  if (m.out.length > 0) {
    reply.out = m.out;
    m.out = [];
  }
  return reply;
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(JSON.stringify(answer(JSON.parse(line))) + '\n');
}
