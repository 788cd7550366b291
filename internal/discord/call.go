package discord

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/discord/voice"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/spoken"
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

	// talk is the conversation, nil where Mynah does not listen; it runs until the connection is over.
	talk *conversation.Session
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

// Say implements [bot.OngoingCall].
func (k *call) Say(text string, q spoken.Speech) error {
	if k.calls.voices == nil {
		return errors.New("discord: there is no voice to speak with")
	}
	s := spoken.Speech{Text: text, Language: q.Language, Voice: q.Voice}
	_, err := k.conn.Player().Play(context.Background(), text, &utterance{voices: k.calls.voices, speech: s, work: &k.calls.client.wg})
	return err
}

// Playing implements [bot.OngoingCall].
func (k *call) Playing() bot.Playing { return playing{k.conn.Player()} }

type playing struct{ player *voice.Player }

func (p playing) Skip() bool { return p.player.Skip() }
func (p playing) Stop() int  { return p.player.Stop() }
func (p playing) Queue() []string {
	var titles []string
	for _, i := range p.player.Queue() {
		titles = append(titles, i.Title)
	}
	return titles
}
func (p playing) Volume() int           { return int(p.player.Volume()*100 + 0.5) }
func (p playing) SetVolume(percent int) { p.player.SetVolume(float64(percent) / 100) }

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

// utterance is a text as a sound: it is synthesized piece by piece while it is played, so that speech begins with the first one.
type utterance struct {
	voices speech.Synthesizer
	speech spoken.Speech
	work   *sync.WaitGroup // of the client, which waits for the synthesis

	pieces chan []float32
	rest   []float32
	err    error // of the synthesis, once pieces is closed
}

// Read implements [voice.Source].
func (s *utterance) Read(ctx context.Context, dst []float32) (int, error) {
	if s.pieces == nil {
		s.pieces = make(chan []float32, 4)
		s.work.Go(func() { s.synthesize(ctx) })
	}
	for len(s.rest) == 0 {
		select {
		case piece, more := <-s.pieces:
			if !more {
				if s.err != nil {
					return 0, s.err
				}
				return 0, io.EOF
			}
			s.rest = piece
		case <-ctx.Done():
			return 0, context.Cause(ctx)
		}
	}
	n := copy(dst, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// synthesize ends soon after ctx, which is that of the item that is played.
func (s *utterance) synthesize(ctx context.Context) {
	defer close(s.pieces)
	s.err = s.voices.Synthesize(ctx, s.speech, func(pcm audio.PCM) error {
		pcm, err := audio.Resample(pcm, audio.EncodeRate)
		if err != nil {
			return err
		}
		select {
		case s.pieces <- pcm.Samples:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	})
}
