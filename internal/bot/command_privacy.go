package bot

import (
	"context"
	"encoding/json"

	"github.com/mynahbot/mynah/internal/record"
)

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
				c.bot.installs.forget(c.Author.ID)
				c.bot.talks.forget(c.Author.ID) // first, so that nothing is kept while the rest is deleted
				if err := c.bot.memory.flush(ctx); err != nil {
					return err
				}
				servers, err := c.bot.cfg.Privacy.DeleteUser(ctx, c.Author.ID)
				if err != nil {
					return err
				}
				c.bot.memory.forget(func(e record.Exchange) bool { return e.Asker == c.Author.ID })
				c.bot.forgetSounds()
				c.bot.expireNow()
				c.bot.answers.ForgetAll() // corrections of theirs may answer anywhere
				for _, server := range servers {
					if err := c.bot.teacher.RemoveStale(ctx, server); err != nil {
						return err
					}
				}
				if len(servers) > 0 {
					return c.Say(ctx, c.T("privacy.deleted_stale", "servers", len(servers)))
				}
				return c.Say(ctx, c.T("privacy.deleted"))
			},
		},
	}
}
