package workspace

import (
	"archive/zip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"
)

const (
	// ArchiveFiles is how many files one archive may hold.
	ArchiveFiles = 20_000
	// ArchiveBytes is how many bytes of files one archive may hold.
	ArchiveBytes = 1 << 30
)

// Archive describes a zip file that was made.
type Archive struct {
	Path  string `json:"path"`  // in the workspace
	Size  int64  `json:"size"`  // of the zip file, bytes
	Files int    `json:"files"` // packed
	Bytes int64  `json:"bytes"` // of the files packed
}

// WriteZip packs a folder ("." is everything but archives/) into a zip file
// under archives/, named after the folder and the time at. Links and special
// files are left out. It fails with [ErrEmpty] where no file is left, and with
// [ErrTooLarge] beyond [ArchiveFiles] or [ArchiveBytes], and leaves nothing
// half-written.
func (w *Workspace) WriteZip(ctx context.Context, folder string, at time.Time) (Archive, error) {
	folder, err := local(folder)
	if err != nil {
		return Archive{}, err
	}
	if info, err := w.root.Stat(folder); err != nil {
		return Archive{}, pathError(folder, err)
	} else if !info.IsDir() {
		return Archive{}, fmt.Errorf("%s: %w", folder, ErrNotFolder)
	}
	base := strings.ReplaceAll(folder, "/", "-")
	if folder == "." {
		base = "workspace"
	}
	a := Archive{Path: path.Join("archives", base+"-"+at.UTC().Format("20060102-150405.000")+".zip")}
	err = w.create(a.Path, func(to io.Writer) error {
		z := zip.NewWriter(to)
		err := fs.WalkDir(w.root.FS(), folder, func(name string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case folder == "." && name == "archives":
				return fs.SkipDir
			case !d.Type().IsRegular(), strings.HasPrefix(d.Name(), temporary):
				return nil
			case a.Files == ArchiveFiles:
				return fmt.Errorf("%s: %w (%d files)", folder, ErrTooLarge, ArchiveFiles)
			}
			n, err := w.pack(z, folder, name, ArchiveBytes-a.Bytes)
			a.Files++
			a.Bytes += n
			return err
		})
		if err == nil && a.Files == 0 {
			err = fmt.Errorf("%s: %w", folder, ErrEmpty)
		}
		if err != nil {
			return err
		}
		return z.Close()
	})
	if err != nil {
		return Archive{}, err
	}
	made, err := w.Stat(a.Path)
	if err != nil {
		return Archive{}, err
	}
	a.Size = made.Size()
	return a, nil
}

// pack adds one file to an archive under its name within the folder.
func (w *Workspace) pack(z *zip.Writer, folder, name string, limit int64) (int64, error) {
	f, err := w.Open(name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	header := &zip.FileHeader{Name: name, Method: zip.Deflate, Modified: info.ModTime()}
	if folder != "." {
		header.Name = strings.TrimPrefix(name, folder+"/")
	}
	to, err := z.CreateHeader(header)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(to, io.LimitReader(f, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("%s: %w (%d bytes)", folder, ErrTooLarge, ArchiveBytes)
	}
	return n, err
}
