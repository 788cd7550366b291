package dataset

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// file reads the content of one file. It returns an error only if the dataset as a whole can't be used.
func (rd *reading) file(name string, p place, data []byte, archives bool) error {
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
	f := &fileReader{reading: rd, name: name, place: p}
	before, skips := len(rd.examples), rd.report.SkipCount
	known, err := f.read(data, archives)
	if err == nil && known && len(rd.examples) == before && rd.report.SkipCount == skips && !f.gave {
		rd.report.skip(name, FileWithout)
	}
	return err
}

// read reads a file by what it is. known is false where it was passed on to others: an archive.
func (f *fileReader) read(data []byte, archives bool) (known bool, err error) {
	ext := strings.ToLower(path.Ext(f.name))
	f.report.Files++
	if known, err := f.opened(data); known {
		return true, err
	}
	switch {
	case bytes.HasPrefix(data, []byte("PK\x03\x04")), bytes.HasPrefix(data, []byte("PK\x05\x06")):
		f.report.Files--
		if kind, ok := officeKind(data); ok {
			f.report.skip(f.name, FileOfOtherKind, kind)
			return false, nil
		}
		if !archives {
			f.report.skip(f.name, "an archive inside an archive is not opened")
			return false, nil
		}
		return false, f.zip(f.name, data)
	case bytes.HasPrefix(data, []byte("\x1f\x8b")):
		f.report.Files--
		return false, f.gzip(f.name, f.place, data)
	case isTar(data):
		f.report.Files--
		return false, f.tar(f.name, data)
	}
	if why, refused := foreign(data, ext); refused {
		f.report.Files--
		f.aside(0, why.Kind, why.Args...)
		return false, nil
	}
	text, err := decodeText(data)
	if err != nil {
		f.report.Files--
		f.report.remark(f.name, remarkOn(err))
		return false, nil
	}
	if app, ok := chatExport(text); ok {
		f.report.skip(f.name, ChatExport, app)
		return true, nil
	}
	switch ext {
	case ".jsonl", ".ndjson":
		err = f.jsonLines(text)
	case ".json":
		err = f.json(text)
	case ".yml", ".yaml":
		err = f.yaml(text)
	case ".csv", ".tsv", ".tab", ".psv":
		comma := rune(0)
		if ext == ".tsv" || ext == ".tab" {
			comma = '\t'
		}
		switch first := strings.TrimSpace(text); {
		case strings.HasPrefix(first, "{\"") || strings.HasPrefix(first, "[{"):
			err = f.json(text)
		default:
			err = f.table(text, comma)
		}
	case ".txt", ".text", ".md", ".markdown", ".rst":
		err = f.text(text)
	case ".qna", ".lu":
		err = f.lu(text)
	case "", ".log", ".data", ".dat", ".train", ".test", ".in", ".lst":
		err = f.guess(text)
	default:
		if bareText(f.name) { // a number: one of many texts
			err = f.text(text)
			break
		}
		f.report.Files--
		f.aside(0, FileOfOtherKind, ext)
		return false, nil
	}
	return true, err
}

// opened reads a file that the Reader's openers know.
func (f *fileReader) opened(data []byte) (known bool, err error) {
	if f.Tables != nil {
		known, err := f.workbook(data)
		if known {
			return true, f.refused(err)
		}
	}
	if f.Documents == nil || f.whole || !mayBeDocument(strings.ToLower(path.Ext(f.name)), data) {
		return false, nil
	}
	if text, err := decodeText(data); err == nil {
		if ownFormat(text) {
			return false, nil
		}
		if app, ok := chatExport(text); ok {
			f.report.skip(f.name, ChatExport, app)
			return true, nil
		}
		data = []byte(text)
	}
	blocks, known, err := f.Documents.Blocks(f.ctx, f.name, data)
	if err != nil {
		return true, f.refused(err)
	}
	if known {
		return true, f.document(blocks)
	}
	return false, nil
}

// mayBeDocument reports whether a file is running text by its extension or by how it begins.
func mayBeDocument(ext string, data []byte) bool {
	if slices.Contains([]string{".md", ".markdown", ".html", ".htm", ".docx", ".pdf"}, ext) || bytes.HasPrefix(data, []byte("%PDF-")) {
		return true
	}
	if bytes.HasPrefix(data, []byte("PK\x03\x04")) {
		kind, _ := officeKind(data)
		return kind == ".docx"
	}
	head := bytes.ToLower(bytes.TrimSpace(data[:min(len(data), 200)]))
	return bytes.HasPrefix(head, []byte("<!doctype html")) || bytes.HasPrefix(head, []byte("<html"))
}

// refused takes down what an opener says of a file that it can't read.
func (f *fileReader) refused(err error) error {
	r, ok := errors.AsType[*Refusal](err)
	switch {
	case ok:
		f.report.remark(f.name, r.Remark)
	case err == nil, errors.Is(err, learn.ErrTooManyExamples), errors.Is(err, ErrTooLarge), f.ctx.Err() != nil:
		return err
	default:
		f.report.skip(f.name, FileBroken, err)
	}
	return nil
}

// officeKind tells documents of office programs, which are ZIP archives, from others.
func officeKind(data []byte) (string, bool) {
	for _, k := range []struct{ part, kind string }{
		{"xl/workbook", ".xlsx"}, {"word/document", ".docx"}, {"ppt/presentation", ".pptx"},
		{"application/vnd.oasis.opendocument.spreadsheet", ".ods"}, {"application/vnd.oasis.opendocument.text", ".odt"},
		{"application/epub+zip", ".epub"},
	} {
		if bytes.Contains(data, []byte(k.part)) {
			return k.kind, true
		}
	}
	return "", false
}

// foreign names files that aren't read by what they begin with.
func foreign(data []byte, ext string) (why Remark, refused bool) {
	for _, k := range []struct {
		magic string
		why   Remark
	}{
		{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Remark{Kind: OldOffice}},
		{"{\\rtf", Remark{FileOfOtherKind, []any{".rtf"}}},
		{"%PDF-", Remark{FileOfOtherKind, []any{".pdf"}}},
		{"PAR1", Remark{FileOfOtherKind, []any{".parquet"}}},
		{"7z\xbc\xaf\x27\x1c", Remark{OtherArchive, []any{"7z"}}},
		{"Rar!", Remark{OtherArchive, []any{"RAR"}}},
		{"\xfd7zXZ", Remark{OtherArchive, []any{"xz"}}},
		{"BZh", Remark{OtherArchive, []any{"bzip2"}}},
		{"(\xb5/\xfd", Remark{OtherArchive, []any{"zstd"}}},
		{"SQLite format 3", Remark{FileOfOtherKind, []any{"SQLite"}}},
	} {
		if bytes.HasPrefix(data, []byte(k.magic)) {
			return k.why, true
		}
	}
	if ext == ".zip" {
		return Remark{Kind: FileNoZIP}, true
	}
	return Remark{}, false
}

// fileReader reads the examples of one file.
type fileReader struct {
	*reading
	place
	name string
	gave bool // it gave something else than examples: responses, stories
}

func (f *fileReader) where(line int) string {
	if line > 0 {
		return fmt.Sprintf("%s:%d", f.name, line)
	}
	return f.name
}

func (f *fileReader) skip(line int, why RemarkKind, args ...any) {
	f.report.remark(f.where(line), Remark{why, args})
}

func (f *fileReader) remark(line int, why Remark) { f.report.remark(f.where(line), why) }

// leave counts something that the format says to leave out.
func (f *fileReader) leave(line int, why RemarkKind, args ...any) {
	f.report.leave(f.where(line), Remark{why, args})
}

// aside counts what isn't read: beside other files it is no misreading.
func (f *fileReader) aside(line int, why RemarkKind, args ...any) {
	if f.many {
		f.leave(line, why, args...)
	} else {
		f.skip(line, why, args...)
	}
}

func (f *fileReader) doubt(kind RemarkKind, args ...any) { f.report.doubt(f.name, kind, args...) }
func (f *fileReader) format(name string)                 { f.report.readAs(f.name, ReadAsFormat, name) }

// responses takes over the response texts of a label, those before them first.
func (f *fileReader) responses(line int, label string, texts []string) {
	label = clean(label)
	if label == "" || len(texts) == 0 {
		return
	}
	f.gave = true
	all := f.project.responses[label]
	for _, text := range texts {
		text = strings.TrimSpace(text)
		switch {
		case text == "" || utf8.RuneCountInString(text) > record.MaxTextRunes:
			f.skip(line, "a response that is no text of up to %d characters", record.MaxTextRunes)
		case len(all) >= learn.MaxResponses:
			f.skip(line, "the label has more than %d responses", learn.MaxResponses)
		case !slices.Contains(all, text):
			all = append(all, text)
		}
	}
	if f.project.responses == nil {
		f.project.responses = map[string][]string{}
	}
	f.project.responses[label] = all
}

// add takes one example over. It returns learn.ErrTooManyExamples or the context's error, which end the reading.
func (f *fileReader) add(line int, text, label, reply string) error {
	return f.take(line, text, label, reply, false)
}

// intent takes over a phrase whose label a format names as such.
func (f *fileReader) intent(line int, text, label, reply string) error {
	return f.take(line, text, label, reply, true)
}

func (f *fileReader) take(line int, text, label, reply string, structure bool) error {
	e := record.Example{Text: clean(text), Label: clean(label), Reply: strings.TrimSpace(reply), Origin: f.opt.Origin}
	e.Origin.File, e.Origin.Line = f.name, line
	if e.Label == "" && e.Reply == "" {
		structure = true
		if e.Label = f.label; e.Label == "" {
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
	f.examples, f.structure = append(f.examples, e), append(f.structure, structure)
	return nil
}

// clean makes one line of s. It takes no more memory than s, which may be a whole file.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	var b strings.Builder
	for word := range strings.FieldsSeq(s) {
		if b.Len() > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(word)
	}
	return b.String()
}

// isClean reports whether ASCII text has single blanks between its words only.
func isClean(s string) bool {
	blank := true
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf || c < ' ' || c == ' ' && blank:
			return false
		default:
			blank = c == ' '
		}
	}
	return s == "" || !blank
}
