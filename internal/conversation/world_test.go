package conversation

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	ann record.UserID = 1
	bob record.UserID = 2
	cat record.UserID = 3
)

// levelVAD takes what is loud for speech.
type levelVAD struct{}

func (levelVAD) Probability(frame []float32) (float32, error) {
	sum := float32(0)
	for _, x := range frame {
		sum += float32(math.Abs(float64(x)))
	}
	if sum/float32(len(frame)) > 0.1 {
		return 1, nil
	}
	return 0, nil
}
func (levelVAD) Reset() {}

// world is a conversation with people who speak by a script. Each phrase has its own loudness, by which the recognizer
// knows it.
type world struct {
	t       *testing.T
	s       *Session
	mu      sync.Mutex
	texts   []string
	unsure  map[string]bool
	offset  map[record.UserID]time.Duration
	asked   []Question
	done    []Exchange
	chat    []string
	said    []string // what was begun to be said
	playing int
	stopped []time.Time
	begun   []time.Time
	volume  float64
	heard   map[record.UserID]bool
	deeds   []string
	kept    []Line
	log     string
	shows   bool          // transcripts stand in the chat
	deaf    error         // why recognition fails
	slow    time.Duration // that recognition takes longer
	allowed func(string) bool
	counts  map[string]int
	answer  func(Question) string
	writes  []string      // pieces that an answer comes in, each a second after the one before
	breaks  error         // what ends it after them
	speak   time.Duration // per letter
	due     []time.Time   // when what was recognized or synthesized was wanted
	voiced  []string      // what was synthesized
	certain func(text string) (Certainty, error)
}

func newWorld(t *testing.T, people ...Person) *world {
	return &world{
		t: t, unsure: map[string]bool{}, offset: map[record.UserID]time.Duration{}, volume: 1,
		heard: map[record.UserID]bool{ann: true, bob: true, cat: true}, counts: map[string]int{},
		allowed: func(string) bool { return true }, speak: 60 * time.Millisecond,
		answer: func(q Question) string { return "You asked " + strings.Trim(q.Text, "?.") + "." },
	}
}

// run holds a conversation while script runs, in a bubble with its own clock.
func run(t *testing.T, people []Person, script func(w *world)) {
	t.Helper()
	runWith(t, people, func(*Config, *world) {}, script)
}

// runWith is run with a changed configuration.
func runWith(t *testing.T, people []Person, change func(*Config, *world), script func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		cfg := Config{
			Mouth: w, Mind: w, Consent: w, Recognizer: w, NewVAD: func() (spoken.VAD, error) { return levelVAD{}, nil }, Synthesizer: w,
			Teacher: w, Rights: w, Room: w, Chat: w, Meter: w, Transcripts: w, Log: slog.New(slog.NewTextHandler(w, nil)),
		}
		change(&cfg, w)
		s, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		w.s = s
		s.SetPeople(people, nil)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { _ = s.Run(ctx) })
		script(w)
		cancel()
		running.Wait()
	})
}

var (
	alone = []Person{{ID: ann, Name: "Ann"}}
	three = []Person{{ID: ann, Name: "Ann"}, {ID: bob, Name: "Bob"}, {ID: cat, Name: "Catherine"}}
)

// says sends a phrase in packets of 20 ms, and the five frames of silence that end it.
func (w *world) says(user record.UserID, text string, d time.Duration) {
	w.mu.Lock()
	w.texts = append(w.texts, text)
	level := 0.2 + 0.002*float32(len(w.texts))
	w.mu.Unlock()
	w.sends(user, level, d)
	w.sends(user, 0, 100*time.Millisecond)
}

// pauses lets time pass in which nobody sends anything, and all that follows from it happen.
func (w *world) pauses(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *world) sends(user record.UserID, level float32, d time.Duration) {
	samples := make([]float32, spoken.Rate/50)
	for i := range samples {
		samples[i] = level
	}
	for range int(d / (20 * time.Millisecond)) {
		time.Sleep(20 * time.Millisecond)
		offset := time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
		w.s.Hear(Piece{User: user, At: time.Now(), Offset: offset, Samples: samples, Silence: level == 0})
	}
}

func (w *world) Utterance(ctx context.Context, samples []float32, language string) (spoken.Transcript, error) {
	w.noteDue(ctx)
	w.mu.Lock()
	slow := w.slow
	w.mu.Unlock()
	select {
	case <-time.After(100*time.Millisecond + slow):
	case <-ctx.Done():
		return spoken.Transcript{}, ctx.Err()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.deaf != nil {
		return spoken.Transcript{}, w.deaf
	}
	t := spoken.Transcript{Language: language, Confidence: 1}
	last := -1
	for _, x := range samples {
		if k := int(math.Round(float64(x-0.2)/0.002)) - 1; x > 0.1 && k != last {
			last = k
			if !strings.HasPrefix(w.texts[k], "(") { // a sound without words
				t.Text = strings.TrimSpace(t.Text + " " + w.texts[k])
			}
			if w.unsure[w.texts[k]] {
				t.Confidence = 0.2
			}
		}
	}
	return t, nil
}
func (w *world) Languages() []string { return []string{"en"} }

func (w *world) Answer(ctx context.Context, q Question, update func(string)) (Answer, error) {
	time.Sleep(5 * time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked = append(w.asked, q)
	if w.writes != nil {
		pieces, err := w.writes, w.breaks
		w.mu.Unlock()
		defer w.mu.Lock()
		text := ""
		for _, p := range pieces {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
				return Answer{}, ctx.Err()
			}
			text += p
			update(text)
		}
		return Answer{Text: text}, err
	}
	text := w.answer(q)
	if text == "" {
		return Answer{}, errors.New("no model")
	}
	return Answer{Text: text}, nil
}

// Certainty implements [Knowledge], which a world is not asked for unless its configuration says so.
func (w *world) Certainty(_ context.Context, q Question) (Certainty, error) {
	time.Sleep(time.Millisecond)
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.certain(q.Text)
}

func (w *world) Answered(_ context.Context, e Exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.done = append(w.done, e)
}

func (w *world) Split(text string) []spoken.Part {
	var parts []spoken.Part
	for _, s := range strings.SplitAfter(text, ". ") {
		parts = append(parts, spoken.Part{Text: strings.TrimSpace(s), Pause: 200 * time.Millisecond})
	}
	return parts
}

func (w *world) Synthesize(ctx context.Context, s spoken.Speech, emit func([]float32) error) error {
	w.noteDue(ctx)
	w.mu.Lock()
	w.voiced = append(w.voiced, s.Text)
	w.mu.Unlock()
	time.Sleep(50 * time.Millisecond)
	sound := make([]float32, int((time.Duration(len(s.Text))*w.speak).Seconds()*spoken.SayRate))
	for i := range sound {
		sound[i] = 0.3
	}
	return emit(sound)
}

func (w *world) noteDue(ctx context.Context) {
	due, ok := spoken.Due(ctx)
	if !ok {
		w.t.Error("it is not known when a result is due")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.due = append(w.due, due)
}

func (w *world) Volume() float64 { w.mu.Lock(); defer w.mu.Unlock(); return w.volume }
func (w *world) SetVolume(v float64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.volume = v
}

// playback is a Saying on a clock of 20 ms.
type playback struct {
	mu     sync.Mutex
	played time.Duration
	done   chan struct{}
	stop   context.CancelFunc
}

func (w *world) Say(ctx context.Context, title string, s Sound) (Saying, error) {
	ctx, cancel := context.WithCancel(ctx)
	p := &playback{done: make(chan struct{}), stop: cancel}
	w.mu.Lock()
	w.said = append(w.said, title)
	w.begun = append(w.begun, time.Now())
	w.playing++
	if w.playing > 1 {
		w.t.Error("two things are said at once")
	}
	w.mu.Unlock()
	go func() {
		defer func() {
			w.mu.Lock()
			w.playing--
			w.stopped = append(w.stopped, time.Now())
			w.mu.Unlock()
			close(p.done)
			cancel()
		}()
		frame := make([]float32, spoken.SayRate/50)
		for {
			n := 0
			for n < len(frame) {
				m, err := s.Read(ctx, frame[n:])
				n += m
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					return
				}
			}
			select {
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
				return
			}
			p.mu.Lock()
			p.played += 20 * time.Millisecond
			p.mu.Unlock()
		}
	}()
	return p, nil
}
func (p *playback) Done() <-chan struct{} { return p.done }
func (p *playback) Played() time.Duration { p.mu.Lock(); defer p.mu.Unlock(); return p.played }
func (p *playback) Stop()                 { p.stop() }

func (w *world) setHeard(user record.UserID, on bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard[user] = on
}

func (w *world) Heard(user record.UserID) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heard[user]
}

func (w *world) Post(_ context.Context, text string) (record.MessageID, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.chat = append(w.chat, text)
	return record.MessageID(len(w.chat)), nil
}

func (w *world) deed(d string) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deeds = append(w.deeds, d)
	return nil
}
func (w *world) Correct(_ context.Context, _ record.UserID, last Exchange, answer string) error {
	return w.deed("correct " + last.Question.Text + " -> " + answer)
}
func (w *world) Remember(_ context.Context, _ record.UserID, phrase, meaning string) error {
	return w.deed("remember " + phrase + " -> " + meaning)
}
func (w *world) Train(context.Context, record.UserID) error { return w.deed("train") }
func (w *world) Training(context.Context, string) (string, error) {
	return "It is half done.", nil
}
func (w *world) May(_ context.Context, _ record.UserID, command string) bool {
	return w.allowed(command)
}
func (w *world) Leave(context.Context, record.UserID) error { return w.deed("leave") }
func (w *world) Keep(_ context.Context, l Line) record.MessageID {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kept = append(w.kept, l)
	if !w.shows {
		return 0
	}
	return record.MessageID(1000 + len(w.kept))
}
func (w *world) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log += string(line)
	return len(line), nil
}
func (w *world) Stage(stage string, _ time.Duration) { w.Count("stage " + stage) }
func (w *world) Count(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[what]++
}

// set has f look at, or change, what the conversation uses too, once that has nothing more to do.
func (w *world) set(f func()) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// spoken is what was begun to be said so far.
func (w *world) spoken() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.said)
}

func (w *world) questions() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, q := range w.asked {
		all = append(all, q.Text)
	}
	return all
}

func (w *world) wantSpoken(want ...string) {
	w.t.Helper()
	if got := w.spoken(); !slices.Equal(got, want) {
		w.t.Errorf("said %q\nwant %q", got, want)
	}
}
