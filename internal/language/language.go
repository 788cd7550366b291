// Package language holds what Mynah says and understands, one folder a language:
//
//   - texts.yaml: what the bot writes, how its commands are called and described;
//   - phrases.yaml: what is said to Mynah in voice channels, and what it says back;
//   - words.yaml: what else depends on a language: yes and no, and how text is cut for being spoken;
//   - instruction.md: what the command `instruction` shows.
//
// A further language is one more folder with these files. Nothing else lists the languages: [All] finds
// the folders, and a folder in which a file is missing is an error. A language's name is its BCP 47
// primary tag ("en"). This package only finds and reads the files; those who use one know what is in it.
package language

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

//go:embed */*.yaml */*.md
var files embed.FS

// Fallback is spoken where the wanted language is none of the set.
const Fallback = "en"

// Set is the languages of some folders. It doesn't change.
type Set struct {
	files fs.FS
	tags  []string // sorted
}

// All are the languages that are built in.
func All() (*Set, error) { return Open(files) }

// Open finds the languages in folders. Each has the files that the folder of [Fallback] has.
func Open(files fs.FS) (*Set, error) {
	folders, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil, err
	}
	wanted, err := fs.ReadDir(files, Fallback)
	if err != nil {
		return nil, fmt.Errorf("language: the one that all others are compared with: %w", err)
	}
	s := &Set{files: files}
	var missing []error
	for _, folder := range folders {
		if !folder.IsDir() {
			continue
		}
		s.tags = append(s.tags, folder.Name())
		for _, file := range wanted {
			if _, err := fs.Stat(files, path.Join(folder.Name(), file.Name())); err != nil {
				missing = append(missing, fmt.Errorf("language %s: %w", folder.Name(), err))
			}
		}
	}
	return s, errors.Join(missing...)
}

// Tags are the languages, in the order of the alphabet. The caller may keep them.
func (s *Set) Tags() []string { return slices.Clone(s.tags) }

// Has reports whether a tag is one of the set's languages.
func (s *Set) Has(tag string) bool { return slices.Contains(s.tags, tag) }

// Match returns the language of the first locale ("ru", "en-US") that is of the set, else [Fallback].
func (s *Set) Match(locales ...string) string {
	for _, locale := range locales {
		tag, _, _ := strings.Cut(strings.ToLower(strings.ReplaceAll(locale, "_", "-")), "-")
		if s.Has(tag) {
			return tag
		}
	}
	return Fallback
}

// Files are the names of a language's files.
func (s *Set) Files(tag string) ([]string, error) {
	entries, err := fs.ReadDir(s.files, tag)
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names, err
}

// Read returns a file of a language.
func (s *Set) Read(tag, file string) ([]byte, error) {
	return fs.ReadFile(s.files, path.Join(tag, file))
}

// Decode reads a YAML file of a language into a value. A field that the value doesn't have is an error.
func (s *Set) Decode(tag, file string, into any) error {
	f, err := s.files.Open(path.Join(tag, file))
	if err != nil {
		return err
	}
	decoder := yaml.NewDecoder(f)
	decoder.KnownFields(true)
	if err := errors.Join(decoder.Decode(into), f.Close()); err != nil {
		return fmt.Errorf("language %s, %s: %w", tag, file, err)
	}
	return nil
}
