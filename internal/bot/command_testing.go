package bot

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

const (
	// predictionsShown is how many predictions a message lists; the file has all.
	predictionsShown = 20
	worstShown       = 5
	missesShown      = 5
	// maxTunedTests is how many texts a service's model is tried on: each is a request.
	maxTunedTests = 200
)

// testing runs the model in use on texts.
func (b *Bot) testing() *Command {
	return &Command{
		Name:       "test",
		Trusted:    true,
		ServerOnly: true,
		Slow:       true,
		Options:    []Option{{Name: "json", Rest: true, Verbatim: true}},
		Uploads:    5,
		Run: func(ctx context.Context, c *Call) error {
			k, err := c.bot.answers.Knowledge(ctx, c.Server)
			if err != nil {
				return err
			}
			if m, _ := k.Model(); m == nil {
				return c.fail("test.no_model")
			}
			examples, err := c.testExamples(ctx)
			if err != nil {
				return err
			}
			switch {
			case k.Tuned() != "" && len(examples) > maxTunedTests:
				return c.fail("test.too_many_for_service", "max", maxTunedTests)
			}
			for _, e := range examples {
				if e.Label != "" || e.Reply != "" {
					return c.evaluate(ctx, k, examples)
				}
			}
			return c.predictions(ctx, k, examples)
		},
	}
}

// testExamples reads what is to be tested: JSON or a plain text in the command,
// or attachments.
func (c *Call) testExamples(ctx context.Context) ([]record.Example, error) {
	var all []record.Example
	text := strings.TrimSpace(c.Arg("json"))
	if text != "" {
		examples, err := c.testInput(ctx, text)
		if err != nil {
			return nil, err
		}
		all = append(all, examples...)
	}
	for _, a := range c.Attachments {
		examples, err := c.readAttachment(ctx, a, dataset.ReadOptions{Unlabel: true})
		if err != nil {
			return nil, err
		}
		all = append(all, examples...)
	}
	if len(all) == 0 {
		return nil, c.fail("test.what")
	}
	return all, nil
}

// testInput reads the command's own text.
func (c *Call) testInput(ctx context.Context, text string) ([]record.Example, error) {
	if !strings.ContainsAny(text[:1], `{["`) {
		return []record.Example{{Text: text}}, nil
	}
	var parsed any
	if err := json.Unmarshal([]byte(text), &parsed); err != nil {
		where := int64(len(text))
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			where = syntax.Offset
		}
		return nil, c.failed(err, "test.broken_json", "at", where)
	}
	if s, ok := parsed.(string); ok {
		return []record.Example{{Text: s}}, nil
	}
	examples, report, err := dataset.ReadUpload(ctx, "test.json", strings.NewReader(text), dataset.ReadOptions{Unlabel: true})
	if err != nil {
		return nil, c.readError("JSON", report, err)
	}
	return examples, nil
}

// predictions says what the model makes of texts without labels.
func (c *Call) predictions(ctx context.Context, k *answer.Knowledge, examples []record.Example) error {
	var b strings.Builder
	var table bytes.Buffer
	out := csv.NewWriter(&table)
	rows := [][]string{{"text", "label", "probability", "known", "reply", "reply_score"}}
	for i, e := range examples {
		p, err := k.Predict(ctx, e.Text)
		if err != nil {
			return c.predictError(err)
		}
		rows = append(rows, []string{cell(e.Text), cell(p.Label), number(p.Probability), strconv.FormatBool(p.Known), cell(p.Reply), number(p.ReplyScore)})
		if i < predictionsShown {
			b.WriteString("• " + code(shorten(e.Text, 100)) + " → " + c.prediction(p, len(examples) == 1) + "\n")
		}
	}
	if err := out.WriteAll(rows); err != nil {
		return err
	}
	if len(examples) > predictionsShown {
		b.WriteString(c.T("test.more", "count", len(examples)-predictionsShown))
	}
	r := Reply{Text: b.String()}
	if len(examples) > 1 {
		r.Files = []File{bytesFile("predictions.csv", table.Bytes())}
	}
	_, err := c.Send(ctx, r)
	return err
}

// prediction describes one, with further labels where all is true.
func (c *Call) prediction(p learn.Prediction, all bool) string {
	var parts []string
	for i, l := range p.Labels {
		if i > 0 && (!all || l.Probability < 0.01) {
			break
		}
		parts = append(parts, "**"+plain(l.Label)+"** "+percent(l.Probability))
	}
	text := strings.Join(parts, ", ")
	if p.Reply != "" && (p.ReplyKnown || text == "") {
		text = strings.TrimLeft(text+"; ", "; ") + "“" + plain(p.Reply) + "” " + percent(p.ReplyScore)
	}
	if !p.Known {
		text += " — " + c.T("test.refused")
	}
	return text
}

// predictError says why a model gave no prediction.
func (c *Call) predictError(err error) error {
	if errors.Is(err, learn.ErrEncoder) || errors.Is(err, context.Canceled) {
		return err
	}
	return c.failed(err, "train.service_failed", "why", plain(err.Error()))
}

// cell keeps a spreadsheet from running a text as a formula.
func cell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t", rune(s[0])) {
		return "'" + s
	}
	return s
}

func number(x float64) string { return strconv.FormatFloat(x, 'f', 4, 64) }

// evaluate measures the model on texts whose answers are given.
func (c *Call) evaluate(ctx context.Context, k *answer.Knowledge, examples []record.Example) error {
	m, _ := k.Model()
	replies := map[string]learn.Prediction{} // by text
	ev, err := learn.EvaluateWith(m, func(text string) (learn.Prediction, error) {
		p, err := k.Predict(ctx, text)
		replies[text] = p
		return p, err
	}, examples, nil)
	if err != nil {
		return c.predictError(err)
	}
	var b strings.Builder
	line := func(key string, pairs ...any) { b.WriteString(c.T(key, pairs...) + "\n") }
	if ev.Examples > 0 {
		line("test.quality", "texts", ev.Examples, "accuracy", percent(ev.Accuracy), "low", percent(ev.AccuracyInterval.Low),
			"high", percent(ev.AccuracyInterval.High), "f1", percent(ev.MacroF1), "refused", percent(ev.Refused))
	}
	if ev.Replies > 0 {
		line("test.reply_quality", "questions", ev.Replies, "accuracy", percent(ev.ReplyAccuracy))
	}
	line("test.thresholds", "label", number(m.Threshold()), "reply", number(k.Pairs().Threshold()))
	if ev.MissCount > 0 {
		b.WriteString("\n" + c.T("test.worst") + "\n")
		for _, l := range ev.PerLabel[:min(len(ev.PerLabel), worstShown)] {
			b.WriteString(fmt.Sprintf("• %s F1 %s (%d)\n", code(l.Label), percent(l.F1), l.Examples))
		}
		b.WriteString("\n" + c.T("test.wrong") + "\n")
		for _, m := range ev.Misses[:min(len(ev.Misses), missesShown)] {
			b.WriteString("• " + code(shorten(m.Text, 80)) + ": " + c.T("test.miss", "got", plain(m.Got), "probability", percent(m.Probability), "want", plain(m.Want)) + "\n")
		}
	}
	var table bytes.Buffer
	if err := ev.WriteCSV(&table); err != nil {
		return err
	}
	if ev.Replies > 0 {
		out := csv.NewWriter(&table)
		for _, e := range examples {
			if e.Reply != "" {
				p := replies[e.Text]
				err := out.Write([]string{cell(e.Text), cell(e.Reply), cell(p.Reply), number(p.ReplyScore), strconv.FormatBool(p.ReplyKnown), strconv.FormatBool(p.Reply == e.Reply)})
				if err != nil {
					return err
				}
			}
		}
		if out.Flush(); out.Error() != nil {
			return out.Error()
		}
	}
	files, err := c.bot.reportFiles(learn.ReportPage{Title: "Mynah: test", Evaluation: &ev})
	if err != nil {
		return err
	}
	_, err = c.Send(ctx, Reply{Text: b.String(), Files: append(files, bytesFile("predictions.csv", table.Bytes()))})
	return err
}
