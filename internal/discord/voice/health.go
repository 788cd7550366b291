package voice

import (
	"time"

	"github.com/disgoorg/snowflake/v2"
)

// Health is how a voice connection is doing.
type Health struct {
	Guild   snowflake.ID
	Channel snowflake.ID
	// Ready tells that sound can be sent now.
	Ready   bool
	SSRC    uint32
	Latency time.Duration // of the gateway's last heartbeat
	Resumes uint64        // how often the session was resumed

	// Encryption is the state of end-to-end encryption.
	Encryption Encryption

	Sent         uint64 // packets that left
	SendFailures uint64
	Unencrypted  uint64 // frames that were dropped since there was no key to encrypt them with
	OnTime       uint64 // packets that left within 5 ms of their slot
	Slots        uint64 // packets whose slot was measured
	Unopened     uint64 // packets that failed transport authentication
	Queue        int
	Volume       float64

	Speakers []SpeakerHealth
}

// Encryption tells what people can compare to be sure that nobody listens in.
type Encryption struct {
	Version int // of DAVE; 0 without end-to-end encryption
	Epoch   uint64
	// PrivacyCode is the same for everybody in the channel, in groups of five digits; empty while there is no group.
	PrivacyCode string
	Members     []snowflake.ID
}

// Health returns the counters of the connection as it stands. They begin anew with each session.
func (c *Conn) Health() Health {
	h := Health{Guild: c.guild, Channel: snowflake.ID(c.channel.Load()), Queue: len(c.player.Queue()), Volume: c.player.Volume()}
	h.OnTime, h.Slots = c.player.lateness.within5ms()
	l := c.current.Load()
	if l == nil {
		return h
	}
	h.Ready = l.ready.Load()
	h.Latency = time.Duration(l.latency.Load())
	h.Resumes = l.resumes.Load()
	h.Sent, h.SendFailures, h.Unencrypted = l.sent.Load(), l.sendFailures.Load(), l.unready.Load()
	if h.Ready {
		h.SSRC = l.ssrc
	}
	h.Encryption = l.keys.state()
	h.Speakers, h.Unopened = l.rx.health()
	return h
}
