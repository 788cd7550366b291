package audio

import "time"

// Bounds of a JitterBuffer.
const (
	// jitterSlots is how many packets a buffer holds at most; one that is further ahead starts the stream anew.
	jitterSlots = 64
	// maxConcealed is the longest run of lost frames that is handed out one by one for concealment. After a longer
	// gap the stream goes on at the next packet that is there.
	maxConcealed = 10
	// resyncAfter is how many packets in a row may come from behind before the sender is taken to have restarted.
	resyncAfter = 16
	// MaxOpusPacket is the size in bytes of the largest Opus packet that a buffer takes (RFC 6716, section 3.2.1, one frame).
	MaxOpusPacket = 1275
)

// JitterConfig bounds how long a JitterBuffer waits for a packet that is missing while later ones are there.
// Zero values mean 40 ms and 200 ms.
type JitterConfig struct {
	MinWait, MaxWait time.Duration
}

// JitterBuffer brings the packets of one speaker into order. It is made for listening machines: a packet that is in
// order is handed out at once, without a playout delay, and only a gap makes it wait. The wait follows what the network
// does: it grows when packets come that late, and shrinks slowly when they stop doing so.
//
// It belongs to one goroutine, reads no clock and, after its first packets, allocates nothing.
type JitterBuffer struct {
	min, max time.Duration
	wait     time.Duration

	slots   [jitterSlots]jitterSlot
	started bool
	next    uint16 // the sequence number to hand out next
	held    int
	behind  int // packets from behind in a row

	lostAt    [jitterSlots]lostMark // what was given up lately, to learn from packets that come after all
	lastStamp uint32
	lastAt    time.Time

	stats JitterStats
}

type jitterSlot struct {
	full     bool
	sequence uint16
	stamp    uint32
	at       time.Time
	payload  []byte
}

type lostMark struct {
	sequence uint16
	set      bool
	since    time.Time
}

// JitterStats counts what happened to a stream.
type JitterStats struct {
	Packets    uint64        // taken in, duplicates and late ones not counted
	Lost       uint64        // given up and concealed
	Late       uint64        // came after they were given up
	Duplicates uint64        // came twice
	Jitter     time.Duration // interarrival jitter (RFC 3550, section 6.4.1)
	Wait       time.Duration // how long a gap is waited for now
}

// Frame is what a JitterBuffer hands out: a packet in order, or a lost one.
type Frame struct {
	Sequence  uint16
	Timestamp uint32    // of the sender, in samples of 48 kHz; of a lost frame 0
	At        time.Time // arrival; of a lost frame the arrival of the packet behind it
	// Payload is the Opus packet, valid until the next Push; nil when it was lost.
	Payload []byte
	// Next is, for a lost frame, the packet that follows it if it is there: its in-band FEC may hold the lost one.
	Next []byte
	// Skipped is how many frames before this one were lost beyond what is worth concealing.
	Skipped int
}

// NewJitterBuffer makes an empty buffer.
func NewJitterBuffer(c JitterConfig) *JitterBuffer {
	b := &JitterBuffer{min: c.MinWait, max: c.MaxWait}
	if b.min <= 0 {
		b.min = 40 * time.Millisecond
	}
	if b.max <= 0 {
		b.max = 200 * time.Millisecond
	}
	b.max = max(b.max, b.min)
	b.wait = b.min
	return b
}

// Push takes a packet in. The payload is copied. It reports whether the packet was of use: one that came twice, too late
// or is larger than MaxOpusPacket is not.
func (b *JitterBuffer) Push(sequence uint16, timestamp uint32, payload []byte, at time.Time) bool {
	if len(payload) > MaxOpusPacket {
		return false
	}
	if !b.started {
		b.started, b.next = true, sequence
	}
	ahead := int(int16(sequence - b.next))
	switch {
	case ahead < 0:
		b.learn(sequence, at)
		b.stats.Late++
		if b.behind++; b.behind < resyncAfter {
			return false
		}
		b.restart(sequence)
		ahead = 0
	case ahead >= jitterSlots:
		b.restart(sequence)
		ahead = 0
	}
	b.behind = 0
	s := &b.slots[sequence%jitterSlots]
	if s.full {
		b.stats.Duplicates++
		return false
	}
	s.full, s.sequence, s.stamp, s.at = true, sequence, timestamp, at
	s.payload = append(s.payload[:0], payload...)
	b.held++
	b.stats.Packets++
	b.measure(timestamp, at)
	if ahead == 0 {
		if gap := b.gapSince(); !gap.IsZero() {
			b.grow(at.Sub(gap))
		} else {
			b.wait -= (b.wait - b.min) / 256
		}
	}
	return true
}

// Pop hands out the next frame if it is there, or the loss of it once the wait for it is over at now. The caller pops until
// it reports false.
func (b *JitterBuffer) Pop(now time.Time) (Frame, bool) {
	if b.held == 0 {
		return Frame{}, false
	}
	if s := &b.slots[b.next%jitterSlots]; s.full {
		return b.take(s, 0), true
	}
	gap, first := b.gap()
	since := first.at
	if now.Sub(since) < b.wait && b.held < jitterSlots/2 {
		return Frame{}, false
	}
	if gap > maxConcealed {
		b.next += uint16(gap)
		b.stats.Lost += uint64(gap)
		return b.take(first, gap), true
	}
	f := Frame{Sequence: b.next, At: since}
	b.lostAt[b.next%jitterSlots] = lostMark{sequence: b.next, set: true, since: since}
	if s := &b.slots[(b.next+1)%jitterSlots]; s.full {
		f.Next = s.payload
	}
	b.next++
	b.stats.Lost++
	return f, true
}

// Deadline tells when Pop will have something even if no packet comes, and false when it is not waiting for a gap.
func (b *JitterBuffer) Deadline() (time.Time, bool) {
	if b.held == 0 {
		return time.Time{}, false
	}
	if s := &b.slots[b.next%jitterSlots]; s.full {
		return s.at, true
	}
	_, first := b.gap()
	return first.at.Add(b.wait), true
}

// Stats returns the counts so far.
func (b *JitterBuffer) Stats() JitterStats {
	s := b.stats
	s.Wait = b.wait
	return s
}

// take empties a slot that stands at b.next.
func (b *JitterBuffer) take(s *jitterSlot, skipped int) Frame {
	f := Frame{Sequence: s.sequence, Timestamp: s.stamp, At: s.at, Payload: s.payload, Skipped: skipped}
	s.full = false
	b.held--
	b.next++
	return f
}

// gap returns how many frames are missing before the first packet that is held, and that packet.
func (b *JitterBuffer) gap() (int, *jitterSlot) {
	for i := range jitterSlots {
		if s := &b.slots[(b.next+uint16(i))%jitterSlots]; s.full {
			return i, s
		}
	}
	return 0, &b.slots[b.next%jitterSlots] // not reached while something is held
}

// gapSince tells when the packet behind the next one came, if it came before it.
func (b *JitterBuffer) gapSince() time.Time {
	if b.held < 2 {
		return time.Time{}
	}
	for i := uint16(1); i < jitterSlots; i++ {
		if s := &b.slots[(b.next+i)%jitterSlots]; s.full {
			return s.at
		}
	}
	return time.Time{}
}

// learn lengthens the wait when a packet comes that was given up.
func (b *JitterBuffer) learn(sequence uint16, at time.Time) {
	if m := &b.lostAt[sequence%jitterSlots]; m.set && m.sequence == sequence {
		m.set = false
		b.grow(at.Sub(m.since))
	}
}

func (b *JitterBuffer) grow(late time.Duration) {
	if want := late + late/4; want > b.wait {
		b.wait = min(want, b.max)
	}
}

// measure updates the interarrival jitter (RFC 3550, appendix A.8).
func (b *JitterBuffer) measure(stamp uint32, at time.Time) {
	if !b.lastAt.IsZero() {
		sent := time.Duration(int32(stamp-b.lastStamp)) * time.Second / OpusRate
		d := at.Sub(b.lastAt) - sent
		// A pause in speech is no jitter: the sender's clock went on without packets, or it did not.
		if d = d.Abs(); d < time.Second {
			b.stats.Jitter += (d - b.stats.Jitter) / 16
		}
	}
	b.lastStamp, b.lastAt = stamp, at
}

// restart drops what is held and goes on at sequence.
func (b *JitterBuffer) restart(sequence uint16) {
	for i := range b.slots {
		b.slots[i].full = false
		b.lostAt[i].set = false
	}
	b.held, b.behind, b.next = 0, 0, sequence
}
