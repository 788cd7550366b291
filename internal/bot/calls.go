package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/record"
)

// Calls brings Mynah into voice channels.
type Calls interface {
	// Join enters a voice channel of a server, or moves there. asker, unless 0, must be able to enter it too. The error is a
	// *[CallError] where Discord or the channel does not let Mynah or the asker in; on a stage where Mynah is in, but not let speak,
	// there are both a call and a *[CallError].
	Join(ctx context.Context, server record.ServerID, channel record.ChannelID, asker record.UserID) (OngoingCall, error)
	// Ongoing returns the call that Mynah is in on a server; ok is false where it is in none.
	Ongoing(server record.ServerID) (call OngoingCall, ok bool)
}

// OngoingCall is Mynah in one voice channel. After its end its methods do nothing.
type OngoingCall interface {
	// Channel is where Mynah is now; it follows when Mynah is moved.
	Channel() record.ChannelID
	// Leave leaves, and waits until that is done.
	Leave(ctx context.Context)
	// Health tells how the connection does.
	Health() CallHealth
}

// CallHealth is how a voice connection does.
type CallHealth struct {
	Ready       bool
	Latency     time.Duration // to the voice server and back
	Resumes     uint64
	Encryption  int // version of DAVE, 0 = none
	Epoch       uint64
	PrivacyCode string // the same for everybody in the channel
	Hushed      Hushed
	Sent        uint64 // packets
	OnTime      float64
	Speakers    []SpeakerHealth
}

// Hushed is what a server's moderators let Mynah do in its voice channel.
type Hushed struct {
	Muted, Deafened bool // on the server
	Suppressed      bool // in the audience of a stage, or without the permission to speak
}

// faults are the sentences that say so, with who can change it.
func (h Hushed) faults() []CallFault {
	var list []CallFault
	if h.Muted {
		list = append(list, CallServerMuted)
	}
	if h.Suppressed && !h.Muted {
		list = append(list, CallSuppressed)
	}
	if h.Deafened {
		list = append(list, CallServerDeafened)
	}
	return list
}

// SpeakerHealth is how one person is heard.
type SpeakerHealth struct {
	User                     record.UserID
	Packets, Lost, Late      uint64
	DecryptFailures, Dropped uint64 // Dropped: not wanted to be heard
	Jitter                   time.Duration
}

// CallFault is why Mynah can't be, or is no longer, in a voice channel. Its value is the key of the sentence for people.
type CallFault string

// The faults.
const (
	CallNoVoice        CallFault = "call.no_voice" // the channel is none for voice
	CallNoConnect      CallFault = "call.no_connect"
	CallNoSpeak        CallFault = "call.no_speak"
	CallNotYours       CallFault = "call.not_yours" // the one who asks may not enter there
	CallFull           CallFault = "call.full"
	CallAFK            CallFault = "call.afk" // the channel of those who are away, where nobody may speak
	CallNoAnswer       CallFault = "call.no_answer"
	CallToken          CallFault = "call.token"
	CallMode           CallFault = "call.mode"
	CallDAVE           CallFault = "call.dave"
	CallRateLimited    CallFault = "call.rate_limited"
	CallUnreachable    CallFault = "call.unreachable"
	CallRemoved        CallFault = "call.removed"
	CallAlone          CallFault = "call.alone"
	CallAudience       CallFault = "call.audience"        // a stage where Mynah has asked to speak and has to be invited
	CallMuted          CallFault = "call.muted"           // a stage where Mynah may not even ask
	CallServerMuted    CallFault = "call.server_muted"    // by a moderator
	CallServerDeafened CallFault = "call.server_deafened" // by a moderator
	CallSuppressed     CallFault = "call.suppressed"      // without the right to speak
	CallMovedAFK       CallFault = "call.moved_afk"       // to where nobody may speak
	CallInClear        CallFault = "call.in_clear"        // without end-to-end encryption, which the server demands
	CallShuttingDown   CallFault = "closed"               // Mynah itself stops
)

// CallError is a CallFault as an error.
type CallError struct {
	Fault CallFault
	Err   error // may be nil
}

func (e *CallError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Fault, e.Err)
	}
	return string(e.Fault)
}

func (e *CallError) Unwrap() error { return e.Err }

// calls returns the way into voice channels, nil without one.
func (b *Bot) calls() Calls {
	if l := b.link.Load(); l != nil && b.cfg.Talking != nil {
		return l.calls
	}
	return nil
}

// Ongoing returns the call that Mynah is in on a server.
func (b *Bot) Ongoing(server record.ServerID) (OngoingCall, bool) {
	calls := b.calls()
	if calls == nil || server == 0 {
		return nil, false
	}
	return calls.Ongoing(server)
}

// spokenVoice is the voice that a server chose, "" for the usual one of each language; aloud is false where nothing is to be spoken.
func spokenVoice(s record.Settings) (voice string, aloud bool) {
	switch s.Voice {
	case off:
		return "", false
	case voiceAuto:
		return "", true
	}
	return s.Voice, true
}

// speak says an answer in the voice channel that its asker sits in, beside the text. It reports whether it did.
func (c *Call) speak(text string) bool {
	if _, aloud := spokenVoice(c.settings); c.Author.Voice == 0 || !aloud || !c.bot.speaks() {
		return false
	}
	call, ok := c.bot.Ongoing(c.Server)
	t := c.bot.talks.of(c.Server)
	return ok && t != nil && call.Channel() == c.Author.Voice && t.session.Say(conversation.Notice{User: c.Author.ID, Text: text})
}

// CallEnded is told when Mynah has left a voice channel though nobody asked it to with a command. It returns at once.
func (b *Bot) CallEnded(server record.ServerID, fault CallFault) {
	if fault == CallShuttingDown {
		return // the place is kept, so that Mynah comes back to it
	}
	err := b.work.add(lane{own: b.ownLane.Add(1)}, func() {
		settings, err := b.settings(b.ctx, server)
		if err != nil {
			b.log.Error("settings can't be read", "server", server, "err", err)
			return
		}
		place := settings.Call
		b.keepCall(b.ctx, server, record.CallPlace{})
		link := b.link.Load()
		if place.Text == 0 || link == nil {
			return
		}
		text := b.texts.get(b.language(settings), string(fault))
		if _, err := link.messenger.Post(b.ctx, place.Text, Reply{Text: text}); err != nil {
			b.log.Warn("the end of a call could not be told", "server", server, "err", err)
		}
	})
	if err != nil {
		b.log.Warn("the end of a call could not be told", "server", server, "err", err)
	}
}

// CallMoved is told when somebody has moved Mynah to another voice channel. It returns at once.
func (b *Bot) CallMoved(server record.ServerID, channel record.ChannelID) {
	_ = b.work.add(lane{own: b.ownLane.Add(1)}, func() {
		settings, err := b.settings(b.ctx, server)
		if err != nil {
			b.log.Error("settings can't be read", "server", server, "err", err)
			return
		}
		place := settings.Call
		place.Channel = channel
		b.keepCall(b.ctx, server, place)
		b.tellListening(b.ctx, settings, channel)
	})
}

// CallHushed is told when what moderators let Mynah do in its call has changed. It returns at once.
func (b *Bot) CallHushed(server record.ServerID, old, now Hushed) {
	had := old.faults()
	for _, fault := range now.faults() {
		if !slices.Contains(had, fault) {
			b.tellInCall(server, string(fault))
		}
	}
}

// CallCleared is told when a call has lost its end-to-end encryption, since somebody came whose client has none. It returns at once.
func (b *Bot) CallCleared(server record.ServerID) {
	_ = b.work.add(lane{own: b.ownLane.Add(1)}, func() {
		settings, err := b.settings(b.ctx, server)
		if err != nil {
			b.log.Error("settings can't be read", "server", server, "err", err)
		}
		call, ok := b.Ongoing(server)
		if !ok {
			return
		}
		if err == nil && !settings.RequireE2EE {
			b.tellInCall(server, "call.now_clear")
			return
		}
		call.Leave(b.ctx) // what can't be read counts as demanded
		b.CallEnded(server, CallInClear)
	})
}

// tellInCall says something in the text channel of a server's call. It returns at once.
func (b *Bot) tellInCall(server record.ServerID, key string) {
	_ = b.work.add(lane{own: b.ownLane.Add(1)}, func() {
		settings, err := b.settings(b.ctx, server)
		link := b.link.Load()
		if err != nil || link == nil || settings.Call.Text == 0 {
			b.log.Warn("people in a call could not be told something", "server", server, "what", key, "err", err)
			return
		}
		if _, err := link.messenger.Post(b.ctx, settings.Call.Text, Reply{Text: b.texts.get(b.language(settings), key)}); err != nil {
			b.log.Warn("people in a call could not be told something", "server", server, "what", key, "err", err)
		}
	})
}

// tellListening tells people in the text channel of a call that Mynah has come, and listens, where nobody has asked it to come.
func (b *Bot) tellListening(ctx context.Context, settings record.Settings, channel record.ChannelID) {
	link := b.link.Load()
	if settings.Call.Text == 0 || link == nil || !b.talks.listens(settings.Server) {
		return
	}
	language := b.language(settings)
	notice := b.listeningNotice(settings, language)
	notice.Text = b.texts.get(language, "call.here", "channel", channel) + "\n" + notice.Text
	if _, err := link.messenger.Post(ctx, settings.Call.Text, notice); err != nil {
		b.log.Warn("that Mynah listens could not be told", "server", settings.Server, "err", err)
	}
}

// listeningNotice tells that Mynah listens and what is kept, with buttons to choose whether one is heard.
func (b *Bot) listeningNotice(settings record.Settings, language string) Reply {
	text := func(key string, pairs ...any) string { return b.texts.get(language, key, pairs...) }
	key := "call.listens"
	if settings.VoiceOptIn {
		key = "call.listens_opt_in"
	}
	return Reply{Text: text(key, "name", b.callName(), "kept", b.keptNotice(settings, language)), Buttons: []Button{
		{Label: text("call.button_hear"), Command: "privacy listen", Option: "heard", Value: "true", Primary: true},
		{Label: text("call.button_dont"), Command: "privacy listen", Option: "heard", Value: "false"},
	}}
}

// keptNotice tells what becomes of what is said to Mynah.
func (b *Bot) keptNotice(settings record.Settings, language string) string {
	if settings.TranscriptChannel == 0 {
		return b.texts.get(language, "call.not_transcribed", "days", retentionDays(settings))
	}
	return b.texts.get(language, "call.transcribed", "channel", settings.TranscriptChannel, "days", retentionDays(settings))
}

// ServerReady is told when a server can be worked with. Mynah returns to the voice channel that it was in when it was
// stopped. It returns at once.
func (b *Bot) ServerReady(server record.ServerID) {
	_ = b.work.add(lane{own: b.ownLane.Add(1)}, func() {
		settings, err := b.settings(b.ctx, server)
		if err != nil {
			b.log.Error("settings can't be read", "server", server, "err", err)
			return
		}
		calls := b.calls()
		if settings.Call.Channel == 0 || calls == nil {
			return
		}
		if _, ok := calls.Ongoing(server); ok {
			return
		}
		call, err := calls.Join(b.ctx, server, settings.Call.Channel, 0)
		switch {
		case call != nil:
			b.tellListening(b.ctx, settings, settings.Call.Channel)
		case b.ctx.Err() == nil:
			b.log.Warn("Mynah could not return to its voice channel", "server", server, "channel", settings.Call.Channel, "err", err)
			fault := CallNoAnswer
			if e, ok := errors.AsType[*CallError](err); ok {
				fault = e.Fault
			}
			b.CallEnded(server, fault)
		}
	})
}

// ServerLeft is told when Mynah was taken off a server.
func (b *Bot) ServerLeft(record.ServerID) { b.forgetSounds() }

// keepCall remembers where Mynah is, for the next start.
func (b *Bot) keepCall(ctx context.Context, server record.ServerID, place record.CallPlace) {
	b.settingsMu.Lock()
	defer b.settingsMu.Unlock()
	settings, err := b.settings(ctx, server)
	if err == nil && settings.Call != place {
		settings.Call = place
		err = b.cfg.Settings.SaveSettings(ctx, settings)
	}
	if err != nil {
		b.log.Error("the voice channel can't be remembered", "server", server, "err", err)
	}
}
