package bot

import (
	"context"
	"slices"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/record"
)

// words is what a decision says to people.
func (t translation) words(d answer.Decision) string {
	switch {
	case d.Text != "":
		return d.Text
	case d.Source != record.SourceUnknown:
		return t.T("answer.label", "label", plain(d.Label), "probability", percent(d.Probability))
	}
	key := map[answer.Reason]string{
		answer.Unknown: "answer.unknown", answer.Untaught: "answer.untrained", answer.Nowhere: "answer.nowhere",
		answer.Stale: "answer.stale", answer.NoEncoder: "answer.no_encoder",
	}[d.Why]
	return t.T(key, "encoder", plain(d.Encoder))
}

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

// answer answers a question, and remembers what was said.
func (c *Call) answer(ctx context.Context, text string) (said, error) {
	text = answer.Question(text)
	stop := func() {}
	if k := c.bot.answers.Loaded(c.Server); k != nil && k.Tuned() != "" {
		stop = c.working(ctx) // a service is asked
	}
	d, err := c.bot.answers.Decide(ctx, c.Server, c.Language, text)
	stop()
	if err != nil {
		return said{}, err
	}
	defer c.bot.memory.begin()()
	says, shown := c.words(d), &draft{c: c}
	if d.Source == record.SourceUnknown {
		if written, ok := c.chat(ctx, text, shown); ok {
			says, d.Source = written, record.SourceChat
		}
	}
	id, err := shown.finish(ctx, says)
	if err != nil {
		return said{}, err
	}
	c.bot.memory.add(record.Exchange{
		Server: c.Server, Channel: c.Channel, Asker: c.Author.ID, AskedIn: c.Message, AnsweredIn: id,
		Parts:    slices.DeleteFunc(shown.sent, func(part record.MessageID) bool { return part == id }),
		Question: text, Answer: says, Label: d.Label, Source: d.Source, Score: d.Probability, At: c.bot.cfg.Now(),
	})
	return said{says, c.speak(says)}, nil
}
