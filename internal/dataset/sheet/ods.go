package sheet

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

// maxRepeat is how often a row or cell that is said once is taken: sheets end with a million empty ones.
const maxRepeat = 1000

// odsRows reads OpenDocument's content.xml: table, table-row, table-cell, p (part 3, section 9 of OpenDocument 1.3).
func odsRows(ctx context.Context, data []byte, take func(string, []string) error) error {
	if err := unpacksTo(data, func(name string) bool { return name != "content.xml" && strings.HasSuffix(name, ".xml") }); err != nil {
		return err
	}
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return refuse(dataset.FileBroken, err)
	}
	f, err := zr.Open("content.xml")
	if err != nil {
		return refuse(dataset.FileBroken, err)
	}
	defer f.Close()
	err = readODS(ctx, xml.NewDecoder(io.LimitReader(f, maxUnpacked)), take)
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		return refuse(dataset.FileBroken, syntax)
	}
	return err
}

func readODS(ctx context.Context, dec *xml.Decoder, take func(string, []string) error) error {
	var (
		sheet         string
		cells         []string
		cell          strings.Builder
		paragraphs, n int
		rowTimes      int
		cellTimes     int
		inCell        bool
		note          int // annotations
	)
	attr := func(e xml.StartElement, name string) string {
		for _, a := range e.Attr {
			if a.Name.Local == name {
				return a.Value
			}
		}
		return ""
	}
	times := func(e xml.StartElement, name string) int {
		n, err := strconv.Atoi(attr(e, name))
		if err != nil || n < 1 {
			return 1
		}
		return min(n, maxRepeat)
	}
	for {
		token, err := dec.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch e := token.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "table":
				sheet = attr(e, "name")
			case "table-row":
				cells, rowTimes = nil, times(e, "number-rows-repeated")
			case "table-cell", "covered-table-cell":
				inCell, paragraphs, cellTimes = true, 0, times(e, "number-columns-repeated")
				cell.Reset()
			case "annotation":
				note++
			case "p":
				if paragraphs++; inCell && note == 0 && paragraphs > 1 {
					cell.WriteByte('\n')
				}
			case "s", "tab":
				if inCell && note == 0 {
					cell.WriteByte(' ')
				}
			case "line-break":
				if inCell && note == 0 {
					cell.WriteByte('\n')
				}
			}
		case xml.CharData:
			if inCell && note == 0 && paragraphs > 0 {
				cell.Write(e)
			}
		case xml.EndElement:
			switch e.Name.Local {
			case "annotation":
				note--
			case "table-cell", "covered-table-cell":
				inCell = false
				for range min(cellTimes, max(maxCells-len(cells), 0)) {
					cells = append(cells, cell.String())
				}
			case "table-row":
				for len(cells) > 0 && cells[len(cells)-1] == "" {
					cells = cells[:len(cells)-1]
				}
				if len(cells) == 0 {
					continue
				}
				for range rowTimes {
					if n++; n > maxRows {
						return dataset.ErrTooLarge
					}
					if n%1024 == 0 && ctx.Err() != nil {
						return context.Cause(ctx)
					}
					if err := take(sheet, cells); err != nil {
						return err
					}
				}
			}
		}
	}
}
