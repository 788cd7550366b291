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

// StageTalkedOver is how long an answer was heard before its turn went on, which had not ended: a [Meter] takes one for each
// [CountTalkedOver]. It is no stage of a turn's way to its answer.
const StageTalkedOver = "talked_over"

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
	CountRejoined   = "rejoined"    // turns that went on after they seemed to have ended: premature ends
	CountTalkedOver = "talked_over" // those of them whose answer was heard already
)

// Latency is how long the stages of one turn took.
type Latency struct {
	Endpoint, Recognition, Model, FirstAudio, Total time.Duration
}

// Premature counts turns that were taken to have ended before they had.
type Premature struct {
	Turns      int           // that went on
	TalkedOver int           // of them those into which an answer was begun
	Heard      time.Duration // median of how long these answers were heard, of the last ones
}

// keptLatencies is how many turns the medians are of.
const keptLatencies = 200

// latencies keeps those of the last turns.
type latencies struct {
	mu   sync.Mutex
	ring []Latency
	next int

	premature Premature
	heard     []time.Duration // as Premature.Heard, of the last keptLatencies
}

// wentOn counts a turn that went on after an answer to it was heard for that long, 0 where it was not.
func (l *latencies) wentOn(heard time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.premature.Turns++
	if heard == 0 {
		return
	}
	l.premature.TalkedOver++
	l.heard = append(l.heard, heard)
	l.heard = l.heard[max(0, len(l.heard)-keptLatencies):]
}

// tooSoon tells what [latencies.wentOn] counted.
func (l *latencies) tooSoon() Premature {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := l.premature
	p.Heard = medianOf(l.heard)
	return p
}

// medianOf is the upper median, 0 of nothing.
func medianOf(all []time.Duration) time.Duration {
	if len(all) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(all))
	return sorted[len(sorted)/2]
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
		return medianOf(all)
	}
	return Latency{
		Endpoint:    median(func(x Latency) time.Duration { return x.Endpoint }),
		Recognition: median(func(x Latency) time.Duration { return x.Recognition }),
		Model:       median(func(x Latency) time.Duration { return x.Model }),
		FirstAudio:  median(func(x Latency) time.Duration { return x.FirstAudio }),
		Total:       median(func(x Latency) time.Duration { return x.Total }),
	}, len(l.ring)
}
