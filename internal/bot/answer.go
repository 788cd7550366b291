package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/record"
)

// words is what a decision says to people.
func (t translation) words(d answer.Decision) string {
	switch d.Kind {
	case answer.Answered:
		return d.Text
	case answer.Labelled:
		return t.T("answer.label", "label", plain(d.Label), "probability", percent(d.Probability))
	case answer.Suggested:
		var b strings.Builder
		b.WriteString(t.T("answer.suggested"))
		for i, s := range d.Suggestions {
			fmt.Fprintf(&b, "\n%d. %s", i+1, plain(shorten(oneLine(s.Question), 150)))
		}
		return b.String()
	}
	key := map[answer.Reason]string{
		answer.NotNear: "answer.unknown", answer.Untaught: "answer.untrained", answer.Nowhere: "answer.nowhere", answer.Stale: "answer.stale",
	}[d.Why]
	return t.T(key)
}

// choices are buttons for what may have been meant.
func choices(d answer.Decision) []Button {
	var all []Button
	for i, s := range d.Suggestions {
		label := fmt.Sprintf("%d. %s", i+1, oneLine(s.Question))
		all = append(all, Button{Label: shorten(label, maxButtonRunes), Command: suggestionCommand, Option: "choice", Value: s.Key()})
	}
	return all
}

// maxButtonRunes is the longest label of a button.
const maxButtonRunes = 80

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// question answers a text that was asked.
func (c *Call) question(ctx context.Context, text string) error {
	_, err := c.answer(ctx, text)
	return err
}

// said is what a question was answered with.
type said struct {
	text  string
	aloud bool // in the voice channel that the asker sits in, too
}

// followTime is how long a question may be followed by one that counts on it.
const followTime = 10 * time.Minute

// before is what the author asked last in this place, or what they reply to.
func (c *Call) before() answer.Before {
	if c.Target != nil && c.Target.Mine {
		if replied, found := c.bot.memory.remembered(c.Server, c.Target.ID); found {
			return c.bot.followed(replied, true)
		}
	}
	return c.bot.followed(c.bot.memory.asked(c.Server, c.Channel, c.Author.ID))
}

// followed is an exchange as the next question may count on it; nothing without one, or where it is too old.
func (b *Bot) followed(e record.Exchange, found bool) answer.Before {
	if !found || b.cfg.Now().Sub(e.At) > followTime {
		return answer.Before{}
	}
	return answer.Before{Question: e.Question, Taught: e.Taught}
}

// answer answers a question, and remembers what was said. Nothing is said to chat that nobody addressed
// to Mynah.
func (c *Call) answer(ctx context.Context, text string) (said, error) {
	text = answer.Question(text)
	stop := func() {}
	if k := c.bot.answers.Loaded(c.Server); k != nil && k.Tuned() != "" {
		stop = c.working(ctx) // a service is asked
	}
	d, err := c.bot.answers.Decide(ctx, answer.Asked{Server: c.Server, Language: c.Language, Text: text, Before: c.before()})
	stop()
	if err != nil {
		return said{}, err
	}
	if d.Kind == answer.Chat && c.Unasked {
		return said{}, nil
	}
	defer c.bot.memory.begin()()
	says, shown := c.words(d), &draft{c: c}
	if d.Source == record.SourceUnknown {
		if written, ok := c.chat(ctx, text, shown); ok {
			says, d.Source, d.Suggestions = written, record.SourceChat, nil
		}
	}
	shown.buttons = choices(d)
	id, err := shown.finish(ctx, says)
	if err != nil {
		return said{}, err
	}
	c.bot.memory.add(record.Exchange{
		Server: c.Server, Channel: c.Channel, Asker: c.Author.ID, AskedIn: c.Message, AnsweredIn: id,
		Parts:    slices.DeleteFunc(shown.sent, func(part record.MessageID) bool { return part == id }),
		Question: text, Answer: says, Label: d.Label, Source: d.Source, Taught: d.Taught, Score: d.Probability, At: c.bot.cfg.Now(),
	})
	return said{says, c.speak(says)}, nil
}

// suggestionCommand is what a button of a suggestion runs.
const suggestionCommand = "suggestion"

// suggestion answers with what somebody chose among suggestions.
func (b *Bot) suggestion() *Command {
	return &Command{
		Name:    suggestionCommand,
		Form:    true,
		Options: []Option{{Name: "choice", Required: true}},
		Run: func(ctx context.Context, c *Call) error {
			k, err := c.bot.answers.Knowledge(ctx, c.Server)
			if err != nil {
				return err
			}
			chosen, ok := k.Pairs().Find(c.Arg("choice"))
			if !ok {
				return c.fail("answer.gone")
			}
			question := chosen.Question
			if c.Target != nil {
				if e, found, err := c.bot.memory.byMessage(ctx, c.Server, c.Target.ID); err != nil {
					return err
				} else if found {
					question = e.Question
				}
			}
			defer c.bot.memory.begin()()
			id, err := c.Send(ctx, Reply{Text: chosen.Reply})
			if err != nil {
				return err
			}
			c.bot.memory.add(record.Exchange{
				Server: c.Server, Channel: c.Channel, Asker: c.Author.ID, AnsweredIn: id, Question: question, Answer: chosen.Reply,
				Source: record.SourceModel, Taught: chosen.Question, Score: 1, At: c.bot.cfg.Now(),
			})
			c.speak(chosen.Reply)
			return nil
		},
	}
}
