package voice

// This file is the rest of disgo's voice.Conn: what code written for disgo's own connection expects. Mynah itself uses
// Player and Listener.

import (
	"context"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"

	disgovoice "github.com/disgoorg/disgo/voice"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/rtp"
)

var _ disgovoice.Conn = (*Conn)(nil)

// errManaged answers what would interfere with the connection's own gateway and UDP socket.
var errManaged = errors.New("voice: the connection manages its own gateway and UDP socket")

// adapter holds what was set through disgo's interface, and stands for its Gateway and UDPConn.
type adapter struct {
	receiver atomic.Pointer[disgovoice.OpusFrameReceiver]
	events   atomic.Pointer[disgovoice.EventHandlerFunc]
}

// Gateway tells SSRC and latency; it can't be opened, closed or written to from outside.
func (c *Conn) Gateway() disgovoice.Gateway { return gatewayView{c} }

// UDP tells addresses and sends and receives nothing: packets need the connection's keys.
func (c *Conn) UDP() disgovoice.UDPConn { return udpView{c} }

// UserIDBySSRC returns whose an SSRC is, 0 when it is not known.
func (c *Conn) UserIDBySSRC(ssrc uint32) snowflake.ID {
	if l := c.current.Load(); l != nil {
		return l.rx.userBySSRC(ssrc)
	}
	return 0
}

// SetSpeaking sends op 5. The Player does so by itself.
func (c *Conn) SetSpeaking(ctx context.Context, flags disgovoice.SpeakingFlags) error {
	l := c.current.Load()
	if l == nil || !l.ready.Load() { // the SSRC is constant once it is ready
		return ErrNotOpen
	}
	return l.sendJSON(ctx, opSpeaking, speaking{Speaking: int(flags), SSRC: l.ssrc})
}

// SetOpusFrameProvider plays what provider yields, behind what is in the queue. nil stops the player.
func (c *Conn) SetOpusFrameProvider(provider disgovoice.OpusFrameProvider) {
	if provider == nil {
		c.player.Stop()
		return
	}
	item, err := c.player.Play(c.ctx, "", &opusSource{provider: provider})
	if err != nil {
		provider.Close()
		return
	}
	c.links.Go(func() {
		<-item.Done()
		provider.Close()
	})
}

// SetOpusFrameReceiver hands over the decrypted Opus frames of everybody whom the Listener wants to hear.
func (c *Conn) SetOpusFrameReceiver(r disgovoice.OpusFrameReceiver) {
	if old := c.adapter.receiver.Swap(&r); old != nil && *old != nil {
		(*old).Close()
	}
}

// SetEventHandlerFunc is told who speaks and who leaves.
func (c *Conn) SetEventHandlerFunc(f disgovoice.EventHandlerFunc) { c.adapter.events.Store(&f) }

func (a *adapter) opusFrame(user snowflake.ID, h rtp.Header, frame []byte) {
	if r := a.receiver.Load(); r != nil && *r != nil {
		_ = (*r).ReceiveOpusFrame(user, &disgovoice.Packet{Sequence: h.Sequence, Timestamp: h.Timestamp, SSRC: h.SSRC, Opus: frame})
	}
}

func (a *adapter) speaking(g disgovoice.Gateway, d speaking) {
	if f := a.events.Load(); f != nil && *f != nil {
		(*f)(g, disgovoice.OpcodeSpeaking, 0, disgovoice.GatewayMessageDataSpeaking{
			Speaking: disgovoice.SpeakingFlags(d.Speaking), Delay: d.Delay, SSRC: d.SSRC, UserID: snowflake.ID(d.UserID),
		})
	}
}

func (a *adapter) gone(g disgovoice.Gateway, user snowflake.ID) {
	if r := a.receiver.Load(); r != nil && *r != nil {
		(*r).CleanupUser(user)
	}
	if f := a.events.Load(); f != nil && *f != nil {
		(*f)(g, disgovoice.OpcodeClientDisconnect, 0, disgovoice.GatewayMessageDataClientDisconnect{UserID: user})
	}
}

// opusSource decodes the frames of a disgo provider, so that volume and queue work for them too.
type opusSource struct {
	provider disgovoice.OpusFrameProvider
	decoder  *audio.Decoder
	rest     []float32
}

func (s *opusSource) Read(ctx context.Context, dst []float32) (int, error) {
	if s.decoder == nil {
		d, err := audio.NewDecoder(audio.EncodeRate, 1)
		if err != nil {
			return 0, err
		}
		s.decoder = d
	}
	if len(s.rest) == 0 {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		frame, err := s.provider.ProvideOpusFrame()
		if err != nil {
			return 0, err
		}
		if len(frame) == 0 {
			return 0, io.EOF
		}
		if s.rest, err = s.decoder.Decode(frame); err != nil {
			return 0, err
		}
	}
	n := copy(dst, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

type gatewayView struct{ conn *Conn }

func (g gatewayView) SSRC() uint32 {
	if l := g.conn.current.Load(); l != nil && l.ready.Load() {
		return l.ssrc
	}
	return 0
}

func (g gatewayView) Latency() time.Duration {
	if l := g.conn.current.Load(); l != nil {
		return time.Duration(l.latency.Load())
	}
	return 0
}

// Status tells only whether packets can be sent.
func (g gatewayView) Status() disgovoice.Status {
	if l := g.conn.current.Load(); l != nil && l.ready.Load() {
		return disgovoice.StatusReady
	}
	return disgovoice.StatusDisconnected
}

func (g gatewayView) Open(context.Context, disgovoice.State) error { return errManaged }
func (g gatewayView) Close()                                       {}
func (g gatewayView) CloseWithCode(int, string)                    {}
func (g gatewayView) Send(context.Context, disgovoice.Opcode, disgovoice.GatewayMessageData) error {
	return errManaged
}

type udpView struct{ conn *Conn }

func (u udpView) socket() net.Conn {
	if l := u.conn.current.Load(); l != nil && l.ready.Load() {
		return l.udp
	}
	return nil
}

func (u udpView) LocalAddr() net.Addr {
	if s := u.socket(); s != nil {
		return s.LocalAddr()
	}
	return nil
}

func (u udpView) RemoteAddr() net.Addr {
	if s := u.socket(); s != nil {
		return s.RemoteAddr()
	}
	return nil
}

func (u udpView) SetSecretKey(disgovoice.EncryptionMode, []byte) error {
	return errManaged
}
func (u udpView) SetDeadline(time.Time) error      { return errManaged }
func (u udpView) SetReadDeadline(time.Time) error  { return errManaged }
func (u udpView) SetWriteDeadline(time.Time) error { return errManaged }
func (u udpView) Open(context.Context, string, int, uint32) (string, int, error) {
	return "", 0, errManaged
}
func (u udpView) Close() error                            { return errManaged }
func (u udpView) Read([]byte) (int, error)                { return 0, errManaged }
func (u udpView) ReadPacket() (*disgovoice.Packet, error) { return nil, errManaged }
func (u udpView) Write([]byte) (int, error)               { return 0, errManaged }
