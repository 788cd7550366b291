package document

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/mynahbot/mynah/internal/dataset"
)

const (
	maxDOCX   = 200 << 20 // word/document.xml, which is read as a stream
	maxStyles = 16 << 20
)

// docx divides a document of Word by its styles (ECMA-376, part 1, section 17).
func docx(ctx context.Context, data []byte) ([]dataset.Block, error) {
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, refuse(dataset.FileBroken, err)
	}
	levels := map[string]int{}
	if f, err := zr.Open("word/styles.xml"); err == nil {
		levels = headingStyles(io.LimitReader(f, maxStyles))
		if err := f.Close(); err != nil {
			return nil, err
		}
	}
	f, err := zr.Open("word/document.xml")
	if err != nil {
		return nil, refuse(dataset.FileBroken, err)
	}
	defer f.Close()
	w := &wordReader{ctx: ctx, levels: levels}
	err = w.read(xml.NewDecoder(io.LimitReader(f, maxDOCX)))
	if _, refused := errors.AsType[*dataset.Refusal](err); err != nil && !refused && ctx.Err() == nil {
		err = refuse(dataset.FileBroken, err)
	}
	return w.blocks, err
}

// headingStyles are the levels of heading styles by their id. A style of somebody's own is one when it is based on one.
func headingStyles(r io.Reader) map[string]int {
	levels, based := map[string]int{}, map[string]string{}
	dec := xml.NewDecoder(r)
	id := ""
	for {
		token, err := dec.Token()
		if err != nil {
			break
		}
		e, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		switch e.Name.Local {
		case "style":
			id = attr(e, "styleId")
		case "name":
			name := strings.ToLower(attr(e, "val")) // always in English
			if n, err := strconv.Atoi(strings.TrimPrefix(name, "heading ")); err == nil && strings.HasPrefix(name, "heading ") {
				levels[id] = n
			}
			if name == "title" {
				levels[id] = 1
			}
		case "basedOn":
			based[id] = attr(e, "val")
		case "outlineLvl":
			if n, err := strconv.Atoi(attr(e, "val")); err == nil && n < 9 && levels[id] == 0 {
				levels[id] = n + 1
			}
		}
	}
	for id := range based {
		at := id
		for range 10 {
			if levels[at] > 0 || based[at] == "" {
				break
			}
			at = based[at]
		}
		if levels[id] == 0 && levels[at] > 0 {
			levels[id] = levels[at]
		}
	}
	return levels
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// wordReader takes the parts of word/document.xml one by one.
type wordReader struct {
	ctx    context.Context
	levels map[string]int
	blocks []dataset.Block

	text            strings.Builder
	all, n          int // bytes of text, tokens
	level           int
	item            bool
	runBold, inRun  bool
	strong          int
	silent          int // deleted text, and what a fallback repeats
	tables, inTable int
	cells           []string
}

func (w *wordReader) read(dec *xml.Decoder) error {
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if w.n++; w.n%4096 == 0 && w.ctx.Err() != nil {
			return context.Cause(w.ctx)
		}
		if w.all > maxText || len(w.blocks) > maxBlocks {
			return refuse(dataset.TooManyPages, maxText>>20)
		}
		switch e := token.(type) {
		case xml.StartElement:
			w.start(e)
			if e.Name.Local == "t" && w.silent == 0 {
				var s string
				if err := dec.DecodeElement(&s, &e); err != nil {
					return err
				}
				w.text.WriteString(s)
				w.all += len(s)
				if w.runBold {
					w.strong += len(s)
				}
			}
		case xml.EndElement:
			w.end(e.Name.Local)
		}
	}
}

func (w *wordReader) start(e xml.StartElement) {
	on := attr(e, "val") != "0" && attr(e, "val") != "false" && attr(e, "val") != "none"
	switch e.Name.Local {
	case "p":
		w.text.Reset()
		w.level, w.item, w.strong = 0, false, 0
	case "pStyle":
		w.level = w.levels[attr(e, "val")]
	case "outlineLvl":
		if n, err := strconv.Atoi(attr(e, "val")); err == nil && n < 9 {
			w.level = n + 1
		}
	case "numPr":
		w.item = true
	case "r":
		w.runBold, w.inRun = false, true
	case "b":
		w.runBold = w.runBold || w.inRun && on
	case "tab":
		if w.inRun {
			w.text.WriteByte(' ')
		}
	case "br", "cr":
		w.text.WriteByte('\n')
	case "del", "Fallback", "moveFrom", "instrText":
		w.silent++
	case "tbl":
		if w.inTable++; w.inTable == 1 {
			w.tables++
		}
	case "tc":
		if w.inTable == 1 && len(w.cells) < 256 {
			w.cells = append(w.cells, "")
		}
	}
}

func (w *wordReader) end(name string) {
	switch name {
	case "r":
		w.runBold, w.inRun = false, false
	case "del", "Fallback", "moveFrom", "instrText":
		w.silent = max(w.silent-1, 0)
	case "p":
		text := strings.TrimSpace(w.text.String())
		w.text.Reset()
		switch {
		case text == "":
		case w.inTable > 0:
			if len(w.cells) > 0 {
				last := &w.cells[len(w.cells)-1]
				if *last != "" {
					*last += "\n"
				}
				*last += text
			}
		default:
			b := dataset.Block{Text: text, Level: w.level, Bold: 10*w.strong >= 9*len(text)}
			if w.level > 0 {
				b.Kind = dataset.Heading
			} else if w.item && !b.Bold {
				b.Text = "- " + text
			}
			w.blocks = append(w.blocks, b)
		}
	case "tr":
		if w.inTable == 1 {
			w.blocks = append(w.blocks, dataset.Block{Kind: dataset.Row, Cells: w.cells, Table: w.tables})
			w.cells = nil
		}
	case "tbl":
		w.inTable--
	}
}
