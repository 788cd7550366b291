package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/mynahbot/mynah/internal/record"
)

const transcriptColumns = `id, server, by_user, said, answer, channel, message, at`

func scanTranscript(row scanner) (t record.Transcript, err error) {
	var server, user, channel, message, at int64
	err = row.Scan(&t.ID, &server, &user, &t.Said, &t.Answer, &channel, &message, &at)
	t.Server, t.User, t.Channel, t.Message = record.ServerID(server), record.UserID(user), record.ChannelID(channel), record.MessageID(message)
	t.At = moment(at)
	return t, err
}

// SaveTranscript keeps what a person said and was answered, and returns its id.
func (s *Store) SaveTranscript(ctx context.Context, t record.Transcript) (id record.TranscriptID, err error) {
	err = s.write.QueryRowContext(ctx, `INSERT INTO transcript (server, by_user, said, answer, channel, message, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id`,
		int64(t.Server), int64(t.User), clean(t.Said), clean(t.Answer), int64(t.Channel), int64(t.Message), micros(t.At)).Scan(&id)
	if err != nil {
		return 0, fmt.Errorf("keep a transcript of server %s: %w", t.Server, err)
	}
	return id, nil
}

// SetTranscriptMessage names the message that a transcript was posted in. It returns false where the transcript is gone by
// now; the message is one of [Store.StaleMessages] then.
func (s *Store) SetTranscriptMessage(ctx context.Context, id record.TranscriptID, channel record.ChannelID, message record.MessageID) (kept bool, err error) {
	err = s.inTx(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE transcript SET channel = $1, message = $2 WHERE id = $3`, int64(channel), int64(message), int64(id))
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if kept = n > 0; err != nil || kept {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO stale_message (channel, message) VALUES ($1, $2) ON CONFLICT DO NOTHING`, int64(channel), int64(message))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("name the message of a transcript: %w", err)
	}
	return kept, nil
}

// Transcripts returns what is kept of a server, oldest first.
func (s *Store) Transcripts(ctx context.Context, server record.ServerID) ([]record.Transcript, error) {
	all, err := collect(ctx, s.read, scanTranscript, `SELECT `+transcriptColumns+` FROM transcript WHERE server = $1 ORDER BY id`, int64(server))
	if err != nil {
		return nil, fmt.Errorf("read the transcripts of server %s: %w", server, err)
	}
	return all, nil
}

// deleteTranscripts removes the transcripts that a condition chooses.
func deleteTranscripts(ctx context.Context, tx *sql.Tx, where string, args ...any) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO stale_message (channel, message)
		SELECT channel, message FROM transcript WHERE message <> 0 AND `+where+` ON CONFLICT DO NOTHING`, args...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM transcript WHERE `+where, args...)
	return err
}

// StaleMessages returns the messages whose transcripts are gone.
func (s *Store) StaleMessages(ctx context.Context) ([]record.PostedMessage, error) {
	all, err := collect(ctx, s.read, func(row scanner) (record.PostedMessage, error) {
		var channel, message int64
		err := row.Scan(&channel, &message)
		return record.PostedMessage{Channel: record.ChannelID(channel), Message: record.MessageID(message)}, err
	}, `SELECT channel, message FROM stale_message ORDER BY channel, message`)
	if err != nil {
		return nil, fmt.Errorf("list messages to be deleted: %w", err)
	}
	return all, nil
}

// ForgetStaleMessage drops one of [Store.StaleMessages], which has been deleted.
func (s *Store) ForgetStaleMessage(ctx context.Context, m record.PostedMessage) error {
	if _, err := s.write.ExecContext(ctx, `DELETE FROM stale_message WHERE channel = $1 AND message = $2`, int64(m.Channel), int64(m.Message)); err != nil {
		return fmt.Errorf("forget a deleted message: %w", err)
	}
	return nil
}
