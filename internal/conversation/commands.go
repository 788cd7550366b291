package conversation

import (
	"context"
	"log/slog"
	"slices"
)

// The steps and bounds of the loudness.
const (
	louder  = 1.35
	loudest = 2.0
	softest = 0.15
)

// obey does what a turn commands.
func (s *Session) obey(t *turn, in intent) {
	p := s.in(in.language)
	c := in.command
	reply := func(key string, slots map[string]string) {
		t.reply = s.announce(t, fill(p.Replies[key], slots), in.language)
	}
	switch c.name {
	case CommandStop:
		s.dropQueue(t)
		s.keep(Line{User: t.user, Said: t.said})
		t.drop()
	case CommandSkip:
		if t.barged == nil {
			reply("nothing_to_skip", nil)
			return
		}
		s.keep(Line{User: t.user, Said: t.said})
		t.drop()
	case CommandRepeat, CommandContinue:
		s.again(t, c.name == CommandContinue, p, in.language)
	case CommandLouder, CommandQuieter:
		reply(s.changeVolume(c.name == CommandLouder), nil)
	case CommandLanguage:
		s.speakLanguage(t, p, c.slots["language"], in.language)
	case CommandHelp:
		reply("help", nil)
	default:
		s.change(t, in)
	}
}

// changeVolume makes the voice louder or quieter and returns what to say about it.
func (s *Session) changeVolume(up bool) string {
	v := s.cfg.Mouth.Volume()
	switch {
	case up && v >= loudest:
		return "loudest"
	case up:
		s.cfg.Mouth.SetVolume(min(v*louder, loudest))
		return "louder"
	case v <= softest:
		return "quietest"
	}
	s.cfg.Mouth.SetVolume(max(v/louder, softest))
	return "quieter"
}

// again repeats what was last said, to this person if there was anything, or goes on with what was not said of it.
func (s *Session) again(t *turn, rest bool, p *phrases, language string) {
	l := s.last[t.user]
	if l == nil {
		l = s.lastSaid
	}
	text := ""
	switch {
	case l == nil:
	case rest:
		text = l.exchange.Unsaid
	default:
		text, _ = shorten(l.exchange.Answer.Text, s.cfg.Aloud)
	}
	if text == "" {
		t.reply = s.announce(t, p.Replies["nothing_to_repeat"], language)
		return
	}
	t.reply = s.announce(t, text, l.exchange.Answer.Language)
	t.reply.repeats = l
}

// speakLanguage changes the language that is spoken and, where a recognizer has it, understood.
func (s *Session) speakLanguage(t *turn, p *phrases, name, language string) {
	tag := p.language(name)
	if s.phrases[tag] == nil {
		t.reply = s.announce(t, p.Replies["language_unknown"], language)
		return
	}
	key := "language"
	if slices.Contains(s.cfg.Recognizer.Languages(), tag) {
		s.language = tag
	} else {
		key = "language_deaf"
		s.chat(s.phrases[tag].Replies["language_deaf_chat"])
	}
	t.reply = s.announce(t, s.phrases[tag].Replies[key], tag)
}

// change does a command that changes something outside of the conversation, if the person may, and says that it was done.
func (s *Session) change(t *turn, in intent) {
	p, c := s.in(in.language), in.command
	var last Exchange
	if l := s.last[t.user]; l != nil {
		last = l.exchange
	}
	known := s.last[t.user] != nil
	s.jobs.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, answerWait)
		defer cancel()
		text, err := "", error(nil)
		switch {
		case s.cfg.Rights != nil && !s.cfg.Rights.May(ctx, t.user, c.name):
			text = p.Replies["not_allowed"]
		case c.name == CommandLeave && s.cfg.Room != nil:
			text = p.Replies["bye"]
		case s.cfg.Teacher == nil:
			text = p.Replies["failed"]
		case c.name == CommandCorrect && !known:
			text = p.Replies["nothing_to_correct"]
		case c.name == CommandCorrect:
			err = s.cfg.Teacher.Correct(ctx, t.user, last, c.slots["answer"])
			text = p.Replies["corrected"]
		case c.name == CommandRemember:
			err = s.cfg.Teacher.Remember(ctx, t.user, c.slots["phrase"], c.slots["meaning"])
			text = p.Replies["remembered"]
		case c.name == CommandTrain:
			err = s.cfg.Teacher.Train(ctx, t.user)
			text = p.Replies["training"]
		case c.name == CommandTraining:
			text, err = s.cfg.Teacher.Training(ctx, in.language)
		}
		s.post(func() {
			if err != nil {
				s.log.Error("conversation: a spoken command failed", slog.String("command", c.name), slog.Any("err", err))
				s.chat(fill(p.Replies["failed_chat"], map[string]string{"error": err.Error()}))
				text = p.Replies["failed"]
			}
			t.reply = s.announce(t, fill(text, c.slots), in.language)
			if c.name == CommandLeave && s.cfg.Room != nil && text == p.Replies["bye"] {
				t.reply.after = func() { s.leave(t) }
			}
		})
	})
}

// leave leaves the channel, once goodbye was said.
func (s *Session) leave(t *turn) {
	s.jobs.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, answerWait)
		defer cancel()
		if err := s.cfg.Room.Leave(ctx, t.user); err != nil {
			s.log.Error("conversation: the channel can't be left", slog.Any("err", err))
		}
	})
}
