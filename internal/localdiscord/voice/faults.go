package voice

import (
	"bytes"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// Faults is what happens to the media of one direction. Probabilities are between 0 and 1.
type Faults struct {
	Drop, Duplicate, Corrupt, Reorder float64
	// Delay holds every packet back, Jitter up to that much more, evenly spread.
	Delay, Jitter time.Duration
}

// reorderBy is how long a packet is held back that others are to overtake.
const reorderBy = 50 * time.Millisecond

type faultKey struct {
	user localdiscord.ID
	up   bool
}

type heldKey struct {
	user localdiscord.ID
	op   int
}

// faults is what tests have asked for.
type faults struct {
	mu     sync.Mutex
	rand   *rand.Rand
	media  map[faultKey]Faults
	ops    map[heldKey]time.Duration
	mute   map[localdiscord.ID]bool
	lose   map[heldKey]int // close codes
	old    map[localdiscord.ID]bool
	closed bool
	timers sync.WaitGroup
}

func (f *faults) init() {
	f.rand = rand.New(rand.NewPCG(1, 2))
	f.media, f.ops, f.mute = map[faultKey]Faults{}, map[heldKey]time.Duration{}, map[localdiscord.ID]bool{}
	f.lose, f.old = map[heldKey]int{}, map[localdiscord.ID]bool{}
}

// SetFaults decides what happens to the packets that user sends (up) or is sent, the answer to IP discovery among these; user 0 is
// everybody without a setting of their own. Zero Faults end it.
func (s *Server) SetFaults(user localdiscord.ID, up bool, f Faults) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if f == (Faults{}) {
		delete(s.faults.media, faultKey{user, up})
		return
	}
	s.faults.media[faultKey{user, up}] = f
}

// Hold delays the messages of one opcode to user by d, or with d < 0 withholds them, and whatever has a sequence number behind them on
// the same socket: as on a real connection, nothing is lost in the middle. They are still replayed after a resume. d = 0 ends it.
func (s *Server) Hold(user localdiscord.ID, op int, d time.Duration) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if d == 0 {
		delete(s.faults.ops, heldKey{user, op})
		return
	}
	s.faults.ops[heldKey{user, op}] = d
}

// Lose has the next message of one opcode from user never arrive: its socket is closed instead, with a close code or without one for 0,
// as when a connection breaks with messages under way. The session stays.
func (s *Server) Lose(user localdiscord.ID, op, code int) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.lose[heldKey{user, op}] = code
}

// IgnoreHeartbeats leaves user's heartbeats without acknowledgement.
func (s *Server) IgnoreHeartbeats(user localdiscord.ID, on bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.mute[user] = on
}

// Outdate has user's client count as one without end-to-end encryption, whose joining takes it from the whole channel.
func (s *Server) Outdate(user localdiscord.ID, on bool) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.old[user] = on
}

func (f *faults) outdated(user localdiscord.ID) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.old[user]
}

// Kill closes user's socket in guild with a close code, or cuts it without one for 0. The session stays and may be resumed,
// except for the codes that end it. It reports false when the user is not connected.
func (s *Server) Kill(guild, user localdiscord.ID, code int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.places[placeKey{guild, user}]
	if p == nil || p.member == nil {
		return false
	}
	switch code {
	case 0:
		p.member.cut(closeAbruptly)
	case closeSessionInvalid, closeTimeout, closeServerNotFound, closeAuthentication, closeDisconnected, closeMode, closeDAVERequired, 4021, 4022:
		s.evict(p.member, code)
	default:
		p.member.cut(code)
	}
	return true
}

// lost reports whether a message of m's is to be lost, and cuts the socket then. m is nil before it has identified.
func (f *faults) lost(m *member, op int) bool {
	if m == nil {
		return false
	}
	f.mu.Lock()
	code, ok := f.lose[heldKey{m.user, op}]
	delete(f.lose, heldKey{m.user, op})
	f.mu.Unlock()
	if !ok {
		return false
	}
	if code == 0 {
		code = closeAbruptly
	}
	m.cut(code)
	return true
}

func (f *faults) silentHeartbeats(m *member) bool {
	if m == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.mute[m.user]
}

func (f *faults) held(user localdiscord.ID, op int) (time.Duration, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	d, ok := f.ops[heldKey{user, op}]
	return d, ok
}

// later runs do after d, or never when the server has closed.
func (f *faults) later(d time.Duration, do func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.timers.Add(1)
	time.AfterFunc(d, func() {
		defer f.timers.Done()
		do()
	})
}

// wait refuses new delays and waits for those under way.
func (f *faults) wait() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.timers.Wait()
}

// strike lets the faults asked for happen to a packet. It reports true when the packet is dealt with: dropped, or to be
// sent later by send, which is given a copy.
func (f *faults) strike(user localdiscord.ID, up bool, p []byte, send func([]byte)) bool {
	f.mu.Lock()
	if len(f.media) == 0 {
		f.mu.Unlock()
		return false
	}
	what, ok := f.media[faultKey{user, up}]
	if !ok {
		what, ok = f.media[faultKey{0, up}]
	}
	if !ok {
		f.mu.Unlock()
		return false
	}
	drop, twice := f.rand.Float64() < what.Drop, f.rand.Float64() < what.Duplicate
	corrupt, reorder := f.rand.Float64() < what.Corrupt, f.rand.Float64() < what.Reorder
	wait := what.Delay
	if what.Jitter > 0 {
		wait += time.Duration(f.rand.Int64N(int64(what.Jitter)))
	}
	at := f.rand.IntN(max(len(p), 1))
	f.mu.Unlock()
	if drop {
		return true
	}
	if reorder {
		wait += reorderBy
	}
	if corrupt && len(p) > 0 {
		p = bytes.Clone(p)
		p[at] ^= 0x55
	}
	if twice {
		again := bytes.Clone(p)
		f.later(wait+time.Millisecond, func() { send(again) })
	}
	if wait > 0 {
		held := bytes.Clone(p)
		f.later(wait, func() { send(held) })
		return true
	}
	if corrupt {
		send(p)
		return true
	}
	return false
}
