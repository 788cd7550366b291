package bot

import "context"

// hi greets.
func (b *Bot) hi() *Command {
	return &Command{
		Name: "hi",
		Run: func(ctx context.Context, c *Call) error {
			return c.Say(ctx, c.T("hi.reply", "name", plain(c.Author.Name)))
		},
	}
}

// ask answers a question whatever the channel's reply mode is.
func (b *Bot) ask() *Command {
	return &Command{
		Name:    "ask",
		Options: []Option{{Name: "question", Required: true, Rest: true, Verbatim: true}},
		Run: func(ctx context.Context, c *Call) error {
			return c.question(ctx, c.Arg("question"))
		},
	}
}
