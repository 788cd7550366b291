package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/spoken"
)

// damagedModels is a folder of models with copies of the recognizer and the library of this machine, of which the first has networks
// that are cut in the middle. It looks whole: only loading shows what is wrong.
func damagedModels(t *testing.T) (dir string, damaged *speech.Model) {
	t.Helper()
	library, recognizer, vad := speechtest.Pack(t, "sherpa-onnx"), speechtest.Pack(t, "moonshine-tiny-en"), speechtest.Pack(t, "silero-vad-v6")
	dir = t.TempDir()
	for _, m := range []*speech.Model{library, recognizer, vad} {
		if err := os.Symlink(m.Folder, filepath.Join(dir, m.Name)); err != nil {
			t.Fatal(err)
		}
	}
	folder := filepath.Join(t.TempDir(), "broken")
	if err := os.CopyFS(folder, os.DirFS(recognizer.Folder)); err != nil {
		t.Fatal(err)
	}
	err := fs.WalkDir(os.DirFS(folder), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ext := filepath.Ext(name); ext != ".onnx" && ext != ".ort" {
			return nil
		}
		path := filepath.Join(folder, name)
		info, err := d.Info()
		if err != nil {
			return err
		}
		return os.Truncate(path, info.Size()/2)
	})
	if err != nil {
		t.Fatal(err)
	}
	described := *recognizer
	described.Folder = folder
	return dir, &described
}

// A damaged model is not taken, and one that is damaged later is put aside with a sentence: another recognizes, and no process ends.
func TestDamagedModelsDontEndTheProcess(t *testing.T) {
	dir, damaged := damagedModels(t)
	data := t.TempDir()
	var out, said bytes.Buffer
	code := Main(t.Context(), []string{
		"models", "--data", data, "--speech.models=" + dir, "add", damaged.Folder, "--name=mine", "--language=en",
	}, strings.NewReader(""), &out, &said)
	if code != exitFailure || !strings.Contains(said.String(), "mine") || !(strings.Contains(said.String(), "doesn't load") || strings.Contains(said.String(), "ended the process")) {
		t.Errorf("added with code %d: %s", code, said.String())
	}
	if _, err := os.Stat(filepath.Join(dir, "mine")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the damaged model is there: %v", err)
	}

	cfg := &config.Config{Speech: config.Speech{Models: dir, Recognizer: "local"}, Limits: config.Limits{AttachmentBytes: 1e6, AudioMinutes: 1}}
	store, err := openModels(cfg, config.Folder{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	tries, err := newTrial(cfg, config.Folder{Data: data}, store)
	if err != nil {
		t.Fatal(err)
	}
	var sentences []string
	set, err := openEngines(cfg, store, nil, tries, func(s string) { sentences = append(sentences, s) })
	if err != nil {
		t.Fatal(err)
	}
	whole, err := set.Engine("").Recognize(t.Context(), spoken.Utterance{Samples: murmur(), Language: "en"})
	if err != nil {
		t.Fatalf("the whole model: %v, %+v", err, whole)
	}
	if err := set.Close(); err != nil {
		t.Fatal(err)
	}
	if err := tries.Try(t.Context(), damaged); err == nil {
		t.Error("the damaged model is said to load")
	}
	tries.models = t.TempDir() // nothing can be loaded from there: what is known isn't tried again
	found, err := store.Find(models.Recognizer, "en")
	if err != nil {
		t.Fatal(err)
	}
	if err := tries.Try(t.Context(), found); err != nil {
		t.Errorf("what loaded before is tried again: %v", err)
	}
}
