package bot

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// responseCommands are the commands on response texts: what is answered to a text whose
// label is known and for which no reply was taught.
func (b *Bot) responseCommands() []*Command {
	label := Option{Name: "label", Required: true, Complete: completeLabels}
	return []*Command{
		{
			Name: "response add", ServerOnly: true, Trusted: true, Run: addResponse,
			Options: []Option{label, {Name: "text", Required: true, Rest: true}},
		},
		{Name: "response list", ServerOnly: true, Run: listResponses, Options: []Option{{Name: "label", Complete: completeLabels}}},
		{
			Name: "response remove", ServerOnly: true, Trusted: true, Run: removeResponse,
			Options: []Option{label, {Name: "text", Rest: true}},
		},
	}
}

func addResponse(ctx context.Context, c *Call) error {
	label, text := strings.TrimSpace(c.Arg("label")), strings.TrimSpace(c.Arg("text"))
	if utf8.RuneCountInString(text) > MaxMessageRunes {
		return c.fail("response.too_long", "max", MaxMessageRunes)
	}
	responses, err := c.bot.teacher.Responses(ctx, c.Server)
	if err != nil {
		return err
	}
	if len(responses[label]) >= learn.MaxResponses {
		return c.fail("response.too_many", "max", learn.MaxResponses)
	}
	origin := record.Origin{Kind: record.OriginMessage, Message: c.Message, Author: c.Author.ID, At: c.bot.cfg.Now()}
	if err := c.bot.teacher.AddResponses(ctx, c.Server, map[string][]string{label: {text}}, origin); err != nil {
		return err
	}
	said := c.T("response.added", "label", plain(label))
	labels, err := c.labels(ctx)
	if err != nil {
		return err
	}
	if !slices.Contains(labels, label) {
		said += " " + c.T("response.no_such_label")
	}
	return c.Say(ctx, said)
}

func listResponses(ctx context.Context, c *Call) error {
	kept, err := c.bot.cfg.Examples.Examples(ctx, c.Server, answer.DatasetResponses)
	if err != nil {
		return err
	}
	if label := c.Arg("label"); label != "" {
		kept = slices.DeleteFunc(kept, func(e record.Example) bool { return !strings.EqualFold(e.Label, label) })
	}
	if len(kept) == 0 {
		return c.Say(ctx, c.T("response.none"))
	}
	slices.SortStableFunc(kept, func(a, b record.Example) int { return strings.Compare(a.Label, b.Label) })
	return c.Say(ctx, c.T("response.list")+"\n"+c.exampleLines(kept))
}

func removeResponse(ctx context.Context, c *Call) error {
	n, err := c.bot.teacher.Remove(ctx, c.Server, record.ExampleFilter{
		Dataset: new(answer.DatasetResponses), Label: strings.TrimSpace(c.Arg("label")), Reply: strings.TrimSpace(c.Arg("text")),
	})
	if err != nil {
		return err
	}
	return c.Say(ctx, c.T("response.removed", "count", n, "label", plain(c.Arg("label"))))
}

// labels are those of the model in use.
func (c *Call) labels(ctx context.Context) ([]string, error) {
	k, err := c.bot.answers.Knowledge(ctx, c.Server)
	if err != nil {
		return nil, err
	}
	if m, _ := k.Model(); m != nil {
		return m.Labels(), nil
	}
	return nil, nil
}

// completeLabels offers the labels of the model in use.
func completeLabels(ctx context.Context, c *Call, typed string) ([]Choice, error) {
	labels, err := c.labels(ctx)
	if err != nil {
		return nil, err
	}
	var choices []Choice
	for _, l := range labels {
		if utf8.RuneCountInString(l) <= maxChoiceRunes {
			choices = append(choices, Choice{l, l})
		}
	}
	return matching(choices, typed), nil
}

// maxChoiceRunes is how long a choice may be.
const maxChoiceRunes = 100
