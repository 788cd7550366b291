package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
	"github.com/mynahbot/mynah/internal/teach"
)

// How fast somebody may be spoken to, as a factor of the voice's own speed.
const (
	minSpeed = 0.5
	maxSpeed = 2
)

// Talking is what holding a conversation takes. Without Recognizer or NewVAD nobody is heard, without Synthesizer nothing is said aloud.
type Talking struct {
	// Recognizer returns the recognizer of a name that servers choose from, "" for the configured one; nil where there is
	// none such.
	Recognizer  func(name string) conversation.Recognizer
	NewVAD      func() (spoken.VAD, error)
	Synthesizer conversation.Synthesizer
	// Forget drops the sounds that the synthesizer remembers; nil: it remembers none.
	Forget func()
	Store  VoiceStore
	Meter  conversation.Meter  // nil: nothing is measured
	Timing conversation.Timing // zero fields take their defaults
	Name   string              // that Mynah is called by; "" = conversation.DefaultName
	// Voices lists what a person can choose to be spoken to by. A service's own voice is named behind its name and a colon.
	Voices func() []string
}

// talks are the conversations that go on, at most one a server.
type talks struct {
	mu  sync.Mutex
	all map[record.ServerID]*talk
}

// talk is the conversation in one server's voice channel: what it needs of the bot.
type talk struct {
	bot     *Bot
	server  record.ServerID
	choices *conversation.Choices
	session *conversation.Session
	mouth   conversation.Mouth
	leave   func(context.Context)

	mu     sync.Mutex
	people map[record.UserID]Person
}

// of returns a server's conversation, nil for none.
func (t *talks) of(server record.ServerID) *talk {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.all[server]
}

// listens reports whether people are heard in a server's voice channel.
func (t *talks) listens(server record.ServerID) bool {
	talk := t.of(server)
	return talk != nil && !talk.choices.Deaf()
}

// ongoing are all conversations.
func (t *talks) ongoing() []*talk {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.all))
}

// choose makes a person's choice hold in every conversation.
func (t *talks) choose(k record.Consent) {
	for _, talk := range t.ongoing() {
		talk.choices.Choose(k)
		if !talk.choices.Heard(k.User) {
			talk.session.Forget(k.User)
		}
	}
}

// forget drops what is kept about a person in memory, and returns when that is done.
func (t *talks) forget(user record.UserID) {
	for _, talk := range t.ongoing() {
		talk.choices.Forget(user)
		talk.session.Forget(user)
	}
}

// forgetSounds drops what is remembered of what was said aloud, whoever it was about.
func (b *Bot) forgetSounds() {
	if t := b.cfg.Talking; t != nil && t.Forget != nil {
		t.Forget()
	}
}

// speaks reports whether anything can be said aloud.
func (b *Bot) speaks() bool { return b.cfg.Talking != nil && b.cfg.Talking.Synthesizer != nil }

// hears reports whether people can be heard in voice channels at all.
func (b *Bot) hears() bool {
	t := b.cfg.Talking
	return t != nil && t.NewVAD != nil && t.Recognizer != nil
}

// deaf reports whether nobody is heard in a server's voice channel, since that was switched off, or since what it takes isn't there.
func (b *Bot) deaf(settings record.Settings) bool {
	if settings.Recognizer == off || !b.hears() {
		return true
	}
	recognizer := b.cfg.Talking.Recognizer(settings.Recognizer)
	_, err := b.cfg.Talking.NewVAD()
	if err != nil || recognizer == nil || len(recognizer.Languages()) == 0 {
		b.log.Warn("nobody is heard in a voice channel: what it takes is not installed or configured", "server", settings.Server,
			"recognizer", settings.Recognizer, "err", err)
		return true
	}
	return false
}

// Converse prepares the conversation in the voice channel of a call. The caller runs the session for as long as the call lasts, and
// tells the end by EndConversation. leave leaves the channel and must not wait for the session.
func (b *Bot) Converse(ctx context.Context, server record.ServerID, mouth conversation.Mouth, leave func(context.Context)) (*conversation.Session, error) {
	settings, err := b.settings(ctx, server)
	if err != nil {
		return nil, err
	}
	kept, err := b.cfg.Talking.Store.Consents(ctx, server)
	if err != nil {
		return nil, err
	}
	t := &talk{bot: b, server: server, mouth: mouth, leave: leave, people: map[record.UserID]Person{}}
	t.choices = conversation.NewChoices(server, !settings.VoiceOptIn, kept)
	t.choices.SetDeaf(b.deaf(settings))
	timing := b.cfg.Talking.Timing
	timing.Short, timing.Long = b.endpoints(settings)
	t.session, err = conversation.New(conversation.Config{
		Mouth: mouth, Mind: t, Consent: t.choices, Recognizer: t, NewVAD: t.newVAD,
		Synthesizer: t, Knowledge: t, Teacher: t, Rights: t, Room: t, Chat: t, Meter: b.cfg.Talking.Meter, Transcripts: t,
		Name: b.cfg.Talking.Name, Names: settings.Names, Language: b.language(settings), Languages: b.cfg.Languages, Timing: timing, Log: b.log,
	})
	if err != nil {
		return nil, err
	}
	b.talks.mu.Lock()
	defer b.talks.mu.Unlock()
	if b.talks.all == nil {
		b.talks.all = map[record.ServerID]*talk{}
	}
	b.talks.all[server] = t
	return t.session, nil
}

// newVAD is asked for each who is heard.
func (t *talk) newVAD() (spoken.VAD, error) {
	if !t.bot.hears() {
		return nil, &spoken.HearingError{Fault: spoken.HearingNoRecognizer}
	}
	return t.bot.cfg.Talking.NewVAD()
}

// recognizer is the one that the server chose, nil where there is none such.
func (t *talk) recognizer(ctx context.Context) (conversation.Recognizer, error) {
	settings, err := t.bot.settings(ctx, t.server)
	if err != nil {
		return nil, err
	}
	if !t.bot.hears() {
		return nil, &spoken.HearingError{Fault: spoken.HearingNoRecognizer}
	}
	r := t.bot.cfg.Talking.Recognizer(settings.Recognizer)
	if r == nil {
		return nil, &spoken.HearingError{Fault: spoken.HearingNoRecognizer}
	}
	return r, nil
}

// Utterance implements [conversation.Recognizer] with the one that the server chose: a change holds for the next words.
func (t *talk) Utterance(ctx context.Context, samples []float32, language string) (spoken.Transcript, error) {
	r, err := t.recognizer(ctx)
	if err != nil {
		return spoken.Transcript{}, err
	}
	return r.Utterance(ctx, samples, language)
}

// Languages implements [conversation.Recognizer].
func (t *talk) Languages() []string {
	r, err := t.recognizer(t.bot.ctx)
	if err != nil {
		return nil
	}
	return r.Languages()
}

// Split implements [conversation.Synthesizer]. A server that wants nothing spoken has its answers written only.
func (t *talk) Split(text string) []spoken.Part {
	settings, err := t.bot.settings(t.bot.ctx, t.server)
	if _, aloud := spokenVoice(settings); err != nil || !aloud || !t.bot.speaks() {
		return nil
	}
	return t.bot.cfg.Talking.Synthesizer.Split(text)
}

// Synthesize implements [conversation.Synthesizer] with the voice that the server chose, where the person has chosen none.
func (t *talk) Synthesize(ctx context.Context, s spoken.Speech, emit func(samples []float32) error) error {
	settings, err := t.bot.settings(ctx, t.server)
	if err != nil {
		return err
	}
	voice, _ := spokenVoice(settings)
	s.Voice = cmp.Or(s.Voice, voice)
	return t.bot.cfg.Talking.Synthesizer.Synthesize(ctx, s, emit)
}

// present are the people in the channel.
func (t *talk) present() []Person {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Collect(maps.Values(t.people))
}

// EndConversation forgets a conversation that is over.
func (b *Bot) EndConversation(server record.ServerID, s *conversation.Session) {
	b.talks.mu.Lock()
	defer b.talks.mu.Unlock()
	if t := b.talks.all[server]; t != nil && t.session == s {
		delete(b.talks.all, server)
	}
}

// CallPeople tells who sits in Mynah's voice channel. It must be told again when that changes. It returns at once.
func (b *Bot) CallPeople(server record.ServerID, people []Person) {
	t := b.talks.of(server)
	if t == nil {
		return
	}
	_ = b.work.add(lane{own: b.ownLane.Add(1)}, func() { t.setPeople(b.ctx, people) })
}

func (t *talk) setPeople(ctx context.Context, people []Person) {
	settings, err := t.bot.settings(ctx, t.server)
	if err != nil {
		t.bot.log.Error("settings can't be read", "server", t.server, "err", err)
		return
	}
	var humans []conversation.Person
	t.mu.Lock()
	t.people = map[record.UserID]Person{}
	for _, p := range people {
		if !p.Bot {
			t.people[p.ID] = p
		}
	}
	t.mu.Unlock()
	var words []conversation.Word
	for _, p := range people {
		if p.Bot {
			continue
		}
		human := conversation.Person{ID: p.ID, Name: p.Name}
		if chosen, ok, err := t.bot.cfg.Talking.Store.VoicePreference(ctx, p.ID); err != nil {
			t.bot.log.Error("a voice preference can't be read", "err", err)
		} else if ok {
			human.Voice, human.Speed = chosen.Voice, chosen.Speed
		}
		humans = append(humans, human)
	}
	for _, w := range settings.Vocabulary {
		word, said, _ := strings.Cut(w, "=")
		words = append(words, conversation.Word{Text: strings.TrimSpace(word), Said: strings.TrimSpace(said)})
	}
	t.session.SetPeople(humans, words)
}

// Answer implements [conversation.Mind].
func (t *talk) Answer(ctx context.Context, q conversation.Question, update func(soFar string)) (conversation.Answer, error) {
	settings, err := t.bot.settings(ctx, t.server)
	if err != nil {
		return conversation.Answer{}, err
	}
	language := t.bot.language(settings, q.Language)
	d, err := t.bot.answers.Decide(ctx, answer.Asked{Server: t.server, Language: language, Text: q.Text, Before: t.before(ctx, q.User)})
	if err != nil {
		return conversation.Answer{}, err
	}
	if d.Kind == answer.Suggested { // a list that can't be pressed is no answer
		d.Kind = answer.Unknown
	}
	known := conversation.Answer{Text: t.bot.in(language, settings).words(d), Source: d.Source, Taught: d.Taught}
	if d.Source != record.SourceUnknown {
		return known, nil
	}
	begun := false
	said, ok := t.bot.answers.Chat(ctx, settings, q.Text, func(soFar string) {
		begun = true
		update(soFar)
	})
	switch {
	case ok:
		return conversation.Answer{Text: said, Source: record.SourceChat}, nil
	case begun:
		return conversation.Answer{}, errors.New("the chat server broke off")
	}
	return known, nil
}

// before is what a person asked last in the channel that the call belongs to.
func (t *talk) before(ctx context.Context, user record.UserID) answer.Before {
	return t.bot.followed(t.bot.memory.asked(t.server, t.textChannel(ctx), user))
}

// Certainty implements [conversation.Knowledge]. It asks no server.
func (t *talk) Certainty(ctx context.Context, q conversation.Question) (conversation.Certainty, error) {
	settings, err := t.bot.settings(ctx, t.server)
	if err != nil {
		return conversation.Unsure, err
	}
	k, err := t.bot.answers.Knowledge(ctx, t.server)
	if err != nil || k.Tuned() != "" { // a service would have to be asked
		return conversation.Unsure, err
	}
	d, err := t.bot.answers.Decide(ctx, answer.Asked{
		Server: t.server, Language: t.bot.language(settings, q.Language), Text: q.Text, Before: t.before(ctx, q.User),
	})
	if err != nil {
		return conversation.Unsure, err
	}
	chats, _ := t.bot.answers.Chats(settings)
	return certainty(d, chats), nil
}

// certainty is how sure a decision is; chats tells whether a chat server answers what nothing else does.
func certainty(d answer.Decision, chats bool) conversation.Certainty {
	switch {
	case d.Source == record.SourceUnknown && chats:
		return conversation.Chatting
	case d.Source == record.SourceUnknown:
		return conversation.Unknown
	case d.Text == "": // only a label
		return conversation.Unsure
	}
	return conversation.Sure
}

// Answered implements [conversation.Mind].
func (t *talk) Answered(ctx context.Context, e conversation.Exchange) {
	t.bot.memory.add(record.Exchange{
		Server: t.server, Channel: t.textChannel(ctx), Asker: e.Question.User, Question: e.Question.Text, Answer: e.Answer.Text,
		AnsweredIn: e.Message, Source: e.Answer.Source, Taught: e.Answer.Taught, At: t.bot.cfg.Now(),
	})
}

// textChannel is where what is said is written too; 0 for nowhere.
func (t *talk) textChannel(ctx context.Context) record.ChannelID {
	settings, err := t.bot.settings(ctx, t.server)
	if err != nil {
		return 0
	}
	return settings.Call.Text
}

// Post implements [conversation.Chat].
func (t *talk) Post(ctx context.Context, text string) (record.MessageID, error) {
	channel, link := t.textChannel(ctx), t.bot.link.Load()
	if channel == 0 || link == nil {
		return 0, nil
	}
	return link.messenger.Post(ctx, channel, Reply{Text: text})
}

// Leave implements [conversation.Room].
func (t *talk) Leave(ctx context.Context, _ record.UserID) error {
	t.bot.keepCall(ctx, t.server, record.CallPlace{})
	t.leave(ctx)
	return nil
}

// May implements [conversation.Rights]: what teaches and trains needs the same right as the typed commands do.
func (t *talk) May(ctx context.Context, user record.UserID, command string) bool {
	if command != conversation.CommandTrain && command != conversation.CommandRemember {
		return true
	}
	settings, err := t.bot.settings(ctx, t.server)
	if err != nil {
		return false
	}
	link, err := t.bot.connection(ctx)
	if err != nil {
		return false
	}
	// Who sits in the channel was learned when they came: their roles may have changed since.
	p, is, err := link.members.Member(ctx, t.server, user)
	if err != nil {
		t.bot.log.Warn("somebody's rights are not known", "server", t.server, "user", user, "err", err)
	}
	return is && teach.May(settings, p.Manager, p.Roles)
}

// Correct implements [conversation.Teacher].
func (t *talk) Correct(ctx context.Context, user record.UserID, last conversation.Exchange, right string) error {
	e := record.Exchange{Server: t.server, Question: last.Question.Text, Answer: last.Answer.Text, Taught: last.Answer.Taught}
	return t.bot.teacher.Correct(ctx, e, kindOf(e), user, right)
}

// Remember implements [conversation.Teacher].
func (t *talk) Remember(ctx context.Context, user record.UserID, phrase, meaning string) error {
	e := record.Example{Text: phrase, Reply: meaning}
	if err := e.Validate(); err != nil {
		return err
	}
	_, _, err := t.bot.teacher.Add(ctx, record.Example{
		Server: t.server, Text: phrase, Reply: meaning,
		Origin: record.Origin{Kind: record.OriginVoice, Author: user, At: t.bot.cfg.Now()},
	})
	return err
}

// Train implements [conversation.Teacher].
func (t *talk) Train(ctx context.Context, user record.UserID) error {
	settings, err := t.bot.settings(ctx, t.server)
	if err != nil {
		return err
	}
	link := t.bot.link.Load()
	if link == nil || settings.Call.Text == 0 {
		return errors.New("bot: a training has nowhere to tell of its progress")
	}
	job := record.Job{Server: t.server, Channel: settings.Call.Text, By: user}
	words := t.bot.in(t.bot.language(settings), settings)
	return t.bot.startTraining(ctx, job, teach.Request{Language: words.Language, Dataset: settings.Dataset}, words, func(ctx context.Context, r Reply) (record.MessageID, error) {
		return link.messenger.Post(ctx, settings.Call.Text, r)
	})
}

// Training implements [conversation.Teacher].
func (t *talk) Training(ctx context.Context, language string) (string, error) {
	jobs, err := t.bot.cfg.Jobs.Jobs(ctx, t.server, 1)
	if err != nil {
		return "", err
	}
	if len(jobs) == 0 {
		return t.bot.texts.get(language, "call.no_training"), nil
	}
	return t.bot.texts.get(language, "call.training", "job", jobs[0].ID, "state", t.bot.texts.get(language, "job.state_"+string(jobs[0].State))), nil
}

// privacyListen is a person's choice to be heard in voice channels, or not.
func (b *Bot) privacyListen() *Command {
	return &Command{
		Name: "privacy listen", Private: true,
		Options: []Option{{Name: "heard", Kind: Boolean, Required: true}},
		Run: func(ctx context.Context, c *Call) error {
			if !b.hears() {
				return c.fail("call.deaf")
			}
			heard, _ := c.Bool("heard")
			k := record.Consent{User: c.Author.ID, Heard: heard, At: b.cfg.Now()}
			if !heard {
				b.talks.choose(k) // at once; keeping it may take a moment
			}
			if err := b.cfg.Talking.Store.SaveConsent(ctx, k); err != nil {
				return err
			}
			b.talks.choose(k)
			if heard {
				return c.Say(ctx, c.T("call.heard"))
			}
			return c.Say(ctx, c.T("call.not_heard"))
		},
	}
}

// voiceSet is how a person wants to be spoken to.
func (b *Bot) voiceSet() *Command {
	return &Command{
		Name: "voice set", Private: true,
		Options: []Option{{Name: "voice", Complete: completeVoices}, {Name: "speed"}},
		Run: func(ctx context.Context, c *Call) error {
			if !b.speaks() || b.cfg.Talking.Voices == nil {
				return c.fail("call.cannot_say")
			}
			chosen, _, err := b.cfg.Talking.Store.VoicePreference(ctx, c.Author.ID)
			if err != nil {
				return err
			}
			chosen.User = c.Author.ID
			if name := c.Arg("voice"); name != "" {
				switch voices := b.cfg.Talking.Voices(); {
				case name == byDefault:
					name = ""
				case !slices.ContainsFunc(voices, func(v string) bool { return name == v || strings.HasPrefix(name, v+":") }):
					return c.noSuchValue(name, append(voices, byDefault))
				}
				chosen.Voice = name
			}
			if text := c.Arg("speed"); text != "" {
				var speed float64
				if _, err := fmt.Sscanf(strings.ReplaceAll(text, ",", "."), "%g", &speed); err != nil || math.IsNaN(speed) || speed < minSpeed || speed > maxSpeed {
					return c.fail("call.bad_speed", "min", minSpeed, "max", maxSpeed)
				}
				chosen.Speed = speed
			}
			if err := b.cfg.Talking.Store.SaveVoicePreference(ctx, chosen); err != nil {
				return err
			}
			if t := b.talks.of(c.Server); t != nil {
				t.setPeople(ctx, t.present())
			}
			voice := chosen.Voice
			if voice == "" {
				voice = byDefault
			}
			speed := chosen.Speed
			if speed == 0 {
				speed = 1
			}
			return c.Say(ctx, c.T("call.voice_set", "voice", plain(voice), "speed", speed))
		},
	}
}

// completeVoices offers the voices of this machine.
func completeVoices(_ context.Context, c *Call, typed string) ([]Choice, error) {
	if c.bot.cfg.Talking == nil || c.bot.cfg.Talking.Voices == nil {
		return nil, nil
	}
	choices := []Choice{{byDefault, byDefault}}
	for _, name := range c.bot.cfg.Talking.Voices() {
		choices = append(choices, Choice{name, name})
	}
	return matching(choices, typed), nil
}
