package sheet

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"strconv"

	"github.com/parquet-go/parquet-go"

	"github.com/mynahbot/mynah/internal/dataset"
)

// parquetRows gives the names of the columns as the first row. Of a column that is a list its first value is taken. Classes that Hugging
// Face names in the file's metadata get their names.
func parquetRows(ctx context.Context, data []byte, take func(string, []string) error) (err error) {
	defer func() { // of a damaged file
		if p := recover(); p != nil {
			err = refuse(dataset.FileBroken, p)
		}
	}()
	// The footer's length is believed by the library before anything else is.
	if len(data) < 12 || int64(binary.LittleEndian.Uint32(data[len(data)-8:])) > int64(len(data)-8) {
		return refuse(dataset.FileBroken, "its end is missing")
	}
	file, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)), parquet.SkipBloomFilters(true))
	if err != nil {
		return refuse(dataset.FileBroken, err)
	}
	if file.NumRows() > maxRows {
		return dataset.ErrTooLarge
	}
	columns := file.Schema().Columns()
	if len(columns) > maxCells {
		return dataset.ErrTooLarge
	}
	classes := classNames(file)
	header := make([]string, len(columns))
	for i, path := range columns {
		for _, part := range path { // answers.list.element
			if part != "list" && part != "element" && part != "item" {
				if header[i] != "" {
					header[i] += "."
				}
				header[i] += part
			}
		}
	}
	if err := take("", header); err != nil {
		return err
	}
	buffer := make([]parquet.Row, 64)
	for _, group := range file.RowGroups() {
		if err := groupRows(ctx, group, buffer, header, classes, take); err != nil {
			return err
		}
	}
	return nil
}

func groupRows(ctx context.Context, group parquet.RowGroup, buffer []parquet.Row, header []string, classes map[string][]string, take func(string, []string) error) (err error) {
	rows := group.Rows()
	defer func() { err = errors.Join(err, rows.Close()) }()
	for {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n, err := rows.ReadRows(buffer)
		for _, r := range buffer[:n] {
			cells := make([]string, len(header))
			seen := make([]bool, len(header))
			for _, v := range r {
				i := v.Column()
				if i < 0 || i >= len(cells) || seen[i] || v.IsNull() {
					continue
				}
				seen[i] = true
				cells[i] = v.String()
				if names := classes[header[i]]; names != nil {
					if at, err := strconv.Atoi(cells[i]); err == nil && at >= 0 && at < len(names) {
						cells[i] = names[at]
					}
				}
			}
			if err := take("", cells); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return refuse(dataset.FileBroken, err)
		}
	}
}

// classNames are the names of classes by their column.
func classNames(file *parquet.File) map[string][]string {
	raw, ok := file.Lookup("huggingface")
	if !ok {
		return nil
	}
	var about struct {
		Info struct {
			Features map[string]json.RawMessage `json:"features"`
		} `json:"info"`
	}
	if json.Unmarshal([]byte(raw), &about) != nil {
		return nil
	}
	found := map[string][]string{}
	for column, raw := range about.Info.Features {
		var feature struct {
			Names []string `json:"names"`
		}
		if json.Unmarshal(raw, &feature) == nil && len(feature.Names) > 0 {
			found[column] = feature.Names
		}
	}
	return found
}
