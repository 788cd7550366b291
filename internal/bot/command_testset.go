package bot

import (
	"context"
	"errors"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// maxPinned is the most texts of a server's own test set: every training is
// measured on all of them.
const maxPinned = 10_000

// testset are the commands on the server's own test set: texts with right
// answers that no training learns, and on which no model may get worse.
func (b *Bot) testset() []*Command {
	return []*Command{
		{
			Name: "testset pin", ServerOnly: true, Trusted: true, Slow: true, Uploads: 5, Run: pinTexts,
			Options: []Option{{Name: "path", Rest: true, Complete: completeDatasets}, {Name: "sure", Kind: Boolean}},
		},
		{Name: "testset list", ServerOnly: true, Trusted: true, Run: listPinned},
		{
			Name: "testset unpin", ServerOnly: true, Trusted: true, Run: unpinTexts,
			Options: []Option{{Name: "text", Rest: true}, {Name: "all", Kind: Boolean}},
		},
	}
}

// pinTexts adds a dataset of the workspace, or attachments, to the test set.
func pinTexts(ctx context.Context, c *Call) error {
	examples, err := c.toPin(ctx)
	if err != nil {
		return err
	}
	pinned, err := c.bot.teacher.Pinned(ctx, c.Server)
	if err != nil {
		return err
	}
	if len(pinned)+len(examples) > maxPinned {
		return c.fail("testset.too_many", "max", maxPinned)
	}
	records := make([]record.Example, len(examples))
	for i, e := range examples {
		records[i] = record.Example{Text: e.Text, Label: e.Label, Reply: e.Reply, Origin: record.Origin{
			Kind: record.OriginFile, File: e.Origin.File, Line: e.Origin.Line, Message: c.Message, Author: c.Author.ID, At: c.bot.cfg.Now(),
		}}
	}
	added, duplicates, err := c.bot.teacher.Pin(ctx, c.Server, records)
	if err != nil {
		return err
	}
	taught, err := c.bot.cfg.Examples.Examples(ctx, c.Server, "")
	if err != nil {
		return err
	}
	text := c.T("testset.pinned", "added", added, "duplicates", duplicates, "total", len(pinned)+added)
	if n := len(learn.Leaked(taught, examples)); n > 0 {
		text += " " + c.T("testset.leaked", "count", n)
	}
	return c.Say(ctx, text)
}

// checkSure refuses what was read of a file by a guess, and shows it, unless the command says that it is right.
func (c *Call) checkSure(examples []record.Example, report dataset.ReadReport, name string) error {
	if sure, _ := c.Bool("sure"); sure || report.Sure() || c.Command.option("sure") == nil {
		return nil
	}
	u := teach.Understood{Name: name, Report: report, Preview: dataset.Preview(examples)}
	return c.fail("testset.unsure", "shown", c.understood([]teach.Understood{u}))
}

// toPin reads what is to be pinned.
func (c *Call) toPin(ctx context.Context) ([]record.Example, error) {
	var all []record.Example
	if name := c.Arg("path"); name != "" {
		w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
		if err != nil {
			return nil, err
		}
		found, err := findDataset(w, name)
		if err != nil {
			return nil, c.fileError(name, err)
		}
		examples, report, err := c.bot.teacher.Datasets().ReadPath(ctx, w.FS(), found, dataset.ReadOptions{Split: dataset.SplitTest})
		if err != nil {
			return nil, c.readError(name, report, err)
		}
		if err := c.checkSure(examples, report, found); err != nil {
			return nil, err
		}
		all = examples
	}
	for _, a := range c.Attachments {
		examples, err := c.readAttachment(ctx, a, dataset.ReadOptions{Split: dataset.SplitTest})
		if err != nil {
			return nil, err
		}
		all = append(all, examples...)
	}
	if len(all) == 0 {
		return nil, c.fail("testset.what")
	}
	return all, nil
}

// readAttachment reads the examples of an attachment, without keeping it.
func (c *Call) readAttachment(ctx context.Context, a Attachment, opt dataset.ReadOptions) ([]record.Example, error) {
	link, err := c.bot.connection(ctx)
	if err != nil {
		return nil, err
	}
	r, err := link.fetcher.Fetch(ctx, a, c.bot.cfg.AttachmentBytes)
	if err != nil {
		return nil, err
	}
	examples, report, err := c.bot.teacher.Datasets().ReadUpload(ctx, a.Name, r, opt)
	err = errors.Join(err, r.Close())
	if fetch, ok := errors.AsType[*FetchError](err); ok {
		return nil, fetch
	}
	if err != nil {
		return nil, c.readError(a.Name, report, err)
	}
	return examples, c.checkSure(examples, report, a.Name)
}

func listPinned(ctx context.Context, c *Call) error {
	kept, err := c.bot.teacher.Pinned(ctx, c.Server)
	if err != nil {
		return err
	}
	if len(kept) == 0 {
		return c.Say(ctx, c.T("testset.none"))
	}
	labels, replies := map[string]int{}, 0
	for _, e := range kept {
		if e.Label != "" {
			labels[e.Label]++
		}
		if e.Reply != "" {
			replies++
		}
	}
	text := c.T("testset.list", "total", len(kept), "labels", len(labels), "questions", replies) + "\n"
	if len(labels) > 0 {
		text += labelCounts(labels) + "\n"
	}
	return c.Say(ctx, text+c.exampleLines(kept[:min(len(kept), examplesShown)]))
}

func unpinTexts(ctx context.Context, c *Call) error {
	filter := record.ExampleFilter{Dataset: new(teach.DatasetPinned), Text: c.Arg("text")}
	if all, _ := c.Bool("all"); filter.Text == "" && !all {
		return c.fail("testset.unpin_what")
	}
	n, err := c.bot.teacher.Remove(ctx, c.Server, filter)
	if err != nil {
		return err
	}
	return c.Say(ctx, c.T("testset.unpinned", "count", n))
}
