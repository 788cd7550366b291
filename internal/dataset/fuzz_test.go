package dataset

import (
	"bytes"
	"context"
	"io/fs"
	"os"
	"path"
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

func FuzzReadYAML(f *testing.F) {
	for _, s := range []string{
		"version: \"3.1\"\nnlu:\n- intent: a\n  examples: |\n    - b [c](d)\nresponses:\n  utter_a:\n  - text: e\nrules:\n- steps:\n  - intent: a\n  - action: utter_a\n",
		"conversations:\n- - a\n  - b\n", "- question: a\n  answer: b\n", "a: &x [1, *x]\n", "? [a]\n: b\n---\nc\n", "a: 2026-01-01\nb: !!binary aGk=\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRead(t, "a.yml", data) })
}

// FuzzReadFormats reads the formats that are known by their keys.
func FuzzReadFormats(f *testing.F) {
	seeds := 0
	err := fs.WalkDir(os.DirFS("testdata/files"), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(name) != ".json" && path.Ext(name) != ".jsonl" {
			return err
		}
		data, err := os.ReadFile("testdata/files/" + name)
		f.Add(data)
		seeds++
		return err
	})
	if err != nil || seeds < 30 {
		f.Fatal(seeds, err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzRead(t, "a_usersays_en.json", data)
		fuzzRead(t, "a.jsonl", data)
	})
}

func FuzzReadMarked(f *testing.F) {
	for _, s := range []string{
		"## intent:a\n- b [c](d)\n\n## story\n* a\n  - utter_b\n", "# ? a\n- b\n```markdown\nc\n```\n", "**Q1:** a\n**A1:** b\n", "Вопрос 1: a\nОтвет: b\n", "a?\nb\n\nc?\nd\n",
		"[01/11/2026, 10:00] a: b\n", "sep=;\na;b\n",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		fuzzRead(t, "a.md", data)
		text, err := decodeText(data)
		if err != nil {
			return
		}
		r := Reader{}.start(context.Background(), ReadOptions{})
		for _, read := range []func(*fileReader, string) error{(*fileReader).rasaMarkdown, (*fileReader).lu, (*fileReader).dialogue, func(f *fileReader, s string) error { f.questionLines(s); return nil }} {
			if err := read(&fileReader{reading: r, name: "a.md"}, text); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzReadArchive(f *testing.F) {
	f.Add(archive(f, "x/a.txt", "one\n", "b.csv", "text,label\na,b\n"))
	f.Add(archive(f, "../a.txt", "one\n"))
	f.Add([]byte("PK\x05\x06" + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, data []byte) { fuzzRead(t, "a.zip", data) })
}
