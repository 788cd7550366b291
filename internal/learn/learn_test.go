package learn

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
)

// nluDir is where the public data sets lie, beside the repository.
func nluDir(t testing.TB) string {
	_, file, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(file), "../../../shared/data/nlu")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the data sets in ../shared/data/nlu are absent")
	}
	return dir
}

// readSet reads a JSONL file of the public data sets without the package's own readers.
func readSet(t testing.TB, name string) []record.Example {
	t.Helper()
	f, err := os.Open(filepath.Join(nluDir(t), filepath.FromSlash(name)+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var out []record.Example
	sc := bufio.NewScanner(f)
	for sc.Scan() {
		var r snapshotLine
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, record.Example{Text: r.Text, Label: r.Label, Reply: r.Reply})
	}
	if sc.Err() != nil || len(out) == 0 {
		t.Fatalf("%s: %d examples, %v", name, len(out), sc.Err())
	}
	return out
}

func train(t testing.TB, examples []record.Example, opt Options) (*Model, *Report) {
	t.Helper()
	m, r, err := Train(context.Background(), examples, opt)
	if err != nil {
		t.Fatal(err)
	}
	return m, r
}

func saved(t testing.TB, m *Model) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTrainPredictSaveLoad(t *testing.T) {
	m, r := train(t, readSet(t, "hint3_curekart/train"), Options{Seed: 1})
	test := readSet(t, "hint3_curekart/test")
	ev := Evaluate(m, test, nil)
	if ev.Accuracy < 0.80 {
		t.Errorf("accuracy %.3f", ev.Accuracy)
	}
	if r.HeldOut.Accuracy < 0.7 || r.HeldOut.Accuracy > 0.95 {
		t.Errorf("held-out accuracy %.3f", r.HeldOut.Accuracy)
	}
	file := saved(t, m)
	m2, err := Load(bytes.NewReader(file), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(saved(t, m2), file) {
		t.Error("a loaded model saves to other bytes")
	}
	for _, e := range test {
		a, b := m.Predict(e.Text), m2.Predict(e.Text)
		if a.Label != b.Label || a.Probability != b.Probability || a.Known != b.Known || !slices.Equal(a.Labels, b.Labels) {
			t.Fatalf("%q: %+v before saving, %+v after loading", e.Text, a, b)
		}
	}
}

func TestTrainIsDeterministic(t *testing.T) {
	var examples []record.Example
	for i, e := range readSet(t, "hint3_curekart/train") {
		if i%3 == 0 { // enough for a search, and quick
			examples = append(examples, e)
		}
	}
	a, _ := train(t, examples, Options{Seed: 7, Threads: 1})
	b, _ := train(t, examples, Options{Seed: 7, Threads: 4})
	if !bytes.Equal(saved(t, a), saved(t, b)) {
		t.Error("same examples and seed, other bytes")
	}
	c, _ := train(t, examples, Options{Seed: 8})
	if bytes.Equal(saved(t, a), saved(t, c)) {
		t.Error("the seed makes no difference")
	}
}

func TestTrainRefuses(t *testing.T) {
	one := []record.Example{{Text: "a", Label: "x"}, {Text: "b", Label: "x"}, {Text: "c", Label: "x"}, {Text: "d", Label: "x"}}
	for name, c := range map[string]struct {
		examples []record.Example
		want     error
	}{
		"none":      {nil, ErrTooFew},
		"one label": {one, ErrOneLabel},
		"too few":   {[]record.Example{{Text: "a", Label: "x"}, {Text: "b", Label: "y"}}, ErrTooFew},
		"no text":   {[]record.Example{{Label: "x"}}, record.ErrNoText},
		"no answer": {[]record.Example{{Text: "x"}}, record.ErrNoAnswer},
		"too many":  {make([]record.Example, MaxExamples+1), ErrTooManyExamples},
	} {
		if _, _, err := Train(context.Background(), c.examples, Options{}); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := Train(ctx, append(one, record.Example{Text: "e", Label: "y"}), Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestTinySets(t *testing.T) {
	for name, ex := range map[string][]record.Example{
		"one word":   {{Text: "yes", Label: "a"}, {Text: "yep", Label: "a"}, {Text: "no", Label: "b"}, {Text: "nope", Label: "b"}},
		"signs":      {{Text: "?", Label: "a"}, {Text: "??", Label: "a"}, {Text: "!", Label: "b"}, {Text: "👍", Label: "b"}},
		"one each":   {{Text: "один", Label: "a"}, {Text: "two", Label: "b"}, {Text: "три", Label: "c"}, {Text: "four", Label: "d"}},
		"one reply":  {{Text: "what is it", Reply: "It is this."}},
		"both kinds": {{Text: "hi", Label: "greet", Reply: "Hello!"}, {Text: "hello", Label: "greet"}, {Text: "bye", Label: "part"}, {Text: "see you", Label: "part"}},
	} {
		m, _ := train(t, ex, Options{})
		for _, e := range ex {
			p := m.Predict(e.Text)
			if e.Label != "" && p.Label != e.Label {
				t.Errorf("%s: %q gave %+v", name, e.Text, p)
			}
		}
		m.Predict("")
		m.Predict("\xff\xfe")
		if _, err := Load(bytes.NewReader(saved(t, m)), Limits{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func ExampleTrain() {
	m, _, err := Train(context.Background(), []record.Example{
		{Text: "where is my parcel", Label: "delivery"}, {Text: "when will it arrive", Label: "delivery"},
		{Text: "i want my money back", Label: "refund"}, {Text: "please refund me", Label: "refund"},
	}, Options{})
	if err != nil {
		panic(err)
	}
	fmt.Println(m.Predict("refund my money").Label)
	// Output: refund
}

func TestResponses(t *testing.T) {
	var examples []record.Example
	for i, text := range []string{"hello there", "hi friend", "good morning", "hey you", "hello friend", "good evening"} {
		examples = append(examples, record.Example{Text: text, Label: "greeting"}, record.Example{Text: "where is parcel number " + string(rune('a'+i)), Label: "delivery"})
	}
	m, _ := train(t, examples, Options{})
	if p := m.Predict("hello friend"); p.ReplyKnown {
		t.Fatalf("a reply from nowhere: %+v", p)
	}
	answers := []string{"Hi!", "Good day.", "Welcome."}
	with := m.WithResponses(map[string][]string{"greeting": answers})
	seen := map[string]bool{}
	for _, text := range []string{"hello there", "hi friend", "good morning", "hey you", "hello friend", "good evening"} {
		p := with.Predict(text)
		if !p.ReplyKnown || !slices.Contains(answers, p.Reply) || p.Reply != with.Predict(strings.ToUpper(text)).Reply {
			t.Errorf("%q: %+v", text, p)
		}
		seen[p.Reply] = true
	}
	if len(seen) < 2 {
		t.Errorf("always %v", seen)
	}
	if p := with.Predict("where is my parcel"); p.Label != "delivery" || p.ReplyKnown {
		t.Errorf("another label: %+v", p)
	}
	if p := m.Predict("hello friend"); p.ReplyKnown {
		t.Error("the model itself was changed")
	}
}
