package partial_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/partial"
)

func TestSweep(t *testing.T) {
	dir := t.TempDir()
	passage := func(name string) bool { return strings.HasPrefix(name, ".partial-") }
	for _, name := range []string{"kept", ".partial-top", "a/b/.partial-deep", "a/held/.partial-held"} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("kept", filepath.Join(dir, ".partial-link")); err != nil {
		t.Fatal(err)
	}
	held, err := os.Open(filepath.Join(dir, "a/held/.partial-held"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := partial.Hold(held); err != nil {
		t.Fatal(err)
	}
	if n, err := partial.Sweep(dir, passage); n != 2 || err != nil {
		t.Errorf("%d removed, %v", n, err)
	}
	for name, there := range map[string]bool{"kept": true, ".partial-top": false, "a/b/.partial-deep": false, "a/held/.partial-held": true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n, err := partial.Sweep(filepath.Join(dir, "none"), passage); n != 0 || err != nil {
		t.Errorf("%d removed of a folder that isn't there, %v", n, err)
	}
}

func TestSweepFolders(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"kept/x", "tmp-1/x/y", "tmp-2/x"} {
		if err := os.MkdirAll(filepath.Join(dir, name), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	held, err := os.Open(filepath.Join(dir, "tmp-2"))
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if err := partial.Hold(held); err != nil {
		t.Fatal(err)
	}
	if err := partial.SweepFolders(dir, func(name string) bool { return strings.HasPrefix(name, "tmp-") }); err != nil {
		t.Fatal(err)
	}
	for name, there := range map[string]bool{"kept": true, "tmp-1": false, "tmp-2": true} {
		if _, err := os.Lstat(filepath.Join(dir, name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
}
