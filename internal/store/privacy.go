package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// ExportUser returns all that is kept about a person, on every server.
func (s *Store) ExportUser(ctx context.Context, user record.UserID) (record.Personal, error) {
	p := record.Personal{User: user, At: time.Now().UTC()}
	err := func() (err error) {
		id := int64(user)
		if p.Exchanges, err = collect(ctx, s.read, scanExchange, `SELECT `+exchangeColumns+` FROM exchange WHERE asker = $1 ORDER BY id`, id); err != nil {
			return err
		}
		if p.Corrections, err = collect(ctx, s.read, scanCorrection, `SELECT `+correctionColumns+` FROM correction WHERE by_user = $1 OR asker = $1 ORDER BY id`, id); err != nil {
			return err
		}
		for i := range p.Corrections {
			if k := &p.Corrections[i]; k.By != user { // their question; who corrected it, and how, is somebody else's
				k.By, k.Right, k.Given = 0, "", ""
			}
		}
		if p.Feedback, err = collect(ctx, s.read, scanFeedback, `SELECT `+feedbackColumns+` FROM feedback WHERE by_user = $1 ORDER BY id`, id); err != nil {
			return err
		}
		if p.Examples, err = collect(ctx, s.read, scanExample, `SELECT `+exampleColumns+` FROM example WHERE author = $1 ORDER BY id`, id); err != nil {
			return err
		}
		if p.Untaught, err = collect(ctx, s.read, scanUntaught, `SELECT server, first_at, last_at FROM untaught WHERE author = $1 ORDER BY server`, id); err != nil {
			return err
		}
		if p.Consents, err = collect(ctx, s.read, scanConsent, `SELECT `+consentColumns+` FROM consent WHERE by_user = $1 ORDER BY server`, id); err != nil {
			return err
		}
		if p.Transcripts, err = collect(ctx, s.read, scanTranscript, `SELECT `+transcriptColumns+` FROM transcript WHERE by_user = $1 ORDER BY id`, id); err != nil {
			return err
		}
		if p.Jobs, err = collect(ctx, s.read, scanJob, `SELECT `+jobColumns+` FROM job WHERE by_user = $1 ORDER BY id`, id); err != nil {
			return err
		}
		if p.Files, err = collect(ctx, s.read, scanFile, `SELECT `+fileColumns+` FROM file WHERE by_user = $1 ORDER BY server, path`, id); err != nil {
			return err
		}
		v, found, err := s.VoicePreference(ctx, user)
		if found {
			p.Voice = &v
		}
		return err
	}()
	if err != nil {
		return record.Personal{}, fmt.Errorf("gather what is kept about a person: %w", err)
	}
	return p, nil
}

func scanUntaught(row scanner) (u record.Untaught, err error) {
	var server, from, to int64
	err = row.Scan(&server, &from, &to)
	u.Server, u.First, u.Last = record.ServerID(server), moment(from), moment(to)
	return u, err
}

// DeleteUser removes what is kept about a person on every server, all or
// nothing: exchanges, corrections, feedback, examples, consents, preferences,
// transcripts and jobs that have ended; a job that still runs loses its owner's
// id. Corrections of others that answer their question go too, and where others
// were answered, or corrected Mynah, in their words, those words do. The messages
// with the transcripts become [Store.StaleMessages]. That they don't want to be
// heard stays, or they would be heard again.
//
// A model trained on something of theirs becomes stale and answers no more, also
// where that was removed before; [Store.SaveModel] refuses those that are being
// trained on it. DeleteUser returns the servers that this leaves in need of a
// training. Where files may hold something of theirs too is [Store.DeletionServers].
func (s *Store) DeleteUser(ctx context.Context, user record.UserID) ([]record.ServerID, error) {
	var stale []record.ServerID
	err := s.inDeletion(ctx, func(tx *sql.Tx) (err error) {
		if err := s.lockModels(ctx, tx); err != nil {
			return err
		}
		if stale, err = markStale(ctx, tx, user); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO forgotten (server, at)
			SELECT server, `+strconv.FormatInt(micros(time.Now()), 10)+` FROM (
				SELECT server FROM example WHERE author = $1 AND dataset = ''
				UNION SELECT server FROM correction WHERE by_user = $1 OR asker = $1
				UNION SELECT server FROM file WHERE by_user = $1
				UNION SELECT server FROM untaught WHERE author = $1
				UNION SELECT server FROM job WHERE by_user = $1 AND finished_at = 0) AS taught
			WHERE true ON CONFLICT (server) DO UPDATE SET at = excluded.at`, int64(user)); err != nil {
			return err
		}
		if err := noteServers(ctx, tx, user, stale); err != nil {
			return err
		}
		if err := deleteTranscripts(ctx, tx, `by_user = $1`, int64(user)); err != nil {
			return err
		}
		for _, statement := range []string{
			`DELETE FROM exchange WHERE asker = $1`,
			`UPDATE exchange SET answer = '' WHERE answer <> '' AND ` + inTheirWords("exchange", "answer"),
			`UPDATE transcript SET answer = '' WHERE answer <> '' AND ` + inTheirWords("transcript", "answer"),
			`UPDATE correction SET given = '' WHERE given <> '' AND ` + inTheirWords("correction", "given"),
			`DELETE FROM correction WHERE by_user = $1 OR asker = $1`,
			`DELETE FROM feedback WHERE by_user = $1`,
			`DELETE FROM example WHERE author = $1`,
			`DELETE FROM untaught WHERE author = $1`,
			`DELETE FROM consent WHERE by_user = $1 AND heard`,
			`UPDATE consent SET at = 0 WHERE by_user = $1`,
			`DELETE FROM voice_preference WHERE by_user = $1`,
			`DELETE FROM job WHERE by_user = $1 AND finished_at <> 0`,
			`UPDATE job SET by_user = 0 WHERE by_user = $1`,
		} {
			if _, err := tx.ExecContext(ctx, statement, int64(user)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = s.Scrub(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("delete what is kept about a person: %w", err)
	}
	return stale, nil
}

// inTheirWords chooses the rows of a table whose column says what person $1 taught their server to answer.
func inTheirWords(table, column string) string {
	return table + `.` + column + ` IN (
		SELECT right_reply FROM correction AS theirs WHERE theirs.by_user = $1 AND theirs.server = ` + table + `.server
		UNION SELECT reply FROM example WHERE author = $1 AND reply <> '' AND example.server = ` + table + `.server)`
}

// noteServers notes the servers whose files may hold something of the person: where they taught, asked what became a correction, or
// brought a file, and those whose models are stale now.
func noteServers(ctx context.Context, tx *sql.Tx, user record.UserID, stale []record.ServerID) error {
	if _, err := tx.ExecContext(ctx, `INSERT INTO deletion_server (by_user, server)
		SELECT CAST($1 AS BIGINT), server FROM (
			SELECT server FROM example WHERE author = $1
			UNION SELECT server FROM correction WHERE by_user = $1 OR asker = $1
			UNION SELECT server FROM untaught WHERE author = $1
			UNION SELECT server FROM file WHERE by_user = $1) AS places
		WHERE true ON CONFLICT (by_user, server) DO NOTHING`, int64(user)); err != nil {
		return err
	}
	for _, server := range stale {
		if _, err := tx.ExecContext(ctx, `INSERT INTO deletion_server (by_user, server) VALUES ($1, $2)
			ON CONFLICT (by_user, server) DO NOTHING`, int64(user), int64(server)); err != nil {
			return err
		}
	}
	return nil
}

// markStale marks every model that may have been trained on an example or a
// correction of the person: those of the same server made after it. It returns
// the servers that had such models. What was removed since counts for those whose
// training had begun by then.
func markStale(ctx context.Context, tx *sql.Tx, user record.UserID) ([]record.ServerID, error) {
	scan := func(row scanner) (record.ServerID, error) {
		var server int64
		err := row.Scan(&server)
		return record.ServerID(server), err
	}
	// A candidate was trained on corrections too, though it absorbed none. What
	// lies in other datasets than the server's own isn't trained on.
	const trainedOn = `EXISTS (SELECT 1 FROM example WHERE author = $1 AND example.server = model.server AND example.at <= model.at AND dataset = '')
		OR EXISTS (SELECT 1 FROM file WHERE by_user = $1 AND file.server = model.server AND file.at <= model.at)
		OR EXISTS (SELECT 1 FROM correction WHERE (by_user = $1 OR asker = $1) AND correction.server = model.server
			AND (correction.at <= model.at OR correction.absorbed_by <> 0 AND correction.absorbed_by <= model.id))
		OR EXISTS (SELECT 1 FROM untaught WHERE author = $1 AND untaught.server = model.server AND first_at <= model.at AND model.began <= last_at)`
	servers, err := collect(ctx, tx, scan, `SELECT DISTINCT server FROM model WHERE state <> 'stale' AND (`+trainedOn+`) ORDER BY server`, int64(user))
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE model SET state = 'stale' WHERE `+trainedOn, int64(user))
	return servers, err
}
