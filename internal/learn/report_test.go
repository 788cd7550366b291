package learn

import (
	"bytes"
	"context"
	"encoding/csv"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	examples := readSet(t, "braun_askubuntu/train")
	m, _ := train(t, examples, Options{})
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
	if err := ev.WriteCSV(&b); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != ev.Examples+1 || len(rows[0]) != 6 {
		t.Errorf("%d rows, %v", len(rows), err)
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
