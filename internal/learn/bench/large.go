package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// benchLarge trains on as many generated short texts as a dataset may have: 150 labels, words by Zipf's law, some of
// them particular to the label.
func benchLarge(w io.Writer) error {
	const labels, words = 150, 30_000
	rng := rand.New(rand.NewPCG(1, 1))
	zipf := rand.NewZipf(rng, 1.1, 4, words-1)
	word := func(n uint64) string {
		var b strings.Builder
		for n += 20; n > 0; n /= 20 {
			b.WriteByte("bcdfghklmnprstvzjwxq"[n%20])
			b.WriteByte("aeiou"[(n/3)%5])
		}
		return b.String()
	}
	make1 := func(i int) record.Example {
		l := i % labels
		var b strings.Builder
		for range 4 + rng.IntN(8) {
			n := zipf.Uint64()
			if rng.IntN(3) == 0 {
				n = uint64(l*40 + int(math.Abs(rng.NormFloat64())*10))
			}
			b.WriteString(word(n))
			b.WriteByte(' ')
		}
		return record.Example{Text: b.String(), Label: fmt.Sprintf("label %d", l)}
	}
	var train, test []record.Example
	for i := range learn.MaxExamples {
		train = append(train, make1(i))
	}
	for i := range 5000 {
		test = append(test, make1(i))
	}
	began, cpu := time.Now(), cpuTime()
	m, report, err := learn.Train(context.Background(), train, learn.Options{Seed: 1, Progress: progress(cpu)})
	if err != nil {
		return err
	}
	took, used := time.Since(began), cpuTime()-cpu
	ev := learn.Evaluate(m, test, nil)
	_, err = fmt.Fprintf(w, "%d generated texts, %d labels: accuracy %.4f (held-out %.4f), %.1f s (60), cpu %.1f s, %d features, predict %.1f µs, peak memory %d MB (1000)\n",
		report.Examples, labels, ev.Accuracy, report.HeldOut.Accuracy, took.Seconds(), used.Seconds(), report.Features, ev.PredictMicros, peakMemory()>>20)
	return err
}

// progress prints how far a long training is, at most once for each twentieth of it.
func progress(cpu time.Duration) func(learn.Progress) {
	last := -1
	return func(p learn.Progress) {
		if n := int(20 * p.Done); n != last {
			last = n
			fmt.Fprintf(os.Stderr, "%3.0f %% %s, cpu %.1f s, peak memory %d MB\n", 100*p.Done, p.Stage, (cpuTime() - cpu).Seconds(), peakMemory()>>20)
		}
	}
}
