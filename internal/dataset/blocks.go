package dataset

import (
	"slices"
	"strings"
)

// BlockKind is what a block of a document is.
type BlockKind int

const (
	Paragraph BlockKind = iota
	Heading             // of Level 1 to 6
	Term                // what the paragraphs after it explain: <dt>, <summary>
	Row                 // of a table: see Cells
	Data                // an object of JSON-LD in a page, as Text
)

// Block is a part of a document: a heading, a paragraph, a row of a table.
type Block struct {
	Kind  BlockKind
	Level int      // of a heading
	Text  string   // a paragraph may have Markdown
	Cells []string // of a row
	Bold  bool     // the whole paragraph is bold
	Line  int      // from 1; 0 = unknown
	Table int      // rows of one table have one number
}

// document reads the questions and answers of running text: rows of its tables, questions with marks, and headings that ask, with what
// stands below them.
func (f *fileReader) document(blocks []Block) error {
	var text strings.Builder
	var running []Block
	tables := map[int][]row{}
	order := []int{}
	for _, b := range blocks {
		switch b.Kind {
		case Row:
			if tables[b.Table] == nil {
				order = append(order, b.Table)
			}
			tables[b.Table] = append(tables[b.Table], row{b.Line, b.Cells})
			continue
		case Data:
			before := len(f.examples)
			if err := f.json(b.Text); err != nil {
				return err
			}
			if len(f.examples) > before {
				return nil // the page says its questions itself
			}
			continue
		}
		running = append(running, b)
		text.WriteString(b.Text + "\n")
	}
	for _, id := range order {
		rows := tables[id]
		sample := make([][]string, len(rows))
		for i, r := range rows {
			sample[i] = r.cells
		}
		if findHeader(sample, true) < 0 && (len(running) > 0 || len(rows[0].cells) != 2) {
			continue // a table of something else
		}
		t := f.newTable("", ", ")
		for _, r := range rows {
			if err := t.add(r); err != nil {
				return err
			}
		}
		if err := t.end(); err != nil {
			return err
		}
	}
	if hasDialogue(text.String()) {
		return f.dialogue(text.String())
	}
	found := len(f.examples)
	is := f.asking(running)
	if is == nil {
		if len(f.examples) == found && len(order) == 0 || found == len(f.examples) && len(f.examples) == 0 {
			f.aside(0, Prose)
		}
		return nil
	}
	return f.sections(running, is)
}

// asking finds out which blocks of a document are its questions; nil where none are.
func (f *fileReader) asking(blocks []Block) func(*Block) bool {
	count := func(is func(*Block) bool) (n, asked int) {
		for i := range blocks {
			if b := &blocks[i]; is(b) {
				n++
				if isQuestion(b.Text) || asksWithoutMark(b.Text) {
					asked++
				}
			}
		}
		return n, asked
	}
	terms := func(b *Block) bool { return b.Kind == Term }
	if n, _ := count(terms); n >= 1 {
		n, asked := count(func(b *Block) bool { return b.Kind == Term || b.Kind == Heading && isQuestion(b.Text) })
		if 2*asked < n {
			f.doubt(HeadingsGuessed)
		}
		return func(b *Block) bool { return b.Kind == Term || b.Kind == Heading && isQuestion(b.Text) }
	}
	headings := func(b *Block) bool { return b.Kind == Heading }
	asks := func(b *Block) bool { return b.Kind == Heading && (isQuestion(b.Text) || asksWithoutMark(b.Text)) }
	all, asked := count(headings)
	bold := func(b *Block) bool { return b.Kind == Paragraph && b.Bold && len(b.Text) < 300 }
	bolds, boldAsked := count(bold)
	lines, lineAsked := count(func(b *Block) bool {
		return b.Kind == Paragraph && len(b.Text) < 300 && isQuestion(b.Text) && !strings.Contains(b.Text, "\n")
	})
	switch {
	case asked > 0 && 2*asked >= leaves(blocks):
		return asks
	case asked > 0 && asked >= boldAsked:
		f.doubt(HeadingsGuessed)
		return asks
	case boldAsked > 0 && 2*boldAsked >= bolds:
		return func(b *Block) bool { return bold(b) && (isQuestion(b.Text) || asksWithoutMark(b.Text)) }
	case lines >= 2 && lineAsked == lines && 6*lines >= len(blocks)-all:
		f.doubt(LinesAsQuestion)
		return func(b *Block) bool { return b.Kind == Paragraph && len(b.Text) < 300 && isQuestion(b.Text) }
	case all >= 3:
		f.doubt(HeadingsGuessed)
		deepest := slices.MaxFunc(blocks, func(a, b Block) int { return a.Level - b.Level }).Level
		return func(b *Block) bool { return b.Kind == Heading && (b.Level > 1 || deepest == 1) }
	case bolds >= 3:
		f.doubt(BoldAsQuestions)
		return bold
	}
	return nil
}

// leaves counts the headings that have text directly below them.
func leaves(blocks []Block) (n int) {
	for i := range blocks {
		if blocks[i].Kind == Heading && i+1 < len(blocks) && blocks[i+1].Kind != Heading {
			n++
		}
	}
	return n
}

// asksWithoutMark reports whether a heading begins as questions do: “How to pay”.
func asksWithoutMark(s string) bool {
	first, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(s)), " ")
	return slices.Contains(askingWords, strings.Trim(first, "¿¡*_\"«“"))
}

var askingWords = strings.Fields(`how what when where who why which can may do does is are should will
	как что когда где кто почему зачем какой какая какие сколько можно чем куда
	wie was wann wo wer warum welche welcher kann darf cómo qué cuándo dónde quién cuál puedo comment quand où qui pourquoi quel quelle puis-je
	come quando dove chi perché quale posso como quem qual posso jak co kiedy gdzie kto dlaczego czy hoe wat wanneer waar wie waarom`)

// sections reads questions with what stands below each, up to the next one or a heading of its level or above.
func (f *fileReader) sections(blocks []Block, asks func(*Block) bool) error {
	var questions []string
	var answer []string
	level, line := 0, 0
	flush := func() error {
		all, at := questions, line
		a := strings.TrimSpace(strings.Join(answer, "\n"))
		questions, answer = nil, nil
		if len(all) == 0 {
			return nil
		}
		if a == "" {
			f.skip(at, QuestionAlone)
			return nil
		}
		for _, q := range all {
			if err := f.add(at, q, "", a); err != nil {
				return err
			}
		}
		return nil
	}
	for i := range blocks {
		b := &blocks[i]
		heading := b.Kind == Heading || b.Kind == Term
		if asks(b) {
			if len(answer) > 0 || level != b.Level || b.Kind != Term && b.Kind != Paragraph { // two terms in a row share what explains them
				if err := flush(); err != nil {
					return err
				}
			}
			if len(questions) == 0 {
				line, level = b.Line, b.Level
			}
			question := strings.Trim(numberBefore.ReplaceAllString(b.Text, ""), "*_ ")
			if rest, mark := cutMark(question, questionLine); rest != "" && (isWordMark(mark) || mark == "q") { // “Question 1: …”
				question = rest
			}
			questions = append(questions, question)
			continue
		}
		if heading && len(questions) > 0 && b.Kind == Heading && (b.Level <= level || level == 0) {
			if err := flush(); err != nil {
				return err
			}
			continue
		}
		if len(questions) > 0 && strings.TrimSpace(b.Text) != "" && !isRule(b.Text) {
			answer = append(answer, b.Text)
		}
	}
	return flush()
}
