package main

import (
	"context"
	"flag"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/spoken"
)

// The tests of this file put real recordings through the real voice activity detector and recognizer, in a bubble whose
// clock goes on only while everybody waits: an hour of conversation takes minutes, and no figure depends on the machine.

// talkFigures asks for everything and holds it to what is aimed at; without it, only what has been reached is held.
var talkFigures = flag.Bool("talk.figures", false, "measure conversations in full, against their targets")

// oracle runs the real recognizer and voice activity detector outside of the bubble, which what they lock must not enter.
// What it was asked once it knows.
type oracle struct {
	speech talkingSpeech
	seed   maphash.Seed
	work   chan func()
	worked chan struct{}
	mu     sync.Mutex
	known  map[uint64]spoken.Transcript
}

func newOracle(t testing.TB, s talkingSpeech) *oracle {
	o := &oracle{
		speech: s, seed: maphash.MakeSeed(), work: make(chan func()), worked: make(chan struct{}),
		known: map[uint64]spoken.Transcript{},
	}
	var running sync.WaitGroup
	running.Go(func() {
		for f := range o.work {
			f()
			o.worked <- struct{}{}
		}
	})
	t.Cleanup(func() { close(o.work); running.Wait() })
	return o
}

// outside runs f outside of the bubble.
func (o *oracle) outside(f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.work <- f
	<-o.worked
}

func (o *oracle) NewVAD() (v spoken.VAD, err error) {
	o.outside(func() {
		d := &distantVAD{oracle: o}
		d.vad, err = o.speech.engine.NewVAD()
		v = d
	})
	return v, err
}

type distantVAD struct {
	oracle *oracle
	vad    spoken.VAD
}

func (d *distantVAD) Probability(frame []float32) (p float32, err error) {
	d.oracle.outside(func() { p, err = d.vad.Probability(frame) })
	return p, err
}
func (d *distantVAD) Reset() { d.oracle.outside(d.vad.Reset) }

// Utterance takes as long, on the bubble's clock, as Moonshine tiny does on a quiet core: 96 ms in the median for clips of up to
// two seconds, 141 up to four, 272 up to six.
func (o *oracle) Utterance(ctx context.Context, samples []float32, _ string) (spoken.Transcript, error) {
	length := time.Duration(len(samples)) * time.Second / spoken.Rate
	select {
	case <-time.After(40*time.Millisecond + length*45/1000):
	case <-ctx.Done():
		return spoken.Transcript{}, ctx.Err()
	}
	var h maphash.Hash
	h.SetSeed(o.seed)
	for _, x := range samples {
		maphash.WriteComparable(&h, x)
	}
	var got spoken.Transcript
	var err error
	o.outside(func() {
		key := h.Sum64()
		var ok bool
		if got, ok = o.known[key]; ok {
			return
		}
		if got, err = o.speech.engine.Utterance(context.Background(), samples, "en"); err == nil {
			o.known[key] = got
		}
	})
	if got.Scorer != nil {
		got.Scorer = distantScorer{o, got.Scorer}
	}
	return got, err
}

// distantScorer compares texts outside of the bubble.
type distantScorer struct {
	oracle *oracle
	spoken.Scorer
}

// Score takes about as long, on the bubble's clock, as it does on a quiet core.
func (d distantScorer) Score(ctx context.Context, texts ...string) (scores []float64, err error) {
	time.Sleep(time.Duration(len(texts)) * 10 * time.Millisecond)
	d.oracle.outside(func() { scores, err = d.Scorer.Score(context.Background(), texts...) })
	return scores, err
}

func (*oracle) Languages() []string { return []string{"en"} }

// stage is a conversation with one person whose sound comes from samples, in a bubble.
type stage struct {
	t       testing.TB
	session *conversation.Session
	origin  time.Time
	mu      sync.Mutex
	done    []conversation.Exchange
	begun   []time.Time // when something was first heard of an answer
	stopped []time.Time
	counts  map[string]int
	answer  string
}

const figureUser record.UserID = 1

// wordless is an oracle for when words play no part: it understands the same in everything.
type wordless struct{ *oracle }

func (wordless) Utterance(context.Context, []float32, string) (spoken.Transcript, error) {
	return spoken.Transcript{Text: "And what about this?", Language: "en", Confidence: 1}, nil
}

// listening is the voice activity detector and the recognizer of a conversation.
type listening interface {
	conversation.Recognizer
	NewVAD() (spoken.VAD, error)
}

// onStage runs play with a session in a bubble. knows tells what is sure to be answered; nil: that isn't asked.
func onStage(t *testing.T, o listening, timing conversation.Timing, knows conversation.Knowledge, play func(*stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		g := &stage{t: t, origin: time.Now(), counts: map[string]int{}, answer: "The tournament starts on Friday at eight, and it goes on until Sunday."}
		session, err := conversation.New(conversation.Config{
			Mouth: g, Mind: g, Consent: g, Recognizer: o, NewVAD: o.NewVAD, Synthesizer: g, Knowledge: knows, Meter: g, Timing: timing,
		})
		if err != nil {
			t.Fatal(err)
		}
		g.session = session
		session.SetPeople([]conversation.Person{{ID: figureUser, Name: "Ann"}}, nil) // who is alone with Mynah need not name it
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = session.Run(ctx) })
		play(g)
		cancel()
		running.Wait()
	})
}

func (g *stage) Heard(record.UserID) bool { return true }
func (g *stage) Answer(_ context.Context, q conversation.Question, _ func(string)) (conversation.Answer, error) {
	time.Sleep(5 * time.Millisecond)
	return conversation.Answer{Text: g.answer}, nil
}
func (g *stage) Answered(_ context.Context, e conversation.Exchange) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.done = append(g.done, e)
}
func (g *stage) Split(text string) []spoken.Part { return []spoken.Part{{Text: text}} }
func (g *stage) Synthesize(_ context.Context, s spoken.Speech, emit func([]float32) error) error {
	time.Sleep(70 * time.Millisecond) // as Piper's first words on a quiet core
	return emit(make([]float32, len(s.Text)*spoken.SayRate*6/100))
}
func (g *stage) Volume() float64             { return 1 }
func (g *stage) SetVolume(float64)           {}
func (g *stage) Stage(string, time.Duration) {}
func (g *stage) Count(what string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.counts[what]++
}

// stageSaying is an answer that is played on the bubble's clock.
type stageSaying struct {
	mu     sync.Mutex
	played time.Duration
	done   chan struct{}
	stop   context.CancelFunc
}

func (g *stage) Say(ctx context.Context, _ string, s conversation.Sound) (conversation.Saying, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &stageSaying{done: make(chan struct{}), stop: cancel}
	go func() {
		defer close(p.done)
		frame := make([]float32, spoken.SayRate/50)
		for first := true; ; first = false {
			n, err := s.Read(ctx, frame)
			if err == io.EOF || ctx.Err() != nil {
				break
			}
			if first {
				g.mu.Lock()
				g.begun = append(g.begun, time.Now())
				g.mu.Unlock()
			}
			select {
			case <-time.After(time.Duration(n) * time.Second / spoken.SayRate):
			case <-ctx.Done():
			}
			p.mu.Lock()
			p.played += time.Duration(n) * time.Second / spoken.SayRate
			p.mu.Unlock()
		}
		g.mu.Lock()
		g.stopped = append(g.stopped, time.Now())
		g.mu.Unlock()
		cancel()
	}()
	return p, nil
}
func (p *stageSaying) Done() <-chan struct{} { return p.done }
func (p *stageSaying) Played() time.Duration { p.mu.Lock(); defer p.mu.Unlock(); return p.played }
func (p *stageSaying) Stop()                 { p.stop() }

// hears sends samples in packets of 20 ms, as a client does that sends all the time.
func (g *stage) hears(samples []float32) {
	const packet = spoken.Rate / 50
	for len(samples) > 0 {
		n := min(packet, len(samples))
		time.Sleep(20 * time.Millisecond)
		g.session.Hear(conversation.Piece{User: figureUser, At: time.Now(), Offset: time.Since(g.origin), Samples: samples[:n]})
		samples = samples[n:]
	}
}

// trimmed cuts off both ends what is not yet, or no longer, speech, so that the first and the last sound are known: they are
// the first and the last 60 ms that are louder all through than a tenth of the recording's loud parts. Breath and clicks
// before them are no speech.
func trimmed(samples []float32) []float32 {
	const window = spoken.Rate / 50
	var loudness []float64
	for at := 0; at+window <= len(samples); at += window {
		sum := 0.0
		for _, x := range samples[at : at+window] {
			sum += float64(x) * float64(x)
		}
		loudness = append(loudness, math.Sqrt(sum/window))
	}
	sorted := slices.Sorted(slices.Values(loudness))
	limit := sorted[len(sorted)*9/10] / 10
	loud := func(i int) bool { return min(loudness[i], loudness[i+1], loudness[i+2]) > limit }
	first, last := 0, len(loudness)-3
	for first < last && !loud(first) {
		first++
	}
	for last > first && !loud(last) {
		last--
	}
	return samples[first*window : (last+3)*window]
}

// spoken cuts off what comes before the first speech: breath, clicks and the room. Speech begins with the first of four
// frames in a row that voice activity detection is sure of, or up to 200 ms before it, as far back as it is already twice as
// loud as the room.
func saidAloud(t testing.TB, s talkingSpeech, samples []float32) []float32 {
	t.Helper()
	v, err := s.engine.NewVAD()
	if err != nil {
		t.Fatal(err)
	}
	sure, begin := 0, len(samples)
	for at := 0; at+spoken.FrameSize <= len(samples) && sure < 4; at += spoken.FrameSize {
		p, err := v.Probability(samples[at : at+spoken.FrameSize])
		if err != nil {
			t.Fatal(err)
		}
		if p < 0.5 {
			sure = 0
			continue
		}
		if sure == 0 {
			begin = at
		}
		sure++
	}
	const window = spoken.Rate / 100
	loudness := func(at int) float64 {
		sum := 0.0
		for _, x := range samples[at : at+window] {
			sum += float64(x) * float64(x)
		}
		return math.Sqrt(sum / window)
	}
	var all []float64
	for at := 0; at+window <= len(samples); at += window {
		all = append(all, loudness(at))
	}
	slices.Sort(all)
	room := all[len(all)/20]
	for limit := begin - samplesIn(200*time.Millisecond); begin-window >= max(0, limit) && loudness(begin-window) > 2*room; {
		begin -= window
	}
	return samples[begin:]
}

func samplesIn(d time.Duration) int { return int(d * spoken.Rate / time.Second) }

// broken cuts a recording where it is quietest near its middle.
func broken(samples []float32) (a, b []float32) {
	const window = spoken.Rate / 20
	best, least := len(samples)/2, math.Inf(1)
	for at := len(samples) * 35 / 100; at+window < len(samples)*65/100; at += window / 4 {
		sum := 0.0
		for _, x := range samples[at : at+window] {
			sum += float64(x) * float64(x)
		}
		if sum < least {
			best, least = at+window/2, sum
		}
	}
	return samples[:best], samples[best:]
}

func talkClips(t testing.TB, subset string, shortest, longest float64) [][]float32 {
	t.Helper()
	var all [][]float32
	for _, c := range speechtest.Clips(t) {
		if c.Subset() == subset && filepath.Ext(c.File) == ".wav" && c.Seconds >= shortest && c.Seconds <= longest {
			all = append(all, speechtest.WAV(t, c.Path))
		}
	}
	if len(all) == 0 {
		t.Fatalf("no clips in %s", subset)
	}
	return all
}

func hush(d time.Duration) []float32 { return make([]float32, d*spoken.Rate/time.Second) }

// noiseFloor is what a quiet room sounds like between two words: no microphone gives zeros.
func noiseFloor(r *rand.Rand, d time.Duration) []float32 {
	samples := hush(d)
	for i := range samples {
		samples[i] = float32(r.NormFloat64()) * 0.0008
	}
	return samples
}

func percent(n, of int) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(max(1, of))) }

func quantile(d []time.Duration, q float64) time.Duration {
	if len(d) == 0 {
		return 0
	}
	d = slices.Clone(d)
	slices.Sort(d)
	return d[min(len(d)-1, int(q*float64(len(d))))]
}

// TestInterruptions speaks, and makes noise, into a long answer. The start of a recording has to interrupt it.
func TestInterruptions(t *testing.T) {
	s := openTalkingSpeech(t)
	o := wordless{newOracle(t, s)}
	r := rand.New(rand.NewPCG(3, 4))
	interrupt := func(sound []float32) (after time.Duration, held bool) {
		onStage(t, o, conversation.Timing{}, nil, func(g *stage) {
			g.answer = strings.Repeat("This is a long answer. ", 20)
			g.session.Say(conversation.Notice{Text: g.answer, Language: "en", Whole: true})
			g.hears(noiseFloor(r, time.Second))
			began := time.Now()
			g.hears(sound)
			time.Sleep(100 * time.Millisecond)
			g.mu.Lock()
			defer g.mu.Unlock()
			if held = g.counts[conversation.CountBargeIn] > 0; held {
				after = g.stopped[0].Sub(began)
			}
		})
		return after, held
	}
	var times []time.Duration
	clips := append(talkClips(t, "en", 0, 12), talkClips(t, "ru", 0, 12)...)
	in300 := 0
	for _, c := range clips {
		sound := saidAloud(t, s, c)
		if after, held := interrupt(sound[:min(len(sound), samplesIn(2*time.Second))]); held {
			times = append(times, after)
			if after <= 300*time.Millisecond {
				in300++
			}
		}
	}
	noises := talkClips(t, "noise", 0, 60)
	stops := 0
	for _, c := range noises {
		if _, held := interrupt(c); held {
			stops++
		}
	}
	fmt.Printf("\n%d interruptions: %s stopped the answer, %s within 300 ms of their first sound; median %v, 95th percentile %v\n%d noises: %s did\n",
		len(clips), percent(len(times), len(clips)), percent(in300, len(clips)), quantile(times, 0.5), quantile(times, 0.95), len(noises), percent(stops, len(noises)))
	aim := 0.9
	if *talkFigures {
		aim = 0.95
	}
	if len(times) < len(clips) {
		t.Errorf("%d interruptions did not stop the answer", len(clips)-len(times))
	}
	if float64(in300) < aim*float64(len(clips)) {
		t.Errorf("only %d of %d interruptions stopped the answer within 300 ms", in300, len(clips))
	}
	if float64(stops) > 0.05*float64(len(noises)) {
		t.Errorf("%d of %d noises stopped the answer", stops, len(noises))
	}
}

// TestPhantoms plays all noises and generated minutes of silence, hum, keyboard and music to a conversation with one person, where
// every turn would be answered. With -talk.figures ten minutes are generated.
func TestPhantoms(t *testing.T) {
	o := newOracle(t, openTalkingSpeech(t))
	sounds := map[string][]float32{}
	for i, c := range talkClips(t, "noise", 0, 60) {
		sounds[fmt.Sprint("noise clip ", i+1)] = c
	}
	r := rand.New(rand.NewPCG(5, 6))
	each := 30 * time.Second
	if *talkFigures {
		each = 2 * time.Minute
	}
	for name, make := range map[string]func(*rand.Rand, time.Duration) []float32{
		"silence": func(_ *rand.Rand, d time.Duration) []float32 { return hush(d) }, "room": noiseFloor, "hum": hum, "keyboard": keyboard, "music": music,
	} {
		sounds[name] = make(r, each)
	}
	total := 0
	for name, sound := range sounds {
		onStage(t, o, conversation.Timing{}, nil, func(g *stage) {
			g.hears(sound)
			time.Sleep(5 * time.Second)
			g.mu.Lock()
			defer g.mu.Unlock()
			total += g.counts[conversation.CountTurn]
			if n := g.counts[conversation.CountTurn] + len(g.begun); n > 0 {
				t.Errorf("%s: %d phantom turns (%v)", name, n, g.counts)
			}
			if g.counts[conversation.CountOverflow] > 0 {
				t.Errorf("%s: pieces were lost", name)
			}
		})
	}
	fmt.Printf("\n%d sounds, %v of them generated: %d phantom turns\n", len(sounds), 5*each, total)
}

func hum(r *rand.Rand, d time.Duration) []float32 {
	samples := noiseFloor(r, d)
	for i := range samples {
		at := float64(i) / spoken.Rate
		samples[i] += float32(0.05*math.Sin(2*math.Pi*50*at) + 0.02*math.Sin(2*math.Pi*150*at) + 0.01*math.Sin(2*math.Pi*100*at))
	}
	return samples
}

// keyboard types four to eight keys a second: clicks of a few milliseconds with a dull knock.
func keyboard(r *rand.Rand, d time.Duration) []float32 {
	samples := noiseFloor(r, d)
	for at := 0; at < len(samples); at += spoken.Rate/8 + r.IntN(spoken.Rate/8) {
		loud, pitch := 0.1+0.3*r.Float64(), 200+300*r.Float64()
		for i := at; i < min(at+spoken.Rate/30, len(samples)); i++ {
			x := float64(i-at) / spoken.Rate
			samples[i] += float32(loud * (r.NormFloat64()*math.Exp(-x*600) + 0.5*math.Sin(2*math.Pi*pitch*x)*math.Exp(-x*150)))
		}
	}
	return samples
}

// music plays chords of plucked strings.
func music(r *rand.Rand, d time.Duration) []float32 {
	samples := noiseFloor(r, d)
	for at := 0; at < len(samples); at += spoken.Rate / 4 {
		note := 110 * math.Pow(2, float64([]int{0, 3, 5, 7, 10, 12, 15}[r.IntN(7)])/12) * float64(1+r.IntN(2))
		for i := at; i < min(at+spoken.Rate, len(samples)); i++ {
			x := float64(i-at) / spoken.Rate
			for h := 1.0; h <= 5; h++ {
				samples[i] += float32(0.08 / h * math.Sin(2*math.Pi*note*h*x) * math.Exp(-x*3*h))
			}
		}
	}
	return samples
}
