package store_test

import (
	"fmt"
	"testing"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
)

// BenchmarkSaveExchange is what the store adds to every answer.
func BenchmarkSaveExchange(b *testing.B) {
	for _, backend := range postgres.Backends() {
		b.Run(backend.Name, func(b *testing.B) {
			s := open(b, store.Config{Dir: b.TempDir(), URL: backend.URL(b)})
			e := record.Exchange{Server: serverA, Channel: channel, Asker: alice, Question: "when does it start?", Answer: "at six", Source: record.SourceModel, At: noon}
			for b.Loop() {
				if _, err := s.SaveExchange(b.Context(), e); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAddExamples reports the time for each of 20,000 examples.
func BenchmarkAddExamples(b *testing.B) {
	const n = 20_000
	for _, backend := range postgres.Backends() {
		b.Run(backend.Name, func(b *testing.B) {
			s := open(b, store.Config{Dir: b.TempDir(), URL: backend.URL(b)})
			examples := make([]record.Example, n)
			server := record.ServerID(0)
			for i := range examples {
				examples[i] = record.Example{Text: fmt.Sprint("an example of the length that people type, number ", i), Label: fmt.Sprint(i % 50)}
			}
			for b.Loop() {
				server++
				if _, _, err := s.AddExamples(b.Context(), server, examples); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/example")
		})
	}
}
