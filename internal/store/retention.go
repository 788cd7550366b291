package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// Retaining returns the servers of which something is kept that is deleted after a while: exchanges and transcripts.
func (s *Store) Retaining(ctx context.Context) ([]record.ServerID, error) {
	all, err := collect(ctx, s.read, func(row scanner) (record.ServerID, error) {
		var server int64
		err := row.Scan(&server)
		return record.ServerID(server), err
	}, `SELECT server FROM exchange UNION SELECT server FROM transcript ORDER BY server`)
	if err != nil {
		return nil, fmt.Errorf("list the servers with exchanges or transcripts: %w", err)
	}
	return all, nil
}

// DeleteBefore removes a server's exchanges and transcripts from before a time, all or nothing. The messages that
// transcripts were posted in become [Store.StaleMessages]. Call [Store.Scrub] when all servers are through.
func (s *Store) DeleteBefore(ctx context.Context, server record.ServerID, before time.Time) error {
	err := s.inDeletion(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM exchange WHERE server = $1 AND at < $2`, int64(server), micros(before)); err != nil {
			return err
		}
		return deleteTranscripts(ctx, tx, `server = $1 AND at < $2`, int64(server), micros(before))
	})
	if err != nil {
		return fmt.Errorf("delete what was said on server %s: %w", server, err)
	}
	return nil
}
