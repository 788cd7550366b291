package dataset_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/dataset/document"
	"github.com/mynahbot/mynah/internal/dataset/sheet"
	"github.com/mynahbot/mynah/internal/record"
)

// reader opens everything.
var reader = dataset.Reader{Tables: sheet.Opener{}, Documents: document.Opener{}}

// TestCases reads files as people have them, and compares with what expect.tsv says of each.
func TestCases(t *testing.T) {
	dir := "../../../shared/data/cases/training"
	list, err := os.Open(filepath.Join(dir, "expect.tsv"))
	if err != nil {
		t.Skip("the cases are not there: ", err)
	}
	defer list.Close()
	cases := 0
	lines := bufio.NewScanner(list)
	lines.Scan() // the names of the columns
	for lines.Scan() {
		name, want, ok := strings.Cut(lines.Text(), "\t")
		if !ok {
			continue
		}
		cases++
		t.Run(name, func(t *testing.T) { expect(t, filepath.Join(dir, name), want) })
	}
	if err := lines.Err(); err != nil || cases == 0 {
		t.Fatal(cases, err)
	}
}

var (
	namesExpected = regexp.MustCompile(`labels (\S+(?: and \S+|, \w+)*)(?:$|, )`)
	namedExpected = regexp.MustCompile(`names (\w+)|as an? (\w+)`)
)

// expect compares what is read of a file with a sentence such as “10 examples, 10 replies, labels pos, neg”.
func expect(t *testing.T, path, want string) {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	examples, report, err := reader.ReadUpload(context.Background(), filepath.Base(path), f, dataset.ReadOptions{})
	t.Logf("%d examples, %d replies, %d labels, read as %v, doubts %v, skipped %v, %v", len(examples), report.Replies, len(report.Labels), report.ReadAs, report.Doubts, report.Skipped, err)
	if strings.HasPrefix(want, "refused") {
		named := namedExpected.FindStringSubmatch(want)
		if err == nil {
			t.Fatalf("it was read, and should be %s", want)
		}
		if named != nil && !strings.Contains(err.Error(), named[1]+named[2]) {
			t.Errorf("%v doesn't say what it is: %s", err, want)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	got, labels := countsAre(t, examples, want)
	if strings.Contains(want, "no reply") && got["replies"] > 0 {
		t.Errorf("%d replies", got["replies"])
	}
	if m := namesExpected.FindStringSubmatch(want); m != nil {
		for name := range strings.FieldsFuncSeq(strings.ReplaceAll(m[1], " and ", ","), func(r rune) bool { return r == ',' }) {
			if name = strings.TrimSpace(name); name != "responses as replies" && !labels[name] {
				t.Errorf("label %q is missing among %v", name, labels)
			}
		}
	}
	if column := regexp.MustCompile(`reply = column (\d+)`).FindStringSubmatch(want); column != nil {
		says := fmt.Sprint(report.ReadAs)
		if !strings.Contains(says, "reply = "+column[1]) {
			t.Errorf("%s: %s", says, want)
		}
	}
	if strings.Contains(want, "responses as replies") && got["replies"] != len(examples) {
		t.Errorf("%d replies of %d examples", got["replies"], len(examples))
	}
}

// short writes examples as "text|label|reply" for comparing.
func short(examples []record.Example) []string {
	var out []string
	for _, e := range examples {
		out = append(out, e.Text+"|"+e.Label+"|"+e.Reply)
	}
	return slices.Clip(out)
}
