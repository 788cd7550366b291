package dataset

import (
	"fmt"
	"slices"
	"strings"
)

// columnSample is how many rows the columns are found out from.
const columnSample = 5000

// table reads CSV or TSV text. comma 0 means that the separator is to be found out.
func (f *fileReader) table(text string, comma rune) error {
	if sign, rest := separatorLine(text); sign != 0 {
		comma, text = sign, rest
	}
	if comma == 0 {
		comma = separator(text)
	}
	t := f.newTable("", string(comma))
	if err := f.rows(text, comma, t.add); err != nil {
		return err
	}
	return t.end()
}

// workbook reads the sheets of a file that the Reader's opener knows.
func (f *fileReader) workbook(data []byte) (known bool, err error) {
	var t *tableReader
	sheet, n := "", 0
	known, err = f.Tables.Rows(f.ctx, f.name, data, func(in string, cells []string) error {
		if t == nil || in != sheet {
			if t != nil {
				if err := t.end(); err != nil {
					return err
				}
			}
			t, sheet, n = f.newTable(in, ", "), in, 0
		}
		n++
		if !slices.ContainsFunc(cells, func(s string) bool { return strings.TrimSpace(s) != "" }) {
			return nil
		}
		if len(cells) > maxColumns {
			cells = cells[:maxColumns]
		}
		return t.add(row{n, cells})
	})
	if t != nil && err == nil {
		err = t.end()
	}
	return known, err
}

// tableReader reads the rows of one table: the first of them show what its columns are.
type tableReader struct {
	*fileReader
	sheet  string
	comma  string // what fields are joined with that belong together
	sample []row
	layout *layout
	joined int
}

func (f *fileReader) newTable(sheet, comma string) *tableReader {
	return &tableReader{fileReader: f, sheet: sheet, comma: comma}
}

func (t *tableReader) add(r row) error {
	if t.layout != nil {
		return t.row(r)
	}
	if t.sample = append(t.sample, r); len(t.sample) < columnSample {
		return nil
	}
	return t.begin()
}

func (t *tableReader) end() error {
	if t.layout == nil {
		if len(t.sample) == 0 {
			return nil
		}
		if err := t.begin(); err != nil {
			return err
		}
	}
	if t.joined > 0 {
		t.doubt(FieldsJoined, t.joined, t.layout.name(t.layout.absorbing()))
	}
	return nil
}

// begin finds out how the table is made, and reads the rows that show it.
func (t *tableReader) begin() error {
	sample := make([][]string, len(t.sample))
	for i, r := range t.sample {
		sample[i] = r.cells
	}
	head := findHeader(sample, true)
	var l layout
	switch {
	case head >= 0:
		l = planHeader(sample[head], sample[head+1:])
		for _, r := range t.sample[:head] {
			t.leave(r.line, TitleRow, strings.TrimSpace(strings.Join(r.cells, " ")))
		}
	default:
		l = planContent(sample)
		if l.header != nil { // the first row differs from all others
			t.skip(t.sample[0].line, ColumnNames, strings.Join(l.header, t.comma))
			head = 0
		}
	}
	t.layout = &l
	for _, d := range l.doubts {
		t.doubt(d.Kind, d.Args...)
	}
	if len(l.texts) > 0 && (len(l.answers) > 0 || l.label >= 0 || l.positive >= 0) {
		t.report.readAs(t.sheetName(), ReadAsColumns, l.describe())
	}
	rows := t.sample[head+1:]
	t.sample = nil
	for _, r := range rows {
		if err := t.row(r); err != nil {
			return err
		}
	}
	return nil
}

func (t *tableReader) sheetName() string {
	if t.sheet == "" {
		return t.name
	}
	return t.name + " (" + t.sheet + ")"
}

// row reads the examples of one row.
func (t *tableReader) row(r row) error {
	l := t.layout
	cells := r.cells
	for len(cells) > l.width && strings.TrimSpace(cells[len(cells)-1]) == "" {
		cells = cells[:len(cells)-1]
	}
	if l.header != nil && slices.Equal(cells, l.header) {
		return nil // said again
	}
	if len(cells) > l.width && l.width > 1 {
		joined := l.join(cells, t.comma)
		if joined == nil {
			t.skip(r.line, ColumnsDiffer, len(r.cells), l.width)
			return nil
		}
		t.joined++
		cells = joined
	}
	cell := func(i int) string {
		if i < 0 || i >= len(cells) {
			return ""
		}
		return plainText(fromText(strings.TrimSpace(cells[i])))
	}
	last := max(l.label, slices.Max(append([]int{-1}, l.answers...)))
	if len(cells) <= last && (len(cells) > 1 || l.width > 1) && len(l.answers) < 2 {
		t.skip(r.line, ColumnsDiffer, len(r.cells), l.width)
		return nil
	}
	label := cell(l.label)
	if l.positive >= 0 && label == "" {
		label = positiveLabel(cell(l.positive))
	}
	told := false
	for i, q := range l.texts {
		reply := ""
		switch {
		case len(l.answers) == len(l.texts):
			reply = cell(l.answers[i])
		case len(l.answers) > 0:
			reply = cell(l.answers[0])
		}
		text := cell(q)
		if len(l.texts) > 1 && (text == "" || reply == "" && label == "") && (i < len(l.texts)-1 || told) {
			continue // a translation or another wording that isn't there
		}
		told = true
		if err := t.fileReader.add(r.line, text, label, reply); err != nil {
			return err
		}
	}
	return nil
}

// layout is how the rows of a table are made. A column that isn't there is -1.
type layout struct {
	header          []string // nil where the columns have no names
	width           int
	texts           []int // columns with a question or text; several are translations or other wordings
	answers         []int // none, one, or one for each of texts
	label, positive int
	doubts          []Remark
}

func (l *layout) doubt(kind RemarkKind, args ...any) {
	l.doubts = append(l.doubts, Remark{kind, args})
}

// name is how people know a column.
func (l *layout) name(i int) string {
	if i >= 0 && i < len(l.header) && strings.TrimSpace(l.header[i]) != "" {
		return strings.TrimSpace(l.header[i])
	}
	return fmt.Sprintf("%d", i+1)
}

// describe says which column is what.
func (l *layout) describe() string {
	var parts []string
	say := func(what string, i int) {
		s := fmt.Sprintf("%s = %d", what, i+1)
		if name := l.name(i); i < len(l.header) && name != fmt.Sprint(i+1) {
			s += fmt.Sprintf(" (%s)", name)
		}
		parts = append(parts, s)
	}
	for _, i := range l.texts {
		say("text", i)
	}
	for _, i := range l.answers {
		say("reply", i)
	}
	if l.label >= 0 {
		say("label", l.label)
	}
	if l.positive >= 0 {
		say("positive", l.positive)
	}
	return strings.Join(parts, ", ")
}

// absorbing is the column that gets the fields that are too much in a row: separators in its text weren't quoted.
func (l *layout) absorbing() int {
	if len(l.answers) > 0 {
		return l.answers[len(l.answers)-1]
	}
	if len(l.texts) > 0 {
		return l.texts[len(l.texts)-1]
	}
	return -1
}

// join puts fields together that an unquoted separator parted; nil where it isn't clear which.
func (l *layout) join(cells []string, comma string) []string {
	at, extra := l.absorbing(), len(cells)-l.width
	if at < 0 {
		return nil
	}
	if q := l.texts[0]; len(l.answers) == 1 && q < at && !isQuestion(strings.TrimSpace(cells[q])) {
		for n := 1; n <= extra; n++ { // the question is what has the separator
			if s := strings.Join(cells[q:q+n+1], comma); isQuestion(strings.TrimSpace(s)) {
				cells = slices.Concat(cells[:q], []string{s}, cells[q+n+1:])
				extra -= n
				break
			}
		}
	}
	if extra == 0 {
		return cells
	}
	return slices.Concat(cells[:at], []string{strings.Join(cells[at:at+extra+1], comma)}, cells[at+extra+1:])
}

// findHeader returns the index of the row that names the columns by known words; -1 for none. Titles may stand above it.
func findHeader(rows [][]string, whole bool) int {
	const deepest = 20
	filled := 0
	for i, cells := range rows[:min(len(rows), deepest)] {
		n := 0
		for _, c := range cells {
			if strings.TrimSpace(c) != "" {
				n++
			}
		}
		if i > 0 && n <= filled {
			continue // a row of a table whose first row names nothing
		}
		filled = max(filled, n)
		if namesColumns(cells, rows[i+1:], whole) {
			return i
		}
	}
	return -1
}

// namesColumns reports whether a row names columns.
func namesColumns(cells []string, below [][]string, whole bool) bool {
	if len(cells) > maxColumns {
		return false
	}
	roles := map[role]int{}
	short, filled := 0, 0
	strength := 0
	for i, c := range cells {
		c = strings.Trim(strings.TrimSpace(c), `"'*:`)
		if c == "" {
			continue
		}
		filled++
		n := roleOf(c)
		if n.role == roleNone {
			continue
		}
		words := len(strings.Fields(c))
		if words > 14 || words > 3 && (strings.HasSuffix(c, ".") || strings.HasSuffix(c, "!")) {
			return false
		}
		if words <= 3 && !strings.HasSuffix(c, "?") {
			short++
		}
		if n.role == roleLabel && whole { // what comes again is no name
			for _, r := range below[:min(len(below), 200)] {
				if i < len(r) && strings.TrimSpace(r[i]) == c {
					return false
				}
			}
		}
		roles[n.role]++
		if n.role != roleOther {
			strength = max(strength, n.strength)
		}
	}
	text, answers := roles[roleQuestion], roles[roleAnswer]+roles[roleLabel]+roles[rolePositive]
	switch {
	case text == 0 && answers == 0:
		return false
	case filled == 1 && len(cells) == 1:
		return short == 1 && text == 1 && len(below) > 0
	case short == 0:
		return text > 0 && roles[roleAnswer] > 0
	case text > 0 && answers > 0, text > 1 && strength >= weak && roles[roleOther] > 0:
		return true
	case strength == strong:
		return short >= 1 && (roles[roleOther] > 0 || short == filled || filled >= 2 && allNamesShort(cells))
	case strength == weak:
		return roles[roleOther] > 0 && short >= 2 || allNamesShort(cells) && short*2 >= filled
	}
	return false
}

// allNamesShort reports whether every cell could be the name of a column.
func allNamesShort(cells []string) bool {
	return !slices.ContainsFunc(cells, func(c string) bool { return len(strings.Fields(c)) > 4 || isQuestion(c) || isTime(c) || isLink(c) })
}

// statsOf counts what stands in each column.
func statsOf(rows [][]string, width int) []columnStats {
	stats := make([]columnStats, width)
	for _, r := range rows[:min(len(rows), columnSample)] {
		for i, s := range r[:min(len(r), width)] {
			stats[i].add(s)
		}
	}
	return stats
}

// planHeader finds out what the columns are by their names, and by what stands in them where the names leave it open.
func planHeader(header []string, rows [][]string) layout {
	l := layout{header: header, width: len(header), label: -1, positive: -1}
	for l.width > 1 && strings.TrimSpace(header[l.width-1]) == "" && !slices.ContainsFunc(rows, func(r []string) bool {
		return len(r) >= l.width && strings.TrimSpace(r[l.width-1]) != ""
	}) {
		l.width--
	}
	header = header[:l.width]
	stats := statsOf(rows, l.width)
	names := make([]named, l.width)
	long := true
	for i, h := range header {
		names[i] = roleOf(strings.Trim(strings.TrimSpace(h), `"'*:`))
		if names[i].role != roleNone && len(strings.Fields(h)) <= 3 && !isQuestion(h) {
			long = false
		}
	}
	if long {
		l.doubt(HeaderUnsure, strings.Join(header, ", "))
	}
	for i := range names { // “SentimentText” beside “Sentiment”
		words := nameWords(header[i])
		if names[i].role == roleLabel && len(words) > 1 && stats[i].values > 0 && 2*stats[i].labels < stats[i].values {
			if n := roleOf(words[len(words)-1]); n.role == roleQuestion {
				names[i] = n
			}
		}
	}
	pick := func(want role, strength int) (found []int) {
		for i, n := range names {
			if n.role == want && n.strength == strength && (stats[i].values > 0 || len(rows) == 0) {
				found = append(found, i)
			}
		}
		return found
	}
	first := func(found []int) int {
		if len(found) == 0 {
			return -1
		}
		return found[0]
	}
	l.positive = first(pick(rolePositive, strong))
	l.answers = pick(roleAnswer, strong)
	labels := pick(roleLabel, strong)
	slices.SortStableFunc(labels, func(a, b int) int { return labelRank(&stats[a]) - labelRank(&stats[b]) })
	l.label = first(labels)
	for _, strength := range []int{strong, weak, weakest} {
		if l.texts = pick(roleQuestion, strength); len(l.texts) > 0 {
			if strength < strong && len(l.texts) > 1 {
				best := slices.MaxFunc(l.texts, func(a, b int) int { return stats[a].size() - stats[b].size() })
				if strength == weakest {
					best = l.texts[0]
				}
				l.texts = []int{best}
			}
			break
		}
	}
	l.settleTexts(stats)
	l.settleAnswers(stats)
	taken := func(i int) bool {
		return names[i].role == roleOther || slices.Contains(l.texts, i) || slices.Contains(l.answers, i) || i == l.label || i == l.positive
	}
	if len(l.texts) == 0 { // an answer or a label, and nothing that is named as its text
		best := -1
		for i := range stats {
			s := &stats[i]
			if !taken(i) && s.values > 0 && !s.technical() && (best < 0 || s.questions*2 > s.values && stats[best].questions*2 <= stats[best].values || s.size() > stats[best].size()) {
				best = i
			}
		}
		if best >= 0 {
			l.texts = []int{best}
			l.doubt(TextGuessed, l.name(best))
		}
	}
	if len(l.texts) > 0 && len(l.answers) == 0 && l.label < 0 && l.positive < 0 {
		l.guessAnswer(names, stats, taken)
	}
	if len(l.answers) == 0 && l.label >= 0 && !l.labelsAreNames(&stats[l.label]) {
		l.answers, l.label = []int{l.label}, -1
		l.doubt(LabelsAreLong)
	}
	return l
}

// labelRank orders columns that are named as labels: names that repeat before numbers, and both before what doesn't repeat.
func labelRank(s *columnStats) int {
	switch {
	case s.values == 0:
		return 3
	case s.most(s.numbers):
		return 1
	case !s.repeats() && s.values >= 8:
		return 2
	}
	return 0
}

func (l *layout) labelsAreNames(s *columnStats) bool {
	return s.values < 4 || s.repeats() || 2*s.labels >= s.values
}

// settleTexts decides which of several columns that are named as questions are such.
func (l *layout) settleTexts(stats []columnStats) {
	if len(l.texts) < 2 || len(l.texts) == len(l.answers) {
		return
	}
	most := slices.MaxFunc(l.texts, func(a, b int) int { return stats[a].questions - stats[b].questions })
	if stats[most].questions == 0 {
		most = slices.MaxFunc(l.texts, func(a, b int) int { return stats[a].size() - stats[b].size() })
	}
	kept := []int{}
	for _, i := range l.texts {
		s := &stats[i]
		if i == most || s.values > 0 && (2*s.questions >= s.values || stats[most].questions == 0 && 2*s.size() > stats[most].size() && s.unique()) {
			kept = append(kept, i)
		}
	}
	l.texts = kept
}

// settleAnswers decides which of several columns that are named as answers is the one.
func (l *layout) settleAnswers(stats []columnStats) {
	if len(l.answers) < 2 || len(l.answers) == len(l.texts) {
		return
	}
	for _, i := range l.answers {
		low := strings.ToLower(l.header[i])
		for _, word := range []string{"correct", "right", "accepted", "best", "правильн", "верн", "richtig", "correct", "chosen"} {
			if strings.Contains(low, word) && !strings.Contains(low, "in"+word) && !strings.Contains(low, "un"+word) {
				l.answers = []int{i}
				return
			}
		}
	}
	best := slices.MaxFunc(l.answers, func(a, b int) int { return stats[a].values - stats[b].values })
	l.answers = []int{best}
	l.doubt(SeveralAnswers, l.name(best))
}

// guessAnswer looks for an answer or a label where no column is named as one.
func (l *layout) guessAnswer(names []named, stats []columnStats, taken func(int) bool) {
	best, label := -1, -1
	for i := range stats {
		s := &stats[i]
		if taken(i) || s.values == 0 || s.technical() {
			continue
		}
		if s.repeats() && 2*s.labels >= s.values {
			if label < 0 || names[i].role == roleLabel {
				label = i
			}
			continue
		}
		if best < 0 || names[i].role == roleAnswer && names[best].role != roleAnswer || names[i].role == names[best].role && s.size() > stats[best].size() {
			best = i
		}
	}
	switch {
	case best >= 0:
		l.answers = []int{best}
		l.doubt(ColumnGuessed, l.name(best))
	case label >= 0:
		l.label = label
		l.doubt(ColumnGuessed, l.name(label))
	}
}

// planContent finds out what the columns of a table without known names are by what stands in them.
func planContent(rows [][]string) layout {
	widths := map[int]int{}
	for _, r := range rows[:min(len(rows), columnSample)] {
		n := len(r)
		for n > 1 && strings.TrimSpace(r[n-1]) == "" {
			n--
		}
		widths[n]++
	}
	l := layout{width: 1, texts: []int{0}, label: -1, positive: -1}
	for w, n := range widths {
		if n > widths[l.width] || n == widths[l.width] && w < l.width {
			l.width = w
		}
	}
	if l.width < 2 {
		if len(rows) > 0 && len(widths) > 1 { // separators in texts
			l.width = 1
		}
		return l
	}
	stats := statsOf(rows, l.width)
	usable := func(i int) bool {
		s := &stats[i]
		return s.values > 0 && !s.technical() && (len(s.distinct) > 1 || s.values < 4)
	}
	text, asks := -1, 0
	for i := range stats {
		if s := &stats[i]; usable(i) && 3*s.questions >= s.values && s.questions > asks {
			text, asks = i, s.questions
		}
	}
	if text < 0 {
		for i := range stats {
			// The text is the column with the most to say, and of two that say much the first.
			if usable(i) && (text < 0 || 2*stats[i].size() > 3*stats[text].size()) {
				text = i
			}
		}
	}
	if text < 0 {
		return l
	}
	l.texts = []int{text}
	label, reply := -1, -1
	for i := range stats {
		s := &stats[i]
		if i == text || !usable(i) && !(s.repeats() && !s.most(s.times+s.links+s.ids) && s.values > 0) {
			continue
		}
		switch {
		case l.isLabel(s, &stats[text]):
			if label < 0 || s.most(s.numbers) == stats[label].most(stats[label].numbers) && len(s.distinct) < len(stats[label].distinct) && len(s.distinct) > 1 {
				label = i
			}
		case reply < 0 || s.size() > stats[reply].size():
			reply = i
		}
	}
	if asks == 0 && reply >= 0 && label < 0 && reply < text && l.width == 2 { // the longer of two is the reply
		l.texts[0], reply = reply, text
	}
	l.label = label
	if reply >= 0 && (label < 0 || asks > 0 || !stats[reply].most(stats[reply].labels)) {
		l.answers = []int{reply}
	}
	if l.label >= 0 || len(l.answers) > 0 {
		l.doubt(NoHeader)
	}
	if first := rows[0]; len(first) == l.width && l.firstDiffers(first, stats) {
		l.header = first
	}
	return l
}

// isLabel reports whether a column without a name holds labels rather than replies.
func (l *layout) isLabel(s, text *columnStats) bool {
	if !s.most(s.labels) {
		return false
	}
	if s.repeats() {
		return true
	}
	if 2*text.questions >= text.values { // short answers are answers
		return false
	}
	if s.values < 5 {
		return true
	}
	names := 0
	for v := range s.distinct {
		if !strings.Contains(v, " ") && strings.ToLower(v) == v {
			names++
		}
	}
	return !s.unique() || 10*names >= 9*len(s.distinct) && s.bytes*3 < text.bytes
}

// firstDiffers reports whether the first row seems to name the columns: in it stands what the columns don't have.
func (l *layout) firstDiffers(first []string, stats []columnStats) bool {
	for i, c := range first {
		if len(strings.Fields(c)) > 4 || isQuestion(c) || strings.TrimSpace(c) == "" && i == l.texts[0] {
			return false
		}
	}
	c := strings.TrimSpace(first[l.texts[0]])
	if s := &stats[l.texts[0]]; s.values >= 5 && s.questions >= s.values-1 && !isQuestion(c) {
		return true
	}
	for i := range stats {
		if s := &stats[i]; s.values >= 5 && (s.numbers == s.values-1 || s.times == s.values-1) && stats[i].distinct[strings.TrimSpace(first[i])] == 1 &&
			!isTime(first[i]) && !s.most(s.ids) && strings.Trim(first[i], "0123456789., -") != "" {
			return true
		}
	}
	if l.label < 0 || stats[l.label].values < 10 || !looksLikeLabel(c) {
		return false
	}
	once := 0
	for _, n := range stats[l.label].distinct {
		if n == 1 {
			once++
		}
	}
	return stats[l.label].distinct[strings.TrimSpace(first[l.label])] == 1 && once == 1 && len(stats[l.label].distinct) > 2
}
