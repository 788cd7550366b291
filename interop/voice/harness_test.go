// Package voice checks that Mynah's voice connection and unmodified bots, discord.js with @discordjs/voice, discord.py and disgo, hear each
// other word for word in a voice channel of the local Discord.
package voice

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	botgateway "github.com/disgoorg/disgo/gateway"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/discord/voice"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
)

// waitLimit bounds whatever is waited for but sound.
const waitLimit = 2 * time.Minute

// world is a server with two voice channels, Mynah, a bot for discord.js, and a person.
func world() localdiscord.World {
	return localdiscord.World{
		People: []localdiscord.WorldAccount{{Name: "Ann"}},
		Bots: []localdiscord.WorldBot{
			{WorldAccount: localdiscord.WorldAccount{Name: "Mynah"}}, {WorldAccount: localdiscord.WorldAccount{Name: "Script"}},
		},
		Servers: []localdiscord.WorldServer{{Name: "Nest", Channels: []localdiscord.WorldChannel{
			{Name: "general"}, {Name: "Talk", Type: "voice"}, {Name: "Quiet", Type: "voice"},
		}}},
	}
}

// call is the local Discord with its voice server.
type call struct {
	discord *localdiscord.Server
	voice   *localvoice.Server
	line    localdiscord.Line
	guild   localdiscord.ID
}

func newCall(t testing.TB) *call {
	t.Helper()
	server, err := localvoice.Start(context.Background(), localvoice.Config{CADir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	d, err := localdiscord.Start(context.Background(), localdiscord.Config{World: world(), Voice: server, VoiceCA: server.CAFile()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	line := d.Ready()
	return &call{discord: d, voice: server, line: line, guild: line.Servers[0].ID}
}

func (c *call) channel(t testing.TB, name string) snowflake.ID {
	t.Helper()
	ch, ok := c.line.Channel(name)
	if !ok {
		t.Fatalf("no channel %q", name)
	}
	return snowflake.ID(ch.ID)
}

func (c *call) user(t testing.TB, name string) snowflake.ID {
	t.Helper()
	a, ok := c.line.Account(name)
	if !ok {
		t.Fatalf("no account %q", name)
	}
	return snowflake.ID(a.ID)
}

// ours is a connection of ours with what it heard. Its main gateway is this test: the voice server is told of it directly.
type ours struct {
	*voice.Conn
	call *call
	id   snowflake.ID
	lost chan struct{}

	mu     sync.Mutex
	heard  map[snowflake.ID][]float32
	silent map[snowflake.ID]int // frames of silence at the end of what is heard
	newest map[snowflake.ID]time.Time
	place  localdiscord.VoiceSession
}

// join makes a connection for an account of the world.
func (c *call) join(t testing.TB, name string) *ours {
	t.Helper()
	return c.connection(t, c.user(t, name))
}

// connection makes a connection for any user.
func (c *call) connection(t testing.TB, user snowflake.ID) *ours {
	t.Helper()
	o := &ours{call: c, id: user, lost: make(chan struct{}, 100), heard: map[snowflake.ID][]float32{}, silent: map[snowflake.ID]int{}, newest: map[snowflake.ID]time.Time{}}
	connections := voice.NewConnections(voice.Config{
		Listen: func(snowflake.ID) voice.Listener { return o },
		Changed: func(_ snowflake.ID, e voice.Event) {
			if e.Kind == voice.EventLost {
				select {
				case o.lost <- struct{}{}:
				default:
				}
			}
		},
	})
	o.Conn = connections.Create(snowflake.ID(c.guild), o.id, func(_ context.Context, _ snowflake.ID, channel *snowflake.ID, _, _ bool) error {
		return o.wish(channel)
	}, func() {}).(*voice.Conn)
	t.Cleanup(func() { o.leave(t) })
	return o
}

// wish answers the connection's op 4.
func (o *ours) wish(channel *snowflake.ID) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	state := botgateway.EventVoiceStateUpdate{}
	state.GuildID, state.UserID, state.ChannelID, state.SessionID = snowflake.ID(o.call.guild), o.id, channel, fmt.Sprint("session of ", o.id)
	if channel == nil {
		o.call.voice.Disconnect(o.place)
		o.HandleVoiceStateUpdate(state)
		return nil
	}
	o.place = localdiscord.VoiceSession{
		GuildID: o.call.guild, ChannelID: localdiscord.ID(*channel), UserID: localdiscord.ID(o.id), SessionID: state.SessionID, Client: "Mynah", CanSpeak: true,
	}
	endpoint, token, err := o.call.voice.Connect(context.Background(), o.place)
	if err != nil {
		return err
	}
	o.HandleVoiceStateUpdate(state)
	o.HandleVoiceServerUpdate(botgateway.EventVoiceServerUpdate{Token: token, GuildID: snowflake.ID(o.call.guild), Endpoint: &endpoint})
	return nil
}

func (o *ours) open(t testing.TB, channel snowflake.ID) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	if err := o.Open(ctx, channel, false, false); err != nil {
		t.Fatal(err)
	}
}

func (o *ours) leave(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	o.Close(ctx)
	select {
	case <-o.Done():
	default:
		t.Error("our connection does not end")
	}
}

// Wants and Hear make it a voice.Listener.
func (o *ours) Wants(snowflake.ID) bool { return true }

func (o *ours) Hear(h voice.Heard) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.newest[h.User] = time.Now()
	if h.Silence { // it ends what is said and is no part of it
		o.silent[h.User]++
		return
	}
	o.heard[h.User] = append(o.heard[h.User], h.Samples...)
	if !h.Concealed {
		o.silent[h.User] = 0
	}
}

// take returns what was heard of a user who has ended, once the closing silence has come, at the latest after wait, and forgets it.
// Of the silence's five frames all but one may be lost on the way.
func (o *ours) take(t testing.TB, user snowflake.ID, wait time.Duration) []float32 {
	t.Helper()
	until(t, wait, "the end of what is said", func() bool {
		o.mu.Lock()
		defer o.mu.Unlock()
		return o.silent[user] >= 3 || o.silent[user] > 0 && time.Since(o.newest[user]) > time.Second
	})
	o.mu.Lock()
	defer o.mu.Unlock()
	samples := o.heard[user]
	delete(o.heard, user)
	delete(o.silent, user)
	return samples
}

func (o *ours) forget(user snowflake.ID) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.heard, user)
	delete(o.silent, user)
}

// until asks again and again whether ok.
func until(t testing.TB, wait time.Duration, what string, ok func() bool) {
	t.Helper()
	limit := time.After(wait)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("no %s within %v", what, wait)
		}
	}
}

// together waits until both are in one group of end-to-end encryption, which equal privacy codes prove.
func together(t testing.TB, o *ours, s *bot) {
	t.Helper()
	until(t, waitLimit, "common privacy code", func() bool { return inOneGroup(o, s) })
}

func inOneGroup(o *ours, s *bot) bool {
	mine, theirs := o.Health(), s.do("state", nil)
	code := strings.ReplaceAll(mine.Encryption.PrivacyCode, " ", "")
	return mine.Ready && theirs["status"] == "ready" && code != "" && code == theirs["code"]
}

// oggOpus encodes samples of 16 kHz as discord.js plays them as they are, with ffmpeg.
func oggOpus(t testing.TB, path string, samples []float32) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ffmpeg", "-loglevel", "error", "-y", "-f", "wav", "-i", "pipe:0",
		"-ar", "48000", "-ac", "2", "-c:a", "libopus", "-b:a", "96k", "-frame_duration", "20", path)
	cmd.Stdin = bytes.NewReader(wav.Encode(audio.DecodeRate, samples))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v: %s", err, out)
	}
}

// plays has the script play samples of 16 kHz and returns what we heard of it.
func plays(t testing.TB, s *bot, o *ours, samples []float32) []float32 {
	t.Helper()
	path := filepath.Join(t.TempDir(), "clip.ogg")
	oggOpus(t, path, samples)
	length := time.Duration(len(samples)) * time.Second / audio.DecodeRate
	o.forget(s.id)
	s.tell("play", map[string]any{"file": path})
	s.Next(length + waitLimit)
	return o.take(t, s.id, waitLimit)
}

// pcm is a voice.Source of samples at audio.EncodeRate.
type pcm struct{ rest []float32 }

func (p *pcm) Read(_ context.Context, dst []float32) (int, error) {
	n := copy(dst, p.rest)
	p.rest = p.rest[n:]
	if len(p.rest) == 0 {
		return n, io.EOF
	}
	return n, nil
}

// says has us play a sound and returns what the script received of it, as 16 kHz.
func says(t testing.TB, o *ours, s *bot, sound audio.PCM) []float32 {
	t.Helper()
	played, err := audio.Resample(sound, audio.EncodeRate)
	if err != nil {
		t.Fatal(err)
	}
	s.do("record", map[string]any{"user": o.id.String()})
	before := o.Health()
	item, err := o.Player().Play(t.Context(), "speech", &pcm{rest: played.Samples})
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-item.Done():
	case <-time.After(sound.Duration() + waitLimit):
		t.Fatal("our speech does not end")
	}
	if err := item.Err(); err != nil {
		t.Fatal(err)
	}
	sent := float64(o.Health().Sent - before.Sent)
	arrived, at := 0.0, time.Now()
	until(t, waitLimit, fmt.Sprintf("%s that receives 95 %% of %v packets", s.library, sent), func() bool { // the last ones may still be under way
		if now := s.do("state", nil)["packets"].(float64); now > arrived {
			arrived, at = now, time.Now()
		}
		return arrived >= sent || arrived >= 0.95*sent && time.Since(at) > time.Second
	})
	path := filepath.Join(t.TempDir(), "heard.pcm")
	s.do("recorded", map[string]any{"file": path})
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	received := audio.PCM{Rate: audio.OpusRate, Samples: make([]float32, len(b)/2)}
	for i := range received.Samples {
		received.Samples[i] = float32(int16(binary.LittleEndian.Uint16(b[2*i:]))) / (1 << 15)
	}
	at16k, err := audio.Resample(received, audio.DecodeRate)
	if err != nil {
		t.Fatal(err)
	}
	return at16k.Samples
}
