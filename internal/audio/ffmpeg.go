package audio

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// command prepares a program that ends with ctx, and sees only what it needs of the environment.
func command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// startError says what to install when a program is missing.
func startError(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed: install the package ffmpeg: %w", name, err)
	}
	return fmt.Errorf("start %s: %w", name, err)
}
