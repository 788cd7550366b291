package bot

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/record"
)

const (
	// joinTime is how long entering a voice channel may take.
	joinTime = 20 * time.Second
	// maxSpokenRunes is the longest text of `say`.
	maxSpokenRunes = 1000
	maxVolume      = 200
)

// voiceCommands are those about voice channels.
func (b *Bot) voiceCommands() []*Command {
	return []*Command{
		{
			Name: "join", ServerOnly: true, Slow: true,
			Options: []Option{{Name: "channel", Kind: Channel, Voice: true}},
			Run:     func(ctx context.Context, c *Call) error { return c.join(ctx) },
		},
		{Name: "leave", ServerOnly: true, Slow: true, Run: func(ctx context.Context, c *Call) error {
			call, _, err := c.controlledCall()
			if err != nil {
				return err
			}
			call.Leave(ctx)
			c.bot.keepCall(ctx, c.Server, record.CallPlace{})
			return c.Say(ctx, c.T("call.left"))
		}},
		{
			Name: "say", ServerOnly: true,
			Options: []Option{{Name: "text", Required: true, Rest: true, Verbatim: true}},
			Run: func(ctx context.Context, c *Call) error {
				call, t, err := c.controlledCall()
				if err != nil {
					return err
				}
				text := c.Arg("text")
				if len([]rune(text)) > maxSpokenRunes {
					return c.fail("call.too_long", "max", maxSpokenRunes)
				}
				if _, aloud := spokenVoice(c.settings); !aloud {
					return c.fail("call.silent")
				}
				if !c.bot.speaks() || !t.session.Say(conversation.Notice{User: c.Author.ID, Text: text, Whole: true}) {
					return c.fail("call.cannot_say")
				}
				return c.Say(ctx, c.withHushed(c.T("call.saying"), call))
			},
		},
		{Name: "skip", ServerOnly: true, Run: func(ctx context.Context, c *Call) error {
			_, t, err := c.controlledCall()
			if err != nil {
				return err
			}
			if !t.session.Skip() {
				return c.Say(ctx, c.T("call.nothing_plays"))
			}
			return c.Say(ctx, c.T("call.skipped"))
		}},
		{Name: "stop", ServerOnly: true, Run: func(ctx context.Context, c *Call) error {
			_, t, err := c.controlledCall()
			if err != nil {
				return err
			}
			return c.Say(ctx, c.T("call.stopped", "count", t.session.Stop()))
		}},
		{
			Name: "volume", ServerOnly: true,
			Options: []Option{{Name: "percent", Kind: Integer}},
			Run: func(ctx context.Context, c *Call) error {
				_, t, err := c.controlledCall()
				if err != nil {
					return err
				}
				if c.Arg("percent") != "" {
					percent := c.Int("percent")
					if percent < 0 || percent > maxVolume {
						return c.fail("call.bad_volume", "max", maxVolume)
					}
					t.mouth.SetVolume(float64(percent) / 100)
				}
				return c.Say(ctx, c.T("call.volume", "percent", math.Round(100*t.mouth.Volume())))
			},
		},
		{Name: "queue", ServerOnly: true, Run: func(ctx context.Context, c *Call) error {
			t := c.bot.talks.of(c.Server)
			if t == nil {
				return c.fail("call.none")
			}
			queue := t.session.Queue()
			if len(queue) == 0 {
				return c.Say(ctx, c.T("call.nothing_plays"))
			}
			var lines strings.Builder
			for i, title := range queue {
				fmt.Fprintf(&lines, "%d. %s\n", i+1, plain(shorten(title, 100)))
			}
			return c.Say(ctx, lines.String())
		}},
		b.voiceSet(),
		b.voiceInstall(),
		{Name: "voice health", ServerOnly: true, Default: true, Run: func(ctx context.Context, c *Call) error {
			call, ok := c.bot.Ongoing(c.Server)
			if !ok {
				return c.fail("call.none")
			}
			return c.Say(ctx, c.callHealth(call))
		}},
	}
}

// join enters the author's voice channel, or the one that was named.
func (c *Call) join(ctx context.Context) error {
	calls := c.bot.calls()
	if calls == nil {
		return c.fail("call.unavailable")
	}
	channel := c.Author.Voice
	if named := c.Int("channel"); named != 0 {
		channel = record.ChannelID(named)
	}
	if channel == 0 {
		return c.fail("call.where")
	}
	if call, ok := calls.Ongoing(c.Server); ok {
		if call.Channel() == channel {
			return c.Say(ctx, c.T("call.there_already", "channel", channel))
		}
		if t := c.bot.talks.of(c.Server); t != nil && len(t.present()) > 0 { // who is there is not left for somebody elsewhere
			if _, _, err := c.controlledCall(); err != nil {
				return err
			}
		}
	}
	asker := c.Author.ID
	if channel == c.Author.Voice {
		asker = 0 // is there already
	}
	joining, done := context.WithTimeout(ctx, joinTime)
	defer done()
	call, err := calls.Join(joining, c.Server, channel, asker)
	if call == nil {
		if e, ok := errors.AsType[*CallError](err); ok {
			return c.failed(err, string(e.Fault))
		}
		return c.failed(err, string(CallNoAnswer))
	}
	if c.settings.RequireE2EE && call.Health().Encryption == 0 {
		call.Leave(ctx)
		return c.fail(string(CallInClear))
	}
	c.bot.keepCall(ctx, c.Server, record.CallPlace{Channel: channel, Text: c.Channel})
	key := "call.joined"
	if call.Health().Encryption == 0 {
		key = "call.joined_clear"
	}
	text := c.T(key, "channel", channel)
	if e, ok := errors.AsType[*CallError](err); ok {
		text += "\n" + c.T(string(e.Fault))
	} else {
		text = c.withHushed(text, call)
	}
	if c.bot.talks.listens(c.Server) {
		notice := c.bot.listeningNotice(c.settings, c.Language)
		notice.Text = text + "\n" + notice.Text
		_, err := c.Send(ctx, notice)
		return err
	}
	return c.Say(ctx, text)
}

// withHushed adds to a text what moderators keep Mynah from.
func (c *Call) withHushed(text string, call OngoingCall) string {
	for _, fault := range call.Health().Hushed.faults() {
		text += "\n" + c.T(string(fault))
	}
	return text
}

// controlledCall returns the server's call, and the conversation in it, where the author may control it: those who sit in the channel,
// and those who may train.
func (c *Call) controlledCall() (OngoingCall, *talk, error) {
	call, ok := c.bot.Ongoing(c.Server)
	t := c.bot.talks.of(c.Server)
	if !ok || t == nil {
		return nil, nil, c.fail("call.none")
	}
	if call.Channel() != c.Author.Voice && !c.trusted() {
		return nil, nil, c.fail("call.not_here", "channel", call.Channel())
	}
	return call, t, nil
}

// ms is a duration as people read it.
func ms(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }

// callHealth tells how a call does.
func (c *Call) callHealth(call OngoingCall) string {
	h := call.Health()
	var out strings.Builder
	state := "call.health_ready"
	if !h.Ready {
		state = "call.health_connecting"
	}
	out.WriteString(c.T(state, "channel", call.Channel(), "latency", h.Latency.Round(100*time.Microsecond), "resumes", h.Resumes))
	for _, fault := range h.Hushed.faults() {
		out.WriteString("\n" + c.T(string(fault)))
	}
	out.WriteByte('\n')
	if h.Encryption > 0 {
		out.WriteString(c.T("call.health_encrypted", "version", h.Encryption, "epoch", h.Epoch, "code", h.PrivacyCode))
	} else {
		out.WriteString(c.T("call.health_clear"))
	}
	out.WriteByte('\n')
	out.WriteString(c.T("call.health_sent", "packets", h.Sent, "on_time", percent(h.OnTime)))
	if talk := c.bot.talks.of(c.Server); talk != nil && !talk.choices.Deaf() {
		l, turns := talk.session.Figures()
		unheard, listened, recognized := talk.session.Privacy()
		out.WriteByte('\n')
		out.WriteString(c.T("call.health_talk", "turns", turns, "endpoint", ms(l.Endpoint), "recognition", ms(l.Recognition), "model", ms(l.Model),
			"first_audio", ms(l.FirstAudio), "total", ms(l.Total), "unheard", unheard, "listened", listened, "recognized", recognized))
		if p := talk.session.Premature(); p.Turns > 0 {
			out.WriteByte(' ')
			out.WriteString(c.T("call.health_premature", "turns", p.Turns, "over", p.TalkedOver, "heard", ms(p.Heard)))
		}
	}
	for _, s := range h.Speakers {
		out.WriteByte('\n')
		out.WriteString(c.T("call.health_speaker", "user", fmt.Sprintf("<@%d>", s.User), "packets", s.Packets, "lost", s.Lost,
			"late", s.Late, "jitter", s.Jitter.Round(100*time.Microsecond), "failures", s.DecryptFailures, "dropped", s.Dropped))
	}
	return out.String()
}
