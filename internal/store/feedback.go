package store

import (
	"context"
	"fmt"

	"github.com/mynahbot/mynah/internal/record"
)

const feedbackColumns = `id, server, by_user, message, vote, text, at`

func scanFeedback(row scanner) (f record.Feedback, err error) {
	var server, user, message, at int64
	err = row.Scan(&f.ID, &server, &user, &message, &f.Vote, &f.Text, &at)
	f.Server, f.User, f.Message, f.At = record.ServerID(server), record.UserID(user), record.MessageID(message), moment(at)
	return f, err
}

// SaveFeedback keeps a text, or a person's one vote on a message, and returns
// its id: a second vote replaces the first.
func (s *Store) SaveFeedback(ctx context.Context, f record.Feedback) (id record.FeedbackID, err error) {
	err = s.write.QueryRowContext(ctx, `INSERT INTO feedback (server, by_user, message, vote, text, at)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (server, message, by_user) WHERE message <> 0
		DO UPDATE SET vote = excluded.vote, text = excluded.text, at = excluded.at
		RETURNING id`,
		int64(f.Server), int64(f.User), int64(f.Message), f.Vote, clean(f.Text), micros(f.At)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("keep feedback of server %s: %w", f.Server, err)
	}
	return id, nil
}

// TakeBackVote removes a person's vote on a message, if it is still this one.
func (s *Store) TakeBackVote(ctx context.Context, f record.Feedback) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM feedback WHERE server = $1 AND message = $2 AND by_user = $3 AND vote = $4 AND message <> 0`,
		int64(f.Server), int64(f.Message), int64(f.User), f.Vote)
	if err != nil {
		return fmt.Errorf("take back a vote of server %s: %w", f.Server, err)
	}
	return nil
}

// FeedbackSummary counts a server's feedback.
func (s *Store) FeedbackSummary(ctx context.Context, server record.ServerID) (sum record.FeedbackSummary, err error) {
	err = s.read.QueryRowContext(ctx, `SELECT
		COALESCE(SUM(CASE WHEN vote > 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN vote < 0 THEN 1 ELSE 0 END), 0),
		COALESCE(SUM(CASE WHEN text <> '' THEN 1 ELSE 0 END), 0)
		FROM feedback WHERE server = $1`, int64(server)).Scan(&sum.Up, &sum.Down, &sum.Texts)
	if err != nil {
		return sum, fmt.Errorf("count the feedback of server %s: %w", server, err)
	}
	return sum, nil
}

// FeedbackTexts returns a server's newest texts of feedback, newest first.
func (s *Store) FeedbackTexts(ctx context.Context, server record.ServerID, limit int) ([]record.Feedback, error) {
	return collect(ctx, s.read, scanFeedback, `SELECT `+feedbackColumns+` FROM feedback
		WHERE server = $1 AND text <> '' ORDER BY id DESC LIMIT $2`, int64(server), limit)
}
