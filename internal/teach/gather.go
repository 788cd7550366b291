package teach

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/workspace"
)

// Material is what a training learns, and what its model is measured on.
type Material struct {
	Examples []record.Example
	Findings learn.Findings
	Leaked   []record.Example // left out of Examples, since they are pinned

	// standing is what else is still taught here: the selected dataset, where
	// this training learns another one.
	standing  []record.Example
	pinned    []record.Example
	responses map[string][]string // that the dataset's files carry
	last      record.CorrectionID // newest correction
}

// TooManyError says that there is more to learn than one training takes.
type TooManyError struct {
	All, Most int  // examples
	Upload    bool // with what was attached, which is not kept
}

func (e *TooManyError) Error() string {
	return fmt.Sprintf("%d examples are more than the %d of one training", e.All, e.Most)
}

// Is reports that it is a [learn.ErrTooManyExamples].
func (e *TooManyError) Is(target error) bool { return target == learn.ErrTooManyExamples }

// ReadError says that a file or dataset gave no examples.
type ReadError struct {
	Name   string
	Report dataset.ReadReport
	Err    error
}

func (e *ReadError) Error() string { return e.Name + ": " + e.Err.Error() }
func (e *ReadError) Unwrap() error { return e.Err }

// gather collects all that the server's model is to know: what was taught, the
// examples that were attached, the chosen dataset, and every correction; and the
// texts that it may not learn.
func (r *run) gather(ctx context.Context, w *workspace.Workspace, attached []record.Example) (m Material, err error) {
	if m.pinned, err = r.Pinned(ctx, r.job.Server); err != nil {
		return m, err
	}
	taught, err := r.cfg.Examples.Examples(ctx, r.job.Server, "")
	if err != nil {
		return m, err
	}
	type content struct{ text, label, reply string }
	there := make(map[content]bool, len(taught))
	for _, e := range taught {
		there[content{e.Text, e.Label, e.Reply}] = true
		if !e.Disabled {
			m.Examples = append(m.Examples, e)
		}
	}
	for _, e := range attached {
		if key := (content{e.Text, e.Label, e.Reply}); !there[key] {
			there[key] = true
			m.Examples = append(m.Examples, e)
		}
	}
	if r.request.Dataset.Path != "" {
		label := ""
		if r.request.Named {
			label = r.request.Label
		}
		examples, report, err := r.readLabelled(ctx, w, r.request.Dataset, label)
		if err != nil {
			return m, &ReadError{r.request.Dataset.Path, report, err}
		}
		r.skip(report)
		m.Examples, m.responses = append(m.Examples, examples...), report.Responses
	}
	if chosen := r.settings.Dataset; chosen.Path != "" && chosen != r.request.Dataset {
		standing, _, err := r.ReadDataset(ctx, w, chosen)
		if ctx.Err() != nil {
			return m, ctx.Err()
		}
		if err != nil { // it was taken away, and nobody stands by it
			r.log.Info("the selected dataset can't be read", "server", r.job.Server, "path", chosen.Path, "err", err)
		}
		m.standing = standing
	}
	corrections, err := r.cfg.Corrections.Corrections(ctx, r.job.Server, false)
	if err != nil {
		return m, err
	}
	for _, c := range corrections {
		m.last = max(m.last, c.ID)
		m.Examples = append(m.Examples, correctionExample(c))
	}
	// What is no example by today's rules would end the training.
	m.Examples = slices.DeleteFunc(m.Examples, func(e record.Example) bool { return e.Validate() != nil })
	if most := r.cfg.MaxExamples; len(m.Examples) > most {
		return m, &TooManyError{All: len(m.Examples), Most: most, Upload: len(attached) > 0}
	}
	m.keepTestTextsOut()
	_, m.Findings = learn.Clean(m.Examples)
	return m, nil
}

// keepTestTextsOut leaves the pinned texts out of what is learned: on them the
// figures would say nothing.
func (m *Material) keepTestTextsOut() {
	leaked := map[int]bool{}
	for _, i := range learn.Leaked(m.pinned, m.Examples) {
		leaked[i] = true
	}
	if len(leaked) == 0 {
		return
	}
	kept := make([]record.Example, 0, len(m.Examples)-len(leaked))
	for i, e := range m.Examples {
		if leaked[i] {
			m.Leaked = append(m.Leaked, e)
		} else {
			kept = append(kept, e)
		}
	}
	m.Examples = kept
}

// responseExamples are response texts of labels as they are kept.
func responseExamples(responses map[string][]string, origin record.Origin) []record.Example {
	var records []record.Example
	for _, label := range slices.Sorted(maps.Keys(responses)) {
		for _, text := range responses[label] {
			records = append(records, record.Example{Dataset: answer.DatasetResponses, Label: label, Reply: text, Origin: origin})
		}
	}
	return records
}

// ReadDataset reads a chosen dataset of the workspace.
func (t *Teacher) ReadDataset(ctx context.Context, w *workspace.Workspace, choice record.DatasetChoice) ([]record.Example, dataset.ReadReport, error) {
	return t.readLabelled(ctx, w, choice, "")
}

// readLabelled is ReadDataset, where texts that come without a label get one.
func (t *Teacher) readLabelled(
	ctx context.Context, w *workspace.Workspace, choice record.DatasetChoice, label string,
) ([]record.Example, dataset.ReadReport, error) {
	opt := dataset.ReadOptions{Label: label}
	positive, whole := dataset.ParseBool(choice.Positive) // every text that comes without a label is of one
	if whole {
		opt.Label = dataset.PositiveLabel(positive)
	}
	examples, report, err := t.cfg.Datasets.ReadPath(ctx, w.FS(), choice.Path, opt)
	if err != nil || choice.Positive == "" || whole {
		return examples, report, err
	}
	for i, e := range examples {
		switch {
		case e.Label == "":
		case strings.EqualFold(e.Label, choice.Positive):
			examples[i].Label = dataset.LabelPositive
		default:
			examples[i].Label = dataset.LabelNegative
		}
	}
	_, report.Findings = learn.Clean(examples)
	return examples, report, nil
}
