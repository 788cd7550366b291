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
	dialTime = 10 * time.Second
	// settleTime is how long Discord may be silent before a session stands.
	settleTime = 30 * time.Second
	// maxBackoff is the longest wait between two attempts to connect.
	maxBackoff = 30 * time.Second
	// maxResumes is how many attempts to resume may fail in a row before a new session begins, maxDeaf how many dials to the
	// address for resuming.
	maxResumes = 3
	maxDeaf    = 2
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

// endsSession reports whether a resume would be refused: not authenticated, a session that isn't valid any more, a number that
// doesn't fit, a session that timed out.
func (e *closedError) endsSession() bool {
	switch e.code {
	case 4003, 4006, 4007, 4009:
		return true
	}
	return false
}

// wire is one connection to the gateway, kept up until it is closed: it
// identifies, beats, resumes, and connects again. It is disgo's gateway.Gateway
// for one shard. What follows the end of a connection is decided in [wire.ended].
type wire struct {
	url     string // the main address
	token   string
	intents gateway.Intents
	handle  gateway.EventHandlerFunc
	log     *slog.Logger
	m       *metrics
	news    *news
	budget  *budget

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

	// The rest belongs to run.
	spent    bool      // the connection has asked for a new session
	born     time.Time // when the session began; zero: it is not yet there
	resumes  int       // attempts to resume in a row that failed
	deaf     int       // dials in a row to the address for resuming that failed
	settled  bool      // the connection has its session
	resuming bool      // the connection is to resume one
}

var _ gateway.Gateway = (*wire)(nil)

func newWire(url, token string, intents gateway.Intents, handle gateway.EventHandlerFunc, b *budget, m *metrics, log *slog.Logger) *wire {
	w := &wire{
		url: url, token: token, intents: intents, handle: handle, log: log, m: m, budget: b,
		news: &news{log: log, count: m.unknown},
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
	for failures := 0; ; {
		err := w.connect(ctx)
		w.status.Store(int32(gateway.StatusDisconnected))
		w.m.connected.Set(0)
		if ctx.Err() != nil || w.closing.Load() {
			return
		}
		if w.settled {
			failures = 0
		}
		if !w.ended(err) {
			return
		}
		wait := time.Duration(0)
		if failures > 0 {
			wait = min(time.Second<<min(failures-1, 6), maxBackoff)
			wait = wait/2 + rand.N(wait/2+1)
		}
		failures++
		w.log.Info("connecting to Discord again", "because", err, "in", wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// ended decides what follows the end of a connection with err: whether the session can be resumed, and where. It reports
// false where no connection should follow.
func (w *wire) ended(err error) bool {
	if w.spent && !w.settled {
		w.budget.ended(time.Time{})
	}
	var closed *closedError
	var dial *dialError
	switch {
	case errors.As(err, &closed) && closed.fatal():
		w.mu.Lock()
		w.err = closed
		w.mu.Unlock()
		return false
	case errors.As(err, &closed) && closed.endsSession():
		w.forget()
	case errors.As(err, &dial):
		if w.resuming {
			w.deaf++
		} else if w.deaf > 0 {
			w.deaf = 0 // the main address doesn't answer either: it is the network, and the session may outlive that
		}
	case w.resuming && !w.settled:
		if w.resumes++; w.resumes >= maxResumes {
			w.forget()
		}
	}
	return true
}

// way is where the next connection goes: to resume the session at its own address, or, where that has been deaf, to the main one
// for a new session.
func (w *wire) way() (url string, resume bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.session == "" || w.sequence.Load() < 0 || w.deaf >= maxDeaf {
		return w.url, false
	}
	if w.resumeURL == "" {
		return w.url, true
	}
	return w.resumeURL, true
}

// dialError is why no connection came about.
type dialError struct{ err error }

func (e *dialError) Error() string { return "connect to Discord's gateway: " + line(e.err.Error()) }
func (e *dialError) Unwrap() error { return e.err }

// connect is the life of one WebSocket.
func (w *wire) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	url, resume := w.way()
	w.resuming, w.settled, w.spent = resume, false, false
	if !resume {
		if err := w.budget.wait(ctx); err != nil {
			return err
		}
	}
	w.status.Store(int32(gateway.StatusConnecting))
	dialing, done := context.WithTimeout(ctx, dialTime)
	conn, _, err := websocket.Dial(dialing, strings.TrimSuffix(url, "/")+fmt.Sprintf("/?v=%d&encoding=json", gateway.Version), nil)
	done()
	if err != nil {
		return &dialError{err}
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
	if w.deaf = 0; !resume {
		w.forget() // the one of before, where its own address was deaf
	}
	w.mu.Lock()
	w.conn = conn
	w.mu.Unlock()
	w.acked.Store(true)
	beats.Go(func() { w.heartbeat(ctx, conn, time.Duration(greeting.HeartbeatInterval)*time.Millisecond) })
	if err := w.introduce(ctx); err != nil {
		return err
	}
	// Heartbeats are answered also where a session doesn't come about.
	settling := time.AfterFunc(settleTime, func() { _ = conn.Close(websocket.StatusCode(4000), "no session") })
	defer settling.Stop()
	for {
		m, err := w.read(ctx, conn)
		if err != nil {
			return err
		}
		if settling.Stop() && !w.settled {
			settling.Reset(settleTime) // what was missed comes before the resume is confirmed
		}
		if err := w.take(ctx, conn, m); err != nil {
			return err
		}
		if w.settled {
			settling.Stop()
		}
	}
}

// read returns the next message. An event of which nothing can be read is skipped.
func (w *wire) read(ctx context.Context, conn *websocket.Conn) (gateway.Message, error) {
	for {
		_, raw, err := conn.Read(ctx)
		if err != nil {
			var closed websocket.CloseError
			if errors.As(err, &closed) {
				return gateway.Message{}, &closedError{int(closed.Code), line(closed.Reason)}
			}
			return gateway.Message{}, fmt.Errorf("read from Discord's gateway: %w", err)
		}
		m, ok := decode(raw, w.news)
		if ok {
			return m, nil
		}
		if m.S > 0 {
			w.sequence.Store(int64(m.S))
		}
	}
}

// introduce identifies, or resumes the session.
func (w *wire) introduce(ctx context.Context) error {
	w.mu.Lock()
	session, presence := w.session, w.presence
	w.mu.Unlock()
	if w.resuming {
		w.status.Store(int32(gateway.StatusResuming))
		return w.Send(ctx, gateway.OpcodeResume, gateway.MessageDataResume{Token: w.token, SessionID: session, Seq: int(w.sequence.Load())})
	}
	w.status.Store(int32(gateway.StatusIdentifying))
	w.budget.spend()
	w.spent, w.born = true, time.Time{}
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
			w.born = time.Now()
			w.stands()
		}
		if m.T == gateway.EventTypeResumed {
			w.m.resumes.Inc()
			w.stands()
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
		w.status.Store(int32(gateway.StatusDisconnected))
		w.m.connected.Set(0)
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

// stands notes that the connection has its session.
func (w *wire) stands() {
	w.settled, w.resumes = true, 0
	w.status.Store(int32(gateway.StatusReady))
	w.m.connected.Set(1)
}

// forget gives the session up: the next connection begins a new one.
func (w *wire) forget() {
	w.mu.Lock()
	begun := w.session != ""
	w.session, w.resumeURL = "", ""
	w.mu.Unlock()
	w.sequence.Store(-1)
	if begun {
		w.budget.ended(w.born)
	}
	w.resumes = 0
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
