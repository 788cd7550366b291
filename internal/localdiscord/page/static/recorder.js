// Recording a voice message with the browser's microphone: sound, length and waveform.

const POINTS = 64;

export class Recorder {
  async start() {
    this.stream = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: true, noiseSuppression: true } });
    const type = ["audio/ogg;codecs=opus", "audio/webm;codecs=opus", "audio/mp4"].find((t) => MediaRecorder.isTypeSupported(t)) ?? "";
    this.media = new MediaRecorder(this.stream, type ? { mimeType: type } : {});
    this.chunks = [];
    this.media.ondataavailable = (e) => this.chunks.push(e.data);
    this.media.start(250);
    this.began = performance.now();
  }

  get on() { return this.media?.state === "recording"; }

  // stop ends the recording and returns {blob, seconds, waveform}.
  async stop() {
    const seconds = (performance.now() - this.began) / 1000;
    await new Promise((done) => { this.media.onstop = done; this.media.stop(); });
    this.stream.getTracks().forEach((t) => t.stop());
    const blob = new Blob(this.chunks, { type: this.media.mimeType.split(";")[0] });
    return { blob, seconds, waveform: await waveform(blob) };
  }
}

async function waveform(blob) {
  const points = new Uint8Array(POINTS);
  const context = new AudioContext();
  try {
    const sound = (await context.decodeAudioData(await blob.arrayBuffer())).getChannelData(0);
    const step = Math.max(1, Math.floor(sound.length / POINTS));
    let loudest = 1e-6;
    const peaks = Array.from(points, (_, i) => {
      let peak = 0;
      for (let k = i * step; k < Math.min(sound.length, (i + 1) * step); k++) peak = Math.max(peak, Math.abs(sound[k]));
      loudest = Math.max(loudest, peak);
      return peak;
    });
    peaks.forEach((p, i) => { points[i] = Math.round(255 * p / loudest); });
  } catch { /* a browser that can't decode its own recording sends a flat line */ } finally { context.close(); }
  return btoa(String.fromCharCode(...points));
}
