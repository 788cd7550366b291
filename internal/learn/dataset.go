package learn

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/record"
)

// Limits of what is learned and kept.
const (
	MaxExamples      = 200_000  // examples of one training
	MaxResponses     = 50       // response texts of one label
	maxSnapshotBytes = 64 << 20 // a snapshot that is read back
	maxLineBytes     = 4 << 20  // one line of it
)

// ErrTooManyExamples is returned where there are more than MaxExamples.
var ErrTooManyExamples = fmt.Errorf("the dataset has more than %d examples", MaxExamples)

// RareLabel is the number of examples under which a label is reported as rare.
const RareLabel = 5

// maxReported bounds the lists of single findings in reports; the counts beside them are complete.
const maxReported = 100

// Contradiction is one text that was given different labels, or one question with different replies.
type Contradiction struct {
	Text    string
	Answers []string        // distinct labels or replies, the one that is kept first
	Origins []record.Origin // of the examples, in the order of Answers
}

// Findings is what Check found in a list of examples.
type Findings struct {
	Labels             map[string]int  // examples by label
	Replies            int             // examples with a reply
	Duplicates         int             // examples that repeat an earlier one exactly
	NearDuplicates     int             // examples that nearly repeat an earlier one, letter for letter, with the same answer
	Contradictions     []Contradiction // at most 100
	ContradictionCount int
	RareLabels         []string // labels with fewer than RareLabel examples
}

// Clean checks examples and returns those to train on, in order. Of exact duplicates the first stays. Near duplicates all stay, but
// training keeps them together on one side of every split, as long as that leaves texts of each label on both. Of contradicting examples only those with one answer stay:
// the corrected one if there is a correction, else the most frequent, else the latest. The input isn't changed.
func Clean(examples []record.Example) ([]record.Example, Findings) {
	out, f, _ := cleanExamples(examples)
	return out, f
}

// cleanExamples is Clean, and returns for each example that stays the index of one that it nearly repeats, or its own.
func cleanExamples(examples []record.Example) ([]record.Example, Findings, []int32) {
	f := Findings{Labels: map[string]int{}}
	type group struct {
		members []int
	}
	groups := map[string]*group{}
	exact := map[[3]string]bool{}
	drop := make([]bool, len(examples))
	keys := make([]string, len(examples))
	for i, e := range examples {
		k := [3]string{strings.TrimSpace(e.Text), e.Label, e.Reply}
		if exact[k] {
			drop[i] = true
			f.Duplicates++
			continue
		}
		exact[k] = true
		keys[i] = Normalize(e.Text)
		g := groups[keys[i]]
		if g == nil {
			g = &group{}
			groups[keys[i]] = g
		}
		g.members = append(g.members, i)
	}
	for i := range examples {
		if drop[i] {
			continue
		}
		g := groups[keys[i]]
		if g.members[0] != i || len(g.members) == 1 {
			continue
		}
		f.settle(examples, g.members, drop, func(e record.Example) string { return e.Label })
		f.settle(examples, g.members, drop, func(e record.Example) string { return e.Reply })
	}
	var out []record.Example
	for i, e := range examples {
		if drop[i] {
			continue
		}
		out = append(out, e)
		if e.Label != "" {
			f.Labels[e.Label]++
		}
		if e.Reply != "" {
			f.Replies++
		}
	}
	for l, n := range f.Labels {
		if n < RareLabel {
			f.RareLabels = append(f.RareLabels, l)
		}
	}
	slices.Sort(f.RareLabels)
	texts := make([]string, len(out))
	for i, e := range out {
		texts[i] = e.Text
	}
	near := nearDuplicates(texts)
	for i, j := range near {
		if int(j) != i && out[i].Label == out[j].Label && out[i].Reply == out[j].Reply {
			f.NearDuplicates++
		}
	}
	return out, f, near
}

// settle drops the members of one group of equal texts whose answer is not the one to keep.
func (f *Findings) settle(examples []record.Example, members []int, drop []bool, answer func(record.Example) string) {
	type tally struct {
		answer  string
		n, last int
		correct bool
	}
	var tallies []tally
	for _, m := range members {
		a := answer(examples[m])
		if a == "" || drop[m] {
			continue
		}
		i := slices.IndexFunc(tallies, func(t tally) bool { return t.answer == a })
		if i < 0 {
			i = len(tallies)
			tallies = append(tallies, tally{answer: a})
		}
		tallies[i].n++
		tallies[i].last = m
		tallies[i].correct = tallies[i].correct || examples[m].Origin.Kind == record.OriginCorrection
	}
	if len(tallies) < 2 {
		return
	}
	slices.SortStableFunc(tallies, func(a, b tally) int {
		switch {
		case a.correct != b.correct && a.correct:
			return -1
		case a.correct != b.correct:
			return 1
		case a.correct: // two corrections: the later one is right
			return cmp.Compare(b.last, a.last)
		}
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(b.last, a.last))
	})
	f.ContradictionCount++
	if len(f.Contradictions) < maxReported {
		c := Contradiction{Text: examples[members[0]].Text}
		for _, t := range tallies {
			c.Answers = append(c.Answers, t.answer)
			c.Origins = append(c.Origins, examples[t.last].Origin)
		}
		f.Contradictions = append(f.Contradictions, c)
	}
	for _, m := range members {
		if a := answer(examples[m]); a != "" && a != tallies[0].answer {
			drop[m] = true
		}
	}
}

// Leaked returns the indexes of the examples in test whose text (normalized) also occurs in train: figures measured on
// them say nothing.
func Leaked(train, test []record.Example) []int {
	seen := make(map[string]bool, len(train))
	for _, e := range train {
		seen[Normalize(e.Text)] = true
	}
	var out []int
	for i, e := range test {
		if seen[Normalize(e.Text)] {
			out = append(out, i)
		}
	}
	return out
}

// snapshotLine is the canonical JSON form of an example, one a line in a snapshot.
type snapshotLine struct {
	Text   string         `json:"text"`
	Label  string         `json:"label,omitempty"`
	Reply  string         `json:"reply,omitempty"`
	Origin *record.Origin `json:"origin,omitempty"`
}

// Hash identifies a dataset by its content: the lower-case hexadecimal SHA-256 over the texts, labels and replies in
// order of their bytes, so that neither the order of the examples nor their origins matter.
func Hash(examples []record.Example) string {
	sums := make([][sha256.Size]byte, 0, len(examples))
	for _, e := range examples {
		h := sha256.New()
		fmt.Fprintf(h, "%d %d %d\n%s%s%s", len(e.Text), len(e.Label), len(e.Reply), e.Text, e.Label, e.Reply)
		sums = append(sums, [sha256.Size]byte(h.Sum(nil)))
	}
	slices.SortFunc(sums, func(a, b [sha256.Size]byte) int { return bytes.Compare(a[:], b[:]) })
	h := sha256.New()
	for _, s := range sums {
		h.Write(s[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}

// WriteSnapshot writes examples as canonical JSON lines, origins included. ReadSnapshot reads them back unchanged.
func WriteSnapshot(w io.Writer, examples []record.Example) error {
	bw := bufio.NewWriter(w)
	enc := json.NewEncoder(bw)
	enc.SetEscapeHTML(false)
	for _, e := range examples {
		r := snapshotLine{Text: e.Text, Label: e.Label, Reply: e.Reply}
		if e.Origin != (record.Origin{}) {
			r.Origin = &e.Origin
		}
		if err := enc.Encode(r); err != nil {
			return fmt.Errorf("write snapshot: %w", err)
		}
	}
	return bw.Flush()
}

// ReadSnapshot reads what WriteSnapshot wrote: at most MaxExamples examples and 64 MB, and stops at the first error.
func ReadSnapshot(ctx context.Context, r io.Reader) ([]record.Example, error) {
	var out []record.Example
	sc := bufio.NewScanner(io.LimitReader(r, maxSnapshotBytes))
	sc.Buffer(nil, maxLineBytes)
	for n := 1; sc.Scan(); n++ {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if n > MaxExamples {
			return nil, ErrTooManyExamples
		}
		var rec snapshotLine
		dec := json.NewDecoder(bytes.NewReader(sc.Bytes()))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&rec); err != nil {
			return nil, fmt.Errorf("snapshot line %d: %w", n, err)
		}
		e := record.Example{Text: rec.Text, Label: rec.Label, Reply: rec.Reply}
		if rec.Origin != nil {
			e.Origin = *rec.Origin
		}
		if err := e.Validate(); err != nil {
			return nil, fmt.Errorf("snapshot line %d: %w", n, err)
		}
		out = append(out, e)
	}
	if err := sc.Err(); err != nil {
		return nil, fmt.Errorf("read snapshot: %w", err)
	}
	return out, nil
}
