package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/learn/report"
	"github.com/mynahbot/mynah/internal/record"
)

type trainCmd struct {
	config.FolderElsewhere `embed:""`

	Data  string `required:"" env:"-" help:"Dataset: a file (CSV, XLSX, JSON, YAML, TXT, Markdown, DOCX, PDF, ZIP, …) or a folder." placeholder:"PATH"`
	Model string `required:"" help:"File to write the model to." placeholder:"FILE"`
	Sure  bool   `help:"Train even where the layout of the data had to be guessed." env:"-"`
	Seed  uint64 `help:"The same data and seed give the same model." default:"1"`
}

type trainLine struct {
	Model      string  `json:"model"`
	Examples   int     `json:"examples"`
	Labels     int     `json:"labels"`
	Replies    int     `json:"replies"`
	Duplicates int     `json:"duplicates"`
	Skipped    int     `json:"skipped"`
	Accuracy   float64 `json:"accuracy"` // held-out
	MacroF1    float64 `json:"macro_f1"` // held-out
	Seconds    float64 `json:"seconds"`

	Threshold float64 `json:"threshold"` // known score below which no label is named
	Encoder   string  `json:"encoder,omitempty"`
}

// Run trains and writes the model at once and whole.
func (c *trainCmd) Run(ctx contextBox, cfg *config.Config, o *output) (err error) {
	examples, found, err := readDataset(ctx, c.Data, dataset.ReadOptions{MaxCount: cfg.Limits.Examples})
	if err != nil {
		return err
	}
	tellRead(o, examples, found)
	if !found.Sure() && !c.Sure {
		return fmt.Errorf("%s: how it is made was guessed; look at what was read, and add --sure if it is right", c.Data)
	}
	encoders, err := openEncoders(cfg, c.Kept(), func(s string) { o.say("%s", s) })
	if err != nil {
		return err
	}
	defer encoders.closeTo(&err)
	began := time.Now()
	model, report, err := learn.Train(ctx, examples, learn.Options{
		Seed: c.Seed, Budget: cfg.Learn.Budget, TargetRefusal: cfg.Learn.RefusalTarget, Encoder: encoders.first(),
		Progress: func(p learn.Progress) {
			o.progress("", "%s: %3.0f %%, %s left", p.Stage, 100*p.Done, p.Left.Round(time.Second))
		},
	})
	o.progressEnd()
	if err != nil {
		return err
	}
	took := time.Since(began)
	if len(found.Responses) > 0 {
		model = model.WithResponses(found.Responses)
	}
	matcher, err := answer.NewMatcher(encoders.first(), encoders.kept(), nil)
	if err != nil {
		return err
	}
	if model, err = matcher.Keep(ctx, model); err != nil {
		return err
	}
	if err := writeWhole(c.Model, model.Save); err != nil {
		return err
	}
	for _, note := range report.Notes {
		o.say("%s", note)
	}
	tellFindings(o, report.Findings)
	line := trainLine{
		Model: c.Model, Examples: report.Examples, Labels: len(model.Labels()), Replies: report.Questions,
		Duplicates: found.Duplicates, Skipped: found.SkipCount,
		Accuracy: report.HeldOut.Accuracy, MacroF1: report.HeldOut.MacroF1, Seconds: took.Seconds(),
		Threshold: model.Threshold(), Encoder: model.Encoder(),
	}
	text := fmt.Sprintf("%d examples, %d labels, %d replies: held-out accuracy %.3f, macro-F1 %.3f, in %s; wrote %s",
		line.Examples, line.Labels, line.Replies, line.Accuracy, line.MacroF1, took.Round(time.Millisecond), c.Model)
	if line.Encoder != "" {
		text += fmt.Sprintf("\nIt uses the sentence encoder %s, which has to be installed wherever it is used.", line.Encoder)
	}
	return o.result(line, "%s", text)
}

type testCmd struct {
	config.FolderElsewhere `embed:""`

	Model string `required:"" help:"The model." placeholder:"FILE"`
	Data  string `required:"" env:"-" help:"Dataset with the right answers." placeholder:"PATH"`
	OOS   string `name:"oos" help:"Texts that are outside of the model's subject, to see whether it says so." placeholder:"FILE"`

	Report  string `help:"HTML file to write a report to; its charts are written beside it as PNG too." placeholder:"FILE"`
	Learned string `help:"With --report: the dataset that the model was trained on, for a learning curve." placeholder:"PATH"`
	Before  string `help:"With --report: an earlier model, to show what changed." placeholder:"FILE"`
}

type testLine struct {
	Examples  int      `json:"examples"`
	Accuracy  float64  `json:"accuracy"`
	MacroF1   float64  `json:"macro_f1"`
	ECE       float64  `json:"ece"`
	PredictUS float64  `json:"predict_us"`
	Refused   float64  `json:"refused"`
	Replies   int      `json:"replies,omitempty"`
	ReplyAcc  *float64 `json:"reply_accuracy,omitempty"`
	OOS       int      `json:"oos,omitempty"`
	OOSAUROC  *float64 `json:"oos_auroc,omitempty"`
}

// Validate checks the flags.
func (c *testCmd) Validate() error {
	if c.Report == "" && c.Learned+c.Before != "" {
		return errors.New("--learned and --before are for --report")
	}
	return nil
}

// Run measures a model.
func (c *testCmd) Run(ctx contextBox, cfg *config.Config, o *output) (err error) {
	encoders, err := openEncoders(cfg, c.Kept(), func(s string) { o.say("%s", s) })
	if err != nil {
		return err
	}
	defer encoders.closeTo(&err)
	model, err := loadModel(ctx, c.Model, encoders)
	if err != nil {
		return err
	}
	examples, found, err := readDataset(ctx, c.Data, dataset.ReadOptions{MaxCount: cfg.Limits.Examples})
	if err != nil {
		return err
	}
	tellSkipped(o, found)
	var oos []string
	if c.OOS != "" {
		outside, _, err := readDataset(ctx, c.OOS, dataset.ReadOptions{MaxCount: cfg.Limits.Examples, Unlabel: true})
		if err != nil {
			return err
		}
		for _, e := range outside {
			oos = append(oos, e.Text)
		}
	}
	e, err := model.evaluate(ctx, examples, oos)
	if err != nil {
		return err
	}
	if c.Report != "" {
		page := learn.ReportPage{Title: filepath.Base(c.Model) + " on " + filepath.Base(c.Data), Evaluation: &e}
		if err := c.report(ctx, cfg, page, encoders, examples); err != nil {
			return err
		}
	}
	line := testLine{
		Examples: e.Examples, Accuracy: e.Accuracy, MacroF1: e.MacroF1, ECE: e.ECE,
		PredictUS: e.PredictMicros, Refused: e.Refused, Replies: e.Replies, OOS: e.OOS,
	}
	text := fmt.Sprintf("%d examples: accuracy %.3f, macro-F1 %.3f, calibration error %.3f, %.1f %% refused, %.0f µs each",
		e.Examples, e.Accuracy, e.MacroF1, e.ECE, 100*e.Refused, e.PredictMicros)
	if e.Replies > 0 {
		line.ReplyAcc = &e.ReplyAccuracy
		text += fmt.Sprintf("\n%d questions: the right reply to %.1f %%", e.Replies, 100*e.ReplyAccuracy)
	}
	if e.OOS > 0 {
		line.OOSAUROC = &e.OOSAUROC
		text += fmt.Sprintf("\n%d texts out of scope: AUROC %.3f, %.1f %% refused", e.OOS, e.OOSAUROC, 100*e.OOSRefused)
	}
	return o.result(line, "%s", text)
}

// curveTime is how long the learning curve of a report may take.
const curveTime = time.Minute

// report writes the report and its charts.
func (c *testCmd) report(ctx context.Context, cfg *config.Config, page learn.ReportPage, encoders *installedEncoders, examples []record.Example) error {
	if c.Before != "" {
		model, err := loadModel(ctx, c.Before, encoders)
		if err != nil {
			return err
		}
		before, err := model.evaluate(ctx, examples, nil)
		if err != nil {
			return err
		}
		change := learn.NewChange(&before, page.Evaluation)
		page.Change = &change
	}
	if c.Learned != "" {
		learned, _, err := readDataset(ctx, c.Learned, dataset.ReadOptions{MaxCount: cfg.Limits.Examples})
		if err != nil {
			return err
		}
		options := learn.Options{Seed: 1, Budget: cfg.Learn.Budget, TargetRefusal: cfg.Learn.RefusalTarget}
		if page.Curve, err = learn.LearningCurve(ctx, learned, options, curveTime); err != nil {
			return fmt.Errorf("%s: %w", c.Learned, err)
		}
	}
	charts, html, err := report.Write(page)
	if err != nil {
		return err
	}
	beside := strings.TrimSuffix(c.Report, filepath.Ext(c.Report))
	for _, chart := range charts {
		err := writeWhole(beside+"-"+chart.Name+".png", func(w io.Writer) error {
			_, err := w.Write(chart.PNG)
			return err
		})
		if err != nil {
			return err
		}
	}
	return writeWhole(c.Report, func(w io.Writer) error {
		_, err := w.Write(html)
		return err
	})
}

type predictCmd struct {
	config.Folder `embed:""`

	Model  string   `required:"" help:"The model." placeholder:"FILE"`
	Before string   `env:"-" help:"What the same person asked before, for texts that follow it." placeholder:"TEXT"`
	Text   []string `arg:"" help:"Texts."`
}

type predictLine struct {
	Text        string         `json:"text"`
	Known       bool           `json:"known"`
	Label       string         `json:"label,omitempty"`
	Probability float64        `json:"probability"`
	Labels      []learn.Scored `json:"labels,omitempty"`
	Reply       string         `json:"reply,omitempty"`
	ReplyScore  float64        `json:"reply_score"`
	Suggestions []string       `json:"suggestions,omitempty"` // replies that may be meant, where none is sure
	Chat        bool           `json:"chat,omitempty"`        // the text is no question to a helper
}

// Run predicts, a line for each text.
func (c *predictCmd) Run(ctx contextBox, cfg *config.Config, o *output) (err error) {
	encoders, err := openEncoders(cfg, c.Folder, func(s string) { o.say("%s", s) })
	if err != nil {
		return err
	}
	defer encoders.closeTo(&err)
	model, err := loadModel(ctx, c.Model, encoders)
	if err != nil {
		return err
	}
	before := answer.Before{}
	if c.Before != "" {
		first, err := model.known.Pairs().Ask(ctx, answer.Question(c.Before), before)
		if err != nil {
			return err
		}
		before.Question = c.Before
		if best, ok := first.Best(); ok && first.Kind == answer.Answered {
			before.Taught = best.Question
		}
	}
	for _, text := range c.Text {
		p, match, err := model.predict(ctx, answer.Question(text), before)
		if err != nil {
			return err
		}
		line := predictLine{Text: text, Known: p.Known, Label: p.Label, Probability: p.Probability, Labels: p.Labels, ReplyScore: p.ReplyScore}
		shown := "I don't know"
		if p.LabelKnown {
			shown = fmt.Sprintf("%s (%.0f %%)", p.Label, 100*p.Probability)
		}
		switch {
		case p.ReplyKnown:
			line.Reply, shown = p.Reply, p.Reply
		case match.Kind == answer.Suggested:
			for _, s := range match.Suggestions() {
				line.Suggestions = append(line.Suggestions, s.Reply)
				shown += "\n  perhaps: " + s.Question
			}
		case match.Kind == answer.Chat:
			line.Chat = true
		}
		if err := o.result(line, "%s", shown); err != nil {
			return err
		}
	}
	return nil
}

// loadModel reads a model, and finds the encoder that it needs.
func loadModel(ctx context.Context, path string, encoders *installedEncoders) (encodedModel, error) {
	f, err := os.Open(path)
	if err != nil {
		return encodedModel{}, err
	}
	defer f.Close()
	m, err := learn.Load(bufio.NewReader(f), learn.Limits{})
	if err != nil {
		return encodedModel{}, fmt.Errorf("%s: %w", path, err)
	}
	return encoders.with(ctx, m, path)
}

// readDataset reads a file or folder that the person at the shell names. A name that is a link leads anywhere; links inside
// a folder lead nowhere out of it.
func readDataset(ctx context.Context, path string, opt dataset.ReadOptions) (examples []record.Example, report dataset.ReadReport, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, report, err
	}
	if info.IsDir() {
		examples, report, err = readFolder(ctx, path, opt)
	} else {
		examples, report, err = readFile(ctx, path, opt)
	}
	if err != nil {
		return nil, report, fmt.Errorf("%s: %w", path, err)
	}
	return examples, report, nil
}

func readFolder(ctx context.Context, path string, opt dataset.ReadOptions) ([]record.Example, dataset.ReadReport, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, dataset.ReadReport{}, err
	}
	defer root.Close()
	return datasetReader().ReadPath(ctx, root.FS(), ".", opt)
}

func readFile(ctx context.Context, path string, opt dataset.ReadOptions) ([]record.Example, dataset.ReadReport, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, dataset.ReadReport{}, err
	}
	defer f.Close()
	return datasetReader().ReadUpload(ctx, path, f, opt)
}

// tellFindings says what was found in a dataset before it was learned, and what was done about it.
func tellFindings(o *output, f learn.Findings) {
	if f.Duplicates+f.NearDuplicates > 0 {
		o.say("%d exact duplicates were left out, %d near ones kept on one side when measuring", f.Duplicates, f.NearDuplicates)
	}
	if f.ContradictionCount > 0 {
		first := f.Contradictions[0]
		o.say("%d contradictions were settled, such as %q: %q was kept, %q left out", f.ContradictionCount, first.Text, first.Answers[0], first.Answers[1:])
	}
	if n := len(f.RareLabels); n > 0 {
		o.say("%d labels have fewer than %d examples: %s", n, learn.RareLabel, someOf(f.RareLabels, 5))
	}
}

// tellSkipped says what of a dataset could not be used.
func tellSkipped(o *output, r dataset.ReadReport) {
	const shown = 5
	for i, s := range r.Skipped {
		if i == shown {
			o.say("… and %d more", r.SkipCount-shown)
			break
		}
		o.say("skipped %s: %s", s.Where, s.Why)
	}
}
