package discord

import (
	"context"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/discord/voice"
	"github.com/mynahbot/mynah/internal/record"
)

// call is Mynah in one voice channel.
type call struct {
	calls  *calls
	guild  snowflake.ID
	conn   *voice.Conn
	joined bool // Open has succeeded once. Guarded by calls.mu.
	// lonely runs while nobody else is there. Guarded by calls.mu.
	lonely *time.Timer
	fault  bot.CallFault // why it ends, where we know better than the connection. Guarded by calls.mu.

	talk *conversation.Session // runs until the connection is over
}

// end leaves with a fault that the connection doesn't know of.
func (k *call) end(why bot.CallFault) {
	k.calls.mu.Lock()
	k.fault = why
	k.calls.mu.Unlock()
	ctx, done := context.WithTimeout(context.Background(), leaveTime)
	defer done()
	k.conn.Close(ctx)
}

// Channel implements [bot.OngoingCall].
func (k *call) Channel() record.ChannelID {
	if id := k.conn.ChannelID(); id != nil {
		return record.ChannelID(*id)
	}
	return 0
}

// Leave implements [bot.OngoingCall].
func (k *call) Leave(ctx context.Context) {
	ctx, done := context.WithTimeout(ctx, leaveTime)
	defer done()
	k.conn.Close(ctx)
}

// Health implements [bot.OngoingCall].
func (k *call) Health() bot.CallHealth {
	h := k.conn.Health()
	out := bot.CallHealth{
		Ready: h.Ready, Latency: h.Latency, Resumes: h.Resumes, Encryption: h.Encryption.Version, Epoch: h.Encryption.Epoch,
		PrivacyCode: h.Encryption.PrivacyCode, Sent: h.Sent, OnTime: 1, Hushed: k.calls.hushed(k.guild),
	}
	if h.Slots > 0 {
		out.OnTime = float64(h.OnTime) / float64(h.Slots)
	}
	for _, s := range h.Speakers {
		out.Speakers = append(out.Speakers, bot.SpeakerHealth{
			User: record.UserID(s.User), Packets: s.Packets, Lost: s.Lost, Late: s.Late,
			DecryptFailures: s.DecryptFailures, Dropped: s.Unwanted, Jitter: s.Jitter,
		})
	}
	return out
}
