package store_test

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
)

// Every table and column is among [store.Places]; River's own tables hold the numbers of jobs only.
func TestEveryPlaceIsListed(t *testing.T) {
	s := open(t, store.Config{Dir: t.TempDir()})
	db := s.SQL()
	names := func(query string) (all []string) {
		rows, err := db.QueryContext(t.Context(), query)
		check(t, err)
		defer rows.Close()
		for rows.Next() {
			var name string
			check(t, rows.Scan(&name))
			all = append(all, name)
		}
		return all
	}
	places := store.Places()
	tables := names(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'river_%'`)
	if len(tables) < 15 {
		t.Fatalf("only %v", tables)
	}
	for _, table := range tables {
		place, ok := places[table]
		if !ok || place.Deletion == "" {
			t.Errorf("table %s is no place that is listed: say in Places what becomes of it when somebody has their data deleted", table)
			continue
		}
		columns := names(`SELECT name FROM pragma_table_info('` + table + `')`)
		listed := slices.Concat(place.Personal, place.Kept)
		for _, column := range columns {
			if !slices.Contains(listed, column) {
				t.Errorf("%s.%s is not listed in Places", table, column)
			}
		}
		for _, column := range listed {
			if !slices.Contains(columns, column) {
				t.Errorf("%s.%s is listed, and there is no such column", table, column)
			}
		}
	}
	for table := range places {
		if !slices.Contains(tables, table) {
			t.Errorf("%s is listed, and there is no such table", table)
		}
	}
}

// What came from a person goes wherever it lies: their question in somebody else's correction, their words in what others were answered.
func testDeletions(t *testing.T, ctx context.Context, s *store.Store) {
	const mine, right = "tangerine question", "tangerine answer"
	save := func(c record.Correction) {
		t.Helper()
		c.Server, c.At = serverA, noon
		must[record.CorrectionID](t)(s.SaveCorrection(ctx, c))
	}
	save(record.Correction{By: bob, Asker: alice, Question: mine, Right: "his answer"})
	save(record.Correction{By: alice, Asker: bob, Question: "his question", Right: right})
	save(record.Correction{By: bob, Asker: bob, Question: "his other question", Given: right, Right: "another"})
	must[record.ExchangeID](t)(s.SaveExchange(ctx, record.Exchange{Server: serverA, Asker: bob, Question: "his question", Answer: right, At: noon}))
	must[record.ExchangeID](t)(s.SaveExchange(ctx, record.Exchange{Server: serverB, Asker: bob, Question: "elsewhere", Answer: right, At: noon}))
	must[record.TranscriptID](t)(s.SaveTranscript(ctx, record.Transcript{Server: serverA, User: bob, Said: "said", Answer: right, At: noon}))
	check(t, s.SaveFile(ctx, record.File{Server: serverB, Path: "datasets/hers.csv", By: alice, At: noon}))
	check(t, s.SaveFile(ctx, record.File{Server: serverB, Path: "datasets/his.csv", By: bob, At: noon}))
	learned := must[record.Model](t)(s.SaveModel(ctx, record.Model{Server: serverB, State: record.ModelActive, Began: time.Now(), At: noon.Add(time.Hour)}))

	exported := must[record.Personal](t)(s.ExportUser(ctx, alice))
	if len(exported.Corrections) != 2 || len(exported.Files) != 1 {
		t.Errorf("exported: %+v", exported)
	}
	for _, k := range exported.Corrections {
		if k.By == bob || k.Right == "his answer" {
			t.Errorf("the export tells what is somebody else's: %+v", k)
		}
	}

	check(t, s.BeginDeletion(ctx, alice))
	same(t, must[[]record.UserID](t)(s.Deletions(ctx)), []record.UserID{alice})
	must[[]record.ServerID](t)(s.DeleteUser(ctx, alice))
	left := must[record.Personal](t)(s.ExportUser(ctx, bob))
	for _, k := range left.Corrections {
		if k.Question == mine || k.Given == right {
			t.Errorf("a correction is left: %+v", k)
		}
	}
	for _, e := range left.Exchanges {
		if (e.Answer == right) != (e.Server == serverB) {
			t.Errorf("an exchange is left: %+v", e)
		}
	}
	if len(left.Exchanges) != 2 || len(left.Transcripts) != 1 || left.Transcripts[0].Answer != "" || len(left.Files) != 1 {
		t.Errorf("what is his: %+v", left)
	}
	models := must[[]record.Model](t)(s.Models(ctx, serverB))
	if models[0].ID != learned.ID || models[0].State != record.ModelStale {
		t.Errorf("the model that learned a file of hers: %+v", models[0])
	}

	// It isn't over before each server's files are done; what is noted is done twice without harm.
	check(t, s.EndDeletion(ctx, alice))
	same(t, must[[]record.UserID](t)(s.Deletions(ctx)), []record.UserID{alice})
	check(t, s.BeginDeletion(ctx, alice))
	same(t, must[[]record.ServerID](t)(s.DeletionServers(ctx, alice)), []record.ServerID{serverB, serverA})
	same(t, len(must[[]record.File](t)(s.Files(ctx, serverB, alice))), 1)
	check(t, s.ForgetFile(ctx, serverB, "datasets/hers.csv"))
	for _, server := range []record.ServerID{serverA, serverB} {
		check(t, s.DeletionDone(ctx, alice, server))
	}
	check(t, s.EndDeletion(ctx, alice))
	same(t, len(must[[]record.UserID](t)(s.Deletions(ctx))), 0)
	again := must[record.Personal](t)(s.ExportUser(ctx, alice))
	if len(again.Corrections)+len(again.Files)+len(again.Exchanges) != 0 {
		t.Errorf("left: %+v", again)
	}
}

// Corrections from before askers were kept get theirs from the exchanges that are still there.
func TestOldCorrectionsGetTheirAskers(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: dir})
	check(t, err)
	must[record.ExchangeID](t)(s.SaveExchange(t.Context(), record.Exchange{Server: serverA, Asker: alice, AnsweredIn: 9, Question: "q", At: noon}))
	must[record.CorrectionID](t)(s.SaveCorrection(t.Context(), record.Correction{Server: serverA, By: bob, Message: 9, Question: "q", At: noon}))
	check(t, s.Close())
	db := must[*sql.DB](t)(sql.Open("sqlite", dir+"/mynah.db"))
	for statement := range strings.SplitSeq(`DROP INDEX correction_asker; ALTER TABLE correction DROP COLUMN asker; DROP TABLE file;
		DROP TABLE deletion; DROP TABLE deletion_server; DELETE FROM migration WHERE version >= 8`, ";") {
		if _, err := db.Exec(statement); err != nil {
			t.Fatal(statement, err)
		}
	}
	check(t, db.Close())
	s = open(t, store.Config{Dir: dir})
	same(t, must[[]record.Correction](t)(s.Corrections(t.Context(), serverA, false))[0].Asker, alice)
}
