// Sound on the browser's audio thread: "microphone" hands out what is recorded in pieces of 20 ms, "speakers" plays what
// each person says, mixed.

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Float32Array(960);
    this.at = 0;
  }

  process([[samples]]) {
    for (const s of samples ?? []) {
      this.piece[this.at++] = s;
      if (this.at === this.piece.length) {
        this.port.postMessage(this.piece.slice());
        this.at = 0;
      }
    }
    return true;
  }
}

// Sound of a person waits for this many samples before it is played, so that small delays on the way are not heard.
const AHEAD = 960, MOST = 16000 * 5;

class Speakers extends AudioWorkletProcessor {
  constructor() {
    super();
    this.people = new Map(); // user → {queue, playing}
    this.port.onmessage = ({ data: { user, samples } }) => {
      const p = this.people.get(user) ?? { queue: [], playing: false };
      this.people.set(user, p);
      for (const s of samples) p.queue.push(s / 32768);
      if (p.queue.length > MOST) p.queue.splice(0, p.queue.length - MOST);
      p.playing ||= p.queue.length >= AHEAD;
    };
  }

  process(_, [[out]]) {
    for (const p of this.people.values()) {
      if (!p.playing) continue;
      const n = Math.min(out.length, p.queue.length);
      for (let i = 0; i < n; i++) out[i] += p.queue[i];
      p.queue.splice(0, n);
      if (!p.queue.length) p.playing = false;
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
registerProcessor("speakers", Speakers);
