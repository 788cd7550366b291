package models

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	lockFile = ".lock"
	scratch  = ".scratch-" // start of the names of what a change makes on its way; swept by the next change
	partial  = ".partial"  // folder of unfinished downloads, which are named by their SHA-256
)

// lockInterval is the time between two tries at a lock that another process holds.
const lockInterval = 100 * time.Millisecond

// lock waits until this process alone changes dir. The operating system frees the lock of a process that ends.
func lock(ctx context.Context, dir string) (unlock func(), err error) {
	again := time.NewTicker(lockInterval)
	defer again.Stop()
	for {
		unlock, err := tryLock(dir)
		if unlock != nil || err != nil {
			return unlock, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("models: another process changes %s: %w", dir, ctx.Err())
		case <-again.C:
		}
	}
}

// tryLock is lock without waiting; unlock is nil while another process changes dir.
func tryLock(dir string) (unlock func(), err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	switch err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err {
	case nil:
		sweep(dir)
		return func() { f.Close() }, nil
	case syscall.EWOULDBLOCK, syscall.EINTR:
		return nil, f.Close()
	default:
		f.Close()
		return nil, fmt.Errorf("models: lock %s: %w", dir, err)
	}
}

// Sweep removes what changes left behind that were killed, unless a change goes on. Each change does so too.
func (s *Store) Sweep() error {
	if _, err := os.Stat(filepath.Join(s.Dir(), lockFile)); errors.Is(err, fs.ErrNotExist) {
		return nil // nothing was ever changed
	}
	unlock, err := tryLock(s.Dir())
	if unlock != nil {
		unlock()
	}
	return err
}

// sweep removes what a process that was killed left behind. What can't be removed now is tried again next time.
func sweep(dir string) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), scratch) {
			_ = os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}
