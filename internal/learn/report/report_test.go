package report

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// readSet reads a set of the public data, which are kept as snapshots are.
func readSet(t *testing.T, name string) []record.Example {
	t.Helper()
	f, err := os.Open(filepath.Join("../../../../shared/data/nlu", name+".jsonl"))
	if err != nil {
		t.Skip("the data sets in ../shared/data/nlu are absent")
	}
	defer f.Close()
	examples, err := learn.ReadSnapshot(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return examples
}

func TestWrite(t *testing.T) {
	examples, texts := readSet(t, "braun_askubuntu/train"), readSet(t, "braun_askubuntu/test")
	m, r, err := learn.Train(t.Context(), examples, learn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	half, _, err := learn.Train(t.Context(), examples[:len(examples)/2], learn.Options{})
	if err != nil {
		t.Fatal(err)
	}
	curve, err := learn.LearningCurve(t.Context(), examples, learn.Options{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	ev, evHalf := learn.Evaluate(m, texts, nil), learn.Evaluate(half, texts, nil)
	change := learn.NewChange(&evHalf, &ev)
	charts, page, err := Write(learn.ReportPage{
		Title: "Test <1>", Evaluation: &ev, Change: &change, Pinned: &ev, Leaked: 3, Training: r, Curve: curve,
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range charts {
		names = append(names, c.Name)
		img, err := png.Decode(bytes.NewReader(c.PNG))
		if err != nil || img.Bounds().Dx() < 200 {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
	if got := strings.Join(names, " "); got != "confusion reliability learning-curve" {
		t.Errorf("charts %q", got)
	}
	html := string(page)
	for _, want := range []string{"Test &lt;1&gt;", "data:image/png;base64,", "Software Recommendation", "macro-F1", "pinned test set", "3 left out", "Would more examples help?", "What changed"} {
		if !strings.Contains(html, want) {
			t.Errorf("the report lacks %q", want)
		}
	}
	for _, bad := range []string{"http://", "https://", "ZgotmplZ"} {
		if strings.Contains(html, bad) {
			t.Errorf("the report holds %q", bad)
		}
	}
}

// Of figures that weren't measured there are no charts, and no error.
func TestNothingToDraw(t *testing.T) {
	charts, html, err := Write(learn.ReportPage{Title: "Nothing", Evaluation: &learn.Evaluation{}})
	if err != nil || len(charts) != 0 || !strings.Contains(string(html), "Nothing") {
		t.Errorf("%d charts, %d bytes, %v", len(charts), len(html), err)
	}
}
