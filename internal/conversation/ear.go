package conversation

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Timing holds the waits of turn taking. A zero field takes its default.
type Timing struct {
	// Short is the silence that ends a turn whose words ask something and sound finished; default 350 ms. Where [Config].Knowledge
	// has a sure answer to them, five sevenths of it are enough: 250 ms.
	Short time.Duration
	// Long is the silence that ends a turn whose words sound unfinished; default 900 ms. Other turns, and those of people who
	// make pauses, end between the two. Where a chat server would answer, four thirds of it are waited for, 1,200 ms, and five
	// thirds where the words sound unfinished; where nothing would, or the words could not be made out, [patience] at least.
	Long time.Duration
	// Guess is the silence after which recognition begins, before it is known whether the turn has ended; default 64 ms.
	Guess time.Duration
	// Rejoin is how long after the end of a turn the same person may go on with it: what comes then is taken as the
	// turn's rest, and the answer to its first part is withdrawn. Default 2.4 s.
	Rejoin time.Duration
	// BargeIn is how much speech makes Mynah fall silent; default 200 ms.
	BargeIn time.Duration
	// FollowUp is how long after an answer the person who got it is understood without the name; default 6 s.
	FollowUp time.Duration
	// MinSpeech is how much speech a turn must have; shorter ones are not recognized. Default 160 ms.
	MinSpeech time.Duration
	// MaxTurn ends a turn that does not end by itself; default 60 s.
	MaxTurn time.Duration
	// Courtesy is how long a finished answer waits for others who are speaking; default 4 s.
	Courtesy time.Duration
}

// WithDefaults is the timing with its zero fields set.
func (t Timing) WithDefaults() Timing {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{
		{&t.Short, 350 * time.Millisecond}, {&t.Long, 900 * time.Millisecond}, {&t.Guess, 64 * time.Millisecond},
		{&t.Rejoin, 2400 * time.Millisecond}, {&t.BargeIn, 200 * time.Millisecond}, {&t.FollowUp, 6 * time.Second},
		{&t.MinSpeech, 160 * time.Millisecond}, {&t.MaxTurn, time.Minute}, {&t.Courtesy, 4 * time.Second},
	} {
		if *d.field <= 0 {
			*d.field = d.value
		}
	}
	return t
}

// sure, chatting and unknown are the silences that end turns of which the answer, or that there is none, is known already.
func (t Timing) sure() time.Duration     { return t.Short * 5 / 7 }
func (t Timing) chatting() time.Duration { return t.Long * 4 / 3 }
func (t Timing) unknown() time.Duration  { return max(patience, t.chatting()) }

// patience is how long nobody hears that Mynah doesn't know, or didn't understand: most who pause for less have only begun.
// The tenth above two seconds is what voice activity detection takes to notice that somebody goes on.
const patience = 2100 * time.Millisecond

const (
	// speechOn is the probability from which a frame begins speech, speechOff the one below which it ends it.
	speechOn, speechOff = 0.5, 0.35
	// Barge-in must be decided soon, and words often begin with a sound that voice activity detection takes for noise: the s
	// of "seven" lasts 150 ms. So a burst of speech is taken to have begun with the frames just before it, at most maxRise,
	// that were already louder than the room by the factor rising. In return it must be certain: it needs voicedFrames of speech,
	// and in certainFrames of them the probability must reach certain. That tells speech from most coughs and animals. A
	// rising frame just before it whose probability reached suspected is one of the voicedFrames.
	rising, maxRise, suspected           = 2, 5, 0.12
	voicedFrames, certain, certainFrames = 3, 0.8, 2
	// The loudness of the room is the lowest of the last frames: it rises by the factor roomRise with each frame, 9 dB a
	// second, and is never taken for less than quietest, which is that of a good microphone.
	roomRise, quietest = 1.034, 0.0003
	// padding is how much audio before and behind the speech goes to the recognizer: it loses the first and the last
	// sounds without.
	padding = 200 * time.Millisecond
	// roomToneLoudness is the root mean square of what stands for audio that was not sent: -80 dB.
	roomToneLoudness = 0.0001
	// frameTime is the length of a VAD's frame.
	frameTime = spoken.FrameSize * time.Second / spoken.Rate
	// longestChunk is what a recognizer takes at once.
	longestChunk = 14 * time.Second
	// bridged is the longest gap in a person's packets that is filled with silence; longer ones are shortened to it.
	bridged = 96 * time.Millisecond
	// What follows known words after burstPause and is no longer than shortBurst, 350 ms and what voice activity detection takes to
	// notice the end, may be a breath, a click or a laugh.
	burstPause, shortBurst = 160 * time.Millisecond, 420 * time.Millisecond
	// burstGap is the silence that ends a burst of speech, for barge-in.
	burstGap = 200 * time.Millisecond
)

func samplesOf(d time.Duration) int { return int(d * spoken.Rate / time.Second) }

// ear follows one person's stream: it finds speech in it and collects the audio of the turn that is being spoken. It knows
// no clock but the times that its pieces came with.
type ear struct {
	user   record.UserID
	vad    spoken.VAD
	timing *Timing

	rest   []float32 // less than a frame
	before []float32 // the padding in front of speech to come
	on     bool      // the last frame was speech
	quiet  int       // frames since the last speech
	next   time.Duration
	begun  bool

	turn *turn
	// burst is the speech since the last pause of burstGap, and burstStart when it came.
	burst      time.Duration
	burstStart time.Time
	voiced     int     // frames of the burst that are speech
	certain    int     // frames of the burst that are certain
	rise       int     // frames just before this one that may have begun a burst
	suspect    bool    // the last of them may have been speech
	room       float64 // the loudness of the room, as a root mean square
}

// turn is what one person says until they stop.
type turn struct {
	user    record.UserID
	started time.Time // when its first speech came
	ended   time.Time // when its last speech came
	speech  time.Duration
	pause   time.Duration // the longest within it
	samples []float32     // of the current chunk
	last    int           // how many of them there are up to the end of the last speech
	marks   []bool        // of each frame in samples behind the padding: whether it is speech
	padded  int           // samples in front of the first frame
	chunks  []*chunk      // recognized apart, when the turn became too long
	paused  time.Time     // when the speech before its last pause came
	resumed time.Time     // when the first speech behind that pause began

	turnProgress
}

// chunk is a stretch of a long turn.
type chunk struct {
	samples []float32
	done    chan struct{}
	result  spoken.Transcript
	err     error
}

// hear takes the next piece. It reports whether speech was in it. The piece's samples are not kept.
func (e *ear) hear(p Piece) (bool, error) {
	speech := false
	if gap := p.Offset - e.next; e.begun && gap > time.Millisecond {
		// The sender stopped sending for a while, which it does in silence. The turn's end was up to the clock.
		silence := make([]float32, samplesOf(min(gap, bridged)))
		if _, err := e.listen(silence, p.At); err != nil {
			return false, err
		}
		if gap >= burstGap {
			e.burst = 0
		}
		if gap > padding && e.turn == nil {
			e.before = e.before[:0] // that was another time
		}
	}
	e.begun, e.next = true, p.Offset+time.Duration(len(p.Samples))*time.Second/spoken.Rate
	speech, err := e.listen(p.Samples, p.At)
	return speech, err
}

func (e *ear) listen(samples []float32, at time.Time) (bool, error) {
	speech := false
	e.rest = append(e.rest, samples...)
	for len(e.rest) >= spoken.FrameSize {
		frame := e.rest[:spoken.FrameSize]
		p, err := e.vad.Probability(frame)
		if err != nil {
			return speech, err
		}
		e.on = p >= speechOn || e.on && p >= speechOff
		speech = speech || e.on
		end := at.Add(-time.Duration(len(e.rest)-spoken.FrameSize) * time.Second / spoken.Rate)
		e.follow(p, loudness(frame), end)
		e.add(frame, end)
		e.rest = e.rest[:copy(e.rest, e.rest[spoken.FrameSize:])]
	}
	return speech, nil
}

// follow measures bursts of speech; loud is the loudness of the frame that ended at that time.
func (e *ear) follow(p float32, loud float64, at time.Time) {
	switch {
	case loud == 0: // was made up
	case e.room == 0:
		e.room = max(quietest, loud)
	default:
		e.room = max(quietest, min(loud, e.room*roomRise))
	}
	switch {
	case e.on:
		if e.burst == 0 {
			e.burst = time.Duration(e.rise) * frameTime
			e.burstStart = at.Add(-e.burst - frameTime)
			e.voiced, e.certain = 0, 0
			if e.suspect {
				e.voiced = 1
			}
		}
		e.burst += frameTime
		e.quiet, e.rise, e.suspect = 0, 0, false
		e.voiced++
		if p >= certain {
			e.certain++
		}
		return
	case loud > rising*e.room:
		e.rise = min(e.rise+1, maxRise)
		e.suspect = p >= suspected
	default:
		e.rise, e.suspect = 0, false
	}
	if e.quiet++; time.Duration(e.quiet)*frameTime >= burstGap {
		e.burst = 0
	}
}

// loudness is the root mean square of a frame.
func loudness(frame []float32) float64 {
	sum := 0.0
	for _, x := range frame {
		sum += float64(x) * float64(x)
	}
	return math.Sqrt(sum / float64(len(frame)))
}

// bargesIn reports whether the burst of speech is long and certain enough to interrupt somebody. Voice activity detection
// notices speech about a frame after it began.
func (e *ear) bargesIn() bool {
	return e.burst+frameTime > e.timing.BargeIn && e.voiced >= voicedFrames && e.certain >= certainFrames
}

// goesOn is bargesIn for somebody who was just speaking and is likely to go on: half of that is enough.
func (e *ear) goesOn() bool {
	return e.burst+frameTime > e.timing.BargeIn/2 && e.certain >= certainFrames
}

// add takes a frame that has been judged; at is when its end came.
func (e *ear) add(frame []float32, at time.Time) {
	if e.turn == nil {
		if !e.on {
			e.before = append(e.before, frame...)
			if extra := len(e.before) - samplesOf(padding); extra > 0 {
				e.before = e.before[:copy(e.before, e.before[extra:])]
			}
			return
		}
		samples := append(roomTone(samplesOf(padding)-len(e.before)), e.before...)
		e.turn = &turn{user: e.user, started: at.Add(-frameTime), samples: samples, padded: len(samples)}
		e.before = e.before[:0]
	}
	t := e.turn
	t.samples = append(t.samples, frame...)
	t.marks = append(t.marks, e.on)
	if e.on {
		if !t.ended.IsZero() {
			pause := at.Sub(t.ended) - frameTime
			t.pause = max(t.pause, pause)
			if pause >= burstPause && !t.doubtful {
				t.paused, t.resumed = t.ended, at.Add(-frameTime)
			}
		}
		t.ended = at
		t.last = len(t.samples)
		t.speech += frameTime
	}
}

// roomTone is the sound of a very quiet room. It stands for what a sender cut off in front of the first word, without which the
// recognizer loses that: of 180 calls by name that began at once it made out 127, with this 146, with silence 142.
func roomTone(samples int) []float32 {
	tone := make([]float32, max(0, samples))
	noise := rand.New(rand.NewPCG(1, 1))
	for i := range tone {
		tone[i] = float32(noise.NormFloat64()) * roomToneLoudness
	}
	return tone
}

// endTurn takes the turn that has ended from the ear.
func (e *ear) endTurn() *turn {
	t := e.turn
	e.turn = nil
	// The end of the turn's audio is the padding of the next.
	e.before = append(e.before[:0], t.samples[max(t.last, len(t.samples)-samplesOf(padding)):]...)
	return t
}

// forget drops everything that was heard.
func (e *ear) forget() {
	e.vad.Reset()
	clear(e.rest)
	clear(e.before)
	if e.turn != nil {
		e.turn.wipe()
	}
	e.rest, e.before, e.turn, e.burst, e.on, e.begun = nil, nil, nil, 0, false, false
}

// mayBeNothing reports whether the last speech of a turn may be a breath, a click or a laugh behind its words, which are known.
func (t *turn) mayBeNothing() bool {
	return t.heard && !t.judging && !t.resumed.IsZero() && t.ended.Sub(t.resumed) <= shortBurst
}

// audio is what a recognizer gets of the turn as it is now: a copy.
func (t *turn) audio() []float32 {
	return append([]float32(nil), t.samples[:min(len(t.samples), t.last+samplesOf(padding))]...)
}

// cut takes the audio of a turn that became too long off it, up to the longest pause of its second half.
func (t *turn) cut() *chunk {
	if len(t.samples) < samplesOf(longestChunk) {
		return nil
	}
	best, longest, run := len(t.marks), 0, 0
	for i := len(t.marks) / 2; i < len(t.marks); i++ {
		if t.marks[i] {
			run = 0
			continue
		}
		if run++; run >= longest {
			best, longest = i-run/2+1, run
		}
	}
	at := t.padded + best*spoken.FrameSize
	c := &chunk{samples: append([]float32(nil), t.samples[:at]...), done: make(chan struct{})}
	t.samples = t.samples[:copy(t.samples, t.samples[at:])]
	t.marks = append(t.marks[:0], t.marks[best:]...)
	t.padded = 0
	t.last = max(0, t.last-at)
	t.chunks = append(t.chunks, c)
	return c
}

// wipe overwrites the turn's audio and forgets its words.
func (t *turn) wipe() {
	clear(t.samples)
	t.samples, t.marks, t.chunks = nil, nil, nil
	t.words, t.said = spoken.Transcript{}, ""
}
