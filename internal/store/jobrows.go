package store

import (
	"context"
	"fmt"

	"github.com/mynahbot/mynah/internal/record"
)

const jobColumns = `id, server, channel, message, by_user, kind, args, state, progress, error, attempt, created_at, started_at, finished_at`

func scanJob(row scanner) (j record.Job, err error) {
	var server, channel, message, by, created, started, finished int64
	var args, progress string
	err = row.Scan(&j.ID, &server, &channel, &message, &by, &j.Kind, &args, &j.State, &progress, &j.Error, &j.Attempt, &created, &started, &finished)
	j.Server, j.Channel, j.Message, j.By = record.ServerID(server), record.ChannelID(channel), record.MessageID(message), record.UserID(by)
	j.CreatedAt, j.StartedAt, j.FinishedAt = moment(created), moment(started), moment(finished)
	if args != "" {
		j.Args = []byte(args)
	}
	if progress != "" {
		j.Progress = []byte(progress)
	}
	return j, err
}

// Job returns a job of a server. Package jobs makes, runs and ends them.
func (s *Store) Job(ctx context.Context, server record.ServerID, id record.JobID) (record.Job, bool, error) {
	j, found, err := first(ctx, s.read, scanJob, `SELECT `+jobColumns+` FROM job WHERE id = $1 AND server = $2`, int64(id), int64(server))
	if err != nil {
		return j, false, fmt.Errorf("read job %s: %w", id, err)
	}
	return j, found, nil
}

// Jobs returns up to limit jobs of a server, newest first.
func (s *Store) Jobs(ctx context.Context, server record.ServerID, limit int) ([]record.Job, error) {
	all, err := collect(ctx, s.read, scanJob, `SELECT `+jobColumns+` FROM job WHERE server = $1 ORDER BY id DESC LIMIT $2`, int64(server), limit)
	if err != nil {
		return nil, fmt.Errorf("read the jobs of server %s: %w", server, err)
	}
	return all, nil
}

// JobOfAnyServer returns a job whichever server's it is.
func (s *Store) JobOfAnyServer(ctx context.Context, id record.JobID) (record.Job, bool, error) {
	j, found, err := first(ctx, s.read, scanJob, `SELECT `+jobColumns+` FROM job WHERE id = $1`, int64(id))
	if err != nil {
		return j, false, fmt.Errorf("read job %s: %w", id, err)
	}
	return j, found, nil
}

// CountJobs returns how many jobs of all servers are in each state.
func (s *Store) CountJobs(ctx context.Context) (map[record.JobState]int, error) {
	type count struct {
		state record.JobState
		n     int
	}
	all, err := collect(ctx, s.read, func(row scanner) (c count, err error) { return c, row.Scan(&c.state, &c.n) },
		`SELECT state, COUNT(*) FROM job GROUP BY state`)
	if err != nil {
		return nil, fmt.Errorf("count the jobs: %w", err)
	}
	counts := make(map[record.JobState]int, len(all))
	for _, c := range all {
		counts[c.state] = c.n
	}
	return counts, nil
}

// Ping checks that the database answers.
func (s *Store) Ping(ctx context.Context) error { return s.read.PingContext(ctx) }
