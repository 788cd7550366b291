package voice

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"github.com/mynahbot/mynah/internal/rtp"
)

const (
	discoveryRequest = 1
	discoveryReply   = 2
	discoverySize    = 74
	discoveryTries   = 5
	discoveryWait    = 600 * time.Millisecond
	// keepaliveEvery is how often an idle UDP path is used, so that NATs on the way keep it open.
	keepaliveEvery = 5 * time.Second
)

// errNoUDP is why a session gets no media.
var errNoUDP = errors.New("voice: the voice server does not answer over UDP; check that the firewall lets UDP out")

// dialUDP opens the media socket to the voice server.
func dialUDP(ctx context.Context, ip string, port uint16) (*net.UDPConn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "udp", net.JoinHostPort(ip, strconv.Itoa(int(port))))
	if err != nil {
		return nil, fmt.Errorf("voice: open UDP: %w", err)
	}
	return conn.(*net.UDPConn), nil
}

// discover asks the server under which address it sees this socket. Requests and answers may get lost, so it asks again.
// Media that comes in between is dropped: nothing is set up for it yet.
func discover(ctx context.Context, conn *net.UDPConn, ssrc uint32) (netip.AddrPort, error) {
	request := discoveryPacket(ssrc)
	var buf [rtp.MaxPacket]byte
	for range discoveryTries {
		if _, err := conn.Write(request); err != nil {
			return netip.AddrPort{}, fmt.Errorf("voice: ask for the own address: %w", err)
		}
		deadline := time.Now().Add(discoveryWait)
		if d, ok := ctx.Deadline(); ok && d.Before(deadline) {
			deadline = d
		}
		if err := conn.SetReadDeadline(deadline); err != nil {
			return netip.AddrPort{}, err
		}
		for {
			n, err := conn.Read(buf[:])
			if err != nil {
				var timeout net.Error
				if errors.As(err, &timeout) && timeout.Timeout() && ctx.Err() == nil {
					break
				}
				return netip.AddrPort{}, errors.Join(ctx.Err(), err)
			}
			if addr, ok := parseDiscovery(buf[:n], ssrc); ok {
				return addr, conn.SetReadDeadline(time.Time{})
			}
		}
	}
	return netip.AddrPort{}, errNoUDP
}

func discoveryPacket(ssrc uint32) []byte {
	p := make([]byte, discoverySize)
	binary.BigEndian.PutUint16(p, discoveryRequest)
	binary.BigEndian.PutUint16(p[2:], discoverySize-4)
	binary.BigEndian.PutUint32(p[4:], ssrc)
	return p
}

func parseDiscovery(p []byte, ssrc uint32) (netip.AddrPort, bool) {
	if len(p) != discoverySize || binary.BigEndian.Uint16(p) != discoveryReply || binary.BigEndian.Uint32(p[4:]) != ssrc {
		return netip.AddrPort{}, false
	}
	text, _, _ := bytes.Cut(p[8:72], []byte{0})
	addr, err := netip.ParseAddr(string(text))
	if err != nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(addr, binary.BigEndian.Uint16(p[72:])), true
}

// keepalive is the packet that discord.js sends: a counter, to which no answer comes.
func keepalive(count uint64) []byte {
	return binary.LittleEndian.AppendUint64(nil, count)
}

// pollFor is how long after a packet more are looked for at each tick.
const pollFor = 100 * time.Millisecond

// packetReader reads packets from a socket. While there is something to hear it looks at each tick for what has come, as all
// connections do at once; otherwise it is woken by the first packet.
type packetReader struct {
	udp      *net.UDPConn
	in       *poller
	idle     time.Duration // how long the socket is waited for at most
	deadline time.Time     // of the socket, zero for none
	last     time.Time     // when the last packet came
}

func newPacketReader(udp *net.UDPConn, idle time.Duration) *packetReader {
	return &packetReader{udp: udp, in: newPoller(udp), idle: idle}
}

// next returns the size of the next packet, or 0 when none has come by the next tick, by until where that is set, or for idle.
func (r *packetReader) next(buf []byte, until time.Time, set bool) (int, error) {
	now := time.Now()
	var n int
	var err error
	if now.Sub(r.last) < pollFor {
		if !r.deadline.IsZero() { // one that has passed would let nothing be read
			if err := r.wait(time.Time{}); err != nil {
				return 0, err
			}
		}
		if n, err = r.in.poll(buf); n == 0 && err == nil {
			time.Sleep(floor(now, readTick).Add(readTick).Sub(now))
			runtime.Gosched() // those who send at this tick go first
		}
	} else {
		if !set || until.Sub(now) > r.idle {
			until = now.Add(r.idle)
		}
		// Moving the deadline for every packet costs more than waking up early.
		if r.deadline.IsZero() || until.Before(r.deadline) || !now.Before(r.deadline) {
			if err := r.wait(until); err != nil {
				return 0, err
			}
		}
		n, err = r.udp.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return 0, nil
		}
	}
	if n > 0 {
		r.last = time.Now()
	}
	return n, err
}

func (r *packetReader) wait(until time.Time) error {
	r.deadline = until
	return r.udp.SetReadDeadline(until)
}

// poller reads from a socket what is there, without waiting.
type poller struct {
	raw syscall.RawConn
	try func(fd uintptr) bool
	buf []byte
	n   int
	err error
}

func newPoller(conn *net.UDPConn) *poller {
	p := &poller{}
	p.raw, p.err = conn.SyscallConn()
	p.try = func(fd uintptr) bool {
		p.n, p.err = syscall.Read(int(fd), p.buf)
		return true
	}
	return p
}

// poll returns 0 without an error when there is no packet.
func (p *poller) poll(buf []byte) (int, error) {
	if p.raw == nil {
		return 0, p.err
	}
	p.buf = buf
	if err := p.raw.Read(p.try); err != nil {
		return 0, err
	}
	if errors.Is(p.err, syscall.EAGAIN) || errors.Is(p.err, syscall.EINTR) {
		return 0, nil
	}
	return max(0, p.n), p.err
}
