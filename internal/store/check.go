package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// CheckDatabase looks whether the database that c names is whole, also while another process uses it, and says what it found. SQLite
// is read through, which takes about a second for each 100 MB; of PostgreSQL, whose server does that itself, it is seen whether it
// answers.
func CheckDatabase(ctx context.Context, c Config) (found string, err error) {
	path, isFile := strings.CutPrefix(c.URL, "sqlite:")
	if c.URL != "" && !isFile {
		conn, err := pgx.Connect(ctx, c.URL)
		if err != nil {
			return "", fmt.Errorf("connect to the PostgreSQL database: %w", err)
		}
		defer conn.Close(ctx)
		var version string
		if err := conn.QueryRow(ctx, `SHOW server_version`).Scan(&version); err != nil {
			return "", fmt.Errorf("ask the PostgreSQL database: %w", err)
		}
		return "PostgreSQL " + version + " answers", nil
	}
	path = cmp.Or(path, filepath.Join(c.Dir, "mynah.db"))
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return "none yet: mynah run makes it", nil
	}
	if err != nil {
		return "", fmt.Errorf("open the database: %w", err)
	}
	dsn := (&url.URL{
		Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(),
		RawQuery: url.Values{"mode": {"rw"}, "_pragma": {"query_only(1)", fmt.Sprintf("busy_timeout(%d)", sqliteBusy.Milliseconds())}}.Encode(),
	}).String()
	db, err := sql.Open("sqlite", dsn)
	if err != nil {
		return "", fmt.Errorf("open the database %s: %w", path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	// Three problems tell enough.
	problems, err := collect(ctx, db, func(row scanner) (text string, err error) { return text, row.Scan(&text) }, `PRAGMA integrity_check(3)`)
	if err != nil {
		return "", fmt.Errorf("read the database %s: %w", path, err)
	}
	if len(problems) != 1 || problems[0] != "ok" {
		return "", fmt.Errorf("the database %s is damaged: %s", path, strings.Join(problems, "; "))
	}
	return fmt.Sprintf("%s is whole, %.1f MB", path, float64(info.Size())/1e6), nil
}

// CheckBlobs looks whether the folder or bucket of blobs that c names can be reached.
func CheckBlobs(ctx context.Context, c Config) (found string, err error) {
	where := cmp.Or(c.Blobs, "file:"+filepath.Join(c.Dir, "blobs"))
	if dir, isFolder := strings.CutPrefix(where, "file:"); isFolder {
		if _, err := os.Stat(dir); errors.Is(err, os.ErrNotExist) {
			return "none yet: mynah run makes " + dir, nil
		}
	}
	bucket, err := openBlobs(ctx, where)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, bucket.Close()) }()
	switch there, err := bucket.IsAccessible(ctx); {
	case err != nil:
		return "", fmt.Errorf("reach the blobs: %w", err)
	case !there:
		return "", errors.New("the place of the blobs isn't there, or may not be read")
	}
	if strings.HasPrefix(where, "file:") {
		return "the folder can be reached", nil
	}
	return "the bucket can be reached", nil
}
