// Package sheet opens tables that are no text for package dataset: XLSX, ODS and Parquet.
//
// [Opener] is what a dataset.Reader takes. It gives values as people see them: of formulas their last result, of dates how they are
// shown. Links to other files are not followed.
package sheet

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"strings"

	"github.com/xuri/excelize/v2"

	"github.com/mynahbot/mynah/internal/dataset"
)

// Limits against files that unpack to more than memory holds.
const (
	maxUnpacked = 256 << 20 // all parts of a spreadsheet
	maxPart     = 64 << 20  // its parts besides sheets and texts, which excelize keeps in memory
	partInFile  = 1 << 20   // sheets and texts above it are unpacked into a temporary file
	maxRows     = 1_100_000 // of one file; a sheet of Excel's has at most 1,048,576
	maxCells    = 256       // of one row that are looked at
)

// Opener opens tables. The zero Opener works.
type Opener struct{}

// Rows gives take the rows of each sheet that isn't hidden.
func (Opener) Rows(ctx context.Context, name string, data []byte, take func(sheet string, row []string) error) (known bool, err error) {
	switch {
	case bytes.HasPrefix(data, []byte("PAR1")):
		return true, parquetRows(ctx, data, take)
	case !bytes.HasPrefix(data, []byte("PK\x03\x04")):
		return false, nil
	case bytes.Contains(data, []byte("xl/workbook")):
		return true, xlsxRows(ctx, data, take)
	case bytes.Contains(data[:min(len(data), 200)], []byte("application/vnd.oasis.opendocument.spreadsheet")):
		return true, odsRows(ctx, data, take)
	}
	return false, nil
}

func refuse(kind dataset.RemarkKind, args ...any) error {
	return &dataset.Refusal{Remark: dataset.Remark{Kind: kind, Args: args}}
}

// unpacksTo returns a refusal of an archive that unpacks to more than is read.
func unpacksTo(data []byte, inMemory func(name string) bool) error {
	zr, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return refuse(dataset.FileBroken, err)
	}
	var all, kept uint64
	for _, f := range zr.File {
		size := f.UncompressedSize64
		if all += size; size > maxUnpacked || all > maxUnpacked {
			return dataset.ErrTooLarge
		}
		if inMemory(f.Name) {
			if kept += size; kept > maxPart {
				return dataset.ErrTooLarge
			}
		}
	}
	return nil
}

func xlsxRows(ctx context.Context, data []byte, take func(string, []string) error) (err error) {
	err = unpacksTo(data, func(name string) bool {
		return !strings.HasPrefix(name, "xl/worksheets/sheet") && !strings.HasPrefix(name, "xl/sharedStrings")
	})
	if err != nil {
		return err
	}
	defer func() { // of a file that is no spreadsheet inside
		if p := recover(); p != nil {
			err = refuse(dataset.FileBroken, p)
		}
	}()
	book, err := excelize.OpenReader(bytes.NewReader(data), excelize.Options{UnzipSizeLimit: maxUnpacked, UnzipXMLSizeLimit: partInFile})
	if err != nil {
		if errors.Is(err, excelize.ErrWorkbookFileFormat) || strings.Contains(err.Error(), "password") {
			return refuse(dataset.OldOffice)
		}
		return refuse(dataset.FileBroken, err)
	}
	defer func() { err = errors.Join(err, book.Close()) }()
	sheets := book.GetSheetList()
	n := 0
	for _, name := range sheets {
		if visible, err := book.GetSheetVisible(name); err == nil && !visible {
			continue
		}
		shown := name
		if len(sheets) == 1 {
			shown = ""
		}
		rows, err := book.Rows(name)
		if err != nil {
			continue // a chart
		}
		for rows.Next() {
			if n++; n > maxRows {
				return errors.Join(dataset.ErrTooLarge, rows.Close())
			}
			if n%1024 == 0 && ctx.Err() != nil {
				return errors.Join(context.Cause(ctx), rows.Close())
			}
			cells, err := rows.Columns()
			if err != nil {
				return errors.Join(refuse(dataset.FileBroken, err), rows.Close())
			}
			if err := take(shown, cells[:min(len(cells), maxCells)]); err != nil {
				return errors.Join(err, rows.Close())
			}
		}
		if err := errors.Join(rows.Error(), rows.Close()); err != nil {
			return refuse(dataset.FileBroken, err)
		}
	}
	return nil
}
