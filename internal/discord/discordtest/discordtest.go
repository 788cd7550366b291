// Package discordtest is a person's client for tests. It shares no code with Mynah's own connection to the main gateway, so
// that a mistake there doesn't cancel itself out here; in voice channels it is package voice's, as Mynah's is.
//
// [Login] connects; what comes is handed to the test. [Client.Sit] goes into a voice channel. The end of the test ends all.
package discordtest

import (
	"context"
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	botgateway "github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/discord/voice"
)

// WaitLimit bounds every wait; none is expected to take nearly as long.
const WaitLimit = time.Minute

// maxMessage bounds one message of the gateway in bytes.
const maxMessage = 64 << 20

// Opcodes of the main gateway: https://discord.com/developers/docs/topics/opcodes-and-status-codes
const (
	opDispatch         = 0
	opHeartbeat        = 1
	opIdentify         = 2
	opVoiceStateUpdate = 4
	opHello            = 10
)

// Account is who logs in.
type Account struct {
	ID    snowflake.ID
	Token string
}

// Client is a person's connection to the main gateway.
type Client struct {
	t       testing.TB
	account Account
	conn    *websocket.Conn
	voice   atomic.Pointer[voice.Conn] // nil before Sit
}

// Login connects to the gateway at address (ws://…) and returns when it is let in. event, which may be nil, gets every
// dispatch after READY in order, with its raw data; it is called by one goroutine at a time, and no more once the test has ended.
func Login(t testing.TB, address string, who Account, event func(kind string, data json.RawMessage)) *Client {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	dialing, dialed := context.WithTimeout(ctx, WaitLimit)
	defer dialed()
	conn, _, err := websocket.Dial(dialing, address+"?v=10&encoding=json", nil)
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	conn.SetReadLimit(maxMessage)
	c := &Client{t: t, account: who, conn: conn}
	ready, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		c.read(ctx, ready, event)
	}()
	t.Cleanup(func() {
		cancel()
		_ = conn.CloseNow()
		<-done
	})
	select {
	case <-ready:
	case <-dialing.Done():
		t.Fatalf("%d is not let in", who.ID)
	}
	return c
}

// read follows the gateway until it ends.
func (c *Client) read(ctx context.Context, ready chan<- struct{}, event func(string, json.RawMessage)) {
	var beating sync.WaitGroup
	defer beating.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	for {
		_, raw, err := c.conn.Read(ctx)
		if err != nil {
			return
		}
		var m struct {
			Op int
			T  string
			D  json.RawMessage
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			c.t.Errorf("%d: %v", c.account.ID, err)
			return
		}
		switch {
		case m.Op == opHello:
			var hello struct {
				Interval int `json:"heartbeat_interval"`
			}
			if err := json.Unmarshal(m.D, &hello); err != nil || hello.Interval <= 0 {
				c.t.Errorf("%d is greeted with %s", c.account.ID, m.D)
				return
			}
			beating.Go(func() { c.beat(ctx, time.Duration(hello.Interval)*time.Millisecond) })
			if err := c.send(ctx, opIdentify, map[string]any{"token": c.account.Token, "properties": map[string]any{}}); err != nil {
				c.t.Errorf("%d: %v", c.account.ID, err)
			}
		case m.T == "READY":
			close(ready)
		case m.Op == opDispatch:
			c.voiceEvent(m.T, m.D)
			if event != nil {
				event(m.T, m.D)
			}
		}
	}
}

// beat sends heartbeats, without which the gateway gives a person up and, minutes later, takes them out of their voice channel.
func (c *Client) beat(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if c.send(ctx, opHeartbeat, nil) != nil {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

func (c *Client) send(ctx context.Context, op int, data any) error {
	raw, err := json.Marshal(map[string]any{"op": op, "d": data})
	if err != nil {
		return err
	}
	return c.conn.Write(ctx, websocket.MessageText, raw)
}

// voiceEvent hands the voice connection what the main gateway says.
func (c *Client) voiceEvent(kind string, data json.RawMessage) {
	conn := c.voice.Load()
	if conn == nil {
		return
	}
	switch kind {
	case "VOICE_STATE_UPDATE":
		var e botgateway.EventVoiceStateUpdate
		if json.Unmarshal(data, &e) == nil {
			conn.HandleVoiceStateUpdate(e)
		}
	case "VOICE_SERVER_UPDATE":
		var e botgateway.EventVoiceServerUpdate
		if json.Unmarshal(data, &e) == nil {
			conn.HandleVoiceServerUpdate(e)
		}
	}
}

// Sit goes into a voice channel and returns once connected. ears gets what is said there. Sitting down again, after Stand,
// makes a new connection.
func (c *Client) Sit(guild, channel snowflake.ID, ears voice.Listener) *voice.Conn {
	c.t.Helper()
	conn := voice.NewConnections(voice.Config{Listen: func(snowflake.ID) voice.Listener { return ears }}).Create(guild, c.account.ID,
		func(ctx context.Context, guild snowflake.ID, channel *snowflake.ID, _, _ bool) error {
			return c.send(ctx, opVoiceStateUpdate, map[string]any{"guild_id": guild, "channel_id": channel, "self_mute": false, "self_deaf": false})
		}, func() {}).(*voice.Conn)
	c.voice.Store(conn)
	c.t.Cleanup(func() { closeVoice(conn) })
	ctx, cancel := context.WithTimeout(context.Background(), WaitLimit)
	defer cancel()
	if err := conn.Open(ctx, channel, false, false); err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// Stand leaves the voice channel.
func (c *Client) Stand() { closeVoice(c.voice.Load()) }

func closeVoice(conn *voice.Conn) {
	ctx, cancel := context.WithTimeout(context.Background(), WaitLimit)
	defer cancel()
	conn.Close(ctx)
}
