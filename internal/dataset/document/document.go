// Package document divides running text into headings, paragraphs and rows of tables, for package dataset: Markdown, HTML, DOCX and PDF.
//
// [Opener] is what a dataset.Reader takes. PDF needs the program pdftotext, of Debian's package poppler-utils.
package document

import (
	"bytes"
	"context"
	"path"
	"strings"

	"github.com/mynahbot/mynah/internal/dataset"
)

// Limits against documents that would take more memory or time than they are worth.
const (
	maxText   = 16 << 20 // text of one document, in bytes: some 5,000 pages
	maxBlocks = 400_000
)

// Opener opens documents. The zero Opener works.
type Opener struct{}

// Blocks divides a document of a kind that it knows by its content, or by its extension.
func (Opener) Blocks(ctx context.Context, name string, data []byte) (blocks []dataset.Block, known bool, err error) {
	head := bytes.ToLower(bytes.TrimSpace(data[:min(len(data), 400)]))
	switch ext := strings.ToLower(path.Ext(name)); {
	case bytes.HasPrefix(data, []byte("%PDF-")):
		blocks, err = pdf(ctx, data)
	case bytes.HasPrefix(data, []byte("PK\x03\x04")):
		if !bytes.Contains(data, []byte("word/document")) {
			return nil, false, nil
		}
		blocks, err = docx(ctx, data)
	case len(data) > maxText:
		return nil, true, refuse(dataset.TooManyPages, maxText>>20)
	case bytes.HasPrefix(head, []byte("<!doctype html")), bytes.HasPrefix(head, []byte("<html")), ext == ".html", ext == ".htm":
		blocks, err = page(data)
	case ext == ".md", ext == ".markdown":
		blocks = markdown(data)
	default:
		return nil, false, nil
	}
	return blocks, true, err
}

func refuse(kind dataset.RemarkKind, args ...any) error {
	return &dataset.Refusal{Remark: dataset.Remark{Kind: kind, Args: args}}
}
