package jobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
	"github.com/riverqueue/river/rivertype"

	"github.com/mynahbot/mynah/internal/record"
)

const (
	// pollInterval is how often River looks for tickets that it wasn't told of.
	pollInterval = 5 * time.Second
	// ticketAttempts only has to be more than MaxAttempts, which decides.
	ticketAttempts = 1000
)

// riverQueue is River on a database whose transactions are of type T.
type riverQueue[T any] struct {
	client *river.Client[T]
	inTx   func(ctx context.Context, do func(tx T, rows rows) error) error
}

// rows are the store's rows within a transaction of either database.
type rows interface {
	// get reads one row, or returns an error that matches sql.ErrNoRows.
	get(ctx context.Context, dest []any, query string, args ...any) error
	set(ctx context.Context, query string, args ...any) error
	// list reads one number and one more of each row.
	list(ctx context.Context, query string, args ...any) ([][2]int64, error)
}

func newQueue(ctx context.Context, j *Jobs) (queue, error) {
	if pool := j.store.Postgres(); pool != nil {
		return openQueue(ctx, j, riverpgxv5.New(pool), pgxTx(pool))
	}
	return openQueue(ctx, j, riversqlite.New(j.store.SQL()), sqlTx(j.store.SQL()))
}

func openQueue[T any](ctx context.Context, j *Jobs, driver riverdriver.Driver[T], inTx func(context.Context, func(T, rows) error) error) (queue, error) {
	log := slog.New(warnings{j.log.Handler()})
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: log})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{jobs: j}); err != nil {
		return nil, err
	}
	client, err := river.NewClient(driver, &river.Config{
		Queues:            map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: j.config.Workers}},
		Workers:           workers,
		FetchPollInterval: pollInterval,
		JobTimeout:        -1,
		MaxAttempts:       ticketAttempts,
		Logger:            log,
	})
	if err != nil {
		return nil, err
	}
	return &riverQueue[T]{client, inTx}, nil
}

func (q *riverQueue[T]) start(ctx context.Context) error { return q.client.Start(ctx) }

func (q *riverQueue[T]) stop(ctx context.Context) error { return q.client.StopAndCancel(ctx) }

func (q *riverQueue[T]) enqueue(ctx context.Context, j record.Job) (id record.JobID, err error) {
	err = q.inTx(ctx, func(tx T, rows rows) error {
		now := time.Now().UnixMicro()
		err := rows.get(ctx, []any{&id}, `INSERT INTO job
			(river, server, channel, message, by_user, kind, args, state, progress, error, attempt, created_at, started_at, finished_at, alive_at)
			VALUES (0, $1, $2, $3, $4, $5, $6, $7, '', '', 0, $8, 0, 0, $8) RETURNING id`,
			int64(j.Server), int64(j.Channel), int64(j.Message), int64(j.By), j.Kind, string(j.Args), string(record.JobQueued), now)
		if err != nil {
			return err
		}
		return q.ticket(ctx, tx, rows, id)
	})
	return id, err
}

// ticket gives a job a new ticket; an older one is void from then on.
func (q *riverQueue[T]) ticket(ctx context.Context, tx T, rows rows, id record.JobID) error {
	t, err := q.client.InsertTx(ctx, tx, ticket{id}, nil)
	if err != nil {
		return err
	}
	return rows.set(ctx, `UPDATE job SET river = $1, state = $2 WHERE id = $3`, t.Job.ID, string(record.JobQueued), int64(id))
}

func (q *riverQueue[T]) cancel(ctx context.Context, server record.ServerID, id record.JobID) (state record.JobState, err error) {
	err = q.inTx(ctx, func(tx T, rows rows) error {
		var ticket int64
		err := rows.get(ctx, []any{&state, &ticket}, `SELECT state, river FROM job WHERE id = $1 AND server = $2`, int64(id), int64(server))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return record.ErrNoJob
		case err != nil:
			return err
		case state.Ended():
			return record.ErrJobEnded
		}
		if _, err := q.client.JobCancelTx(ctx, tx, ticket); err != nil && !errors.Is(err, rivertype.ErrNotFound) {
			return err
		}
		return rows.set(ctx, `UPDATE job SET state = $1, finished_at = $2 WHERE id = $3 AND state = $4`,
			string(record.JobCancelled), time.Now().UnixMicro(), int64(id), string(record.JobQueued))
	})
	return state, err
}

func (q *riverQueue[T]) reclaim(ctx context.Context, since time.Time) (again, failed []record.JobID, err error) {
	err = q.inTx(ctx, func(tx T, rows rows) error {
		// The update makes each job this transaction's own.
		now := time.Now().UnixMicro()
		left, err := rows.list(ctx, `UPDATE job SET alive_at = $1 WHERE state = $2 AND alive_at < $3 RETURNING id, attempt`,
			now, string(record.JobRunning), since.UnixMicro())
		if err != nil {
			return err
		}
		for _, row := range left {
			id := record.JobID(row[0])
			if row[1] >= MaxAttempts {
				failed = append(failed, id)
				err = rows.set(ctx, `UPDATE job SET state = $1, error = $2, finished_at = $3 WHERE id = $4`,
					string(record.JobFailed), fmt.Sprintf("the program ended %d times while this job ran", MaxAttempts), now, row[0])
			} else {
				again = append(again, id)
				err = q.ticket(ctx, tx, rows, id)
			}
			if err != nil {
				return err
			}
		}
		// A process may have died between taking a ticket and beginning its job.
		waiting, err := rows.list(ctx, `UPDATE job SET alive_at = $1 WHERE state = $2 AND alive_at < $3 RETURNING id, river`,
			now, string(record.JobQueued), since.UnixMicro())
		if err != nil {
			return err
		}
		for _, row := range waiting {
			t, err := q.client.JobGetTx(ctx, tx, row[1])
			if err == nil && (t.State == rivertype.JobStateAvailable || t.State == rivertype.JobStateRetryable) {
				continue
			}
			if err != nil && !errors.Is(err, rivertype.ErrNotFound) {
				return err
			}
			if err := q.ticket(ctx, tx, rows, record.JobID(row[0])); err != nil {
				return err
			}
			again = append(again, record.JobID(row[0]))
		}
		return nil
	})
	return again, failed, err
}

// sqlTx runs transactions on SQLite.
func sqlTx(db *sql.DB) func(context.Context, func(*sql.Tx, rows) error) error {
	return func(ctx context.Context, do func(*sql.Tx, rows) error) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		if err := do(tx, sqlRows{tx}); err != nil {
			return errors.Join(err, tx.Rollback())
		}
		return tx.Commit()
	}
}

type sqlRows struct{ tx *sql.Tx }

func (r sqlRows) get(ctx context.Context, dest []any, query string, args ...any) error {
	return r.tx.QueryRowContext(ctx, query, args...).Scan(dest...)
}

func (r sqlRows) set(ctx context.Context, query string, args ...any) error {
	_, err := r.tx.ExecContext(ctx, query, args...)
	return err
}

func (r sqlRows) list(ctx context.Context, query string, args ...any) ([][2]int64, error) {
	found, err := r.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var all [][2]int64
	for found.Next() {
		var row [2]int64
		if err := found.Scan(&row[0], &row[1]); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, found.Err()
}

// pgxTx runs transactions on PostgreSQL.
func pgxTx(pool *pgxpool.Pool) func(context.Context, func(pgx.Tx, rows) error) error {
	return func(ctx context.Context, do func(pgx.Tx, rows) error) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { return do(tx, pgxRows{tx}) })
	}
}

type pgxRows struct{ tx pgx.Tx }

func (r pgxRows) get(ctx context.Context, dest []any, query string, args ...any) error {
	return r.tx.QueryRow(ctx, query, args...).Scan(dest...) // pgx.ErrNoRows matches sql.ErrNoRows
}

func (r pgxRows) set(ctx context.Context, query string, args ...any) error {
	_, err := r.tx.Exec(ctx, query, args...)
	return err
}

func (r pgxRows) list(ctx context.Context, query string, args ...any) ([][2]int64, error) {
	found, err := r.tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(found, func(row pgx.CollectableRow) (v [2]int64, err error) {
		return v, row.Scan(&v[0], &v[1])
	})
}

// warnings passes on what is a warning or worse: River tells of every start and
// stop.
type warnings struct{ slog.Handler }

func (w warnings) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && w.Handler.Enabled(ctx, level)
}

func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }
