package store_test

import (
	"bytes"
	"context"
	"database/sql"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
)

// found counts how often a text stands in the files below a folder.
func found(t *testing.T, dir, text string) (n int) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		n += bytes.Count(raw, []byte(text))
		return err
	}))
	return n
}

// What was deleted stands in no file any more, neither in a page of the database that is free now nor in its log.
func TestDeletedTextsLeaveTheFiles(t *testing.T) {
	const secret = "tangerine-xylophone"
	text := func(i int) string { return fmt.Sprintf("%s %d %s", secret, i, strings.Repeat("m", i*37%900)) }
	other := func(i int) string { return fmt.Sprintf("another's %d %s", i, strings.Repeat("n", i*53%700)) }
	teach := func(t *testing.T, ctx context.Context, s *store.Store) {
		var examples []record.Example
		for i := range 800 {
			examples = append(examples,
				record.Example{Text: text(i), Label: "x", Origin: record.Origin{Author: alice, At: noon}},
				record.Example{Text: other(i), Label: "x", Origin: record.Origin{Author: bob, At: noon}})
		}
		_, _, err := s.AddExamples(ctx, serverA, examples)
		check(t, err)
		for i := range 300 {
			for who, what := range map[record.UserID]string{alice: text(i), bob: other(i)} {
				at := noon
				if who == bob {
					at = noon.Add(time.Hour)
				}
				must[record.ExchangeID](t)(s.SaveExchange(ctx, record.Exchange{Server: serverA, Asker: who, Question: what, Answer: what, At: at}))
				must[record.TranscriptID](t)(s.SaveTranscript(ctx, record.Transcript{Server: serverA, User: who, Said: what, At: at}))
			}
		}
	}
	for name, remove := range map[string]func(ctx context.Context, s *store.Store) error{
		"a person": func(ctx context.Context, s *store.Store) error {
			_, err := s.DeleteUser(ctx, alice)
			return err
		},
		"piece by piece": func(ctx context.Context, s *store.Store) error {
			if err := s.DeleteBefore(ctx, serverA, noon.Add(time.Minute)); err != nil {
				return err
			}
			if _, err := s.RemoveExamples(ctx, serverA, record.ExampleFilter{Author: alice}); err != nil {
				return err
			}
			return s.Scrub(ctx)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, store.Config{Dir: dir})
			teach(t, t.Context(), s)
			if found(t, dir, secret) == 0 {
				t.Fatal("the texts are not in the files at all")
			}
			check(t, remove(t.Context(), s))
			if n := found(t, dir, secret); n != 0 {
				t.Errorf("a deleted text is in the files %d times", n)
			}
			if found(t, dir, "another's") == 0 {
				t.Error("what somebody else said is gone too")
			}
		})
	}
	t.Run("a correction, an edited example and a withdrawn text", func(t *testing.T) {
		dir, ctx := t.TempDir(), t.Context()
		s := open(t, store.Config{Dir: dir})
		id := must[record.CorrectionID](t)(s.SaveCorrection(ctx, record.Correction{Server: serverA, By: alice, Question: secret, Right: secret, At: noon}))
		_, _, err := s.AddExamples(ctx, serverA, []record.Example{{Text: secret, Label: "x", Origin: record.Origin{At: noon}}})
		check(t, err)
		must[bool](t)(s.DeleteCorrection(ctx, serverA, id))
		e := must[[]record.Example](t)(s.Examples(ctx, serverA, ""))[0]
		e.Text = "something else"
		must[bool](t)(s.EditExample(ctx, serverA, e))
		if n := found(t, dir, secret); n != 0 {
			t.Errorf("a text that was replaced is in the files %d times", n)
		}
	})
}

// A database of an earlier Mynah, which freed pages without overwriting them, is cleaned by the first Scrub.
func TestEarlierDeletionsLeaveTheFiles(t *testing.T) {
	const secret = "tangerine-xylophone"
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: dir})
	check(t, err)
	check(t, s.Close())
	path := filepath.Join(dir, "mynah.db")
	old := must[*sql.DB](t)(sql.Open("sqlite", path))
	for _, statement := range []string{
		"PRAGMA user_version = 0", "PRAGMA secure_delete = 0", "CREATE TABLE scrap (text TEXT)",
		"INSERT INTO scrap SELECT '" + secret + "' || hex(randomblob(500)) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n)",
		"DELETE FROM scrap",
	} {
		if _, err := old.Exec(statement); err != nil {
			t.Fatal(statement, err)
		}
	}
	check(t, old.Close())
	if found(t, dir, secret) == 0 {
		t.Fatal("the texts are not in the files at all")
	}
	check(t, open(t, store.Config{Dir: dir}).Scrub(t.Context()))
	if n := found(t, dir, secret); n != 0 {
		t.Errorf("a deleted text is in the files %d times", n)
	}
}
