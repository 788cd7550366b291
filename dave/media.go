package dave

import (
	"maps"
	"math"
	"sync/atomic"
	"time"
)

// media is the part of a session that frames go through. The session's handshake changes it under its own lock;
// frames read it without.
type media struct {
	now        func() time.Time
	out        atomic.Pointer[outgoing]
	receivers  atomic.Pointer[map[UserID]*frameReceiver] // copied on change
	plainUntil atomic.Int64                              // see the constants, or Unix nanoseconds
}

const (
	plainNever  = 0
	plainAlways = math.MaxInt64
)

// outgoing is how own frames leave: encrypted if there is a sender, else in clear.
type outgoing struct {
	sender *frameSender
	epochs uint64 // of the sender, in the session's order
}

func (m *media) init(now func() time.Time) {
	m.now = now
	m.receivers.Store(&map[UserID]*frameReceiver{})
}

func (m *media) close() {
	if out := m.out.Swap(nil); out != nil && out.sender != nil {
		out.sender.erase()
	}
	for _, r := range *m.receivers.Swap(&map[UserID]*frameReceiver{}) {
		r.erase()
	}
	m.refusePlain()
}

func (m *media) sendPlain()   { m.allowPlain(); m.out.Store(&outgoing{}); m.retireAll() }
func (m *media) sendNothing() { m.out.Store(nil) }

// send switches to a sender, unless a newer one is in use: transitions may be executed out of order.
func (m *media) send(sender *frameSender, epochs uint64) {
	switch out := m.out.Load(); {
	case sender == nil:
		m.out.Store(nil)
	case out == nil || out.sender == nil || out.epochs < epochs:
		m.out.Store(&outgoing{sender, epochs})
	}
}

func (m *media) allowPlain()  { m.plainUntil.Store(plainAlways) }
func (m *media) refusePlain() { m.plainUntil.Store(plainNever) }

// endPlain lets frames in clear that are under way arrive (whitepaper, "Passthrough Mode").
func (m *media) endPlain() {
	m.plainUntil.CompareAndSwap(plainAlways, m.now().Add(retention).UnixNano())
}

func (m *media) plainAllowed() bool {
	until := m.plainUntil.Load()
	return until == plainAlways || until != plainNever && m.now().UnixNano() < until
}

// install gives every sender of an epoch its new key. Those who have none any more expire.
func (m *media) install(keys map[UserID][keySize]byte) {
	now := m.now()
	receivers := maps.Clone(*m.receivers.Load())
	for user, r := range receivers {
		if _, member := keys[user]; !member {
			r.retire(now)
			if !r.expire(now) {
				delete(receivers, user)
			}
		}
	}
	for user, key := range keys {
		r := receivers[user]
		if r == nil {
			r = &frameReceiver{}
			receivers[user] = r
		}
		r.install(key, now)
	}
	m.receivers.Store(&receivers)
}

func (m *media) retire(user UserID) {
	if r := (*m.receivers.Load())[user]; r != nil {
		r.retire(m.now())
	}
}

func (m *media) retireAll() {
	now := m.now()
	for _, r := range *m.receivers.Load() {
		r.retire(now)
	}
}

// Ready reports whether AppendEncrypt would return a frame to send: encrypted, or in clear in a call without
// encryption.
func (s *Session) Ready() bool { return s.media.out.Load() != nil }

// AppendEncrypt appends the protocol frame of one Opus frame to dst (whitepaper, "Payload Format"), or the frame
// itself in a call without encryption. It does not allocate where dst has room for len(frame)+Overhead more
// bytes; dst may be frame[:0]. The error is ErrNotReady or ErrFrameTooLarge.
func (s *Session) AppendEncrypt(dst, frame []byte) ([]byte, error) {
	switch out := s.media.out.Load(); {
	case out == nil:
		return dst, ErrNotReady
	case out.sender == nil:
		return append(dst, frame...), nil
	default:
		return out.sender.appendEncrypt(dst, frame)
	}
}

// AppendDecrypt appends to dst the media in a frame of a user's. A frame in clear passes if it is SilenceFrame,
// or while the call is not, or was until seconds ago not encrypted. It does not allocate where dst has room; dst
// may be frame[:0]. The error is one of ErrUnknownUser, ErrNotEncrypted, ErrAuthentication, ErrReplay,
// ErrGeneration and ErrFrameTooLarge: drop the frame.
func (s *Session) AppendDecrypt(dst []byte, from UserID, frame []byte) ([]byte, error) {
	r := (*s.media.receivers.Load())[from]
	if r == nil {
		return appendPlain(dst, frame, s.media.plainAllowed())
	}
	return r.appendDecrypt(dst, frame, s.media.plainAllowed(), s.media.now)
}

// appendPlain handles a frame of somebody whose key is not known.
func appendPlain(dst, frame []byte, allowed bool) ([]byte, error) {
	if len(frame) > MaxFrameSize {
		return dst, ErrFrameTooLarge
	}
	if isSilence(frame) {
		return append(dst, frame...), nil
	}
	if _, err := parseFrame(frame); err == nil {
		return dst, ErrUnknownUser
	}
	if !allowed {
		return dst, ErrNotEncrypted
	}
	return append(dst, frame...), nil
}
