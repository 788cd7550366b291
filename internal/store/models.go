package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/mynahbot/mynah/internal/record"
)

// ErrNoModel is returned by Promote for a model that the server doesn't have.
var ErrNoModel = errors.New("this server has no such model")

const modelColumns = `id, server, number, blob, snapshot, state, accuracy, macro_f1, summary, began, at, used`

func scanModel(row scanner) (m record.Model, err error) {
	var server, began, at int64
	var summary string
	err = row.Scan(&m.ID, &server, &m.Number, &m.Blob, &m.Snapshot, &m.State, &m.Accuracy, &m.MacroF1, &summary, &began, &at, &m.Used)
	m.Server, m.Began, m.At = record.ServerID(server), moment(began), moment(at)
	if summary != "" {
		m.Summary = []byte(summary)
	}
	return m, err
}

// nextUse counts the models of server $1 that were put into use.
const nextUse = `(SELECT COALESCE(MAX(used), 0) + 1 FROM model WHERE server = $1)`

// SaveModel keeps a new model and returns it with its id, its number within the
// server, and when it was put into use; those are ignored in m. A model saved as
// active retires the one that was. The error is record.ErrForgotten, and nothing is
// kept, where it may have learned what was deleted during its training.
func (s *Store) SaveModel(ctx context.Context, m record.Model) (record.Model, error) {
	if !m.State.Valid() {
		return m, fmt.Errorf("keep a model of server %s: %q is no state of a model", m.Server, m.State)
	}
	err := s.inTx(ctx, func(tx *sql.Tx) error {
		if err := s.lockModels(ctx, tx); err != nil {
			return err
		}
		var deleted int
		err := tx.QueryRowContext(ctx, `SELECT COUNT(*) FROM forgotten WHERE server = $1 AND at >= $2`, int64(m.Server), micros(m.Began)).Scan(&deleted)
		if err != nil {
			return err
		}
		if deleted > 0 {
			return record.ErrForgotten
		}
		used := `0`
		switch m.State {
		case record.ModelActive:
			if err := leave(ctx, tx, m.Server, record.ModelRetired); err != nil {
				return err
			}
			used = nextUse
		case record.ModelRetired:
			used = nextUse
		}
		return tx.QueryRowContext(ctx, `INSERT INTO model
			(server, number, blob, snapshot, state, accuracy, macro_f1, summary, began, at, used)
			VALUES ($1, (SELECT COALESCE(MAX(number), 0) + 1 FROM model WHERE server = $1), $2, $3, $4, $5, $6, $7, $8, $9, `+used+`)
			RETURNING id, number, used`,
			int64(m.Server), m.Blob, m.Snapshot, string(m.State), m.Accuracy, m.MacroF1, clean(string(m.Summary)), micros(m.Began), micros(m.At)).
			Scan(&m.ID, &m.Number, &m.Used)
	})
	if err != nil {
		return m, fmt.Errorf("keep a model of server %s: %w", m.Server, err)
	}
	return m, nil
}

// lockModels has a deletion of what somebody taught and the keeping of a model
// come one after the other. SQLite has one writer anyhow.
func (s *Store) lockModels(ctx context.Context, tx *sql.Tx) error {
	if s.pool == nil {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock($1)`, int64(modelLock))
	return err
}

const modelLock = migrationLock + 1

// leave ends the use of the active model, which gets the state to.
func leave(ctx context.Context, tx *sql.Tx, server record.ServerID, to record.ModelState) error {
	_, err := tx.ExecContext(ctx, `UPDATE model SET state = $1 WHERE server = $2 AND state = $3`,
		string(to), int64(server), string(record.ModelActive))
	return err
}

// Models returns a server's models, newest first.
func (s *Store) Models(ctx context.Context, server record.ServerID) ([]record.Model, error) {
	all, err := collect(ctx, s.read, scanModel, `SELECT `+modelColumns+` FROM model WHERE server = $1 ORDER BY number DESC`, int64(server))
	if err != nil {
		return nil, fmt.Errorf("read the models of server %s: %w", server, err)
	}
	return all, nil
}

// ActiveModel returns the model that answers for a server.
func (s *Store) ActiveModel(ctx context.Context, server record.ServerID) (record.Model, bool, error) {
	m, found, err := first(ctx, s.read, scanModel, `SELECT `+modelColumns+` FROM model WHERE server = $1 AND state = $2`,
		int64(server), string(record.ModelActive))
	if err != nil {
		return m, false, fmt.Errorf("read the model of server %s: %w", server, err)
	}
	return m, found, nil
}

// Promote makes a model the active one and retires the one before, both or
// neither. The error is ErrNoModel when the server has no such model.
func (s *Store) Promote(ctx context.Context, server record.ServerID, id record.ModelID) error {
	if err := s.use(ctx, server, id, record.ModelRetired, nextUse); err != nil {
		return fmt.Errorf("promote model %d of server %s: %w", id, server, err)
	}
	return nil
}

// Restore makes a model the active one again and the one after it a candidate,
// both or neither: as if that had never been put into use. The error is
// ErrNoModel when the server has no such model.
func (s *Store) Restore(ctx context.Context, server record.ServerID, id record.ModelID) error {
	if err := s.use(ctx, server, id, record.ModelCandidate, `used`); err != nil {
		return fmt.Errorf("go back to model %d of server %s: %w", id, server, err)
	}
	return nil
}

// use makes a model the active one, whose column used becomes the SQL expression
// used, and gives the one before it the state left.
func (s *Store) use(ctx context.Context, server record.ServerID, id record.ModelID, left record.ModelState, used string) error {
	return s.inTx(ctx, func(tx *sql.Tx) error {
		if err := leave(ctx, tx, server, left); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `UPDATE model SET state = $3, used = `+used+` WHERE server = $1 AND id = $2`,
			int64(server), int64(id), string(record.ModelActive))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, ErrNoModel)
		}
		return nil
	})
}
