package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/speech"
)

// ErrNotInstalled is wrapped by errors about models that are not there.
var ErrNotInstalled = errors.New("is not installed")

// ErrUnknown is wrapped by errors about names that the catalogue does not have.
var ErrUnknown = errors.New("is not in the catalogue; mynah models list shows what is")

// Store is what is installed in a list of folders. It is safe for use by several goroutines and several processes:
// whoever changes a folder holds a lock on it.
type Store struct {
	catalogue *Catalogue
	dirs      []string

	client  *http.Client
	stalled time.Duration   // a download without a byte for so long is begun again
	pauses  []time.Duration // before each further attempt at a download
}

// Dirs is where models are looked for: the folders of override, a list as in PATH, when it is set; otherwise the
// folder models of the data folder and then that of the person's XDG data folder. The first is the one written.
func Dirs(override, data string) []string {
	var dirs []string
	if override != "" {
		dirs = filepath.SplitList(override)
	} else {
		if data != "" {
			dirs = append(dirs, filepath.Join(data, "models"))
		}
		xdg := os.Getenv("XDG_DATA_HOME")
		if !filepath.IsAbs(xdg) { // the specification: relative paths are to be ignored
			xdg = ""
		}
		if home, err := os.UserHomeDir(); err == nil && xdg == "" {
			xdg = filepath.Join(home, ".local", "share")
		}
		if xdg != "" {
			dirs = append(dirs, filepath.Join(xdg, "mynah", "models"))
		}
	}
	var unique []string
	for _, d := range dirs {
		if d = filepath.Clean(d); !slices.Contains(unique, d) {
			unique = append(unique, d)
		}
	}
	return unique
}

// Open makes a store over the folders, of which none has to exist yet.
func Open(c *Catalogue, dirs ...string) (*Store, error) {
	if len(dirs) == 0 {
		return nil, errors.New("models: no folder to keep them in")
	}
	return &Store{
		catalogue: c, dirs: slices.Clone(dirs), client: newClient(), stalled: 30 * time.Second,
		pauses: []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second},
	}, nil
}

// Catalogue is the one that the store was opened with.
func (s *Store) Catalogue() *Catalogue { return s.catalogue }

// Dir is the folder that new models are installed in.
func (s *Store) Dir() string { return s.dirs[0] }

// Item is one line of [Store.List].
type Item struct {
	Name      string
	Kind      speech.Kind
	Languages []string
	Licence   string        // "" for models that are not in the catalogue
	Size      int64         // bytes to download; 0 where it is not known
	Model     *speech.Model // nil where it is not installed, or damaged
	Problem   error         // why an installed model can't be used
	Chosen    []string      // the languages that it was chosen for; "*" for all
}

// List gives the models of the catalogue in its order, and after them the others that are installed.
func (s *Store) List() ([]Item, error) {
	chosen, err := s.choices()
	if err != nil {
		return nil, err
	}
	var items []Item
	for _, e := range s.catalogue.Models {
		items = append(items, Item{Name: e.Name, Kind: e.Kind, Languages: e.Languages, Licence: e.Licence, Size: e.Size})
	}
	names, err := s.folders()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		m, problem := s.Installed(name)
		i := slices.IndexFunc(items, func(i Item) bool { return i.Name == name })
		if i < 0 {
			i = len(items)
			items = append(items, Item{Name: name})
		}
		items[i].Model, items[i].Problem = m, problem
		if m != nil {
			items[i].Kind, items[i].Languages = m.Kind, m.Languages
		}
	}
	for i := range items {
		items[i].Chosen = chosen.languages(items[i].Name)
	}
	return items, nil
}

// folders lists the names of the installed models, without looking into them.
func (s *Store) folders() ([]string, error) {
	var names []string
	for _, dir := range s.dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("models: %w", err)
		}
		for _, e := range entries {
			if validName(e.Name()) && !slices.Contains(names, e.Name()) && isModel(filepath.Join(dir, e.Name())) {
				names = append(names, e.Name())
			}
		}
	}
	return names, nil
}

// isModel reports whether a folder holds a model.
func isModel(folder string) bool {
	info, err := os.Stat(filepath.Join(folder, speech.ModelFile))
	return err == nil && info.Mode().IsRegular()
}

// Installed is the installed model of that name. It compares the files' sizes and times with those at installation,
// and hashes a file only where they differ. The error wraps [ErrNotInstalled] or says what is damaged.
func (s *Store) Installed(name string) (*speech.Model, error) {
	folder, err := s.folder(name)
	if err != nil {
		return nil, err
	}
	m, err := speech.ReadModel(folder)
	if err != nil {
		return nil, fmt.Errorf("%w: pull it again", err)
	}
	if err := checkReceipt(folder); err != nil {
		return nil, fmt.Errorf("model %s is damaged: %w: pull it again", name, err)
	}
	m.Name = name
	return m, nil
}

// Verify hashes every file of an installed model and compares with what was installed.
func (s *Store) Verify(name string) error {
	folder, err := s.folder(name)
	if err != nil {
		return err
	}
	if _, err := speech.ReadModel(folder); err != nil {
		return err
	}
	if err := verifyReceipt(folder); err != nil {
		return fmt.Errorf("model %s is damaged: %w: pull it again", name, err)
	}
	return nil
}

// folder is where the model of that name is installed.
func (s *Store) folder(name string) (string, error) {
	if !validName(name) {
		return "", fmt.Errorf("%q is no name for a model", name)
	}
	for _, dir := range s.dirs {
		if folder := filepath.Join(dir, name); isModel(folder) {
			return folder, nil
		}
	}
	return "", fmt.Errorf("model %s %w", name, ErrNotInstalled)
}

// Find gives the installed model for a task and a language (for the VAD and the library: ""): the chosen one, else the
// first of the catalogue that covers the language, else any other. The error wraps [ErrNotInstalled] where there is
// none, and says what to install where the catalogue has something.
func (s *Store) Find(task Task, language string) (*speech.Model, error) {
	chosen, err := s.choices()
	if err != nil {
		return nil, err
	}
	if name := chosen.name(task, language); name != "" {
		m, err := s.Installed(name)
		if err == nil || !errors.Is(err, ErrNotInstalled) {
			return m, err
		}
	}
	all, err := s.Usable(task)
	if err != nil {
		return nil, err
	}
	for _, m := range all {
		if language == "" || m.Covers(language) {
			return m, nil
		}
	}
	missing := string(task)
	if language != "" {
		missing += " for " + language
	}
	name := s.catalogue.Suggest(task, language)
	if _, ok := s.catalogue.Recommend(language); ok && task == Recognizer {
		name = language // the best that can be had
	}
	if name != "" && language != "" {
		return nil, fmt.Errorf("a %s %w: run mynah models pull %s", missing, ErrNotInstalled, name)
	}
	return nil, fmt.Errorf("a %s %w", missing, ErrNotInstalled)
}

// Usable lists the installed, undamaged models for a task, in the catalogue's order and then alphabetically. Of sentence
// encoders the speech pack's comes last: whoever installed another one wants that.
func (s *Store) Usable(task Task) ([]*speech.Model, error) {
	names, err := s.folders()
	if err != nil {
		return nil, err
	}
	rank := map[string]int{}
	for i, e := range s.catalogue.Models {
		rank[e.Name] = i - len(s.catalogue.Models)
	}
	if p, ok := s.catalogue.Pack(SpeechPack); ok && task == Encoder {
		for _, name := range slices.Concat(p.Models, p.Optional) {
			rank[name] = 1
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		if d := rank[a] - rank[b]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	var all []*speech.Model
	for _, name := range names {
		if m, err := s.Installed(name); err == nil && TaskOf(m.Kind) == task {
			all = append(all, m)
		}
	}
	return all, nil
}

// Damaged says why installed models for a task can't be used, by their names.
func (s *Store) Damaged(task Task) (map[string]error, error) {
	names, err := s.folders()
	if err != nil {
		return nil, err
	}
	damaged := map[string]error{}
	for _, name := range names {
		_, problem := s.Installed(name)
		if problem == nil {
			continue
		}
		e, known := s.catalogue.Entry(name)
		kind := e.Kind
		if !known {
			folder, err := s.folder(name)
			if err != nil {
				continue // it went meanwhile
			}
			m, err := speech.ReadModel(folder)
			if err != nil {
				continue // what it was can't be told any more
			}
			kind = m.Kind
		}
		if TaskOf(kind) == task {
			damaged[name] = problem
		}
	}
	return damaged, nil
}

// Remove deletes an installed model.
func (s *Store) Remove(ctx context.Context, name string) error {
	folder, err := s.folder(name)
	if err != nil {
		return err
	}
	dir := filepath.Dir(folder)
	unlock, err := lock(ctx, dir)
	if err != nil {
		return err
	}
	defer unlock()
	// The folder's name goes at once; what is left of it after a crash is swept by the next change.
	gone, err := os.MkdirTemp(dir, scratch)
	if err != nil {
		return fmt.Errorf("remove model %s: %w", name, err)
	}
	if err := os.Rename(folder, filepath.Join(gone, name)); err != nil {
		return fmt.Errorf("remove model %s: %w", name, err)
	}
	if err := os.RemoveAll(gone); err != nil {
		return fmt.Errorf("remove model %s: %w", name, err)
	}
	c, err := readChoices(dir)
	if err != nil {
		return err
	}
	if c.forget(name) {
		return c.write(dir)
	}
	return nil
}

// writeJSON replaces a file atomically.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), scratch)
	if err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	if e := f.Chmod(0o644); err == nil {
		err = e
	}
	if e := f.Sync(); err == nil {
		err = e
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}
