// Package store keeps what Mynah must not forget: settings, exchanges,
// corrections, feedback, examples, models and their blobs, and jobs.
//
// Call [Open] once; it creates what is missing and brings an older database up
// to date. A [Store] is safe for concurrent use. Close it last, after everything
// that uses it has stopped.
//
// The database is SQLite in the data folder, or PostgreSQL where a URL is
// configured; both have one schema and pass one test suite. SQLite has one
// writing connection and several reading ones, and is owned by one process: a
// second [Open] of the same folder fails with [ErrInUse]. Several machines share
// a PostgreSQL database and an S3 bucket.
//
// Texts are kept as valid UTF-8 without NUL characters, which PostgreSQL can't
// hold; what is neither is replaced or left out on both. Methods that look one
// thing up return a bool beside it and no error when it isn't there.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"gocloud.dev/blob"
)

// ErrInUse is returned by Open when another process owns the data folder.
var ErrInUse = errors.New("another Mynah is using this data folder; stop it first, or name another folder with --data")

// Config says where to keep things. Dir is required, the rest has defaults.
type Config struct {
	Dir   string // data folder; created when missing
	URL   string // "sqlite:PATH" (default: mynah.db in Dir) or "postgres://…"
	Blobs string // "file:PATH" (default: blobs in Dir) or a bucket's URL such as "s3://bucket?region=…"
}

// Store keeps records and blobs. Make one with [Open].
type Store struct {
	dir   string
	write *sql.DB // SQLite: the one writing connection; in PostgreSQL the same as read
	read  *sql.DB
	pool  *pgxpool.Pool // nil with SQLite
	blobs *blob.Bucket
	lock  *os.File // held while the folder is ours

	settings settingsCache
}

// Open opens the store, creating and migrating as needed. The error names what
// could not be opened; a password in the URL is never part of it.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Dir == "" {
		return nil, errors.New("store: no data folder is named")
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the data folder: %w", err)
	}
	s := &Store{dir: c.Dir}
	if err := s.open(ctx, c); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, c Config) (err error) {
	switch path, isFile := strings.CutPrefix(c.URL, "sqlite:"); {
	case c.URL == "" || isFile:
		if s.lock, err = lockFolder(c.Dir); err != nil {
			return err
		}
		err = s.openSQLite(ctx, cmp.Or(path, filepath.Join(c.Dir, "mynah.db")))
	case strings.HasPrefix(c.URL, "postgres://"), strings.HasPrefix(c.URL, "postgresql://"):
		s.settings.expiry = settingsExpiry
		err = s.openPostgres(ctx, c.URL)
	default:
		err = errors.New(`store: the database's URL must begin with "sqlite:" or "postgres://"`)
	}
	if err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return fmt.Errorf("bring the database up to date: %w", err)
	}
	s.blobs, err = openBlobs(ctx, cmp.Or(c.Blobs, "file:"+filepath.Join(c.Dir, "blobs")))
	return err
}

// Close closes everything. Nothing may use the store any more.
func (s *Store) Close() error {
	var errs []error
	if s.blobs != nil {
		errs = append(errs, s.blobs.Close())
	}
	if s.read != nil && s.read != s.write {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.pool != nil {
		s.pool.Close()
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// SQL returns the database for the packages below this one that keep their own
// rows in it. With SQLite, what writes must go through it, and a transaction of
// it blocks every other.
func (s *Store) SQL() *sql.DB { return s.write }

// Postgres returns the connection pool, or nil when the database is SQLite.
func (s *Store) Postgres() *pgxpool.Pool { return s.pool }

// micros and moment turn times into what the database keeps and back: whole
// microseconds since 1970 UTC, and 0 for the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// clean makes a text that both databases can hold.
func clean(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "")
}
