package store

import (
	"context"
	"fmt"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// A deletion of what is kept about somebody takes several steps, in two places: rows here, models and files beside them. It is noted
// first, and forgotten when all steps are done, so that it outlives a crash, a full disk and a bucket that can't be reached.

// BeginDeletion notes that what is kept about somebody is to be deleted. Call it before anything is, and [Store.EndDeletion] after.
func (s *Store) BeginDeletion(ctx context.Context, user record.UserID) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO deletion (by_user, asked_at, tries) VALUES ($1, $2, 1)
		ON CONFLICT (by_user) DO UPDATE SET tries = deletion.tries + 1`, int64(user), micros(time.Now()))
	if err != nil {
		return fmt.Errorf("note a deletion: %w", err)
	}
	return nil
}

// Deletions returns who asked for a deletion that isn't done, the longest waiting first.
func (s *Store) Deletions(ctx context.Context) ([]record.UserID, error) {
	all, err := collect(ctx, s.read, func(row scanner) (record.UserID, error) {
		var id int64
		err := row.Scan(&id)
		return record.UserID(id), err
	}, `SELECT by_user FROM deletion ORDER BY asked_at`)
	if err != nil {
		return nil, fmt.Errorf("list the deletions that aren't done: %w", err)
	}
	return all, nil
}

// DeletionServers returns the servers whose models and files are still to be looked through for what was somebody's, and
// [Store.DeletionDone] notes that one is.
func (s *Store) DeletionServers(ctx context.Context, user record.UserID) ([]record.ServerID, error) {
	all, err := collect(ctx, s.read, scanServer, `SELECT server FROM deletion_server WHERE by_user = $1 ORDER BY server`, int64(user))
	if err != nil {
		return nil, fmt.Errorf("list what of a deletion isn't done: %w", err)
	}
	return all, nil
}

// DeletionDone notes that nothing of somebody is left in a server's models and files.
func (s *Store) DeletionDone(ctx context.Context, user record.UserID, server record.ServerID) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM deletion_server WHERE by_user = $1 AND server = $2`, int64(user), int64(server)); err != nil {
		return fmt.Errorf("note a step of a deletion: %w", err)
	}
	return nil
}

// EndDeletion forgets a deletion all of which is done.
func (s *Store) EndDeletion(ctx context.Context, user record.UserID) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM deletion WHERE by_user = $1
		AND NOT EXISTS (SELECT 1 FROM deletion_server WHERE by_user = $1)`, int64(user))
	if err != nil {
		return fmt.Errorf("note the end of a deletion: %w", err)
	}
	return nil
}

// SaveFile notes who brought a file of a server's workspace; a later one of that path is somebody else's.
func (s *Store) SaveFile(ctx context.Context, f record.File) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO file (server, path, by_user, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (server, path) DO UPDATE SET by_user = excluded.by_user, at = excluded.at`,
		int64(f.Server), clean(f.Path), int64(f.By), micros(f.At))
	if err != nil {
		return fmt.Errorf("note who brought a file of server %s: %w", f.Server, err)
	}
	return nil
}

// Files returns the files that somebody brought to a server.
func (s *Store) Files(ctx context.Context, server record.ServerID, user record.UserID) ([]record.File, error) {
	all, err := collect(ctx, s.read, scanFile, `SELECT `+fileColumns+` FROM file WHERE server = $1 AND by_user = $2 ORDER BY path`, int64(server), int64(user))
	if err != nil {
		return nil, fmt.Errorf("list who brought the files of server %s: %w", server, err)
	}
	return all, nil
}

// ForgetFile forgets who brought a file that is there no more.
func (s *Store) ForgetFile(ctx context.Context, server record.ServerID, path string) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM file WHERE server = $1 AND path = $2`, int64(server), clean(path)); err != nil {
		return fmt.Errorf("forget a file of server %s: %w", server, err)
	}
	return nil
}

const fileColumns = `server, path, by_user, at`

func scanFile(row scanner) (f record.File, err error) {
	var server, by, at int64
	err = row.Scan(&server, &f.Path, &by, &at)
	f.Server, f.By, f.At = record.ServerID(server), record.UserID(by), moment(at)
	return f, err
}

func scanServer(row scanner) (record.ServerID, error) {
	var server int64
	err := row.Scan(&server)
	return record.ServerID(server), err
}
