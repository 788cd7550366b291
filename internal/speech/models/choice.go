package models

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// choiceFile, in the folder of the models, keeps which of them were chosen.
const choiceFile = "use.json"

// allLanguages stands for models that know no language.
const allLanguages = "*"

// choices are the chosen models' names by task and language.
type choices map[Task]map[string]string

// Use chooses an installed model for its task, in the given languages or, where none are given, in all of its own.
func (s *Store) Use(ctx context.Context, name string, languages ...string) error {
	m, err := s.Installed(name)
	if err != nil {
		return err
	}
	for _, l := range languages {
		if !m.Covers(l) {
			return fmt.Errorf("model %s does not know the language %q", name, l)
		}
	}
	if TaskOf(m.Kind) == Encoder {
		// What a server is taught may be in several languages, and its model has one encoder.
		if len(languages) > 0 {
			return fmt.Errorf("model %s is a sentence encoder, of which one is used for all languages", name)
		}
		languages = []string{allLanguages}
	}
	if len(languages) == 0 {
		languages = m.Languages
	}
	if len(languages) == 0 {
		languages = []string{allLanguages}
	}
	if err := os.MkdirAll(s.Dir(), 0o755); err != nil {
		return fmt.Errorf("use model %s: %w", name, err)
	}
	unlock, err := lock(ctx, s.Dir())
	if err != nil {
		return err
	}
	defer unlock()
	c, err := readChoices(s.Dir())
	if err != nil {
		return err
	}
	task := TaskOf(m.Kind)
	if c[task] == nil {
		c[task] = map[string]string{}
	}
	for _, l := range languages {
		c[task][l] = name
	}
	return c.write(s.Dir())
}

// choices reads the choices of all folders, of which earlier ones win.
func (s *Store) choices() (choices, error) {
	all := choices{}
	for _, dir := range slices.Backward(s.dirs) {
		c, err := readChoices(dir)
		if err != nil {
			return nil, err
		}
		for task, byLanguage := range c {
			if all[task] == nil {
				all[task] = map[string]string{}
			}
			for l, name := range byLanguage {
				all[task][l] = name
			}
		}
	}
	return all, nil
}

func readChoices(dir string) (choices, error) {
	c := choices{}
	b, err := os.ReadFile(filepath.Join(dir, choiceFile))
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("models: %w", err)
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("models: %s: %w", filepath.Join(dir, choiceFile), err)
	}
	return c, nil
}

func (c choices) write(dir string) error {
	if err := writeJSON(filepath.Join(dir, choiceFile), c); err != nil {
		return fmt.Errorf("models: %w", err)
	}
	return nil
}

func (c choices) name(task Task, language string) string {
	if name := c[task][language]; name != "" {
		return name
	}
	return c[task][allLanguages]
}

// languages lists what a model was chosen for.
func (c choices) languages(name string) []string {
	var all []string
	for _, byLanguage := range c {
		for l, n := range byLanguage {
			if n == name {
				all = append(all, l)
			}
		}
	}
	slices.Sort(all)
	return all
}

// forget drops a model from the choices, and reports whether it was among them.
func (c choices) forget(name string) bool {
	found := false
	for _, byLanguage := range c {
		for l, n := range byLanguage {
			if n == name {
				delete(byLanguage, l)
				found = true
			}
		}
	}
	return found
}
