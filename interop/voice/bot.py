"""A bot in a voice channel on an unmodified discord.py with davey, driven by script_test.go: one JSON object a line says what to do, and each
is answered by one. It does what bot.mjs does. discord.py itself doesn't receive: it hands over each packet from its socket as it came, and
what follows here, down to Opus, is this script's work with the keys that discord.py and its davey session hold."""

import asyncio
import json
import os
import struct
import sys
import traceback

import davey
import discord
import nacl.secret
from discord.voice_state import VoiceConnectionState
from yarl import URL

LIMIT = 20  # seconds for whatever is waited for
JOINING = 30  # seconds that joining may take
PATIENCE = 10  # seconds until discord.py gives a connection up that it tries to restore
OPUS = 120  # RTP payload type
SPEAKING, RESUMED = 5, 9  # opcodes of the voice gateway
SILENCE = b"\xf8\xff\xfe"

local = json.loads(os.environ["LOCAL_DISCORD"])
discord.http.Route.BASE = local["rest"] + "/v10"
discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = URL(local["gateway"])


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


class Voice(discord.VoiceClient):
    """discord.py's voice client that also learns whose each SSRC is."""

    def create_connection_state(self):
        self.users = {}
        return VoiceConnectionState(self, hook=self.told)

    async def told(self, _, message):
        if message["op"] == SPEAKING and "user_id" in message["d"]:
            self.users[message["d"]["ssrc"]] = int(message["d"]["user_id"])

    def opened(self, packet):
        """The user and the Opus frame of a packet, or None."""
        if len(packet) < 12 or packet[0] >> 6 != 2 or packet[1] & 0x7F != OPUS:
            return None
        ssrc = struct.unpack_from(">I", packet, 8)[0]
        clear = 12 + 4 * (packet[0] & 0x0F)
        extension = 0
        if packet[0] & 0x10:
            extension = 4 * struct.unpack_from(">H", packet, clear + 2)[0]
            clear += 4
        box = nacl.secret.Aead(bytes(self._connection.secret_key))
        frame = box.decrypt(packet[clear:-4], packet[:clear], packet[-4:] + bytes(20))[extension:]
        if packet[0] & 0x20:
            frame = frame[: -frame[-1]]
        user = self.users.get(ssrc)
        if user is None:
            return None
        if frame != SILENCE:
            frame = self._connection.dave_session.decrypt(user, davey.MediaType.audio, frame)
        return user, frame


class Bot(discord.Client):
    voice = None
    recording = None
    refused = 0

    async def join(self, guild, channel):
        self.voice = await self.get_channel(int(channel)).connect(cls=Voice, timeout=JOINING, reconnect=True)
        self.voice._connection.timeout = PATIENCE
        self.voice._connection.add_socket_listener(self.packet)

    async def state(self):
        v = self.voice
        status = "not ready"
        if v is None or (v.guild.voice_client is None and v.guild.me.voice is None):  # left, and Discord has confirmed it
            status = "gone"
        elif v.is_connected() and v._connection.can_encrypt:
            status = "ready"
        return {"channel": str(v.channel.id) if v else None, "status": status, "code": (v and v.voice_privacy_code) or "", "packets": len(self.recording or [])}

    async def leave(self):
        await self.voice.disconnect()
        self.voice = None

    async def play(self, file):
        done = asyncio.get_running_loop().create_future()

        def after(err):
            self.loop.call_soon_threadsafe(done.set_exception if err else done.set_result, err)

        self.voice.play(discord.FFmpegPCMAudio(file), after=after)
        await asyncio.wait_for(done, 3 * LIMIT)

    async def record(self, user):
        self.recording, self.speaker, self.refused = [], int(user), 0

    async def recorded(self, file):
        packets, self.recording = self.recording, None
        decoder = discord.opus.Decoder()
        with open(file, "wb") as f:
            for packet in packets:
                stereo = decoder.decode(packet)
                samples = struct.unpack(f"<{len(stereo) // 2}h", stereo)
                f.write(struct.pack(f"<{len(samples) // 2}h", *samples[::2]))
        return {"packets": len(packets), "refused": self.refused}

    def packet(self, packet):  # in the thread of discord.py's socket
        if self.recording is None:
            return
        try:
            opened = self.voice.opened(packet)
        except Exception as err:
            self.refused += 1
            print("packet refused:", err, file=sys.stderr)
            return
        if opened and opened[0] == self.speaker and self.recording is not None:
            self.recording.append(opened[1])

    async def on_ready(self):
        say(user=str(self.user.id))
        while line := await self.loop.run_in_executor(None, sys.stdin.readline):
            command = json.loads(line)
            do = command.pop("do")
            try:
                say(done=do, **(await getattr(self, do)(**command) or {}))
            except Exception:
                say(error=f"{do}: {traceback.format_exc()}")
        await self.close()


if os.environ.get("VOICE_DEBUG"):
    discord.utils.setup_logging(level=10)
discord.opus._load_default()
Bot(intents=discord.Intents(guilds=True, voice_states=True)).run(local["token"], log_handler=None)
