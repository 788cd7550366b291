package bot

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// Answer is what Mynah says to a question.
type Answer struct {
	Text        string // for the person
	Label       string // "" where the model tells none
	Probability float64
	Source      record.Source
	Spoken      bool // in the voice channel that the asker sits in
}

// Answer says what a server's Mynah answers to a question: what people
// corrected, what its model says, what it knows about itself, or that it
// doesn't know. It never makes anything up.
func (b *Bot) Answer(ctx context.Context, server record.ServerID, language, question string) (Answer, error) {
	m, err := b.minds.of(ctx, server)
	if err != nil {
		return Answer{}, err
	}
	if e, ok := m.corrections.Answer(question); ok {
		return Answer{Text: e.Reply, Label: e.Label, Probability: 1, Source: record.SourceCorrection}, nil
	}
	var p learn.Prediction
	if m.model != nil && m.missing == "" {
		if p, err = m.answer(ctx, question); err != nil {
			return Answer{}, err
		}
	}
	about, isAbout := b.about(language, question)
	switch {
	case p.ReplyKnown:
		return Answer{Text: p.Reply, Label: p.Label, Probability: p.ReplyScore, Source: record.SourceModel}, nil
	case isAbout:
		// "Who are you?" is no question about the server's subject, whatever
		// label a classifier finds nearest.
		return Answer{Text: about.Reply, Probability: about.ReplyScore, Source: record.SourceBuiltin}, nil
	case p.LabelKnown:
		return Answer{
			Text:  b.texts.get(language, "answer.label", "label", plain(p.Label), "probability", percent(p.Probability)),
			Label: p.Label, Probability: p.Probability, Source: record.SourceModel,
		}, nil
	}
	settings, err := b.settings(ctx, server)
	if err != nil {
		return Answer{}, err
	}
	key := "answer.unknown"
	switch {
	case m.missing != "":
		key = "answer.no_encoder"
	case m.stale:
		key = "answer.stale"
	case server == 0:
		key = "answer.nowhere"
	case m.model == nil && m.corrections.Len() == 0:
		key = "answer.untrained"
	}
	text := b.texts.get(language, key, "prefix", b.prefix(settings), "encoder", plain(m.missing))
	return Answer{Text: text, Label: p.Label, Probability: max(p.Probability, p.ReplyScore), Source: record.SourceUnknown}, nil
}

// about finds what Mynah knows about itself, in the language of the replies
// first, else in any: the question may be in another.
func (b *Bot) about(language, question string) (learn.Prediction, bool) {
	if utf8.RuneCountInString(question) > maxAboutRunes {
		return learn.Prediction{}, false
	}
	if p := b.minds.about[language].Predict(question); p.ReplyKnown {
		return p, true
	}
	for _, other := range b.texts.languages {
		if other == language {
			continue
		}
		if p := b.minds.about[other].Predict(question); p.ReplyKnown {
			return p, true
		}
	}
	return learn.Prediction{}, false
}

// maxAboutRunes is the longest question that may be about Mynah itself.
const maxAboutRunes = 200

// maxQuestionRunes is how much of a question is looked at. Longer ones are
// documents, and their beginning says what they are about.
const maxQuestionRunes = 4000

// question answers a text that was asked.
func (c *Call) question(ctx context.Context, text string) error {
	_, err := c.answer(ctx, text)
	return err
}

// answer answers a question, and remembers what was said.
func (c *Call) answer(ctx context.Context, text string) (Answer, error) {
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > maxQuestionRunes {
		text = string([]rune(text)[:maxQuestionRunes])
	}
	stop := func() {}
	if m, err := c.bot.minds.of(ctx, c.Server); err == nil && m.tuned != "" {
		stop = c.working(ctx) // a service is asked
	}
	a, err := c.bot.Answer(ctx, c.Server, c.Language, text)
	stop()
	if err != nil {
		return Answer{}, err
	}
	defer c.bot.memory.begin()()
	d := &draft{c: c}
	if a.Source == record.SourceUnknown {
		if said, ok := c.chat(ctx, text, d); ok {
			a.Text, a.Source = said, record.SourceChat
		}
	}
	id, err := d.finish(ctx, a.Text)
	if err != nil {
		return Answer{}, err
	}
	c.bot.memory.add(record.Exchange{
		Server: c.Server, Channel: c.Channel, Asker: c.Author.ID, AskedIn: c.Message, AnsweredIn: id,
		Parts:    slices.DeleteFunc(d.sent, func(part record.MessageID) bool { return part == id }),
		Question: text, Answer: a.Text, Label: a.Label, Source: a.Source, Score: a.Probability, At: c.bot.cfg.Now(),
	})
	a.Spoken = c.speak(a.Text)
	return a, nil
}
