package dataset

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/record"
)

// fastTextLabel is the prefix by which fastText marks labels in its training files.
const fastTextLabel = "__label__"

// guess reads a file whose name doesn't say what it is.
func (f *fileReader) guess(text string) error {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	switch {
	case f.whole:
		return f.text(text)
	case json.Valid([]byte(first)) && strings.HasPrefix(first, "{"):
		return f.jsonLines(text)
	case strings.HasPrefix(first, "[") || strings.HasPrefix(first, "{"):
		return f.json(text)
	case strings.Count(first, ",") < maxColumns && len(first) < 10_000:
		if comma := separator(text); namesColumns(strings.Split(first, string(comma)), nil, false) && strings.ContainsRune(first, comma) {
			return f.table(text, comma)
		}
	}
	return f.text(text)
}

// text reads texts: a layout of its own (Rasa Markdown, fastText, questions and answers on lines with marks), columns parted by
// tabs, questions with what follows them, or one bare text a line or file, whose label comes from the folder or the options.
func (f *fileReader) text(text string) error {
	if f.whole {
		return f.wholeText(text)
	}
	if isRasaMarkdown(text) {
		return f.rasaMarkdown(text)
	}
	if isLU(text) {
		return f.lu(text)
	}
	var lines, tabs, marked, questions, bars int
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
		if isQuestion(line) {
			questions++
		}
		if strings.Count(line, ";") == 1 || strings.Count(line, "|") == 1 {
			bars++
		}
	}
	own := f.label != "" || f.opt.Label != ""
	switch {
	case marked > 0 && 2*marked >= lines:
		return f.fastText(text)
	case tabs > 0 && 10*tabs >= 9*lines:
		return f.table(text, '\t')
	case hasDialogue(text) && !own:
		return f.dialogue(text)
	case own || f.opt.Unlabel:
	case bars > 1 && 10*bars >= 9*lines:
		return f.table(text, 0)
	case hasHeaderLine(text):
		return f.table(text, 0)
	case questions > 0 && 6*questions >= lines && questions < lines:
		if f.questionLines(text) {
			return nil
		}
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

// hasHeaderLine reports whether the first line names columns.
func hasHeaderLine(text string) bool {
	_, text = separatorLine(text)
	first, rest, _ := strings.Cut(strings.TrimSpace(text), "\n")
	comma := separator(text)
	return rest != "" && strings.ContainsRune(first, comma) && namesColumns(strings.Split(first, string(comma)), nil, false)
}

// wholeText reads a file that is one text. Of a long one the first part is learned.
func (f *fileReader) wholeText(text string) error {
	lines, length := 0, 0
	for line := range strings.Lines(text) {
		if n := len(strings.TrimSpace(line)); n > 0 {
			lines, length = lines+1, length+n
		}
	}
	text = clean(plainText(text))
	if utf8.RuneCountInString(text) > record.MaxTextRunes {
		n := 0
		for i := range text {
			if n++; n > record.MaxTextRunes {
				text = text[:i]
				break
			}
		}
	}
	f.report.readAs("", EachFileOneRow)
	f.wholes++
	if strings.Trim(strings.TrimSuffix(path.Base(f.name), ".txt"), "0123456789_-.") != "" && lines >= 4 && length < 50*lines {
		f.lists++
	}
	return f.add(0, text, "", "")
}

func (f *fileReader) fastText(text string) error {
	f.format("fastText")
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
		if err := f.intent(n, strings.TrimPrefix(strings.TrimSpace(body), ", "), strings.TrimSuffix(label, ","), ""); err != nil {
			return err
		}
	}
	return nil
}

// Marks before questions and answers: whole words in the larger languages, and their first letters. Before them may stand the signs of lists,
// headings and bold text, behind them a number.
const (
	questionMark = `question|frage|pregunta|pergunta|domanda|вопрос|питання|запитання|pytanie|otázka|soru|vraag|fråga|spørgsmål|spørsmål|kysymys|kérdés|întrebare|въпрос|питање|` +
		`问题|问|問題|問|質問|질문|سؤال|user|human|customer|пользователь|клиент|faq|q|f|p|d|в|п|問`
	answerMark = `answer|reply|response|antwort|respuesta|réponse|reponse|resposta|risposta|ответ|відповідь|odpowiedź|odpověď|odpoveď|cevap|yanıt|antwoord|svar|vastaus|válasz|răspuns|` +
		`отговор|одговор|odgovor|答案|回答|答え|答|답변|답|جواب|bot|assistant|support|бот|ассистент|поддержка|a|r|о|в|o`
	markBefore = `^[\s>#*_\-•–]*(?:\d{1,4}[.)]\s*)?[*_]*`
	markAfter  = `[*_]*\s*(?:№|#|no\.?)?\s*\d{0,4}\s*[*_]*\s*[.:：)\]]\s*[*_]*\s*`
)

var (
	questionLine = regexp.MustCompile(`(?i)` + markBefore + `(` + questionMark + `)` + markAfter)
	answerLine   = regexp.MustCompile(`(?i)` + markBefore + `(` + answerMark + `)` + markAfter)
	// sameLine is an answer on the line of its question.
	sameLine = regexp.MustCompile(`(?i)\s+[*_]*(` + answerMark + `)[*_]*\s*\d{0,4}\s*[:：][*_]*\s*`)
)

// cutMark removes a mark such as "Q:" or "**Question 1:**" from the beginning of line, and returns the mark in lower case.
func cutMark(line string, marks *regexp.Regexp) (rest, mark string) {
	m := marks.FindStringSubmatchIndex(line)
	if m == nil {
		return line, ""
	}
	mark = strings.ToLower(line[m[2]:m[3]])
	rest = strings.TrimSpace(line[m[1]:])
	if at := line[m[3]:m[1]]; utf8.RuneCountInString(mark) == 1 && strings.ContainsRune(at, '.') && !strings.ContainsRune(at, ':') && rest == "" {
		return line, ""
	}
	return strings.TrimRight(strings.TrimSpace(rest), "*_ "), mark
}

// letters are the single letters that mark questions and answers in one text; words always do.
type letters struct {
	question, answer string
	pairs            int // questions with answers, at least
}

// marksOf finds out which single letters mark questions and answers.
func marksOf(text string) letters {
	questions, answers := map[string]int{}, map[string]int{}
	asked, answered := 0, 0
	for line := range strings.Lines(text[:min(len(text), 200_000)]) {
		if len(line) > 2000 {
			line = line[:2000]
		}
		if _, m := cutMark(line, questionLine); m != "" {
			questions[m]++
			if isWordMark(m) {
				asked++
			}
		}
		_, m := cutMark(line, answerLine)
		if found := sameLine.FindStringSubmatch(line); m == "" && found != nil {
			m = strings.ToLower(found[1])
		}
		if m != "" {
			answers[m]++
			if isWordMark(m) {
				answered++
			}
		}
	}
	l := letters{pairs: min(asked, answered)}
	for _, p := range [][2]string{{"q", "a"}, {"q", "о"}, {"f", "a"}, {"p", "r"}, {"d", "r"}, {"в", "о"}, {"п", "в"}, {"问", "答"}, {"問", "答"}} {
		n := min(questions[p[0]], answers[p[1]])
		if n == 0 || strings.Contains(l.answer, p[0]) || strings.Contains(l.question, p[1]) {
			continue
		}
		l.question, l.answer, l.pairs = l.question+p[0], l.answer+p[1], l.pairs+n
	}
	if l.pairs == 0 { // a word before the one and a letter before the other
		switch {
		case answered > 0 && questions["q"] > 0:
			l.question, l.pairs = "q", min(questions["q"], answered)
		case asked > 0 && answers["a"] > 0:
			l.answer, l.pairs = "a", min(asked, answers["a"])
		}
	}
	return l
}

func isWordMark(mark string) bool { return utf8.RuneCountInString(mark) > 1 && mark != "faq" }

// hasDialogue reports whether text is of questions and answers with marks before them.
func hasDialogue(text string) bool {
	sample := text[:min(len(text), 200_000)]
	pairs := marksOf(sample).pairs
	if pairs == 0 {
		return false
	}
	lines := 0
	for line := range strings.Lines(sample) {
		if strings.TrimSpace(line) != "" {
			lines++
		}
	}
	return pairs >= 2 || 8*pairs >= lines
}

// dialogue reads questions and answers; an answer may go on over several lines, and several questions may have one.
func (f *fileReader) dialogue(text string) error {
	f.format("questions and answers")
	known := marksOf(text)
	marks := func(line string, of *regexp.Regexp, letters string) (string, bool) {
		if len(line) > 20_000 {
			return line, false
		}
		rest, m := cutMark(line, of)
		return rest, m != "" && sameMark(m, letters)
	}
	var questions []string
	var answer []string
	start, n, inAnswer := 0, 0, false
	flush := func() error {
		if len(questions) == 0 {
			return nil
		}
		a := strings.TrimSpace(strings.Join(answer, "\n"))
		all, line := questions, start
		questions, answer, inAnswer = nil, nil, false
		if a == "" {
			f.skip(line, QuestionAlone)
			return nil
		}
		for _, q := range all {
			if err := f.add(line, q, "", a); err != nil {
				return err
			}
		}
		return nil
	}
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if q, ok := marks(line, questionLine, known.question); ok {
			if inAnswer {
				if err := flush(); err != nil {
					return err
				}
			}
			if len(questions) == 0 {
				start = n
			}
			if cut := sameLine.FindStringSubmatchIndex(q); cut != nil && sameMark(strings.ToLower(q[cut[2]:cut[3]]), known.answer) {
				answer, inAnswer = []string{strings.TrimSpace(q[cut[1]:])}, true
				q = strings.TrimSpace(q[:cut[0]])
			}
			questions = append(questions, q)
		} else if a, ok := marks(line, answerLine, known.answer); ok {
			if len(questions) == 0 {
				f.skip(n, "an answer without a question")
				continue
			}
			answer, inAnswer = append(answer, a), true
		} else if inAnswer {
			if isRule(line) || strings.HasPrefix(line, "#") {
				continue // a section of other questions
			}
			answer = append(answer, line)
		} else if line != "" && len(questions) > 0 {
			questions[len(questions)-1] = strings.TrimSpace(questions[len(questions)-1] + " " + strings.Trim(line, "*_"))
		} else if line != "" && !isRule(line) && !strings.HasPrefix(line, "#") && n > 10 {
			f.skip(n, "neither a question nor an answer")
		}
	}
	return flush()
}

func sameMark(found, letters string) bool {
	return isWordMark(found) || strings.Contains(letters, found)
}

// isRule reports whether a line only parts what is above from what is below.
func isRule(line string) bool { return line != "" && strings.Trim(line, "-=*_~ ") == "" }

// questionLines reads texts in which lines that ask stand before what answers them. It reports whether there are such.
func (f *fileReader) questionLines(text string) bool {
	var blocks []Block
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case isQuestion(line):
			blocks = append(blocks, Block{Kind: Heading, Level: 1, Text: numberBefore.ReplaceAllString(line, ""), Line: n})
		default:
			blocks = append(blocks, Block{Kind: Paragraph, Text: line, Line: n})
		}
	}
	if len(blocks) < 2 || blocks[0].Kind == Paragraph && (len(blocks) < 3 || blocks[1].Kind == Paragraph) {
		return false
	}
	f.doubt(LinesAsQuestion)
	return f.sections(blocks, func(b *Block) bool { return b.Kind == Heading }) == nil
}

// numberBefore is the number of a list's item.
var numberBefore = regexp.MustCompile(`^\s*(?:\d{1,4}[.)]|[•*\-–])\s+`)
