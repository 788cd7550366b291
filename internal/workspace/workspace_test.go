package workspace_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/workspace"
)

const serverA record.ServerID = 100

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123456000, time.UTC)

func open(t *testing.T) (w *workspace.Workspace, dir string) {
	t.Helper()
	data := t.TempDir()
	check(t, os.WriteFile(filepath.Join(data, "secret"), []byte("secret"), 0o600))
	s := workspace.Open(data)
	t.Cleanup(func() { check(t, s.Close()) })
	return must[*workspace.Workspace](t)(s.Workspace(serverA)), filepath.Join(data, "servers", serverA.String())
}

func TestWorkspaceFiles(t *testing.T) {
	w, _ := open(t)
	if n := must[int64](t)(w.Create("datasets/deep/er/a.csv", strings.NewReader("one"))); n != 3 {
		t.Errorf("%d bytes", n)
	}
	broken := io.MultiReader(strings.NewReader("two"), iotest.ErrReader(errors.New("the line broke")))
	if _, err := w.Create("datasets/deep/er/a.csv", broken); err == nil {
		t.Error("kept half a file")
	}
	f := must[fs.File](t)(w.Open("./datasets//deep/er/a.csv"))
	defer f.Close()
	same(t, string(must[[]byte](t)(io.ReadAll(f))), "one")
	names := func(dir string) (names []string) {
		t.Helper()
		for _, e := range must[[]fs.DirEntry](t)(w.List(dir)) {
			names = append(names, e.Name())
		}
		return names
	}
	same(t, names("."), []string{"archives", "datasets", "files", "models"})
	same(t, names("datasets/deep/er"), []string{"a.csv"}) // and no half-written file
	if info := must[fs.FileInfo](t)(w.Stat("datasets/deep/er/a.csv")); info.Size() != 3 {
		t.Errorf("size %d", info.Size())
	}
	must[int64](t)(w.Create("files/new.csv", strings.NewReader("two")))
	check(t, w.Rename("files/new.csv", "datasets/deep/er/a.csv"))
	check(t, w.Rename("datasets/deep/er/a.csv", "datasets/other/b.csv"))
	check(t, w.Rename("datasets/other/b.csv", "datasets/deep/er/a.csv"))
	moved := must[fs.File](t)(w.Open("datasets/deep/er/a.csv"))
	defer moved.Close()
	same(t, string(must[[]byte](t)(io.ReadAll(moved))), "two")
	for _, to := range []string{"../out.csv", "/etc/out.csv"} {
		if err := w.Rename("datasets/deep/er/a.csv", to); !errors.Is(err, workspace.ErrOutside) {
			t.Errorf("renamed to %s: %v", to, err)
		}
	}
	check(t, w.Remove("datasets/deep/er/a.csv"))
	if _, err := w.Open("datasets/deep/er/a.csv"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("removed: %v", err)
	}
}

// A process that is killed in the middle of a write leaves a part of the file; the next one removes it, but not what is being written.
func TestSweepRemovesWhatKilledWritesLeft(t *testing.T) {
	data := t.TempDir()
	s := workspace.Open(data)
	t.Cleanup(func() { check(t, s.Close()) })
	w := must[*workspace.Workspace](t)(s.Workspace(serverA))
	dir := filepath.Join(data, "servers", serverA.String(), "files")
	check(t, os.WriteFile(filepath.Join(dir, ".partial-1-a.csv"), []byte("half"), 0o600))
	r, feed := io.Pipe()
	written := make(chan error, 1)
	go func() {
		_, err := w.Create("files/b.csv", r)
		written <- err
	}()
	must[int](t)(feed.Write([]byte("one ")))
	check(t, s.Sweep())
	entries := must[[]os.DirEntry](t)(os.ReadDir(dir))
	if len(entries) != 1 || strings.HasSuffix(entries[0].Name(), "a.csv") {
		t.Errorf("left are %v", entries)
	}
	must[int](t)(feed.Write([]byte("two")))
	check(t, feed.Close())
	check(t, <-written)
	same(t, string(must[[]byte](t)(os.ReadFile(filepath.Join(dir, "b.csv")))), "one two")
}

func TestWorkspaceCannotBeLeft(t *testing.T) {
	w, dir := open(t)
	for name, target := range map[string]string{
		"files/out": "../../../secret", "files/abs": "/etc/passwd", "files/up": "../../..", "files/in": "../datasets",
	} {
		check(t, os.Symlink(target, filepath.Join(dir, name)))
	}
	check(t, syscall.Mkfifo(filepath.Join(dir, "files/pipe"), 0o600))
	for name, want := range map[string]error{
		"../../secret":               workspace.ErrOutside,
		"../../etc/passwd":           workspace.ErrOutside,
		"files/../../../secret":      workspace.ErrOutside,
		"/etc/passwd":                workspace.ErrOutside,
		"":                           workspace.ErrOutside,
		"a\x00b":                     workspace.ErrOutside,
		"files/out":                  workspace.ErrOutside,
		"files/abs":                  workspace.ErrOutside,
		"files/up/secret":            workspace.ErrOutside,
		"files":                      workspace.ErrNotRegular,
		"files/pipe":                 workspace.ErrNotRegular,
		"files/missing":              fs.ErrNotExist,
		strings.Repeat("long", 2000): syscall.ENAMETOOLONG,
	} {
		f, err := w.Open(name)
		if !errors.Is(err, want) {
			t.Errorf("Open(%.40q): %v, %v; want %v", name, f, err, want)
			continue
		}
		if strings.Contains(err.Error(), dir) {
			t.Errorf("Open(%.40q) tells where the workspace is: %v", name, err)
		}
		if want == workspace.ErrOutside {
			if !errors.Is(err, fs.ErrInvalid) {
				t.Errorf("Open(%.40q) is not invalid", name)
			}
			if _, err := w.Create(name, strings.NewReader("x")); err == nil && name != "files/out" && name != "files/abs" {
				t.Errorf("Create(%.40q) wrote", name)
			}
			if _, err := w.List(name); err == nil {
				t.Errorf("List(%.40q) listed", name)
			}
		}
	}
	secret := must[[]byte](t)(os.ReadFile(filepath.Join(dir, "../../secret")))
	same(t, string(secret), "secret") // Create replaced the link, not what it led to
}

func TestWriteZip(t *testing.T) {
	w, dir := open(t)
	for name, text := range map[string]string{"datasets/a/1.txt": "one", "datasets/a/b/2.txt": "two", "files/3.txt": "three"} {
		must[int64](t)(w.Create(name, strings.NewReader(text)))
	}
	check(t, os.Symlink("../../../secret", filepath.Join(dir, "datasets/a/link")))
	unpack := func(folder string, wantPath string, want map[string]string) {
		t.Helper()
		a := must[workspace.Archive](t)(w.WriteZip(t.Context(), folder, noon))
		same(t, a.Path, wantPath)
		f := must[fs.File](t)(w.Open(a.Path))
		defer f.Close()
		packed := must[[]byte](t)(io.ReadAll(f))
		if a.Size != int64(len(packed)) || a.Files != len(want) {
			t.Errorf("%+v", a)
		}
		z := must[*zip.Reader](t)(zip.NewReader(bytes.NewReader(packed), a.Size))
		got := map[string]string{}
		for _, file := range z.File {
			r := must[io.ReadCloser](t)(file.Open())
			got[file.Name] = string(must[[]byte](t)(io.ReadAll(r)))
			_ = r.Close()
		}
		same(t, got, want)
	}
	unpack("datasets/a", "archives/datasets-a-20260301-120000.123.zip", map[string]string{"1.txt": "one", "b/2.txt": "two"})
	unpack(".", "archives/workspace-20260301-120000.123.zip", map[string]string{"datasets/a/1.txt": "one", "datasets/a/b/2.txt": "two", "files/3.txt": "three"})
	check(t, os.Mkdir(filepath.Join(dir, "datasets/empty"), 0o755))
	for folder, want := range map[string]error{
		"../..": workspace.ErrOutside, "datasets/none": fs.ErrNotExist, "datasets/empty": workspace.ErrEmpty, "files/3.txt": workspace.ErrNotFolder,
	} {
		if _, err := w.WriteZip(t.Context(), folder, noon); !errors.Is(err, want) {
			t.Errorf("%s: %v", folder, err)
		}
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.WriteZip(cancelled, "files", noon); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if found := must[[]fs.DirEntry](t)(w.List("archives")); len(found) != 2 {
		t.Errorf("%d archives", len(found))
	}
}

func TestWorkspacesAreApart(t *testing.T) {
	s := workspace.Open(t.TempDir())
	t.Cleanup(func() { check(t, s.Close()) })
	a, b := must[*workspace.Workspace](t)(s.Workspace(serverA)), must[*workspace.Workspace](t)(s.Workspace(record.DirectMessages))
	must[int64](t)(a.Create("files/x", strings.NewReader("a")))
	if _, err := b.Open("files/x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("one server sees another's file: %v", err)
	}
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		check(t, err)
		return v
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same[T any](t *testing.T, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
