package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/program"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/sherpa"
	"github.com/mynahbot/mynah/internal/speech/silero"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/spoken"
)

// trialTime is how long a model may take to load and to do its work once.
const trialTime = 3 * time.Minute

// trial loads models in a process of their own before this one does: the native code that runs them ends its process where a model
// is damaged. What has loaded once is not tried again until its files change.
type trial struct {
	store  *models.Store
	data   string // data folder
	models string // folders of models, as in PATH

	mu sync.Mutex
}

// newTrial tries the models of a store.
func newTrial(cfg *config.Config, data config.Folder, store *models.Store) (*trial, error) {
	dir, err := data.Path()
	if err != nil {
		return nil, err
	}
	folders := models.Dirs(cfg.Speech.Models, dir)
	return &trial{store: store, data: dir, models: strings.Join(folders, string(filepath.ListSeparator))}, nil
}

// errNoLibrary says that nothing can be tried yet.
var errNoLibrary = errors.New("a model can be tried only when the speech pack's library is there: mynah models pull " + models.SpeechPack)

// Try loads a model and has it work once, and returns why it doesn't.
func (t *trial) Try(ctx context.Context, m *speech.Model) error {
	library, err := t.store.Find(models.Library, "")
	if err != nil {
		return errNoLibrary
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	print, err := fingerprint(m.Folder, library.Folder)
	if err != nil {
		return err
	}
	known := t.known()
	if known[m.Folder] == print {
		return nil
	}
	if err := t.run(ctx, m); err != nil {
		return err
	}
	known[m.Folder] = print
	t.remember(known)
	return nil
}

// load is what asks before a model is loaded; nil where nothing is tried.
func (t *trial) load() func(ctx context.Context, m *speech.Model) error {
	if t == nil {
		return nil
	}
	return t.Try
}

// run tries a model in a child process, which can see no secret.
func (t *trial) run(ctx context.Context, m *speech.Model) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	described, err := json.Marshal(m)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	cmd := program.Command(ctx, []string{"HOME", "XDG_*", "ESPEAK_DATA_PATH"}, self, "models", "--data", t.data, "--speech.models="+t.models, "try", m.Folder)
	cmd.Args[0] = "mynah"
	cmd.Dir = t.data // no other configuration file is near
	if _, err := os.Stat(t.data); err != nil {
		cmd.Dir = m.Folder
	}
	var said bytes.Buffer
	cmd.Stdin, cmd.Stderr = bytes.NewReader(described), &said
	err = cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	lines := strings.Split(strings.TrimSpace(strings.ToValidUTF8(said.String(), "")), "\n")
	last := strings.TrimPrefix(lines[len(lines)-1], "mynah: ")
	if len(last) > maxTrialText {
		last = last[:maxTrialText] + "…"
	}
	if cmd.ProcessState != nil && cmd.ProcessState.ExitCode() == exitFailure && last != "" {
		return fmt.Errorf("it doesn't load: %s", last)
	}
	return fmt.Errorf("it ended the process that loaded it (%w)", err)
}

// maxTrialText is how much of what a trial says is told, in bytes.
const maxTrialText = 500

// triedFile holds what has loaded, in the data folder.
const triedFile = "models-tried.json"

// known are the fingerprints of what has loaded, by folder.
func (t *trial) known() map[string]string {
	all := map[string]string{}
	raw, err := os.ReadFile(filepath.Join(t.data, triedFile))
	if err != nil || json.Unmarshal(raw, &all) != nil || all == nil {
		return map[string]string{} // it is tried again
	}
	maps.DeleteFunc(all, func(folder, _ string) bool {
		_, err := os.Stat(folder)
		return errors.Is(err, fs.ErrNotExist)
	})
	return all
}

// remember writes what has loaded. Where it can't, it is tried again.
func (t *trial) remember(known map[string]string) {
	if _, err := os.Stat(t.data); err != nil {
		return
	}
	_ = writeWhole(filepath.Join(t.data, triedFile), func(w io.Writer) error { return json.NewEncoder(w).Encode(known) })
}

// fingerprint changes with the files of folders: their names, sizes and times.
func fingerprint(folders ...string) (string, error) {
	h := sha256.New()
	for _, folder := range folders {
		err := fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			fmt.Fprintf(h, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

type modelsTryCmd struct {
	Folder string `arg:"" help:"The model's folder; its description is read from standard input."`
}

// Run loads a model and has it work once.
func (c *modelsTryCmd) Run(ctx contextBox, parent *cli, cfg *config.Config, o *output) (err error) {
	var m speech.Model
	if err := json.NewDecoder(io.LimitReader(o.stdin, 1<<20)).Decode(&m); err != nil {
		return fmt.Errorf("the description of a model is expected on standard input: %w", err)
	}
	m.Folder = c.Folder
	store, err := parent.Models.open(cfg)
	if err != nil {
		return err
	}
	switch models.TaskOf(m.Kind) {
	case models.Recognizer:
		var failed error // another model takes the place of one that fails
		e := engine.Open(engine.Config{
			Models: []*speech.Model{&m}, Streams: 1, Aside: func(_ *speech.Model, err error) { failed = err },
		}, store)
		defer func() { err = errors.Join(err, e.Close()) }()
		language := ""
		if len(m.Languages) > 0 {
			language = m.Languages[0]
		}
		_, err = e.Recognize(ctx, spoken.Utterance{Samples: murmur(), Language: language})
		if failed != nil {
			return failed
		}
		return err
	case models.Voice:
		v := voices.Open(voices.Config{}, store)
		defer func() { err = errors.Join(err, v.Close()) }()
		return v.Try(ctx, &m)
	case models.Encoder:
		encoder, err := (&installedEncoders{store: store}).open(&m)
		if err != nil {
			return err
		}
		return encoder.Close()
	case models.VAD:
		library, err := store.Find(models.Library, "")
		if err != nil {
			return err
		}
		runtime, err := sherpa.Open(library.Folder)
		if err != nil {
			return err
		}
		if err := onnx.Load(runtime.ONNXRuntime()); err != nil {
			return err
		}
		vad, err := silero.Open(m.File("model"))
		if err != nil {
			return err
		}
		return vad.Close()
	}
	return nil // a library, which is loaded with every model
}

// murmur is a second of something that is not silence, at [spoken.Rate].
func murmur() []float32 {
	samples := make([]float32, spoken.Rate)
	state := uint32(1)
	for i := range samples {
		state = state*1664525 + 1013904223
		samples[i] = float32(int32(state)) / (1 << 31) * 0.1
	}
	return samples
}
