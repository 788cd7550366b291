package bot

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/workspace"
)

// getfile sends a file of the server's workspace.
func (b *Bot) getfile() *Command {
	return &Command{
		Name:       "getfile",
		Trusted:    true,
		ServerOnly: true,
		Slow:       true,
		Options:    []Option{{Name: "path", Required: true, Rest: true, Complete: completeFiles}},
		Run: func(ctx context.Context, c *Call) error {
			w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
			if err != nil {
				return err
			}
			name := c.Arg("path")
			file, err := workspaceFile(w, name)
			if err != nil {
				return c.fileError(name, err)
			}
			if file.Size > c.UploadLimit {
				return c.fail("files.too_large_to_send", "name", plain(name), "size", size(file.Size), "limit", size(c.UploadLimit))
			}
			_, err = c.Send(ctx, Reply{Text: c.T("files.here", "name", plain(name), "size", size(file.Size)), Files: []File{file}})
			return err
		},
	}
}

// archive packs a folder.
func (b *Bot) archive() *Command {
	return &Command{
		Name:       "archive",
		Trusted:    true,
		ServerOnly: true,
		Slow:       true,
		Options:    []Option{{Name: "folder", Rest: true, Complete: completeFolders}},
		Run: func(ctx context.Context, c *Call) error {
			w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
			if err != nil {
				return err
			}
			folder := c.Arg("folder")
			if folder == "" {
				folder = "."
			}
			a, err := w.WriteZip(ctx, folder, c.bot.cfg.Now())
			if err != nil {
				return c.fileError(folder, err)
			}
			text := c.T("files.archived", "name", plain(a.Path), "files", a.Files, "size", size(a.Size))
			if a.Size > c.UploadLimit {
				return c.Say(ctx, text+" "+c.T("files.archive_too_large", "limit", size(c.UploadLimit)))
			}
			file, err := workspaceFile(w, a.Path)
			if err != nil {
				return err
			}
			_, err = c.Send(ctx, Reply{Text: text, Files: []File{file}})
			return err
		},
	}
}

// fileError says what is wrong with a file that somebody named.
func (t translation) fileError(name string, err error) error {
	switch {
	case errors.Is(err, workspace.ErrEmpty):
		return t.failed(err, "error.empty_folder")
	case errors.Is(err, workspace.ErrNotFolder):
		return t.failed(err, "error.not_a_folder", "name", plain(name))
	case errors.Is(err, workspace.ErrNotRegular):
		return t.failed(err, "error.not_a_file", "name", plain(name))
	case errors.Is(err, fs.ErrInvalid):
		return t.failed(err, "error.path")
	case errors.Is(err, fs.ErrNotExist):
		return t.failed(err, "error.no_file", "name", plain(name))
	case errors.Is(err, workspace.ErrTooLarge):
		return t.failed(err, "error.too_large", "name", plain(name))
	}
	return err
}

// workspaceFile is a file of a workspace, ready to be sent.
func workspaceFile(w *workspace.Workspace, name string) (_ File, err error) {
	f, err := w.Open(name)
	if err != nil {
		return File{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return File{}, err
	}
	return File{Name: path.Base(name), Size: info.Size(), Open: func() (io.ReadCloser, error) { return w.Open(name) }}, nil
}

const (
	// maxListed is how many entries of a workspace are looked at for completion.
	maxListed = 2000
	// maxListedDepth is how deep.
	maxListedDepth = 6
	// listTime is how long that may take: a completion must be there within 3 s.
	listTime = time.Second
)

// entries lists a workspace's files or folders, newest first.
func entries(w *workspace.Workspace, below string, folders bool) ([]string, error) {
	type entry struct {
		name    string
		changed time.Time
	}
	var found []entry
	until := time.Now().Add(listTime)
	seen := 0
	err := fs.WalkDir(w.FS(), below, func(name string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		seen++
		switch {
		case seen > maxListed, time.Now().After(until):
			return fs.SkipAll
		case name != "." && strings.HasPrefix(d.Name(), "."):
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() != folders, name == below && name == ".":
		default:
			if info, err := d.Info(); err == nil && (folders || info.Mode().IsRegular()) {
				found = append(found, entry{name, info.ModTime()})
			}
		}
		if d.IsDir() && strings.Count(name, "/") >= maxListedDepth {
			return fs.SkipDir
		}
		return nil
	})
	slices.SortStableFunc(found, func(a, b entry) int { return b.changed.Compare(a.changed) })
	var names []string
	for _, e := range found {
		names = append(names, e.name)
	}
	return names, err
}

func completeFiles(_ context.Context, c *Call, typed string) ([]Choice, error) {
	return c.completeEntries(typed, ".", false)
}

func completeFolders(_ context.Context, c *Call, typed string) ([]Choice, error) {
	return c.completeEntries(typed, ".", true)
}

func (c *Call) completeEntries(typed, below string, folders bool) ([]Choice, error) {
	w, err := c.bot.cfg.Workspaces.Workspace(c.Server)
	if err != nil {
		return nil, err
	}
	names, err := entries(w, below, folders)
	if err != nil {
		return nil, err
	}
	var choices []Choice
	for _, name := range names {
		choices = append(choices, Choice{name, name})
	}
	return matching(choices, typed), nil
}
