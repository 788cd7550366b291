package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	botgateway "github.com/disgoorg/disgo/gateway"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/discord"
	"github.com/mynahbot/mynah/internal/discord/voice"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	callGuild   = 700
	callChannel = 701
	mynahUser   = 9
)

// talkingSpeech is the installed speech pack, loaded and warm.
type talkingSpeech struct {
	engine *engine.Engine
	voices *voices.Voices
}

func openTalkingSpeech(t testing.TB) talkingSpeech {
	t.Helper()
	catalogue, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	installed, err := models.Open(catalogue, speechtest.Models(t))
	if err != nil {
		t.Fatal(err)
	}
	cores := speech.NewCores(runtime.GOMAXPROCS(0))
	s := talkingSpeech{engine.Open(engine.Config{Cores: cores}, installed), voices.Open(voices.Config{Cores: cores, Steady: true}, installed)}
	t.Cleanup(func() {
		if err := s.engine.Close(); err != nil {
			t.Error(err)
		}
		if err := s.voices.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.engine.Warm(t.Context(), "en"); err != nil {
		t.Skipf("needs the speech pack: %v", err)
	}
	if err := s.voices.Warm(t.Context(), "en"); err != nil {
		t.Fatal(err)
	}
	return s
}

// voiceRooms stands for the main gateway: it lets people into the voice channels of one local voice server.
type voiceRooms struct {
	t      testing.TB
	server *localvoice.Server
	mu     sync.Mutex
	conns  map[snowflake.ID]*voice.Conn
	places map[snowflake.ID]localdiscord.VoiceSession
}

func newVoiceRooms(t testing.TB) *voiceRooms {
	t.Helper()
	server, err := localvoice.Start(context.Background(), localvoice.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return &voiceRooms{t: t, server: server, conns: map[snowflake.ID]*voice.Conn{}, places: map[snowflake.ID]localdiscord.VoiceSession{}}
}

// connect makes a user's connection; it is not in a channel yet.
func (g *voiceRooms) connect(guild, user snowflake.ID, listen func() voice.Listener) *voice.Conn {
	config := voice.Config{Listen: func(snowflake.ID) voice.Listener { return listen() }}
	conn := voice.NewConnections(config).Create(guild, user, func(_ context.Context, guild snowflake.ID, channel *snowflake.ID, _, _ bool) error {
		g.wish(guild, user, channel)
		return nil
	}, func() {}).(*voice.Conn)
	g.mu.Lock()
	g.conns[user] = conn
	g.mu.Unlock()
	g.t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		conn.Close(ctx)
	})
	return conn
}

func (g *voiceRooms) wish(guild, user snowflake.ID, channel *snowflake.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	conn, place := g.conns[user], g.places[user]
	state := botgateway.EventVoiceStateUpdate{}
	state.GuildID, state.UserID, state.ChannelID, state.SessionID = guild, user, channel, fmt.Sprint("session", user)
	if channel == nil {
		if place.ChannelID != 0 {
			g.server.Disconnect(place)
			delete(g.places, user)
		}
		conn.HandleVoiceStateUpdate(state)
		return
	}
	place = localdiscord.VoiceSession{
		GuildID: localdiscord.ID(guild), ChannelID: localdiscord.ID(*channel), UserID: localdiscord.ID(user), SessionID: state.SessionID, CanSpeak: true,
	}
	g.places[user] = place
	endpoint, token, err := g.server.Connect(context.Background(), place)
	if err != nil {
		g.t.Error(err)
		return
	}
	conn.HandleVoiceStateUpdate(state)
	conn.HandleVoiceServerUpdate(botgateway.EventVoiceServerUpdate{Token: token, GuildID: guild, Endpoint: &endpoint})
}

// talk is a conversation with real people in one channel of a local voice server, with end-to-end encryption.
type talk struct {
	t       testing.TB
	guild   snowflake.ID
	session *conversation.Session
	mynah   *voice.Conn
	people  map[record.UserID]*caller

	mu     sync.Mutex
	asked  []conversation.Question
	done   []conversation.Exchange
	chat   []string
	deeds  []string
	kept   []conversation.Line
	counts map[string]int
	answer func(conversation.Question) string
	unsure *conversation.Choices
	news   chan struct{}
}

// caller is a person in the channel, with what they hear of Mynah.
type caller struct {
	t    testing.TB
	conn *voice.Conn
	user record.UserID
	to   snowflake.ID // whom they listen to

	mu     sync.Mutex
	sound  []float32 // 16 kHz
	first  time.Time // when the first sound since expect came
	last   time.Time
	news   chan struct{}
	expect bool
}

func (c *caller) Wants(user snowflake.ID) bool { return user == c.to }

func (c *caller) Hear(h voice.Heard) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h.Silence {
		return
	}
	if c.expect {
		c.expect, c.first = false, h.At
	}
	c.last = h.At
	c.sound = append(c.sound, h.Samples...)
	select {
	case c.news <- struct{}{}:
	default:
	}
}

// newTalk connects Mynah and people to a channel; number tells conversations of one server apart.
func newTalk(t testing.TB, g *voiceRooms, s talkingSpeech, number int, change func(*conversation.Config), names ...string) *talk {
	t.Helper()
	guild := snowflake.ID(callGuild + number)
	channel := snowflake.ID(callChannel + 1000*(number+1))
	k := &talk{
		t: t, guild: guild, people: map[record.UserID]*caller{}, counts: map[string]int{}, news: make(chan struct{}, 1),
		answer: func(q conversation.Question) string { return "You asked: " + q.Text },
		unsure: conversation.NewChoices(record.ServerID(guild), true, nil),
	}
	mynah := snowflake.ID(mynahUser + 1000*(number+1))
	k.mynah = g.connect(guild, mynah, func() voice.Listener { return discord.Ear(k.session) })
	cfg := conversation.Config{
		Mouth: discord.Mouth(k.mynah.Player()), Mind: k, Consent: k.unsure, Recognizer: s.engine, NewVAD: s.engine.NewVAD,
		Synthesizer: voices.NewLive(s.voices), Teacher: k, Chat: k, Room: k, Transcripts: k, Meter: k,
	}
	if change != nil {
		change(&cfg)
	}
	session, err := conversation.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	k.session = session
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = session.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })

	opening, stop := context.WithTimeout(t.Context(), patience)
	defer stop()
	if err := k.mynah.Open(opening, channel, false, false); err != nil {
		t.Fatal(err)
	}
	var people []conversation.Person
	for i, name := range names {
		c := &caller{t: t, user: record.UserID(1000*(number+1) + i + 1), to: mynah, news: make(chan struct{}, 1)}
		c.conn = g.connect(guild, snowflake.ID(c.user), func() voice.Listener { return c })
		if err := c.conn.Open(opening, channel, false, false); err != nil {
			t.Fatal(err)
		}
		k.people[record.UserID(i+1)] = c
		people = append(people, conversation.Person{ID: c.user, Name: name})
	}
	session.SetPeople(people, nil)
	return k
}

func (k *talk) note(f func()) {
	k.mu.Lock()
	f()
	k.mu.Unlock()
	select {
	case k.news <- struct{}{}:
	default:
	}
}

func (k *talk) Answer(_ context.Context, q conversation.Question, _ func(string)) (conversation.Answer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.asked = append(k.asked, q)
	return conversation.Answer{Text: k.answer(q), Source: "test"}, nil
}
func (k *talk) Answered(_ context.Context, e conversation.Exchange) {
	k.note(func() { k.done = append(k.done, e) })
}
func (k *talk) Post(_ context.Context, text string) (id record.MessageID, _ error) {
	k.note(func() { k.chat, id = append(k.chat, text), record.MessageID(len(k.chat)+1) })
	return id, nil
}
func (k *talk) Correct(_ context.Context, _ record.UserID, last conversation.Exchange, answer string) error {
	k.note(func() { k.deeds = append(k.deeds, "correct: "+answer) })
	return nil
}
func (k *talk) Remember(_ context.Context, _ record.UserID, phrase, meaning string) error {
	k.note(func() { k.deeds = append(k.deeds, "remember: "+phrase+" = "+meaning) })
	return nil
}
func (k *talk) Train(context.Context, record.UserID) error {
	k.note(func() { k.deeds = append(k.deeds, "train") })
	return nil
}
func (k *talk) Keep(_ context.Context, l conversation.Line) record.MessageID {
	k.note(func() { k.kept = append(k.kept, l) })
	return 0
}
func (k *talk) Count(what string)                                { k.note(func() { k.counts[what]++ }) }
func (k *talk) Stage(string, time.Duration)                      {}
func (k *talk) Training(context.Context, string) (string, error) { return "It is half done.", nil }
func (k *talk) Leave(context.Context, record.UserID) error {
	k.note(func() { k.deeds = append(k.deeds, "leave") })
	return nil
}

// until waits for what the conversation brings.
func (k *talk) until(what string, ok func() bool) {
	k.t.Helper()
	if !k.within(patience, ok) {
		k.fail("not within %v: %s", patience, what)
	}
}

// within waits for what the conversation may bring.
func (k *talk) within(wait time.Duration, ok func() bool) bool {
	deadline := time.NewTimer(wait)
	defer deadline.Stop()
	for {
		k.mu.Lock()
		fine := ok()
		k.mu.Unlock()
		if fine {
			return true
		}
		select {
		case <-k.news:
		case <-deadline.C:
			return false
		}
	}
}

func (k *talk) fail(format string, args ...any) {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.t.Fatalf("%s (asked %+v, answered %+v, did %q, kept %q)", fmt.Sprintf(format, args...), k.asked, k.done, k.deeds, k.kept)
}

const (
	// tries is how often a person says something that is not understood. Of sentences that call Mynah by its name every third is not,
	// on two busy cores. scripts/testlog wants that twice is enough in the median.
	tries = 10
	// ways is in how many ways they say it.
	ways = 5
	// unanswered is how long they wait for an answer before they say it again: less would interrupt the answer of a busy machine.
	unanswered = time.Minute
	// answered is how long they wait for the effect of what was taken for a turn.
	answered = 30 * time.Second
)

// says has a person say something until it has come to what is wanted: a busy machine sends late, and what comes late is
// damaged.
func (k *talk) says(c *caller, sentence *takes, what string, ok func() bool) {
	k.t.Helper()
	for try := 1; try <= tries; try++ {
		if k.heeds(func() { c.speaks(sentence.next()) }, ok) {
			k.t.Logf("tries: %d", try)
			return
		}
	}
	k.fail("said %d times: no %s", tries, what)
}

// heeds has something said and waits for what is wanted of it: for long where nothing has come of what was said, and briefly once it has
// come to something else.
func (k *talk) heeds(say func(), ok func() bool) bool {
	k.t.Helper()
	turns := func() int {
		return k.counts[conversation.CountTurn] + k.counts[conversation.CountNotForUs] + k.counts[conversation.CountPhantom]
	}
	k.mu.Lock()
	before := turns()
	k.mu.Unlock()
	say()
	wanted := false
	return k.within(unanswered, func() bool {
		wanted = ok()
		return wanted || turns() > before
	}) && (wanted || k.within(answered, ok))
}

// recorded is sound at audio.EncodeRate as a voice.Source.
type recorded struct {
	samples []float32
	at      int
}

func (c *recorded) Read(_ context.Context, dst []float32) (int, error) {
	n := copy(dst, c.samples[c.at:])
	c.at += n
	if c.at == len(c.samples) {
		return n, io.EOF
	}
	return n, nil
}

// speaks sends sound of 16 kHz and returns when its last packet has left.
func (c *caller) speaks(samples []float32) time.Time {
	c.t.Helper()
	pcm, err := audio.Resample(audio.PCM{Rate: 16000, Samples: samples}, audio.EncodeRate)
	if err != nil {
		c.t.Fatal(err)
	}
	item, err := c.conn.Player().Play(c.t.Context(), "speech", &recorded{samples: pcm.Samples})
	if err != nil {
		c.t.Fatal(err)
	}
	for item.Played() < pcm.Duration()-voice.FrameTime {
		select {
		case <-item.Done():
			c.t.Fatalf("speaking ended after %v: %v", item.Played(), item.Err())
		case <-time.After(2 * time.Millisecond): // the player tells nobody when a packet leaves
		}
	}
	ended := time.Now()
	<-item.Done()
	if item.Err() != nil {
		c.t.Fatal(item.Err())
	}
	return ended
}

// hears waits for Mynah's first sound since the call of listen, and then until it has been silent for a while. It returns
// when the first packet came and the sound: none where it was unanswered.
func (c *caller) hears() (time.Time, []float32) {
	c.t.Helper()
	quiet := time.NewTimer(unanswered)
	defer quiet.Stop()
	for {
		c.mu.Lock()
		if !c.expect && !c.first.IsZero() {
			quiet.Reset(400 * time.Millisecond)
		}
		c.mu.Unlock()
		select {
		case <-c.news:
		case <-quiet.C:
			c.mu.Lock()
			defer c.mu.Unlock()
			return c.first, slices.Clone(c.sound)
		}
	}
}

// hearsSilence waits until nothing has come of Mynah for a while.
func (c *caller) hearsSilence() {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		quiet := time.NewTimer(400 * time.Millisecond)
		select {
		case <-c.news:
			quiet.Stop()
		case <-quiet.C:
			return
		case <-deadline.C:
			c.t.Fatal("Mynah does not fall silent")
		}
	}
}

// hearsFirst waits for Mynah's first sound since the call of listen and returns when its packet came.
func (c *caller) hearsFirst() time.Time {
	c.t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		c.mu.Lock()
		first := c.first
		c.mu.Unlock()
		if !first.IsZero() {
			return first
		}
		select {
		case <-c.news:
		case <-deadline.C:
			c.t.Fatal("Mynah is not heard")
		}
	}
}

// listen forgets what was heard so far.
func (c *caller) listen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sound, c.first, c.expect = nil, time.Time{}, true
}

// voiced makes a sentence as speech at 16 kHz, of a voice that is not Mynah's.
func (s talkingSpeech) voiced(t testing.TB, text, language string) []float32 {
	t.Helper()
	return s.paced(t, text, language, 1)
}

// paced is voiced at a speed.
func (s talkingSpeech) paced(t testing.TB, text, language string, speed float64) []float32 {
	t.Helper()
	var sound []float32
	err := voices.NewLive(s.voices).Synthesize(t.Context(), spoken.Speech{Text: text, Language: language, Speed: speed}, func(x []float32) error {
		sound = append(sound, x...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	pcm, err := audio.Resample(audio.PCM{Rate: spoken.SayRate, Samples: sound}, 16000)
	if err != nil {
		t.Fatal(err)
	}
	return pcm.Samples
}

// pace is the speed of a take, the first one's is the voice's own: a steady voice says a sentence differently only at another speed.
func pace(take int) float64 {
	step := 0.03 * float64((take+1)/2)
	if take%2 == 1 {
		return 1 - step
	}
	return 1 + step
}

// takes are one sentence, said in turn in each of these ways.
type takes struct {
	all  [][]float32
	said int
}

func (s *takes) next() []float32 {
	s.said++
	return s.all[(s.said-1)%len(s.all)]
}

// clearly is voiced for what has to be understood: a voice says a sentence differently at each speed, and not each of them can the
// recognizer make out. It has to make this pattern of it, in small letters, from the sound that is left of it in a voice channel.
func (s talkingSpeech) clearly(t testing.TB, want, pattern string) *takes {
	t.Helper()
	fits := regexp.MustCompile(pattern)
	plain, speeds := &takes{}, []float64{}
	var heard []string
	for take := 0; take < 20 && len(plain.all) < ways; take++ {
		samples := s.paced(t, want, "en", pace(take))
		text := s.understood(t, sent(t, samples))
		if fits.MatchString(text) {
			plain.all, speeds = append(plain.all, samples), append(speeds, pace(take))
		} else {
			heard = append(heard, text)
		}
	}
	if len(plain.all) == 0 {
		t.Fatalf("%q is understood as %q", want, heard)
	}
	t.Logf("%q is understood at %.2f of the voice's speed, else as %q", want, speeds, heard)
	return plain
}

// sent is what is left of sound of 16 kHz at the other side of a voice channel.
func sent(t testing.TB, samples []float32) []float32 {
	t.Helper()
	pcm, err := audio.Resample(audio.PCM{Rate: 16000, Samples: samples}, audio.EncodeRate)
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := audio.NewEncoder(audio.EncoderConfig{Rate: audio.EncodeRate, Complexity: audio.ComplexityLeast})
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := audio.NewDecoder(16000, 1)
	if err != nil {
		t.Fatal(err)
	}
	var heard []float32
	frame := make([]float32, audio.EncodeRate/50)
	for rest := pcm.Samples; len(rest) > 0; {
		clear(frame[copy(frame, rest):])
		rest = rest[min(len(frame), len(rest)):]
		packet, err := encoder.Encode(nil, frame)
		if err != nil {
			t.Fatal(err)
		}
		piece, err := decoder.Decode(packet)
		if err != nil {
			t.Fatal(err)
		}
		heard = append(heard, piece...)
	}
	return heard
}

// understood is what the recognizer makes of sound.
func (s talkingSpeech) understood(t testing.TB, samples []float32) string {
	t.Helper()
	var text []string
	for len(samples) > 0 {
		n := min(len(samples), 14*16000)
		got, err := s.engine.Utterance(t.Context(), slices.Clone(samples[:n]), "en")
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, got.Text)
		samples = samples[n:]
	}
	return strings.ToLower(strings.Join(text, " "))
}

// A person asks by voice and hears the answer, over an encrypted connection.
func TestTalkOneQuestion(t *testing.T) {
	t.Parallel()
	s := openTalkingSpeech(t)
	k := newTalk(t, newVoiceRooms(t), s, 0, nil, "Ann")
	k.answer = func(conversation.Question) string { return "The tournament starts on Friday evening." }
	ann := k.people[1]
	question := s.clearly(t, "When does the tournament start?", "tournament start")
	var understood []string
	for asked := 1; ; asked++ {
		k.mu.Lock()
		known := len(k.done)
		k.mu.Unlock()
		ann.listen()
		ended := ann.speaks(question.next())
		first, sound := ann.hears()
		t.Logf("first packet %v after the last sound", first.Sub(ended))
		q, answer := "", s.understood(t, sound)
		if k.within(unanswered, func() bool { return len(k.done) > known }) {
			k.mu.Lock()
			q = strings.ToLower(k.done[len(k.done)-1].Question.Text)
			k.mu.Unlock()
		}
		if holds(q, "tournament") && holds(answer, "tournament", "friday evening") {
			t.Logf("tries: %d", asked)
			break
		}
		understood = append(understood, q, answer)
		if asked == tries {
			t.Fatalf("questions and answers are understood as %q", understood)
		}
	}
	k.until("every answer in the chat", func() bool { return len(k.chat) == len(k.done) })
	k.mu.Lock()
	defer k.mu.Unlock()
	if last := k.done[len(k.done)-1]; last.Unsaid != "" {
		t.Errorf("the last exchange is %+v", last)
	}
}

// contains wants parts in a text.
func contains(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	if !holds(text, parts...) {
		t.Errorf("%s is %q, without all of %q", what, text, parts)
	}
}

// holds reports whether all parts are in a text.
func holds(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}
