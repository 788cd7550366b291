// A bot in a voice channel on an unmodified discord.js with @discordjs/voice and davey, driven by script_test.go: one JSON object a
// line says what to do, and each is answered by one.
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { AudioPlayerStatus, EndBehaviorType, StreamType, VoiceConnectionStatus, createAudioPlayer, createAudioResource, entersState,
  joinVoiceChannel } from '@discordjs/voice';
import { Client, GatewayIntentBits } from 'discord.js';
import { OpusEncoder } from 'mediaplex';

const limit = 20_000; // ms for whatever is waited for
const { rest, cdn, token } = JSON.parse(process.env.LOCAL_DISCORD);
const say = (o) => process.stdout.write(JSON.stringify(o) + '\n');
const client = new Client({ intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildVoiceStates], rest: { api: rest, cdn } });
client.on('error', (err) => say({ error: String(err) }));

const player = createAudioPlayer();
let connection;
let recording;

// decoded is what a list of Opus packets sounds like: mono, 48 kHz, 16 bit.
function decoded(packets) {
  const opus = new OpusEncoder(48_000, 2);
  return Buffer.concat(packets.map((packet) => {
    const stereo = opus.decode(packet);
    const mono = Buffer.alloc(stereo.length / 2);
    for (let at = 0; at < mono.length; at += 2) mono.writeInt16LE(stereo.readInt16LE(2 * at), at);
    return mono;
  }));
}

const commands = {
  async join({ guild, channel }) {
    const { voiceAdapterCreator } = await client.guilds.fetch(guild);
    connection = joinVoiceChannel({ guildId: guild, channelId: channel, adapterCreator: voiceAdapterCreator, selfDeaf: false, selfMute: false });
    if (connection.listenerCount('error') === 0) {
      connection.on('error', (err) => say({ error: String(err.stack) }));
      if (process.env.VOICE_DEBUG) {
        connection.on('debug', (text) => console.error(text));
        connection.on('transitioned', (id) => console.error('transitioned', id));
      }
    }
    await entersState(connection, VoiceConnectionStatus.Ready, limit);
    connection.subscribe(player);
  },
  async state() {
    return { channel: connection?.joinConfig.channelId, status: connection?.state.status, code: connection?.voicePrivacyCode ?? '',
      packets: recording?.packets.length ?? 0 };
  },
  async leave() {
    connection.destroy();
    connection = undefined;
  },
  async play({ file }) {
    player.play(createAudioResource(createReadStream(file), { inputType: StreamType.OggOpus }));
    await entersState(player, AudioPlayerStatus.Playing, limit);
    await entersState(player, AudioPlayerStatus.Idle, 3 * limit);
  },
  async record({ user }) {
    const stream = connection.receiver.subscribe(user, { end: { behavior: EndBehaviorType.Manual } });
    recording = { stream, packets: [] };
    stream.on('data', (packet) => recording.packets.push(packet));
    stream.on('error', (err) => say({ error: String(err.stack) }));
  },
  async recorded({ file }) {
    recording.stream.destroy();
    await writeFile(file, decoded(recording.packets));
    return { packets: recording.packets.length };
  },
};

client.once('clientReady', async () => {
  say({ user: client.user.id });
  for await (const line of createInterface({ input: process.stdin })) {
    const command = JSON.parse(line);
    try {
      say({ done: command.do, ...(await commands[command.do](command)) });
    } catch (err) {
      say({ error: `${command.do}: ${err.stack ?? err}` });
    }
  }
  await client.destroy();
  process.exit(0);
});
client.login(token);
