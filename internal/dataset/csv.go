package dataset

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"

	"github.com/mynahbot/mynah/internal/learn"
)

// Text with separators into records, tolerant of what programs and people write.

const (
	// maxFieldLines is how many lines a quoted field may span. More means that its closing quote is missing.
	maxFieldLines = 200
	// maxColumns is how many columns a line may have: one of nothing but separators would take many times its size.
	maxColumns = 256
)

// errColumns says that a record has more than maxColumns.
var errColumns = fmt.Errorf("more than %d columns", maxColumns)

// errQuoting says that the quoting of a line can't be made out.
var errQuoting = errors.New(string(QuotingBroken))

// row is one record of a table, from 1.
type row struct {
	line  int
	cells []string
}

// rows splits text into records and gives each to take. A record with broken quoting costs its own first line only, and
// so does one with too many columns.
func (f *fileReader) rows(text string, comma rune, take func(row) error) error {
	line, taken := 1, 0
	for text != "" {
		if taken > f.opt.MaxCount+columnSample {
			return learn.ErrTooManyExamples
		}
		first, rest, _ := strings.Cut(text, "\n")
		if strings.TrimSpace(first) == "" {
			text = rest
			line++
			continue
		}
		cells, used, err := nextRecord(text, first, comma)
		if err != nil {
			f.remark(line, remarkOn(err))
			used = min(len(first)+1, len(text))
		} else {
			if err := take(row{line, cells}); err != nil {
				return err
			}
			taken++
		}
		line += strings.Count(text[:used], "\n")
		text = text[used:]
	}
	return nil
}

// nextRecord parses the first record of text, whose first line is first, and returns how many bytes it takes.
func nextRecord(text, first string, comma rune) (cells []string, used int, err error) {
	whole := min(len(first)+1, len(text))
	if !strings.Contains(first, `"`) {
		if strings.Count(first, string(comma)) >= maxColumns {
			return nil, 0, errColumns
		}
		return strings.Split(first, string(comma)), whole, nil
	}
	cells, used, err = quotedRecord(text, byte(comma))
	if err == nil || errors.Is(err, errColumns) {
		return cells, used, err
	}
	if cells = splitBroken(first, comma); cells == nil {
		return nil, 0, errQuoting
	}
	return cells, whole, nil
}

// quotedRecord parses the first record of text by the rules of RFC 4180, with blanks before a quote, \" within quotes, and quotes within
// fields that aren't quoted. It returns how many bytes the record takes.
func quotedRecord(text string, comma byte) (cells []string, used int, err error) {
	at, lines := 0, 0
	for {
		if len(cells) >= maxColumns {
			return nil, 0, errColumns
		}
		start := at
		for at < len(text) && text[at] == ' ' {
			at++
		}
		if at == len(text) || text[at] != '"' {
			end := strings.IndexAny(text[start:], string([]byte{comma, '\n'}))
			if end < 0 {
				return append(cells, text[start:]), len(text), nil
			}
			at = start + end
			cells = append(cells, text[start:at])
			if text[at] == '\n' {
				return cells, at + 1, nil
			}
			at++
			continue
		}
		at++
		field := strings.Builder{}
		for {
			end := strings.IndexAny(text[at:], "\"\n\\")
			if end < 0 {
				return nil, 0, errQuoting
			}
			field.WriteString(text[at : at+end])
			at += end
			if c := text[at]; c == '\n' {
				if lines++; lines >= maxFieldLines {
					return nil, 0, errQuoting
				}
				field.WriteByte('\n')
				at++
				continue
			} else if c == '\\' {
				at++
				if at < len(text) && text[at] == '"' && !endsField(text[at+1:], comma) {
					field.WriteByte('"')
					at++
				} else {
					field.WriteByte('\\')
				}
				continue
			}
			at++
			if at < len(text) && text[at] == '"' {
				field.WriteByte('"')
				at++
				continue
			}
			break
		}
		if !endsField(text[at:], comma) {
			return nil, 0, errQuoting
		}
		cells = append(cells, field.String())
		for at < len(text) && text[at] == ' ' {
			at++
		}
		if at == len(text) {
			return cells, at, nil
		}
		at++
		if text[at-1] == '\n' {
			return cells, at, nil
		}
	}
}

// endsField reports whether a field ends where rest begins.
func endsField(rest string, comma byte) bool {
	rest = strings.TrimLeft(rest, " ")
	return rest == "" || rest[0] == comma || rest[0] == '\n'
}

// splitBroken reads one line whose quotes are not those of CSV, such as one with inches or a lone quote in a text; nil where
// it can't.
func splitBroken(line string, comma rune) []string {
	if strings.Count(line, string(comma)) >= maxColumns {
		return nil
	}
	r := csv.NewReader(strings.NewReader(line))
	r.Comma = comma
	r.LazyQuotes = true
	r.FieldsPerRecord = -1
	cells, err := r.Read()
	if err != nil || strings.Count(line, `"`)%2 == 1 && (strings.HasPrefix(line, `"`) || len(cells) < 2) {
		return nil
	}
	return cells
}

// separatorSample is how much of a file its separator is looked for in.
const separatorSample = 64 << 10

// separator picks the sign that parts the first records most evenly into columns whose names are known.
func separator(text string) rune {
	if len(text) > separatorSample {
		text = text[:separatorSample]
		if i := strings.LastIndexByte(text, '\n'); i > 0 {
			text = text[:i+1]
		}
	}
	best, most := ',', 0.0
	for _, c := range []rune{'\t', ';', ',', '|'} {
		if !strings.ContainsRune(text, c) {
			continue
		}
		var sample [][]string
		widths := map[int]int{}
		for rest := text; rest != "" && len(sample) < 100; {
			first, after, _ := strings.Cut(rest, "\n")
			if strings.TrimSpace(first) == "" {
				rest = after
				continue
			}
			cells, used, err := nextRecord(rest, first, c)
			if err != nil {
				rest = after
				continue
			}
			rest = rest[used:]
			sample = append(sample, cells)
			widths[len(cells)]++
		}
		even := 0.0
		for w, n := range widths {
			if w > 1 {
				even = max(even, float64(n)/float64(len(sample)))
			}
		}
		if findHeader(sample, false) >= 0 {
			even++
		}
		if even > most {
			best, most = c, even
		}
	}
	return best
}

// separatorLine reads the line "sep=;" that Excel understands, and cuts it off.
func separatorLine(text string) (comma rune, rest string) {
	first, rest, _ := strings.Cut(text, "\n")
	low := strings.ToLower(strings.Trim(strings.TrimRight(first, " \r"), `"`))
	if sign, ok := strings.CutPrefix(low, "sep="); ok && len(sign) == 1 {
		return rune(sign[0]), "\n" + rest // the lines keep their numbers
	}
	return 0, text
}
