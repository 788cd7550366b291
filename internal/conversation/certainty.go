package conversation

import (
	"context"
	"log/slog"
	"time"
)

// The wait follows the answer: how sure one is to the words so far is found out while somebody pauses.

// judgeWait bounds the question how sure an answer is.
const judgeWait = 500 * time.Millisecond

// judge finds out how sure the answer to a turn is whose words are known and that may not have ended yet.
func (s *Session) judge(t *turn) {
	t.certain, t.judging = Unsure, false
	switch in := t.intent; {
	case s.cfg.Knowledge == nil:
	case in.kind == intentCommand && len(in.command.slots) == 0:
		t.certain = Sure
	case in.kind == intentUnclear:
		t.certain = Unknown
	case in.kind == intentQuestion:
		t.judging = true
		q, h := s.question(t, in), t.hearing
		s.jobs.Go(func() {
			ctx, cancel := context.WithTimeout(s.ctx, judgeWait)
			defer cancel()
			certain, err := s.cfg.Knowledge.Certainty(ctx, q)
			s.post(func() {
				if t.hearing != h || !t.closed.IsZero() {
					return
				}
				if err != nil {
					s.log.Warn("conversation: how sure an answer is can't be found out", slog.Any("err", err))
				}
				t.certain, t.judging = certain, false
				s.foresee(t, time.Now())
			})
		})
		return
	}
	s.foresee(t, time.Now())
}

// foresee prepares the answer to a turn that may have ended: at once where one is sure, and else not before the shortest wait, so
// that no chat server is asked about every breath. It returns when to ask again, 0 where nothing more is to be prepared.
func (s *Session) foresee(t *turn, now time.Time) time.Duration {
	if !t.heard || t.doubtful || t.judging || t.reply != nil || t.intent.kind != intentQuestion {
		return 0
	}
	if t.certain == Chatting || t.certain == Unknown {
		if wait := t.ended.Add(s.cfg.Timing.Short).Sub(now); wait > 0 {
			return wait
		}
	}
	t.reply = s.prepare(t, s.question(t, t.intent))
	return 0
}
