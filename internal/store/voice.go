package store

import (
	"context"
	"fmt"

	"github.com/mynahbot/mynah/internal/record"
)

const consentColumns = `by_user, server, heard, at`

func scanConsent(row scanner) (c record.Consent, err error) {
	var user, server, at int64
	err = row.Scan(&user, &server, &c.Heard, &at)
	c.User, c.Server, c.At = record.UserID(user), record.ServerID(server), moment(at)
	return c, err
}

// Consent returns a person's choice for a server, or else their choice for everywhere.
func (s *Store) Consent(ctx context.Context, user record.UserID, server record.ServerID) (record.Consent, bool, error) {
	c, found, err := first(ctx, s.read, scanConsent, `SELECT `+consentColumns+` FROM consent
		WHERE by_user = $1 AND server IN ($2, 0) ORDER BY CASE WHEN server = 0 THEN 1 ELSE 0 END LIMIT 1`, int64(user), int64(server))
	if err != nil {
		return c, false, fmt.Errorf("read a consent: %w", err)
	}
	return c, found, nil
}

// Consents returns what everybody chose for a server and for everywhere.
func (s *Store) Consents(ctx context.Context, server record.ServerID) ([]record.Consent, error) {
	all, err := collect(ctx, s.read, scanConsent, `SELECT `+consentColumns+` FROM consent WHERE server IN ($1, 0) ORDER BY server, by_user`, int64(server))
	if err != nil {
		return nil, fmt.Errorf("read the consents: %w", err)
	}
	return all, nil
}

// SaveConsent keeps a person's choice; Server 0 is for everywhere, and replaces
// what they chose for single servers.
func (s *Store) SaveConsent(ctx context.Context, c record.Consent) error {
	if c.Server == 0 {
		if _, err := s.write.ExecContext(ctx, `DELETE FROM consent WHERE by_user = $1 AND server <> 0`, int64(c.User)); err != nil {
			return fmt.Errorf("keep a consent: %w", err)
		}
	}
	_, err := s.write.ExecContext(ctx, `INSERT INTO consent (by_user, server, heard, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (by_user, server) DO UPDATE SET heard = excluded.heard, at = excluded.at`,
		int64(c.User), int64(c.Server), c.Heard, micros(c.At))
	if err != nil {
		return fmt.Errorf("keep a consent: %w", err)
	}
	return nil
}

// VoicePreference returns how a person wants to be spoken to.
func (s *Store) VoicePreference(ctx context.Context, user record.UserID) (record.VoicePreference, bool, error) {
	v, found, err := first(ctx, s.read, func(row scanner) (record.VoicePreference, error) {
		v := record.VoicePreference{User: user}
		return v, row.Scan(&v.Voice, &v.Speed)
	}, `SELECT voice, speed FROM voice_preference WHERE by_user = $1`, int64(user))
	if err != nil {
		return v, false, fmt.Errorf("read a voice preference: %w", err)
	}
	return v, found, nil
}

// SaveVoicePreference keeps how a person wants to be spoken to.
func (s *Store) SaveVoicePreference(ctx context.Context, v record.VoicePreference) error {
	_, err := s.write.ExecContext(ctx, `INSERT INTO voice_preference (by_user, voice, speed) VALUES ($1, $2, $3)
		ON CONFLICT (by_user) DO UPDATE SET voice = excluded.voice, speed = excluded.speed`, int64(v.User), clean(v.Voice), v.Speed)
	if err != nil {
		return fmt.Errorf("keep a voice preference: %w", err)
	}
	return nil
}
