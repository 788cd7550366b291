package voice

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/dave"
	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/rtp"
)

const (
	// heldPackets is how many packets of an SSRC are kept until op 5 or a successful decryption tells whose it is: a
	// second of speech.
	heldPackets = 50
	// heldTime is how old such a packet may be.
	heldTime = time.Second
	// maxUnknown bounds the SSRCs that are waited for at once.
	maxUnknown = 32
	// maxSpeakers bounds the decoders of one connection. Discord's largest voice channel has 99 people.
	maxSpeakers = 128
	// forgetAfter is how long a silent speaker's decoder and buffer are kept.
	forgetAfter = 2 * time.Minute
	// maxInsertedSilence bounds what a single jump of a sender's clock can stand for.
	maxInsertedSilence = 10 * time.Second
)

// Listener receives what is heard in a voice channel. Its methods are called from the connection's receiving goroutine
// and must not block.
type Listener interface {
	// Wants tells whether what user says is to be heard. The packets of everybody else are dropped before they are
	// decrypted, let alone decoded.
	Wants(user snowflake.ID) bool
	// Hear takes the next piece of what a user says.
	Hear(Heard)
}

// Heard is a piece of one person's audio, 20 ms in most cases.
type Heard struct {
	User snowflake.ID
	// At is when the packet came.
	At time.Time
	// Offset is the piece's place on the speaker's own clock, counted from an arbitrary start.
	Offset time.Duration
	// Samples are mono, 16 kHz, -1..1, valid until Hear returns.
	Samples []float32
	// Concealed tells that the packet was lost and the samples were made up from its neighbours.
	Concealed bool
	// Silence tells that the frame is Discord's silence, with which a sender ends what it says.
	Silence bool
}

// SpeakerHealth counts what came from one person.
type SpeakerHealth struct {
	User            snowflake.ID
	SSRC            uint32
	Packets         uint64
	Lost            uint64
	Late            uint64
	Duplicates      uint64
	Jitter          time.Duration
	DecryptFailures uint64
	// Unwanted counts packets dropped because nobody wants to hear this person.
	Unwanted uint64
	// Decoded counts frames that reached the decoder.
	Decoded uint64
}

// decryptor opens the end-to-end encrypted frame of a user, appending to dst.
type decryptor interface {
	AppendDecrypt(dst []byte, user snowflake.ID, frame []byte) ([]byte, error)
}

// receiver turns decrypted RTP payloads into audio, one speaker per SSRC. Its take and flush belong to one goroutine; who
// stands behind an SSRC is told from another.
type receiver struct {
	listener Listener
	keys     decryptor
	now      func() time.Time
	// tap is given each decrypted Opus frame.
	tap func(user snowflake.ID, h rtp.Header, frame []byte)

	mu       sync.Mutex
	users    map[uint32]snowflake.ID // whose an SSRC is
	present  map[snowflake.ID]bool   // everybody in the channel but us
	speakers map[uint32]*speaker
	unknown  map[uint32]*unknownSource
	unopened uint64 // packets that failed transport authentication
	frame    []byte
}

// speaker is one SSRC with its buffer and decoder.
type speaker struct {
	user    snowflake.ID
	ssrc    uint32
	jitter  *audio.JitterBuffer
	decoder *audio.Decoder

	lastStamp uint32
	hasStamp  bool
	offset    int64 // samples of 48 kHz
	lastHeard time.Time

	failures, unwanted, decoded, duplicates uint64
}

type heldPacket struct {
	h       rtp.Header
	at      time.Time
	payload []byte
}

type unknownSource struct {
	packets []heldPacket
	since   time.Time
}

func newReceiver(l Listener, keys decryptor, now func() time.Time, tap func(snowflake.ID, rtp.Header, []byte)) *receiver {
	return &receiver{
		listener: l, keys: keys, now: now, tap: tap,
		users: map[uint32]snowflake.ID{}, present: map[snowflake.ID]bool{},
		speakers: map[uint32]*speaker{}, unknown: map[uint32]*unknownSource{},
	}
}

// identify tells that ssrc is user's (op 5).
func (r *receiver) identify(ssrc uint32, user snowflake.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.identifyLocked(ssrc, user)
}

func (r *receiver) identifyLocked(ssrc uint32, user snowflake.ID) {
	if old, ok := r.users[ssrc]; ok && old == user {
		return
	}
	r.dropUser(user) // who comes back sends with another SSRC
	r.users[ssrc] = user
	delete(r.speakers, ssrc)
	r.takeHeld(ssrc, r.now())
}

// takeHeld takes what was held of an SSRC whose user is known now, but for what is old: nobody waits for that any more, and its speaker
// may not have wanted to be heard then.
func (r *receiver) takeHeld(ssrc uint32, now time.Time) {
	held := r.unknown[ssrc]
	if held == nil {
		return
	}
	delete(r.unknown, ssrc)
	for _, p := range held.packets {
		if now.Sub(p.at) <= heldTime {
			r.takeLocked(p.h, p.payload, p.at)
		}
	}
}

// joined tells that users are in the channel (op 11).
func (r *receiver) joined(users []snowflake.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, u := range users {
		r.present[u] = true
	}
}

// left forgets a user (op 13). What is still under way of theirs is decoded first, as far as it is there.
func (r *receiver) left(user snowflake.ID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.present, user)
	r.dropUser(user)
}

// dropUser forgets a user's SSRC and decodes what is there of it.
func (r *receiver) dropUser(user snowflake.ID) {
	for ssrc, u := range r.users {
		if u != user {
			continue
		}
		if s := r.speakers[ssrc]; s != nil {
			r.drain(s, r.now().Add(time.Hour))
		}
		delete(r.users, ssrc)
		delete(r.speakers, ssrc)
	}
}

// userBySSRC returns 0 for an SSRC that nobody is known to use.
func (r *receiver) userBySSRC(ssrc uint32) snowflake.ID {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.users[ssrc]
}

// dropUnopened counts a packet that failed transport authentication.
func (r *receiver) dropUnopened() {
	r.mu.Lock()
	r.unopened++
	r.mu.Unlock()
}

// take receives one payload that has passed the transport.
func (r *receiver) take(h rtp.Header, payload []byte, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.takeLocked(h, payload, at)
}

func (r *receiver) takeLocked(h rtp.Header, payload []byte, at time.Time) {
	if r.listener == nil || h.Payload != rtp.PayloadOpus || len(payload) == 0 {
		return
	}
	user, known := r.users[h.SSRC]
	if !known {
		if user, known = r.guess(h, payload, at); !known {
			return
		}
	}
	s := r.speaker(h.SSRC, user)
	if s == nil {
		return
	}
	if !r.listener.Wants(user) {
		s.unwanted++
		return
	}
	frame, err := r.keys.AppendDecrypt(r.frame[:0], user, payload)
	switch {
	case errors.Is(err, dave.ErrReplay):
		s.duplicates++ // the network brought it twice
		return
	case err != nil:
		s.failures++
		return
	}
	r.frame = frame
	r.tap(user, h, frame)
	s.jitter.Push(h.Sequence, h.Timestamp, frame, at)
	r.drain(s, at)
}

// wanted tells whether a packet is worth opening: that of a known speaker whom nobody wants to hear is dropped while it is
// still encrypted.
func (r *receiver) wanted(h rtp.Header) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.listener == nil {
		return false
	}
	user, known := r.users[h.SSRC]
	if !known || r.listener.Wants(user) {
		return true
	}
	if s := r.speaker(h.SSRC, user); s != nil {
		s.unwanted++
	}
	return false
}

// guess finds out whose an unknown SSRC is. Op 5 may be late or never come; but only the keys of the real sender open an
// encrypted frame. Until one does, packets are held.
func (r *receiver) guess(h rtp.Header, payload []byte, at time.Time) (snowflake.ID, bool) {
	if len(payload) > silenceSize {
		for user := range r.present {
			if r.hasSSRC(user) || !r.listener.Wants(user) {
				continue
			}
			opened, err := r.keys.AppendDecrypt(r.frame[:0], user, payload)
			if err != nil || len(opened) == len(payload) { // equal length: passed through in clear, which proves nothing
				continue
			}
			// Opening it used up its place in the replay window, so this packet is taken here.
			r.users[h.SSRC] = user
			s := r.speaker(h.SSRC, user)
			if s == nil {
				delete(r.unknown, h.SSRC)
				return 0, false
			}
			frame := slices.Clone(opened)
			r.takeHeld(h.SSRC, at)
			r.tap(user, h, frame)
			s.jitter.Push(h.Sequence, h.Timestamp, frame, at)
			r.drain(s, at)
			return 0, false
		}
	}
	u := r.unknown[h.SSRC]
	if u == nil {
		if len(r.unknown) >= maxUnknown {
			r.forgetOldestUnknown()
		}
		u = &unknownSource{since: at}
		r.unknown[h.SSRC] = u
	}
	if len(u.packets) == heldPackets {
		u.packets = slices.Delete(u.packets, 0, 1)
	}
	u.packets = append(u.packets, heldPacket{h: h, at: at, payload: slices.Clone(payload)})
	return 0, false
}

func (r *receiver) forgetOldestUnknown() {
	var oldest uint32
	var since time.Time
	for ssrc, u := range r.unknown {
		if since.IsZero() || u.since.Before(since) {
			oldest, since = ssrc, u.since
		}
	}
	delete(r.unknown, oldest)
}

func (r *receiver) hasSSRC(user snowflake.ID) bool {
	for _, u := range r.users {
		if u == user {
			return true
		}
	}
	return false
}

// speaker returns the state of an SSRC, or nil when there are too many.
func (r *receiver) speaker(ssrc uint32, user snowflake.ID) *speaker {
	if s := r.speakers[ssrc]; s != nil {
		return s
	}
	if len(r.speakers) >= maxSpeakers {
		return nil
	}
	s := &speaker{user: user, ssrc: ssrc, jitter: audio.NewJitterBuffer(audio.JitterConfig{})}
	r.speakers[ssrc] = s
	return s
}

// flush hands out what waits for packets that will not come, and reports when it has to be called again.
func (r *receiver) flush(now time.Time) (time.Time, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var first time.Time
	for ssrc, s := range r.speakers {
		r.drain(s, now)
		if d, ok := s.jitter.Deadline(); ok && (first.IsZero() || d.Before(first)) {
			first = d
		}
		if s.decoder != nil && now.Sub(s.lastHeard) > forgetAfter {
			s.decoder = nil // a silent speaker costs no decoder
		}
		if r.users[ssrc] == 0 {
			delete(r.speakers, ssrc)
		}
	}
	return first, !first.IsZero()
}

// drain decodes what a speaker's buffer hands out at now.
func (r *receiver) drain(s *speaker, now time.Time) {
	for {
		f, ok := s.jitter.Pop(now)
		if !ok {
			return
		}
		r.decode(s, f)
	}
}

// decode turns one frame into audio and hands it to the listener.
func (r *receiver) decode(s *speaker, f audio.Frame) {
	if s.decoder == nil && !s.prepare() {
		return
	}
	lost := f.Payload == nil
	var pcm []float32
	var err error
	switch {
	case !lost:
		pcm, err = s.decoder.Decode(f.Payload)
	case f.Next != nil:
		pcm, err = s.decoder.Recover(f.Next, FrameTime)
	default:
		pcm, err = s.decoder.Conceal(FrameTime)
	}
	if err != nil {
		s.failures++
		return
	}
	s.decoded++
	s.lastHeard = f.At
	length := len(pcm) * (audio.OpusRate / audio.DecodeRate)
	s.place(f, lost, length)
	r.listener.Hear(Heard{
		User: s.user, At: f.At, Offset: time.Duration(s.offset) * time.Second / audio.OpusRate,
		Samples: pcm, Concealed: lost, Silence: isSilence(f.Payload),
	})
	s.offset += int64(length)
}

// prepare makes the decoder of a speaker who is heard for the first time, or again after a long silence.
func (s *speaker) prepare() bool {
	decoder, err := audio.NewDecoder(audio.DecodeRate, 1)
	if err != nil {
		s.failures++
		return false
	}
	s.decoder = decoder
	return true
}

// place moves the speaker's clock to the start of a frame: a sender that pauses sends nothing, but its clock goes on.
func (s *speaker) place(f audio.Frame, lost bool, n int) {
	if lost {
		s.lastStamp += uint32(n)
		return
	}
	if s.hasStamp {
		jump := int64(int32(f.Timestamp - s.lastStamp))
		if jump > 0 {
			s.offset += min(jump, int64(maxInsertedSilence/time.Second)*audio.OpusRate)
		}
	}
	s.lastStamp, s.hasStamp = f.Timestamp+uint32(n), true
}

// health lists the counters of all speakers, by user.
func (r *receiver) health() (speakers []SpeakerHealth, unopened uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.speakers {
		j := s.jitter.Stats()
		speakers = append(speakers, SpeakerHealth{
			User: s.user, SSRC: s.ssrc, Packets: j.Packets, Lost: j.Lost, Late: j.Late, Duplicates: j.Duplicates + s.duplicates,
			Jitter: j.Jitter, DecryptFailures: s.failures, Unwanted: s.unwanted, Decoded: s.decoded,
		})
	}
	slices.SortFunc(speakers, func(a, b SpeakerHealth) int { return int(int64(a.User) - int64(b.User)) })
	return speakers, r.unopened
}

// silenceSize is the size in bytes of Discord's silence frame.
const silenceSize = 3

func isSilence(frame []byte) bool {
	return len(frame) == silenceSize && frame[0] == 0xf8 && frame[1] == 0xff && frame[2] == 0xfe
}
