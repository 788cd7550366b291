package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/spoken"
	"github.com/mynahbot/mynah/internal/store"
)

// clipOf is a recording of somebody who says a text.
func clipOf(t testing.TB, text string) []float32 {
	t.Helper()
	for _, c := range speechtest.Clips(t) {
		if strings.EqualFold(c.Text, text) {
			return speechtest.WAV(t, c.Path)
		}
	}
	t.Fatalf("nobody says %q", text)
	return nil
}

// teach has a person teach Mynah about the tournament, and have what is said to it written down.
func (p *guest) teach() {
	p.g.t.Helper()
	csv, err := os.ReadFile(example(p.g.t, "tournament.csv"))
	if err != nil {
		p.g.t.Fatal(err)
	}
	last := p.newest()
	p.send("!train", "tournament.csv", string(csv))
	p.after(last, has("has ended"))
	help, _ := p.g.line.Channel("help")
	p.asks("!settings transcripts <#"+help.ID.String()+">", "is now <#")
}

// TestTalkDialogue talks with the whole program: a person alone with Mynah asks, corrects, teaches, commands and leaves.
func TestTalkDialogue(t *testing.T) {
	t.Parallel()
	s := openTalkingSpeech(t)
	lamp := &takes{all: [][]float32{clipOf(t, "turn on the living room lamp")}}
	g := gather(t)
	ann := g.guest("Ann")
	ann.teach()
	for _, heard := range []string{"lamp", "lane"} { // the small recognizer mishears this person now and then
		ann.asks("!ask Turn on the living room "+heard+".", "")
		ann.asks("!correct The lamp is shining now.", "Noted")
	}
	contains(t, "the greeting", ann.asks("!join", "I listen"), "written down in <#")
	sounds := func(part string) func([]float32) error {
		return func(sound []float32) error {
			if text := s.understood(t, sound); !holds(text, part) {
				return fmt.Errorf("Mynah is heard to say %q", text)
			}
			return nil
		}
	}
	question := s.clearly(t, "When does the tournament start?", "when does the tournament start")

	ann.heard(lamp, sounds("shining now"), "**Mynah**: The lamp is shining now.") // a real person's voice
	ann.heard(question, sounds("friday at"), "Friday at seven")
	asksAgain := func() { ann.heard(question, func([]float32) error { return nil }, "the tournament start") }
	ann.replies(asksAgain, s.clearly(t, "That is wrong, the answer is Saturday at noon.", "^that is wrong. the answer is saturday at noon"), nil, "The answer is Saturday at noon")
	ann.heard(question, sounds("saturday at noon"), "**Mynah**: Saturday at noon")
	ann.replies(asksAgain, s.clearly(t, "Repeat that.", "^repeat that"), sounds("saturday at noon"), "**Mynah**: Saturday at noon")
	ann.turn(s.clearly(t, "Remember: good game means well played.", "^remember.? good game means"), "I'll remember that good game means")
	ann.turn(s.clearly(t, "How is the training going?", "^how is the training going"), "**Mynah**: Training number 1: done")
	last := ann.newest()
	ann.turn(s.clearly(t, "Start training.", "^start training"), "The training has begun")
	ann.after(last, has("has ended"))

	// A long answer is ended by one word.
	help, stop := s.clearly(t, "What can you do?", "^what can you do"), s.clearly(t, "Stop.", `^stop\W*$`)
	var turns []string
	for try := 1; ; try++ {
		turns = append(turns, g.rest()...)
		ann.listen()
		ann.speaks(help.next())
		ann.hearsFirst()
		ann.speaks(stop.next())
		ann.hears() // until Mynah is silent
		text := g.transcript()
		for text != "" && !holds(text, "**Ann**: Stop") {
			turns = append(turns, text)
			text = g.transcript()
		}
		if text != "" {
			t.Logf("tries: %d", try)
			break
		}
		if try == tries {
			t.Fatalf("the turns were %q", turns)
		}
	}
	if text := s.understood(t, ann.heardSince()); holds(text, "start training") { // its last words
		t.Errorf("Mynah spoke on: %q", text)
	}

	ann.turn(s.clearly(t, "Leave the channel.", "^leave the channel"), "**Mynah**: Goodbye")
	ann.until("Mynah has left", func() bool {
		return strings.Contains(ann.asks("!voice", "voice channel"), "in no voice channel")
	})
	g.stop()

	kept := openStore(t, g.data)
	server := record.ServerID(g.line.Servers[0].ID)
	corrections, err := kept.Corrections(t.Context(), server, false)
	if err != nil || len(corrections) < 3 || corrections[len(corrections)-1].By != ann.user {
		t.Errorf("corrections %+v, %v", corrections, err)
	}
	taught, err := kept.FindExamples(t.Context(), server, "good game", 10)
	if err != nil || len(taught) == 0 || taught[0].Origin.Kind != record.OriginVoice || taught[0].Origin.Author != ann.user {
		t.Errorf("examples %+v, %v", taught, err)
	}
}

func openStore(t *testing.T, dir string) *store.Store {
	t.Helper()
	kept, err := store.Open(t.Context(), store.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kept.Close() })
	return kept
}

// What the three people say to each other, and what they ask Mynah, as the recognizer may hear it.
var (
	theirOwn = regexp.MustCompile("lobster|average|coward|dispos|young")
	forMynah = regexp.MustCompile("m[iy]n|tournament|start|winner|get|where|played|ticket|cost")
)

// TestTalkAmongPeople has three people in the channel: Mynah answers those who call it, two at once in their order, keeps
// nothing of what isn't meant for it, and does not hear who doesn't want to be heard, also after a restart.
func TestTalkAmongPeople(t *testing.T) {
	t.Parallel()
	s := openTalkingSpeech(t)
	private := [][]float32{
		clipOf(t, "lobsters and lobsters"), clipOf(t, "the average man's a coward"), clipOf(t, "he was not an ill disposed young man"),
	}
	g := gather(t)
	ann, boris, chen := g.guest("Ann"), g.guest("Boris"), g.guest("Chen")
	ann.teach()
	ann.asks("!join", "I listen")

	// They talk with each other.
	for _, p := range []*guest{ann, boris, chen} {
		p.listen()
	}
	for i, p := range []*guest{ann, boris, chen} {
		p.speaks(private[i])
	}
	ann.until("all three are recognized", func() bool {
		_, _, recognized, _ := ann.counts(chen)
		return recognized >= 3
	})

	// Two call Mynah at once. What is written down shows that nothing before was taken for a turn.
	meant := func(turns ...string) {
		t.Helper()
		for _, turn := range turns {
			said, _, _ := strings.Cut(turn, "\n**Mynah**: ")
			_, said, _ = strings.Cut(said, "**: ")
			if said = strings.ToLower(said); said != "" && (theirOwn.MatchString(said) || !forMynah.MatchString(said)) {
				t.Fatalf("taken for a turn: %q", turn)
			}
		}
	}
	const name = "^min(a|er|or)\\W+"
	when := s.clearly(t, "Mina, when does the tournament start?", name+"when does the tournament start")
	first, second := when, s.clearly(t, "Mina, what does the winner get?", name+"what does the winner get")
	for try := 1; ; try++ {
		meant(g.rest()...)
		chen.listen()
		var both sync.WaitGroup
		both.Go(func() { ann.speaks(first.next()) })
		both.Go(func() { boris.speaks(append(hush(1200*time.Millisecond), second.next()...)) })
		both.Wait()
		texts := [2]string{g.transcript(), g.transcript()}
		meant(texts[:]...)
		// Turns are written down as their answers begin: the second one follows the first one's last word.
		heard, right := "", false
		for waiting := time.Now(); !right && time.Since(waiting) < unanswered; {
			_, sound := chen.hears()
			heard = s.understood(t, sound)
			friday, feather := strings.Index(heard, "friday"), strings.Index(heard, "silver feather")
			right = friday >= 0 && feather > friday
		}
		if right && holds(texts[0], "**Ann**: ", "Friday at seven") && holds(texts[1], "**Boris**: ", "silver feather") {
			t.Logf("tries: %d", try)
			break
		}
		if try == tries {
			t.Fatalf("the turns were %q, and everybody hears %q", texts, heard)
		}
		t.Logf("the turns were %q, and everybody hears %q", texts, heard)
	}

	// Who was just answered goes on without the name.
	where, cost := s.clearly(t, "Mina, where is the tournament?", name+"where(.s| is) the tournament\\W*$"), s.clearly(t, "How much does a ticket cost?", "how much does a ticket cost")
	for try := 1; ; try++ {
		meant(g.rest()...)
		chen.listen()
		boris.speaks(where.next())
		var texts [2]string
		if answered, _ := chen.hears(); !answered.IsZero() {
			boris.speaks(cost.next())
			texts = [2]string{g.transcript(), g.transcript()}
		}
		if holds(texts[0], "**Boris**: ", "library") && holds(texts[1], "**Boris**: ", "three euros") {
			t.Logf("tries: %d", try)
			break
		}
		if try == tries {
			t.Fatalf("the turns were %q", texts)
		}
		t.Logf("the turns were %q", texts)
	}

	// Who may not train may not by voice either.
	chen.heard(s.clearly(t, "Mina, start training.", name+"start training"), func(sound []float32) error {
		if text := s.understood(t, sound); !holds(text, "allowed") {
			return fmt.Errorf("Chen hears %q", text)
		}
		return nil
	}, "You aren't allowed to do that here")

	// Chen does not want to be heard: nothing is decrypted, listened to, or recognized.
	chen.asks("!privacy listen false", "I don't hear you")
	unheard, listened, recognized, dropped := ann.counts(chen)
	unwanted := when.next()
	chen.speaks(unwanted)
	u, l, r, d := ann.counts(chen)
	if u != unheard || l != listened || r != recognized || d < dropped+len(unwanted)/16000*50/2 {
		t.Errorf("of Chen: unheard %d → %d, listened %d → %d, recognized %d → %d, dropped %d → %d", unheard, u, listened, l, recognized, r, dropped, d)
	}

	// The choice survives a restart, and so does everything else.
	g.stop()
	g.start()
	ann.until("Mynah is back", func() bool {
		return strings.Contains(ann.asks("!voice", "oice"), "connected")
	})
	chen.speaks(unwanted)
	if u, l, r, d := ann.counts(chen); u != 0 || l != 0 || r != 0 || d < len(unwanted)/16000*50/2 {
		t.Errorf("of Chen after a restart: unheard %d, listened %d, recognized %d, dropped %d", u, l, r, d)
	}
	ann.turn(second, "silver feather")
	g.stop()
	g.rest()

	// What people said to each other is kept nowhere.
	err := filepath.WalkDir(g.data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		for _, word := range []string{"lobster", "coward", "disposed"} {
			if bytes.Contains(bytes.ToLower(raw), []byte(word)) {
				t.Errorf("%s holds %q", path, word)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	kept, err := openStore(t, g.data).Transcripts(t.Context(), record.ServerID(g.line.Servers[0].ID))
	if err != nil || len(kept) != g.turns {
		t.Errorf("%d transcripts of %d turns, %v: %+v", len(kept), g.turns, err, kept)
	}
}

// until asks again and again until something is so.
func (p *guest) until(what string, so func() bool) {
	p.g.t.Helper()
	for deadline := time.Now().Add(patience); !so(); {
		if time.Now().After(deadline) {
			p.g.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// withoutPauses makes one breath of a sentence: the prompter would understand all of it in each half.
var withoutPauses = strings.NewReplacer(",", "", ":", "")

// prompter is a recognizer that understands what the test says it hears: it stands for a model that is not installed.
type prompter struct {
	mu   sync.Mutex
	line string
}

func (p *prompter) hears(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.line = line
}

func (p *prompter) Utterance(context.Context, []float32, string) (spoken.Transcript, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return spoken.Transcript{Text: p.line, Language: "ru", Confidence: 1}, nil
}

func (p *prompter) Languages() []string { return []string{"ru"} }

// trainersOnly lets the first person do everything, the others what changes nothing.
type trainersOnly struct{ trainer record.UserID }

func (r trainersOnly) May(_ context.Context, user record.UserID, command string) bool {
	return user == r.trainer || command != conversation.CommandTrain && command != conversation.CommandRemember
}

// TestTalkRussian talks in Russian, with synthesized voices.
func TestTalkRussian(t *testing.T) {
	t.Parallel()
	s := openTalkingSpeech(t)
	ear := &prompter{}
	k := newTalk(t, newVoiceRooms(t), s, 0, func(c *conversation.Config) {
		c.Recognizer, c.Language, c.Rights = ear, "ru", trainersOnly{1001}
		c.Timing.Short, c.Timing.Long = time.Second, 2*time.Second // a busy machine's pauses end no turn
	}, "Аня", "Борис")
	k.answer = func(q conversation.Question) string {
		if strings.Contains(q.Text, "приз") {
			return "Победитель получит серебряное перо."
		}
		return "Турнир начинается в пятницу."
	}
	ann, boris := k.people[1], k.people[2]
	turns := 0
	say := func(c *caller, text, answer string) {
		t.Helper()
		c.listen()
		ear.hears(text)
		c.speaks(s.voiced(t, withoutPauses.Replace(text), "ru"))
		turns++
		k.until(text, func() bool { return len(k.kept) == turns })
		if !c.hearsFor(500 * time.Millisecond) {
			t.Errorf("%q: Mynah is not heard", text)
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		if l := k.kept[turns-1]; l.User != c.user || l.Said != text || !strings.Contains(l.Answer, answer) {
			t.Errorf("%q: %+v", text, l)
		}
	}
	ear.hears("Мы сегодня идём в кино.")
	boris.speaks(s.voiced(t, "Мы сегодня идём в кино.", "ru")) // meant for somebody else
	k.until("that the film is not for Mynah", func() bool { return k.counts[conversation.CountNotForUs] > 0 })
	say(ann, "Майна, когда начинается турнир?", "в пятницу")
	say(ann, "А какой приз?", "серебряное перо")
	say(ann, "Майна, это неправильно, ответ: золотое перо.", "золотое перо")
	say(ann, "Майна, запомни, ГГ значит хорошая игра.", "хорошая игра")
	say(boris, "Майна, начни обучение.", "Вам здесь это не разрешено.")
	say(ann, "Майна, начни обучение.", "Обучение началось.")
	say(ann, "Майна, повтори.", "серебряное перо")
	say(boris, "Майна, громче.", "громче")
	say(ann, "Майна, уходи.", "До свидания.")
	k.until("that Mynah leaves", func() bool { return len(k.deeds) == 4 })
	k.mu.Lock()
	defer k.mu.Unlock()
	if want := "correct: золотое перо|remember: ГГ = хорошая игра|train|leave"; strings.Join(k.deeds, "|") != want {
		t.Errorf("did %q", k.deeds)
	}
	if len(k.asked) < 2 || strings.Contains(k.asked[0].Text, "кино") {
		t.Errorf("asked %+v", k.asked)
	}
}
