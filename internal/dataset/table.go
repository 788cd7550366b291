package dataset

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/learn"
)

const (
	// maxFieldLines is how many lines a quoted field may span. More means that its closing quote is missing.
	maxFieldLines = 200
	// maxColumns is how many columns a line may have: one of nothing but separators would take many times its size.
	maxColumns = 256
	// columnSample is how many rows the columns are guessed from.
	columnSample = 5000
)

type row struct {
	line  int
	cells []string
}

// columns says where in a row things are; -1 is nowhere.
type columns struct{ text, label, reply, positive int }

// table reads CSV or TSV text. comma 0 means that the separator is to be found out.
func (f *fileReader) table(text string, comma rune) error {
	if comma == 0 {
		comma = separator(text)
	}
	var sample []row // until the columns are known
	var known *layout
	begin := func() (err error) {
		known, sample = f.layout(sample, comma)
		for _, r := range sample {
			if err = f.row(r, known); err != nil {
				break
			}
		}
		sample = nil
		return err
	}
	err := f.rows(text, comma, func(r row) error {
		if known != nil {
			return f.row(r, known)
		}
		if sample = append(sample, r); len(sample) < columnSample {
			return nil
		}
		return begin()
	})
	if err != nil || len(sample) == 0 {
		return err
	}
	return begin()
}

// layout is how the rows of a table are made.
type layout struct {
	columns
	width int
}

// layout finds out from the first rows how the table is made, and returns those of them that are no header.
func (f *fileReader) layout(rows []row, comma rune) (*layout, []row) {
	l := &layout{}
	for _, r := range rows[:min(len(rows), 100)] {
		l.width = max(l.width, len(r.cells))
	}
	var header bool
	if l.columns, header = headerColumns(rows[0].cells); header {
		return l, rows[1:]
	}
	if l.columns, header = guessColumns(rows, l.width); header {
		f.skip(rows[0].line, ColumnNames, strings.Join(rows[0].cells, string(comma)))
		return l, rows[1:]
	}
	return l, rows
}

// row reads the example in one row.
func (f *fileReader) row(r row, l *layout) error {
	cell := func(i int) string {
		if i < 0 || i >= len(r.cells) {
			return ""
		}
		return r.cells[i]
	}
	if len(r.cells) > l.width && l.width > 1 || len(r.cells) <= max(l.label, l.reply) {
		if len(r.cells) > 1 || l.width > 1 {
			f.skip(r.line, ColumnsDiffer, len(r.cells), l.width)
			return nil
		}
	}
	label := cell(l.label)
	if l.positive >= 0 && label == "" {
		label = positiveLabel(cell(l.positive))
	}
	return f.add(r.line, cell(l.text), label, cell(l.reply))
}

// errColumns says that a record has more than maxColumns.
var errColumns = fmt.Errorf("more than %d columns", maxColumns)

// errQuoting says that the quoting of a line can't be made out.
var errQuoting = errors.New(string(QuotingBroken))

// rows splits text into records and gives each to take. A record with broken quoting costs its own first line only, and
// so does one with too many columns.
func (f *fileReader) rows(text string, comma rune, take func(row) error) error {
	line, taken := 1, 0
	for text != "" {
		if taken > f.opt.MaxCount+1 {
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
	cells, used, err = csvRecord(text, comma)
	if err == nil || errors.Is(err, errColumns) {
		return cells, used, err
	}
	if cells = splitBroken(first, comma); cells == nil {
		return nil, 0, errQuoting
	}
	return cells, whole, nil
}

// csvRecord parses the first record of text by the rules of CSV, and returns how many bytes it takes.
func csvRecord(text string, comma rune) ([]string, int, error) {
	end, lines := len(text), 0
	for i := range len(text) {
		if text[i] == '\n' {
			if lines++; lines >= maxFieldLines {
				end = i + 1
				break
			}
		}
	}
	if separators(text[:end], comma) >= maxColumns {
		return nil, 0, errColumns
	}
	r := csv.NewReader(strings.NewReader(text[:end]))
	r.Comma = comma
	r.FieldsPerRecord = -1
	cells, err := r.Read()
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, len(text), nil
		}
		return nil, 0, err
	}
	used := int(r.InputOffset())
	if n := strings.Count(text[:used], "\n"); n > 1 {
		// A quote that opens in one record and closes in a later one swallows lines that each look whole.
		first, _, _ := strings.Cut(text, "\n")
		if strings.Count(first, `"`)%2 == 1 && !strings.Contains(first, string(comma)+`"`) && !strings.HasPrefix(first, `"`) {
			return nil, 0, csv.ErrQuote
		}
	}
	return cells, used, nil
}

// separators counts those of the first record of text, outside of quotes.
func separators(text string, comma rune) (n int) {
	quoted := false
	for _, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == comma:
			n++
		case r == '\n':
			return n
		}
	}
	return n
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

// separator picks the sign that parts the first lines into columns most evenly.
func separator(text string) rune {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
		if len(lines) == 50 {
			break
		}
	}
	best, bestScore := ',', 0
	for _, c := range []rune{',', '\t', ';', '|'} {
		score := 0
		for _, l := range lines {
			if strings.ContainsRune(l, c) {
				score += 2
			}
			if strings.Count(l, string(c)) == strings.Count(lines[0], string(c)) && strings.ContainsRune(l, c) {
				score++
			}
		}
		if score > bestScore {
			best, bestScore = c, score
		}
	}
	return best
}

// headerColumns recognises a first row that names its columns.
func headerColumns(cells []string) (columns, bool) {
	c := columns{-1, -1, -1, -1}
	for i, s := range cells {
		s = strings.ToLower(strings.Trim(strings.TrimSpace(s), `"'`))
		switch {
		case slices.Contains(textKeys, s) && c.text < 0:
			c.text = i
		case slices.Contains(labelKeys, s) && c.label < 0:
			c.label = i
		case slices.Contains(replyKeys, s) && c.reply < 0:
			c.reply = i
		case slices.Contains(positiveKeys, s) && c.positive < 0:
			c.positive = i
		}
	}
	if c.text < 0 {
		return c, false
	}
	if len(cells) == 1 || c.label >= 0 || c.reply >= 0 || c.positive >= 0 {
		return c, true
	}
	return c, false
}

// guessColumns finds out from the content which column holds labels, texts or replies. header reports that the first
// row seems to name the columns.
func guessColumns(rows []row, width int) (c columns, header bool) {
	c = columns{0, -1, -1, -1}
	if width < 2 {
		return c, false
	}
	sample := rows[:min(len(rows), columnSample)]
	distinct := make([]map[string]int, width)
	length := make([]int, width)
	for i := range distinct {
		distinct[i] = map[string]int{}
	}
	for _, r := range sample {
		for i, s := range r.cells[:min(len(r.cells), width)] {
			s = strings.TrimSpace(s)
			distinct[i][s]++
			length[i] += len(s)
		}
	}
	// The text is the column with the most to say; a column of few different short values is the label.
	for i := range width {
		if 2*len(distinct[i])*length[i] > 3*len(distinct[c.text])*length[c.text] {
			c.text = i
		}
	}
	other := -1
	for i := range width {
		if i != c.text && (other < 0 || len(distinct[i]) < len(distinct[other])) && len(distinct[i]) > 0 && length[i] > 0 {
			other = i
		}
	}
	if other < 0 {
		return c, false
	}
	labels := 0
	for s, n := range distinct[other] {
		if looksLikeLabel(s) {
			labels += n
		}
	}
	if 10*labels >= 9*len(sample) {
		c.label = other
	} else {
		if c.text > other && width == 2 { // the longer of two is the reply
			c.text, other = other, c.text
		}
		c.reply = other
	}
	if c.label >= 0 && len(sample) >= 10 && len(rows[0].cells) == width {
		first := strings.TrimSpace(rows[0].cells[c.label])
		once := 0
		for _, n := range distinct[c.label] {
			if n == 1 {
				once++
			}
		}
		header = distinct[c.label][first] == 1 && once == 1 && len(distinct[c.label]) > 2 && looksLikeLabel(rows[0].cells[c.text])
	}
	return c, header
}
