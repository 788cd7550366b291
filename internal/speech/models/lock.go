package models

import (
	"context"
	"fmt"
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
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	again := time.NewTicker(lockInterval)
	defer again.Stop()
	for {
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			break
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			f.Close()
			return nil, fmt.Errorf("models: lock %s: %w", dir, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("models: another process changes %s: %w", dir, ctx.Err())
		case <-again.C:
		}
	}
	sweep(dir)
	return func() { f.Close() }, nil
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
