package learn

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
)

//go:embed report.html
var reportHTML string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
	"signed":  func(v float64) string { return fmt.Sprintf("%+.3f", v) },
	"less":    func(a, b float64) float64 { return a - b },
	"three":   func(v float64) string { return fmt.Sprintf("%.3f", v) },
}).Parse(reportHTML))

// ReportPage is what a report shows.
type ReportPage struct {
	Title      string
	Evaluation *Evaluation
	Change     *Change      // against the last model, or nil
	Pinned     *Evaluation  // on the server's own test set, or nil
	Training   *Report      // or nil
	Leaked     int          // examples that were left out of the training, since they are pinned
	Curve      []CurvePoint // or nil
}

// Growing lists the labels that more examples would likely help.
func (p ReportPage) Growing() []Growth { return Growing(p.Curve) }

// Chart is a picture of a report.
type Chart struct {
	Name string // of a file, without its extension
	PNG  []byte
}

// Charts draws all that there is to draw: the confusion matrix, the reliability diagram and the learning curve.
func (p ReportPage) Charts() ([]Chart, error) {
	var out []Chart
	for _, c := range []struct {
		name string
		draw func(io.Writer) error
	}{
		{"confusion", p.Evaluation.ConfusionPNG},
		{"reliability", p.Evaluation.ReliabilityPNG},
		{"learning-curve", func(w io.Writer) error { return LearningCurvePNG(w, p.Curve) }},
	} {
		var b bytes.Buffer
		switch err := c.draw(&b); {
		case errors.Is(err, ErrNothingToDraw):
		case err != nil:
			return nil, err
		default:
			out = append(out, Chart{c.name, b.Bytes()})
		}
	}
	return out, nil
}

// WriteHTML writes the report as one HTML file that needs nothing else.
func (p ReportPage) WriteHTML(w io.Writer) error {
	charts, err := p.Charts()
	if err != nil {
		return err
	}
	out := struct {
		ReportPage
		Pictures []template.URL
	}{ReportPage: p}
	for _, c := range charts {
		out.Pictures = append(out.Pictures, template.URL("data:image/png;base64,"+base64.StdEncoding.EncodeToString(c.PNG)))
	}
	var b bytes.Buffer
	if err := reportTemplate.Execute(&b, out); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}
