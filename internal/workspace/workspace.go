// Package workspace gives every server a folder of files of its own: datasets/, models/, archives/
// and files/. Open gives all of them, [Workspaces.Workspace] one server's.
//
// Names come from people. They are relative, with slashes, and opened through os.Root, so that none
// leads out of the server's folder: not by "..", not by a link.
package workspace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mynahbot/mynah/internal/partial"
	"github.com/mynahbot/mynah/internal/record"
)

var (
	// ErrOutside is returned for a path that is absolute, climbs out with "..",
	// or follows a link out of the workspace. It matches fs.ErrInvalid.
	ErrOutside error = refusal("the path leads out of this server's workspace")
	// ErrNotRegular is returned for a folder or a special file where a file is
	// wanted. It matches fs.ErrInvalid.
	ErrNotRegular error = refusal("this is not a file")
	// ErrNotFolder is returned where a folder is wanted and something else is
	// named. It matches fs.ErrInvalid.
	ErrNotFolder error = refusal("this is not a folder")
	// ErrEmpty is returned where there is nothing to pack.
	ErrEmpty = errors.New("there is no file in it")
	// ErrTooLarge is returned when there is more than an archive may hold.
	ErrTooLarge = errors.New("this is larger than allowed")
)

// refusal is an error about a path that will never do.
type refusal string

func (r refusal) Error() string        { return string(r) }
func (r refusal) Is(target error) bool { return target == fs.ErrInvalid }

// temporary begins the names of files that are being written; they are not listed.
const temporary = ".partial-"

// Workspaces are the workspaces of all servers below one folder. Safe for concurrent use.
type Workspaces struct {
	dir string

	mu   sync.Mutex
	open map[record.ServerID]*Workspace
}

// Open returns the workspaces below dir. Nothing is created before the first is asked for.
func Open(dir string) *Workspaces {
	return &Workspaces{dir: dir, open: map[record.ServerID]*Workspace{}}
}

// Sweep removes what writes left behind that were killed. Call it at the start.
func (s *Workspaces) Sweep() error {
	_, err := partial.Sweep(filepath.Join(s.dir, "servers"), func(name string) bool { return strings.HasPrefix(name, temporary) })
	if err != nil {
		return fmt.Errorf("remove files that were never finished: %w", err)
	}
	return nil
}

// Workspace returns the workspace of a server, creating it when missing.
func (s *Workspaces) Workspace(server record.ServerID) (*Workspace, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if w, ok := s.open[server]; ok {
		return w, nil
	}
	dir := filepath.Join(s.dir, "servers", server.String())
	for _, sub := range []string{"datasets", "models", "archives", "files"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, fmt.Errorf("create the workspace of server %s: %w", server, err)
		}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the workspace of server %s: %w", server, err)
	}
	w := &Workspace{root: root}
	s.open[server] = w
	return w, nil
}

// Close closes every workspace that was opened. None may be used any more.
func (s *Workspaces) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for server, w := range s.open {
		errs = append(errs, w.root.Close())
		delete(s.open, server)
	}
	return errors.Join(errs...)
}

// Workspace is one server's folder of files. It is safe for concurrent use, and stays open until
// [Workspaces.Close].
type Workspace struct {
	root *os.Root
}

// FS returns the workspace as a file system, in which links out of it can't be
// followed either.
func (w *Workspace) FS() fs.FS { return w.root.FS() }

// Open opens a file. The error matches fs.ErrNotExist, [ErrOutside] or
// [ErrNotRegular] where it is that.
func (w *Workspace) Open(name string) (fs.File, error) {
	name, err := local(name)
	if err != nil {
		return nil, err
	}
	// Not blocking, lest a named pipe hold us; the check comes after, so that
	// nothing can be put in its place in between.
	f, err := w.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, pathError(name, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", name, ErrNotRegular)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Create writes a file with all that r gives, and the folders above it, and
// returns its size in bytes. It replaces a file of that name at once and whole:
// on an error, what was there before is still there.
func (w *Workspace) Create(name string, r io.Reader) (size int64, err error) {
	err = w.create(name, func(to io.Writer) error {
		size, err = io.Copy(to, r)
		return err
	})
	if err != nil {
		return 0, err
	}
	return size, nil
}

// create writes a file through write and puts it in place when that succeeds.
func (w *Workspace) create(name string, write func(io.Writer) error) (err error) {
	if name, err = local(name); err != nil {
		return err
	}
	dir := path.Dir(name)
	if err := w.root.MkdirAll(dir, 0o700); err != nil {
		return pathError(dir, err)
	}
	unfinished := path.Join(dir, fmt.Sprintf("%s%d-%s", temporary, time.Now().UnixNano(), shortened(path.Base(name))))
	f, err := w.root.OpenFile(unfinished, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return pathError(name, err)
	}
	if err = partial.Hold(f); err == nil {
		err = write(f)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = w.root.Rename(unfinished, name)
	}
	if err != nil {
		return errors.Join(pathError(name, err), w.root.Remove(unfinished))
	}
	return nil
}

// Stat describes a file or folder, following links inside the workspace.
func (w *Workspace) Stat(name string) (fs.FileInfo, error) {
	name, err := local(name)
	if err != nil {
		return nil, err
	}
	info, err := w.root.Stat(name)
	if err != nil {
		return nil, pathError(name, err)
	}
	return info, nil
}

// List returns the folders and regular files in a folder ("." is the
// workspace's top), by name.
func (w *Workspace) List(dir string) ([]fs.DirEntry, error) {
	dir, err := local(dir)
	if err != nil {
		return nil, err
	}
	found, err := fs.ReadDir(w.root.FS(), dir)
	if err != nil {
		return nil, pathError(dir, err)
	}
	return slices.DeleteFunc(found, func(d fs.DirEntry) bool {
		return strings.HasPrefix(d.Name(), temporary) || !d.IsDir() && !d.Type().IsRegular()
	}), nil
}

// Rename puts a file in the place of another, whole or not at all, and makes the
// folders above that.
func (w *Workspace) Rename(from, to string) error {
	from, err := local(from)
	if err != nil {
		return err
	}
	if to, err = local(to); err != nil {
		return err
	}
	if err := w.root.MkdirAll(path.Dir(to), 0o700); err != nil {
		return pathError(path.Dir(to), err)
	}
	if err := w.root.Rename(from, to); err != nil {
		return pathError(to, err)
	}
	return nil
}

// Remove deletes a file or an empty folder.
func (w *Workspace) Remove(name string) error {
	name, err := local(name)
	if err != nil {
		return err
	}
	if err := w.root.Remove(name); err != nil {
		return pathError(name, err)
	}
	return nil
}

// local cleans a path, or returns ErrOutside before anything is opened.
func local(name string) (string, error) {
	clean := path.Clean(name)
	if name == "" || !filepath.IsLocal(name) || !filepath.IsLocal(clean) || strings.ContainsRune(name, 0) {
		return "", fmt.Errorf("%.200q: %w", name, ErrOutside)
	}
	return clean, nil
}

// pathError says what is wrong with a path without telling where the workspace
// lies. os.Root has no sentinel for a link that leads out, but it is the one
// refusal that doesn't come from the operating system.
func pathError(name string, err error) error {
	var inPath *fs.PathError
	var inLink *os.LinkError
	var number syscall.Errno
	switch {
	case errors.Is(err, ErrTooLarge), errors.Is(err, ErrOutside):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	case errors.As(err, &number):
		return fmt.Errorf("%s: %w", name, number)
	case errors.As(err, &inPath), errors.As(err, &inLink):
		return fmt.Errorf("%s: %w", name, ErrOutside)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// shortened keeps a temporary name within what file systems allow.
func shortened(name string) string { return name[:min(len(name), 100)] }
