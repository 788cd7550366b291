package bot

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/record"
)

// maxCorrectionRunes limits a correction to what one message of a person with
// Nitro may hold.
const maxCorrectionRunes = 4000

// messageLink is a message's id, or the link that Discord copies for it.
var messageLink = regexp.MustCompile(`^<?(?:https?://[^/\s]+/channels/(?:[0-9]+|@me)/[0-9]+/)?([0-9]{15,20})>?$`)

// correct stores what would have been the right answer.
func (b *Bot) correct() *Command {
	return &Command{
		Name:       "correct",
		ServerOnly: true, // it changes what everybody is answered
		Options: []Option{
			{Name: "message", Takes: messageLink},
			{Name: "correction", Required: true, Rest: true},
		},
		Run: func(ctx context.Context, c *Call) error {
			if link := c.Arg("message"); link != "" {
				m := messageLink.FindStringSubmatch(link)
				if m == nil {
					return c.fail("correct.bad_message")
				}
				id, err := strconv.ParseUint(m[1], 10, 64)
				if err != nil {
					return c.fail("correct.bad_message")
				}
				return c.correctMessage(ctx, record.MessageID(id), c.Arg("correction"))
			}
			if c.Target != nil {
				if !c.Target.Mine {
					return c.fail("correct.not_mine")
				}
				return c.correctMessage(ctx, c.Target.ID, c.Arg("correction"))
			}
			e, found, err := c.bot.memory.latest(ctx, c.Server, c.Channel)
			if err != nil {
				return err
			}
			if !found {
				return c.fail("correct.nothing_said", "days", retentionDays(c.settings))
			}
			return c.correctExchange(ctx, e, c.Arg("correction"))
		},
	}
}

// correctMenu opens a form on one of Mynah's answers.
func (b *Bot) correctMenu() *Command {
	return &Command{
		Name:       "correct_menu",
		ServerOnly: true,
		Menu:       true,
		Run: func(ctx context.Context, c *Call) error {
			if c.Target == nil || !c.Target.Mine {
				return c.fail("correct.not_mine")
			}
			form, ok := c.responder.(FormResponder)
			if !ok {
				return errors.New("a menu without a way to open a form")
			}
			e, found, err := c.bot.memory.byMessage(ctx, c.Server, c.Target.ID)
			if err == nil && found {
				found, err = c.sees(ctx, e)
			}
			if err != nil {
				return err
			}
			if !found {
				return c.fail("correct.no_question", "days", retentionDays(c.settings))
			}
			return form.Ask(ctx, Modal{
				ID:          "correct_form",
				Title:       c.T("correct.title"),
				Label:       c.T("correct.label"),
				Placeholder: shorten(e.Question, 100),
				Target:      *c.Target,
			})
		},
	}
}

// correctForm takes the form.
func (b *Bot) correctForm() *Command {
	return &Command{
		Name:       "correct_form",
		ServerOnly: true,
		Form:       true,
		Options:    []Option{{Name: "text", Required: true}},
		Run: func(ctx context.Context, c *Call) error {
			return c.correctMessage(ctx, c.Target.ID, c.Arg("text"))
		},
	}
}

// correctMessage corrects what one message of Mynah's answered.
func (c *Call) correctMessage(ctx context.Context, id record.MessageID, right string) error {
	e, found, err := c.bot.memory.byMessage(ctx, c.Server, id)
	if err == nil && found {
		found, err = c.sees(ctx, e)
	}
	if err != nil {
		return err
	}
	if !found { // or none of theirs, which sounds the same
		return c.fail("correct.no_question", "days", retentionDays(c.settings))
	}
	return c.correctExchange(ctx, e, right)
}

// correctExchange keeps the correction and lets it answer from now on.
func (c *Call) correctExchange(ctx context.Context, e record.Exchange, right string) error {
	right = strings.TrimSpace(right)
	switch {
	case right == "":
		return c.fail("correct.empty")
	case utf8.RuneCountInString(right) > maxCorrectionRunes:
		return c.fail("correct.too_long", "max", maxCorrectionRunes)
	}
	e.Server = c.Server
	if err := c.bot.teacher.Correct(ctx, e, c.Author.ID, right); err != nil {
		return err
	}
	return c.Say(ctx, c.T("correct.done", "question", plain(e.Question)))
}

// feedback stores what somebody thinks of Mynah.
func (b *Bot) feedback() *Command {
	return &Command{
		Name:    "feedback",
		Private: true,
		Options: []Option{{Name: "text", Required: true, Rest: true, Verbatim: true}},
		Run: func(ctx context.Context, c *Call) error {
			_, err := c.bot.cfg.Feedback.SaveFeedback(ctx, record.Feedback{
				Server: c.Server, User: c.Author.ID, Text: shorten(c.Arg("text"), maxCorrectionRunes), At: c.bot.cfg.Now(),
			})
			if err != nil {
				return err
			}
			return c.Say(ctx, c.T("feedback.thanks"))
		},
	}
}
