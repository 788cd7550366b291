package learn

import (
	"bytes"
	"context"
	"math"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// fuzzRead checks what holds for every input of a reader: no panic, valid examples, and a snapshot that reads back.
func fuzzRead(t *testing.T, name string, data []byte) {
	examples, report, err := ReadUpload(context.Background(), name, bytes.NewReader(data), ReadOptions{Label: "x", MaxCount: 1000})
	if (err == nil) != (len(examples) > 0) {
		t.Fatalf("%d examples and error %v", len(examples), err)
	}
	if report.SkipCount < len(report.Skipped) {
		t.Fatalf("%d skips counted, %d listed", report.SkipCount, len(report.Skipped))
	}
	for _, e := range examples {
		if err := e.Validate(); err != nil {
			t.Fatalf("%+v: %v", e, err)
		}
		if !utf8.ValidString(e.Text) {
			t.Fatalf("%q is not UTF-8", e.Text)
		}
	}
	var b bytes.Buffer
	if err := WriteSnapshot(&b, examples); err != nil {
		t.Fatal(err)
	}
	back, err := ReadSnapshot(context.Background(), &b)
	if err != nil || !slices.Equal(back, examples) {
		t.Fatalf("snapshot: %v\n%+v\n%+v", err, examples, back)
	}
}

func FuzzReadTable(f *testing.F) {
	for _, s := range []string{"text,label\na,b\n", "\"a\nb\",c\n\"d", "a;b\nc;d\n", "a\tb\n", "v1,v2\nham,x y z\nspam,q\n", "text,positive\na,1\n", "\"\"\"\",\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRead(t, "a.csv", data) })
}

func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`[{"text":"a","label":"b"}]`, `{"a":["b"]}`, `{"intents":[{"tag":"t","patterns":["p"],"responses":["r"]}]}`, `{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}`, `["a",["b","c"],1,null]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzRead(t, "a.json", data)
		fuzzRead(t, "a.jsonl", data)
	})
}

func FuzzReadText(f *testing.F) {
	for _, s := range []string{"a\nb\n", "__label__x y\n", "Q: a\nA: b\n", "a\tb\n", "\xff\xfea\x00", "\xfe\xff\x00a", "\xcf\xf0\xe8\xe2\xe5\xf2", "\xef\xbb\xbfa"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzRead(t, "a.txt", data)
		fuzzRead(t, "a", data)
	})
}

func FuzzReadArchive(f *testing.F) {
	f.Add(archive(f, "x/a.txt", "one\n", "b.csv", "text,label\na,b\n"))
	f.Add(archive(f, "../a.txt", "one\n"))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRead(t, "a.zip", data) })
}

// FuzzParseModel feeds the part of the loader behind the checksum: what it accepts must predict without panic and save to
// the same bytes again.
func FuzzParseModel(f *testing.F) {
	for _, ex := range [][]Example{
		{{Text: "yes", Label: "a"}, {Text: "yep", Label: "a"}, {Text: "no", Label: "b"}, {Text: "nope", Label: "b"}},
		{{Text: "who", Reply: "me"}, {Text: "who is it", Reply: "me"}, {Text: "where", Reply: "here"}, {Text: "where to", Reply: "here"}},
		{{Text: "a b", Label: "x", Reply: "r"}, {Text: "c d", Label: "y", Reply: "s"}, {Text: "e f", Label: "z"}, {Text: "g h", Label: "z"}},
	} {
		m, _ := train(f, ex, Options{})
		body, err := m.body()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		m, err := parseModel(body)
		if err != nil {
			return
		}
		m.ready()
		for _, text := range []string{"", "yes", "who is it to", "a b c d", "1 ABC"} {
			p := m.Predict(text)
			if math.IsNaN(p.Probability) {
				t.Fatalf("probability of %q is not a number", text)
			}
		}
		m.Neighbours("who", 3)
		again, err := m.body()
		if err != nil {
			t.Fatal(err)
		}
		m2, err := parseModel(again)
		if err != nil {
			t.Fatalf("what was saved can't be loaded: %v", err)
		}
		if third, err := m2.body(); err != nil || !bytes.Equal(again, third) {
			t.Fatal("saving again gives other bytes")
		}
	})
}

func FuzzLoad(f *testing.F) {
	m, _ := train(f, []Example{{Text: "yes", Label: "a"}, {Text: "yep", Label: "a"}, {Text: "no", Label: "b"}, {Text: "nope", Label: "b"}}, Options{})
	f.Add(saved(f, m))
	f.Add([]byte(modelMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, err := Load(bytes.NewReader(data), Limits{FileBytes: 1 << 20, BodyBytes: 1 << 22}); err == nil {
			m.Predict("yes")
		}
	})
}

func FuzzPredict(f *testing.F) {
	m, _ := train(f, []Example{{Text: "where is it", Label: "a", Reply: "here"}, {Text: "where", Label: "a"}, {Text: "who", Label: "b"}, {Text: "кто это", Label: "b", Reply: "я"}}, Options{})
	f.Add("where is it?")
	f.Add("\xff''’ Ё _ 12345678901234 ABC")
	f.Fuzz(func(t *testing.T, text string) {
		p := m.Predict(text)
		if p.Label == "" || p.Probability < 0 || p.Probability > 1 || p.ReplyScore < 0 || p.ReplyScore > 1 || len(p.Labels) != 2 {
			t.Fatalf("%+v", p)
		}
		if Normalize(Normalize(text)) != Normalize(text) {
			t.Fatalf("normalizing %q twice differs", text)
		}
	})
}
