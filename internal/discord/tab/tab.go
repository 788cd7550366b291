// Package tab lets a browser tab be a person in a voice channel: sound travels between the tab and this process as PCM over
// a WebSocket, and from here on as everybody's does, by package voice with end-to-end encryption. The local Discord's page
// uses it, since a browser has neither UDP nor Discord's voice protocol.
//
// The tab joins through the main gateway like any client, with op 4, and hands over what it was told there:
//
//	→ text   {"guild","channel","user","session","token","endpoint"}   once
//	→ binary microphone: mono 48 kHz, 16 bit little endian, at most MaxMicrophone bytes
//	← text   {"state":"connected"|"lost"|"stopped","reason"}, {"health":{…}} every second
//	← binary u64 user id, little endian, then 16 kHz mono, 16 bit little endian
package tab

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/disgoorg/snowflake/v2"

	botgateway "github.com/disgoorg/disgo/gateway"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/discord/voice"
)

const (
	// microphoneRate is what the tab sends, in Hz: browsers don't change the rate of a microphone.
	microphoneRate = 48000
	// MaxMicrophone bounds one message of the microphone in bytes: a second of sound.
	MaxMicrophone = 2 * microphoneRate
	// queued bounds what waits to be sent to the tab; a tab that does not keep up loses sound, not the call.
	queued = 256
	// spoken bounds what waits to be said, in samples.
	spoken = audio.EncodeRate
	// startWith is how much of the microphone is there before talking starts, so that small delays don't tear it.
	startWith = 3 * audio.EncodeRate / 50
	// endAfter is how long the microphone may be silent before talking ends.
	endAfter    = 300 * time.Millisecond
	writeWait   = 5 * time.Second
	healthEvery = time.Second
)

// Handler serves the tabs' WebSockets. Only pages from the same address may connect.
type Handler struct {
	log  *slog.Logger
	http *http.Client
}

// NewHandler makes a Handler. client connects to the voice server; nil is http.DefaultClient.
func NewHandler(log *slog.Logger, client *http.Client) *Handler {
	return &Handler{log: log, http: client}
}

// hello is the tab's first message.
type hello struct {
	Guild    snowflake.ID `json:"guild"`
	Channel  snowflake.ID `json:"channel"`
	User     snowflake.ID `json:"user"`
	Session  string       `json:"session"`
	Token    string       `json:"token"`
	Endpoint string       `json:"endpoint"`
}

// news is what the tab is told.
type news struct {
	State  string  `json:"state,omitempty"`
	Reason string  `json:"reason,omitempty"`
	Health *health `json:"health,omitempty"`
}

type health struct {
	Version     int    `json:"dave"`
	Epoch       uint64 `json:"epoch"`
	PrivacyCode string `json:"privacy_code"`
	Sent        uint64 `json:"sent"`
	Heard       uint64 `json:"heard"`
	Lost        uint64 `json:"lost"`
}

// ServeHTTP runs one call.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // Accept has answered
	}
	defer ws.CloseNow()
	ws.SetReadLimit(MaxMicrophone)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	var first hello
	greeting, done := context.WithTimeout(ctx, writeWait)
	kind, b, err := ws.Read(greeting)
	done()
	if err != nil || kind != websocket.MessageText || json.Unmarshal(b, &first) != nil || first.Guild == 0 || first.User == 0 || first.Channel == 0 {
		ws.Close(websocket.StatusPolicyViolation, "expected to be told the call")
		return
	}
	c := &call{ws: ws, out: make(chan message, queued), cancel: cancel}
	c.conn = voice.NewConnections(voice.Config{
		Logger: h.log, HTTPClient: h.http,
		Listen:  func(snowflake.ID) voice.Listener { return c },
		Changed: c.changed,
	}).Create(first.Guild, first.User, c.state, func() {}).(*voice.Conn)
	if c.mic, err = newMicrophone(c.conn.Player()); err != nil {
		h.log.Error("a tab's microphone", "error", err)
		ws.Close(websocket.StatusInternalError, "the microphone can't be used")
		return
	}
	c.run(ctx, first)
}

// message is one WebSocket message to the tab.
type message struct {
	kind websocket.MessageType
	data []byte
}

// call is one tab in one voice channel.
type call struct {
	ws     *websocket.Conn
	conn   *voice.Conn
	mic    *microphone
	out    chan message
	cancel context.CancelFunc
}

// state stands for the main gateway's op 4, which the tab sends by itself.
func (c *call) state(context.Context, snowflake.ID, *snowflake.ID, bool, bool) error { return nil }

func (c *call) run(ctx context.Context, first hello) {
	var work sync.WaitGroup
	work.Go(func() { c.write(ctx) })
	work.Go(func() { c.report(ctx) })
	work.Go(func() {
		defer c.cancel()
		c.read(ctx)
	})
	work.Go(func() {
		if err := c.conn.Open(ctx, first.Channel, false, false); err != nil && ctx.Err() == nil {
			c.tell(news{State: "stopped", Reason: err.Error()})
		}
	})
	update := botgateway.EventVoiceStateUpdate{}
	update.GuildID, update.UserID, update.ChannelID, update.SessionID = first.Guild, first.User, &first.Channel, first.Session
	c.conn.HandleVoiceStateUpdate(update)
	c.conn.HandleVoiceServerUpdate(botgateway.EventVoiceServerUpdate{GuildID: first.Guild, Token: first.Token, Endpoint: &first.Endpoint})
	<-ctx.Done()
	c.mic.close()
	closing, done := context.WithTimeout(context.WithoutCancel(ctx), writeWait)
	defer done()
	c.conn.Close(closing)
	c.ws.Close(websocket.StatusNormalClosure, "")
	work.Wait()
}

// read takes the microphone until the tab goes.
func (c *call) read(ctx context.Context) {
	for {
		kind, b, err := c.ws.Read(ctx)
		if err != nil {
			return
		}
		if kind == websocket.MessageBinary {
			c.mic.push(b)
		}
	}
}

func (c *call) write(ctx context.Context) {
	for {
		select {
		case m := <-c.out:
			wctx, done := context.WithTimeout(ctx, writeWait)
			err := c.ws.Write(wctx, m.kind, m.data)
			done()
			if err != nil {
				c.cancel()
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// report tells the tab how the connection does.
func (c *call) report(ctx context.Context) {
	tick := time.NewTicker(healthEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h := c.conn.Health()
			out := health{Version: h.Encryption.Version, Epoch: h.Encryption.Epoch, PrivacyCode: h.Encryption.PrivacyCode, Sent: h.Sent}
			for _, s := range h.Speakers {
				out.Heard += s.Packets
				out.Lost += s.Lost
			}
			c.tell(news{Health: &out})
		case <-ctx.Done():
			return
		}
	}
}

func (c *call) tell(n news) {
	b, err := json.Marshal(n)
	if err != nil {
		return
	}
	c.push(message{websocket.MessageText, b})
}

func (c *call) push(m message) {
	select {
	case c.out <- m:
	default:
	}
}

// changed passes on what becomes of the connection.
func (c *call) changed(_ snowflake.ID, e voice.Event) {
	n := news{State: string(e.Kind)}
	if e.Err != nil {
		n.Reason = e.Err.Error()
	}
	c.tell(n)
	if e.Kind == voice.EventStopped {
		c.cancel()
	}
}

// Wants implements voice.Listener: a person hears everybody.
func (c *call) Wants(snowflake.ID) bool { return true }

// Hear implements voice.Listener.
func (c *call) Hear(h voice.Heard) {
	b := binary.LittleEndian.AppendUint64(make([]byte, 0, 8+2*len(h.Samples)), uint64(h.User))
	for _, s := range h.Samples {
		b = binary.LittleEndian.AppendUint16(b, uint16(int16(max(-1, min(1, s))*32767)))
	}
	c.push(message{websocket.MessageBinary, b})
}

// microphone turns what a tab sends into items of a player: one for each time that somebody talks.
type microphone struct {
	player *voice.Player

	mu      sync.Mutex
	rate    *audio.Resampler // from microphoneRate
	said    []float32        // the last message
	pending []float32
	talking bool
	closed  bool
	more    chan struct{}
}

func newMicrophone(p *voice.Player) (*microphone, error) {
	rate, err := audio.NewResampler(microphoneRate, audio.EncodeRate)
	if err != nil {
		return nil, err
	}
	return &microphone{player: p, rate: rate, more: make(chan struct{}, 1)}, nil
}

// push adds samples of 16 bit. What is too much to be said in time is dropped from the front.
func (m *microphone) push(b []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return
	}
	m.said = m.said[:0]
	for ; len(b) >= 2; b = b[2:] {
		m.said = append(m.said, float32(int16(binary.LittleEndian.Uint16(b)))/32768)
	}
	m.pending = m.rate.Resample(m.pending, m.said)
	if over := len(m.pending) - spoken; over > 0 {
		m.pending = append(m.pending[:0], m.pending[over:]...)
	}
	if !m.talking && len(m.pending) >= startWith {
		if _, err := m.player.Play(context.Background(), "microphone", m); err == nil {
			m.talking = true
		}
	}
	select {
	case m.more <- struct{}{}:
	default:
	}
}

func (m *microphone) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.player.Stop()
}

// Read implements voice.Source.
func (m *microphone) Read(ctx context.Context, dst []float32) (int, error) {
	silent := time.NewTimer(endAfter)
	defer silent.Stop()
	for {
		m.mu.Lock()
		n := copy(dst, m.pending)
		m.pending = append(m.pending[:0], m.pending[n:]...)
		m.mu.Unlock()
		if n > 0 {
			return n, nil
		}
		select {
		case <-m.more:
		case <-silent.C:
			return 0, m.end(io.EOF)
		case <-ctx.Done():
			return 0, m.end(context.Cause(ctx))
		}
	}
}

func (m *microphone) end(err error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.talking = false
	if errors.Is(err, io.EOF) && len(m.pending) >= startWith && !m.closed {
		m.talking = true // it went on at the last moment
		return nil
	}
	return err
}
