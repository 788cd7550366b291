package dataset

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Folders and archives: which of their files hold examples, and what the place of a file says about its texts.

// entry is one file of a folder or archive.
type entry struct {
	name string // inside, slash-separated
	read func(limit int64) ([]byte, error)
}

// place is what the place of a file says about its texts.
type place struct {
	label string
	whole bool // the file is one text
	test  bool // it belongs to the test part
}

// folder reads every file below root, in order of their names.
func (rd *reading) folder(fsys fs.FS, root string) error {
	var entries []entry
	err := fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			rd.report.skip(name, "cannot be read: %v", err)
			if d != nil && d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if err := rd.ctx.Err(); err != nil {
			return context.Cause(rd.ctx)
		}
		inside := strings.TrimPrefix(strings.TrimPrefix(name, root), "/")
		if root == "." {
			inside = name
		}
		if name != root && strings.HasPrefix(d.Name(), ".") {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.IsDir() {
			if strings.Count(inside, "/") >= MaxDepth {
				rd.report.skip(inside, "more than %d folders deep", MaxDepth)
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() {
			rd.report.leave(inside, Remark{Kind: "not a regular file"})
			return nil
		}
		if len(entries) >= MaxEntries {
			return ErrTooManyFiles
		}
		entries = append(entries, entry{inside, func(limit int64) ([]byte, error) { return readFrom(fsys, name, limit) }})
		return nil
	})
	if err != nil {
		return err
	}
	return rd.entries(entries, true)
}

func (rd *reading) single(fsys fs.FS, name string) error {
	data, err := readFrom(fsys, name, MaxFileBytes)
	if err != nil {
		rd.report.skip(path.Base(name), "cannot be read: %v", err)
		return nil
	}
	return rd.file(path.Base(name), place{}, data, true)
}

func readFrom(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readLimited(f, limit)
}

// entries reads the files of a folder or an archive.
func (rd *reading) entries(all []entry, archives bool) error {
	names := make([]string, len(all))
	for i, e := range all {
		names[i] = e.name
	}
	a := arrange(names)
	rd.many = rd.many || len(all) > 1
	for i, e := range all {
		if why := a.leftOut(e.name); why != "" {
			rd.report.leave(e.name, Remark{Kind: why})
			continue
		}
		p := a.place(e.name)
		if rd.opt.Split == SplitTest && a.hasBoth && !p.test {
			continue
		}
		left := min(MaxUnpackedBytes-rd.unpacked, MaxFileBytes)
		data, err := all[i].read(left)
		switch {
		case errors.Is(err, ErrTooLarge) && left < MaxFileBytes, errors.Is(err, ErrTooLarge) && !archives:
			return fmt.Errorf("%w: %s unpacks to more than %d MB", ErrTooLarge, e.name, left>>20)
		case err != nil:
			rd.report.skip(e.name, "cannot be read: %v", err)
			continue
		}
		before := len(rd.examples)
		if err := rd.file(e.name, p, data, archives); err != nil {
			return err
		}
		if p.test && a.hasBoth && rd.opt.Split == SplitTrain { // counted, and not learned
			rd.report.Tests += len(rd.examples) - before
			rd.examples, rd.structure = rd.examples[:before], rd.structure[:before]
		}
	}
	if rd.report.Tests > 0 {
		rd.report.readAs("", TestPart, rd.report.Tests)
	}
	return nil
}

// arrangement is what the names of all files together say.
type arrangement struct {
	hasBoth bool           // a train and a test part
	root    string         // the folder that all lie in, without parts; "." for none
	bare    map[string]int // files of plain text by their folder, without parts
	twice   map[string]int // folders with plain texts by their own name
	whole   bool           // each plain text is one example
}

func arrange(names []string) arrangement {
	a := arrangement{bare: map[string]int{}, twice: map[string]int{}}
	train, test, first := false, false, true
	for _, n := range names {
		if sideFile(n) {
			continue
		}
		dir, part := withoutParts(n)
		train, test = train || part == partTrain, test || part == partTest
		if first {
			a.root, first = dir, false
		}
		for a.root != "." && dir != a.root && !strings.HasPrefix(dir, a.root+"/") {
			a.root = path.Dir(a.root)
		}
		if bareText(n) {
			a.bare[dir]++
		}
	}
	a.hasBoth = train && test
	files, folders := 0, 0
	for dir, n := range a.bare {
		if dir == a.root && len(a.bare) > 1 || unlabelled(dir) {
			continue
		}
		a.twice[path.Base(dir)]++
		if dir != "." {
			files, folders = files+n, folders+1
		}
	}
	a.whole = folders > 0 && files >= 2*folders
	return a
}

// leftOut says why a file holds no examples; "" for one that is read.
func (a *arrangement) leftOut(name string) RemarkKind {
	dir, _ := withoutParts(name)
	switch {
	case sideFile(name):
		return SideFile
	case unlabelled(dir):
		return FolderUnlabelled
	case bareText(name) && a.whole && (dir == a.root || partName(path.Base(path.Dir(name))) != "") && len(a.bare) > 1:
		return BesideFolders
	}
	return ""
}

func (a *arrangement) place(name string) place {
	dir, part := withoutParts(name)
	p := place{test: part == partTest}
	if dir == "." || dir == a.root && len(a.bare) > 1 && a.whole {
		return p
	}
	p.label = path.Base(dir)
	if a.twice[p.label] > 1 { // equal names in different branches are kept apart
		p.label = strings.TrimPrefix(strings.TrimPrefix(dir, a.root), "/")
	}
	p.whole = a.whole && bareText(name)
	return p
}

// The parts that public data sets are divided in.
const (
	partTrain = "train"
	partTest  = "test"
	partOther = "other" // validation: learned too
)

// partName is the part that a folder's or file's name stands for; "" for none.
func partName(name string) string {
	name = strings.ToLower(name)
	for _, known := range []struct {
		part  string
		names []string
	}{
		{partTrain, []string{"train", "training"}},
		{partTest, []string{"test", "testing"}},
		{partOther, []string{"dev", "val", "valid", "validation", "eval"}},
	} {
		for _, n := range known.names {
			if name == n || strings.HasSuffix(name, "-"+n) || strings.HasSuffix(name, "_"+n) {
				return known.part
			}
		}
	}
	return ""
}

// withoutParts returns the folder that a file lies in without the folders that are parts, and the part that it belongs to.
func withoutParts(name string) (dir, part string) {
	var kept []string
	for f := range strings.SplitSeq(path.Dir(name), "/") {
		if p := partName(f); p != "" {
			part = p
		} else if f != "." {
			kept = append(kept, f)
		}
	}
	if part == "" { // train.csv, test.jsonl, train-00000-of-00001.parquet
		stem, _, _ := strings.Cut(path.Base(name), ".")
		stem, _, _ = strings.Cut(stem, "-0")
		part = partName(stem)
	}
	if len(kept) == 0 {
		return ".", part
	}
	return strings.Join(kept, "/"), part
}

func unlabelled(dir string) bool {
	return slices.ContainsFunc(strings.Split(strings.ToLower(dir), "/"), func(f string) bool {
		return f == "unsup" || f == "unlabeled" || f == "unlabelled"
	})
}

// sideFile reports whether a file lies beside data by its name: a licence, a list of requirements.
func sideFile(name string) bool {
	base := strings.ToLower(path.Base(name))
	stem := strings.TrimSuffix(base, path.Ext(base))
	for _, s := range []string{"readme", "license", "licence", "copying", "notice", "authors", "changelog", "changes", "contributing", "code_of_conduct"} {
		if stem == s || strings.HasPrefix(base, s+".") || strings.HasPrefix(base, s+"-") {
			return true
		}
	}
	return slices.Contains([]string{"requirements.txt", "package-lock.json", "makefile", "dockerfile", "thumbs.db", "desktop.ini", "dataset_infos.json"}, base)
}

// bareText reports whether a file by its name is a text without structure.
func bareText(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == "" || ext == ".txt" || ext == ".text" || strings.Trim(ext, ".0123456789") == ""
}

// zip reads the files of an archive.
func (rd *reading) zip(name string, data []byte) error {
	// The directory is parsed whole, in many times its size.
	if bytes.Count(data, []byte("PK\x01\x02")) > MaxEntries {
		return ErrTooManyFiles
	}
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		rd.report.skip(name, FileBroken, err)
		return nil
	}
	if len(zr.File) > MaxEntries {
		return ErrTooManyFiles
	}
	var entries []entry
	for _, zf := range zr.File {
		inside := strings.ReplaceAll(zf.Name, `\`, "/")
		if strings.HasSuffix(inside, "/") || !rd.inside(name, inside) {
			continue
		}
		switch {
		case !zf.Mode().IsRegular():
			rd.report.leave(inside, Remark{Kind: "not a regular file"})
		case zf.Flags&1 != 0:
			rd.report.skip(inside, Encrypted)
		default:
			entries = append(entries, entry{inside, func(limit int64) ([]byte, error) {
				f, err := zf.Open()
				if err != nil {
					return nil, err
				}
				defer f.Close()
				return readLimited(f, limit)
			}})
		}
	}
	return rd.entries(entries, false)
}

// inside reports whether the name of an archive's entry is one to read.
func (rd *reading) inside(archive, name string) bool {
	if !fs.ValidPath(name) || strings.Contains(name, ":") {
		rd.report.skip(archive, "the entry %.80q names a place outside the archive", name)
		return false
	}
	return !strings.HasPrefix(path.Base(name), ".") && !strings.HasPrefix(name, "__MACOSX/")
}

// gzip unpacks a file that is packed alone, or a packed archive.
func (rd *reading) gzip(name string, p place, data []byte) error {
	zr, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		rd.report.skip(name, "not a readable archive: %v", err)
		return nil
	}
	limit := min(MaxUnpackedBytes-rd.unpacked, int64(MaxUnpackedBytes))
	unpacked, err := readLimited(zr, limit)
	if errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("%w: %s unpacks to more than %d MB", ErrTooLarge, name, limit>>20)
	}
	if err != nil {
		rd.report.skip(name, "cannot be unpacked: %v", err)
		return nil
	}
	if isTar(unpacked) {
		return rd.tar(name, unpacked)
	}
	return rd.file(strings.TrimSuffix(name, path.Ext(name)), p, unpacked, false)
}

func isTar(data []byte) bool { return len(data) > 512 && string(data[257:262]) == "ustar" }

func (rd *reading) tar(name string, data []byte) error {
	tr := tar.NewReader(bytes.NewReader(data))
	var entries []entry
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			rd.report.skip(name, "not a readable archive: %v", err)
			break
		}
		inside := path.Clean(h.Name)
		if h.Typeflag != tar.TypeReg || !rd.inside(name, inside) {
			continue
		}
		if len(entries) >= MaxEntries {
			return ErrTooManyFiles
		}
		content, err := readLimited(tr, MaxFileBytes)
		entries = append(entries, entry{inside, func(limit int64) ([]byte, error) {
			if err == nil && int64(len(content)) > limit {
				return nil, ErrTooLarge
			}
			return content, err
		}})
	}
	return rd.entries(entries, false)
}
