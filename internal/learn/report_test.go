package learn

import (
	"bytes"
	"context"
	"encoding/csv"
	"image/png"
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	examples := readSet(t, "braun_askubuntu/train")
	m, r := train(t, examples, Options{})
	ev := Evaluate(m, readSet(t, "braun_askubuntu/test"), []string{"what is the weather", "sing a song"})
	curve, err := LearningCurve(context.Background(), examples, Options{}, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(curve) < 3 || curve[len(curve)-1].Examples <= curve[0].Examples {
		t.Errorf("learning curve %+v", curve)
	}
	if short, err := LearningCurve(context.Background(), examples, Options{}, 1); err != nil || len(short) != 1 {
		t.Errorf("a learning curve without time: %+v, %v", short, err)
	}
	half, _ := train(t, examples[:len(examples)/2], Options{})
	evHalf := Evaluate(half, readSet(t, "braun_askubuntu/test"), nil)
	change := NewChange(&evHalf, &ev)
	if change.FixedCount-change.BrokenCount != evHalf.MissCount-ev.MissCount || len(change.Fixed) != min(change.FixedCount, maxTurns) || len(change.Labels) == 0 {
		t.Errorf("change %+v", change)
	}
	var b bytes.Buffer
	for name, draw := range map[string]func() error{
		"confusion":   func() error { return ev.ConfusionPNG(&b) },
		"reliability": func() error { return ev.ReliabilityPNG(&b) },
		"curve":       func() error { return LearningCurvePNG(&b, curve) },
	} {
		b.Reset()
		if err := draw(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		img, err := png.Decode(&b)
		if err != nil || img.Bounds().Dx() < 200 {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.Reset()
	if err := (ReportPage{Title: "Test <1>", Evaluation: &ev, Change: &change, Pinned: &ev, Leaked: 3, Training: r, Curve: curve}).WriteHTML(&b); err != nil {
		t.Fatal(err)
	}
	html := b.String()
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
	charts, err := (ReportPage{Evaluation: &ev, Curve: curve}).Charts()
	if err != nil || len(charts) != 3 || charts[2].Name != "learning-curve" {
		t.Errorf("%d charts, %v", len(charts), err)
	}
	b.Reset()
	if err := ev.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != ev.Examples+1 || len(rows[0]) != 6 {
		t.Errorf("%d rows, %v", len(rows), err)
	}
}

func TestBuiltin(t *testing.T) {
	all, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	_, r := train(t, all, Options{})
	if r.ContradictionCount != 0 || r.Duplicates != 0 {
		t.Errorf("%d contradictions, %d duplicates", r.ContradictionCount, r.Duplicates)
	}
	m, err := BuiltinModel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"hey, who are you": "I am Mynah", "what are you able to do": "I answer questions", "how can i teach you": "Teach me",
		"what do you store about me": "I keep the examples", "how can i correct you": "Reply to my message",
		"а что ты умеешь": "Я отвечаю на вопросы", "как мне тебя научить": "Учите меня", "какие данные ты хранишь обо мне": "Я храню",
	} {
		p := m.Predict(text)
		if !p.ReplyKnown || !strings.HasPrefix(p.Reply, want) {
			t.Errorf("%q: %v %.2f %q (nearest %q, threshold %.2f)", text, p.ReplyKnown, p.ReplyScore, p.Reply, p.Nearest, m.ReplyThreshold())
		}
	}
	refused := 0
	foreign := []string{"what is the capital of france", "when does the next train leave", "сколько стоит доставка", "play some jazz music", "my order never arrived", "переведи деньги на карту"}
	for _, text := range foreign {
		if p := m.Predict(text); p.Known {
			t.Logf("%q: %.2f >= %.2f, nearest %q", text, p.ReplyScore, m.ReplyThreshold(), p.Nearest)
		} else {
			refused++
		}
	}
	if refused < len(foreign)-1 {
		t.Errorf("%d of %d foreign questions refused", refused, len(foreign))
	}
	if _, err := Builtin("xx"); err == nil {
		t.Error("an absent language is there")
	}
}

func TestGrowing(t *testing.T) {
	curve := []CurvePoint{
		{Examples: 50, labels: map[string]LabelScore{"a": {F1: 0.5}, "b": {F1: 0.9}, "c": {F1: 0.7}}},
		{Examples: 100, labels: map[string]LabelScore{"a": {F1: 0.8, Examples: 5}, "b": {F1: 0.91}, "c": {F1: 1}, "d": {F1: 0.2}}},
	}
	got := Growing(curve)
	if len(got) != 2 || got[0] != (Growth{"a", 5, 0.5, 0.8}) || got[1].Label != "d" || Growing(curve[:1]) != nil {
		t.Errorf("%+v", got)
	}
}
