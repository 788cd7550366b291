package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/mynahbot/mynah/internal/record"
)

const correctionColumns = `id, server, question, given, right_reply, by_user, asker, message, at, absorbed_by`

func scanCorrection(row scanner) (c record.Correction, err error) {
	var server, by, asker, message, at int64
	err = row.Scan(&c.ID, &server, &c.Question, &c.Given, &c.Right, &by, &asker, &message, &at, &c.AbsorbedBy)
	c.Asker = record.UserID(asker)
	c.Server, c.By, c.Message, c.At = record.ServerID(server), record.UserID(by), record.MessageID(message), moment(at)
	return c, err
}

// SaveCorrection keeps a new correction and returns its id; c.ID is ignored.
func (s *Store) SaveCorrection(ctx context.Context, c record.Correction) (id record.CorrectionID, err error) {
	err = s.write.QueryRowContext(ctx, `INSERT INTO correction
		(server, question, given, right_reply, by_user, asker, message, at, absorbed_by)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id`,
		int64(c.Server), clean(c.Question), clean(c.Given), clean(c.Right), int64(c.By), int64(c.Asker),
		int64(c.Message), micros(c.At), int64(c.AbsorbedBy)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("keep a correction of server %s: %w", c.Server, err)
	}
	return id, nil
}

// Corrections returns a server's corrections, oldest first: all, or those that
// no model has been trained with yet.
func (s *Store) Corrections(ctx context.Context, server record.ServerID, onlyUnabsorbed bool) ([]record.Correction, error) {
	all, err := collect(ctx, s.read, scanCorrection, `SELECT `+correctionColumns+` FROM correction
		WHERE server = $1 AND (absorbed_by = 0 OR NOT $2) ORDER BY id`, int64(server), onlyUnabsorbed)
	if err != nil {
		return nil, fmt.Errorf("read the corrections of server %s: %w", server, err)
	}
	return all, nil
}

// MarkAbsorbed says that a model was trained with every correction up to and
// including the given one. Those that an earlier model had stay as they are.
func (s *Store) MarkAbsorbed(ctx context.Context, server record.ServerID, model record.ModelID, upTo record.CorrectionID) error {
	_, err := s.write.ExecContext(ctx, `UPDATE correction SET absorbed_by = $1
		WHERE server = $2 AND id <= $3 AND absorbed_by = 0`, int64(model), int64(server), int64(upTo))
	if err != nil {
		return fmt.Errorf("mark the corrections of server %s as learnt: %w", server, err)
	}
	return nil
}

// DeleteCorrection removes a correction and reports whether it was there. That
// its author had taught something is remembered: models know it.
func (s *Store) DeleteCorrection(ctx context.Context, server record.ServerID, id record.CorrectionID) (bool, error) {
	var n int64
	err := s.inDeletion(ctx, func(tx *sql.Tx) error {
		if err := untaught(ctx, tx, `by_user`, `correction`, `server = $1 AND id = $2`, int64(server), int64(id)); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `DELETE FROM correction WHERE server = $1 AND id = $2`, int64(server), int64(id))
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	if err != nil {
		return false, fmt.Errorf("delete correction %d of server %s: %w", id, server, err)
	}
	return n > 0, nil
}
