package audio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/program"
)

const (
	// decoderMemory is the address space of a program that reads a file of somebody's, in bytes: what ffmpeg needs with all of its
	// libraries, and as much again. A small file can ask for gigabytes.
	decoderMemory = 640 << 20
	// A decoder may compute for decoderTime, and decoderTimePerMB for each megabyte of the file: a crafted file may make it spin.
	// On one core of 2020, a megabyte of the sparsest codecs takes less than a second.
	decoderTime, decoderTimePerMB = 20 * time.Second, 4 * time.Second
)

// Decoders bounds how many programs read files at once. It is safe for concurrent use; nil is no bound.
type Decoders struct{ free chan struct{} }

// NewDecoders lets n programs read files at once, at least one.
func NewDecoders(n int) *Decoders { return &Decoders{make(chan struct{}, max(n, 1))} }

// take waits for a free one. Whoever gets it calls leave.
func (d *Decoders) take(ctx context.Context) (leave func(), err error) {
	if d == nil {
		return func() {}, nil
	}
	select {
	case d.free <- struct{}{}:
		return func() { <-d.free }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// command prepares a program of ffmpeg's that ends with ctx. The file that it reads is size bytes long, and it writes at most
// written bytes.
func command(ctx context.Context, size, written int64, name string, args ...string) *exec.Cmd {
	cmd := program.Command(ctx, nil, name, args...)
	program.Limited(cmd, program.Limits{
		Memory: decoderMemory, CPU: decoderTime + time.Duration(size/1_000_000)*decoderTimePerMB, File: written,
	})
	return cmd
}

// startError says what to install when a program is missing.
func startError(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed: install the package ffmpeg: %w", name, err)
	}
	return fmt.Errorf("start %s: %w", name, err)
}

// audioStream is how ffmpeg tells of a sound track that it found.
var audioStream = regexp.MustCompile(`^  Stream #0:\d+[^:]*: Audio: .*?, (\d+) Hz`)

// trackRate finds in what ffmpeg says of its input the sample rate of a sound track, in Hz; 0 where it says none.
func trackRate(said []byte, track int) int {
	input, _, _ := bytes.Cut(said, []byte("\nOutput #0"))
	for line := range strings.Lines(string(input)) {
		if !strings.HasPrefix(line, "  Stream #0:") || !strings.Contains(line, ": Audio: ") {
			continue
		}
		if track--; track < 0 {
			found := audioStream.FindStringSubmatch(line)
			if found == nil {
				return 0
			}
			rate, _ := strconv.Atoi(found[1])
			return rate
		}
	}
	return 0
}
