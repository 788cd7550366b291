package bot

import (
	"context"
	"encoding/json"
	"slices"
)

// deletionLeft says what of the author's deletion is still to be done.
func (c *Call) deletionLeft(ctx context.Context) string {
	ctx = context.WithoutCancel(ctx)
	servers, err := c.bot.cfg.Privacy.DeletionServers(ctx, c.Author.ID)
	if err != nil || len(servers) == 0 {
		return c.T("privacy.left_rows")
	}
	return c.T("privacy.left_servers", "servers", len(servers))
}

// pendingDeletion is a sentence about a deletion that the author asked for and that isn't done; "" where there is none.
func (c *Call) pendingDeletion(ctx context.Context) (string, error) {
	pending, err := c.bot.cfg.Privacy.Deletions(ctx)
	if err != nil || !slices.Contains(pending, c.Author.ID) {
		return "", err
	}
	return c.T("privacy.unfinished", "left", c.deletionLeft(ctx)), nil
}

// privacy are the commands by which a person gets, or deletes, what is kept about them.
func (b *Bot) privacy() []*Command {
	return []*Command{
		b.privacyListen(),
		{
			Name: "privacy export", Private: true,
			Run: func(ctx context.Context, c *Call) error {
				if !c.Interaction && !c.Direct {
					// The answer to a message would be for everybody in the channel.
					return c.fail("privacy.not_here")
				}
				if err := c.bot.memory.flush(ctx); err != nil {
					return err
				}
				all, err := c.bot.cfg.Privacy.ExportUser(ctx, c.Author.ID)
				if err != nil {
					return err
				}
				raw, err := json.MarshalIndent(all, "", "  ")
				if err != nil {
					return err
				}
				if int64(len(raw)) > c.UploadLimit {
					return c.fail("privacy.too_large", "size", size(int64(len(raw))))
				}
				_, err = c.Send(ctx, Reply{Text: c.T("privacy.exported", "days", retentionDays(c.settings)), Files: []File{bytesFile("mynah-about-me.json", raw)}})
				return err
			},
		},
		{
			Name: "privacy delete", Private: true,
			Options: []Option{{Name: "confirm", Kind: Boolean}},
			Run: func(ctx context.Context, c *Call) error {
				if confirmed, _ := c.Bool("confirm"); !confirmed {
					return c.Say(ctx, c.T("privacy.confirm", "days", retentionDays(c.settings)))
				}
				if err := c.bot.cfg.Privacy.BeginDeletion(ctx, c.Author.ID); err != nil {
					return err // nothing was deleted
				}
				servers, err := c.bot.finishDeletion(ctx, c.Author.ID)
				if err != nil {
					c.bot.log.Error("a deletion isn't finished; it is tried again", "err", err)
					return c.Say(ctx, c.T("privacy.unfinished", "left", c.deletionLeft(ctx)))
				}
				if len(servers) > 0 {
					return c.Say(ctx, c.T("privacy.deleted_stale", "servers", len(servers)))
				}
				return c.Say(ctx, c.T("privacy.deleted"))
			},
		},
	}
}
