package store_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mynahbot/mynah/internal/store"
)

func TestBlobs(t *testing.T) {
	s, ctx := open(t, store.Config{Dir: t.TempDir()}), t.Context()
	read := func() string {
		t.Helper()
		r := must[io.ReadCloser](t)(s.OpenBlob(ctx, "models/1/2"))
		defer r.Close()
		return string(must[[]byte](t)(io.ReadAll(r)))
	}
	if _, err := s.OpenBlob(ctx, "models/1/2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("not there: %v", err)
	}
	check(t, s.PutBlob(ctx, "models/1/2", strings.NewReader("old")))
	same(t, read(), "old")
	broken := io.MultiReader(strings.NewReader("new, but"), iotest.ErrReader(errors.New("the disk fell off")))
	if err := s.PutBlob(ctx, "models/1/2", broken); err == nil {
		t.Error("kept half a blob")
	}
	same(t, read(), "old")
	check(t, s.PutBlob(ctx, "models/1/2", strings.NewReader("new")))
	same(t, read(), "new")
	check(t, s.DeleteBlob(ctx, "models/1/2"))
	check(t, s.DeleteBlob(ctx, "models/1/2"))
}

// What a process leaves of a blob when it is killed while it writes is removed by the next one.
func TestBlobsOfKilledWritesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	s, err := store.Open(t.Context(), store.Config{Dir: dir})
	check(t, err)
	r, feed := io.Pipe()
	written := make(chan error, 1)
	go func() { written <- s.PutBlob(t.Context(), "models/1/2", r) }()
	must[int](t)(feed.Write([]byte("half a model")))
	half := must[[]string](t)(filepath.Glob(filepath.Join(dir, "blobs/models/1/*")))
	check(t, feed.CloseWithError(errors.New("killed")))
	if err := <-written; err == nil || len(half) != 1 {
		t.Fatalf("%v, %v", half, err)
	}
	check(t, s.PutBlob(t.Context(), "models/1/3", strings.NewReader("whole")))
	check(t, os.WriteFile(half[0], []byte("half a model"), 0o600))
	check(t, s.Close())
	open(t, store.Config{Dir: dir})
	left := must[[]string](t)(filepath.Glob(filepath.Join(dir, "blobs/models/1/*")))
	same(t, left, []string{filepath.Join(dir, "blobs/models/1/3")})
}
