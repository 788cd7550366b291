package bot

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// modelsShown is how many models `models` lists.
const modelsShown = 10

// models lists the server's models.
func (b *Bot) models() *Command {
	return &Command{
		Name:       "models",
		ServerOnly: true,
		Run: func(ctx context.Context, c *Call) error {
			all, err := c.bot.cfg.Models.Models(ctx, c.Server)
			if err != nil {
				return err
			}
			if len(all) == 0 {
				return c.Say(ctx, c.T("models.none"))
			}
			var b strings.Builder
			b.WriteString(c.T("models.list") + "\n")
			for _, m := range all[:min(len(all), modelsShown)] {
				b.WriteString("• " + c.modelLine(m) + "\n")
			}
			return c.Say(ctx, b.String())
		},
	}
}

// modelLine says in one line what a model is.
func (t translation) modelLine(m record.Model) string {
	s, _ := m.Training() // of one that can't be read, nothing is said
	text := t.T("models.line", "number", m.Number, "state", t.T("models.state_"+string(m.State)),
		"accuracy", percent(m.Accuracy), "f1", percent(m.MacroF1), "examples", s.Examples, "labels", s.Labels, "questions", s.Questions,
		"at", "<t:"+strconv.FormatInt(m.At.Unix(), 10)+":f>")
	if s.LabelThreshold != 0 || s.ReplyThreshold != 0 {
		text += ", " + t.T("models.thresholds", "label", number(s.LabelThreshold), "reply", number(s.ReplyThreshold))
	}
	if s.Pinned != nil {
		text += ", " + t.T("models.pinned", "score", percent(*s.Pinned))
	}
	if s.Encoder != "" {
		text += ", " + t.T("models.encoder", "encoder", plain(s.Encoder))
	}
	if s.Tuned != "" {
		text += ", " + t.T("models.tuned", "tuned", plain(s.Tuned))
	}
	return text
}

// promote uses a model that waits, or an earlier one.
func (b *Bot) promote() *Command {
	return &Command{
		Name:       "promote",
		Trusted:    true,
		ServerOnly: true,
		Options:    []Option{{Name: "model", Kind: Integer, Required: true, Complete: completeModels}},
		Run: func(ctx context.Context, c *Call) error {
			all, err := c.bot.cfg.Models.Models(ctx, c.Server)
			if err != nil {
				return err
			}
			at := slices.IndexFunc(all, func(m record.Model) bool { return int64(m.Number) == c.Int("model") })
			if at < 0 {
				return c.fail("models.none_such", "number", c.Int("model"))
			}
			return c.use(ctx, all[at], c.bot.teacher.Promote)
		},
	}
}

// rollback goes back to the model that was used before.
func (b *Bot) rollback() *Command {
	return &Command{
		Name:       "rollback",
		Trusted:    true,
		ServerOnly: true,
		Run: func(ctx context.Context, c *Call) error {
			all, err := c.bot.cfg.Models.Models(ctx, c.Server)
			if err != nil {
				return err
			}
			all = slices.DeleteFunc(all, func(m record.Model) bool { return m.State != record.ModelRetired })
			if len(all) == 0 {
				return c.fail("models.nothing_before")
			}
			last := slices.MaxFunc(all, func(a, b record.Model) int { return cmp.Compare(a.Used, b.Used) })
			return c.use(ctx, last, c.bot.teacher.Restore)
		},
	}
}

// use puts a model into use in one of the two ways.
func (c *Call) use(ctx context.Context, m record.Model, put func(context.Context, record.Model) error) error {
	switch m.State {
	case record.ModelActive:
		return c.fail("models.in_use_already", "number", m.Number)
	case record.ModelStale:
		return c.fail("models.stale", "number", m.Number)
	}
	err := put(ctx, m)
	if unreadable, ok := errors.AsType[*teach.UnreadableError](err); ok {
		return c.failed(unreadable, "models.unreadable", "number", m.Number)
	}
	if err != nil {
		return err
	}
	return c.Say(ctx, c.T("models.used", "number", m.Number))
}

func completeModels(ctx context.Context, c *Call, typed string) ([]Choice, error) {
	all, err := c.bot.cfg.Models.Models(ctx, c.Server)
	if err != nil {
		return nil, err
	}
	var choices []Choice
	for _, m := range all {
		number := strconv.Itoa(m.Number)
		choices = append(choices, Choice{"#" + number + " " + c.T("models.state_"+string(m.State)) + ", " + percent(m.Accuracy), number})
	}
	return matching(choices, typed), nil
}
