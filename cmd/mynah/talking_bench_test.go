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
// and the installed voice, by the policy before waits followed the answer and by that in force: forty turns of one conversation, then
// eight conversations at once, all of whose answers are synthesized; and beside that a conversation whose answers were said before
// and are remembered.
func BenchmarkTalk(b *testing.B) {
	s := openTalkingSpeech(b)
	var clips [][]float32
	knows := &taught{otherwise: conversation.Unsure}
	for _, c := range speechtest.Clips(b) {
		// Readers of cards and of parts of a sentence don't sound finished, and are waited for longer.
		name := path.Base(c.File)
		if c.Subset() == "en" && c.Seconds > 1.3 && c.Seconds < 5.2 && !strings.HasPrefix(name, "cards") && !strings.HasPrefix(name, "lj_") {
			clips = append(clips, trimmed(speechtest.WAV(b, c.Path)))
			knows.questions = append(knows.questions, plainWords(c.Text))
		}
	}
	policies := []turnPolicy{wordsAlone, followAnswers}
	for _, c := range []struct {
		name                 string
		talks, rounds, turns int
		remembered           bool
		median, ninety       time.Duration // at most, by the policy in force
	}{
		{"one conversation", 1, 40, 1, false, 500 * time.Millisecond, 900 * time.Millisecond},
		{"eight at once", 8, 4, 2, false, 0, 0},
		{"one conversation, answers said before", 1, 16, 1, true, 0, 0},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				rooms := newVoiceRooms(b)
				meters, talks := make([]*stageTimes, len(policies)), make([][]*talk, len(policies))
				for p, policy := range policies {
					meters[p] = &stageTimes{times: map[string][]time.Duration{}}
					for n := range c.talks {
						asked := 0
						k := newTalk(b, rooms, s, p*c.talks+n, func(cfg *conversation.Config) {
							cfg.Meter, cfg.Timing = meters[p], policy.timing
							if policy.knows {
								cfg.Knowledge = knows
							}
							if c.remembered {
								cfg.Synthesizer = voices.NewLive(voices.Remember(s.voices, spokenMemory))
							}
							cfg.Timing.Rejoin = time.Millisecond // questions that follow on each other are questions of their own
						}, "Ann")
						k.answer = func(conversation.Question) string { asked++; return benchAnswers[asked%len(benchAnswers)] }
						talks[p] = append(talks[p], k)
					}
				}
				// The policies take turns, so that the machine is as busy with other things for each of them.
				all, busy, took := make([][]time.Duration, len(policies)), make([]time.Duration, len(policies)), make([]time.Duration, len(policies))
				for round := range c.rounds {
					for p := range policies {
						before, began := cpuTime(b), time.Now()
						var mu sync.Mutex
						var asking sync.WaitGroup
						for n, k := range talks[p] {
							asking.Go(func() {
								times := askTurns(b, k, clips, c.turns, 5*n+c.turns*round)
								mu.Lock()
								defer mu.Unlock()
								all[p] = append(all[p], times...)
							})
						}
						asking.Wait()
						busy[p] += cpuTime(b) - before
						took[p] += time.Since(began)
					}
				}
				for p, policy := range policies {
					fmt.Printf("\n%s, the wait follows %s: %d turns; %.2f cores busy with it, load of the machine %s\n",
						c.name, policy.name, len(all[p]), busy[p].Seconds()/took[p].Seconds(), loadAverage())
					fmt.Printf("%-28s %8s %8s\n", "", "median", "95 %")
					for _, stage := range conversation.Stages() {
						times := meters[p].times[stage]
						fmt.Printf("  %-26s %8v %8v\n", stage, quantile(times, 0.5).Round(time.Millisecond), quantile(times, 0.95).Round(time.Millisecond))
					}
					median, ninety := quantile(all[p], 0.5), quantile(all[p], 0.95)
					fmt.Printf("%-28s %8v %8v\n", "last sound to first packet", median.Round(time.Millisecond), ninety.Round(time.Millisecond))
					if !policy.knows {
						continue
					}
					b.ReportMetric(float64(median.Milliseconds()), "ms-median")
					b.ReportMetric(float64(ninety.Milliseconds()), "ms-p95")
					if c.median > 0 && median > c.median || c.ninety > 0 && ninety > c.ninety {
						b.Errorf("the limits are a median of %v and a 95th percentile of %v", c.median, c.ninety)
					}
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
