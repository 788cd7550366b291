package dataset_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
)

// manyRows is a table of as many rows as one training takes.
func manyRows(write func(question, answer string)) {
	for i := range learn.MaxExamples {
		write(fmt.Sprintf("What is the price of item %d in shop %d?", i, i%97), fmt.Sprintf("It costs %d euros, tax included.", i%1000))
	}
}

func benchmarkRead(b *testing.B, name string, data []byte) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		examples, _, err := reader.ReadUpload(context.Background(), name, bytes.NewReader(data), dataset.ReadOptions{})
		if err != nil || len(examples) != learn.MaxExamples {
			b.Fatal(len(examples), err)
		}
	}
}

func BenchmarkReadCSV(b *testing.B) {
	var s strings.Builder
	s.WriteString("Question,Answer\n")
	manyRows(func(q, a string) { fmt.Fprintf(&s, "%s,%q\n", q, a) })
	benchmarkRead(b, "a.csv", []byte(s.String()))
}

func BenchmarkReadXLSX(b *testing.B) {
	book := excelize.NewFile()
	w, err := book.NewStreamWriter("Sheet1")
	if err != nil {
		b.Fatal(err)
	}
	n := 0
	row := func(q, a string) {
		n++
		if err := w.SetRow(fmt.Sprintf("A%d", n), []any{q, a}); err != nil {
			b.Fatal(err)
		}
	}
	row("Question", "Answer")
	manyRows(row)
	var data bytes.Buffer
	if err := w.Flush(); err != nil {
		b.Fatal(err)
	}
	if err := book.Write(&data); err != nil {
		b.Fatal(err)
	}
	benchmarkRead(b, "a.xlsx", data.Bytes())
}
