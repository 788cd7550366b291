package models

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tarred makes a tar file of headers, whose content is their name.
func tarred(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range headers {
		if h.Typeflag == 0 {
			h.Typeflag, h.Size = tar.TypeReg, int64(len(h.Name))
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			io.WriteString(w, h.Name)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(f, name)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// unpackBytes unpacks into a new folder, and fails the test where anything comes to lie outside of it.
func unpackBytes(t testing.TB, ctx context.Context, format string, b []byte, want func(string) string) (names []string, err error) {
	t.Helper()
	outside := t.TempDir()
	dir := filepath.Join(outside, "inside")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	unpackErr := unpack(ctx, f, format, root, want)
	if entries, _ := os.ReadDir(outside); len(entries) != 1 {
		t.Fatalf("%v came to lie outside of the folder", entries)
	}
	err = fs.WalkDir(root.FS(), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			if !d.Type().IsRegular() {
				t.Fatalf("%s is no regular file", name)
			}
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names, unpackErr
}

func same(name string) string { return name }

func TestUnpack(t *testing.T) {
	for name, test := range map[string]struct {
		format  string
		content []byte
		want    func(string) string
		names   string
		err     string
	}{
		"tar":       {"tar", tarred(t, tar.Header{Name: "m/", Typeflag: tar.TypeDir}, tar.Header{Name: "m/a"}, tar.Header{Name: "m/b/c"}), same, "m/a m/b/c", ""},
		"top":       {"tar", tarred(t, tar.Header{Name: "./m/a"}, tar.Header{Name: "m/b"}, tar.Header{Name: "readme"}), withoutTop, "a b", ""},
		"zip":       {"zip", zipped(t, "m/a", "m/b/"), same, "m/a", ""},
		"not asked": {"zip", zipped(t, "m/a", "m/b"), func(n string) string { return map[string]string{"m/b": "x"}[n] }, "x", ""},

		"out of it":               {"tar", tarred(t, tar.Header{Name: "../a"}), same, "", "leads out"},
		"out of it and not asked": {"tar", tarred(t, tar.Header{Name: "m/../../a"}), func(string) string { return "" }, "", "leads out"},
		"absolute":                {"tar", tarred(t, tar.Header{Name: "/a"}), same, "", "leads out"},
		"zip out of it":           {"zip", zipped(t, "../a"), same, "", "leads out"},
		"backslash":               {"zip", zipped(t, `..\a`), same, "", "leads out"},
		"symbolic link":           {"tar", tarred(t, tar.Header{Name: "a", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}), same, "", "neither a file"},
		"hard link":               {"tar", tarred(t, tar.Header{Name: "a", Typeflag: tar.TypeLink, Linkname: "../b"}), same, "", "neither a file"},
		"device":                  {"tar", tarred(t, tar.Header{Name: "a", Typeflag: tar.TypeChar}), same, "", "neither a file"},
		"the same name twice":     {"tar", tarred(t, tar.Header{Name: "a"}, tar.Header{Name: "a"}), same, "a", "exist"},
		"cut off":                 {"tar", tarred(t, tar.Header{Name: strings.Repeat("a", 90)})[:600-50], same, strings.Repeat("a", 90), "EOF"},
		"no gzip":                 {"tar.gz", []byte("<html><body></body></html>"), same, "", "gzip"},
		"no bzip2":                {"tar.bz2", []byte("<html>"), same, "", "bzip2"},
		"no zip":                  {"zip", []byte("<html>"), same, "", "zip"},
		"no format":               {"rar", nil, same, "", "no archive format"},
	} {
		names, err := unpackBytes(t, t.Context(), test.format, test.content, test.want)
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: error %v, want one with %q", name, err, test.err)
		}
		if got := strings.Join(names, " "); got != test.names {
			t.Errorf("%s: files %q, want %q", name, got, test.names)
		}
	}
}

func TestUnpackLimits(t *testing.T) {
	var many []string
	for i := range maxEntries + 1 {
		many = append(many, fmt.Sprint(i))
	}
	if _, err := unpackBytes(t, t.Context(), "zip", zipped(t, many...), func(string) string { return "" }); err == nil || !strings.Contains(err.Error(), "entries") {
		t.Errorf("too many entries: %v", err)
	}
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	u := unpacker{root: root, want: same, limit: 10}
	bomb := tarred(t, tar.Header{Name: "eight123"}, tar.Header{Name: "eight456"})
	if err := u.tar(t.Context(), bytes.NewReader(bomb)); err == nil || !strings.Contains(err.Error(), "over 10 bytes") {
		t.Errorf("too many bytes: %v", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := unpackBytes(t, ended, "zip", zipped(t, "a"), same); !errors.Is(err, context.Canceled) {
		t.Errorf("after its end: %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	f.Add(0, tarred(f, tar.Header{Name: "m/a"}, tar.Header{Name: "../x"}, tar.Header{Name: "l", Typeflag: tar.TypeSymlink, Linkname: ".."}))
	f.Add(1, zipped(f, "m/a", "../x"))
	f.Add(1, zipped(f, "a", "a/b", "/c"))
	for _, name := range []string{"whisper.tar.bz2", "piper.tar.bz2"} {
		b, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(2, b)
	}
	formats := []string{"tar", "zip", "tar.bz2", "tar.gz"}
	f.Fuzz(func(t *testing.T, format int, b []byte) {
		if format < 0 || format >= len(formats) || len(b) > 1<<16 {
			return
		}
		unpackBytes(t, t.Context(), formats[format], b, same)
	})
}
