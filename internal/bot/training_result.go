package bot

import (
	"fmt"
	"strings"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// growingShown is how many labels are named that more examples would help.
const growingShown = 5

// trained is what a training's message says at the end.
func (t translation) trained(job record.Job, o *teach.Outcome) string {
	if o.Resumed {
		return t.T("train.done", "job", job.ID) + "\n" + t.modelLine(o.Kept)
	}
	report := o.Report
	var b strings.Builder
	line := func(key string, pairs ...any) { b.WriteString(t.T(key, pairs...) + "\n") }
	line("train.done", "job", job.ID)
	line("train.examples", "examples", report.Examples, "labels", len(report.Labels), "questions", report.Questions)
	if o.Added+o.Duplicates+o.Skipped > 0 {
		line("train.taken", "added", o.Added, "duplicates", o.Duplicates, "skipped", o.Skipped)
	}
	if s := o.FirstSkip; s != nil {
		line("train.first_skip", "where", plain(s.Where), "why", t.remark(s.Why))
	}
	held := report.HeldOut
	switch {
	case held.Examples == 0 && len(report.Labels) > 0:
		line("train.nothing_held_out")
	case held.Examples > 0:
		line("train.quality", "accuracy", percent(held.Accuracy), "low", percent(held.AccuracyInterval.Low), "high", percent(held.AccuracyInterval.High),
			"f1", percent(held.MacroF1), "texts", held.Examples)
	}
	switch w := o.Wordings; {
	case w != nil:
		line("train.wordings", "asked", w.Asked, "right", w.Right, "wrong", w.Wrong, "refused", w.Refused())
		if o.Before != nil {
			line("train.wordings_before", "right", o.Before.Right, "wrong", o.Before.Wrong, "refused", o.Before.Refused())
		}
		line("train.chat", "chat", w.Chat, "answered", w.Answered)
	case report.Questions > 0:
		line("train.one_wording")
	}
	if o.Pinned != nil {
		line("train.pinned", "score", percent(o.Pinned.Score()), "texts", o.Pinned.Examples+o.Pinned.Replies)
	}
	if o.Old != nil {
		line("train.before", "number", o.Old.Number, "accuracy", percent(o.Old.Accuracy), "f1", percent(o.Old.MacroF1))
	}
	if o.Change != nil && o.Change.FixedCount+o.Change.BrokenCount > 0 {
		line("train.change", "fixed", o.Change.FixedCount, "broken", o.Change.BrokenCount)
	}
	b.WriteString(t.material(&o.Material))
	if growing := learn.Growing(o.Curve); len(growing) > 0 {
		var names []string
		for _, g := range growing[:min(len(growing), growingShown)] {
			names = append(names, code(g.Label))
		}
		line("train.growing", "labels", strings.Join(names, ", "))
	}
	for _, note := range report.Notes {
		b.WriteString("_" + t.note(note) + "_\n")
	}
	if encoder := o.Model.Encoder(); encoder != "" {
		line("train.encoder", "encoder", plain(encoder))
	}
	line("train.thresholds", "label", number(report.Threshold), "reply", number(o.Threshold()))
	if o.Tuned != "" {
		line("train.tuned", "tuned", plain(o.Tuned))
	}
	b.WriteString(t.verdict(o))
	return b.String()
}

// trainingFiles are the report of a training.
func (b *Bot) trainingFiles(job record.Job, o *teach.Outcome) ([]File, error) {
	if o.Resumed {
		return nil, nil
	}
	return b.reportFiles(learn.ReportPage{
		Title: fmt.Sprintf("Mynah: training %s, model %d", job.ID, o.Kept.Number), Evaluation: &o.Report.HeldOut, Training: o.Report,
		Change: o.Change, Pinned: o.Pinned, Leaked: len(o.Material.Leaked), Curve: o.Curve,
	})
}

// material says what was found before the training, and what was done about it.
func (t translation) material(m *teach.Material) string {
	var b strings.Builder
	line := func(key string, pairs ...any) { b.WriteString(t.T(key, pairs...) + "\n") }
	f := m.Findings
	if f.NearDuplicates+f.Duplicates > 0 {
		line("train.duplicates", "exact", f.Duplicates, "near", f.NearDuplicates)
	}
	if f.ContradictionCount > 0 {
		first := f.Contradictions[0]
		line("train.contradictions", "count", f.ContradictionCount, "example", plain(shorten(first.Text, 80)), "kept", plain(shorten(first.Answers[0], 80)))
	}
	if n := len(m.Leaked); n > 0 {
		line("train.leaked", "count", n, "example", plain(shorten(m.Leaked[0].Text, 80)))
	}
	if n := len(f.RareLabels); n > 0 {
		line("train.rare", "count", n, "labels", plain(strings.Join(f.RareLabels[:min(n, 5)], ", ")), "few", learn.RareLabel)
	}
	return b.String()
}

// verdict says what the new model is used for, and why.
func (t translation) verdict(o *teach.Outcome) string {
	d := o.Decision
	pairs := []any{
		"number", o.Kept.Number, "time", seconds(o.Report.Duration),
		"new", percent(d.New), "old", percent(d.Old), "texts", d.Texts,
	}
	switch {
	case o.Guesses:
		return t.T("train.held_back_guesses", pairs...)
	case d.Promote && o.Old == nil:
		return t.T("train.first", pairs...)
	case d.Promote:
		return t.T("train.promoted", pairs...)
	case o.Uncompared:
		return t.T("train.held_back_tuned", pairs...)
	case d.Ground == learn.GroundPinned:
		return t.T("train.held_back_pinned", pairs...)
	case d.Ground == teach.GroundWordings:
		return t.T("train.held_back_wordings", pairs...)
	case d.Ground == learn.GroundEarlier:
		return t.T("train.held_back_earlier", pairs...) + t.batchText(o.Batch)
	}
	return t.T("train.held_back", pairs...)
}

// batchText says which examples made a model worse, and what to do about them.
func (t translation) batchText(b teach.Batch) string {
	pairs := []any{"texts", b.Texts, "disputed", b.Disputed, "file", plain(b.File)}
	switch {
	case b.Texts == 0:
		return ""
	case b.File == "":
		return "\n" + t.T("train.batch_typed", pairs...)
	case b.Stored:
		return "\n" + t.T("train.batch_file", pairs...) + " " + t.T("train.batch_disable", "file", argument(b.File))
	}
	return "\n" + t.T("train.batch_file", pairs...)
}

// reportFiles are the charts that there are, and the whole report as a page.
func (b *Bot) reportFiles(page learn.ReportPage) ([]File, error) {
	if b.cfg.Report == nil {
		return nil, nil
	}
	charts, html, err := b.cfg.Report(page)
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
	return append(files, bytesFile("report.html", html)), nil
}
