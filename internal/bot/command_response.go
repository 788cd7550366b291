package bot

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

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
	responses, err := c.bot.responses(ctx, c.Server)
	if err != nil {
		return err
	}
	if len(responses[label]) >= learn.MaxResponses {
		return c.fail("response.too_many", "max", learn.MaxResponses)
	}
	origin := record.Origin{Kind: record.OriginMessage, Message: c.Message, Author: c.Author.ID, At: c.bot.cfg.Now()}
	if _, _, err := c.bot.cfg.Examples.AddExamples(ctx, c.Server, responseExamples(map[string][]string{label: {text}}, origin)); err != nil {
		return err
	}
	c.bot.minds.forget(c.Server) // they answer at once
	said := c.T("response.added", "label", plain(label))
	if m, err := c.bot.minds.of(ctx, c.Server); err != nil {
		return err
	} else if m.model == nil || !slices.Contains(m.model.Labels(), label) {
		said += " " + c.T("response.no_such_label", "prefix", c.bot.prefix(c.settings))
	}
	return c.Say(ctx, said)
}

// responseExamples are response texts of labels as they are kept.
func responseExamples(responses map[string][]string, origin record.Origin) []record.Example {
	var records []record.Example
	for _, label := range slices.Sorted(maps.Keys(responses)) {
		for _, text := range responses[label] {
			records = append(records, record.Example{Dataset: datasetResponses, Label: label, Reply: text, Origin: origin})
		}
	}
	return records
}

func listResponses(ctx context.Context, c *Call) error {
	kept, err := c.bot.cfg.Examples.Examples(ctx, c.Server, datasetResponses)
	if err != nil {
		return err
	}
	if label := c.Arg("label"); label != "" {
		kept = slices.DeleteFunc(kept, func(e record.Example) bool { return !strings.EqualFold(e.Label, label) })
	}
	if len(kept) == 0 {
		return c.Say(ctx, c.T("response.none", "prefix", c.bot.prefix(c.settings)))
	}
	slices.SortStableFunc(kept, func(a, b record.Example) int { return strings.Compare(a.Label, b.Label) })
	return c.Say(ctx, c.T("response.list")+"\n"+c.exampleLines(kept))
}

func removeResponse(ctx context.Context, c *Call) error {
	n, err := c.bot.cfg.Examples.RemoveExamples(ctx, c.Server, record.ExampleFilter{
		Dataset: new(datasetResponses), Label: strings.TrimSpace(c.Arg("label")), Reply: strings.TrimSpace(c.Arg("text")),
	})
	if err != nil {
		return err
	}
	c.bot.minds.forget(c.Server)
	return c.Say(ctx, c.T("response.removed", "count", n, "label", plain(c.Arg("label"))))
}

// completeLabels offers the labels of the model in use.
func completeLabels(ctx context.Context, c *Call, typed string) ([]Choice, error) {
	m, err := c.bot.minds.of(ctx, c.Server)
	if err != nil || m.model == nil {
		return nil, err
	}
	var choices []Choice
	for _, l := range m.model.Labels() {
		if utf8.RuneCountInString(l) <= maxChoiceRunes {
			choices = append(choices, Choice{l, l})
		}
	}
	return matching(choices, typed), nil
}

// maxChoiceRunes is how long a choice may be.
const maxChoiceRunes = 100
