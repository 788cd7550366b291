package dataset

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// Limits on what is read. Each exists against an input that would otherwise exhaust memory or time.
const (
	MaxFileBytes     = 64 << 20  // one file, and one uploaded archive
	MaxUnpackedBytes = 256 << 20 // all files of one dataset together: a zip bomb unpacks to more
	MaxEntries       = 10_000    // files in one folder tree or archive: a zip can name 65,535 in little space
	MaxDepth         = 16        // folders in folders
	maxLineBytes     = 4 << 20   // one line of JSON lines, or element of a JSON array
)

// maxSkipped bounds the list of what was skipped; the count beside it is complete.
const maxSkipped = 100

// Errors of a whole dataset, as opposed to single lines, which are skipped and reported.
var (
	ErrTooManyFiles = fmt.Errorf("the dataset has more than %d files", MaxEntries)
	ErrTooLarge     = errors.New("the dataset is too large")
	ErrNoExamples   = errors.New("no examples were found")
)

// ReadOptions says how to read examples that don't say everything themselves.
type ReadOptions struct {
	Label    string        // label of texts that come without one; a sub-folder's name goes before it
	Unlabel  bool          // accept texts without label and reply (for predicting and out-of-scope texts)
	Origin   record.Origin // Kind (default file), Message, Author and At of every example; File and Line are set by the reader
	MaxCount int           // most examples to accept; default and maximum [learn.MaxExamples]
}

// Skip is something that could not be used.
type Skip struct {
	Where string // file, with ":line" where it is known
	Why   Remark
}

// ReadReport says what was found in a dataset and what was left out.
type ReadReport struct {
	learn.Findings
	Files     int    // files read
	Examples  int    // examples returned, duplicates included
	Skipped   []Skip // at most 100
	SkipCount int
	Hash      string // [learn.Hash] of the examples
	// Responses are the response texts of labels, where a file lists several: see [Model.WithResponses].
	Responses map[string][]string
}

func (r *ReadReport) skip(where string, why RemarkKind, args ...any) {
	r.remark(where, Remark{why, args})
}

func (r *ReadReport) remark(where string, why Remark) {
	r.SkipCount++
	if len(r.Skipped) < maxSkipped {
		r.Skipped = append(r.Skipped, Skip{Where: where, Why: why})
	}
}

// reading is the state of reading one dataset.
type reading struct {
	ctx      context.Context
	opt      ReadOptions
	report   ReadReport
	examples []record.Example
	unpacked int64
}

// ReadPath reads the file or folder named path (slash-separated, "." for all) in fsys, which is best an os.Root's FS. Files
// are CSV, TSV, JSON, JSON lines, text and ZIP archives of these, known by their extension and looked into where it is missing. In a folder, a
// text that has no label of its own gets the name of the folder that its file is in. Single bad lines and files are
// skipped and reported; an error means that nothing can be used.
func ReadPath(ctx context.Context, fsys fs.FS, name string, opt ReadOptions) ([]record.Example, ReadReport, error) {
	rd := newReading(ctx, opt)
	name = path.Clean(name)
	if !fs.ValidPath(name) {
		return nil, rd.report, fmt.Errorf("%q is not a path inside the workspace", name)
	}
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, rd.report, err
	}
	if info.IsDir() {
		err = rd.folder(fsys, name)
	} else {
		err = rd.open(fsys, name, path.Base(name), "")
	}
	return rd.end(err)
}

// ReadUpload reads one file that was sent under name, by the same rules as ReadPath.
func ReadUpload(ctx context.Context, name string, r io.Reader, opt ReadOptions) ([]record.Example, ReadReport, error) {
	rd := newReading(ctx, opt)
	data, err := readLimited(r, MaxFileBytes)
	if err != nil {
		return nil, rd.report, fmt.Errorf("%s: %w", path.Base(name), err)
	}
	return rd.end(rd.file(path.Base(strings.ReplaceAll(name, `\`, "/")), "", data, true))
}

func newReading(ctx context.Context, opt ReadOptions) *reading {
	if opt.MaxCount <= 0 || opt.MaxCount > learn.MaxExamples {
		opt.MaxCount = learn.MaxExamples
	}
	if opt.Origin.Kind == "" {
		opt.Origin.Kind = record.OriginFile
	}
	return &reading{ctx: ctx, opt: opt}
}

func (rd *reading) end(err error) ([]record.Example, ReadReport, error) {
	if err == nil && len(rd.examples) == 0 {
		err = ErrNoExamples
		if len(rd.report.Skipped) > 0 {
			s := rd.report.Skipped[0]
			err = fmt.Errorf("%w: %s: %s", ErrNoExamples, s.Where, s.Why)
		}
	}
	_, rd.report.Findings = learn.Clean(rd.examples)
	rd.report.Examples = len(rd.examples)
	rd.report.Hash = learn.Hash(rd.examples)
	if err != nil {
		return nil, rd.report, err
	}
	return rd.examples, rd.report, nil
}

func readLimited(r io.Reader, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%w: a file has more than %d MB", ErrTooLarge, limit>>20)
	}
	return data, nil
}

// folder reads every file below root, in order of their names.
func (rd *reading) folder(fsys fs.FS, root string) error {
	entries := 0
	return fs.WalkDir(fsys, root, func(name string, d fs.DirEntry, err error) error {
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
		if entries++; entries > MaxEntries {
			return ErrTooManyFiles
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
			rd.report.skip(inside, "not a regular file")
			return nil
		}
		label := ""
		if dir := path.Dir(inside); dir != "." {
			label = path.Base(dir)
		}
		return rd.open(fsys, name, inside, label)
	})
}

func (rd *reading) open(fsys fs.FS, name, inside, label string) error {
	f, err := fsys.Open(name)
	if err != nil {
		rd.report.skip(inside, "cannot be read: %v", err)
		return nil
	}
	defer f.Close()
	data, err := readLimited(f, MaxFileBytes)
	if err != nil {
		rd.report.skip(inside, "cannot be read: %v", err)
		return nil
	}
	return rd.file(inside, label, data, true)
}

// file reads the content of one file. It returns an error only if the dataset as a whole can't be used.
func (rd *reading) file(name, label string, data []byte, archives bool) error {
	if err := rd.ctx.Err(); err != nil {
		return context.Cause(rd.ctx)
	}
	if rd.unpacked += int64(len(data)); rd.unpacked > MaxUnpackedBytes {
		return fmt.Errorf("%w: its files together have more than %d MB", ErrTooLarge, MaxUnpackedBytes>>20)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		rd.report.skip(name, FileEmpty)
		return nil
	}
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) || bytes.HasPrefix(data, []byte("PK\x05\x06")) {
		if !archives {
			rd.report.skip(name, "an archive inside an archive is not opened")
			return nil
		}
		return rd.zip(name, data)
	}
	text, err := decodeText(data)
	if err != nil {
		rd.report.remark(name, remarkOn(err))
		return nil
	}
	f := &fileReader{reading: rd, name: name, label: label}
	rd.report.Files++
	before := len(rd.examples)
	switch ext := strings.ToLower(path.Ext(name)); {
	case ext == ".jsonl" || ext == ".ndjson":
		err = f.jsonLines(text)
	case ext == ".json":
		err = f.json(text)
	case ext == ".csv":
		err = f.table(text, 0)
	case ext == ".tsv" || ext == ".tab":
		err = f.table(text, '\t')
	case ext == ".txt" || ext == ".md" || ext == ".text":
		err = f.text(text)
	case ext == ".zip":
		rd.report.Files--
		rd.report.skip(name, FileNoZIP)
		return nil
	case ext == "" || slices.Contains([]string{".log", ".data", ".dat", ".train", ".test", ".in"}, ext):
		err = f.guess(text)
	default:
		rd.report.Files--
		rd.report.skip(name, FileOfOtherKind, ext)
		return nil
	}
	if err == nil && len(rd.examples) == before && f.skips == 0 {
		rd.report.skip(name, FileWithout)
	}
	return err
}

// zip reads the files of an archive.
func (rd *reading) zip(name string, data []byte) error {
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		rd.report.skip(name, "not a readable archive: %v", err)
		return nil
	}
	if len(zr.File) > MaxEntries {
		return ErrTooManyFiles
	}
	for _, zf := range zr.File {
		inside := strings.ReplaceAll(zf.Name, `\`, "/")
		if strings.HasSuffix(inside, "/") {
			continue
		}
		if !fs.ValidPath(inside) || strings.Contains(inside, ":") {
			rd.report.skip(name, "the entry %.80q names a place outside the archive", zf.Name)
			continue
		}
		if base := path.Base(inside); strings.HasPrefix(base, ".") || strings.HasPrefix(inside, "__MACOSX/") {
			continue
		}
		if !zf.Mode().IsRegular() {
			rd.report.skip(inside, "not a regular file")
			continue
		}
		if err := rd.entry(zf, inside); err != nil {
			return err
		}
	}
	return nil
}

func (rd *reading) entry(zf *zip.File, inside string) error {
	f, err := zf.Open()
	if err != nil {
		rd.report.skip(inside, "cannot be unpacked: %v", err)
		return nil
	}
	defer f.Close()
	left := min(MaxUnpackedBytes-rd.unpacked, MaxFileBytes)
	data, err := readLimited(f, left)
	if errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("%w: %s unpacks to more than %d MB", ErrTooLarge, inside, left>>20)
	}
	if err != nil {
		rd.report.skip(inside, "cannot be unpacked: %v", err)
		return nil
	}
	label := ""
	if dir := path.Dir(inside); dir != "." {
		label = path.Base(dir)
	}
	return rd.file(inside, label, data, false)
}

// fileReader reads the examples of one file.
type fileReader struct {
	*reading
	name  string
	label string // from the folder, or empty
	skips int
}

func (f *fileReader) skip(line int, why RemarkKind, args ...any) {
	f.remark(line, Remark{why, args})
}

func (f *fileReader) remark(line int, why Remark) {
	f.skips++
	where := f.name
	if line > 0 {
		where = fmt.Sprintf("%s:%d", f.name, line)
	}
	f.report.remark(where, why)
}

// responses takes over the response texts of a label, those before them first.
func (f *fileReader) responses(line int, label string, texts []any) {
	label = clean(label)
	if label == "" || len(texts) < 2 {
		return // one alone is the reply of every pattern
	}
	all := f.report.Responses[label]
	for _, t := range texts {
		text, ok := t.(string)
		text = strings.TrimSpace(text)
		switch {
		case !ok || text == "" || utf8.RuneCountInString(text) > record.MaxTextRunes:
			f.skip(line, "a response that is no text of up to %d characters", record.MaxTextRunes)
		case len(all) >= learn.MaxResponses:
			f.skip(line, "the label has more than %d responses", learn.MaxResponses)
		case !slices.Contains(all, text):
			all = append(all, text)
		}
	}
	if f.report.Responses == nil {
		f.report.Responses = map[string][]string{}
	}
	f.report.Responses[label] = all
}

// add takes one example over. It returns learn.ErrTooManyExamples or the context's error, which end the reading.
func (f *fileReader) add(line int, text, label, reply string) error {
	e := record.Example{Text: clean(text), Label: clean(label), Reply: strings.TrimSpace(reply), Origin: f.opt.Origin}
	e.Origin.File, e.Origin.Line = f.name, line
	if e.Label == "" && e.Reply == "" {
		e.Label = f.label
		if e.Label == "" {
			e.Label = f.opt.Label
		}
	}
	err := e.Validate()
	if errors.Is(err, record.ErrNoAnswer) && f.opt.Unlabel {
		err = nil
	}
	if err != nil {
		f.remark(line, remarkOn(err))
		return nil
	}
	if len(f.examples) >= f.opt.MaxCount {
		return learn.ErrTooManyExamples
	}
	if len(f.examples)%1024 == 0 && f.ctx.Err() != nil {
		return context.Cause(f.ctx)
	}
	f.examples = append(f.examples, e)
	return nil
}

// clean makes one line of s. It takes no more memory than s, which may be a whole file.
func clean(s string) string {
	var b strings.Builder
	for word := range strings.FieldsSeq(s) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}
