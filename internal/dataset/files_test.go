package dataset_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/record"
)

// TestFiles reads small files of every kind, and compares with what testdata/files.tsv says of each: whether the layout is known for sure,
// and the counts, which were counted by hand.
func TestFiles(t *testing.T) {
	list, err := os.ReadFile("testdata/files.tsv")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for line := range strings.Lines(string(list)) {
		name, want, _ := strings.Cut(strings.TrimSpace(line), "\t")
		if name == "file" {
			continue
		}
		cases++
		t.Run(name, func(t *testing.T) { readAs(t, name, want) })
	}
	if cases < 60 {
		t.Errorf("only %d files", cases)
	}
}

var counted = regexp.MustCompile(`(\d+) (examples|replies|labels)`)

// countsAre counts examples, replies and labels, and compares with the counts that are wanted.
func countsAre(t *testing.T, examples []record.Example, want string) (got map[string]int, labels map[string]bool) {
	t.Helper()
	labels, got = map[string]bool{}, map[string]int{"examples": len(examples)}
	for _, e := range examples {
		if e.Reply != "" {
			got["replies"]++
		}
		if e.Label != "" {
			labels[e.Label] = true
		}
	}
	got["labels"] = len(labels)
	for _, c := range counted.FindAllStringSubmatch(want, -1) {
		if n, _ := strconv.Atoi(c[1]); got[c[2]] != n {
			t.Errorf("%d %s, not %s: %q", got[c[2]], c[2], c[0], short(examples))
		}
	}
	return got, labels
}

func readAs(t *testing.T, name, want string) {
	examples, report, err := reader.ReadPath(context.Background(), os.DirFS("testdata/files"), name, dataset.ReadOptions{})
	if t.Failed() || err != nil {
		t.Log(report.Skipped)
	}
	if why, ok := strings.CutPrefix(want, "refused "); ok {
		if err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%v, %q", err, short(examples))
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got, labels := countsAre(t, examples, want)
	if _, names, ok := strings.Cut(want, " labels "); ok && !strings.Contains(want, "0 labels") {
		names, tests, _ := strings.Cut(names, " tests ")
		var all []string
		for l := range labels {
			all = append(all, l)
		}
		slices.Sort(all)
		if strings.Join(all, ", ") != names {
			t.Errorf("labels %v, not %s", all, names)
		}
		if n, _ := strconv.Atoi(tests); report.Tests != n {
			t.Errorf("%d examples of a test part, not %s", report.Tests, tests)
		}
	}
	switch {
	case strings.HasPrefix(want, "sure ") && !report.Sure():
		t.Errorf("doubts: %v", report.Doubts)
	case strings.HasPrefix(want, "guess ") && report.Sure():
		t.Errorf("taken for sure: %v", report.ReadAs)
	}
	for _, e := range examples {
		if strings.ContainsAny(e.Text+e.Reply, "<>") || strings.Contains(e.Text, "](") {
			t.Errorf("signs were left: %+v", e)
		}
	}
	if filepath.Ext(name) != "" && strings.Contains(want, "0 labels") && got["labels"] > 0 {
		t.Errorf("labels: %v", labels)
	}
}
