// Package report draws what is known of a model's quality: charts as PNG, and one HTML file with all of it. It is apart from
// package learn, since the library that draws is large and most who learn don't draw.
package report

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"

	"github.com/mynahbot/mynah/internal/learn"
)

//go:embed report.html
var reportHTML string

var reportTemplate = template.Must(template.New("report").Funcs(template.FuncMap{
	"percent": func(v float64) string { return fmt.Sprintf("%.1f %%", 100*v) },
	"signed":  func(v float64) string { return fmt.Sprintf("%+.3f", v) },
	"less":    func(a, b float64) float64 { return a - b },
	"three":   func(v float64) string { return fmt.Sprintf("%.3f", v) },
}).Parse(reportHTML))

// Write draws all that there is to draw (the confusion matrix, the reliability diagram and the learning curve) and writes the
// page as one HTML file that needs nothing else.
func Write(p learn.ReportPage) (charts []learn.Chart, html []byte, err error) {
	if charts, err = draw(p); err != nil {
		return nil, nil, err
	}
	out := struct {
		learn.ReportPage
		Pictures []template.URL
	}{ReportPage: p}
	for _, c := range charts {
		out.Pictures = append(out.Pictures, template.URL("data:image/png;base64,"+base64.StdEncoding.EncodeToString(c.PNG)))
	}
	var b bytes.Buffer
	if err := reportTemplate.Execute(&b, out); err != nil {
		return nil, nil, fmt.Errorf("write report: %w", err)
	}
	return charts, b.Bytes(), nil
}

// draw draws the charts.
func draw(p learn.ReportPage) ([]learn.Chart, error) {
	var out []learn.Chart
	for _, c := range []struct {
		name string
		draw func(io.Writer) error
	}{
		{"confusion", func(w io.Writer) error { return confusionPNG(w, p.Evaluation) }},
		{"reliability", func(w io.Writer) error { return reliabilityPNG(w, p.Evaluation) }},
		{"learning-curve", func(w io.Writer) error { return learningCurvePNG(w, p.Curve) }},
	} {
		var b bytes.Buffer
		switch err := c.draw(&b); {
		case errors.Is(err, errNothingToDraw):
		case err != nil:
			return nil, err
		default:
			out = append(out, learn.Chart{Name: c.name, PNG: b.Bytes()})
		}
	}
	return out, nil
}
