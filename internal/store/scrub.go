package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// How deleted texts leave the files of SQLite. With secure_delete, where a row stood is overwritten with zeros. Two things outlast
// that: the log of writes (WAL), which keeps pages as they were until it is emptied, and copies of a row in the free part of other
// pages, made when a page was split long before. So each deletion empties the log, and notes in the same transaction that the
// database is to be written anew, which [Store.Scrub] does. PostgreSQL keeps deleted rows until its autovacuum has passed, and in
// its own log until that is recycled; see docs/threat-model.md.

// The user_version of a database.
const (
	dirty    = 0 // something was deleted that may be left in a file; so begins the database of a Mynah without secure_delete
	scrubbed = 1 // nothing that was deleted is left
)

// errLogInUse is returned where the log of writes can't be emptied yet, since somebody still reads what is in it.
var errLogInUse = errors.New("the database's log can't be emptied while it is read")

// Scrub overwrites what was deleted from the database since the last time, so that no file holds it. It costs about a second for
// each 50 MB of the database, while nothing can be written, and as much of the disk; nothing where nothing was deleted.
func (s *Store) Scrub(ctx context.Context) error {
	if s.pool != nil {
		return nil
	}
	err := func() error {
		var version int
		if err := s.write.QueryRowContext(ctx, `PRAGMA user_version`).Scan(&version); err != nil {
			return err
		}
		if version == dirty {
			for _, statement := range []string{`VACUUM`, fmt.Sprintf(`PRAGMA user_version = %d`, scrubbed)} {
				if _, err := s.write.ExecContext(ctx, statement); err != nil {
					return err
				}
			}
		}
		return s.emptyLog(ctx)
	}()
	if err != nil {
		return fmt.Errorf("overwrite what was deleted from the database: %w", err)
	}
	return nil
}

// inDeletion is inTx for a transaction that deletes or replaces what people wrote.
func (s *Store) inDeletion(ctx context.Context, do func(tx *sql.Tx) error) error {
	if s.pool != nil {
		return s.inTx(ctx, do)
	}
	deleted := false
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		changes := func() (n int, err error) {
			return n, tx.QueryRowContext(ctx, `SELECT total_changes()`).Scan(&n)
		}
		before, err := changes()
		if err != nil {
			return err
		}
		if err := do(tx); err != nil {
			return err
		}
		after, err := changes()
		if deleted = after != before; err != nil || !deleted {
			return err
		}
		_, err = tx.ExecContext(ctx, fmt.Sprintf(`PRAGMA user_version = %d`, dirty))
		return err
	})
	if err != nil || !deleted {
		return err
	}
	// Where somebody reads for long the log can't be emptied yet. The next deletion does it, or Scrub.
	if err := s.emptyLog(ctx); err != nil && !errors.Is(err, errLogInUse) {
		return err
	}
	return nil
}

// emptyLog brings what the log of writes holds into the database and truncates it. What was deleted is deleted, though whoever
// wanted it waits no more.
func (s *Store) emptyLog(ctx context.Context) error {
	var busy, pages, moved int
	row := s.write.QueryRowContext(context.WithoutCancel(ctx), `PRAGMA wal_checkpoint(TRUNCATE)`)
	if err := row.Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("empty the database's log: %w", err)
	}
	if busy != 0 {
		return errLogInUse
	}
	return nil
}
