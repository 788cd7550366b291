package discord

import (
	"context"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/discord/voice"
	"github.com/mynahbot/mynah/internal/record"
)

// A server's conversation is put on its voice connection like this:
//
//	connections := voice.NewConnections(voice.Config{Listen: func(guild snowflake.ID) voice.Listener { … Ear of the guild's session … }})
//	conn := client.VoiceManager().CreateConn(guild).(*voice.Conn)
//	session, err := conversation.New(conversation.Config{Mouth: discord.Mouth(conn.Player()), …})
//	go session.Run(ctx)
//	err = conn.Open(ctx, channel, false, false) // Listen is asked now

// Ear passes what a connection hears on to a conversation.
func Ear(s *conversation.Session) voice.Listener { return ear{s} }

type ear struct{ session *conversation.Session }

func (e ear) Wants(user snowflake.ID) bool { return e.session.Wants(record.UserID(user)) }

func (e ear) Hear(h voice.Heard) {
	e.session.Hear(conversation.Piece{
		User: record.UserID(h.User), At: h.At, Offset: h.Offset, Samples: h.Samples, Concealed: h.Concealed, Silence: h.Silence,
	})
}

// Mouth lets a conversation speak through a connection's player.
func Mouth(p *voice.Player) conversation.Mouth { return mouth{p} }

type mouth struct{ player *voice.Player }

// maxTitle is how much of an answer stands in the player's queue, in letters.
const maxTitle = 80

func (m mouth) Say(ctx context.Context, title string, s conversation.Sound) (conversation.Saying, error) {
	if letters := []rune(title); len(letters) > maxTitle {
		title = string(letters[:maxTitle-1]) + "…"
	}
	ctx, cancel := context.WithCancel(ctx)
	item, err := m.player.Play(ctx, title, s)
	if err != nil {
		cancel()
		return nil, err
	}
	return saying{item, cancel}, nil
}

func (m mouth) Volume() float64     { return m.player.Volume() }
func (m mouth) SetVolume(v float64) { m.player.SetVolume(v) }

type saying struct {
	item *voice.Item
	stop context.CancelFunc
}

func (s saying) Done() <-chan struct{} { return s.item.Done() }
func (s saying) Played() time.Duration { return s.item.Played() }
func (s saying) Stop()                 { s.stop() }
