package document

import (
	"bytes"
	"strings"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"

	"github.com/mynahbot/mynah/internal/dataset"
)

// page divides a page of HTML.
func page(data []byte) ([]dataset.Block, error) {
	p := &pageReader{z: html.NewTokenizer(bytes.NewReader(data)), line: 1}
	p.read()
	return p.blocks, nil
}

// pageReader takes a page's tags one by one: a tree of a hostile page would be deep.
type pageReader struct {
	z      *html.Tokenizer
	blocks []dataset.Block
	line   int

	text   strings.Builder // of the block that is open
	kind   dataset.BlockKind
	level  int
	strong int // letters of text that are bold
	inBold int
	silent int // elements that aren't shown
	link   string
	bullet bool

	tables, inTable int
	cells           []string
	inCell          bool
	data            bool // in a script of JSON-LD
}

func (p *pageReader) read() {
	for {
		kind := p.z.Next()
		raw := p.z.Raw()
		if len(p.blocks) >= maxBlocks || p.text.Len() > maxText {
			return
		}
		switch kind {
		case html.ErrorToken:
			p.flush()
			return
		case html.TextToken:
			p.say(string(p.z.Text()))
		case html.StartTagToken, html.SelfClosingTagToken:
			name, more := p.z.TagName()
			p.start(atom.Lookup(name), more, kind == html.SelfClosingTagToken)
		case html.EndTagToken:
			name, _ := p.z.TagName()
			p.end(atom.Lookup(name))
		}
		p.line += bytes.Count(raw, []byte("\n"))
	}
}

func (p *pageReader) say(s string) {
	switch {
	case p.data:
		p.blocks = append(p.blocks, dataset.Block{Kind: dataset.Data, Text: s, Line: p.line})
	case p.silent > 0:
	default:
		words := strings.Join(strings.Fields(s), " ")
		if words == "" {
			if s != "" && p.text.Len() > 0 {
				p.text.WriteByte(' ')
			}
			return
		}
		if strings.TrimLeft(s, " \t\r\n") != s && p.text.Len() > 0 {
			p.text.WriteByte(' ')
		}
		p.text.WriteString(words)
		if strings.TrimRight(s, " \t\r\n") != s {
			p.text.WriteByte(' ')
		}
		if p.inBold > 0 {
			p.strong += len(words)
		}
	}
}

// flush ends the block that is open.
func (p *pageReader) flush() {
	text := strings.TrimSpace(p.text.String())
	strong := p.strong
	p.text.Reset()
	p.strong = 0
	if text == "" {
		return
	}
	if p.inTable > 0 && p.inCell {
		last := &p.cells[len(p.cells)-1]
		if *last != "" {
			*last += "\n"
		}
		*last += text
		return
	}
	b := dataset.Block{Kind: p.kind, Level: p.level, Text: text, Line: p.line, Bold: 10*strong >= 9*len(text)}
	if p.bullet && p.kind == dataset.Paragraph {
		b.Text = "- " + b.Text
	}
	p.bullet = false
	p.blocks = append(p.blocks, b)
}

func (p *pageReader) start(tag atom.Atom, more, closed bool) {
	attrs := map[string]string{}
	for more && len(attrs) < 32 {
		var k, v []byte
		k, v, more = p.z.TagAttr()
		attrs[string(k)] = string(v)
	}
	switch tag {
	case atom.Script:
		p.data = attrs["type"] == "application/ld+json" && !closed
		if !p.data && !closed {
			p.silent++
		}
	case atom.Style, atom.Head, atom.Nav, atom.Footer, atom.Template, atom.Noscript:
		if !closed && tag != atom.Head { // the end of a head may be left out
			p.silent++
		}
	case atom.Title:
		p.silent++
	case atom.B, atom.Strong:
		p.inBold++
	case atom.Br:
		p.text.WriteByte('\n')
	case atom.A:
		p.link = attrs["href"]
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6:
		p.flush()
		p.kind, p.level = dataset.Heading, int(tag.String()[1]-'0')
	case atom.Dt, atom.Summary:
		p.flush()
		p.kind, p.level = dataset.Term, 0
	case atom.Dd, atom.P, atom.Div, atom.Section, atom.Article, atom.Blockquote, atom.Pre, atom.Details, atom.Ul, atom.Ol, atom.Body, atom.Main:
		p.flush()
		if p.kind != dataset.Heading && p.kind != dataset.Term || tag == atom.Dd {
			p.kind, p.level = dataset.Paragraph, 0
		}
	case atom.Li:
		p.flush()
		p.kind, p.level, p.bullet = dataset.Paragraph, 0, true
	case atom.Table:
		p.flush()
		if p.inTable++; p.inTable == 1 {
			p.tables++
		}
	case atom.Tr:
		if p.inTable > 0 {
			p.endRow()
		}
	case atom.Td, atom.Th:
		if p.inTable > 0 && len(p.cells) < 256 {
			p.flush()
			p.cells, p.inCell = append(p.cells, ""), true
		}
	}
}

func (p *pageReader) endRow() {
	p.flush()
	if len(p.cells) > 0 {
		p.blocks = append(p.blocks, dataset.Block{Kind: dataset.Row, Cells: p.cells, Table: p.tables, Line: p.line})
	}
	p.cells, p.inCell = nil, false
}

func (p *pageReader) end(tag atom.Atom) {
	switch tag {
	case atom.Script:
		if !p.data {
			p.silent = max(p.silent-1, 0)
		}
		p.data = false
	case atom.Style, atom.Nav, atom.Footer, atom.Template, atom.Noscript, atom.Title:
		p.silent = max(p.silent-1, 0)
	case atom.B, atom.Strong:
		p.inBold = max(p.inBold-1, 0)
	case atom.A:
		if strings.HasPrefix(p.link, "http") && p.kind == dataset.Paragraph && !strings.HasSuffix(p.text.String(), p.link) && p.silent == 0 {
			p.text.WriteString(" (" + p.link + ")")
		}
		p.link = ""
	case atom.H1, atom.H2, atom.H3, atom.H4, atom.H5, atom.H6, atom.Dt, atom.Summary, atom.Dd, atom.P, atom.Div, atom.Li, atom.Section, atom.Article, atom.Details, atom.Pre,
		atom.Blockquote:
		p.flush()
		p.kind, p.level = dataset.Paragraph, 0
	case atom.Td, atom.Th:
		if p.inCell {
			p.flush()
			p.inCell = false
		}
	case atom.Tr:
		if p.inTable > 0 {
			p.endRow()
		}
	case atom.Table:
		if p.inTable > 0 {
			p.endRow()
			p.inTable--
		}
	}
}
