package report

import (
	"bytes"
	"errors"
	"fmt"
	"image/color"
	"io"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/palette"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/mynahbot/mynah/internal/learn"
)

// errNothingToDraw is returned for a chart of figures that weren't measured.
var errNothingToDraw = errors.New("there is nothing to draw")

// maxChartLabels is the most labels on the axes of a confusion matrix: the most confused ones are drawn.
const maxChartLabels = 40

// confusionGrid is a confusion matrix in shares of its rows, as gonum/plot draws it: row 0 at the top.
type confusionGrid struct {
	share [][]float64
}

func (g confusionGrid) Dims() (c, r int)   { return len(g.share), len(g.share) }
func (g confusionGrid) Z(c, r int) float64 { return g.share[len(g.share)-1-r][c] }
func (g confusionGrid) X(c int) float64    { return float64(c) }
func (g confusionGrid) Y(r int) float64    { return float64(r) }

// confusionPNG draws the confusion matrix: rows are right labels, columns predicted ones, a cell the share of its row.
func confusionPNG(w io.Writer, ev *learn.Evaluation) error {
	labels := chartLabels(ev)
	if len(labels) == 0 {
		return errNothingToDraw
	}
	g := confusionGrid{make([][]float64, len(labels))}
	for i, want := range labels {
		g.share[i] = make([]float64, len(labels))
		total := 0
		for _, n := range ev.Confusion[want] {
			total += n
		}
		for j, got := range labels {
			if total > 0 {
				g.share[i][j] = float64(ev.Confusion[want][got]) / float64(total)
			}
		}
	}
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Confusion matrix: accuracy %.1f %% of %d", 100*ev.Accuracy, ev.Examples)
	if len(labels) < len(ev.Labels) {
		p.Title.Text += fmt.Sprintf(" (the %d most confused of %d labels)", len(labels), len(ev.Labels))
	}
	p.X.Label.Text, p.Y.Label.Text = "predicted", "right"
	var xs, ys []plot.Tick
	for i, l := range labels {
		name := shorten(ev.Labels[l], 24)
		xs = append(xs, plot.Tick{Value: float64(i), Label: name})
		ys = append(ys, plot.Tick{Value: float64(len(labels) - 1 - i), Label: name})
	}
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.ConstantTicks(xs), plot.ConstantTicks(ys)
	p.X.Tick.Label.Rotation = 0.8
	p.X.Tick.Label.XAlign = -1
	blues := make(shades, 64)
	for i := range blues {
		f := float64(i) / 63
		blues[i] = color.RGBA{uint8(247 - 239*f), uint8(251 - 203*f), uint8(255 - 148*f), 255}
	}
	heat := plotter.NewHeatMap(g, blues)
	heat.Min, heat.Max = 0, 1
	p.Add(heat)
	side := vg.Length(max(12, min(28, 4+len(labels)))) * vg.Centimeter * 0.9
	return writePNG(p, side, side, w)
}

type shades []color.Color

func (s shades) Colors() []color.Color { return s }

var _ palette.Palette = shades{}

// chartLabels picks the labels to draw, as indexes in order.
func chartLabels(ev *learn.Evaluation) []int {
	var all []int
	for l := range ev.Labels {
		seen := 0
		for i := range ev.Labels {
			seen += ev.Confusion[l][i] + ev.Confusion[i][l]
		}
		if seen > 0 {
			all = append(all, l)
		}
	}
	if len(all) <= maxChartLabels {
		return all
	}
	errs := func(l int) int {
		n := 0
		for i := range ev.Labels {
			if i != l {
				n += ev.Confusion[l][i] + ev.Confusion[i][l]
			}
		}
		return n
	}
	slices.SortStableFunc(all, func(a, b int) int { return errs(b) - errs(a) })
	all = all[:maxChartLabels]
	slices.Sort(all)
	return all
}

func shorten(s string, runes int) string {
	r := []rune(s)
	if len(r) <= runes {
		return s
	}
	return string(r[:runes-1]) + "…"
}

// reliabilityPNG draws the accuracy of predictions against their probability. Points on the diagonal are honest.
func reliabilityPNG(w io.Writer, ev *learn.Evaluation) error {
	var points plotter.XYs
	for _, b := range ev.Reliability {
		if b.Count > 0 {
			points = append(points, plotter.XY{X: b.Confidence, Y: b.Accuracy})
		}
	}
	if len(points) == 0 {
		return errNothingToDraw
	}
	p := plot.New()
	p.Title.Text = fmt.Sprintf("Reliability: calibration error %.3f", ev.ECE)
	p.X.Label.Text, p.Y.Label.Text = "probability", "share right"
	p.X.Min, p.X.Max, p.Y.Min, p.Y.Max = 0, 1, 0, 1
	p.Add(plotter.NewGrid())
	diagonal, err := plotter.NewLine(plotter.XYs{{X: 0, Y: 0}, {X: 1, Y: 1}})
	if err != nil {
		return err
	}
	diagonal.Color = color.Gray{160}
	diagonal.Dashes = []vg.Length{vg.Points(4), vg.Points(4)}
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, dots.Color = color.RGBA{8, 48, 107, 255}, color.RGBA{8, 48, 107, 255}
	dots.Radius = vg.Points(3)
	p.Add(diagonal, line, dots)
	return writePNG(p, 12*vg.Centimeter, 12*vg.Centimeter, w)
}

// learningCurvePNG draws a learning curve of at least two points.
func learningCurvePNG(w io.Writer, curve []learn.CurvePoint) error {
	if len(curve) < 2 {
		return errNothingToDraw
	}
	var points plotter.XYs
	for _, c := range curve {
		points = append(points, plotter.XY{X: float64(c.Examples), Y: c.Accuracy})
	}
	p := plot.New()
	p.Title.Text = "Learning curve"
	p.X.Label.Text, p.Y.Label.Text = "examples", "accuracy on held-out texts"
	p.Y.Min, p.Y.Max, p.X.Min = 0, 1, 0
	p.Add(plotter.NewGrid())
	line, dots, err := plotter.NewLinePoints(points)
	if err != nil {
		return err
	}
	line.Color, dots.Color = color.RGBA{8, 48, 107, 255}, color.RGBA{8, 48, 107, 255}
	dots.Radius = vg.Points(3)
	p.Add(line, dots)
	return writePNG(p, 16*vg.Centimeter, 10*vg.Centimeter, w)
}

func writePNG(p *plot.Plot, width, height vg.Length, w io.Writer) error {
	c, err := p.WriterTo(width, height, "png")
	if err != nil {
		return fmt.Errorf("draw %q: %w", p.Title.Text, err)
	}
	var b bytes.Buffer // so that a failed drawing writes nothing
	if _, err := c.WriteTo(&b); err != nil {
		return fmt.Errorf("draw %q: %w", p.Title.Text, err)
	}
	_, err = w.Write(b.Bytes())
	return err
}
