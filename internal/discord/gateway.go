package discord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/disgoorg/disgo/gateway"
	"golang.org/x/time/rate"
)

const (
	// maxGatewayMessage is the largest message taken from the gateway, bytes. A
	// GUILD_CREATE of a large server has a few MB.
	maxGatewayMessage = 64 << 20
	// dialTime is how long connecting, and then waiting for Hello, may take.
	dialTime = 20 * time.Second
	// maxBackoff is the longest wait between two attempts to connect.
	maxBackoff = 60 * time.Second
	// Discord allows 120 messages in 60 s from a client, heartbeats included.
	sendBurst = 100
	sendEvery = 600 * time.Millisecond
)

// closedError is a close frame of Discord's.
type closedError struct {
	code   int
	reason string
}

func (e *closedError) Error() string {
	return fmt.Sprintf("Discord closed the connection with %d %s", e.code, e.reason)
}

// fatal reports whether connecting again would end the same way.
func (e *closedError) fatal() bool {
	switch e.code {
	case 4004, 4010, 4011, 4012, 4013, 4014:
		return true
	}
	return false
}

// wire is one connection to the gateway, kept up until it is closed: it
// identifies, beats, resumes, and connects again. It is disgo's gateway.Gateway
// for one shard.
type wire struct {
	url     string
	token   string
	intents gateway.Intents
	handle  gateway.EventHandlerFunc
	log     *slog.Logger

	cancel context.CancelFunc
	done   chan struct{} // closed when run has ended
	ready  chan struct{} // closed at the first READY

	mu        sync.Mutex
	conn      *websocket.Conn // nil while not connected
	err       error           // why run ended, where Discord said so
	session   string
	resumeURL string
	presence  *gateway.MessageDataPresenceUpdate

	sequence atomic.Int64 // of the last event; -1 = none
	status   atomic.Int32 // a gateway.Status
	beat     atomic.Int64 // when the last heartbeat was sent, Unix ns
	acked    atomic.Bool  // the last heartbeat was answered
	closing  atomic.Bool  // Close was called
	latency  atomic.Int64 // ns
	limit    *rate.Limiter
}

var _ gateway.Gateway = (*wire)(nil)

func newWire(url, token string, intents gateway.Intents, handle gateway.EventHandlerFunc, log *slog.Logger) *wire {
	w := &wire{
		url: url, token: token, intents: intents, handle: handle, log: log,
		done: make(chan struct{}), ready: make(chan struct{}),
		limit: rate.NewLimiter(rate.Every(sendEvery), sendBurst),
	}
	w.sequence.Store(-1)
	return w
}

// Open connects and returns when Discord says READY, or with the *closedError
// that ends all attempts. The connection then lives until [wire.Close], ctx
// bounds only the opening.
func (w *wire) Open(ctx context.Context) error {
	running, cancel := context.WithCancel(context.Background())
	w.cancel = cancel
	go w.run(running)
	select {
	case <-w.ready:
		return nil
	case <-w.done:
		return w.failure()
	case <-ctx.Done():
		w.Close(ctx)
		return ctx.Err()
	}
}

// failure returns why the connection ended for good; nil where it was closed.
func (w *wire) failure() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// run keeps connected until ctx ends or Discord forbids it.
func (w *wire) run(ctx context.Context) {
	defer close(w.done)
	for failures := 0; ; failures++ {
		began := time.Now()
		err := w.connect(ctx)
		w.status.Store(int32(gateway.StatusDisconnected))
		if ctx.Err() != nil || w.closing.Load() {
			return
		}
		var closed *closedError
		if errors.As(err, &closed) && closed.fatal() {
			w.mu.Lock()
			w.err = closed
			w.mu.Unlock()
			return
		}
		if time.Since(began) > time.Minute {
			failures = 0
		}
		wait := time.Duration(0)
		if failures > 0 {
			wait = min(time.Second<<min(failures-1, 6), maxBackoff)
			wait = wait/2 + rand.N(wait/2+1)
		}
		w.log.Info("connecting to Discord again", "because", err, "in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// connect is the life of one WebSocket.
func (w *wire) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.status.Store(int32(gateway.StatusConnecting))
	w.mu.Lock()
	url := w.url
	if w.resumeURL != "" && w.session != "" {
		url = w.resumeURL
	}
	w.mu.Unlock()
	dialing, done := context.WithTimeout(ctx, dialTime)
	conn, _, err := websocket.Dial(dialing, strings.TrimSuffix(url, "/")+fmt.Sprintf("/?v=%d&encoding=json", gateway.Version), nil)
	done()
	if err != nil {
		return fmt.Errorf("connect to Discord's gateway: %w", err)
	}
	conn.SetReadLimit(maxGatewayMessage)
	var beats sync.WaitGroup
	defer func() {
		w.mu.Lock()
		w.conn = nil
		w.mu.Unlock()
		cancel()
		_ = conn.CloseNow() // no news if it is closed already
		beats.Wait()
	}()
	w.status.Store(int32(gateway.StatusWaitingForHello))
	waiting, done := context.WithTimeout(ctx, dialTime)
	hello, err := w.read(waiting, conn)
	done()
	if err != nil {
		return err
	}
	greeting, ok := hello.D.(gateway.MessageDataHello)
	if !ok || greeting.HeartbeatInterval <= 0 {
		return fmt.Errorf("the gateway began with opcode %d", hello.Op)
	}
	w.mu.Lock()
	w.conn = conn
	w.mu.Unlock()
	w.acked.Store(true)
	beats.Go(func() { w.heartbeat(ctx, conn, time.Duration(greeting.HeartbeatInterval)*time.Millisecond) })
	if err := w.introduce(ctx); err != nil {
		return err
	}
	for {
		m, err := w.read(ctx, conn)
		if err != nil {
			return err
		}
		if err := w.take(ctx, conn, m); err != nil {
			return err
		}
	}
}

// read returns the next message. One that disgo can't decode is skipped: it is
// an event that this version doesn't know.
func (w *wire) read(ctx context.Context, conn *websocket.Conn) (gateway.Message, error) {
	for {
		_, raw, err := conn.Read(ctx)
		if err != nil {
			var closed websocket.CloseError
			if errors.As(err, &closed) {
				return gateway.Message{}, &closedError{int(closed.Code), closed.Reason}
			}
			return gateway.Message{}, fmt.Errorf("read from Discord's gateway: %w", err)
		}
		var m gateway.Message
		if err := json.Unmarshal(raw, &m); err != nil {
			var head struct {
				S int64  `json:"s"`
				T string `json:"t"`
			}
			if json.Unmarshal(raw, &head) == nil && head.S > 0 {
				w.sequence.Store(head.S)
			}
			w.log.Warn("an event of Discord's is not understood", "event", head.T, "bytes", len(raw))
			continue
		}
		return m, nil
	}
}

// introduce identifies, or resumes a session.
func (w *wire) introduce(ctx context.Context) error {
	w.mu.Lock()
	session, presence := w.session, w.presence
	w.mu.Unlock()
	if sequence := w.sequence.Load(); session != "" && sequence >= 0 {
		w.status.Store(int32(gateway.StatusResuming))
		return w.Send(ctx, gateway.OpcodeResume, gateway.MessageDataResume{Token: w.token, SessionID: session, Seq: int(sequence)})
	}
	w.status.Store(int32(gateway.StatusIdentifying))
	return w.Send(ctx, gateway.OpcodeIdentify, gateway.MessageDataIdentify{
		Token:          w.token,
		Properties:     gateway.IdentifyCommandDataProperties{OS: runtime.GOOS, Browser: "mynah", Device: "mynah"},
		LargeThreshold: 50,
		Intents:        w.intents,
		Presence:       presence,
		Shard:          &[2]int{0, 1},
	})
}

// errReconnect is why a connection ends that Discord wants to be renewed.
var errReconnect = errors.New("asked for by Discord")

// take handles one message; an error ends the connection.
func (w *wire) take(ctx context.Context, conn *websocket.Conn, m gateway.Message) error {
	switch m.Op {
	case gateway.OpcodeDispatch:
		w.sequence.Store(int64(m.S))
		data, _ := m.D.(gateway.EventData)
		if ready, ok := data.(gateway.EventReady); ok {
			w.mu.Lock()
			w.session, w.resumeURL = ready.SessionID, ready.ResumeGatewayURL
			w.mu.Unlock()
			w.status.Store(int32(gateway.StatusReady))
		}
		if m.T == gateway.EventTypeResumed {
			w.status.Store(int32(gateway.StatusReady))
		}
		if _, unknown := data.(gateway.EventUnknown); data != nil && !unknown {
			w.handle(w, m.T, m.S, data)
		}
		if m.T == gateway.EventTypeReady {
			select {
			case <-w.ready:
			default:
				close(w.ready)
			}
		}
	case gateway.OpcodeHeartbeat:
		return w.sendBeat(ctx, conn)
	case gateway.OpcodeHeartbeatACK:
		w.acked.Store(true)
		w.latency.Store(time.Now().UnixNano() - w.beat.Load())
	case gateway.OpcodeReconnect:
		_ = conn.Close(websocket.StatusServiceRestart, "reconnecting")
		return errReconnect
	case gateway.OpcodeInvalidSession:
		if resumable, _ := m.D.(gateway.MessageDataInvalidSession); !bool(resumable) {
			w.forget()
			// Discord wants a client to wait 1 to 5 s before it identifies anew.
			select {
			case <-time.After(time.Second + rand.N(4*time.Second)):
			case <-ctx.Done():
			}
		}
		return errors.New("the session is not valid any more")
	}
	return nil
}

// forget drops what is needed to resume.
func (w *wire) forget() {
	w.mu.Lock()
	w.session, w.resumeURL = "", ""
	w.mu.Unlock()
	w.sequence.Store(-1)
}

// heartbeat keeps the connection alive, and ends it when an answer is missing.
func (w *wire) heartbeat(ctx context.Context, conn *websocket.Conn, every time.Duration) {
	timer := time.NewTimer(rand.N(every))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		if !w.acked.Load() {
			// A close code other than 1000 and 1001 keeps the session for a resume.
			_ = conn.Close(websocket.StatusCode(4000), "no answer to the heartbeat")
			return
		}
		w.acked.Store(false)
		if err := w.sendBeat(ctx, conn); err != nil {
			return // reading ends with the reason
		}
		timer.Reset(every)
	}
}

func (w *wire) sendBeat(ctx context.Context, conn *websocket.Conn) error {
	last := json.RawMessage("null")
	if n := w.sequence.Load(); n >= 0 {
		last = fmt.Appendf(nil, "%d", n)
	}
	w.beat.Store(time.Now().UnixNano())
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"op":%d,"d":%s}`, gateway.OpcodeHeartbeat, last))
}

// Send sends a command, within Discord's limit for them.
func (w *wire) Send(ctx context.Context, op gateway.Opcode, data gateway.MessageData) error {
	raw, err := json.Marshal(gateway.Message{Op: op, D: data})
	if err != nil {
		return err
	}
	if err := w.limit.Wait(ctx); err != nil {
		return err
	}
	w.mu.Lock()
	conn := w.conn
	w.mu.Unlock()
	if conn == nil {
		return errors.New("not connected to Discord's gateway")
	}
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, raw)
}

// Close ends the connection and its session, and waits for it until ctx ends.
func (w *wire) Close(ctx context.Context) {
	w.CloseWithCode(ctx, int(websocket.StatusNormalClosure), "going offline")
}

// CloseWithCode is Close with another code.
func (w *wire) CloseWithCode(ctx context.Context, code int, message string) {
	if w.cancel == nil {
		return // never opened
	}
	w.closing.Store(true)
	w.mu.Lock()
	conn := w.conn
	w.mu.Unlock()
	if conn != nil {
		closing := make(chan struct{})
		go func() {
			defer close(closing)
			_ = conn.Close(websocket.StatusCode(code), message) // it may be closed already
		}()
		select {
		case <-closing:
		case <-w.done:
		case <-ctx.Done():
		}
	}
	w.cancel()
	select {
	case <-w.done:
	case <-ctx.Done():
	}
}

// ShardID is 0: there is one shard.
func (w *wire) ShardID() int { return 0 }

// ShardCount is 1.
func (w *wire) ShardCount() int { return 1 }

// SessionID returns the session's id, or nil without one.
func (w *wire) SessionID() *string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session == "" {
		return nil
	}
	s := w.session
	return &s
}

// LastSequenceReceived returns the number of the last event, or nil before the first.
func (w *wire) LastSequenceReceived() *int {
	n := int(w.sequence.Load())
	if n < 0 {
		return nil
	}
	return &n
}

// ResumeURL returns where the session can be resumed, or nil without one.
func (w *wire) ResumeURL() *string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.resumeURL == "" {
		return nil
	}
	s := w.resumeURL
	return &s
}

// Intents returns what was asked for.
func (w *wire) Intents() gateway.Intents { return w.intents }

// Status says how far the connection is.
func (w *wire) Status() gateway.Status { return gateway.Status(w.status.Load()) }

// Latency is how long the last heartbeat took to be answered.
func (w *wire) Latency() time.Duration { return time.Duration(w.latency.Load()) }

// Presence is what is sent when identifying.
func (w *wire) Presence() *gateway.MessageDataPresenceUpdate {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.presence
}
