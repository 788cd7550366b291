package conversation

import (
	"cmp"
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// reply is what is said to a turn. It may be prepared before the turn has ended, and thrown away when it goes on.
type reply struct {
	turn     *turn
	question *Question // nil for what Mynah says of its own accord
	answer   Answer    // as far as it has come
	complete bool      // it has come wholly
	given    string    // the start of the answer that has been given to the voice, or left to the chat
	letters  int       // that are spoken of it
	rest     string    // of the answer, as far as it is left to the chat
	pointer  string    // what was said at the end to point to that rest; it is no part of the answer
	speech   *utterance
	cancel   context.CancelFunc // ends everything about it
	hush     context.CancelFunc // ends its synthesis
	hushed   bool
	after    func()        // what is done once it has been said
	repeats  *lastExchange // what it says again

	asked, answered time.Time
	model           time.Duration

	saying  Saying
	sayings int // how often saying was begun
	began   time.Time
	base    time.Duration // where in the speech the saying began
	at      time.Duration // where it was interrupted
	by      *turn         // what interrupted it
	cut     bool          // it was ended, and is over as soon as it is silent
	posted  bool
	written chan struct{}    // of an answer to a question: closed once it stands in the chat, or can't
	message record.MessageID // where it stands there; 0 for nowhere. Valid once written is closed
	logged  bool
	ready   time.Time                   // since when it waits for others to stop speaking
	ignored map[record.UserID]time.Time // who spoke already when it began, and since when
}

// prepare asks the mind and begins to synthesize its answer.
func (s *Session) prepare(t *turn, q Question) *reply {
	ctx, cancel := context.WithCancel(s.ctx)
	r := &reply{turn: t, question: &q, speech: newUtterance(), cancel: cancel, hush: cancel, asked: time.Now(), written: make(chan struct{})}
	s.jobs.Go(func() {
		answering, done := context.WithTimeout(ctx, mindWait)
		a, err := s.cfg.Mind.Answer(answering, q, func(soFar string) {
			s.post(func() {
				if ctx.Err() == nil {
					s.grow(ctx, r, Answer{Text: soFar}, false)
				}
			})
		})
		done()
		s.post(func() {
			if ctx.Err() == nil {
				s.answered(ctx, r, a, err)
			}
		})
	})
	return r
}

// answered takes the whole answer, or that there is none.
func (s *Session) answered(ctx context.Context, r *reply, a Answer, err error) {
	if err != nil {
		s.log.Error("conversation: no answer", slog.Any("err", err))
		p := s.in(r.question.Language)
		s.chat(fill(p.Replies["failed_chat"], map[string]string{"error": err.Error()}))
		if r.given == "" {
			language := r.question.Language
			r.question, r.answer, r.complete = nil, Answer{}, true
			r.firstWords()
			s.voice(ctx, r, language)
			r.speech.write(p.Replies["failed"])
			r.speech.end()
			return
		}
		a = r.answer // as far as it came
	}
	s.grow(ctx, r, a, true)
	r.complete = true
	if r.hushed {
		r.cancel()
	}
}

// firstWords notes that the first words of an answer are there.
func (r *reply) firstWords() {
	r.answered = time.Now()
	r.model = r.answered.Sub(r.asked)
}

// grow has more of an answer said: up to the last sentence that is complete, or, when it is whole, all of it.
func (s *Session) grow(ctx context.Context, r *reply, a Answer, whole bool) {
	if a.Language == "" {
		a.Language = cmp.Or(r.answer.Language, s.written(a.Text, r.question.Language))
	}
	end := len(a.Text)
	if !whole {
		end = lastSentence(a.Text)
	}
	next := ""
	if more, ok := strings.CutPrefix(a.Text[:end], r.given); ok {
		next = more
		r.given = a.Text[:end]
	} // else the start was changed after it was given to the voice: the chat has it right
	if r.answered.IsZero() {
		if next == "" && !whole {
			return
		}
		r.firstWords()
		s.voice(ctx, r, a.Language)
	}
	r.answer = a
	p := s.in(a.Language)
	aloud, rest := "", p.speakable(next, s.name)
	if r.rest == "" && !r.hushed {
		aloud, rest = shorten(rest, s.cfg.Aloud-r.letters)
		if r.letters > 0 && rest != "" && !endsSentence(aloud) {
			aloud, rest = "", strings.TrimSpace(aloud+" "+rest) // better no more than half a sentence
		}
	}
	r.letters += utf8.RuneCountInString(aloud)
	r.rest = strings.TrimSpace(r.rest + " " + rest)
	if whole && r.rest != "" && !r.hushed {
		r.pointer = strings.Join(strings.Fields(p.Replies["rest"]), " ")
		aloud = strings.TrimSpace(aloud + " " + r.pointer)
	}
	if aloud != "" {
		r.speech.write(aloud)
	}
	if whole {
		r.speech.end()
	}
}

// lastSentence is where the last sentence or line of an unfinished text ends that is complete; 0 for none. Pieces of code
// and tables are not taken apart.
func lastSentence(text string) int {
	for i := len(text) - 1; i > 0; i-- {
		if text[i] != ' ' && text[i] != '\n' {
			continue
		}
		line := text[strings.LastIndexByte(text[:i], '\n')+1 : i]
		switch {
		case strings.Count(text[:i], "```")%2 == 1, strings.HasPrefix(strings.TrimSpace(line), "|"):
		case text[i] == '\n' && strings.TrimSpace(line) != "", endsSentence(line):
			return i
		}
	}
	return 0
}

// endsSentence reports whether a text ends with a sentence's mark that belongs to no number and no abbreviation.
func endsSentence(text string) bool {
	text = strings.TrimRight(text, "\"'”») ")
	word := text[strings.LastIndexAny(text, " \n")+1:]
	stem := strings.TrimRight(word, ".!?…")
	return stem != word && stem != "" && !strings.Contains(stem, ".") && strings.ContainsFunc(stem, unicode.IsLetter)
}

// announce says something that needs no mind.
func (s *Session) announce(t *turn, text, language string) *reply {
	ctx, cancel := context.WithCancel(s.ctx)
	now := time.Now()
	r := &reply{
		turn: t, answer: Answer{Text: text, Language: language}, complete: true,
		speech: newUtterance(), cancel: cancel, hush: cancel, asked: now, answered: now,
	}
	r.speech.write(s.in(language).speakable(text, s.name))
	r.speech.end()
	s.voice(ctx, r, language)
	return r
}

// voice begins to synthesize what is written to the speech of a reply.
func (s *Session) voice(ctx context.Context, r *reply, language string) {
	ctx, r.hush = context.WithCancel(ctx)
	how := spoken.Speech{Language: language}
	if p, ok := s.people[r.turn.user]; ok {
		how.Voice, how.Speed = p.Voice, p.Speed
	}
	words, speech, due := s.words, r.speech, s.due(r.turn)
	r.speech.onFirst = func(first time.Time) { s.post(func() { s.sounded(r, first) }) }
	s.jobs.Go(func() {
		err := speech.synthesize(ctx, s.cfg.Synthesizer, how, words.pronounce, due)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.post(func() {
			s.failed("an answer can't be spoken", err)
			if r.question == nil && !r.posted {
				r.posted = true
				s.chat(r.answer.Text) // so that nothing is lost
			}
			s.write(r)
		})
	})
}

// shorten cuts a text behind the last sentence that ends within limit letters. What follows is the rest.
func shorten(text string, limit int) (aloud, rest string) {
	if utf8.RuneCountInString(text) <= limit {
		return text, ""
	}
	cut, letters := 0, 0
	space := 0
	for i, r := range text {
		if letters++; letters > limit {
			break
		}
		if r != ' ' && r != '\n' {
			continue
		}
		space = i
		if before := strings.TrimRight(text[:i], "\"'”») "); strings.ContainsAny(lastRune(before), ".!?…") || r == '\n' {
			cut = i
		}
	}
	if cut == 0 {
		cut = space
	}
	return strings.TrimSpace(text[:cut]), strings.TrimSpace(text[cut:])
}

func lastRune(s string) string {
	if s == "" {
		return ""
	}
	_, n := utf8.DecodeLastRuneInString(s)
	return s[len(s)-n:]
}
