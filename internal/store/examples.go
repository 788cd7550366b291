package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/mynahbot/mynah/internal/record"
)

// How many examples one INSERT carries. PostgreSQL gains by many, since each
// costs a trip to the server; SQLite is fastest with one.
const (
	examplesAtOncePostgres = 200
	examplesAtOnceSQLite   = 1
)

const exampleColumns = `id, server, dataset, text, label, reply, kind, file, line, message, author, at, disabled`

func scanExample(row scanner) (e record.Example, err error) {
	var server, message, author, at int64
	o := &e.Origin
	err = row.Scan(&e.ID, &server, &e.Dataset, &e.Text, &e.Label, &e.Reply, &o.Kind, &o.File, &o.Line, &message, &author, &at, &e.Disabled)
	e.Server, o.Message, o.Author, o.At = record.ServerID(server), record.MessageID(message), record.UserID(author), moment(at)
	return e, err
}

// AddExamples keeps examples of a server, all or none. An example whose dataset,
// text, label and reply are there already is a duplicate and changes nothing.
// The Server and ID of each are ignored.
func (s *Store) AddExamples(ctx context.Context, server record.ServerID, examples []record.Example) (added, duplicates int, err error) {
	atOnce := examplesAtOnceSQLite
	if s.pool != nil {
		atOnce = examplesAtOncePostgres
	}
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		whole := len(examples) - len(examples)%atOnce
		n, err := insertExamples(ctx, tx, server, examples[:whole], atOnce)
		if err != nil {
			return err
		}
		rest, err := insertExamples(ctx, tx, server, examples[whole:], len(examples)-whole)
		added = n + rest
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("keep examples of server %s: %w", server, err)
	}
	return added, len(examples) - added, nil
}

// insertExamples inserts examples atOnce by atOnce, which divides their number,
// and returns how many were new.
func insertExamples(ctx context.Context, tx *sql.Tx, server record.ServerID, examples []record.Example, atOnce int) (added int, err error) {
	if len(examples) == 0 {
		return 0, nil
	}
	insert, err := tx.PrepareContext(ctx, insertExamplesQuery(atOnce))
	if err != nil {
		return 0, err
	}
	defer insert.Close()
	args := make([]any, 0, exampleFields*atOnce)
	for batch := range slices.Chunk(examples, atOnce) {
		args = args[:0]
		for _, e := range batch {
			text, label, reply := clean(e.Text), clean(e.Label), clean(e.Reply)
			args = append(args, int64(server), clean(e.Dataset), text, label, reply, foldExample(text, label, reply), digest(text, label, reply),
				string(e.Origin.Kind), clean(e.Origin.File), e.Origin.Line, int64(e.Origin.Message), int64(e.Origin.Author), micros(e.Origin.At), e.Disabled)
		}
		result, err := insert.ExecContext(ctx, args...)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		added += int(n)
	}
	return added, nil
}

const exampleFields = 14 // of an INSERT

func insertExamplesQuery(n int) string {
	var query strings.Builder
	query.WriteString(`INSERT INTO example (server, dataset, text, label, reply, folded, digest, kind, file, line, message, author, at, disabled) VALUES `)
	for i := range n * exampleFields {
		switch {
		case i == 0:
			query.WriteString("(")
		case i%exampleFields == 0:
			query.WriteString("), (")
		default:
			query.WriteString(", ")
		}
		query.WriteString("$" + strconv.Itoa(i+1))
	}
	query.WriteString(") ON CONFLICT (server, dataset, digest) DO NOTHING")
	return query.String()
}

// Examples returns the examples of one dataset ("" = the server's own), oldest
// first, the disabled ones among them.
func (s *Store) Examples(ctx context.Context, server record.ServerID, dataset string) ([]record.Example, error) {
	all, err := collect(ctx, s.read, scanExample, `SELECT `+exampleColumns+` FROM example
		WHERE server = $1 AND dataset = $2 ORDER BY id`, int64(server), dataset)
	if err != nil {
		return nil, fmt.Errorf("read the examples of server %s: %w", server, err)
	}
	return all, nil
}

// FindExamples returns up to limit examples of any dataset, newest first, whose
// text, label or reply contains the query, whatever its case; every one for "".
func (s *Store) FindExamples(ctx context.Context, server record.ServerID, query string, limit int) ([]record.Example, error) {
	pattern := "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(fold(clean(query))) + "%"
	all, err := collect(ctx, s.read, scanExample, `SELECT `+exampleColumns+` FROM example
		WHERE server = $1 AND folded LIKE $2 ESCAPE '\' ORDER BY id DESC LIMIT $3`, int64(server), pattern, limit)
	if err != nil {
		return nil, fmt.Errorf("search the examples of server %s: %w", server, err)
	}
	return all, nil
}

// CountExamples returns how many examples each dataset of a server has, the
// disabled ones left out.
func (s *Store) CountExamples(ctx context.Context, server record.ServerID) (map[string]int, error) {
	type count struct {
		dataset string
		n       int
	}
	all, err := collect(ctx, s.read, func(row scanner) (c count, err error) { return c, row.Scan(&c.dataset, &c.n) },
		`SELECT dataset, COUNT(*) FROM example WHERE server = $1 AND NOT disabled GROUP BY dataset`, int64(server))
	if err != nil {
		return nil, fmt.Errorf("count the examples of server %s: %w", server, err)
	}
	counts := make(map[string]int, len(all))
	for _, c := range all {
		counts[c.dataset] = c.n
	}
	return counts, nil
}

// DisableExamples leaves the examples that the filter chooses out of trainings,
// or takes them in again, and returns how many that changed.
func (s *Store) DisableExamples(ctx context.Context, server record.ServerID, filter record.ExampleFilter, disabled bool) (int, error) {
	where, args := exampleFilter(filter)
	if where == "" && !filter.All {
		return 0, errors.New("disable examples: the filter chooses nothing")
	}
	args = append([]any{int64(server)}, args...)
	result, err := s.write.ExecContext(ctx, `UPDATE example SET disabled = $`+strconv.Itoa(len(args)+1)+` WHERE server = $1`+where+
		` AND disabled <> $`+strconv.Itoa(len(args)+1), append(args, disabled)...)
	if err != nil {
		return 0, fmt.Errorf("change examples of server %s: %w", server, err)
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// Example returns one example of a server.
func (s *Store) Example(ctx context.Context, server record.ServerID, id record.ExampleID) (record.Example, bool, error) {
	e, found, err := first(ctx, s.read, scanExample, `SELECT `+exampleColumns+` FROM example WHERE server = $1 AND id = $2`, int64(server), int64(id))
	if err != nil {
		return e, false, fmt.Errorf("read example %d of server %s: %w", id, server, err)
	}
	return e, found, nil
}

// EditExample gives the example with e's id another text, label and reply, and
// reports whether it is there. Its origin stays.
func (s *Store) EditExample(ctx context.Context, server record.ServerID, e record.Example) (found bool, err error) {
	text, label, reply := clean(e.Text), clean(e.Label), clean(e.Reply)
	err = s.inDeletion(ctx, func(tx *sql.Tx) error {
		var others int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM example WHERE server = $1 AND digest = $2 AND id <> $3
			AND dataset = (SELECT dataset FROM example WHERE server = $1 AND id = $3)`,
			int64(server), digest(text, label, reply), int64(e.ID)).Scan(&others)
		if err != nil {
			return err
		}
		if others > 0 {
			return record.ErrDuplicate
		}
		result, err := tx.ExecContext(ctx, `UPDATE example SET text = $1, label = $2, reply = $3, folded = $4, digest = $5 WHERE server = $6 AND id = $7`,
			text, label, reply, foldExample(text, label, reply), digest(text, label, reply), int64(server), int64(e.ID))
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		found = n > 0
		return err
	})
	if err != nil {
		return false, fmt.Errorf("edit example %d of server %s: %w", e.ID, server, err)
	}
	return found, nil
}

// RemoveExamples deletes the examples that the filter chooses and returns how
// many. That their authors had taught something is remembered: models know it.
func (s *Store) RemoveExamples(ctx context.Context, server record.ServerID, filter record.ExampleFilter) (int, error) {
	where, args := exampleFilter(filter)
	if where == "" && !filter.All {
		return 0, errors.New("remove examples: the filter chooses nothing")
	}
	args = append([]any{int64(server)}, args...)
	var n int64
	err := s.inDeletion(ctx, func(tx *sql.Tx) error {
		if err := untaught(ctx, tx, `author`, `example`, `dataset = '' AND server = $1`+where, args...); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM example WHERE server = $1`+where, args...)
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("remove examples of server %s: %w", server, err)
	}
	return int(n), nil
}

// untaught remembers who, by the column, had taught the rows of a table that the
// conditions choose and that are to be deleted.
func untaught(ctx context.Context, tx *sql.Tx, who, table, where string, args ...any) error {
	now := strconv.FormatInt(micros(time.Now()), 10)
	_, err := tx.ExecContext(ctx, `INSERT INTO untaught (server, author, first_at, last_at)
		SELECT server, `+who+`, MIN(at), `+now+` FROM `+table+` WHERE `+who+` <> 0 AND `+where+` GROUP BY server, `+who+`
		ON CONFLICT (server, author) DO UPDATE SET last_at = excluded.last_at,
			first_at = CASE WHEN excluded.first_at < untaught.first_at THEN excluded.first_at ELSE untaught.first_at END`, args...)
	return err
}

// exampleFilter returns conditions to follow "WHERE server = $1", and what they compare with.
func exampleFilter(f record.ExampleFilter) (where string, args []any) {
	add := func(column string, value any) {
		args = append(args, value)
		where += " AND " + column + " = $" + strconv.Itoa(len(args)+1)
	}
	if len(f.IDs) > 0 {
		ids := make([]string, len(f.IDs))
		for i, id := range f.IDs {
			ids[i] = strconv.FormatInt(int64(id), 10)
		}
		where += " AND id IN (" + strings.Join(ids, ", ") + ")"
	}
	if f.Dataset != nil {
		add("dataset", *f.Dataset)
	}
	if f.Label != "" {
		add("label", f.Label)
	}
	if f.Text != "" {
		add("text", clean(f.Text))
	}
	if f.Reply != "" {
		add("reply", clean(f.Reply))
	}
	if f.Author != 0 {
		add("author", int64(f.Author))
	}
	if f.File != "" {
		add("file", f.File)
	}
	return where, args
}

func foldExample(text, label, reply string) string {
	return fold(text + "\n" + label + "\n" + reply)
}

// fold brings texts that differ only in case or composition to one form.
func fold(text string) string { return cases.Fold().String(norm.NFC.String(text)) }

func digest(fields ...string) string {
	h := sha256.New()
	for _, f := range fields {
		h.Write([]byte(f))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}
