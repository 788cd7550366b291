package answer

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/mynahbot/mynah/internal/answer/evidence"
)

// lengths is an encoder whose vectors say how long a text is.
type lengths struct{ texts int }

func (*lengths) Name() string { return "lengths" }

func (e *lengths) Encode(_ context.Context, texts []string) ([][]float32, error) {
	e.texts += len(texts)
	var out [][]float32
	for _, t := range texts {
		out = append(out, []float32{1, float32(len(t))})
	}
	return out, nil
}

// The vectors of the background are computed once for all runs. What is kept of them is believed only if it is whole and of the
// same texts, and what a killed write left is removed.
func TestVectorsOfTheBackgroundAreKept(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "vectors")
	encoder := &lengths{}
	ready := func(texts ...string) (encoded int) {
		t.Helper()
		m := &Matcher{encoder: encoder, folder: folder, log: slog.New(slog.DiscardHandler)}
		for i, text := range texts {
			m.lines = append(m.lines, evidence.Line{Text: text, General: i%2 == 1})
		}
		encoder.texts = 0
		if err := m.Warm(t.Context()); err != nil {
			t.Fatal(err)
		}
		return encoder.texts
	}
	if n := ready("hello", "what is love", "gg"); n != 3 {
		t.Errorf("at first %d texts were encoded", n)
	}
	if n := ready("hello", "what is love", "gg"); n != 0 {
		t.Errorf("a second time %d texts were encoded", n)
	}
	left := filepath.Join(folder, unfinished+strconv.Itoa(1))
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := ready("hello", "what is love"); n != 2 {
		t.Errorf("of other texts %d were encoded", n)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed write left is there")
	}
	kept := filepath.Join(folder, "background-lengths.vectors")
	whole, err := os.ReadFile(kept)
	if err != nil {
		t.Fatal(err)
	}
	for name, damaged := range map[string][]byte{"cut": whole[:len(whole)-1], "changed": append(whole[:len(whole)-40:len(whole)-40], make([]byte, 40)...), "empty": {}} {
		if err := os.WriteFile(kept, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if n := ready("hello", "what is love"); n != 2 {
			t.Errorf("%s: %d texts were encoded", name, n)
		}
	}
}
