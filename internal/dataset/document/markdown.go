package document

import (
	"bytes"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"github.com/mynahbot/mynah/internal/dataset"
)

// markdown divides a text of CommonMark with tables. Paragraphs keep their signs, which Discord shows.
func markdown(data []byte) []dataset.Block {
	data = withoutFrontMatter(data)
	doc := goldmark.New(goldmark.WithExtensions(extension.Table)).Parser().Parse(text.NewReader(data))
	m := &marked{source: data, lines: 1}
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		m.add(n)
	}
	return m.blocks
}

// withoutFrontMatter empties what stands between two lines of --- at the beginning: settings of a page's generator. Lines keep their numbers.
func withoutFrontMatter(data []byte) []byte {
	rest, ok := bytes.CutPrefix(data, []byte("---\n"))
	if !ok {
		return data
	}
	front, after, ok := bytes.Cut(rest, []byte("\n---\n"))
	if !ok {
		return data
	}
	return append(bytes.Repeat([]byte("\n"), bytes.Count(front, []byte("\n"))+3), after...)
}

type marked struct {
	source []byte
	blocks []dataset.Block
	tables int

	at, lines int // a place in source that was counted, and its line
}

// line is the line of a place in source. Places are asked for in their order.
func (m *marked) line(at int) int {
	if at > m.at {
		m.lines += bytes.Count(m.source[m.at:at], []byte("\n"))
		m.at = at
	}
	return m.lines
}

func (m *marked) add(n ast.Node) {
	if len(m.blocks) >= maxBlocks {
		return
	}
	switch n := n.(type) {
	case *ast.Heading:
		b := dataset.Block{Kind: dataset.Heading, Level: n.Level, Text: strings.TrimSpace(inline(n, m.source))}
		if l := n.Lines(); l.Len() > 0 {
			b.Line = m.line(l.At(0).Start)
		}
		m.blocks = append(m.blocks, b)
		return
	case *extast.Table:
		m.tables++
		for r := n.FirstChild(); r != nil; r = r.NextSibling() {
			var cells []string
			for c := r.FirstChild(); c != nil; c = c.NextSibling() {
				cells = append(cells, strings.TrimSpace(inline(c, m.source)))
			}
			m.blocks = append(m.blocks, dataset.Block{Kind: dataset.Row, Cells: cells, Table: m.tables})
		}
		return
	case *ast.HTMLBlock:
		m.html(n)
		return
	case *ast.List:
		for item := n.FirstChild(); item != nil; item = item.NextSibling() {
			m.block(item)
		}
		return
	}
	m.block(n)
}

// block adds a paragraph, an item of a list, or another block as it is written.
func (m *marked) block(n ast.Node) {
	start, end := extent(n)
	if start < 0 {
		return
	}
	from := bytes.LastIndexByte(m.source[:start], '\n') + 1 // with the sign of a list or a quotation
	raw := strings.TrimSpace(string(m.source[from:end]))
	b := dataset.Block{Text: raw, Line: m.line(from)}
	if p, ok := n.(*ast.Paragraph); ok {
		b.Bold = bold(p)
	}
	if first, rest, more := strings.Cut(raw, "\n"); more && boldLine(first) { // a question, and what answers it
		m.blocks = append(m.blocks, dataset.Block{Text: first, Line: b.Line, Bold: true})
		b.Text, b.Bold = strings.TrimSpace(rest), false
	}
	if code, ok := n.(*ast.FencedCodeBlock); ok {
		b.Text = "```" + string(code.Language(m.source)) + "\n" + strings.TrimRight(string(m.source[start:end]), "\n") + "\n```"
	}
	m.blocks = append(m.blocks, b)
}

// html takes <details><summary> as questions; other blocks of HTML are what a page makes of them.
func (m *marked) html(n *ast.HTMLBlock) {
	start, end := extent(n)
	if start < 0 || bytes.HasPrefix(bytes.TrimSpace(m.source[start:end]), []byte("<!--")) {
		return
	}
	line := m.line(start)
	blocks, err := page(m.source[start:end])
	if err != nil {
		return
	}
	for _, b := range blocks {
		b.Line = line
		if b.Kind == dataset.Row {
			b.Table += 1000 + m.tables
		}
		m.blocks = append(m.blocks, b)
	}
}

// boldLine reports whether all of a line, behind the sign of a list, is bold.
func boldLine(line string) bool {
	line = strings.TrimSpace(strings.TrimLeft(line, " 0123456789.)-+>"))
	line = strings.TrimSuffix(strings.TrimRight(line, "\\ "), ":")
	inner, ok := strings.CutPrefix(line, "**")
	return ok && strings.Index(inner, "**") == len(inner)-2
}

// bold reports whether all of a paragraph is one strong text.
func bold(p *ast.Paragraph) bool {
	e, ok := p.FirstChild().(*ast.Emphasis)
	return ok && e.Level == 2 && e.NextSibling() == nil
}

// extent is the part of source that a block with all below it takes; -1 for nothing.
func extent(n ast.Node) (start, end int) {
	start = -1
	_ = ast.Walk(n, func(c ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering || c.Type() == ast.TypeInline {
			return ast.WalkContinue, nil
		}
		for i := range c.Lines().Len() {
			s := c.Lines().At(i)
			if start < 0 || s.Start < start {
				start = s.Start
			}
			end = max(end, s.Stop)
		}
		return ast.WalkContinue, nil
	})
	return start, end
}

// inline is the text of a heading or a cell, without signs.
func inline(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(c ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch c := c.(type) {
		case *ast.Text:
			b.Write(c.Segment.Value(source))
			if c.SoftLineBreak() || c.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(c.Value)
		case *ast.AutoLink:
			b.Write(c.URL(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}
