package bot

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/mynahbot/mynah/internal/learn"
)

// growingShown is how many labels are named that more examples would help.
const growingShown = 5

// result is what a training's message says at the end.
func (t *trainingRun) result(o *outcome) (Reply, error) {
	c, report := t.c, o.report
	var b strings.Builder
	line := func(key string, pairs ...any) { b.WriteString(c.T(key, pairs...) + "\n") }
	line("train.done", "job", t.job.ID)
	line("train.examples", "examples", report.Examples, "labels", len(report.Labels), "questions", report.Questions)
	if added := t.added + t.args.Added; added+t.duplicates+t.args.Duplicates+t.skipped > 0 {
		line("train.taken", "added", added, "duplicates", t.duplicates+t.args.Duplicates, "skipped", t.skipped)
	}
	if t.firstSkip != nil {
		line("train.first_skip", "where", plain(t.firstSkip.Where), "why", c.remark(t.firstSkip.Why))
	}
	held := report.HeldOut
	switch {
	case held.Examples == 0 && len(report.Labels) > 0:
		line("train.nothing_held_out")
	case held.Examples > 0:
		line("train.quality", "accuracy", percent(held.Accuracy), "low", percent(held.AccuracyInterval.Low), "high", percent(held.AccuracyInterval.High),
			"f1", percent(held.MacroF1), "texts", held.Examples)
	}
	if held.Replies > 0 {
		line("train.reply_quality", "accuracy", percent(held.ReplyAccuracy), "questions", held.Replies)
	}
	if o.pinned != nil {
		line("train.pinned", "score", percent(o.pinned.Score()), "texts", o.pinned.Examples+o.pinned.Replies)
	}
	if o.old != nil {
		line("train.before", "number", o.old.Number, "accuracy", percent(o.old.Accuracy), "f1", percent(o.old.MacroF1))
	}
	if o.change != nil && o.change.FixedCount+o.change.BrokenCount > 0 {
		line("train.change", "fixed", o.change.FixedCount, "broken", o.change.BrokenCount)
	}
	b.WriteString(t.material.text(c))
	if growing := learn.Growing(o.curve); len(growing) > 0 {
		var names []string
		for _, g := range growing[:min(len(growing), growingShown)] {
			names = append(names, code(g.Label))
		}
		line("train.growing", "labels", strings.Join(names, ", "))
	}
	for _, note := range report.Notes {
		b.WriteString("_" + c.note(note) + "_\n")
	}
	if encoder := o.next.model.Encoder(); encoder != "" {
		line("train.encoder", "encoder", plain(encoder))
	}
	line("train.thresholds", "label", number(report.Threshold), "reply", number(report.ReplyThreshold))
	if o.next.tuned != "" {
		line("train.tuned", "tuned", plain(o.next.tuned))
	}
	b.WriteString(t.verdict(o))
	files, err := reportFiles(learn.ReportPage{
		Title: fmt.Sprintf("Mynah: training %s, model %d", t.job.ID, o.kept.Number), Evaluation: &report.HeldOut, Training: report,
		Change: o.change, Pinned: o.pinned, Leaked: len(t.material.leaked), Curve: o.curve,
	})
	return Reply{Text: b.String(), Files: files}, err
}

// verdict says what the new model is used for, and why.
func (t *trainingRun) verdict(o *outcome) string {
	c, d := t.c, o.decision
	pairs := []any{
		"number", o.kept.Number, "time", seconds(o.report.Duration), "prefix", c.bot.prefix(c.settings),
		"new", percent(d.New), "old", percent(d.Old), "texts", d.Texts,
	}
	switch {
	case d.Promote && o.old == nil:
		return c.T("train.first", pairs...)
	case d.Promote:
		return c.T("train.promoted", pairs...)
	case o.tuned:
		return c.T("train.held_back_tuned", pairs...)
	case d.Ground == learn.GroundPinned:
		return c.T("train.held_back_pinned", pairs...)
	case d.Ground == learn.GroundEarlier:
		return c.T("train.held_back_earlier", pairs...) + c.batchText(o.batch)
	}
	return c.T("train.held_back", pairs...)
}

// batchText says which examples made a model worse, and what to do about them.
func (c *Call) batchText(b batch) string {
	pairs := []any{"texts", b.texts, "disputed", b.disputed, "file", plain(b.file), "prefix", c.bot.prefix(c.settings)}
	switch {
	case b.texts == 0:
		return ""
	case b.file == "":
		return "\n" + c.T("train.batch_typed", pairs...)
	case b.stored:
		return "\n" + c.T("train.batch_file", pairs...) + " " + c.T("train.batch_disable", "file", argument(b.file), "prefix", c.bot.prefix(c.settings))
	}
	return "\n" + c.T("train.batch_file", pairs...)
}

// reportFiles are the charts that there are, and the whole report as a page.
func reportFiles(page learn.ReportPage) ([]File, error) {
	charts, err := page.Charts()
	if err != nil {
		return nil, err
	}
	var files []File
	for _, c := range charts {
		files = append(files, bytesFile(c.Name+".png", c.PNG))
	}
	if page.Evaluation.Examples+page.Evaluation.Replies == 0 && page.Pinned == nil && page.Change == nil {
		return files, nil
	}
	var html bytes.Buffer
	if err := page.WriteHTML(&html); err != nil {
		return nil, err
	}
	return append(files, bytesFile("report.html", html.Bytes())), nil
}
