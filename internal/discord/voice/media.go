package voice

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/mynahbot/mynah/internal/rtp"
)

// This file is a link's media: packets that come, packets that go, and the speaking flag around them.

// receive reads media until the socket is closed.
func (l *link) receive(udp *net.UDPConn, open *rtp.Transport) {
	buf := make([]byte, rtp.MaxPacket)
	packets := newPacketReader(udp, flushEvery)
	for {
		until, waiting := l.rx.flush(time.Now())
		n, err := packets.next(buf, until, waiting)
		if err != nil {
			if l.ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return
			}
			// An ICMP refusal while the server restarts is no end: the gateway tells when it is one.
			select {
			case <-time.After(FrameTime):
				continue
			case <-l.ctx.Done():
				return
			}
		}
		if n == 0 {
			continue
		}
		packet := buf[:n]
		h, err := rtp.ParseHeader(packet)
		if err != nil || !l.rx.wanted(h) {
			continue
		}
		payload, err := open.Open(packet, h)
		if err != nil {
			l.rx.dropUnopened()
			continue
		}
		l.rx.take(h, payload, packets.last)
	}
}

// keepAlive uses the UDP path while nothing is said.
func (l *link) keepAlive(udp *net.UDPConn) {
	tick := time.NewTicker(keepaliveEvery)
	defer tick.Stop()
	for count := uint64(0); ; count++ {
		if _, err := udp.Write(keepalive(count)); err != nil && errors.Is(err, net.ErrClosed) {
			return
		}
		select {
		case <-tick.C:
		case <-l.ctx.Done():
			return
		}
	}
}

// Speaking tells the others that sound begins or ends (op 5). A beginning waits for keys, for a while: when somebody has come to
// where we were alone, what is said before there are any would be lost to them.
func (l *link) Speaking(ctx context.Context, on bool) error {
	d := speaking{SSRC: l.ssrc}
	if on {
		waiting, cancel := context.WithTimeout(ctx, keysWait)
		_ = l.keys.await(waiting)
		cancel()
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		d.Speaking = 1
	}
	return l.sendJSON(l.ctx, opSpeaking, d) // a write whose context ends would cut the socket, and the item's may end any time
}

// WriteFrame encrypts and sends one Opus frame. While there are no keys, frames are dropped: nothing ever leaves in clear
// where end-to-end encryption is on.
func (l *link) WriteFrame(frame []byte, frames uint32) error {
	l.timestamp += rtp.FrameSamples * frames
	opus, err := l.keys.AppendEncrypt(l.opus[:0], frame)
	if err != nil {
		l.unready.Add(1)
		return nil
	}
	l.opus = opus
	l.sequence++
	rtp.PutHeader(l.header[:], l.sequence, l.timestamp, l.ssrc)
	if l.out, err = l.seal.Seal(l.out[:0], l.header[:], opus); err != nil {
		return err
	}
	if _, err := l.udp.Write(l.out); err != nil {
		l.sendFailures.Add(1)
		if errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil // a full buffer or a refused packet loses one frame, not the connection
	}
	l.sent.Add(1)
	return nil
}
