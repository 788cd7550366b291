package bot

import (
	"strings"
	"testing"
	"unicode"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// What is wrong with a file is said in the language of the reply.
func TestRemarksAreTranslated(t *testing.T) {
	c := newTestBot(t).in("ru", record.Settings{})
	seen := map[dataset.RemarkKind]bool{}
	check := func(m any, text string) {
		if !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Cyrillic, r) }) || strings.ContainsAny(text, "{}%") {
			t.Errorf("%q became %q", m, text)
		}
	}
	for name, content := range map[string]string{
		"empty.csv": " \n", "binary.csv": "\x7fELF\x00\x01\x02", "other.png": "hello", "no.zip": "hello", "nothing.json": "[]",
		"columns.csv": "text,label\na,x\nb\n", "quotes.csv": "text,label\n\"a,x\nb,y\n", "broken.json": `{"text": "one`,
		"keys.jsonl": `{"label":"x"}`, "long.csv": "text,label\n" + strings.Repeat("a", record.MaxTextRunes+1) + ",x\n", "no answer.csv": "text,label\na,\nb,y\n",
		"no text.csv": "text,label\n,x\nb,y\n", "dialogue.txt": "Q: who?\nA: me\nQ: when?\n",
	} {
		_, report, _ := dataset.ReadUpload(t.Context(), name, strings.NewReader(content), dataset.ReadOptions{})
		if len(report.Skipped) == 0 {
			t.Errorf("%s: nothing was skipped", name)
		}
		for _, s := range report.Skipped {
			seen[s.Why.Kind] = true
			check(s.Why, c.remark(s.Why))
		}
	}
	if len(seen) < 10 {
		t.Errorf("only %d kinds of remarks", len(seen))
	}
	for _, err := range []error{learn.ErrOneLabel, learn.ErrTooFew} {
		n := learn.Note{Kind: learn.LabelsUnlearned, Args: []any{err}}
		check(n, c.note(n))
	}
}
