package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/spoken"
)

// The tests of this file measure when turns end: how long after their last sound, and how often before it, by the policy that is
// in force and by the one before it, with the same sounds.

// turnPolicy is a way to find the end of turns.
type turnPolicy struct {
	name   string
	timing conversation.Timing
	// knows is whether the wait follows the answer.
	knows bool
}

var (
	// wordsAlone is the policy before waits followed the answer.
	wordsAlone    = turnPolicy{"words alone", conversation.Timing{Guess: 160 * time.Millisecond}, false}
	followAnswers = turnPolicy{"the answer", conversation.Timing{}, true}
)

// taught stands for what was taught: it is sure of words that are nearly those of a question that was, and knows nothing else.
type taught struct {
	questions [][]string
	otherwise conversation.Certainty
	last      conversation.Certainty // what was said last
}

// newTaught knows nothing but these questions.
func newTaught(questions ...string) *taught {
	k := &taught{otherwise: conversation.Unknown}
	for _, q := range questions {
		k.questions = append(k.questions, plainWords(q))
	}
	return k
}

// Certainty implements [conversation.Knowledge]: a quarter of the words may be misheard, missing or too many.
func (k *taught) Certainty(_ context.Context, q conversation.Question) (conversation.Certainty, error) {
	time.Sleep(2 * time.Millisecond)
	said := plainWords(q.Text)
	for _, question := range k.questions {
		if 4*wordErrors(question, said) <= len(question) {
			k.last = conversation.Sure
			return k.last, nil
		}
	}
	k.last = k.otherwise
	return k.last, nil
}

// plainWords are the words of a text in small letters and without marks.
func plainWords(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '\'' })
}

// wordErrors is how many words must be changed, left out or put in to make one text of the other.
func wordErrors(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, w := range a {
		diagonal := row[0]
		row[0] = i + 1
		for j, v := range b {
			change := diagonal
			if v != w {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// turnFigures is what became of the turns of one kind.
type turnFigures struct {
	turns int
	// premature are those that were taken to have ended before they had: whether anything was said into them or not.
	premature int
	// over are those into which an answer was begun, which was then taken back; heard is how long such answers sounded.
	over  int
	heard []time.Duration
	// cut are those that were not answered as one.
	cut int
	// waits are the times from the last sound to the answer.
	waits []time.Duration
}

func (f *turnFigures) add(g turnFigures) {
	f.turns += g.turns
	f.premature += g.premature
	f.over += g.over
	f.heard = append(f.heard, g.heard...)
	f.cut += g.cut
	f.waits = append(f.waits, g.waits...)
}

const turnHead = "%-44s %6s %10s %12s %14s %8s %12s %8s\n"

func showTurnHead(what string) {
	fmt.Printf("\n"+turnHead, what, "turns", "premature", "talked over", "for (median)", "cut", "median wait", "95 %")
}

func (f turnFigures) show(name string) {
	const ms = time.Millisecond
	fmt.Printf(turnHead, name, fmt.Sprint(f.turns), percent(f.premature, f.turns), percent(f.over, f.turns), quantile(f.heard, 0.5).Round(ms),
		percent(f.cut, f.turns), quantile(f.waits, 0.5).Round(ms), quantile(f.waits, 0.95).Round(ms))
}

// brokenTurn is a turn with a pause in it.
type brokenTurn struct {
	a, b  []float32
	pause time.Duration
}

// speakTurns has one person say turns, one after the other is answered, and tells what became of each.
func speakTurns(t *testing.T, o listening, policy turnPolicy, knows *taught, turns ...brokenTurn) []turnFigures {
	var all []turnFigures
	var knowledge conversation.Knowledge
	if policy.knows {
		knowledge = knows
	}
	onStage(t, o, policy.timing, knowledge, func(g *stage) {
		r := rand.New(rand.NewPCG(1, 2)) // the same sounds for each policy
		for _, turn := range turns {
			g.mu.Lock()
			begun, done, rejoined := len(g.begun), len(g.done), g.counts[conversation.CountRejoined]
			g.mu.Unlock()
			g.hears(noiseFloor(r, 300*time.Millisecond))
			g.hears(turn.a)
			g.hears(noiseFloor(r, turn.pause))
			g.hears(turn.b)
			end := time.Now()
			g.hears(noiseFloor(r, 3*time.Second))
			time.Sleep(15 * time.Second) // until the answer has been said
			g.mu.Lock()
			f := turnFigures{turns: 1}
			for i, at := range g.begun[begun:] {
				if at.Before(end) {
					f.over = 1
					f.heard = append(f.heard, g.stopped[begun+i].Sub(at))
				}
			}
			if len(g.done) != done+1 {
				f.cut = 1
			}
			if f.over+f.cut > 0 || g.counts[conversation.CountRejoined] > rejoined {
				f.premature = 1
			}
			if n := len(g.begun); n > begun {
				f.waits = append(f.waits, g.begun[n-1].Sub(end))
			}
			g.mu.Unlock()
			all = append(all, f)
		}
	})
	return all
}

// naturalClips are the recordings of people who speak without being cut, and those who read cards and digits out.
func naturalClips(t testing.TB, subset string) []speechtest.Clip {
	var all []speechtest.Clip
	for _, c := range speechtest.Clips(t) {
		if c.Subset() == subset && filepath.Ext(c.File) == ".wav" && c.Seconds <= 12 {
			all = append(all, c)
		}
	}
	return all
}

// TestNaturalTurns has each recording said as a turn, by the policy before and by that in force: what it asks was taught, isn't known,
// or goes to a chat server. A turn ends prematurely when it ends before its last sound: it is talked over when an answer was begun
// by then, and cut when it wasn't answered as one.
func TestNaturalTurns(t *testing.T) {
	if !*talkFigures {
		t.Skip("takes minutes: make bench-talk runs it")
	}
	s := openTalkingSpeech(t)
	o := newOracle(t, s)
	showTurnHead("natural speech")
	natural := func(policy turnPolicy, knows func(text string) *taught) (f turnFigures) {
		for _, c := range naturalClips(t, "en") {
			f.add(speakTurns(t, o, policy, knows(c.Text), brokenTurn{b: trimmed(speechtest.WAV(t, c.Path))})[0])
		}
		return f
	}
	nothing := func(otherwise conversation.Certainty) func(string) *taught {
		return func(string) *taught { return &taught{otherwise: otherwise} }
	}
	natural(wordsAlone, nothing(conversation.Unknown)).show("words alone")
	known := natural(followAnswers, func(text string) *taught { return newTaught(text) })
	known.show("the answer: taught")
	unknown, chat := natural(followAnswers, nothing(conversation.Unknown)), natural(followAnswers, nothing(conversation.Chatting))
	unknown.show("the answer: unknown")
	chat.show("the answer: for a chat server")
	if float64(known.premature) > 0.08*float64(known.turns) {
		t.Errorf("%d of %d turns with a sure answer ended prematurely", known.premature, known.turns)
	}
	unknown.add(chat)
	if float64(unknown.premature) > 0.01*float64(unknown.turns) {
		t.Errorf("%d of %d turns that nothing taught answers ended prematurely", unknown.premature, unknown.turns)
	}

	showTurnHead("a talk of 11 s with long pauses")
	talk := brokenTurn{b: trimmed(recording(t, "en/jfk.wav"))}
	for _, c := range []struct {
		name      string
		policy    turnPolicy
		otherwise conversation.Certainty
	}{
		{"words alone", wordsAlone, conversation.Unknown},
		{"the answer: unknown", followAnswers, conversation.Unknown},
		{"the answer: for a chat server", followAnswers, conversation.Chatting},
	} {
		f := speakTurns(t, o, c.policy, &taught{otherwise: c.otherwise}, talk)[0]
		f.show(c.name)
		if c.policy.knows && f.premature > 0 {
			t.Error("the talk was talked into")
		}
	}

	showTurnHead("questions by voice, all taught")
	knows := newTaught(spokenQuestions...)
	for _, policy := range []turnPolicy{wordsAlone, followAnswers} {
		var asked, misheard turnFigures
		for _, q := range spokenQuestions {
			f := speakTurns(t, o, policy, knows, brokenTurn{b: trimmed(synthesized(t, s, q))})[0]
			if policy.knows && knows.last != conversation.Sure {
				misheard.add(f)
				continue
			}
			asked.add(f)
		}
		asked.show(policy.name)
		if misheard.turns > 0 {
			misheard.show(policy.name + ": misheard, so not known")
		}
		if median, most := quantile(asked.waits, 0.5), quantile(asked.waits, 0.95); policy.knows && (median > 400*time.Millisecond || most > 600*time.Millisecond) {
			t.Errorf("questions with a sure answer were waited for %v, 95 %% for at most %v", median, most)
		}
	}
}

// spokenQuestions are what people ask a community's bot.
var spokenQuestions = []string{
	"When does the tournament start?", "How do I reset my password?", "Where can I find the rules?", "Who is the owner of this server?",
	"What is the address of the game server?", "How do I get the builder role?", "Can I invite my friends to the server?",
	"Which version of the game do I need?", "Why was my message deleted?", "How do I report another player?",
	"Tell me how to join a team.", "I forgot my password.", "Is there an event this weekend?", "How much does the subscription cost?",
	"What happens if I break the rules?", "Show me the list of commands.",
}

// synthesized is a text said by the installed voice, as it is heard in a call.
func synthesized(t testing.TB, s talkingSpeech, text string) []float32 {
	t.Helper()
	var sound []float32
	err := voices.NewLive(s.voices).Synthesize(t.Context(), spoken.Speech{Text: text, Language: "en"}, func(samples []float32) error {
		sound = append(sound, samples...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	heard, err := audio.Resample(audio.PCM{Samples: sound, Rate: spoken.SayRate}, spoken.Rate)
	if err != nil {
		t.Fatal(err)
	}
	return heard.Samples
}

// TestEndpointing joins recordings with pauses of 100 to 1,500 ms into turns: two sentences, and the halves of one.
func TestEndpointing(t *testing.T) {
	if !*talkFigures {
		t.Skip("takes minutes: make bench-talk runs it")
	}
	o := newOracle(t, openTalkingSpeech(t))
	var clips []speechtest.Clip
	for _, c := range naturalClips(t, "en") {
		if c.Seconds >= 2.8 && c.Seconds <= 7 {
			clips = append(clips, c)
		}
	}
	sound := func(i int) []float32 { return trimmed(speechtest.WAV(t, clips[i%len(clips)].Path)) }
	text := func(i int) string { return clips[i%len(clips)].Text }
	const ms = time.Millisecond
	joined := func(i int, pause time.Duration) (brokenTurn, string) {
		return brokenTurn{sound(2 * i), sound(2*i + 1), pause}, text(2*i) + " " + text(2*i+1)
	}
	within := func(i int, pause time.Duration) (brokenTurn, string) {
		a, b := broken(sound(2*i + 7))
		return brokenTurn{a, b, pause}, text(2*i + 7)
	}
	// play has turns said whose whole text was taught, or not.
	play := func(policy turnPolicy, known bool, each int, pause time.Duration, turn func(int, time.Duration) (brokenTurn, string)) (f turnFigures) {
		for i := range each {
			sounds, text := turn(i, pause)
			knows := newTaught()
			if known {
				knows = newTaught(text)
			}
			f.add(speakTurns(t, o, policy, knows, sounds)[0])
		}
		return f
	}
	pauses := []time.Duration{100 * ms, 300 * ms, 500 * ms, 700 * ms, 900 * ms, 1100 * ms, 1300 * ms, 1500 * ms}
	for _, c := range []struct {
		name   string
		policy turnPolicy
		known  bool
	}{{"words alone", wordsAlone, false}, {"the answer: taught", followAnswers, true}, {"the answer: unknown", followAnswers, false}} {
		showTurnHead("pauses, " + c.name)
		var all turnFigures
		for _, pause := range pauses {
			two, one := play(c.policy, c.known, 6, pause, joined), play(c.policy, c.known, 6, pause, within)
			two.show(fmt.Sprint(pause, ", two sentences"))
			one.show(fmt.Sprint(pause, ", within one"))
			all.add(two)
			all.add(one)
		}
		all.show("all")
		if c.policy.knows && float64(all.cut) > 0.03*float64(all.turns) {
			t.Errorf("%d of %d turns were cut", all.cut, all.turns)
		}
	}

	// Somebody who always pauses for that long within a sentence, about what neither is sure nor unknown: the first turns of a
	// conversation, and the later ones.
	showTurnHead("one speaker's pauses")
	for _, pause := range []time.Duration{500 * ms, 700 * ms} {
		var first, later turnFigures
		for from := range 4 {
			var turns []brokenTurn
			for i := range 8 {
				turn, _ := within(8*from+i, pause)
				turns = append(turns, turn)
			}
			for i, f := range speakTurns(t, o, followAnswers, &taught{otherwise: conversation.Unsure}, turns...) {
				if i < 2 {
					first.add(f)
				} else {
					later.add(f)
				}
			}
		}
		first.show(fmt.Sprint(pause, ", turns 1 and 2"))
		later.show(fmt.Sprint(pause, ", turns 3 to 8"))
	}
}
