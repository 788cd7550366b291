// Package espeak speaks with the espeak-ng program: mechanically, but at once, and over a hundred languages. It is what
// Mynah falls back on for every language that no better voice is installed for. [DataDir] finds the rules of
// pronunciation that Piper voices need too.
package espeak

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/program"
	"github.com/mynahbot/mynah/internal/speech/sentence"
	"github.com/mynahbot/mynah/internal/spoken"
)

// ErrMissing says that the program is not there.
var ErrMissing = errors.New("espeak-ng is not installed: install Debian's package espeak-ng")

const (
	espeakNG = "espeak-ng"
	// wordsPerMinute is the program's own speed, a little lowered.
	wordsPerMinute = 150
	// block is how much audio is handed on at once.
	block = 500 * time.Millisecond
	// maxText limits a text in bytes, well over an hour of speech.
	maxText = 100_000
	// maxComplaint limits what is kept of the program's error output.
	maxComplaint = 1000
)

// voices are espeak-ng's voices for languages whose tag alone stands for an unusual variety.
var voices = map[string]string{"en": "en-us", "zh": "cmn", "no": "nb"}

var tag = regexp.MustCompile(`^[a-z]{2,3}(-[a-z0-9]{2,8})*$`)

// Synthesizer runs espeak-ng, one process for each text. Its zero value is ready for use.
type Synthesizer struct{}

// Available returns [ErrMissing] where the program is not there.
func (Synthesizer) Available() error {
	if _, err := exec.LookPath(espeakNG); err != nil {
		return ErrMissing
	}
	return nil
}

// Synthesize speaks a text. The text goes in by a pipe and the audio comes out by one. See [speech.Synthesizer].
func (s Synthesizer) Synthesize(ctx context.Context, what spoken.Speech, emit func(audio.PCM) error) error {
	if len(what.Text) > maxText {
		return fmt.Errorf("espeak-ng: a text of %d bytes is over %d", len(what.Text), maxText)
	}
	text := sentence.Clean(what.Text)
	if !sentence.Sayable(text) {
		return nil
	}
	if err := s.Available(); err != nil {
		return err
	}
	language := what.Language
	if language == "" {
		language = spoken.DetectLanguage(text)
	}
	if language == "" {
		language = "en"
	}
	if !tag.MatchString(language) {
		return fmt.Errorf("espeak-ng: %q is not a language", language)
	}
	if v := voices[language]; v != "" {
		language = v
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	c := program.Command(running, []string{"ESPEAK_DATA_PATH"}, espeakNG, "--stdin", "--stdout", "-b", "1", "-v", language,
		"-s", strconv.Itoa(int(wordsPerMinute*what.Pace())))
	c.Stdin = strings.NewReader(text)
	var complaint bytes.Buffer
	c.Stderr = &complaint
	out, err := c.StdoutPipe()
	if err != nil {
		return fmt.Errorf("espeak-ng: %w", err)
	}
	if err := c.Start(); err != nil {
		return fmt.Errorf("espeak-ng: %w", err)
	}
	var listener error
	err = audio.StreamWAV(out, block, func(p audio.PCM) error {
		listener = emit(p)
		return listener
	})
	if err != nil && listener == nil {
		err = fmt.Errorf("espeak-ng: %w", err)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		cancel() // at the end of its output it ends by itself, and says why
	}
	e := c.Wait()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if e != nil && running.Err() == nil {
		if b := complaint.Bytes(); len(b) > 0 {
			return fmt.Errorf("espeak-ng: %s", strings.TrimSpace(strings.ToValidUTF8(string(b[:min(len(b), maxComplaint)]), "")))
		}
		return fmt.Errorf("espeak-ng: %w", e)
	}
	return err
}

// DataDir is the folder espeak-ng-data of this machine, "" where there is none.
func DataDir() string {
	candidates := []string{os.Getenv("ESPEAK_DATA_PATH")}
	for _, pattern := range []string{"/usr/lib/*/espeak-ng-data", "/usr/lib*/espeak-ng-data", "/usr/share/espeak-ng-data", "/usr/local/share/espeak-ng-data"} {
		found, _ := filepath.Glob(pattern)
		candidates = append(candidates, found...)
	}
	for _, dir := range candidates {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(filepath.Join(dir, "phontab")); err == nil {
			return dir
		}
	}
	return ""
}
