package store_test

import (
	"errors"
	"io"
	"io/fs"
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
