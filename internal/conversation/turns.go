package conversation

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// turnProgress is how far a turn has come on its way from sound to answer.
type turnProgress struct {
	hearing  *hearing          // the recognition of it as it is now; nil while there is none
	words    spoken.Transcript // once hearing has ended
	heard    bool              // words are known
	deaf     error             // why they could not be recognized
	ending   ending            // what they sound like
	doubtful bool              // there was a short burst behind them, of which it is not known yet whether it holds a word
	burst    time.Time         // when a short burst ended that held none
	judging  bool              // it is not known yet how sure their answer is
	certain  Certainty         // how sure it is
	closed   time.Time         // when it was decided that it has ended
	settled  bool              // it is decided what to do about it
	over     bool              // nothing more is to be done about it
	reply    *reply            // what is said to it; may be prepared before the turn has ended
	intent   intent
	said     string // the words of a turn that was meant for Mynah and made out, with those of the turns that it goes on with

	before    *turn  // the turn that this one goes on with
	rejoined  bool   // whether that was looked for already
	withdrawn bool   // its answer was taken back because it went on
	final     bool   // its answer stands in the chat: it can't go on any more
	barged    *reply // what it interrupted
	recogTook time.Duration
}

// hearing is one run of the recognizer over a turn.
type hearing struct{ cancel context.CancelFunc }

func (h *hearing) stop() {
	if h != nil {
		h.cancel()
	}
}

// intent is what a turn is.
type intent struct {
	kind     intentKind
	text     string // of a question, without the name
	command  spokenCommand
	language string
}

type intentKind int

const (
	intentNone     intentKind = iota // no words
	intentListener                   // "mhm"
	intentForeign                    // meant for somebody else
	intentUnclear                    // not understood
	intentName                       // only the name
	intentCommand
	intentQuestion
)

// spoke follows new speech of a person.
func (s *Session) spoke(e *ear) {
	t := e.turn
	if t == nil {
		return
	}
	if t.mayBeNothing() {
		t.doubtful = true
		t.hearing.stop()
		t.hearing = nil
	} else {
		t.unhear() // what was recognized so far is not all
	}
	if c := t.cut(); c != nil {
		s.recognizeChunk(c)
	}
	if t.speech >= s.cfg.Timing.MinSpeech && !t.rejoined {
		t.rejoined = true
		if r := s.recent[e.user]; r != nil && !r.final && !t.started.After(s.rejoinable(r)) && r.intent.kind >= intentName {
			t.before = r
		}
	}
	s.interrupt(e)
}

// unhear drops the recognition of a turn that goes on, and what was prepared from it.
func (t *turn) unhear() {
	t.hearing.stop()
	t.hearing = nil
	t.heard, t.doubtful, t.judging, t.certain, t.burst = false, false, false, Unsure, time.Time{}
	t.stopReply()
}

// stopReply ends what was prepared to be said.
func (t *turn) stopReply() {
	if t.reply != nil {
		t.reply.cancel()
		t.reply = nil
	}
}

// abandon ends whatever runs for a turn.
func (t *turn) abandon() {
	t.unhear()
	t.wipe()
	t.over = true
}

// drop takes a turn out that nothing is to be said to; its words are kept nowhere.
func (t *turn) drop() {
	t.stopReply()
	t.settled, t.over = true, true
	t.wipe()
	t.intent = intent{kind: t.intent.kind}
}

// recognizeChunk begins to recognize the first part of a long turn.
func (s *Session) recognizeChunk(c *chunk) {
	ctx, language := s.ctx, s.language
	s.jobs.Go(func() {
		defer close(c.done)
		ctx, cancel := context.WithTimeout(spoken.WithDue(ctx, time.Now().Add(s.cfg.Timing.Long)), recognizerWait)
		defer cancel()
		s.asked.Add(1)
		c.result, c.err = s.cfg.Recognizer.Utterance(ctx, c.samples, language)
		clear(c.samples)
		c.samples = nil
	})
}

// recognize begins to recognize a turn as it is now.
func (s *Session) recognize(t *turn) {
	ctx, cancel := context.WithTimeout(spoken.WithDue(s.ctx, s.due(t)), recognizerWait)
	h := &hearing{cancel}
	t.hearing = h
	samples, chunks, language := t.audio(), slices.Clone(t.chunks), s.language
	l := listening{s.in(language), s.address, s.words, s.alone()}
	began := time.Now()
	s.jobs.Go(func() {
		defer cancel()
		s.asked.Add(1)
		words, err := s.cfg.Recognizer.Utterance(ctx, samples, language)
		clear(samples)
		if err == nil && len(chunks) == 0 {
			words, err = l.reconsider(ctx, words)
			words.Scorer = nil
		}
		words, err = join(ctx, chunks, words, err)
		s.post(func() {
			if t.hearing != h {
				return
			}
			t.recogTook = time.Since(began)
			s.recognized(t, words, err)
		})
	})
}

// join puts the words of a turn's chunks in front of those of its end.
func join(ctx context.Context, chunks []*chunk, words spoken.Transcript, err error) (spoken.Transcript, error) {
	var texts []string
	for _, c := range chunks {
		select {
		case <-c.done:
		case <-ctx.Done():
			return words, ctx.Err()
		}
		if c.err != nil {
			return words, c.err
		}
		if c.result.Text != "" {
			texts = append(texts, c.result.Text)
			words.Confidence = min(words.Confidence, c.result.Confidence)
		}
	}
	if words.Text != "" {
		texts = append(texts, words.Text)
	}
	words.Text = strings.Join(texts, " ")
	return words, err
}

// recognized takes the words of a turn, which may not have ended yet.
func (s *Session) recognized(t *turn, words spoken.Transcript, err error) {
	if err != nil {
		if s.ctx.Err() != nil {
			return
		}
		s.failed("speech can't be recognized", err)
		words = spoken.Transcript{Text: "…", Language: s.language}
	}
	if words.Language == "" {
		words.Language = s.language
	}
	if t.doubtful {
		t.doubtful = false
		if err == nil && s.in(words.Language).addsNothing(t.words.Text, words.Text) {
			t.burst, t.ended = t.ended, t.paused // the pause goes on
			if !t.closed.IsZero() {
				s.settle(t)
			}
			return
		}
		t.stopReply()
	}
	t.words, t.heard, t.deaf = words, true, err
	t.ending = s.ending(t)
	if !t.closed.IsZero() {
		s.settle(t)
		return
	}
	t.intent = s.understand(t)
	s.judge(t)
}

// understand tells what a turn is.
func (s *Session) understand(t *turn) intent {
	p := s.in(t.words.Language)
	text := strings.TrimSpace(t.words.Text)
	in := intent{language: t.words.Language}
	if len(words(text)) == 0 && text != "…" {
		return in // without words there is no turn
	}
	text = s.words.correct(text, p.Common)
	rest, named := s.address.find(text, p)
	in.kind = intentForeign
	if !s.addressed(t, named) {
		if p.backchannel(text) {
			in.kind = intentListener
		}
		return in
	}
	switch {
	case t.words.Confidence < s.cfg.Confidence || unlikely(text, t.speech):
		in.kind = intentUnclear
		return in
	case named && len(words(rest)) == 0:
		in.kind = intentName
		return in
	}
	if c, ok := p.command(rest); ok {
		in.kind, in.command = intentCommand, c
		return in
	}
	if !named && p.backchannel(text) {
		in.kind = intentListener
		return in
	}
	in.kind, in.text = intentQuestion, p.withoutFillers(rest)
	if b := t.before; b != nil && b.intent.kind == intentQuestion {
		in.text = b.intent.text + " " + rest
		if c, ok := p.command(in.text); ok {
			in.kind, in.command = intentCommand, c
		}
	}
	return in
}

// unlikely reports that a text is too short for how long somebody spoke.
func unlikely(text string, speech time.Duration) bool {
	return speech > 2500*time.Millisecond && float64(len([]rune(text))) < 1.5*speech.Seconds()
}

// addressed reports whether a turn is meant for Mynah.
func (s *Session) addressed(t *turn, named bool) bool {
	switch {
	case named, s.alone():
		return true
	case t.before != nil:
		return true
	case t.barged != nil && t.barged.turn.user == t.user:
		return true
	}
	until, ok := s.followUp[t.user]
	return ok && !t.started.After(until)
}

// alone reports that one human is in the channel, whose every turn is meant for Mynah. While nobody is known there may be several.
func (s *Session) alone() bool { return len(s.people) == 1 }

// question is what the mind is asked about a turn.
func (s *Session) question(t *turn, in intent) Question {
	q := Question{User: t.user, Text: in.text, Language: in.language}
	switch held := s.held; {
	case held != nil && held.turn != t.before:
		x := held.exchangeAt(held.at)
		q.Interrupted = &x
	case held == nil && s.last[t.user] != nil && s.last[t.user].exchange.Unsaid != "" && t.barged != nil:
		x := s.last[t.user].exchange
		q.Interrupted = &x
	}
	return q
}

// settle decides what to do about a turn that has ended and whose words are known.
func (s *Session) settle(t *turn) {
	if t.settled {
		return
	}
	if !s.Wants(t.user) {
		t.drop()
		return
	}
	in := s.understand(t)
	if in.kind != t.intent.kind || in.text != t.intent.text {
		t.stopReply()
	}
	s.settleAs(t, in)
}

func (s *Session) settleAs(t *turn, in intent) {
	t.intent, t.settled = in, true
	clear(t.samples)
	t.samples, t.marks, t.chunks = nil, nil, nil
	switch in.kind {
	case intentNone, intentListener, intentForeign:
		s.count(map[intentKind]string{intentNone: CountPhantom, intentListener: CountResumed, intentForeign: CountNotForUs}[in.kind])
		t.drop()
		s.resume(t)
		return
	}
	if c := in.command.name; in.kind == intentCommand && s.held != nil && (c == CommandLouder || c == CommandQuieter) {
		s.changeVolume(c == CommandLouder)
		s.keep(Line{User: t.user, Said: strings.TrimSpace(t.words.Text)})
		t.drop()
		s.resume(nil)
		return
	}
	// A question that goes on takes the place of its first part; "stop" ends that, too.
	replaces := t.before != nil && (in.kind == intentQuestion || in.command.name == CommandStop)
	if replaces {
		s.wentOn(t.before)
	}
	s.giveUpHeld(t, replaces)
	if in.kind > intentUnclear {
		t.said = strings.TrimSpace(t.words.Text)
	}
	if replaces {
		if t.before.intent.kind == intentQuestion {
			t.said = t.before.said + " " + t.said
		}
		s.learnPause(t)
		s.withdraw(t.before)
	}
	s.recent[t.user] = t
	s.count(CountTurn)
	p := s.in(in.language)
	switch in.kind {
	case intentUnclear:
		s.count(CountAskedAgain)
		again := "again"
		if t.deaf != nil {
			again = "deaf"
			s.tellDeaf(t.deaf)
		}
		t.reply = s.announce(t, p.Replies[again], in.language)
	case intentName:
		t.reply = s.announce(t, p.Replies["yes"], in.language)
	case intentCommand:
		s.obey(t, in)
	case intentQuestion:
		if t.reply == nil {
			t.reply = s.prepare(t, s.question(t, in))
		}
	}
}

// wentOn counts a turn that had not ended when it seemed to have, and what was heard of the answer to it.
func (s *Session) wentOn(t *turn) {
	heard := time.Duration(0)
	if r := t.reply; r != nil && r.sayings > 0 {
		heard = r.base + r.saying.Played()
	}
	s.figures.wentOn(heard)
	s.count(CountRejoined)
	if heard == 0 {
		return
	}
	s.count(CountTalkedOver)
	if s.cfg.Meter != nil {
		s.cfg.Meter.Stage(StageTalkedOver, heard)
	}
}

// tellDeaf tells the chat why nobody is understood, at most once a minute.
func (s *Session) tellDeaf(err error) {
	if now := time.Now(); now.Sub(s.lastDeaf) > time.Minute {
		s.lastDeaf = now
		s.chat(fill(s.in(s.language).Replies["deaf_chat"], map[string]string{"error": err.Error()}))
	}
}

// withdraw takes back what is said, or would be, to a turn that went on.
func (s *Session) withdraw(t *turn) {
	if s.speaking != nil && s.speaking.turn == t {
		r := s.speaking
		s.speaking = nil
		r.saying.Stop()
		r.cancel()
	}
	if !t.over {
		t.drop()
	}
	t.withdrawn = true
}

// logTurn writes the figures of an answered turn, without its words.
func (s *Session) logTurn(t *turn, l Latency, source record.Source) {
	s.figures.add(l)
	if m := s.cfg.Meter; m != nil {
		for i, d := range []time.Duration{l.Endpoint, l.Recognition, l.Model, l.FirstAudio, l.Total} {
			m.Stage(Stages()[i], d)
		}
	}
	s.log.Info("conversation: turn answered", slog.String("user", t.user.String()), slog.String("source", string(source)),
		slog.Duration("endpoint", l.Endpoint), slog.Duration("recognition", l.Recognition), slog.Duration("answer", l.Model),
		slog.Duration("first_audio", l.FirstAudio), slog.Duration("total", l.Total))
}
