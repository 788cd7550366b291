package conversation

import (
	"slices"
	"sync"
	"time"
)

// The stages of a turn, as a [Meter] names them.
const (
	StageEndpoint    = "endpoint"    // from the last sound to the decision that the turn has ended
	StageRecognition = "recognition" // of the words; most of it lies within the wait for the endpoint
	StageModel       = "model"       // from the words to the answer's text
	StageFirstAudio  = "first_audio" // from the answer's text to its first sound
	StageTotal       = "total"       // from the last sound to the first sound of the answer
)

// Stages lists the stages of a turn in their order.
func Stages() []string {
	return []string{StageEndpoint, StageRecognition, StageModel, StageFirstAudio, StageTotal}
}

// The events that a [Meter] counts.
const (
	CountTurn       = "turn"        // turns that were answered or obeyed
	CountUnheard    = "unheard"     // pieces of audio of people who are not heard; dropped at once
	CountOverflow   = "overflow"    // pieces dropped because the conversation was too slow to take them
	CountNotForUs   = "not_for_us"  // turns that were meant for somebody else
	CountPhantom    = "phantom"     // turns without words: noise, laughter, coughs
	CountAskedAgain = "asked_again" // turns that could not be made out
	CountBargeIn    = "barge_in"    // interruptions that stopped an answer
	CountResumed    = "resumed"     // answers that went on after a cough, laughter or "mhm"
	CountRejoined   = "rejoined"    // turns that went on after they seemed to have ended
)

// Latency is how long the stages of one turn took.
type Latency struct {
	Endpoint, Recognition, Model, FirstAudio, Total time.Duration
}

// keptLatencies is how many turns the medians are of.
const keptLatencies = 200

// latencies keeps those of the last turns.
type latencies struct {
	mu   sync.Mutex
	ring []Latency
	next int
}

func (l *latencies) add(x Latency) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.ring) < keptLatencies {
		l.ring = append(l.ring, x)
		return
	}
	l.ring[l.next] = x
	l.next = (l.next + 1) % keptLatencies
}

// Medians are the medians of the last turns' stages, and how many turns those were.
func (l *latencies) medians() (Latency, int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	median := func(of func(Latency) time.Duration) time.Duration {
		var all []time.Duration
		for _, x := range l.ring {
			all = append(all, of(x))
		}
		if len(all) == 0 {
			return 0
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return Latency{
		Endpoint:    median(func(x Latency) time.Duration { return x.Endpoint }),
		Recognition: median(func(x Latency) time.Duration { return x.Recognition }),
		Model:       median(func(x Latency) time.Duration { return x.Model }),
		FirstAudio:  median(func(x Latency) time.Duration { return x.FirstAudio }),
		Total:       median(func(x Latency) time.Duration { return x.Total }),
	}, len(l.ring)
}
