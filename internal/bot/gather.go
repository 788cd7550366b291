package bot

import (
	"context"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
)

// The datasets of examples that are not learned as they are. The server's own is "".
const (
	datasetPinned    = "pinned"    // the server's test set: texts with their right answers
	datasetResponses = "responses" // labels with their response texts, and no text
)

// material is what a training learns, and what its model is measured on.
type material struct {
	examples []record.Example
	// standing is what else is still taught here: the selected dataset, where
	// this training learns another one.
	standing  []record.Example
	pinned    []record.Example
	leaked    []record.Example    // of the examples, left out since they are pinned
	responses map[string][]string // that the dataset's files carry
	findings  learn.Findings
	last      record.CorrectionID // newest correction
}

// gather collects all that the server's model is to know: what was taught, the
// examples that were attached, the chosen dataset, and every correction; and the
// texts that it may not learn.
func (t *trainingRun) gather(ctx context.Context, w *store.Workspace, attached []record.Example) (m material, err error) {
	if m.pinned, err = t.bot.pinned(ctx, t.job.Server); err != nil {
		return m, err
	}
	taught, err := t.bot.cfg.Examples.Examples(ctx, t.job.Server, "")
	if err != nil {
		return m, err
	}
	type content struct{ text, label, reply string }
	there := make(map[content]bool, len(taught))
	for _, e := range taught {
		there[content{e.Text, e.Label, e.Reply}] = true
		if !e.Disabled {
			m.examples = append(m.examples, e)
		}
	}
	for _, e := range attached {
		if key := (content{e.Text, e.Label, e.Reply}); !there[key] {
			there[key] = true
			m.examples = append(m.examples, e)
		}
	}
	if t.args.Dataset.Path != "" {
		label := ""
		if t.args.Named {
			label = t.args.Label
		}
		examples, report, err := readLabelled(ctx, w, t.args.Dataset, label)
		if err != nil {
			return m, t.c.readError(t.args.Dataset.Path, report, err)
		}
		t.skip(report)
		m.examples, m.responses = append(m.examples, examples...), report.Responses
	}
	if chosen := t.c.settings.Dataset; chosen.Path != "" && chosen != t.args.Dataset {
		standing, _, err := readDataset(ctx, w, chosen)
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
		if err != nil { // it was taken away, and nobody stands by it
			t.bot.log.Info("the selected dataset can't be read", "server", t.job.Server, "path", chosen.Path, "err", err)
		}
		m.standing = standing
	}
	corrections, err := t.bot.cfg.Corrections.Corrections(ctx, t.job.Server, false)
	if err != nil {
		return m, err
	}
	for _, c := range corrections {
		m.last = max(m.last, c.ID)
		m.examples = append(m.examples, correctionExample(c))
	}
	// What is no example by today's rules would end the training.
	m.examples = slices.DeleteFunc(m.examples, func(e record.Example) bool { return e.Validate() != nil })
	if most := t.bot.cfg.MaxExamples; len(m.examples) > most {
		if len(attached) > 0 {
			return m, t.c.failed(learn.ErrTooManyExamples, "train.too_many_with_upload", "all", len(m.examples), "examples", most, "prefix", t.c.bot.prefix(t.c.settings))
		}
		return m, t.c.learnError(learn.ErrTooManyExamples)
	}
	m.keepTestTextsOut()
	_, m.findings = learn.Clean(m.examples)
	return m, nil
}

// keepTestTextsOut leaves the pinned texts out of what is learned: on them the
// figures would say nothing.
func (m *material) keepTestTextsOut() {
	leaked := map[int]bool{}
	for _, i := range learn.Leaked(m.pinned, m.examples) {
		leaked[i] = true
	}
	if len(leaked) == 0 {
		return
	}
	kept := make([]record.Example, 0, len(m.examples)-len(leaked))
	for i, e := range m.examples {
		if leaked[i] {
			m.leaked = append(m.leaked, e)
		} else {
			kept = append(kept, e)
		}
	}
	m.examples = kept
}

// text says what was found before the training, and what was done about it.
func (m *material) text(c *Call) string {
	var b strings.Builder
	line := func(key string, pairs ...any) { b.WriteString(c.T(key, pairs...) + "\n") }
	f := m.findings
	if f.NearDuplicates+f.Duplicates > 0 {
		line("train.duplicates", "exact", f.Duplicates, "near", f.NearDuplicates)
	}
	if f.ContradictionCount > 0 {
		first := f.Contradictions[0]
		line("train.contradictions", "count", f.ContradictionCount, "example", plain(shorten(first.Text, 80)), "kept", plain(shorten(first.Answers[0], 80)))
	}
	if n := len(m.leaked); n > 0 {
		line("train.leaked", "count", n, "example", plain(shorten(m.leaked[0].Text, 80)))
	}
	if n := len(f.RareLabels); n > 0 {
		line("train.rare", "count", n, "labels", plain(strings.Join(f.RareLabels[:min(n, 5)], ", ")), "few", learn.RareLabel)
	}
	return b.String()
}

// pinned reads the server's own test set.
func (b *Bot) pinned(ctx context.Context, server record.ServerID) ([]record.Example, error) {
	return b.cfg.Examples.Examples(ctx, server, datasetPinned)
}

// responses reads what the server answers to texts of a label.
func (b *Bot) responses(ctx context.Context, server record.ServerID) (map[string][]string, error) {
	kept, err := b.cfg.Examples.Examples(ctx, server, datasetResponses)
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	for _, e := range kept {
		all[e.Label] = append(all[e.Label], e.Reply)
	}
	return all, nil
}

// readDataset reads a chosen dataset of the workspace.
func readDataset(ctx context.Context, w *store.Workspace, choice record.DatasetChoice) ([]record.Example, dataset.ReadReport, error) {
	return readLabelled(ctx, w, choice, "")
}

// readLabelled is readDataset, where texts that come without a label get one.
func readLabelled(ctx context.Context, w *store.Workspace, choice record.DatasetChoice, label string) ([]record.Example, dataset.ReadReport, error) {
	opt := dataset.ReadOptions{Label: label}
	asBool, isBool := readBool(choice.Positive)
	if isBool && choice.Positive != "" {
		opt.Label = labelNegative
		if asBool {
			opt.Label = labelPositive
		}
	}
	examples, report, err := dataset.ReadPath(ctx, w.FS(), choice.Path, opt)
	if err != nil || choice.Positive == "" || isBool {
		return examples, report, err
	}
	for i, e := range examples {
		switch {
		case e.Label == "":
		case strings.EqualFold(e.Label, choice.Positive):
			examples[i].Label = labelPositive
		default:
			examples[i].Label = labelNegative
		}
	}
	_, report.Findings = learn.Clean(examples)
	return examples, report, nil
}
