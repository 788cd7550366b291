package speech

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReadModel(t *testing.T) {
	for name, tc := range map[string]struct{ description, want string }{
		"complete":          {`{"name":"m","kind":"vad","languages":["en"],"files":{"model":"a.onnx"}}`, ""},
		"file missing":      {`{"name":"m","kind":"vad","files":{"model":"b.onnx"}}`, "its model is missing"},
		"file outside":      {`{"name":"m","kind":"vad","files":{"model":"../a.onnx"}}`, "its model is missing"},
		"not JSON":          {`kind: vad`, "invalid character"},
		"no description":    {"", "no such file"},
		"endless":           {`{"name":"` + strings.Repeat("a", maxModelFile) + `"}`, "over 65536 bytes"},
		"languages no list": {`{"languages":"en"}`, "cannot unmarshal"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "a.onnx"), "x")
			if tc.description != "" {
				write(t, filepath.Join(dir, ModelFile), tc.description)
			}
			m, err := ReadModel(dir)
			if tc.want != "" {
				if err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Fatalf("got %v, want an error with %q", err, tc.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if m.File("model") != filepath.Join(dir, "a.onnx") || m.File("tokens") != "" || !m.Covers("en") || m.Covers("ru") {
				t.Errorf("read %+v", m)
			}
		})
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
