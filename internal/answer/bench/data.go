package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// set is one FAQ with what is asked of it.
type set struct {
	name                       string
	faq, questions, near, chat []row
	follow                     []followRow
	corrections                []correction
}

type row struct{ Text, Reply string }

type followRow struct{ First, Second, Reply string }

// correction says what is right to a question that an entry answered wrong: the same question ("same"), or
// another ("diff"); probes are what is asked afterwards, with what is right then.
type correction struct {
	Kind, Question, Entry, Corrected string
	Probes                           []struct{ Text, Reply, Why string }
}

// readSets reads a folder with a folder for each FAQ.
func readSets(folder string) ([]*set, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*", "faq.jsonl"))
	if err != nil {
		return nil, err
	}
	var all []*set
	for _, name := range names {
		d := filepath.Dir(name)
		s := &set{name: filepath.Base(d)}
		err := errors.Join(
			read(d, "faq", &s.faq), read(d, "questions", &s.questions), read(d, "near", &s.near), read(d, "chat", &s.chat),
			read(d, "follow", &s.follow), read(d, "corrections", &s.corrections),
		)
		if err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// read reads a file of JSON lines; without it there are none.
func read[T any](folder, part string, rows *[]T) error {
	f, err := os.Open(filepath.Join(folder, part+".jsonl"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	for n := 1; sc.Scan(); n++ {
		var r T
		if err := json.Unmarshal(sc.Bytes(), &r); err != nil {
			return fmt.Errorf("%s, line %d: %w", f.Name(), n, err)
		}
		*rows = append(*rows, r)
	}
	return sc.Err()
}
