package main

import (
	"fmt"
	"os"
	"path"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/voices"
)

// stageTimes collects what a conversation measures of its turns.
type stageTimes struct {
	mu    sync.Mutex
	times map[string][]time.Duration
}

func (s *stageTimes) Stage(stage string, took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.times[stage] = append(s.times[stage], took)
}
func (s *stageTimes) Count(string) {}

// benchAnswers are what is answered in turn: what short and long answers of a community's bot look like.
var benchAnswers = []string{
	"The tournament starts on Friday at eight in the evening, and it goes on until Sunday.",
	"You can find the rules in the channel with that name. Read them before you register your team.",
	"Yes.",
	"The server is down for maintenance today. It will be back at noon, if nothing else goes wrong.",
}

// askTurns asks turns questions in a conversation and measures, at the asker's side, from the last packet of the question
// to the first one of the answer.
func askTurns(t testing.TB, k *talk, clips [][]float32, turns, from int) []time.Duration {
	var times []time.Duration
	ann := k.people[1]
	for i := range turns {
		clip := clips[(from+i)%len(clips)]
		ann.listen()
		ended := ann.speaks(clip)
		times = append(times, ann.hearsFirst().Sub(ended))
		k.mynah.Player().Stop() // the rest of the answer is of no interest
	}
	return times
}

// BenchmarkTalk measures conversations through the local voice server, with end-to-end encryption, the installed recognizer
// and the installed voice: fifty turns of one conversation, then eight conversations at once, all of whose answers
// are synthesized; and beside that a conversation whose answers were said before and are remembered.
func BenchmarkTalk(b *testing.B) {
	s := openTalkingSpeech(b)
	var clips [][]float32
	for _, c := range speechtest.Clips(b) {
		// Readers of cards and of parts of a sentence don't sound finished, and are waited for longer.
		name := path.Base(c.File)
		if c.Subset() == "en" && c.Seconds > 1.3 && c.Seconds < 5.2 && !strings.HasPrefix(name, "cards") && !strings.HasPrefix(name, "lj_") {
			clips = append(clips, trimmed(speechtest.WAV(b, c.Path)))
		}
	}
	for _, c := range []struct {
		name           string
		talks, turns   int
		remembered     bool
		median, ninety time.Duration
	}{
		{"one conversation", 1, 50, false, 650 * time.Millisecond, 900 * time.Millisecond},
		{"eight at once", 8, 8, false, 900 * time.Millisecond, 0},
		{"one conversation, answers said before", 1, 20, true, 0, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				meter := &stageTimes{times: map[string][]time.Duration{}}
				rooms := newVoiceRooms(b)
				var talks []*talk
				for n := range c.talks {
					asked := 0
					k := newTalk(b, rooms, s, n, func(cfg *conversation.Config) {
						cfg.Meter = meter
						if c.remembered {
							cfg.Synthesizer = voices.NewLive(voices.Remember(s.voices, spokenMemory))
						}
						cfg.Timing.Rejoin = time.Millisecond // questions that follow on each other are questions of their own
					}, "Ann")
					k.answer = func(conversation.Question) string { asked++; return benchAnswers[asked%len(benchAnswers)] }
					talks = append(talks, k)
				}
				before, began := cpuTime(b), time.Now()
				var mu sync.Mutex
				var all []time.Duration
				var asking sync.WaitGroup
				for n, k := range talks {
					asking.Go(func() {
						times := askTurns(b, k, clips, c.turns, 5*n)
						mu.Lock()
						defer mu.Unlock()
						all = append(all, times...)
					})
				}
				asking.Wait()
				busy := (cpuTime(b) - before).Seconds() / time.Since(began).Seconds()
				fmt.Printf("\n%s: %d turns; %.2f cores busy with it, load of the machine %s\n", c.name, len(all), busy, loadAverage())
				fmt.Printf("%-28s %8s %8s\n", "", "median", "95 %")
				for _, stage := range conversation.Stages() {
					fmt.Printf("  %-26s %8v %8v\n", stage, quantile(meter.times[stage], 0.5).Round(time.Millisecond), quantile(meter.times[stage], 0.95).Round(time.Millisecond))
				}
				median, ninety := quantile(all, 0.5), quantile(all, 0.95)
				fmt.Printf("%-28s %8v %8v\n", "last sound to first packet", median.Round(time.Millisecond), ninety.Round(time.Millisecond))
				b.ReportMetric(float64(median.Milliseconds()), "ms-median")
				b.ReportMetric(float64(ninety.Milliseconds()), "ms-p95")
				if c.median > 0 && median > c.median || c.ninety > 0 && ninety > c.ninety {
					b.Errorf("the limits are a median of %v and a 95th percentile of %v", c.median, c.ninety)
				}
			}
		})
	}
}

func loadAverage() string {
	raw, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return strings.Fields(string(raw))[0]
}

// cpuTime is what this process has used so far.
func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	raw, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		t.Skip("needs /proc")
	}
	fields := strings.Fields(string(raw)[strings.LastIndexByte(string(raw), ')')+1:])
	var user, system int
	fmt.Sscan(fields[11], &user)
	fmt.Sscan(fields[12], &system)
	return time.Duration(user+system) * 10 * time.Millisecond
}
