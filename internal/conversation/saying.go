package conversation

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// What becomes of a reply: it is said, interrupted, gone on with, and in the end written down.

// speakNext says the next reply, if it may be said now. It returns when to ask again, 0 where something will happen first.
func (s *Session) speakNext(now time.Time) time.Duration {
	if r := s.speaking; r != nil {
		if r.question != nil && r.complete && !r.posted && !s.continued(r.turn) {
			if due := s.rejoinable(r.turn).Sub(now); due > 0 {
				return due
			}
			s.write(r)
		}
		return 0
	}
	for len(s.queue) > 0 && s.queue[0].over && s.queue[0].reply == nil {
		s.queue = s.queue[1:]
	}
	if len(s.queue) == 0 || s.held != nil {
		return 0
	}
	t := s.queue[0]
	r := t.reply
	if !t.settled || r == nil || r.answered.IsZero() {
		return 0
	}
	ignored, busy := s.others(t, now)
	if busy {
		if r.ready.IsZero() {
			r.ready = now
		}
		if wait := s.cfg.Timing.Courtesy - now.Sub(r.ready); wait > 0 {
			return min(wait, lull)
		}
	}
	r.ignored = ignored
	s.queue = s.queue[1:]
	s.say(r, r.base)
	return 0
}

// others tells who is speaking, and whether that keeps the reply to t back.
func (s *Session) others(t *turn, now time.Time) (speaking map[record.UserID]time.Time, busy bool) {
	for user, e := range s.ears {
		if e.turn == nil {
			continue
		}
		silent := now.Sub(e.turn.ended)
		if e.burst > 0 && silent < lull {
			if speaking == nil {
				speaking = map[record.UserID]time.Time{}
			}
			speaking[user] = e.burstStart
		}
		switch speaks := e.burst > 0 && silent < lull; {
		case user == t.user && speaks: // may go on with it
			busy = true
		case e.turn.speech >= s.cfg.Timing.MinSpeech && (user == t.user || silent < lull):
			busy = true
		}
	}
	return speaking, busy || s.continued(t)
}

// say begins to say a reply, from a place on.
func (s *Session) say(r *reply, from time.Duration) {
	title := r.answer.Text
	saying, err := s.cfg.Mouth.Say(s.ctx, title, r.speech.from(from))
	if err != nil {
		s.failed("an answer can't be said", err)
		s.write(r)
		s.finished(r, from)
		return
	}
	r.saying, r.base, r.began = saying, from, time.Now()
	r.sayings++
	nth := r.sayings
	s.speaking = r
	s.jobs.Go(func() {
		<-saying.Done()
		s.post(func() {
			if s.speaking == r && r.sayings == nth {
				s.speaking = nil
				s.finished(r, r.base+saying.Played())
			}
		})
	})
}

// sounded is told that the first sound of a reply was taken to be sent.
func (s *Session) sounded(r *reply, at time.Time) {
	t := r.turn
	if r.logged || t.ended.IsZero() || r.repeats != nil {
		return
	}
	r.logged = true
	s.logTurn(t, Latency{
		Endpoint: t.closed.Sub(t.ended), Recognition: t.recogTook, Model: r.model,
		FirstAudio: max(0, r.speech.firstAdded().Sub(r.answered)), Total: at.Sub(t.ended),
	}, r.answer.Source)
}

// interrupt falls silent when somebody speaks for long enough, and sooner for somebody who may be going on with the turn that
// is being answered.
func (s *Session) interrupt(e *ear) {
	r := s.speaking
	if r == nil || r.cut || e.turn == nil {
		return
	}
	goesOn := r.question != nil && r.turn.user == e.user && !e.turn.started.After(s.rejoinable(r.turn))
	if !e.bargesIn() && !(goesOn && e.goesOn()) {
		return
	}
	if since, ok := r.ignored[e.user]; ok && since.Equal(e.burstStart) {
		return // spoke already when this began, and was waited for long enough
	}
	r.saying.Stop()
	r.at = r.base + r.saying.Played()
	r.by = e.turn
	e.turn.barged = r
	s.speaking, s.held = nil, r
	s.count(CountBargeIn)
}

// resume goes on with what a turn interrupted, when that was nothing but a cough, laughter or "mhm", or meant for others.
func (s *Session) resume(by *turn) {
	if r := s.held; r != nil && (by == nil || r.by == by) {
		s.held = nil
		s.count(CountResumed)
		s.say(r, r.speech.resumeAt(r.at))
	}
}

// giveUpHeld leaves what was interrupted unsaid, because of a turn that wants something else. replaces tells that this turn
// stands for the one before it, too.
func (s *Session) giveUpHeld(t *turn, replaces bool) {
	r := s.held
	if r == nil {
		return
	}
	s.held = nil
	if replaces && r.turn == t.before {
		r.cancel()
		return // an answer to half of what was said; the whole is answered now
	}
	s.finished(r, r.at)
}

// exchangeAt is the exchange as it was said up to a place.
func (r *reply) exchangeAt(at time.Duration) Exchange {
	x := Exchange{Answer: r.answer}
	if r.question != nil {
		x.Question = *r.question
	}
	x.Said, x.Unsaid = withoutEnd(r.pointer)(r.speech.split(at))
	x.Unsaid = strings.TrimSpace(x.Unsaid + " " + r.rest)
	return x
}

// withoutEnd takes words off the end of what was said and what was not, taken together.
func withoutEnd(end string) func(said, unsaid string) (string, string) {
	return func(said, unsaid string) (string, string) {
		if head, ok := strings.CutSuffix(unsaid, end); ok {
			return said, strings.TrimSpace(head)
		}
		if head, ok := strings.CutSuffix(end, unsaid); ok {
			return strings.TrimSpace(strings.TrimSuffix(said, strings.TrimSpace(head))), ""
		}
		return said, unsaid
	}
}

// finished follows a reply that was said up to a place.
func (s *Session) finished(r *reply, at time.Duration) {
	r.hush()
	if r.hushed = true; r.complete {
		r.cancel()
	} // else the rest of the answer is waited for: the chat gets all of it
	user := r.turn.user
	now := time.Now()
	if user.Valid() {
		s.followUp[user] = now.Add(s.cfg.Timing.FollowUp)
	}
	if r.after != nil {
		r.after()
	}
	if r.question == nil {
		s.keep(Line{User: user, Said: r.turn.said, Answer: r.answer.Text})
	}
	if r.repeats != nil {
		_, r.repeats.exchange.Unsaid = r.speech.split(at)
		return
	}
	l := &lastExchange{r.exchangeAt(at)}
	s.lastSaid = l
	if r.question == nil {
		return
	}
	s.last[user] = l
	s.late = append(s.late, &said{r, l, at, s.rejoinable(r.turn)})
}

// conclude makes the exchanges final whose turns can't go on any more: they are written to the chat and told to the mind. It
// returns when there will be another one, 0 where there is none.
func (s *Session) conclude(now time.Time) time.Duration {
	next := time.Duration(0)
	s.late = slices.DeleteFunc(s.late, func(x *said) bool {
		if x.reply.turn.withdrawn {
			return true
		}
		if wait := x.due.Sub(now); wait > 0 {
			if next == 0 || wait < next {
				next = wait
			}
			return false
		}
		if s.continued(x.reply.turn) || !x.reply.complete {
			return false // once that has changed, this is asked again
		}
		s.followPauses(x.reply.turn)
		exchange := x.reply.exchangeAt(x.at)
		if x.last.exchange.Answer != exchange.Answer { // it was not complete when it was last looked at
			x.last.exchange = exchange
		}
		s.write(x.reply)
		s.jobs.Go(func() {
			ctx, cancel := context.WithTimeout(s.ctx, answerWait)
			defer cancel()
			select {
			case <-x.reply.written:
				exchange.Message = x.reply.message
			case <-ctx.Done():
			}
			s.cfg.Mind.Answered(ctx, exchange)
		})
		return true
	})
	return next
}

// continued reports whether somebody is going on with a turn.
func (s *Session) continued(t *turn) bool {
	if e := s.ears[t.user]; e != nil && e.turn != nil && e.turn.before == t {
		return true
	}
	return slices.ContainsFunc(s.queue, func(q *turn) bool { return q.before == t && !q.settled })
}

// write posts the text of an answer to the transcripts and the chat, once.
func (s *Session) write(r *reply) {
	if r.posted || r.question == nil || !r.complete || !r.turn.settled {
		return
	}
	r.posted, r.turn.final = true, true
	l, text := Line{User: r.turn.user, Said: r.turn.said, Answer: r.answer.Text}, r.answer.Text
	s.jobs.Go(func() {
		defer close(r.written)
		if r.message = s.keepLine(l); r.message == 0 {
			r.message = s.postText(text)
		}
	})
}

// keep gives a turn that is no question to the transcripts.
func (s *Session) keep(l Line) { s.jobs.Go(func() { s.keepLine(l) }) }

func (s *Session) keepLine(l Line) record.MessageID {
	if s.cfg.Transcripts == nil || l.Said == "" {
		return 0
	}
	// "Leave" is kept too, though the session ends with it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), keepWait)
	defer cancel()
	return s.cfg.Transcripts.Keep(ctx, l)
}

// chat posts a text to the chat.
func (s *Session) chat(text string) { s.jobs.Go(func() { s.postText(text) }) }

func (s *Session) postText(text string) record.MessageID {
	if s.cfg.Chat == nil || text == "" {
		return 0
	}
	ctx, cancel := context.WithTimeout(s.ctx, answerWait)
	defer cancel()
	message, err := s.cfg.Chat.Post(ctx, text)
	if err != nil && s.ctx.Err() == nil {
		s.log.Error("conversation: the chat can't be written to", slog.Any("err", err))
	}
	return message
}
