package conversation

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mynahbot/mynah/internal/language"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Config is what a conversation needs. Mouth, Mind, Consent, Recognizer, NewVAD and Synthesizer are required; what the others
// do is left out where they are nil.
type Config struct {
	Mouth       Mouth
	Mind        Mind
	Consent     Consent
	Recognizer  Recognizer
	NewVAD      func() (spoken.VAD, error)
	Synthesizer Synthesizer

	Knowledge Knowledge // nil: the wait for the end of a turn follows from its words alone
	Teacher   Teacher
	Rights    Rights // nil: everybody may everything
	Room      Room
	Chat      Chat
	Meter     Meter
	// Transcripts is given each turn that was meant for Mynah and made out, once it is answered; nil: none is kept.
	Transcripts Transcripts

	Names      []string      // further names and mis-hearings that Mynah listens to
	Name       string        // what Mynah is called; "" = [DefaultName]
	Language   string        // that is spoken until somebody asks for another; "" = [language.Fallback]
	Languages  *language.Set // that Mynah knows; nil = [language.All]
	Timing     Timing        // zero fields take their defaults
	Confidence float64       // transcripts below it are asked again; 0 = 0.55
	// Aloud is how many letters of a long answer are spoken, whole sentences; the rest is left to the chat. 0 = 420.
	Aloud int

	Log *slog.Logger // nil = nothing is logged
}

const (
	// maxQueued bounds the pieces that wait to be listened to: two seconds of ten people.
	maxQueued = 1000
	// maxWaiting bounds what is to be said.
	maxWaiting = 100
	// maxEars bounds the people who are followed at once. Discord's largest voice channel has 99 people.
	maxEars = 128
	// recognizerWait is how long a recognizer may take; who speaks is waiting.
	recognizerWait = 10 * time.Second
	// answerWait is how long a command may take.
	answerWait = 20 * time.Second
	// mindWait is how long the whole of an answer may take.
	mindWait = time.Minute
	// keepWait is how long keeping a line of the transcripts may take.
	keepWait = 3 * time.Second
	// lull is how long somebody must have been silent not to count as speaking.
	lull = 250 * time.Millisecond
	// idlePoll is how often a session without anything to do looks at its clock.
	idlePoll = time.Hour
)

// Session is the conversation in one voice channel. Its methods are safe for concurrent use; they tell what happens, and
// [Session.Run] does what follows from it.
type Session struct {
	cfg     Config
	log     *slog.Logger
	phrases map[string]*phrases
	address address

	heard   chan Piece
	inbox   *inbox
	buffers sync.Pool
	figures latencies
	jobs    sync.WaitGroup
	ctx     context.Context // of everything that runs
	started atomic.Bool
	ended   chan struct{} // closed when the loop has ended
	unheard atomic.Uint64
	frames  atomic.Uint64
	asked   atomic.Uint64

	// The rest belongs to the loop.
	ears     map[record.UserID]*ear
	people   map[record.UserID]Person
	words    *vocabulary
	language string
	queue    []*turn                         // turns that have ended, in their order
	recent   map[record.UserID]*turn         // the last turn of each person that was answered
	followUp map[record.UserID]time.Time     // until when a person is understood without the name
	pauses   map[record.UserID]time.Duration // the pauses that a person makes within turns, as far as that was seen
	last     map[record.UserID]*lastExchange // what each person was last told
	lastSaid *lastExchange                   // what was last said at all
	speaking *reply                          // what is being said
	held     *reply                          // what was interrupted and may go on
	late     []*said                         // answers whose turns may still go on
	lastErr  time.Time
	lastDeaf time.Time // when the chat was told that recognition fails
}

// said is an answer that was said and is not final yet.
type said struct {
	reply *reply
	last  *lastExchange // with this person
	at    time.Duration // how much of it was said
	due   time.Time
}

// lastExchange is an answer that was said, for those who ask for it again.
type lastExchange struct{ exchange Exchange }

// New checks the configuration and makes a session. Nothing happens before [Session.Run].
func New(cfg Config) (*Session, error) {
	switch {
	case cfg.Mouth == nil, cfg.Mind == nil, cfg.Consent == nil, cfg.Recognizer == nil, cfg.NewVAD == nil, cfg.Synthesizer == nil:
		return nil, errors.New("conversation: a part is missing in the configuration")
	}
	cfg.Timing = cfg.Timing.WithDefaults()
	cfg.Language = cmp.Or(cfg.Language, language.Fallback)
	cfg.Confidence = cmp.Or(cfg.Confidence, 0.55)
	cfg.Aloud = cmp.Or(cfg.Aloud, 420)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Languages == nil {
		var err error
		if cfg.Languages, err = language.All(); err != nil {
			return nil, err
		}
	}
	all, err := loadPhrases(cfg.Languages)
	if err != nil {
		return nil, err
	}
	s := &Session{
		cfg: cfg, log: cfg.Log, phrases: all, address: newAddress(cfg.Name, cfg.Names, all), language: cfg.Language,
		heard: make(chan Piece, maxQueued), inbox: newInbox(), ended: make(chan struct{}),
		ears: map[record.UserID]*ear{}, people: map[record.UserID]Person{}, words: newVocabulary(nil),
		recent: map[record.UserID]*turn{}, followUp: map[record.UserID]time.Time{},
		pauses: map[record.UserID]time.Duration{}, last: map[record.UserID]*lastExchange{},
	}
	return s, nil
}

// Run holds the conversation until ctx ends, and returns when all that it began has ended too. It may be called once.
func (s *Session) Run(ctx context.Context) error {
	if s.started.Swap(true) {
		return errors.New("conversation: Run was called twice")
	}
	ctx, cancel := context.WithCancel(ctx)
	s.ctx = ctx
	defer close(s.ended)
	timer := time.NewTimer(idlePoll)
	defer timer.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case p := <-s.heard:
			s.take(p)
		case <-s.inbox.more:
			if f := s.inbox.next(); f != nil {
				f()
			}
		case <-timer.C:
		}
		s.drain()
		timer.Reset(s.tick(time.Now()))
	}
	if s.speaking != nil {
		s.speaking.saying.Stop()
	}
	cancel()
	s.inbox.close()
	s.jobs.Wait()
	for _, e := range s.ears {
		e.forget()
	}
	return ctx.Err()
}

// drain takes what waits, so that no decision is made on less than what has come.
func (s *Session) drain() {
	for {
		select {
		case p := <-s.heard:
			s.take(p)
		default:
			return
		}
	}
}

// post has f run in the loop.
func (s *Session) post(f func()) { s.inbox.put(f) }

// Wants tells whether what a person says is to be heard. What others say should be dropped before it is decoded.
func (s *Session) Wants(user record.UserID) bool { return s.cfg.Consent.Heard(user) }

// Hear takes the next piece of what somebody says. It never blocks: where the session is too slow, pieces are lost and
// counted. Pieces of people who are not heard are dropped here, whoever passed them on.
func (s *Session) Hear(p Piece) {
	if !s.Wants(p.User) {
		s.unheard.Add(1)
		s.count(CountUnheard)
		return
	}
	buffer, _ := s.buffers.Get().(*[]float32)
	if buffer == nil {
		buffer = new([]float32)
	}
	p.Samples = append((*buffer)[:0], p.Samples...)
	select {
	case s.heard <- p:
	default:
		s.count(CountOverflow)
	}
}

// SetPeople tells which humans are in the channel now, Mynah and other bots not counted. Their names are corrected in
// transcripts together with the server's vocabulary.
func (s *Session) SetPeople(people []Person, vocabulary []Word) {
	now := map[record.UserID]Person{}
	for _, p := range people {
		now[p.ID] = p
		vocabulary = append(vocabulary[:len(vocabulary):len(vocabulary)], Word{Text: p.Name})
	}
	words := newVocabulary(vocabulary)
	s.post(func() {
		s.words = words
		s.people = now
		for id := range s.ears {
			if _, in := now[id]; !in {
				s.forget(id)
			}
		}
	})
}

// Configure changes which further names Mynah listens to and the silences that end a turn: [Config].Names and two of
// [Timing].
func (s *Session) Configure(names []string, short, long time.Duration) {
	s.post(func() {
		s.address = newAddress(s.cfg.Name, names, s.phrases)
		s.cfg.Timing.Short, s.cfg.Timing.Long = short, long
		s.cfg.Timing = s.cfg.Timing.WithDefaults()
	})
}

// Forget drops all that is in memory about a person: audio, words, and what they were told. Call it when somebody no longer
// wants to be heard, and for `privacy delete`. It returns when that is done: where [Session.Run] runs, or has ended.
func (s *Session) Forget(user record.UserID) { s.ask(func() { s.forget(user) }) }

func (s *Session) forget(user record.UserID) {
	if e := s.ears[user]; e != nil {
		if e.turn != nil {
			e.turn.abandon()
		}
		e.forget()
		delete(s.ears, user)
	}
	for _, t := range s.queue {
		if t.user == user {
			t.drop()
		}
	}
	if r := s.speaking; r != nil && r.turn.user == user {
		s.withdraw(r.turn)
	}
	if r := s.held; r != nil && r.turn.user == user {
		s.held = nil
		r.cancel()
	}
	s.late = slices.DeleteFunc(s.late, func(x *said) bool { return x.reply.turn.user == user })
	if l := s.last[user]; l != nil && s.lastSaid == l {
		s.lastSaid = nil
	}
	delete(s.last, user)
	delete(s.recent, user)
	delete(s.followUp, user)
	delete(s.pauses, user)
}

// Say says something behind what waits to be said already, and at once where nothing does. It can be interrupted, stopped and
// repeated as an answer can. It reports false where too much waits, or the conversation is over.
func (s *Session) Say(n Notice) bool {
	taken := false
	return s.ask(func() {
		if taken = len(s.queue) < maxWaiting; !taken {
			return
		}
		tag := cmp.Or(n.Language, s.written(n.Text, s.language))
		text := s.in(tag).speakable(n.Text, s.name)
		if !n.Whole {
			text, _ = shorten(text, s.cfg.Aloud)
		}
		t := &turn{user: n.User}
		t.settled, t.over = true, true
		s.queue = append(s.queue, t)
		t.reply = s.announce(t, text, tag)
		t.reply.posted = true
		s.speakNext(time.Now())
	}) && taken
}

// Queue lists what is being said, and what is to be said after it.
func (s *Session) Queue() []string {
	var texts []string
	s.ask(func() {
		if s.speaking != nil && !s.speaking.cut {
			texts = append(texts, s.speaking.answer.Text)
		}
		for _, t := range s.queue {
			if t.settled && t.reply != nil {
				texts = append(texts, t.reply.answer.Text)
			}
		}
	})
	return texts
}

// Skip ends what is being said; where nothing is, it leaves unsaid what is to be said next. It reports false where nothing is that
// either.
func (s *Session) Skip() bool {
	skipped := false
	s.ask(func() {
		if skipped = s.silence(); skipped {
			return
		}
		for _, t := range s.queue {
			if t.settled && t.reply != nil {
				t.drop()
				skipped = true
				return
			}
		}
	})
	return skipped
}

// Stop ends what is being said, and leaves unsaid what is to be said after it and what was interrupted. It returns how much that was.
func (s *Session) Stop() int {
	n := 0
	s.ask(func() {
		n = s.dropQueue(nil)
		if r := s.held; r != nil {
			s.held = nil
			s.finished(r, r.at)
			n++
		}
		if s.silence() {
			n++
		}
	})
	return n
}

// silence ends what is being said. It reports false where nothing is.
func (s *Session) silence() bool {
	r := s.speaking
	if r == nil || r.cut {
		return false
	}
	r.cut = true
	r.saying.Stop() // what follows waits for its end
	return true
}

// dropQueue drops what waits to be said, but for a turn's, and returns how much that was.
func (s *Session) dropQueue(but *turn) int {
	n := 0
	for _, t := range s.queue {
		if t != but && t.settled {
			if t.reply != nil {
				n++
			}
			t.drop()
		}
	}
	return n
}

// ask has f run in the loop, and waits until it has. It reports false where that did not happen, since the session is over.
func (s *Session) ask(f func()) bool {
	done := make(chan struct{})
	if !s.inbox.put(func() { defer close(done); f() }) {
		return false
	}
	select {
	case <-done:
		return true
	case <-s.ended:
		return false
	}
}

// Figures are the medians of the last turns' stages, and of how many turns they are.
func (s *Session) Figures() (Latency, int) { return s.figures.medians() }

// Premature counts the turns that were answered too soon.
func (s *Session) Premature() Premature { return s.figures.tooSoon() }

// Privacy counts what became of audio, as proof that people who are not heard are not: pieces dropped unheard, frames that
// voice activity was looked for in, and stretches given to the recognizer.
func (s *Session) Privacy() (unheard, listened, recognized uint64) {
	return s.unheard.Load(), s.frames.Load(), s.asked.Load()
}

func (s *Session) count(what string) {
	if s.cfg.Meter != nil {
		s.cfg.Meter.Count(what)
	}
}

// in are the phrases of a language.
func (s *Session) in(tag string) *phrases {
	if p := s.phrases[tag]; p != nil {
		return p
	}
	return s.phrases[language.Fallback]
}

// name is the display name of somebody in the channel, "" for others.
func (s *Session) name(user string) string {
	id, err := strconv.ParseUint(user, 10, 64)
	if err != nil {
		return ""
	}
	return s.people[record.UserID(id)].Name
}

// take listens to a piece.
func (s *Session) take(p Piece) {
	samples := p.Samples
	defer func() {
		clear(samples)
		s.buffers.Put(&samples)
	}()
	if !s.Wants(p.User) { // changed while the piece waited
		s.unheard.Add(1)
		s.forget(p.User)
		return
	}
	e := s.ears[p.User]
	if e == nil {
		if len(s.ears) >= maxEars {
			s.count(CountOverflow)
			return
		}
		vad, err := s.cfg.NewVAD()
		if err != nil {
			s.failed("voice activity can't be detected", err)
			return
		}
		e = &ear{user: p.User, vad: countingVAD{vad, &s.frames}, timing: &s.cfg.Timing}
		s.ears[p.User] = e
	}
	speech, err := e.hear(p)
	if err != nil {
		s.failed("voice activity can't be detected", err)
		return
	}
	if !speech {
		return
	}
	s.spoke(e)
}

// countingVAD counts the frames that are looked at.
type countingVAD struct {
	spoken.VAD
	frames *atomic.Uint64
}

func (v countingVAD) Probability(frame []float32) (float32, error) {
	v.frames.Add(1)
	return v.VAD.Probability(frame)
}

// failed logs what hinders the session, at most once a minute.
func (s *Session) failed(what string, err error) {
	if now := time.Now(); now.Sub(s.lastErr) > time.Minute {
		s.lastErr = now
		s.log.Error("conversation: "+what, slog.Any("err", err))
	}
}
