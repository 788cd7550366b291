package dataset

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// Limits on what is read. Each exists against an input that would otherwise exhaust memory or time.
const (
	MaxFileBytes     = 64 << 20  // one file, and one uploaded archive
	MaxUnpackedBytes = 256 << 20 // all files of one dataset together: a zip bomb unpacks to more
	MaxEntries       = 200_000   // files in one folder tree or archive, which can be one example each
	MaxDepth         = 16        // folders in folders
	maxLineBytes     = 4 << 20   // one line of JSON lines, or element of a JSON array
)

// maxSkipped bounds the list of what was skipped, and that of how files were read; the counts beside them are complete.
const maxSkipped = 100

// Errors of a whole dataset, as opposed to single lines, which are skipped and reported.
var (
	ErrTooManyFiles = fmt.Errorf("the dataset has more than %d files", MaxEntries)
	ErrTooLarge     = errors.New("the dataset is too large")
	ErrNoExamples   = errors.New("no examples were found")
)

// Split is the part of a dataset that is read, where its folders or files are parted into train and test.
type Split int

const (
	// SplitTrain leaves the test part out where there are both. It is counted in [ReadReport.Tests].
	SplitTrain Split = iota
	// SplitTest reads the test part alone where there are both.
	SplitTest
)

// ReadOptions says how to read examples that don't say everything themselves.
type ReadOptions struct {
	Label    string        // label of texts that come without one; a sub-folder's name goes before it
	Unlabel  bool          // accept texts without label and reply (for predicting and out-of-scope texts)
	Split    Split         // of a dataset that has both
	Origin   record.Origin // Kind (default file), Message, Author and At of every example; File and Line are set by the reader
	MaxCount int           // most examples to accept; default and maximum [learn.MaxExamples]
}

// Skip is something that could not be used, or how something was read.
type Skip struct {
	Where string // file, with ":line" where it is known
	Why   Remark
}

// ReadReport says what was found in a dataset and what was left out.
type ReadReport struct {
	learn.Findings        // labels, replies, exact duplicates and rare labels; [learn.Clean] finds the rest
	Files          int    // files read
	Examples       int    // examples returned, duplicates included
	Tests          int    // examples of a test part that was left out
	Skipped        []Skip // at most 100
	SkipCount      int
	Hash           string // [learn.Hash] of the examples
	// ReadAs says how files were understood: as which format, or which column is what. At most 100.
	ReadAs []Skip
	// Doubts are the reasons why what was read may be wrong. Without any the layout is known for sure; with some, nothing should be
	// used before a person has seen [Preview].
	Doubts []Skip
	// Responses are the response texts of labels, where a file lists several: see [Model.WithResponses].
	Responses map[string][]string

	misread int // of SkipCount: what wasn't left out on purpose
}

// Sure reports whether the layout was known, and not guessed.
func (r *ReadReport) Sure() bool { return len(r.Doubts) == 0 }

func (r *ReadReport) skip(where string, why RemarkKind, args ...any) {
	r.remark(where, Remark{why, args})
}

func (r *ReadReport) remark(where string, why Remark) {
	r.misread++
	r.leave(where, why)
}

// leave counts something that the format itself, or its place, says to leave out.
func (r *ReadReport) leave(where string, why Remark) {
	r.SkipCount++
	if len(r.Skipped) < maxSkipped {
		r.Skipped = append(r.Skipped, Skip{Where: where, Why: why})
	}
}

// doubt adds a reason to ask before anything is used, each kind once a file.
func (r *ReadReport) doubt(where string, kind RemarkKind, args ...any) {
	for _, d := range r.Doubts {
		if d.Where == where && d.Why.Kind == kind {
			return
		}
	}
	if len(r.Doubts) < maxSkipped {
		r.Doubts = append(r.Doubts, Skip{where, Remark{kind, args}})
	}
}

// readAs says how a file was understood.
func (r *ReadReport) readAs(where string, kind RemarkKind, args ...any) {
	s := Skip{where, Remark{kind, args}}
	same := func(o Skip) bool { return o.Where == where && o.Why.String() == s.Why.String() }
	if len(r.ReadAs) < maxSkipped && !slices.ContainsFunc(r.ReadAs, same) {
		r.ReadAs = append(r.ReadAs, s)
	}
}

// Reader reads datasets. The zero Reader reads what is text; its fields open other files. Safe for concurrent use.
type Reader struct {
	Tables    TableOpener    // nil: spreadsheets and Parquet files are refused
	Documents DocumentOpener // nil: Markdown, HTML, DOCX and PDF are refused
}

// TableOpener opens files that hold tables and are no text.
type TableOpener interface {
	// Rows gives take every row of each sheet in their order. known is false for data of a kind that it doesn't open. A sheet is "" where
	// the file has only one. A [Refusal] says in words for people why a file can't be read.
	Rows(ctx context.Context, name string, data []byte, take func(sheet string, row []string) error) (known bool, err error)
}

// DocumentOpener opens files that hold running text.
type DocumentOpener interface {
	// Blocks divides a document. known is false for data of a kind that it doesn't open. A [Refusal] says in words for people why a
	// document can't be read.
	Blocks(ctx context.Context, name string, data []byte) (blocks []Block, known bool, err error)
}

// Refusal is an error that says in one sentence for people why a file can't be read and what to do instead.
type Refusal struct{ Remark Remark }

func (r *Refusal) Error() string { return r.Remark.String() }

// reading is the state of reading one dataset.
type reading struct {
	Reader
	ctx       context.Context
	opt       ReadOptions
	report    ReadReport
	examples  []record.Example
	structure []bool // beside examples: the layout itself says what the label is
	unpacked  int64
	many      bool // files of a folder or an archive
	wholes    int  // files that were read as one text each, and how many of them look like lists
	lists     int
	project   project

	fileFormats, elementFormats []format
}

// ReadPath is [Reader.ReadPath] of the zero Reader.
func ReadPath(ctx context.Context, fsys fs.FS, name string, opt ReadOptions) ([]record.Example, ReadReport, error) {
	return Reader{}.ReadPath(ctx, fsys, name, opt)
}

// ReadUpload is [Reader.ReadUpload] of the zero Reader.
func ReadUpload(ctx context.Context, name string, r io.Reader, opt ReadOptions) ([]record.Example, ReadReport, error) {
	return Reader{}.ReadUpload(ctx, name, r, opt)
}

// ReadPath reads the file or folder named path (slash-separated, "." for all) in fsys, which is best an os.Root's FS. Formats are known
// by content, and by the extension where content says too little. In a folder, a text that has no label of its own gets the name of the
// folder that its file is in. Single bad lines and files are skipped and reported; an error means that nothing can be used.
func (r Reader) ReadPath(ctx context.Context, fsys fs.FS, name string, opt ReadOptions) ([]record.Example, ReadReport, error) {
	rd := r.start(ctx, opt)
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
		err = rd.single(fsys, name)
	}
	return rd.end(err)
}

// ReadUpload reads one file that was sent under name, by the same rules as ReadPath.
func (r Reader) ReadUpload(ctx context.Context, name string, from io.Reader, opt ReadOptions) ([]record.Example, ReadReport, error) {
	rd := r.start(ctx, opt)
	data, err := readLimited(from, MaxFileBytes)
	if err != nil {
		return nil, rd.report, fmt.Errorf("%s: %w", path.Base(name), err)
	}
	return rd.end(rd.file(path.Base(strings.ReplaceAll(name, `\`, "/")), place{}, data, true))
}

func (r Reader) start(ctx context.Context, opt ReadOptions) *reading {
	if opt.MaxCount <= 0 || opt.MaxCount > learn.MaxExamples {
		opt.MaxCount = learn.MaxExamples
	}
	opt.Origin.Kind = cmp.Or(opt.Origin.Kind, record.OriginFile)
	return &reading{Reader: r, ctx: ctx, opt: opt, fileFormats: fileFormats(), elementFormats: elementFormats()}
}

func (rd *reading) end(err error) ([]record.Example, ReadReport, error) {
	if err == nil {
		rd.joinProject()
	}
	if err == nil && len(rd.examples) == 0 {
		err = ErrNoExamples
		if len(rd.report.Skipped) > 0 {
			s := rd.report.Skipped[0]
			err = fmt.Errorf("%w: %s: %s", ErrNoExamples, s.Where, s.Why)
		}
	}
	rd.report.Findings = count(rd.examples)
	rd.report.Examples = len(rd.examples)
	rd.report.Hash = learn.Hash(rd.examples)
	if err != nil {
		return nil, rd.report, err
	}
	rd.doubtResult()
	return rd.examples, rd.report, nil
}

// count counts labels, replies and exact duplicates. What takes as long as a training's beginning, near duplicates and contradictions, is
// left to [learn.Clean].
func count(examples []record.Example) learn.Findings {
	f := learn.Findings{Labels: map[string]int{}}
	seen := make(map[[3]string]struct{}, len(examples))
	for _, e := range examples {
		key := [3]string{e.Text, e.Label, e.Reply}
		if _, again := seen[key]; again {
			f.Duplicates++
			continue
		}
		seen[key] = struct{}{}
		if e.Label != "" {
			f.Labels[e.Label]++
		}
		if e.Reply != "" {
			f.Replies++
		}
	}
	for l, n := range f.Labels {
		if n < learn.RareLabel {
			f.RareLabels = append(f.RareLabels, l)
		}
	}
	slices.Sort(f.RareLabels)
	return f
}

// Preview picks up to three examples that show best what was read: with different answers where there are such.
func Preview(examples []record.Example) []record.Example {
	const most = 3
	var picked []record.Example
	seen := map[[2]string]bool{}
	for _, e := range examples[:min(len(examples), 1000)] {
		if key := [2]string{e.Label, e.Reply}; !seen[key] {
			seen[key] = true
			if picked = append(picked, e); len(picked) == most {
				return picked
			}
		}
	}
	for _, e := range examples[:min(len(examples), most)] {
		if len(picked) < most && !slices.Contains(picked, e) {
			picked = append(picked, e)
		}
	}
	return picked
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
