package bot

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// exampleLines lists examples with the numbers that the commands on them take.
func (c *Call) exampleLines(all []record.Example) string {
	var b strings.Builder
	for _, e := range all {
		right := cmp.Or(e.Label, e.Reply)
		if e.Label != "" && e.Reply != "" {
			right = e.Label + " → " + e.Reply
		}
		text := "• #" + strconv.FormatInt(int64(e.ID), 10) + " "
		if e.Text != "" {
			text += code(shorten(e.Text, 80)) + " → "
		}
		b.WriteString(text + plain(shorten(right, 200)) + " (" + c.originText(e.Origin) + ")")
		switch e.Dataset {
		case teach.DatasetPinned:
			b.WriteString(" " + c.T("dataset.is_pinned"))
		case answer.DatasetResponses:
			b.WriteString(" " + c.T("dataset.is_response"))
		}
		if e.Disabled {
			b.WriteString(" " + c.T("dataset.disabled"))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// correctionLines lists corrections, which have numbers of their own.
func (c *Call) correctionLines(all []record.Correction) string {
	var b strings.Builder
	for _, k := range all {
		o := record.Origin{Kind: record.OriginCorrection, Message: k.Message, Author: k.By, At: k.At}
		b.WriteString("• " + c.T("dataset.correction_number", "number", k.ID) + " " + code(shorten(k.Question, 80)) + " → " + plain(shorten(k.Right, 200)) + " (" + c.originText(o) + ")\n")
	}
	return b.String()
}

func (c *Call) originText(o record.Origin) string {
	text := c.T("dataset.origin_" + string(o.Kind))
	if o.File != "" {
		text += " " + plain(o.File)
		if o.Line > 0 {
			text += ":" + strconv.Itoa(o.Line)
		}
	}
	switch {
	case o.Kind == record.OriginMessage && o.Message != 0:
		text = c.T("dataset.in_message", "message", o.Message)
	case o.Message != 0:
		text += ", " + c.T("dataset.in_message", "message", o.Message)
	}
	if o.Author != 0 {
		text += ", <@" + o.Author.String() + ">"
	}
	if !o.At.IsZero() {
		text += ", <t:" + strconv.FormatInt(o.At.Unix(), 10) + ":d>"
	}
	return text
}

func findExamples(ctx context.Context, c *Call) error {
	query := c.Arg("text")
	found, err := c.bot.cfg.Examples.FindExamples(ctx, c.Server, query, examplesShown)
	if err != nil {
		return err
	}
	corrections, err := c.corrections(ctx, func(k record.Correction) bool {
		return strings.Contains(strings.ToLower(k.Question+"\n"+k.Right), strings.ToLower(query))
	})
	if err != nil {
		return err
	}
	inFiles, err := c.inDataset(ctx, func(e record.Example) bool {
		return strings.Contains(strings.ToLower(e.Text+"\n"+e.Label+"\n"+e.Reply), strings.ToLower(query))
	})
	if err != nil {
		return err
	}
	if len(found)+len(corrections)+len(inFiles) == 0 {
		return c.Say(ctx, c.T("dataset.nothing_found"))
	}
	text := c.exampleLines(found) + c.correctionLines(corrections[max(0, len(corrections)-examplesShown):])
	for _, e := range inFiles[:min(len(inFiles), examplesShown)] {
		text += "• " + code(shorten(e.Text, 80)) + " → " + plain(shorten(cmp.Or(e.Label, e.Reply), 200)) + " (" + c.originText(record.Origin{Kind: record.OriginFile, File: e.Origin.File, Line: e.Origin.Line}) + ")\n"
	}
	return c.Say(ctx, text+c.inFilesText(inFiles))
}

// inDataset returns the examples of the selected dataset that are wanted. They
// lie in files of the workspace, and have no numbers.
func (c *Call) inDataset(ctx context.Context, wanted func(record.Example) bool) ([]record.Example, error) {
	if c.settings.Dataset.Path == "" {
		return nil, nil
	}
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return nil, err
	}
	examples, _, err := c.bot.teacher.ReadDataset(ctx, w, c.settings.Dataset)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil { // it was taken away, or holds nothing
		return nil, nil
	}
	return slices.DeleteFunc(examples, func(e record.Example) bool { return !wanted(e) }), nil
}

// inFilesText says how examples of the selected dataset are changed.
func (c *Call) inFilesText(examples []record.Example) string {
	if len(examples) == 0 {
		return ""
	}
	return "\n" + c.T("dataset.in_files", "count", len(examples), "path", plain(c.settings.Dataset.Path))
}

// chosenInDataset says how the examples of the selected dataset are changed that
// a filter chooses, if there are any.
func (c *Call) chosenInDataset(ctx context.Context, f record.ExampleFilter) (string, error) {
	if len(f.IDs) > 0 || f.Author != 0 {
		return "", nil // those in files have neither
	}
	found, err := c.inDataset(ctx, func(e record.Example) bool {
		return (f.Text == "" || f.Text == e.Text) && (f.Label == "" || f.Label == e.Label) &&
			(f.File == "" || f.File == e.Origin.File || f.File == c.settings.Dataset.Path)
	})
	return c.inFilesText(found), err
}

// corrections returns the server's corrections that are wanted, oldest first.
func (c *Call) corrections(ctx context.Context, wanted func(record.Correction) bool) ([]record.Correction, error) {
	all, err := c.bot.cfg.Corrections.Corrections(ctx, c.Server, false)
	if err != nil {
		return nil, err
	}
	var some []record.Correction
	for _, k := range all {
		if wanted(k) {
			some = append(some, k)
		}
	}
	return some, nil
}

// exampleOptions choose examples that were taught.
func exampleOptions() []Option {
	return []Option{
		{Name: "text", Rest: true},
		{Name: "example", Kind: Integer},
		{Name: "label", Complete: completeLabels},
		{Name: "file"},
		{Name: "author", Kind: Member},
	}
}

// exampleFilter is what the options choose; chosen is false for nothing. A
// number finds the example wherever it is, all else what was taught.
func (c *Call) exampleFilter() (f record.ExampleFilter, chosen bool) {
	f = record.ExampleFilter{Text: c.Arg("text"), Label: c.Arg("label"), File: c.Arg("file")}
	if id := c.Int("example"); id != 0 {
		f.IDs = []record.ExampleID{record.ExampleID(id)}
	} else {
		f.Dataset = new("")
	}
	if author := c.Int("author"); author != 0 {
		f.Author = record.UserID(author)
	}
	return f, f.Text != "" || f.Label != "" || f.File != "" || f.Author != 0 || len(f.IDs) > 0
}

func removeExamples(ctx context.Context, c *Call) error {
	filter, chosen := c.exampleFilter()
	number := record.CorrectionID(c.Int("correction"))
	if !chosen && number == 0 {
		return c.fail("dataset.remove_what")
	}
	n := 0
	if chosen {
		var err error
		if n, err = c.bot.teacher.Remove(ctx, c.Server, filter); err != nil {
			return err
		}
	}
	forgotten, err := c.corrections(ctx, func(k record.Correction) bool {
		switch {
		case k.ID == number:
			return true
		case !chosen || len(filter.IDs) > 0 || filter.Label != "" || filter.File != "":
			return false
		}
		return (filter.Text == "" || k.Question == filter.Text) && (filter.Author == 0 || k.By == filter.Author)
	})
	if err != nil {
		return err
	}
	ids := make([]record.CorrectionID, len(forgotten))
	for i, k := range forgotten {
		ids[i] = k.ID
	}
	if err := c.bot.teacher.RemoveCorrections(ctx, c.Server, ids...); err != nil {
		return err
	}
	rest := ""
	if chosen {
		if rest, err = c.chosenInDataset(ctx, filter); err != nil {
			return err
		}
	}
	return c.Say(ctx, c.T("dataset.removed", "count", n+len(forgotten))+rest)
}

// disableExamples leaves examples out of trainings, or takes them in again.
func disableExamples(disabled bool) func(context.Context, *Call) error {
	return func(ctx context.Context, c *Call) error {
		filter, chosen := c.exampleFilter()
		if !chosen {
			return c.fail("dataset.which_examples")
		}
		n, err := c.bot.teacher.Disable(ctx, c.Server, filter, disabled)
		if err != nil {
			return err
		}
		key := "dataset.enabled_now"
		if disabled {
			key = "dataset.disabled_now"
		}
		rest, err := c.chosenInDataset(ctx, filter)
		if err != nil {
			return err
		}
		return c.Say(ctx, c.T(key, "count", n)+rest)
	}
}

// editExample changes what one example says.
func editExample(ctx context.Context, c *Call) error {
	id := record.ExampleID(c.Int("example"))
	e, found, err := c.bot.cfg.Examples.Example(ctx, c.Server, id)
	if err != nil {
		return err
	}
	if !found {
		return c.fail("dataset.no_such_example", "example", id)
	}
	given := false
	for name, field := range map[string]*string{"text": &e.Text, "label": &e.Label, "reply": &e.Reply} {
		if value := strings.TrimSpace(c.Arg(name)); value != "" {
			*field, given = value, true
		}
	}
	if !given {
		return c.fail("dataset.edit_what")
	}
	if err := e.Validate(); err != nil && !(e.Dataset == answer.DatasetResponses && errors.Is(err, record.ErrNoText)) {
		return c.learnError(err)
	}
	found, err = c.bot.teacher.Edit(ctx, c.Server, e)
	switch {
	case errors.Is(err, record.ErrDuplicate):
		return c.failed(err, "dataset.edit_duplicate")
	case err != nil:
		return err
	case !found:
		return c.fail("dataset.no_such_example", "example", id)
	}
	return c.Say(ctx, c.T("dataset.edited")+"\n"+c.exampleLines([]record.Example{e}))
}
