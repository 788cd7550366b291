package voice

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/disgoorg/disgo"
	disgobot "github.com/disgoorg/disgo/bot"
	"github.com/disgoorg/disgo/events"
	"github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/disgo/rest"
	disgovoice "github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/godave"
	"github.com/disgoorg/snowflake/v2"
	"github.com/gorilla/websocket"

	"github.com/mynahbot/mynah/dave/puredave"
	"github.com/mynahbot/mynah/internal/audio"
)

// disgoVariable says that this program is to be the bot on disgo instead of the tests.
const disgoVariable = "MYNAH_DISGO_BOT"

// disgoLimit bounds whatever the bot on disgo waits for.
const disgoLimit = 20 * time.Second

// disgoBot is a bot in a voice channel on an unmodified disgo, with the DAVE of puredave. It does what bot.mjs does.
type disgoBot struct {
	client *disgobot.Client
	guild  snowflake.ID
	conn   disgovoice.Conn
	left   chan struct{} // a channel was left

	mu        sync.Mutex
	session   *puredave.Session // of the newest connection
	recording bool
	speaker   snowflake.ID
	packets   [][]byte
}

// runDisgoBot reads a JSON object a line that says what to do, and answers each by one.
func runDisgoBot() error {
	var where struct{ REST, Token string }
	if err := json.Unmarshal([]byte(os.Getenv("LOCAL_DISCORD")), &where); err != nil {
		return err
	}
	ca, err := os.ReadFile(os.Getenv("SSL_CERT_FILE"))
	if err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	level := slog.LevelWarn
	if os.Getenv("VOICE_DEBUG") != "" {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	b := &disgoBot{left: make(chan struct{}, 10)}
	ready := make(chan struct{})
	b.client, err = disgo.New(where.Token,
		disgobot.WithLogger(log),
		disgobot.WithRestClientConfigOpts(rest.WithURL(where.REST+"/v10")),
		disgobot.WithGatewayConfigOpts(gateway.WithIntents(gateway.IntentGuilds, gateway.IntentGuildVoiceStates)),
		disgobot.WithEventListenerFunc(func(*events.Ready) { close(ready) }),
		disgobot.WithEventListenerFunc(func(e *events.GuildVoiceStateUpdate) {
			if e.VoiceState.UserID == b.client.ID() && e.VoiceState.ChannelID == nil {
				select {
				case b.left <- struct{}{}:
				default:
				}
			}
		}),
		disgobot.WithVoiceManagerConfigOpts(
			disgovoice.WithDaveSessionCreateFunc(b.newSession),
			disgovoice.WithDaveSessionLogger(log),
			disgovoice.WithConnConfigOpts(disgovoice.WithConnGatewayConfigOpts(
				disgovoice.WithGatewayDialer(&websocket.Dialer{TLSClientConfig: &tls.Config{RootCAs: roots}}))),
		),
	)
	if err != nil {
		return err
	}
	ctx := context.Background()
	defer b.client.Close(ctx)
	if err := b.client.OpenGateway(ctx); err != nil {
		return err
	}
	<-ready
	answers := json.NewEncoder(os.Stdout)
	if err := answers.Encode(map[string]any{"user": b.client.ID()}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var c struct{ Do, File, Guild, Channel, User string }
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return err
		}
		answer := map[string]any{"done": c.Do}
		switch c.Do {
		case "join":
			err = b.join(ctx, c.Guild, c.Channel)
		case "leave":
			err = b.leave(ctx)
		case "state":
			b.state(answer)
		case "play":
			err = b.play(ctx, c.File)
		case "record":
			err = b.record(c.User)
		case "recorded":
			err = b.recorded(c.File)
		default:
			err = errors.New("no such command")
		}
		if err != nil {
			answer = map[string]any{"error": fmt.Sprintf("%s: %v", c.Do, err)}
		}
		if err := answers.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

// newSession is what a program gives to disgo; most give puredave.NewSession itself.
func (b *disgoBot) newSession(log *slog.Logger, user godave.UserID, callbacks godave.Callbacks) godave.Session {
	s := puredave.NewSession(log, user, callbacks)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session = s.(*puredave.Session)
	return s
}

func (b *disgoBot) join(ctx context.Context, guild, channel string) error {
	g, err := snowflake.Parse(guild)
	if err != nil {
		return err
	}
	c, err := snowflake.Parse(channel)
	if err != nil {
		return err
	}
	b.guild = g
	b.conn = b.client.VoiceManager.CreateConn(g)
	ctx, cancel := context.WithTimeout(ctx, disgoLimit)
	defer cancel()
	if err := b.conn.Open(ctx, c, false, false); err != nil {
		return err
	}
	b.conn.SetOpusFrameReceiver(b)
	return nil
}

// leave waits until Discord has confirmed it: a confirmation that comes to the next connection would make disgo fall over a channel that
// is nil (gatewayImpl.open).
func (b *disgoBot) leave(ctx context.Context) error {
	for len(b.left) > 0 {
		<-b.left
	}
	b.conn.Close(ctx)
	select {
	case <-b.left:
		return nil
	case <-time.After(disgoLimit):
		return errors.New("Discord doesn't confirm it")
	}
}

func (b *disgoBot) state(answer map[string]any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	answer["packets"] = len(b.packets)
	conn := b.client.VoiceManager.GetConn(b.guild)
	if conn == nil || conn.ChannelID() == nil {
		answer["status"] = "gone"
		return
	}
	answer["channel"], answer["status"], answer["code"] = conn.ChannelID().String(), "not ready", b.session.PrivacyCode()
	if conn.Gateway().Status() == disgovoice.StatusReady && b.session.Ready() {
		answer["status"] = "ready"
	}
}

// play plays a file, and returns once disgo has sent all of it and the silence after it.
func (b *disgoBot) play(ctx context.Context, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sound := audio.PCM{Rate: audio.DecodeRate}
	err = audio.Decode(ctx, f, audio.Limits{}, func(samples []float32) error {
		sound.Samples = append(sound.Samples, samples...)
		return nil
	})
	if err != nil {
		return err
	}
	if sound, err = audio.Resample(sound, audio.EncodeRate); err != nil {
		return err
	}
	encoder, err := audio.NewEncoder(audio.EncoderConfig{Rate: audio.EncodeRate})
	if err != nil {
		return err
	}
	const size = audio.EncodeRate / 50 // 20 ms
	sound.Samples = append(sound.Samples, make([]float32, size-len(sound.Samples)%size)...)
	p := &provider{done: make(chan struct{})}
	for samples := range slices.Chunk(sound.Samples, size) {
		frame, err := encoder.Encode(nil, samples)
		if err != nil {
			return err
		}
		p.frames = append(p.frames, frame)
	}
	b.conn.SetOpusFrameProvider(p)
	select {
	case <-p.done:
		return nil
	case <-time.After(3 * disgoLimit):
		return errors.New("disgo plays on and on")
	}
}

// provider is a disgovoice.OpusFrameProvider of some frames.
type provider struct {
	frames [][]byte
	asked  int // after the last frame
	done   chan struct{}
}

func (p *provider) ProvideOpusFrame() ([]byte, error) {
	if len(p.frames) == 0 {
		// disgo sends a frame of silence for each of the first five, and then says that it doesn't speak.
		if p.asked++; p.asked == 7 {
			close(p.done)
		}
		return nil, nil
	}
	frame := p.frames[0]
	p.frames = p.frames[1:]
	return frame, nil
}

func (p *provider) Close() {}

func (b *disgoBot) record(user string) error {
	id, err := snowflake.Parse(user)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.recording, b.speaker, b.packets = true, id, nil
	return err
}

// recorded writes what was received: mono, 48 kHz, 16 bit.
func (b *disgoBot) recorded(path string) error {
	b.mu.Lock()
	packets := b.packets
	b.recording, b.packets = false, nil
	b.mu.Unlock()
	decoder, err := audio.NewDecoder(audio.OpusRate, 1)
	if err != nil {
		return err
	}
	var pcm []byte
	for _, packet := range packets {
		samples, err := decoder.Decode(packet)
		if err != nil {
			return err
		}
		for _, s := range samples {
			pcm = binary.LittleEndian.AppendUint16(pcm, uint16(int16(min(max(s, -1), 1)*(1<<15-1))))
		}
	}
	return os.WriteFile(path, pcm, 0o600)
}

// ReceiveOpusFrame, CleanupUser and Close make it a disgovoice.OpusFrameReceiver.
func (b *disgoBot) ReceiveOpusFrame(user snowflake.ID, packet *disgovoice.Packet) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.recording && user == b.speaker {
		b.packets = append(b.packets, slices.Clone(packet.Opus))
	}
	return nil
}

func (b *disgoBot) CleanupUser(snowflake.ID) {}
func (b *disgoBot) Close()                   {}
