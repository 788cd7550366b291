package sheet_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"github.com/xuri/excelize/v2"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/dataset/sheet"
)

var reader = dataset.Reader{Tables: sheet.Opener{}}

func read(t testing.TB, name string, data []byte) ([]string, dataset.ReadReport, error) {
	t.Helper()
	examples, report, err := reader.ReadUpload(context.Background(), name, bytes.NewReader(data), dataset.ReadOptions{})
	var short []string
	for _, e := range examples {
		short = append(short, e.Text+"|"+e.Label+"|"+e.Reply)
	}
	return short, report, err
}

// workbook writes sheets by their name, each a list of rows.
func workbook(t testing.TB, change func(*excelize.File), sheets ...any) []byte {
	t.Helper()
	book := excelize.NewFile()
	for i := 0; i < len(sheets); i += 2 {
		name := sheets[i].(string)
		if i == 0 {
			check(t, book.SetSheetName("Sheet1", name))
		} else if _, err := book.NewSheet(name); err != nil {
			t.Fatal(err)
		}
		for n, row := range sheets[i+1].([][]any) {
			check(t, book.SetSheetRow(name, fmt.Sprintf("A%d", n+1), &row))
		}
	}
	if change != nil {
		change(book)
	}
	var b bytes.Buffer
	check(t, book.Write(&b))
	return b.Bytes()
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestXLSX(t *testing.T) {
	faq := [][]any{{"Question", "Answer"}, {"When is it?", "On Friday."}, {"Who runs it?", "Olga."}}
	rules := [][]any{{"Our rules"}, {}, {"№", "Вопрос", "Ответ"}, {1, "Можно ругаться?", "Нет."}}
	hide := func(b *excelize.File) { check(t, b.SetSheetVisible("Old", false)) }
	for name, c := range map[string]struct {
		data []byte
		want []string
		sure bool
	}{
		"one sheet":          {workbook(t, nil, "A", faq), []string{"When is it?||On Friday.", "Who runs it?||Olga."}, true},
		"two, and titles":    {workbook(t, nil, "A", faq, "B", rules), []string{"When is it?||On Friday.", "Who runs it?||Olga.", "Можно ругаться?||Нет."}, true},
		"hidden":             {workbook(t, hide, "A", faq, "Old", rules), []string{"When is it?||On Friday.", "Who runs it?||Olga."}, true},
		"without a header":   {workbook(t, nil, "A", faq[1:]), []string{"When is it?||On Friday.", "Who runs it?||Olga."}, false},
		"labels are numbers": {workbook(t, nil, "A", [][]any{{"text", "label"}, {"so nice", 1}, {"so dull", 0}}), []string{"so nice|1|", "so dull|0|"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, report, err := read(t, "a.xlsx", c.data)
			if err != nil || !slices.Equal(got, c.want) || report.Sure() != c.sure {
				t.Errorf("%q, %v, %v", got, report.Doubts, err)
			}
		})
	}
}

// zipped packs parts, without looking at what they are.
func zipped(t testing.TB, parts ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	w.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestSpeed) })
	for i := 0; i < len(parts); i += 2 {
		method := zip.Deflate
		if parts[i] == "mimetype" {
			method = zip.Store
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: parts[i], Method: method})
		check(t, err)
		_, err = io.WriteString(f, parts[i+1])
		check(t, err)
	}
	check(t, w.Close())
	return b.Bytes()
}

const odsHead = `<office:document-content xmlns:office="o" xmlns:table="t" xmlns:text="x"><office:body><office:spreadsheet>`
const odsTail = `</office:spreadsheet></office:body></office:document-content>`

func ods(t testing.TB, content string) []byte {
	return zipped(t, "mimetype", "application/vnd.oasis.opendocument.spreadsheet", "content.xml", odsHead+content+odsTail)
}

func TestODS(t *testing.T) {
	cell := func(s string) string { return "<table:table-cell><text:p>" + s + "</text:p></table:table-cell>" }
	row := func(cells ...string) string {
		return "<table:table-row>" + strings.Join(cells, "") + "</table:table-row>"
	}
	data := ods(t, `<table:table table:name="A">`+row(cell("Question"), cell("Answer"))+
		row(cell("When is it?"), `<table:table-cell><office:annotation><text:p>a note</text:p></office:annotation><text:p>On <text:span>Friday</text:span>.</text:p><text:p>At<text:s/>six.</text:p></table:table-cell>`)+
		row(cell("Who runs it?"), cell("Olga."), `<table:table-cell table:number-columns-repeated="16382"/>`)+
		`<table:table-row table:number-rows-repeated="1048570"><table:table-cell table:number-columns-repeated="16384"/></table:table-row></table:table>`)
	got, report, err := read(t, "a.ods", data)
	if want := []string{"When is it?||On Friday.\nAt six.", "Who runs it?||Olga."}; err != nil || !slices.Equal(got, want) || !report.Sure() {
		t.Errorf("%q, %v, %v", got, report.Doubts, err)
	}
}

func TestParquet(t *testing.T) {
	type row struct {
		ID    int64  `parquet:"id"`
		Text  string `parquet:"text"`
		Label int64  `parquet:"label"`
	}
	type answers struct {
		Text []string `parquet:"text,list"`
	}
	type squad struct {
		Question string  `parquet:"question"`
		Answers  answers `parquet:"answers"`
	}
	write := func(rows any, options ...parquet.WriterOption) []byte {
		var b bytes.Buffer
		switch rows := rows.(type) {
		case []row:
			check(t, parquet.Write(&b, rows, options...))
		case []squad:
			check(t, parquet.Write(&b, rows, options...))
		}
		return b.Bytes()
	}
	rows := []row{{1, "so nice", 1}, {2, "so dull", 0}}
	named := parquet.KeyValueMetadata("huggingface", `{"info":{"features":{"text":{"dtype":"string"},"label":{"names":["neg","pos"],"_type":"ClassLabel"}}}}`)
	for name, c := range map[string]struct {
		data []byte
		want []string
	}{
		"classes":         {write(rows, named), []string{"so nice|pos|", "so dull|neg|"}},
		"numbers":         {write(rows, parquet.Compression(&parquet.Snappy)), []string{"so nice|1|", "so dull|0|"}},
		"lists of answer": {write([]squad{{"When?", answers{[]string{"At six", "at six"}}}, {"Who?", answers{[]string{"Olga"}}}}), []string{"When?||At six", "Who?||Olga"}},
	} {
		got, report, err := read(t, "train-00000-of-00001.parquet", c.data)
		if err != nil || !slices.Equal(got, c.want) || !report.Sure() {
			t.Errorf("%s: %q, %v, %v", name, got, report, err)
		}
	}
}

// TestHostile reads files that are made to take memory or time, or to lead elsewhere.
func TestHostile(t *testing.T) {
	types := `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/></Types>`
	rels := `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	book := `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="A" sheetId="1" r:id="rId1"/></sheets></workbook>`
	bookRels := `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`
	xlsx := func(sheet string, more ...string) []byte {
		return zipped(t, append([]string{"[Content_Types].xml", types, "_rels/.rels", rels, "xl/workbook.xml", book, "xl/_rels/workbook.xml.rels", bookRels,
			"xl/worksheets/sheet1.xml", `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>` + sheet + `</sheetData></worksheet>`}, more...)...)
	}
	cell := func(ref, text string) string {
		return `<c r="` + ref + `" t="inlineStr"><is><t>` + text + `</t></is></c>`
	}
	const mb = 1 << 20
	lied := xlsx(strings.Repeat(" ", 300*mb))
	for i := range lied { // the archive's directory says that the sheet is small
		if bytes.HasPrefix(lied[i:], []byte("PK\x01\x02")) && bytes.Contains(lied[i:min(len(lied), i+100)], []byte("sheet1.xml")) {
			copy(lied[i+24:], []byte{0, 4, 0, 0})
		}
	}
	for name, c := range map[string]struct {
		file string
		data []byte
		says string // of the error; "" where some of it is read
	}{
		"zip bomb":           {"a.xlsx", xlsx(strings.Repeat(" ", 300*mb)), "too large"},
		"zip bomb that lies": {"a.xlsx", lied, "no examples"},
		"bomb of styles":     {"a.xlsx", xlsx("", "xl/styles.xml", strings.Repeat(" ", 80*mb)), "too large"},
		"columns beyond all": {"a.xlsx", xlsx(`<row r="1">` + cell("ZZZZZZ1", "x") + `</row>`), "damaged"},
		"rows far apart":     {"a.xlsx", xlsx(`<row r="1">` + cell("A1", "question") + cell("B1", "answer") + `</row><row r="1048576">` + cell("A1048576", "When?") + cell("B1048576", "Now.") + `</row>`), ""},
		"formulas": {"a.xlsx", xlsx(`<row r="1">` + cell("A1", "question") + cell("B1", "answer") + `</row><row r="2">` + cell("A2", "When?") +
			`<c r="B2" t="str"><f>WEBSERVICE("https://evil.example")</f><v>Now.</v></c></row>`), ""},
		"many cells in a row":   {"a.xlsx", xlsx(`<row r="1">` + strings.Repeat(cell("XFD1", "x"), 50_000) + `</row>`), ""},
		"entities":              {"a.xlsx", xlsx(`<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;&b;">]><row r="1">` + cell("A1", "&c;") + `</row>`), "no examples"},
		"no sheet":              {"a.xlsx", zipped(t, "[Content_Types].xml", types, "xl/workbook.xml", "nothing"), "damaged"},
		"cut short":             {"a.xlsx", xlsx(`<row r="1">` + cell("A1", "question"))[:400], "damaged"},
		"old or with password":  {"a.xlsx", append([]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), make([]byte, 4096)...), "without a password"},
		"ODS of repeated cells": {"a.ods", ods(t, `<table:table table:name="A">`+strings.Repeat(`<table:table-row table:number-rows-repeated="1000000000"><table:table-cell table:number-columns-repeated="1000000000"><text:p>x</text:p></table:table-cell></table:table-row>`, 2)+`</table:table>`), ""},
		"ODS that is no XML":    {"a.ods", ods(t, `<table:table><a></b>`), "damaged"},
		"Parquet of nothing":    {"a.parquet", []byte("PAR1\xff\xff\xff\x7fPAR1"), "damaged"},
		"Parquet cut short":     {"a.parquet", []byte("PAR1"), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			got, _, err := read(t, c.file, c.data)
			runtime.ReadMemStats(&after)
			if c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%v", err)
			}
			if name == "formulas" && !slices.Equal(got, []string{"When?||Now."}) {
				t.Errorf("%q", got)
			}
			if took := int64(after.HeapSys) - int64(before.HeapSys); took > 200*mb {
				t.Errorf("%d MB", took/mb)
			}
		})
	}
}

func fuzz(f *testing.F, name string, seeds ...[]byte) {
	for _, s := range seeds {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		examples, report, err := reader.ReadUpload(context.Background(), name, bytes.NewReader(data), dataset.ReadOptions{Label: "x", MaxCount: 1000})
		if (err == nil) != (len(examples) > 0) || report.SkipCount < len(report.Skipped) {
			t.Fatalf("%d examples, %v", len(examples), err)
		}
	})
}

func FuzzXLSX(f *testing.F) {
	fuzz(f, "a.xlsx", workbook(f, nil, "A", [][]any{{"Question", "Answer"}, {"When?", "Now."}}))
}

func FuzzODS(f *testing.F) {
	f.Add(`<table:table table:name="A"><table:table-row table:number-rows-repeated="2"><table:table-cell><text:p>a</text:p></table:table-cell></table:table-row></table:table>`)
	f.Fuzz(func(t *testing.T, content string) {
		_, _, _ = reader.ReadUpload(context.Background(), "a.ods", bytes.NewReader(ods(t, content)), dataset.ReadOptions{Label: "x", MaxCount: 1000})
	})
}

func FuzzParquet(f *testing.F) {
	var b bytes.Buffer
	check(f, parquet.Write(&b, []struct{ Text, Label string }{{"a", "b"}}))
	fuzz(f, "a.parquet", b.Bytes())
}
