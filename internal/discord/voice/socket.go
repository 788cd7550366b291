package voice

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// writeWait bounds how long one message may take to be written to the voice gateway.
const writeWait = 5 * time.Second

// closeAgain is the close code for a socket that is given up in order to resume; 1000 would end the session.
const closeAgain = websocket.StatusCode(4900)

// socket is one WebSocket to a voice gateway. Reading belongs to one goroutine; sending is safe from several.
type socket struct {
	ws  *websocket.Conn
	seq *atomic.Int64 // the last sequence number seen, shared by the sockets of one session
}

// endpointURL turns the endpoint of a voice server update into an address. Discord names a host, maybe with a port; the
// local Discord may name a whole ws:// address.
func endpointURL(endpoint string) (string, error) {
	if !strings.Contains(endpoint, "://") {
		endpoint = "wss://" + endpoint
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || (u.Scheme != "ws" && u.Scheme != "wss") {
		return "", fmt.Errorf("voice: %q is no address of a voice server", endpoint)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	u.RawQuery = fmt.Sprintf("v=%d", gatewayVersion)
	return u.String(), nil
}

// dialSocket connects to endpoint.
func dialSocket(ctx context.Context, client *http.Client, endpoint string, seq *atomic.Int64) (*socket, error) {
	address, err := endpointURL(endpoint)
	if err != nil {
		return nil, err
	}
	ws, _, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: client, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, fmt.Errorf("voice: connect to the voice gateway: %w", err)
	}
	ws.SetReadLimit(maxMessage)
	return &socket{ws: ws, seq: seq}, nil
}

// message is one message from the gateway: JSON in data, or a binary body that begins with the opcode.
type message struct {
	op     int
	data   json.RawMessage
	body   []byte
	binary bool
}

// decode unmarshals the data of a JSON message.
func (m message) decode(v any) error {
	if m.binary {
		return errMessage
	}
	if err := json.Unmarshal(m.data, v); err != nil {
		return fmt.Errorf("voice: op %d: %w", m.op, errMessage)
	}
	return nil
}

// read waits for the next message and keeps its sequence number.
func (s *socket) read(ctx context.Context) (message, error) {
	kind, b, err := s.ws.Read(ctx)
	if err != nil {
		return message{}, err
	}
	if kind == websocket.MessageBinary {
		m, err := parseBinary(b)
		if err != nil {
			return message{}, err
		}
		s.seq.Store(advanceSeq(s.seq.Load(), m.seq))
		return message{op: m.op, body: m.body, binary: true}, nil
	}
	var e envelope
	if err := json.Unmarshal(b, &e); err != nil {
		return message{}, errMessage
	}
	if e.Seq != nil {
		s.seq.Store(advanceSeq(s.seq.Load(), uint16(*e.Seq)))
	}
	return message{op: e.Op, data: e.D}, nil
}

// send writes a JSON message, which must be a text frame: in a binary one it would be taken for DAVE.
func (s *socket) send(ctx context.Context, op int, data any) error {
	d, err := json.Marshal(data)
	if err != nil {
		return err
	}
	b, err := json.Marshal(envelope{Op: op, D: d})
	if err != nil {
		return err
	}
	return s.write(ctx, websocket.MessageText, b)
}

// write sends one frame. Binary ones are DAVE messages: u8 op, body.
func (s *socket) write(ctx context.Context, kind websocket.MessageType, b []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writeWait)
	defer cancel()
	return s.ws.Write(ctx, kind, b)
}

// close ends the socket at once: with 1000, which ends the session, or so that it can be resumed.
func (s *socket) close(final bool) {
	code := closeAgain
	if final {
		code = websocket.StatusNormalClosure
	}
	// The closing handshake is not waited for long: the other side may be gone.
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	stop := context.AfterFunc(ctx, func() { s.ws.CloseNow() })
	s.ws.Close(code, "")
	stop()
	cancel()
}
