package dataset_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// What is exported is read back the same, in each form.
func TestRoundTrip(t *testing.T) {
	examples := []record.Example{
		{Text: "hello, \"friend\"", Label: "greet"}, {Text: "hi", Label: "greet"}, {Text: "see you", Label: "bye", Reply: "Bye!"},
		{Text: "so long", Label: "bye", Reply: "Bye!"}, {Text: "good night", Label: "bye", Reply: "Sleep well."},
		{Text: "When is it?", Reply: "On Friday:\n- at six\n\n- at ten # really"}, {Text: "Когда это?", Reply: "В пятницу."},
		{Text: "=1+1", Reply: "'=2"}, {Text: "- a dash", Reply: "@ann"}, {Text: "see [the docs](https://example.org)", Label: "docs"},
		{Text: "#general?", Reply: "yes: no"}, {Text: "'tis so", Label: "yes"}, {Text: "{a: b}", Label: "null", Reply: "~"},
	}
	for name, write := range map[string]func(io.Writer, []record.Example) error{
		"a.jsonl": learn.WriteSnapshot, "a.csv": dataset.WriteCSV, "a.yml": dataset.WriteRasa,
	} {
		var b bytes.Buffer
		if err := write(&b, examples); err != nil {
			t.Fatal(err)
		}
		written := b.String()
		got, report, err := dataset.ReadUpload(context.Background(), name, &b, dataset.ReadOptions{})
		if err != nil || report.SkipCount > 0 {
			t.Fatalf("%s: %v, %v\n%s", name, err, report.Skipped, written)
		}
		a, b2 := short(got), short(examples)
		slices.Sort(a)
		slices.Sort(b2)
		if !slices.Equal(a, b2) {
			t.Errorf("%s: %s\nbecame %s\n%s", name, strings.Join(b2, "\n"), strings.Join(a, "\n"), written)
		}
		if !report.Sure() {
			t.Errorf("%s: %v", name, report.Doubts)
		}
	}
}
