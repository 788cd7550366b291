package voice

import (
	"slices"
	"sync"
	"testing"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/wer"
	"github.com/mynahbot/mynah/internal/spoken"
)

// readings is how often each sound is recognized, each time from 5 ms later on. A recognizer's errors change with where its
// windows begin, by more than what is measured here; with the mean of several beginnings that evens out.
const readings = 4

// ears recognizes English behind the back of the test, one sound after another, and counts the wrong words by what the
// sounds are.
type ears struct {
	t      testing.TB
	engine *engine.Engine
	jobs   chan sound
	done   sync.WaitGroup
	counts map[string]wer.Count // belongs to the goroutine until done
}

// sound is something that was said; samples are of 16 kHz.
type sound struct {
	kind, said string
	samples    []float32
}

func newEars(t testing.TB) (*ears, *models.Store) {
	t.Helper()
	speechtest.Model(t, speech.KindMoonshine, "en")
	catalogue, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	store, err := models.Open(catalogue, speechtest.Models(t))
	if err != nil {
		t.Fatal(err)
	}
	e := &ears{t: t, engine: engine.Open(engine.Config{Streams: 1}, store), jobs: make(chan sound, 1000), counts: map[string]wer.Count{}}
	e.done.Go(e.listen)
	t.Cleanup(func() {
		if e.jobs != nil {
			close(e.jobs)
			e.done.Wait()
		}
		e.engine.Close()
	})
	return e, store
}

// hear takes a sound of a kind in which something was said.
func (e *ears) hear(kind, said string, samples []float32) {
	e.jobs <- sound{kind, said, samples}
}

func (e *ears) listen() {
	const step = spoken.Rate * 5 / 1000
	for s := range e.jobs {
		for n := range readings {
			text, err := e.engine.Utterance(e.t.Context(), slices.Clone(s.samples[min(n*step, len(s.samples)):]), "en")
			if e.t.Context().Err() != nil {
				break // the test has failed
			}
			if err != nil {
				e.t.Errorf("recognize %q: %v", s.said, err)
				break
			}
			e.counts[s.kind] = e.counts[s.kind].Add(wer.Compare(s.said, text.Text))
		}
	}
}

// wrong waits until all is recognized and returns the counts by kind. Nothing can be heard afterwards.
func (e *ears) wrong() map[string]wer.Count {
	close(e.jobs)
	e.done.Wait()
	e.jobs = nil
	return e.counts
}
