package voice

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/mynahbot/mynah/internal/localdiscord"
	"github.com/mynahbot/mynah/internal/rtp"
)

const (
	// maxReplay is how many messages are kept for a resume.
	maxReplay = 512
	// maxQueued is how many messages may wait for a slow client before its socket is given up.
	maxQueued = 1024
	// resumeWindow is how long a session outlives its socket.
	resumeWindow = 60 * time.Second
	writeWait    = 5 * time.Second
)

// member is one session of a channel: a client that has identified. It outlives its sockets, so that it can resume.
type member struct {
	server     *Server
	room       *room
	place      *place
	user       localdiscord.ID
	ssrc       uint32
	maxDAVE    int
	canSpeak   atomic.Bool
	deaf       atomic.Bool
	media      atomic.Pointer[media] // once a protocol is selected
	discovered atomic.Pointer[netip.AddrPort]

	mu      sync.Mutex
	seq     uint16
	replay  []frame
	socket  *socket // nil between two
	gone    bool
	spoke   atomic.Bool // op 5 was seen
	expires *time.Timer
}

// media is a member's end of the UDP relay.
type media struct {
	mode string
	key  [rtp.KeySize]byte
	addr atomic.Pointer[netip.AddrPort]
	// open belongs to the relay's goroutine; seal is shared by it and by delayed packets.
	open   *rtp.Transport
	sealMu sync.Mutex
	seal   *rtp.Transport
	out    []byte
}

// socket is one WebSocket of a member, with a queue so that no client can hold up a room.
type socket struct {
	ws    *websocket.Conn
	queue chan frame
	done  chan struct{}
	once  sync.Once
	code  int
	// stalled: something was withheld, and nothing with a sequence number overtakes it. Guarded by the member's mu.
	stalled bool
}

func newSocket(ws *websocket.Conn) *socket {
	return &socket{ws: ws, queue: make(chan frame, maxQueued), done: make(chan struct{})}
}

// end closes the socket with code.
func (k *socket) end(code int) {
	k.once.Do(func() {
		k.code = code
		close(k.done)
	})
}

// push queues a frame; a client that does not read is cut off.
func (k *socket) push(f frame) {
	select {
	case k.queue <- f:
	case <-k.done:
	default:
		k.end(closeCrashed)
	}
}

func (k *socket) writeFrame(ctx context.Context, f frame) error {
	kind := websocket.MessageText
	if f.binary {
		kind = websocket.MessageBinary
	}
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	return k.ws.Write(ctx, kind, f.data)
}

// write sends what is queued until the socket ends, then closes it.
func (k *socket) write(ctx context.Context) {
	for {
		select {
		case f := <-k.queue:
			if err := k.writeFrame(ctx, f); err != nil {
				k.ws.CloseNow()
				return
			}
		case <-k.done:
			if k.code == closeAbruptly {
				k.ws.CloseNow()
				return
			}
			// What was queued before is still sent: a client must see why it is closed.
			for len(k.queue) > 0 {
				if k.writeFrame(ctx, <-k.queue) != nil {
					break
				}
			}
			stop := time.AfterFunc(time.Second, func() { k.ws.CloseNow() })
			k.ws.Close(websocket.StatusCode(k.code), "")
			stop.Stop()
			return
		case <-ctx.Done():
			k.ws.CloseNow()
			return
		}
	}
}

// closeAbruptly stands for cutting the connection without a close frame (1006 on the other side).
const closeAbruptly = -1

// send queues a message that is sent again after a resume.
func (m *member) send(op int, d any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	seq := m.seq
	m.keep(jsonFrame(op, &seq, d))
}

// sendBinary queues a DAVE message, which begins with its opcode.
func (m *member) sendBinary(message []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.seq++
	m.keep(binaryFrame(m.seq, message))
}

// keep stores a frame for a replay and sends it. Called with mu held.
func (m *member) keep(f frame) {
	if m.gone {
		return
	}
	if len(m.replay) == maxReplay {
		m.replay = append(m.replay[:0], m.replay[maxReplay/4:]...)
	}
	m.replay = append(m.replay, f)
	if m.socket == nil {
		return
	}
	k := m.socket
	wait, held := m.server.faults.held(m.user, f.op)
	switch {
	case k.stalled || held && wait < 0:
		k.stalled = true
	case held:
		m.server.faults.later(wait, func() { k.push(f) })
	default:
		k.push(f)
	}
}

// sendOnce queues a message that is not replayed.
func (m *member) sendOnce(op int, d any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.socket != nil {
		m.socket.push(jsonFrame(op, nil, d))
	}
}

// attach makes k the member's socket.
func (m *member) attach(k *socket) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.socket != nil {
		m.socket.end(closeSessionInvalid)
	}
	m.socket = k
	if m.expires != nil {
		m.expires.Stop()
		m.expires = nil
	}
}

// resume attaches k and sends all that came after ack, unless it is no longer kept.
func (m *member) resume(k *socket, ack int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.gone {
		return false
	}
	// What is missing starts behind ack. Everything ever sent is missing for -1.
	missing := int(int16(m.seq - uint16(ack)))
	if ack < 0 {
		missing = int(m.seq)
	}
	if missing < 0 || missing > len(m.replay) {
		return false
	}
	if m.socket != nil {
		m.socket.end(closeSessionInvalid)
	}
	m.socket = k
	if m.expires != nil {
		m.expires.Stop()
		m.expires = nil
	}
	k.push(jsonFrame(opResumed, nil, nil)) // before the replay: clients drop binary messages until they see it
	for _, f := range m.replay[len(m.replay)-missing:] {
		k.push(f)
	}
	return true
}

// detach forgets k and gives the client some time to resume.
func (m *member) detach(k *socket, expired func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.socket != k || m.gone {
		return
	}
	m.socket = nil
	m.expires = time.AfterFunc(resumeWindow, expired)
}

// kill ends the member for good.
func (m *member) kill(code int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gone = true
	if m.expires != nil {
		m.expires.Stop()
	}
	if m.socket != nil {
		m.socket.end(code)
		m.socket = nil
	}
}

// cut ends the member's socket but not its session.
func (m *member) cut(code int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.socket != nil {
		m.socket.end(code)
	}
}
