// @discordjs/voice at the work that BenchmarkVoice of internal/discord/voice measures: in each channel it decodes what a person says
// and encodes and plays a sound. It has no main gateway: where to connect to comes with the orders, one JSON object a line.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { EndBehaviorType, NoSubscriberBehavior, StreamType, VoiceConnectionStatus, createAudioPlayer, createAudioResource, entersState,
  joinVoiceChannel } from '@discordjs/voice';
import { OpusEncoder } from 'mediaplex';

const frameBytes = 2 * 960;
const setComplexity = 4010, setFEC = 4012, setLoss = 4014, setSignal = 4024; // requests of opus_defines.h
const signalVoice = 3001;
const places = [];
let received = 0, sound, settings;
let began, cpu, memory, receivedBefore, sentBefore;

// open joins a place. The adapter answers as the main gateway would.
async function open(p) {
  const connection = joinVoiceChannel({
    guildId: p.Guild, channelId: p.Channel, group: p.User, selfDeaf: false, selfMute: false,
    adapterCreator: (methods) => ({
      sendPayload({ d }) {
        if (d.channel_id) {
          methods.onVoiceStateUpdate({ guild_id: p.Guild, channel_id: p.Channel, user_id: p.User, session_id: p.Session });
          methods.onVoiceServerUpdate({ guild_id: p.Guild, token: p.Token, endpoint: p.Endpoint });
        }
        return true;
      },
      destroy() {},
    }),
  });
  await entersState(connection, VoiceConnectionStatus.Ready, 20_000);
  const decoder = new OpusEncoder(48_000, 2); // as a mono decoder it returns twice the bytes
  const stream = connection.receiver.subscribe(p.Person, { end: { behavior: EndBehaviorType.Manual } });
  stream.on('data', (packet) => {
    decoder.decode(packet);
    received++;
  });
  places.push({ connection });
}

function start(place) {
  const encoder = new OpusEncoder(48_000, 1);
  encoder.setBitrate(settings.bitrate);
  if (settings.loss) {
    encoder.applyEncoderCtl(setSignal, signalVoice); // only the part of Opus for voices has forward error correction
    encoder.applyEncoderCtl(setFEC, 1);
    encoder.applyEncoderCtl(setLoss, settings.loss);
  }
  if (settings.complexity) encoder.applyEncoderCtl(setComplexity, settings.complexity);
  let at = 0;
  const frames = new Readable({
    objectMode: true, highWaterMark: 5,
    read() {
      this.push(encoder.encode(sound.subarray(at, at + frameBytes)));
      at = (at + frameBytes) % sound.length;
    },
  });
  place.player = createAudioPlayer({ behaviors: { noSubscriber: NoSubscriberBehavior.Play } });
  place.resource = createAudioResource(frames, { inputType: StreamType.Opus });
  place.player.play(place.resource);
  place.connection.subscribe(place.player);
}

const sent = () => places.reduce((n, p) => n + p.resource.playbackDuration / 20, 0);
const cpuSeconds = () => { const u = process.cpuUsage(); return (u.user + u.system) / 1e6; };

for await (const line of createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  const report = {};
  switch (order.do) {
    case 'open':
      settings = order;
      sound = readFileSync(order.sound);
      memory = process.memoryUsage().rss;
      report.joins = [];
      for (const p of order.places) {
        const at = performance.now();
        await open(p);
        report.joins.push((performance.now() - at) / 1000);
      }
      break;
    case 'start':
      places.forEach(start);
      break;
    case 'measure':
      began = performance.now();
      cpu = cpuSeconds();
      [receivedBefore, sentBefore] = [received, sent()];
      break;
    case 'stop':
      report.wall = (performance.now() - began) / 1000;
      report.cpu = cpuSeconds() - cpu;
      report.sent = sent() - sentBefore;
      report.received = received - receivedBefore;
      report.memory = (process.memoryUsage().rss - memory) / places.length / 2 ** 20;
      break;
  }
  console.log(JSON.stringify(report));
}
process.exit(0);
