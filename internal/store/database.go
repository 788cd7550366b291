package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the "sqlite" driver of database/sql
)

const (
	sqliteReaders   = 4               // connections that read while one writes
	sqliteBusy      = 5 * time.Second // how long a statement waits for another process's lock
	postgresConnect = 10 * time.Second
)

// lockFolder makes the folder this process's own until the file is closed or
// the process ends, however it ends.
func lockFolder(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, ErrInUse
		}
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	return f, nil
}

// openSQLite opens one writing and several reading connections. A commit in WAL
// mode with synchronous=NORMAL survives the process being killed; a power cut
// may lose the last ones but leaves the database whole.
func (s *Store) openSQLite(ctx context.Context, path string) error {
	dsn := func(more ...string) string {
		q := url.Values{"_pragma": {
			fmt.Sprintf("busy_timeout(%d)", sqliteBusy.Milliseconds()),
			"journal_mode(WAL)", "synchronous(NORMAL)", "foreign_keys(1)", "secure_delete(1)",
		}, "_txlock": {"immediate"}}
		q["_pragma"] = append(q["_pragma"], more...)
		return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
	}
	// What people wrote is for nobody else on this machine; SQLite gives the files beside it the same mode.
	f, err := os.OpenFile(path, os.O_RDONLY|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("open the database %s: %w", path, err)
	}
	if s.write, err = sql.Open("sqlite", dsn()); err != nil {
		return fmt.Errorf("open the database %s: %w", path, err)
	}
	s.write.SetMaxOpenConns(1)
	if err := s.write.PingContext(ctx); err != nil {
		return fmt.Errorf("open the database %s: %w", path, err)
	}
	if s.read, err = sql.Open("sqlite", dsn("query_only(1)")); err != nil {
		return fmt.Errorf("open the database %s: %w", path, err)
	}
	s.read.SetMaxOpenConns(sqliteReaders)
	s.read.SetMaxIdleConns(sqliteReaders)
	return nil
}

func (s *Store) openPostgres(ctx context.Context, address string) error {
	// pgx leaves the password out of its errors.
	pool, err := pgxpool.New(ctx, address)
	if err != nil {
		return fmt.Errorf("open the PostgreSQL database: %w", err)
	}
	s.pool = pool
	s.write = stdlib.OpenDBFromPool(pool)
	s.read = s.write
	ctx, cancel := context.WithTimeout(ctx, postgresConnect)
	defer cancel()
	if err := pool.Ping(ctx); err != nil {
		return fmt.Errorf("connect to the PostgreSQL database: %w", err)
	}
	return nil
}

// inTx runs do in a transaction, which is kept when do returns nil.
func (s *Store) inTx(ctx context.Context, do func(tx *sql.Tx) error) error {
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// querier is what reads: a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// collect reads every row of a query.
func collect[T any](ctx context.Context, q querier, scan func(row scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// first reads the first row of a query, if there is one.
func first[T any](ctx context.Context, q querier, scan func(row scanner) (T, error), query string, args ...any) (T, bool, error) {
	all, err := collect(ctx, q, scan, query, args...)
	if err != nil || len(all) == 0 {
		var none T
		return none, false, err
	}
	return all[0], true, nil
}

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }
