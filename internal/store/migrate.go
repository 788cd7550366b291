package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// Migrations are named NNNN_what.sql, run in that order, each once and in a
// transaction of its own. One that has been released is never edited.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrationLock keeps two processes from migrating one PostgreSQL database at once.
const migrationLock = 0x6d796e6168 // "mynah"

func (s *Store) migrate(ctx context.Context) error {
	identity := "INTEGER PRIMARY KEY AUTOINCREMENT"
	if s.pool != nil {
		identity = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY"
	}
	names, err := fs.Glob(migrations, "migrations/*.sql")
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if s.pool != nil {
			if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(migrationLock)); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS migration (version INTEGER NOT NULL PRIMARY KEY, at BIGINT NOT NULL)`); err != nil {
			return err
		}
		var done int
		if err := tx.QueryRowContext(ctx, `SELECT COALESCE(MAX(version), 0) FROM migration`).Scan(&done); err != nil {
			return err
		}
		last := 0
		for _, name := range names {
			version, err := migrationVersion(name)
			if err != nil {
				return err
			}
			if version == last {
				return fmt.Errorf("%s has the number of another migration", name)
			}
			last = version
			if version <= done {
				continue
			}
			text, err := migrations.ReadFile(name)
			if err != nil {
				return err
			}
			for statement := range strings.SplitSeq(withoutComments(string(text)), ";") {
				if statement = strings.TrimSpace(statement); statement == "" {
					continue
				}
				statement = strings.ReplaceAll(statement, "IDENTITY", identity)
				if _, err := tx.ExecContext(ctx, statement); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO migration (version, at) VALUES ($1, $2)`, version, micros(time.Now())); err != nil {
				return err
			}
			done = version
		}
		if newest, err := migrationVersion(names[len(names)-1]); err != nil || done > newest {
			return fmt.Errorf("it was made by a newer Mynah (schema %d, this one knows %d): update Mynah", done, newest)
		}
		return nil
	})
}

// migrationVersion reads the number before the underscore.
func migrationVersion(name string) (int, error) {
	base := strings.TrimPrefix(name, "migrations/")
	number, _, _ := strings.Cut(base, "_")
	version, err := strconv.Atoi(number)
	if err != nil {
		return 0, fmt.Errorf("migration %s has no number: %w", base, err)
	}
	return version, nil
}

// withoutComments leaves out what follows "--" in each line.
func withoutComments(statements string) string {
	var kept strings.Builder
	for line := range strings.Lines(statements) {
		code, _, _ := strings.Cut(line, "--")
		kept.WriteString(strings.TrimRight(code, "\n") + "\n")
	}
	return kept.String()
}
