package bot

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/workspace"
)

// The instruction that servers without their own show, by language.
//
//go:embed instruction/*.md
var instructions embed.FS

// instruction shows the server's instruction.
func (b *Bot) instruction() *Command {
	return &Command{
		Name: "instruction",
		Run: func(ctx context.Context, c *Call) error {
			text, err := c.ownInstruction()
			if err != nil {
				return err
			}
			if text == "" {
				raw, err := instructions.ReadFile("instruction/" + c.Language + ".md")
				if err != nil {
					return err
				}
				text = strings.ReplaceAll(string(raw), "{prefix}", c.bot.prefix(c.settings))
			}
			return c.Say(ctx, text)
		},
	}
}

// setInstruction replaces the server's instruction by an attached Markdown file
// or by the text itself, or takes it away.
func (c *Call) setInstruction(ctx context.Context, value string) (err error) {
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return err
	}
	switch {
	case value == byDefault:
		if err := w.Remove(instructionFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return c.Say(ctx, c.T("settings.instruction_removed"))
	case len(c.Attachments) > 0:
		raw, err := c.download(ctx, c.Attachments[0], maxInstructionBytes)
		if err != nil {
			return err
		}
		if value = strings.TrimSpace(strings.TrimPrefix(string(raw), "\uFEFF")); !utf8.ValidString(value) || value == "" {
			return c.fail("settings.instruction_bad")
		}
	case value == "":
		return c.fail("settings.instruction_how")
	}
	if _, err := w.Create(instructionFile, strings.NewReader(value+"\n")); err != nil {
		return err
	}
	return c.Say(ctx, c.T("settings.instruction_set"))
}

// download reads an attachment of at most limit bytes.
func (c *Call) download(ctx context.Context, a Attachment, limit int64) (raw []byte, err error) {
	link, err := c.bot.connection(ctx)
	if err != nil {
		return nil, err
	}
	r, err := link.fetcher.Fetch(ctx, a, limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return io.ReadAll(r)
}

// readFile reads a file of a workspace of at most limit bytes.
func readFile(w *workspace.Workspace, name string, limit int64) (raw []byte, err error) {
	f, err := w.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	raw, err = io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(raw)) > limit {
		return nil, fmt.Errorf("%s: %w", name, workspace.ErrTooLarge)
	}
	return raw, err
}
