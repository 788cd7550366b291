package bot

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// RetentionStore deletes what is kept for a while only: questions with their answers, and transcripts.
type RetentionStore interface {
	// Retaining returns the servers of which something of that is kept.
	Retaining(ctx context.Context) ([]record.ServerID, error)
	// DeleteBefore deletes what a server's is from before a time.
	DeleteBefore(ctx context.Context, server record.ServerID, before time.Time) error
	// Scrub overwrites what was deleted, so that no file holds it any more.
	Scrub(ctx context.Context) error
}

const (
	// maxRetentionDays is the longest that a server may keep what was said.
	maxRetentionDays = 365
	// retentionEvery is how often it is looked through for what has been kept long enough.
	retentionEvery = time.Hour
)

// retentionDays is how long a server keeps what was said.
func retentionDays(s record.Settings) int {
	return cmp.Or(s.RetentionDays, record.DefaultRetentionDays)
}

// keepTime deletes what has been kept long enough, again and again, until the bot stops.
func (b *Bot) keepTime() {
	tick := time.NewTicker(retentionEvery)
	defer tick.Stop()
	for {
		if err := b.DeleteExpired(b.ctx); err != nil && b.ctx.Err() == nil {
			b.log.Error("what has been kept long enough can't be deleted", "err", err)
		}
		select {
		case <-tick.C:
		case <-b.expire:
		case <-b.ctx.Done():
			return
		}
	}
}

// expireNow has [Bot.DeleteExpired] run soon.
func (b *Bot) expireNow() {
	select {
	case b.expire <- struct{}{}:
	default: // it will
	}
}

// DeleteExpired deletes the exchanges and transcripts that are older than their servers want, and the messages that show such
// transcripts. A running bot does it every hour.
func (b *Bot) DeleteExpired(ctx context.Context) error {
	servers, err := b.cfg.Retention.Retaining(ctx)
	if err != nil {
		return err
	}
	for _, server := range servers {
		settings, err := b.settings(ctx, server)
		if err != nil {
			return err
		}
		before := b.cfg.Now().AddDate(0, 0, -retentionDays(settings))
		if err := b.cfg.Retention.DeleteBefore(ctx, server, before); err != nil {
			return err
		}
		b.memory.forget(func(e record.Exchange) bool { return e.Server == server && e.At.Before(before) })
	}
	return errors.Join(b.cfg.Retention.Scrub(ctx), b.deleteStaleMessages(ctx))
}
