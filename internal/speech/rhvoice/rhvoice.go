// Package rhvoice speaks with RHVoice where that is installed: a program of its own, under the GPL, with good voices for Russian
// and some more languages. Mynah starts it and links none of it. [Find] looks for it and its voices.
package rhvoice

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/partial"
	"github.com/mynahbot/mynah/internal/program"
	"github.com/mynahbot/mynah/internal/speech/sentence"
	"github.com/mynahbot/mynah/internal/spoken"
)

// ErrMissing says that the program is not there.
var ErrMissing = errors.New("RHVoice is not installed: install the program RHVoice-test and a voice of it")

const (
	rhvoiceTest = "RHVoice-test"
	// maxText limits a text in bytes, well over an hour of speech.
	maxText = 100_000
	// maxInfo limits the description of a voice, in bytes: it has a few lines.
	maxInfo = 64 << 10
	// maxComplaint limits what is kept of the program's error output.
	maxComplaint = 1000
	// block is how much audio is handed on at once.
	block = 500 * time.Millisecond
)

// languages are those of RHVoice by their names in its files.
var languages = map[string]string{
	"Albanian": "sq", "Brazilian-Portuguese": "pt", "Croatian": "hr", "Czech": "cs", "English": "en", "Esperanto": "eo", "Georgian": "ka",
	"Kyrgyz": "ky", "Macedonian": "mk", "Polish": "pl", "Russian": "ru", "Serbian": "sr", "Slovak": "sk", "Spanish": "es", "Tatar": "tt",
	"Turkmen": "tk", "Ukrainian": "uk", "Uzbek": "uz", "Vietnamese": "vi",
}

// usual are the voices that are taken first where there are several for a language: of the Russian ones, in the order of how
// well they are understood.
var usual = []string{"Aleksandr", "Anna", "Elena", "Irina"}

// Voice is one that is installed.
type Voice struct {
	Name     string
	Language string // BCP 47 primary tag
}

// Synthesizer runs the program, once for each sentence. Its zero value has no voice.
type Synthesizer struct {
	path   string
	Voices []Voice // those of each language with the usual one first
}

// Knows reports whether RHVoice speaks a language where it is installed with a voice for it.
func Knows(language string) bool {
	return slices.Contains(slices.Collect(maps.Values(languages)), language)
}

// Find looks for the program in PATH, and for the folders in which systems keep its voices, of which RHVOICE_DATA_PATH may name one.
// The error is [ErrMissing] where there is no program or no voice.
func Find() (*Synthesizer, error) {
	path, err := exec.LookPath(rhvoiceTest)
	if err != nil {
		return nil, ErrMissing
	}
	s := &Synthesizer{path: path}
	folders := []string{os.Getenv("RHVOICE_DATA_PATH")}
	if folders[0] == "" {
		folders = []string{filepath.Join(filepath.Dir(filepath.Dir(path)), "share", "RHVoice"), "/usr/share/RHVoice", "/usr/local/share/RHVoice"}
	}
	for _, folder := range folders {
		if s.Voices = voices(folder); len(s.Voices) > 0 {
			return s, nil
		}
	}
	return nil, ErrMissing
}

// voices reads the descriptions of the voices in a folder.
func voices(folder string) (all []Voice) {
	infos, _ := filepath.Glob(filepath.Join(folder, "voices", "*", "voice.info"))
	for _, path := range infos {
		info, err := os.Stat(path)
		if err != nil || info.Size() > maxInfo {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		fields := map[string]string{}
		for line := range strings.Lines(string(b)) {
			key, value, _ := strings.Cut(line, "=")
			fields[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
		if v := (Voice{fields["name"], languages[fields["language"]]}); v.Name != "" && v.Language != "" {
			all = append(all, v)
		}
	}
	rank := func(v Voice) int { return (slices.Index(usual, v.Name) + len(usual) + 1) % (len(usual) + 1) }
	slices.SortStableFunc(all, func(a, b Voice) int { return cmp.Or(rank(a)-rank(b), strings.Compare(a.Name, b.Name)) })
	return all
}

// Voice is the usual voice of a language; ok is false where there is none.
func (s *Synthesizer) Voice(language string) (v Voice, ok bool) {
	i := slices.IndexFunc(s.Voices, func(v Voice) bool { return v.Language == language })
	if i < 0 {
		return Voice{}, false
	}
	return s.Voices[i], true
}

// Synthesize speaks a text sentence by sentence, with the voice that it names, else with the usual one of its language. See
// [spoken.Synthesizer].
func (s *Synthesizer) Synthesize(ctx context.Context, what spoken.Speech, emit func(audio.PCM) error) error {
	if len(what.Text) > maxText {
		return fmt.Errorf("RHVoice: a text of %d bytes is over %d", len(what.Text), maxText)
	}
	i := slices.IndexFunc(s.Voices, func(v Voice) bool { return v.Name == what.Voice || what.Voice == "" && v.Language == what.Language })
	if i < 0 {
		return fmt.Errorf("RHVoice has no voice %q for %q", what.Voice, what.Language)
	}
	for _, piece := range sentence.Split(sentence.Clean(what.Text)) {
		if !sentence.Sayable(piece.Text) {
			continue
		}
		if err := s.say(ctx, piece.Text, s.Voices[i].Name, what.Pace(), emit); err != nil {
			return err
		}
	}
	return nil
}

// scratch begins the names of the folders in which sentences are spoken.
const scratch = "mynah-rhvoice-"

// Sweep removes the sounds that a process left behind which was killed while it spoke.
func Sweep() error {
	return partial.SweepFolders(os.TempDir(), func(name string) bool { return strings.HasPrefix(name, scratch) })
}

// say speaks one sentence. The program writes a file, since it goes back in it to correct the header.
func (s *Synthesizer) say(ctx context.Context, text, voice string, pace float64, emit func(audio.PCM) error) error {
	folder, err := os.MkdirTemp("", scratch)
	if err != nil {
		return fmt.Errorf("RHVoice: %w", err)
	}
	defer os.RemoveAll(folder)
	held, err := os.Open(folder)
	if err != nil {
		return fmt.Errorf("RHVoice: %w", err)
	}
	defer held.Close()
	if err := partial.Hold(held); err != nil {
		return err
	}
	path := filepath.Join(folder, "speech.wav")
	c := program.Command(ctx, []string{"HOME", "XDG_*", "RHVOICE*"}, s.path, "-p", voice, "-r", strconv.Itoa(int(100*pace)), "-o", path)
	c.Stdin = strings.NewReader(text + "\n")
	var complaint bytes.Buffer
	c.Stderr = &complaint
	if err := c.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		b := complaint.Bytes()
		return fmt.Errorf("RHVoice: %w: %s", err, strings.TrimSpace(strings.ToValidUTF8(string(b[:min(len(b), maxComplaint)]), "")))
	}
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("RHVoice gave no sound: %w", err)
	}
	defer f.Close()
	return audio.StreamWAV(f, block, emit)
}
