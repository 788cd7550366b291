package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"gocloud.dev/blob"
	"gocloud.dev/blob/fileblob"
	_ "gocloud.dev/blob/s3blob" // buckets at "s3://…"
	"gocloud.dev/gcerrors"

	"github.com/mynahbot/mynah/internal/partial"
)

// unfinished are the names under which the folder's driver writes blobs before it renames them into their place.
var unfinished = regexp.MustCompile(`\.[0-9a-f]{12,}\.tmp$`)

func openBlobs(ctx context.Context, where string) (*blob.Bucket, error) {
	if dir, isFolder := strings.CutPrefix(where, "file:"); isFolder {
		// Written beside their place and renamed into it: readers see all or nothing.
		bucket, err := fileblob.OpenBucket(filepath.Clean(dir), &fileblob.Options{
			CreateDir: true, DirFileMode: 0o700, NoTempDir: true, Metadata: fileblob.MetadataDontWrite,
		})
		if err != nil {
			return nil, fmt.Errorf("open the folder of blobs %s: %w", dir, err)
		}
		if _, err := partial.Sweep(dir, unfinished.MatchString); err != nil {
			return nil, errors.Join(fmt.Errorf("remove blobs that were never finished: %w", err), bucket.Close())
		}
		return bucket, nil
	}
	bucket, err := blob.OpenBucket(ctx, where)
	if err != nil {
		// The URL may carry keys in its query, so it isn't repeated.
		scheme := "?"
		if u, parseErr := url.Parse(where); parseErr == nil {
			scheme = u.Scheme
		}
		return nil, fmt.Errorf("open the bucket of blobs (%s:…): the URL is not understood or the bucket can't be opened", scheme)
	}
	return bucket, nil
}

// PutBlob keeps everything that r gives under the key, replacing what was
// there. Until it returns nil, readers see what was there before.
func (s *Store) PutBlob(ctx context.Context, key string, r io.Reader) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // a writer closed after this has written nothing
	w, err := s.blobs.NewWriter(ctx, key, &blob.WriterOptions{
		ContentType: "application/octet-stream",
		BeforeWrite: func(as func(any) bool) error {
			var f *os.File // in a folder; buckets leave nothing behind
			if as(&f) {
				return partial.Hold(f)
			}
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("keep blob %s: %w", key, err)
	}
	if _, err := io.Copy(w, r); err != nil {
		cancel()
		_ = w.Close()
		return fmt.Errorf("keep blob %s: %w", key, err)
	}
	if err := w.Close(); err != nil {
		return fmt.Errorf("keep blob %s: %w", key, err)
	}
	return nil
}

// OpenBlob opens what is kept under the key. The error matches fs.ErrNotExist
// when nothing is. The caller closes the reader.
func (s *Store) OpenBlob(ctx context.Context, key string) (io.ReadCloser, error) {
	r, err := s.blobs.NewReader(ctx, key, nil)
	if err != nil {
		return nil, blobError("open", key, err)
	}
	return r, nil
}

// DeleteBlob removes what is kept under the key; nothing there is no error.
func (s *Store) DeleteBlob(ctx context.Context, key string) error {
	if err := blobError("delete", key, s.blobs.Delete(ctx, key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func blobError(what, key string, err error) error {
	switch {
	case err == nil:
		return nil
	case gcerrors.Code(err) == gcerrors.NotFound:
		return fmt.Errorf("%s blob %s: %w", what, key, fs.ErrNotExist)
	}
	return fmt.Errorf("%s blob %s: %w", what, key, err)
}
