package dataset

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/learn"
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
	if err := learn.WriteSnapshot(&b, examples); err != nil {
		t.Fatal(err)
	}
	back, err := learn.ReadSnapshot(context.Background(), &b)
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
