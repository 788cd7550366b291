package models

import (
	"archive/tar"
	"archive/zip"
	"compress/bzip2"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
)

// Limits against archives that unpack to more than a disk holds or than any model consists of.
const (
	maxUnpacked = 8 << 30 // bytes, all files together
	maxEntries  = 20_000
)

// formatOf is the archive format that a file name stands for: "tar.bz2", "tar.gz", "tar", "zip", or "" for none.
func formatOf(name string) string {
	name = strings.ToLower(name)
	switch {
	case strings.HasSuffix(name, ".tar.bz2"), strings.HasSuffix(name, ".tbz2"):
		return "tar.bz2"
	case strings.HasSuffix(name, ".tar.gz"), strings.HasSuffix(name, ".tgz"):
		return "tar.gz"
	case strings.HasSuffix(name, ".tar"):
		return "tar"
	case strings.HasSuffix(name, ".zip"), strings.HasSuffix(name, ".whl"):
		return "zip"
	}
	return ""
}

// unpack writes the files of an archive into root. want gives the name under root for a file of the archive, or
// "" for one that is not wanted. An archive with a name that leads out of it, or with a wanted entry that is neither
// file nor folder, is refused, and so is one beyond the limits above.
func unpack(ctx context.Context, archive *os.File, format string, root *os.Root, want func(name string) string) error {
	u := unpacker{root: root, want: want, limit: maxUnpacked}
	switch format {
	case "tar.bz2":
		return u.tar(ctx, bzip2.NewReader(archive))
	case "tar.gz":
		z, err := gzip.NewReader(archive)
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		return u.tar(ctx, z)
	case "tar":
		return u.tar(ctx, archive)
	case "zip":
		info, err := archive.Stat()
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		return u.zip(ctx, archive, info.Size())
	}
	return fmt.Errorf("unpack: %q is no archive format", format)
}

type unpacker struct {
	root    *os.Root
	want    func(string) string
	limit   int64 // bytes
	entries int
	bytes   int64
}

func (u *unpacker) tar(ctx context.Context, r io.Reader) error {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("unpack: %w", err)
		}
		switch h.Typeflag {
		case tar.TypeXGlobalHeader:
			continue
		case tar.TypeDir:
			err = u.entry(h.Name, false, nil)
		case tar.TypeReg:
			err = u.entry(h.Name, true, func(w io.Writer) error { return u.copy(ctx, w, t) })
		default:
			if err = u.count(h.Name); err == nil && u.want(clean(h.Name)) != "" {
				err = fmt.Errorf("unpack: %q is neither a file nor a folder", h.Name)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (u *unpacker) zip(ctx context.Context, r io.ReaderAt, size int64) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return fmt.Errorf("unpack: %w", err)
	}
	for _, f := range z.File {
		mode := f.Mode()
		switch {
		case mode.IsDir():
			err = u.entry(f.Name, false, nil)
		case mode.IsRegular():
			err = u.entry(f.Name, true, func(w io.Writer) error {
				content, err := f.Open()
				if err != nil {
					return err
				}
				defer content.Close()
				return u.copy(ctx, w, content)
			})
		default:
			if err = u.count(f.Name); err == nil && u.want(clean(f.Name)) != "" {
				err = fmt.Errorf("unpack: %q is neither a file nor a folder", f.Name)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// count checks the name of an entry and the number of entries so far.
func (u *unpacker) count(name string) error {
	if u.entries++; u.entries > maxEntries {
		return fmt.Errorf("unpack: over %d entries", maxEntries)
	}
	if !filepath.IsLocal(strings.TrimSuffix(name, "/")) || strings.ContainsAny(name, "\\\x00\r\n") {
		return fmt.Errorf("unpack: the name %q leads out of the archive", name)
	}
	return nil
}

// entry writes one file, or checks the name of a folder. Folders come into being with their files.
func (u *unpacker) entry(name string, file bool, write func(io.Writer) error) error {
	if err := u.count(name); err != nil {
		return err
	}
	if !file {
		return nil
	}
	to := u.want(clean(name))
	if to == "" {
		return nil
	}
	if dir := path.Dir(to); dir != "." {
		if err := u.root.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("unpack %q: %w", name, err)
		}
	}
	f, err := u.root.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return fmt.Errorf("unpack %q: %w", name, err)
	}
	err = write(f)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return fmt.Errorf("unpack %q: %w", name, err)
	}
	return nil
}

// copy copies r to w and counts against the limit, not believing what the archive says about its sizes.
func (u *unpacker) copy(ctx context.Context, w io.Writer, r io.Reader) error {
	n, err := io.Copy(w, io.LimitReader(contextReader{ctx, r}, u.limit-u.bytes+1))
	if u.bytes += n; err == nil && u.bytes > u.limit {
		err = fmt.Errorf("the archive unpacks to over %d bytes", u.limit)
	}
	return err
}

func clean(name string) string { return path.Clean(name) }

// withoutTop drops the first folder of every name: release archives hold one folder with the model.
func withoutTop(name string) string {
	_, rest, _ := strings.Cut(name, "/")
	return rest
}

// contextReader ends reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}
