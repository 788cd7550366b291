package document

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/dataset"
)

// pdfTime is how long pdftotext may take for one document.
const pdfTime = time.Minute

// pdf has pdftotext write down a document's text, in the order in which it is read. Nothing is written to a disk.
func pdf(ctx context.Context, data []byte) ([]dataset.Block, error) {
	ctx, cancel := context.WithTimeout(ctx, pdfTime)
	defer cancel()
	// 512 MB of memory and a minute of a processor: a document may be made to take more.
	cmd := exec.CommandContext(ctx, "sh", "-c", "ulimit -v 524288 -t 60; exec pdftotext -q -enc UTF-8 -eol unix -nopgbrk - -")
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	cmd.WaitDelay = 2 * time.Second
	cmd.Stdin = bytes.NewReader(data)
	var complaint bytes.Buffer
	cmd.Stderr = &limitedWriter{&complaint, 4096}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if _, err := exec.LookPath("pdftotext"); err != nil {
		return nil, refuse(dataset.NotInstalled, "pdftotext", "poppler-utils")
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start pdftotext: %w", err)
	}
	text, readErr := io.ReadAll(io.LimitReader(out, maxText+1))
	if len(text) > maxText {
		cancel()
	}
	err = cmd.Wait()
	switch {
	case len(text) > maxText:
		return nil, refuse(dataset.TooManyPages, maxText>>20)
	case bytes.Contains(bytes.ToLower(complaint.Bytes()), []byte("password")), bytes.Contains(data, []byte("/Encrypt")) && len(bytes.TrimSpace(text)) == 0:
		return nil, refuse(dataset.Encrypted)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, refuse(dataset.FileBroken, "it takes too long to read")
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil || readErr != nil:
		return nil, refuse(dataset.FileBroken, errors.Join(err, readErr))
	case len(bytes.TrimSpace(text)) == 0:
		return nil, refuse(dataset.NoTextInside)
	}
	return paragraphs(string(text)), nil
}

// paragraphs divides text as pdftotext writes it: an empty line between paragraphs. A line that asks stands alone.
func paragraphs(text string) []dataset.Block {
	var blocks []dataset.Block
	var open []string
	n, start := 0, 0
	flush := func() {
		if len(open) > 0 && len(blocks) < maxBlocks {
			blocks = append(blocks, dataset.Block{Text: strings.Join(open, "\n"), Line: start})
		}
		open = nil
	}
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" {
			flush()
			continue
		}
		if strings.HasSuffix(line, "?") {
			if len(open) == 1 && len(open[0]) < 200 && !strings.HasSuffix(open[0], ".") { // the second line of a long question
				line = open[0] + " " + line
				open = nil
			}
			flush()
			start, open = n, []string{line}
			flush()
			continue
		}
		if len(open) == 0 {
			start = n
		}
		open = append(open, line)
	}
	flush()
	return blocks
}

// limitedWriter keeps the first bytes of what is written to it.
type limitedWriter struct {
	to   *bytes.Buffer
	left int
}

func (l *limitedWriter) Write(p []byte) (int, error) {
	n := min(len(p), l.left)
	l.left -= n
	l.to.Write(p[:n])
	return len(p), nil
}
