package document_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/dataset/document"
)

var reader = dataset.Reader{Documents: document.Opener{}}

func read(name string, data []byte) ([]string, dataset.ReadReport, error) {
	examples, report, err := reader.ReadUpload(context.Background(), name, bytes.NewReader(data), dataset.ReadOptions{})
	var short []string
	for _, e := range examples {
		short = append(short, e.Text+"|"+e.Reply)
	}
	return short, report, err
}

const wordStyles = `<w:styles xmlns:w="w"><w:style w:styleId="berschrift2"><w:name w:val="heading 2"/></w:style>` +
	`<w:style w:styleId="Own"><w:name w:val="Frage"/><w:basedOn w:val="berschrift2"/></w:style></w:styles>`

// docx packs the body of a document.
func docx(t testing.TB, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, part := range map[string]string{
		"word/document.xml": `<w:document xmlns:w="w"><w:body>` + body + `</w:body></w:document>`, "word/styles.xml": wordStyles,
	} {
		f, err := w.Create(name)
		if err == nil {
			_, err = io.WriteString(f, part)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func paragraph(style, text string) string {
	run := `<w:r><w:t>` + text + `</w:t></w:r>`
	switch style {
	case "":
	case "bold":
		run = `<w:r><w:rPr><w:b/></w:rPr><w:t>` + text + `</w:t></w:r>`
	default:
		run = `<w:pPr><w:pStyle w:val="` + style + `"/></w:pPr>` + run
	}
	return `<w:p>` + run + `</w:p>`
}

func TestDOCX(t *testing.T) {
	want := []string{"When is it?|On Friday.\nAt six.", "Who runs it?|Olga."}
	answers := paragraph("", "On Friday.") + paragraph("", "At six.")
	cell := func(s string) string { return "<w:tc>" + paragraph("", s) + "</w:tc>" }
	for name, body := range map[string]string{
		"headings": paragraph("berschrift2", "When is it?") + answers + paragraph("Own", "Who runs it?") + paragraph("", "Olga."),
		"bold":     paragraph("bold", "When is it?") + answers + paragraph("bold", "Who runs it?") + paragraph("", "Olga."),
		"marks":    paragraph("", "Q: When is it?") + paragraph("", "A: On Friday.") + paragraph("", "At six.") + paragraph("", "Q: Who runs it?") + paragraph("", "A: Olga."),
		"table": "<w:tbl><w:tr>" + cell("Question") + cell("Answer") + "</w:tr><w:tr>" + cell("When is it?") + "<w:tc>" + answers + "</w:tc></w:tr><w:tr>" +
			cell("Who runs it?") + cell("Olga.") + "</w:tr></w:tbl>",
		"changes": paragraph("berschrift2", "When is it?") + `<w:p><w:del><w:r><w:delText>Never.</w:delText><w:t>Never.</w:t></w:r></w:del><w:ins><w:r><w:t>On Friday.</w:t></w:r></w:ins></w:p>` +
			paragraph("", "At six.") + paragraph("berschrift2", "Who runs it?") + paragraph("", "Olga."),
	} {
		t.Run(name, func(t *testing.T) {
			got, report, err := read("a.docx", docx(t, body))
			if err != nil || !slices.Equal(got, want) || !report.Sure() {
				t.Errorf("%q, %v, %v", got, report.Doubts, err)
			}
		})
	}
	if _, _, err := read("a.docx", docx(t, paragraph("", "It was long ago. Nobody knows when."))); err == nil || !strings.Contains(err.Error(), "running text") {
		t.Errorf("prose: %v", err)
	}
}

// pdf makes a document with a page for each list of lines.
func pdf(pages ...[]string) []byte {
	var b bytes.Buffer
	var places []int
	object := func(format string, args ...any) {
		places = append(places, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n"+format+"\nendobj\n", append([]any{len(places)}, args...)...)
	}
	b.WriteString("%PDF-1.4\n")
	kids := ""
	for i := range pages {
		kids += fmt.Sprintf("%d 0 R ", 4+2*i)
	}
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object("<< /Type /Pages /Kids [%s] /Count %d >>", kids, len(pages))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	for i, lines := range pages {
		object("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>", 5+2*i)
		text := "BT /F1 12 Tf 72 720 Td 14 TL\n"
		for _, l := range lines {
			if l == "" {
				text += "0 -28 Td\n"
			} else {
				text += "(" + l + ") Tj T*\n"
			}
		}
		text += "ET"
		object("<< /Length %d >>\nstream\n%s\nendstream", len(text), text)
	}
	at := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(places)+1)
	for _, p := range places {
		fmt.Fprintf(&b, "%010d 00000 n \n", p)
	}
	fmt.Fprintf(&b, "trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(places)+1, at)
	return b.Bytes()
}

func TestPDF(t *testing.T) {
	if _, err := exec.LookPath("pdftotext"); err != nil {
		_, _, err := read("a.pdf", pdf([]string{"x"}))
		if err == nil || !strings.Contains(err.Error(), "poppler-utils") {
			t.Errorf("without pdftotext: %v", err)
		}
		t.Skip("pdftotext is not installed")
	}
	got, report, err := read("a.pdf", pdf([]string{"Q: When is it?", "A: On Friday.", "", "Q: Who runs it?"}, []string{"A: Olga.", "", "Q: May I swear?", "A: No."}))
	if want := []string{"When is it?|On Friday.", "Who runs it?|Olga.", "May I swear?|No."}; err != nil || !slices.Equal(got, want) || !report.Sure() {
		t.Errorf("marks: %q, %v, %v", got, report.Doubts, err)
	}
	got, report, err = read("a.pdf", pdf([]string{"When is it?", "On Friday, at six.", "", "Who runs it?", "Olga does."}))
	if want := []string{"When is it?|On Friday, at six.", "Who runs it?|Olga does."}; err != nil || !slices.Equal(got, want) || report.Sure() {
		t.Errorf("lines: %q, %v, %v", got, report.Doubts, err)
	}
	encrypted := bytes.Replace(pdf([]string{"x"}), []byte("/Root 1 0 R"), []byte("/Root 1 0 R /Encrypt << /Filter /Standard /V 1 /R 2 /O (12345678901234567890123456789012) /U (12345678901234567890123456789012) /P -4 >> /ID [(a)(b)]"), 1)
	for name, c := range map[string]struct {
		data []byte
		says string
	}{
		"no text":   {pdf(nil), "only pictures of pages"},
		"encrypted": {encrypted, "encrypted"},
		"damaged":   {[]byte("%PDF-1.7\nnothing"), "damaged"},
	} {
		if _, _, err := read("a.pdf", c.data); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestLongDocuments reads documents of thousands of pages, and hostile ones, in little memory.
func TestLongDocuments(t *testing.T) {
	const mb = 1 << 20
	page := paragraph("berschrift2", "What is on this page?") + strings.Repeat(paragraph("", strings.Repeat("a word and another ", 20)), 8)
	for name, c := range map[string]struct {
		file string
		data []byte
		says string
	}{
		"DOCX of 2,000 pages": {"a.docx", docx(t, strings.Repeat(page, 2000)), ""},
		"DOCX bomb":           {"a.docx", docx(t, strings.Repeat(paragraph("", strings.Repeat("a word ", 1000)), 4000)), "longer than 16 MB"},
		"deep HTML":           {"a.html", []byte("<html>" + strings.Repeat("<div><b>", 500_000)), "running text"},
		"many cells":          {"a.html", []byte("<html><table><tr>" + strings.Repeat("<td>x", 1_000_000)), ""},
		"deep Markdown":       {"a.md", []byte(strings.Repeat("> ", 5000) + "x"), ""},
		"many brackets":       {"a.md", []byte(strings.Repeat("[", 50_000)), ""},
		"long Markdown":       {"a.md", bytes.Repeat([]byte("## How is it?\n\nSo it is, and so it was.\n\n"), 50_000), ""},
		"too long":            {"a.md", bytes.Repeat([]byte("text\n\n"), 4*mb), "longer than 16 MB"},
		"entities in DOCX":    {"a.docx", docx(t, `<!DOCTYPE x [<!ENTITY a "aaaa">]>&a;`), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			_, _, err := read(c.file, c.data)
			runtime.ReadMemStats(&after)
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v", err)
			}
			if took := int64(after.HeapSys) - int64(before.HeapSys); took > 200*mb {
				t.Errorf("%d MB", took/mb)
			}
		})
	}
}

func fuzz(f *testing.F, name string, seeds ...string) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		examples, report, err := reader.ReadUpload(context.Background(), name, bytes.NewReader(data), dataset.ReadOptions{Label: "x", MaxCount: 1000})
		if (err == nil) != (len(examples) > 0) || report.SkipCount < len(report.Skipped) {
			t.Fatalf("%d examples, %v", len(examples), err)
		}
	})
}

func FuzzMarkdown(f *testing.F) {
	fuzz(f, "a.md", "# A?\n\nb\n\n| Question | Answer |\n|---|---|\n| a | b |\n", "**a?**\n\nb\n", "<details><summary>a</summary>\n\nb\n</details>\n", "---\na: b\n---\n# c?\nd")
}

func FuzzHTML(f *testing.F) {
	fuzz(f, "a.html", "<h1>A?</h1><p>b", "<dl><dt>a<dd>b</dl>", "<table><tr><th>question<th>answer<tr><td>a<td>b</table>", `<script type="application/ld+json">{"mainEntity":[]}</script>`)
}

func FuzzDOCX(f *testing.F) {
	f.Add(paragraph("berschrift2", "A?") + paragraph("bold", "b") + "<w:tbl><w:tr><w:tc/></w:tr></w:tbl>")
	f.Fuzz(func(t *testing.T, body string) { _, _, _ = read("a.docx", docx(t, body)) })
}
