package conversation

import (
	"time"
)

// When a turn has ended.

// tick does what the time demands, and returns how long nothing else will.
func (s *Session) tick(now time.Time) time.Duration {
	next := idlePoll
	at := func(when time.Time) { next = min(next, max(when.Sub(now), time.Millisecond)) }
	for _, e := range s.ears {
		t := e.turn
		if t == nil {
			continue
		}
		if silence := now.Sub(t.ended); silence >= s.cfg.Timing.Guess && t.hearing == nil && t.speech >= s.cfg.Timing.MinSpeech {
			s.recognize(t)
		}
		end := s.end(t)
		if limit := t.started.Add(s.cfg.Timing.MaxTurn); limit.Before(end) {
			end = limit
		}
		if !now.Before(end) {
			s.close(e, now)
			continue
		}
		at(end)
		if t.hearing == nil {
			at(t.ended.Add(s.cfg.Timing.Guess))
		}
		if wait := s.foresee(t, now); wait > 0 {
			at(now.Add(wait))
		}
	}
	for _, wait := range []time.Duration{s.speakNext(now), s.conclude(now)} {
		if wait > 0 {
			next = min(next, wait)
		}
	}
	return next
}

// rejoinable is until when somebody may go on with a turn that has ended. Where its end was waited for longer than by the words
// alone, they have as much time as others after it.
func (s *Session) rejoinable(t *turn) time.Time {
	until, late := t.ended.Add(s.cfg.Timing.Rejoin), t.closed.Add(s.cfg.Timing.Rejoin-s.cfg.Timing.Long)
	if late.After(until) {
		return late
	}
	return until
}

// end is when a turn ends if nothing more is said: after its wait, but not at once behind a short burst that held no word, which may
// have been the start of one.
func (s *Session) end(t *turn) time.Time {
	end := t.ended.Add(s.wait(t))
	if t.burst.IsZero() {
		return end
	}
	least := s.cfg.Timing.Short
	if t.certain == Chatting || t.certain == Unknown {
		least = s.cfg.Timing.Long
	}
	if after := t.burst.Add(least); after.After(end) {
		return after
	}
	return end
}

// wait is the silence that ends a turn: short where its answer is sure, long where there is none, since then the rest of the
// sentence is probably still to come. Between the two it is the longer, the less finished the words sound, and longer than the
// pauses that the speaker was seen to make within a turn.
func (s *Session) wait(t *turn) time.Duration {
	timing := &s.cfg.Timing
	switch {
	case t.speech < timing.MinSpeech:
		return timing.Short
	case (!t.heard || t.doubtful || t.judging) && s.cfg.Knowledge != nil:
		return timing.unknown() // once more is known, this is asked again
	case !t.heard, t.doubtful:
		return timing.Long
	case t.intent.kind == intentNone && (t.before != nil || s.held != nil && s.held.by == t):
		return timing.Short // an answer waits for what was nothing but a sound
	case t.certain == Sure && t.ending != endUnfinished:
		return timing.sure()
	case t.certain == Chatting && t.ending == endUnfinished:
		return timing.Long * 5 / 3
	case t.certain == Chatting:
		return timing.chatting()
	case t.certain == Unknown:
		return timing.unknown()
	}
	return s.waitForWords(t)
}

// waitForWords is the wait as far as the words and the speaker's pauses tell.
func (s *Session) waitForWords(t *turn) time.Duration {
	short, long := s.cfg.Timing.Short, s.cfg.Timing.Long
	wait := short
	switch t.ending {
	case endUnfinished:
		wait = long
	case endOpen:
		wait = (short + long) / 2
	case endStatement:
		wait = short + (long-short)/4
	}
	if pause, ok := s.pauses[t.user]; ok {
		wait = max(wait, min(pause+pauseMargin, long))
	}
	return wait
}

const (
	// pauseMargin is how much longer than a pause that a person made the next one may be.
	pauseMargin = 120 * time.Millisecond
	// pauseFades is how much of what was learned of a person's pauses is left after a turn without one, and pauseNear which
	// part of it a pause must have to confirm it.
	pauseFades, pauseNear = 0.9, 0.7
)

// learnPause remembers the pause that a person made within a turn that had seemed to be over. Pauses that no wait would bridge
// teach nothing.
func (s *Session) learnPause(t *turn) {
	if pause := t.started.Sub(t.before.ended); pause < s.cfg.Timing.Long {
		s.pauses[t.user] = max(s.pauses[t.user], pause)
	}
}

// followPauses confirms what is known of a person's pauses by a turn that was over when it seemed to be, or lets it fade.
func (s *Session) followPauses(t *turn) {
	pause, ok := s.pauses[t.user]
	switch {
	case !ok, t.before != nil:
	case t.pause >= time.Duration(pauseNear*float64(pause)):
		s.pauses[t.user] = max(pause, t.pause)
	case pause < s.cfg.Timing.Short/2:
		delete(s.pauses, t.user)
	default:
		s.pauses[t.user] = time.Duration(pauseFades * float64(pause))
	}
}

// ending judges whether a turn whose words are known sounds finished.
func (s *Session) ending(t *turn) ending {
	p := s.in(t.words.Language)
	rest, named := s.address.find(t.words.Text, p)
	switch c, ok := p.command(rest); {
	case ok && len(c.slots) == 0:
		return endFinished
	case named && len(words(rest)) == 0:
		return endUnfinished // people call a name and then think
	}
	return p.ending(rest)
}

// close ends a turn.
func (s *Session) close(e *ear, now time.Time) {
	t := e.endTurn()
	t.closed = now
	s.queue = append(s.queue, t)
	if t.speech < s.cfg.Timing.MinSpeech {
		s.count(CountPhantom)
		s.settleAs(t, intent{kind: intentNone})
		return
	}
	if t.hearing == nil {
		s.recognize(t)
	}
	if t.heard && !t.doubtful {
		s.settle(t)
	}
}

// due is when a turn ends if nothing more is said: its words, and the first ones of its answer, are wanted then.
func (s *Session) due(t *turn) time.Time {
	switch {
	case !t.closed.IsZero():
		return t.closed
	case t.heard:
		return s.end(t)
	case s.cfg.Knowledge != nil:
		return t.ended.Add(s.cfg.Timing.sure())
	}
	return t.ended.Add(s.cfg.Timing.Short)
}
