// Package partial finds files whose writing was killed. Whoever writes a file under a name of passage calls [Hold] on it first;
// [Sweep] then removes those that nobody holds any more. The operating system lets go of a file when its process ends, however that
// ends, so that a sweep by one process leaves alone what another one is writing.
package partial

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Hold marks an open file, or folder, as being written, until it is closed.
func Hold(f *os.File) error {
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("hold a file that is being written: %w", err)
	}
	return nil
}

// Sweep removes the regular files below a folder whose names are those of passage and which nobody holds, and returns how many.
// It goes on after an error. A folder that isn't there has none.
func Sweep(dir string, passage func(name string) bool) (removed int, err error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	defer root.Close()
	var errs []error
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			errs = append(errs, err)
		case d.Type().IsRegular() && passage(d.Name()):
			gone, err := remove(root, name)
			if gone {
				removed++
			}
			errs = append(errs, err)
		}
		return nil
	})
	return removed, errors.Join(append(errs, err)...)
}

// SweepFolders removes the folders in a folder, with all that is in them, whose names are those of passage and which nobody holds.
// Those of other users stay.
func SweepFolders(dir string, passage func(name string) bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	var errs []error
	for _, e := range entries {
		if !e.IsDir() || !passage(e.Name()) {
			continue
		}
		path := filepath.Join(dir, e.Name())
		f, err := os.Open(path)
		if err != nil {
			continue // another user's, or gone
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
			errs = append(errs, os.RemoveAll(path))
		}
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// remove removes a file unless somebody holds it.
func remove(root *os.Root, name string) (gone bool, err error) {
	f, err := root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // it is whole now
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		return false, nil
	}
	err = root.Remove(name)
	return err == nil, err
}
