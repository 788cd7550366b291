package sherpa

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

func TestOpen(t *testing.T) {
	dir := speechtest.LibraryFolder(t)
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if first.handle != second.handle {
		t.Errorf("opened twice: handles %#x and %#x, want one library", first.handle, second.handle)
	}
	if _, err := os.Stat(first.ONNXRuntime()); err != nil {
		t.Error(err)
	}
	var missing func()
	if err := first.bind(&missing, "SherpaOnnxNoSuchFunction"); err == nil || !strings.Contains(err.Error(), "NoSuchFunction") {
		t.Errorf("binding a missing function: %v, want an error with its name", err)
	}
}

func TestOpenRefuses(t *testing.T) {
	broken := t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, LibraryFile), []byte("not a library"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct{ dir, want string }{
		"no library":    {t.TempDir(), "not installed"},
		"not a library": {broken, "load sherpa-onnx"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Open(tc.dir); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

func TestCString(t *testing.T) {
	if cstring("") != nil {
		t.Error("an empty string must be nil")
	}
}
