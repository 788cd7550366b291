package learn

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
)

// maxFieldLines is how many lines a quoted field may span. More means that its closing quote is missing.
const maxFieldLines = 200

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
	rows, err := f.rows(text, comma)
	if err != nil || len(rows) == 0 {
		return err
	}
	width := 0
	for _, r := range rows[:min(len(rows), 100)] {
		width = max(width, len(r.cells))
	}
	cols, header := headerColumns(rows[0].cells)
	if header {
		rows = rows[1:]
	} else {
		cols, header = guessColumns(rows, width)
		if header {
			f.skip(rows[0].line, ColumnNames, strings.Join(rows[0].cells, string(comma)))
			rows = rows[1:]
		}
	}
	cell := func(r row, i int) string {
		if i < 0 || i >= len(r.cells) {
			return ""
		}
		return r.cells[i]
	}
	for _, r := range rows {
		if len(r.cells) > width && width > 1 || len(r.cells) <= max(cols.label, cols.reply) {
			if len(r.cells) > 1 || width > 1 {
				f.skip(r.line, ColumnsDiffer, len(r.cells), width)
				continue
			}
		}
		label := cell(r, cols.label)
		if cols.positive >= 0 && label == "" {
			label = positiveLabel(cell(r, cols.positive))
		}
		if err := f.add(r.line, cell(r, cols.text), label, cell(r, cols.reply)); err != nil {
			return err
		}
	}
	return nil
}

// rows splits text into records. A record with broken quoting costs its own first line only.
func (f *fileReader) rows(text string, comma rune) ([]row, error) {
	var out []row
	line := 1
	for text != "" {
		if len(out) > f.opt.MaxCount+1 {
			return nil, ErrTooManyExamples
		}
		first, rest, _ := strings.Cut(text, "\n")
		if strings.TrimSpace(first) == "" {
			text = rest
			line++
			continue
		}
		if !strings.Contains(first, `"`) {
			out = append(out, row{line, strings.Split(first, string(comma))})
			text = rest
			line++
			continue
		}
		cells, used, err := record1(text, comma)
		if err != nil {
			if cells, _ = splitBroken(first, comma); cells == nil {
				f.skip(line, QuotingBroken)
			} else {
				out = append(out, row{line, cells})
			}
			used = min(len(first)+1, len(text))
		} else {
			out = append(out, row{line, cells})
		}
		line += strings.Count(text[:used], "\n")
		text = text[used:]
	}
	return out, nil
}

// record1 parses the first record of text and returns how many bytes it takes.
func record1(text string, comma rune) ([]string, int, error) {
	end, lines := len(text), 0
	for i := range len(text) {
		if text[i] == '\n' {
			if lines++; lines >= maxFieldLines {
				end = i + 1
				break
			}
		}
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

// splitBroken reads one line whose quotes are not those of CSV, such as one with inches or a lone quote in a text.
func splitBroken(line string, comma rune) ([]string, int) {
	r := csv.NewReader(strings.NewReader(line))
	r.Comma = comma
	r.LazyQuotes = true
	r.FieldsPerRecord = -1
	cells, err := r.Read()
	if err != nil || strings.Count(line, `"`)%2 == 1 && (strings.HasPrefix(line, `"`) || len(cells) < 2) {
		return nil, 0
	}
	return cells, len(line)
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
	sample := rows[:min(len(rows), 5000)]
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
