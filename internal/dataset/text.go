package dataset

import (
	"encoding/json"
	"strings"
)

// fastTextLabel is the prefix by which fastText marks labels in its training files.
const fastTextLabel = "__label__"

// guess reads a file whose name doesn't say what it is.
func (f *fileReader) guess(text string) error {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	switch {
	case json.Valid([]byte(first)) && strings.HasPrefix(first, "{"):
		return f.jsonLines(text)
	case strings.HasPrefix(first, "[") || strings.HasPrefix(first, "{"):
		return f.json(text)
	case strings.Contains(first, ",") && strings.Count(first, ",") < maxColumns:
		if _, ok := headerColumns(strings.Split(first, ",")); ok {
			return f.table(text, ',')
		}
	}
	return f.text(text)
}

// text reads one example a line: "__label__x text", "text<TAB>label", question and answer on lines that begin with Q: and A: (or
// В: and О:), or a bare text, whose label comes from the folder or the options.
func (f *fileReader) text(text string) error {
	var lines, tabs, marked, asked int
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		lines++
		if strings.Contains(line, "\t") {
			tabs++
		}
		if strings.HasPrefix(line, fastTextLabel) {
			marked++
		}
		if _, ok := cutMark(line, questionMarks); ok {
			asked++
		}
	}
	switch {
	case marked > 0 && 2*marked >= lines:
		return f.fastText(text)
	case tabs > 0 && 10*tabs >= 9*lines:
		return f.table(text, '\t')
	case asked > 0 && 4*asked >= lines && f.label == "" && f.opt.Label == "":
		return f.dialogue(text)
	}
	n := 0
	for line := range strings.Lines(text) {
		n++
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		if err := f.add(n, line, "", ""); err != nil {
			return err
		}
	}
	return nil
}

func (f *fileReader) fastText(text string) error {
	n := 0
	for line := range strings.Lines(text) {
		n++
		rest, ok := strings.CutPrefix(strings.TrimSpace(line), fastTextLabel)
		if !ok {
			if strings.TrimSpace(line) != "" {
				f.skip(n, "no %s at its beginning", fastTextLabel)
			}
			continue
		}
		label, body, _ := strings.Cut(rest, " ")
		if err := f.add(n, body, label, ""); err != nil {
			return err
		}
	}
	return nil
}

var (
	questionMarks = []string{"q:", "question:", "в:", "вопрос:"}
	answerMarks   = []string{"a:", "answer:", "о:", "ответ:"}
)

// cutMark removes a mark such as "Q:" from the beginning of line.
func cutMark(line string, marks []string) (string, bool) {
	low := strings.ToLower(line)
	for _, m := range marks {
		if strings.HasPrefix(low, m) && len(line) >= len(m) {
			return strings.TrimSpace(line[len(m):]), true
		}
	}
	return line, false
}

// dialogue reads questions and answers; an answer may go on over several lines.
func (f *fileReader) dialogue(text string) error {
	var question, answer []string
	start, n, inAnswer := 0, 0, false
	flush := func() error {
		if len(question) == 0 {
			return nil
		}
		q, a := strings.Join(question, " "), strings.Join(answer, "\n")
		question, answer, inAnswer = nil, nil, false
		if strings.TrimSpace(a) == "" {
			f.skip(start, QuestionAlone)
			return nil
		}
		return f.add(start, q, "", a)
	}
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if q, ok := cutMark(line, questionMarks); ok {
			if err := flush(); err != nil {
				return err
			}
			question, start = []string{q}, n
		} else if a, ok := cutMark(line, answerMarks); ok {
			answer, inAnswer = append(answer, a), true
		} else if inAnswer {
			answer = append(answer, line)
		} else if line != "" && question != nil {
			question = append(question, line)
		} else if line != "" {
			f.skip(n, "neither a question nor an answer")
		}
	}
	return flush()
}
