package bot

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// Files that are to be learned: what was understood of them is shown first, and what was guessed waits for somebody's yes.

// doubtsShown is how many reasons to ask a message lists, understoodShown how many files.
const (
	doubtsShown     = 4
	understoodShown = 5
)

// trainOn starts a training, or asks first where the layout of a file was guessed.
func (c *Call) trainOn(ctx context.Context, args teach.Request) error {
	job := record.Job{Server: c.Server, Channel: c.Channel, By: c.Author.ID}
	if len(args.Uploads) == 0 && !args.Named {
		return c.bot.startTraining(ctx, job, args, c.translation, c.Send)
	}
	all, err := c.bot.teacher.Understand(ctx, c.Server, args)
	if _, unread := errors.AsType[*teach.ReadError](err); unread {
		return c.bot.startTraining(ctx, job, args, c.translation, c.Send) // which fails for that reason, and keeps it with the job
	}
	if err != nil {
		c.bot.teacher.RemoveUploads(c.Server, args.Uploads)
		return err
	}
	text := c.understood(all)
	sure, _ := c.Bool("sure")
	if !sure && slices.ContainsFunc(all, func(u teach.Understood) bool { return !u.Report.Sure() }) {
		return c.ask(ctx, teach.Held{Request: args}, text+c.T("train.shall_i"), "train.button_use")
	}
	args.Shown = shownFirst(text)
	return c.bot.startTraining(ctx, job, args, c.translation, c.Send)
}

// maxShown is how much of what was understood stays above how far a training is: Discord's messages are short.
const maxShown = 700

// shownFirst are the first lines of a text.
func shownFirst(text string) string {
	if utf8.RuneCountInString(text) <= maxShown {
		return text
	}
	text = string([]rune(text)[:maxShown])
	return text[:strings.LastIndexByte(text, '\n')+1] + "…\n"
}

// ask holds what is to be done with files, and sends a text with a button that does it and one that doesn't.
func (c *Call) ask(ctx context.Context, h teach.Held, text, button string) error {
	h.By = c.Author.ID
	id, err := c.bot.teacher.Hold(c.Server, h)
	if err != nil {
		c.bot.teacher.RemoveUploads(c.Server, h.Request.Uploads)
		return c.teachError(err)
	}
	_, err = c.Send(ctx, Reply{Text: text, Buttons: []Button{
		{Label: c.T(button), Command: trainHeld, Option: "held", Value: id, Primary: true},
		{Label: c.T("train.button_cancel"), Command: dropHeld, Option: "held", Value: id},
	}})
	return err
}

// What the buttons run.
const (
	trainHeld = "train held"
	dropHeld  = "train drop"
)

func (b *Bot) heldCommands() []*Command {
	options := []Option{{Name: "held", Required: true}}
	return []*Command{
		{Name: trainHeld, Form: true, Trusted: true, ServerOnly: true, Options: options, Run: func(ctx context.Context, c *Call) error {
			h, ok, err := c.bot.teacher.Release(c.Server, c.Arg("held"))
			if err != nil {
				return err
			}
			if !ok {
				return c.fail("train.held_gone")
			}
			if h.Select {
				return c.choose(ctx, h.Request.Dataset, true)
			}
			return c.bot.startTraining(ctx, record.Job{Server: c.Server, Channel: c.Channel, By: h.By}, h.Request, c.translation, c.Send)
		}},
		{Name: dropHeld, Form: true, ServerOnly: true, Options: options, Run: func(ctx context.Context, c *Call) error {
			h, ok, err := c.bot.teacher.Find(c.Server, c.Arg("held"))
			switch {
			case err != nil:
				return err
			case !ok:
				return c.fail("train.held_gone")
			case h.By != c.Author.ID && !c.trusted():
				return c.fail("error.not_allowed")
			}
			if err := c.bot.teacher.Drop(c.Server, c.Arg("held")); err != nil {
				return err
			}
			return c.Say(ctx, c.T("train.dropped"))
		}},
	}
}

// understood says how files were understood, with some examples of each as they were read.
func (t translation) understood(all []teach.Understood) string {
	var b strings.Builder
	for i, u := range all {
		if i == understoodShown {
			b.WriteString("…\n")
			break
		}
		r := &u.Report
		b.WriteString(t.T("train.understood", "name", plain(u.Name), "examples", r.Examples, "labels", len(r.Labels), "questions", r.Replies) + "\n")
		b.WriteString(t.readAs(r))
		for _, e := range u.Preview {
			b.WriteString("> " + plain(shorten(e.Text, 100)) + " → " + plain(shorten(rightOf(e), 100)) + "\n")
		}
		if r.SkipCount > 0 {
			b.WriteString(t.T("dataset.skipped", "count", r.SkipCount) + "\n")
			for _, s := range r.Skipped[:min(len(r.Skipped), 3)] {
				b.WriteString("• " + plain(s.Where) + ": " + t.remark(s.Why) + "\n")
			}
		}
		b.WriteString(t.doubts(r))
	}
	return b.String()
}

// readAs says which format a file has, or which of its columns is what.
func (t translation) readAs(r *dataset.ReadReport) string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, s := range r.ReadAs {
		text := t.remark(s.Why)
		if !seen[text] && len(seen) < 3 {
			b.WriteString("• " + text + "\n")
		}
		seen[text] = true
	}
	return b.String()
}

// doubts says why what was read may be wrong.
func (t translation) doubts(r *dataset.ReadReport) string {
	if r.Sure() {
		return ""
	}
	text := t.T("train.unsure") + "\n"
	for _, d := range r.Doubts[:min(len(r.Doubts), doubtsShown)] {
		text += "• " + t.remark(d.Why) + "\n"
	}
	return text
}

// rightOf is what an example says is right: its label, its reply, or both.
func rightOf(e record.Example) string {
	if e.Label != "" && e.Reply != "" {
		return e.Label + " → " + e.Reply
	}
	return e.Label + e.Reply
}

// teachingExtensions are those of files that may hold examples.
var teachingExtensions = map[string]bool{
	".csv": true, ".tsv": true, ".tab": true, ".xlsx": true, ".xls": true, ".ods": true, ".parquet": true, ".json": true, ".jsonl": true, ".ndjson": true,
	".yml": true, ".yaml": true, ".txt": true, ".md": true, ".markdown": true, ".html": true, ".htm": true, ".docx": true, ".doc": true, ".pdf": true,
	".zip": true, ".gz": true, ".tgz": true, ".tar": true, ".qna": true, ".lu": true,
}

// teaching reports whether the attachment may hold examples.
func (a Attachment) teaching() bool { return teachingExtensions[strings.ToLower(path.Ext(a.Name))] }

// dropped says what is in files that came without a command, and asks whether to learn it.
func (c *Call) dropped(ctx context.Context) error {
	if err := c.allowed(ctx, &Command{ServerOnly: true}); err != nil {
		return err
	}
	defer c.working(ctx)()
	c.Attachments = slices.DeleteFunc(slices.Clone(c.Attachments), func(a Attachment) bool { return !a.teaching() })
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return err
	}
	args := teach.Request{Language: c.Language, Dataset: c.settings.Dataset, Message: c.Message}
	if args.Uploads, err = c.keepUploads(ctx, w); err != nil {
		return err
	}
	all, err := c.bot.teacher.Understand(ctx, c.Server, args)
	if err != nil {
		c.bot.teacher.RemoveUploads(c.Server, args.Uploads)
		return c.teachError(err)
	}
	examples, questions := 0, 0
	for _, u := range all {
		examples, questions = examples+u.Report.Examples, questions+u.Report.Replies
	}
	text := c.understood(all)
	if questions == examples {
		text += c.T("train.found_questions", "count", questions)
	} else {
		text += c.T("train.found_examples", "count", examples)
	}
	if !c.trusted() {
		text += " " + c.T("train.who_may")
	}
	return c.ask(ctx, teach.Held{Request: args}, text, "train.button_train")
}
