// Package speechtest finds what the speech tests need and the repository does not carry: installed models and
// recorded clips. A test that asks for what is not there is skipped, with one line that says how to get it.
package speechtest

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/spoken"
)

// ModelsVariable names the environment variable with the folder of installed models.
const ModelsVariable = "MYNAH_MODELS"

// Models is the folder of installed models: that of [ModelsVariable], else the one of a default installation.
func Models(t testing.TB) string {
	t.Helper()
	dir := os.Getenv(ModelsVariable)
	if dir == "" {
		data := os.Getenv("XDG_DATA_HOME")
		if data == "" {
			data = filepath.Join(os.Getenv("HOME"), ".local", "share")
		}
		dir = filepath.Join(data, "mynah", "models")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("needs installed speech models: run make run once, or set %s", ModelsVariable)
	}
	return dir
}

// Model is an installed model of that kind which knows the language; "" stands for any.
func Model(t testing.TB, kind speech.Kind, language string) *speech.Model {
	t.Helper()
	dir := Models(t)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		m, err := speech.ReadModel(filepath.Join(dir, e.Name()))
		if err == nil && m.Kind == kind && (language == "" || m.Covers(language)) {
			return m
		}
	}
	t.Skipf("needs an installed speech model of kind %s in %s", kind, dir)
	return nil
}

// Pack is an installed model of the speech pack. A machine that tests for others, where CI is set, must have it.
func Pack(t testing.TB, name string) *speech.Model {
	t.Helper()
	m, err := speech.ReadModel(filepath.Join(Models(t), name))
	if errors.Is(err, os.ErrNotExist) && os.Getenv("CI") == "" {
		t.Skipf("needs the model %s: run make run once", name)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// LibraryFolder is the folder of the installed sherpa-onnx library.
func LibraryFolder(t testing.TB) string {
	t.Helper()
	return filepath.Dir(Model(t, speech.KindLibrary, "").File("library"))
}

// Clip is one recording of the shared manifest.
type Clip struct {
	File     string  `json:"file"` // path relative to the folder of the manifest
	Text     string  `json:"text"` // what is said
	Language string  `json:"lang"`
	Seconds  float64 `json:"seconds"`
	Path     string  `json:"-"` // absolute path
}

// Subset is the first part of the clip's path: en, ru, noise, formats.
func (c Clip) Subset() string { return strings.Split(c.File, "/")[0] }

// Clips are the recordings of ../shared/data/speech beside the repository.
func Clips(t testing.TB) []Clip {
	t.Helper()
	dir := filepath.Join(moduleRoot(t), "..", "shared", "data", "speech")
	f, err := os.Open(filepath.Join(dir, "manifest.jsonl"))
	if err != nil {
		t.Skip("needs ../shared/data/speech beside the repository")
	}
	defer f.Close()
	var clips []Clip
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var c Clip
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		c.Path = filepath.Join(dir, filepath.FromSlash(c.File))
		clips = append(clips, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	if len(clips) == 0 {
		t.Fatal("the manifest of clips is empty")
	}
	return clips
}

func moduleRoot(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = parent
	}
}

// WAV reads a mono 16-bit PCM file at 16 kHz, as those of the manifest's folders en, ru and noise mostly are.
func WAV(t testing.TB, path string) []float32 {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	const header = 44
	if len(b) < header || string(b[36:40]) != "data" || binary.LittleEndian.Uint32(b[24:]) != spoken.Rate || b[22] != 1 || b[34] != 16 {
		t.Fatalf("%s is not mono 16-bit PCM at 16 kHz with a plain header", path)
	}
	samples := make([]float32, (len(b)-header)/2)
	for i := range samples {
		samples[i] = float32(int16(binary.LittleEndian.Uint16(b[header+2*i:]))) / (1 << 15)
	}
	return samples
}
