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

	"github.com/mynahbot/mynah/internal/record"
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

const (
	// instructionFile is the server's own instruction in its workspace.
	instructionFile = "instruction.md"
	// maxInstructionBytes limits an instruction.
	maxInstructionBytes = 100_000
)

// ownInstruction returns the server's own instruction, "" where it has none.
func (c *Call) ownInstruction() (text string, err error) {
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return "", err
	}
	raw, err := readFile(w, instructionFile, maxInstructionBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(raw)), "\uFFFD"), err
}

// instructionSetting is the server's own instruction: an attached Markdown file, or the text itself. It
// is kept as a file of the workspace.
type instructionSetting struct{}

func (instructionSetting) read(ctx context.Context, c *Call, _ string, v *settingValue) (func(*record.Settings), error) {
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return nil, err
	}
	nothing := func(*record.Settings) {}
	own := v.text
	switch {
	case len(v.files) > 0:
		raw, err := c.download(ctx, v.files[0], maxInstructionBytes)
		if err != nil {
			return nil, err
		}
		v.files = nil
		own = strings.TrimSpace(strings.TrimPrefix(string(raw), "\uFEFF"))
	case strings.EqualFold(own, byDefault):
		if err := w.Remove(instructionFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return nothing, nil
	}
	if own == "" || !utf8.ValidString(own) {
		return nil, c.fail("settings.instruction_bad")
	}
	_, err = w.Create(instructionFile, strings.NewReader(own+"\n"))
	return nothing, err
}

func (instructionSetting) show(c *Call, _ record.Settings) string {
	own, err := c.ownInstruction()
	switch {
	case err != nil:
		c.bot.log.Error("the instruction can't be read", "server", c.Server, "err", err)
		fallthrough
	case own == "":
		return c.T("settings.instruction_default")
	}
	return c.T("settings.instruction_own")
}

func (instructionSetting) offers(*Call) []string { return nil }

func (instructionSetting) takes(*Bot) string {
	return fmt.Sprintf("a Markdown file of at most %d kB, or the text", maxInstructionBytes/1000)
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
