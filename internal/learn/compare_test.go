package learn

import (
	"strings"
	"testing"
)

// guesses is an evaluation of texts named by their place, labelled "a" where right has a 1 and wrongly elsewhere.
func guesses(right string) *Evaluation {
	ev := &Evaluation{Examples: len(right)}
	for i, r := range right {
		o := Outcome{Text: string(rune('A' + i)), Want: "a", Got: "b"}
		if r == '1' {
			o.Got = "a"
			ev.Accuracy += 1 / float64(len(right))
		}
		ev.Predictions = append(ev.Predictions, o)
	}
	return ev
}

func TestPair(t *testing.T) {
	first := func(n int) func(string) bool { return func(text string) bool { return int(text[0]-'A') < n } }
	for _, c := range []struct {
		old, next string
		earlier   int
		want      paired
	}{
		{"1111", "1111", 4, paired{texts: 4, old: 4, next: 4}},
		{"1100", "1010", 4, paired{texts: 4, old: 2, next: 2, fixed: 1, broken: 1}},
		{"1100", "1010", 2, paired{texts: 2, old: 2, next: 1, broken: 1}},
		{"0000", "1111", 3, paired{texts: 3, next: 3, fixed: 3}},
		{"1111", "1111", 0, paired{}},
	} {
		if got := pair(guesses(c.old), guesses(c.next), first(c.earlier)); got != c.want {
			t.Errorf("%s, %s, the first %d: %+v, want %+v", c.old, c.next, c.earlier, got, c.want)
		}
	}
	if got := pair(guesses("11"), &Evaluation{}, first(2)); got != (paired{}) {
		t.Errorf("against a model without labels: %+v", got)
	}
	change := NewChange(guesses("11100"), guesses("10110"))
	if change.FixedCount != 1 || change.BrokenCount != 1 || change.Fixed[0].Text != "D" || change.Broken[0].Text != "B" {
		t.Errorf("change %+v", change)
	}
}

func TestPairedWorse(t *testing.T) {
	for _, c := range []struct {
		fixed, broken int
		want          bool
	}{
		{0, 0, false}, {0, 4, false}, {0, 5, true}, {1, 6, false}, {1, 7, true}, {5, 0, false}, {20, 21, false},
		{40, 70, true}, {70, 40, false}, {1000, 1050, false}, {1000, 1200, true},
	} {
		if got := (paired{fixed: c.fixed, broken: c.broken}).worse(); got != c.want {
			t.Errorf("%d fixed, %d broken: %v", c.fixed, c.broken, got)
		}
	}
}

func TestCompare(t *testing.T) {
	earlier := func(text string) bool { return text < "K" } // the first ten
	for name, c := range map[string]struct {
		Comparison
		promote bool
		ground  Ground
		says    string
	}{
		"equally good": {Comparison{Old: guesses("110"), Next: guesses("011")}, true, GroundAll, "66.7 % of 3 texts"},
		"worse":        {Comparison{Old: guesses("111"), Next: guesses("011")}, false, GroundAll, "66.7 %"},
		"nothing":      {Comparison{Old: guesses(""), Next: guesses("")}, true, GroundAll, "no texts"},
		// Twelve new texts, which only the new model has learned, don't outweigh eight of the ten before them.
		"worse on the earlier ones":    {Comparison{Old: guesses("1111111111" + "000000000000"), Next: guesses("1100000000" + "111111111111"), Earlier: earlier}, false, GroundEarlier, "right on 2 of 10 texts, the model in use on 10: 8 texts got worse, 0 better"},
		"by chance on the earlier":     {Comparison{Old: guesses("1111111111" + "000000000000"), Next: guesses("1111111000" + "111111111111"), Earlier: earlier}, true, GroundAll, "86.4 %"},
		"the earlier ones not counted": {Comparison{Old: guesses("1111111111" + "000000000000"), Next: guesses("1100000000" + "111111111111")}, true, GroundAll, "of 22 texts"},
		"worse on the pinned":          {Comparison{Old: guesses("000"), Next: guesses("111"), PinnedOld: guesses("11"), PinnedNext: guesses("10")}, false, GroundPinned, "On the pinned test set"},
		"nothing pinned":               {Comparison{Old: guesses("000"), Next: guesses("111"), PinnedOld: guesses(""), PinnedNext: guesses("")}, true, GroundAll, "100.0 %"},
		"no labels any more":           {Comparison{Old: guesses("111"), Next: &Evaluation{}, Earlier: earlier}, false, GroundAll, "0.0 % of 3"},
	} {
		d := Compare(c.Comparison)
		if d.Promote != c.promote || d.Ground != c.ground || !strings.Contains(d.Reason, c.says) {
			t.Errorf("%s: %+v", name, d)
		}
	}
}

func TestCompareCountsWhatAModelCannotSay(t *testing.T) {
	replies, both := &Evaluation{Replies: 10, ReplyAccuracy: 1}, &Evaluation{Replies: 10, ReplyAccuracy: 1, Examples: 10, Accuracy: 0.8}
	if d := Compare(Comparison{Old: replies, Next: both}); !d.Promote || d.Texts != 20 || d.Old != 0.5 {
		t.Errorf("labels learned: %+v", d)
	}
	if d := Compare(Comparison{Old: both, Next: replies}); d.Promote {
		t.Errorf("labels forgotten: %+v", d)
	}
	if d := Compare(Comparison{Old: both, Next: both, PinnedOld: both, PinnedNext: replies}); d.Promote || d.Ground != GroundPinned {
		t.Errorf("worse on the pinned texts: %+v", d)
	}
}
