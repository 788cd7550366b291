package localdiscord

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestUploadsOfEarlierRunsGo starts on a folder that a killed server left, with other things in it.
func TestUploadsOfEarlierRunsGo(t *testing.T) {
	data := t.TempDir()
	keep := []string{"attachment-", "attachment-12x", "attachment-12.txt", "attachment-0", "my-attachment-12", "voice-ca.pem"}
	for _, name := range append([]string{"attachment-12", "attachment-1432010101010101010"}, keep...) {
		if err := os.WriteFile(filepath.Join(data, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(data, "attachment-13"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("voice-ca.pem", filepath.Join(data, "attachment-14")); err != nil {
		t.Fatal(err)
	}
	keep = append(keep, "attachment-13", "attachment-14")
	slices.Sort(keep)

	first, err := openFileStore(data)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(data)
	if err != nil {
		t.Fatal(err)
	}
	var left []string
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if !slices.Equal(left, keep) {
		t.Errorf("left are %q, want %q", left, keep)
	}

	// A second server beside it leaves the first one's alone; one after it doesn't.
	if _, err := first.save(99, "a.txt", "", 10, strings.NewReader("hello")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		before func() error
		there  bool
	}{{func() error { return nil }, true}, {first.close, false}} {
		if err := c.before(); err != nil {
			t.Fatal(err)
		}
		next, err := openFileStore(data)
		if err != nil {
			t.Fatal(err)
		}
		_, err = os.Stat(filepath.Join(data, first.path(99)))
		if (err == nil) != c.there {
			t.Errorf("there: %v, want %v", err == nil, c.there)
		}
		if err := next.close(); err != nil {
			t.Fatal(err)
		}
	}
}
