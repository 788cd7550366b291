package discord

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/discord/voice"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// beeper speaks each text as a tone as long as the text, and remembers it.
type beeper struct {
	mu     sync.Mutex
	said   []string
	voices []string
}

func (*beeper) Split(text string) []spoken.Part { return []spoken.Part{{Text: text}} }

func (b *beeper) Synthesize(_ context.Context, s spoken.Speech, emit func([]float32) error) error {
	b.mu.Lock()
	b.said, b.voices = append(b.said, s.Text), append(b.voices, s.Voice)
	b.mu.Unlock()
	tone := make([]float32, spoken.SayRate/20*len(s.Text))
	for i := range tone {
		tone[i] = float32(0.4 * math.Sin(2*math.Pi*500*float64(i)/spoken.SayRate))
	}
	return emit(tone)
}

// longStory is said for more than half a minute: a busy machine can't do so much else that it has ended before.
var longStory = strings.Repeat("a long story ", 50)

func (b *beeper) all() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.said, "\n")
}

// callEar counts what a person hears.
type callEar struct {
	mu      sync.Mutex
	samples map[snowflake.ID]int
	news    chan struct{}
}

func (e *callEar) Wants(snowflake.ID) bool { return true }

func (e *callEar) Hear(h voice.Heard) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !h.Silence {
		e.samples[h.User] += len(h.Samples)
	}
	select {
	case e.news <- struct{}{}:
	default:
	}
}

func (e *callEar) heard(user snowflake.ID) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.samples[user]
}

func (e *callEar) until(t *testing.T, user snowflake.ID, samples int) {
	t.Helper()
	limit := time.After(waitLimit)
	for e.heard(user) < samples {
		select {
		case <-e.news:
		case <-limit:
			t.Fatalf("heard %d samples, want %d", e.heard(user), samples)
		}
	}
}

// sit puts a person into a voice channel, with ears.
func (p *person) sit(channel string) *callEar {
	p.w.t.Helper()
	e := &callEar{samples: map[snowflake.ID]int{}, news: make(chan struct{}, 1)}
	p.conn = p.client.Sit(snowflake.ID(p.w.server), p.w.channel(channel), e)
	return e
}

// stand takes a person out of voice.
func (p *person) stand() { p.client.Stand() }

// callWorld is a world with a voice server, whose Mynah speaks in tones.
func callWorld(t *testing.T, to Config) (*world, *beeper) {
	t.Helper()
	return callWorldWith(t, to, nil)
}

func callWorldWith(t *testing.T, to Config, change func(*world, *mynah)) (*world, *beeper) {
	t.Helper()
	return callWorldIn(t, localdiscord.DefaultWorld(), to, change)
}

func callWorldIn(t *testing.T, places localdiscord.World, to Config, change func(*world, *mynah)) (*world, *beeper) {
	t.Helper()
	server, err := localvoice.Start(context.Background(), localvoice.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	local, err := localdiscord.Start(context.Background(), localdiscord.Config{World: quick(places), Voice: server})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { local.Close() })
	w := around(t, local)
	w.voice = server
	voices := &beeper{}
	account, _ := w.line.Account("Mynah")
	to.Token = account.Token
	err = w.connect(to, func(c *mynah) {
		c.Talking = &bot.Talking{Synthesizer: voices, Store: w.store}
		if change != nil {
			change(w, c)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return w, voices
}

func (w *world) mynahID() snowflake.ID {
	account, _ := w.line.Account("Mynah")
	return snowflake.ID(account.ID)
}

func TestVoiceChannel(t *testing.T) {
	w, voices := callWorld(t, Config{})
	ann, boris := w.login("Ann"), w.login("Boris")
	wants(t, "join from nowhere", ann.ask("general", "!join").Content, "Sit down in a voice channel")
	wants(t, "leave from nowhere", ann.ask("general", "!leave").Content, "in no voice channel")
	wants(t, "join a text channel", ann.ask("general", fmt.Sprintf("!join <#%d>", w.channel("help"))).Content, "no voice channel")
	e := ann.sit("Talk")
	wants(t, "join", ann.ask("general", "!join").Content, "I'm in <#", "encrypted end to end")
	wants(t, "join again", ann.ask("general", "!join").Content, "already")

	// An answer to somebody who sits there is spoken, besides the text.
	wants(t, "an answer", ann.ask("general", "!ask who are you?").Content, "learns")
	e.until(t, w.mynahID(), 16000)
	wants(t, "stop", ann.ask("general", "!stop").Content, "silent")
	if !strings.Contains(voices.all(), "learns") {
		t.Errorf("spoken: %q", voices.all())
	}
	// One to somebody who does not is not.
	before := voices.all()
	wants(t, "an answer to another", boris.ask("general", "!ask who are you?").Content, "learns")
	if voices.all() != before {
		t.Error("an answer to somebody elsewhere was spoken")
	}
	wants(t, "control from elsewhere", boris.ask("general", "!skip").Content, "<#")

	heard := e.heard(w.mynahID())
	wants(t, "say", ann.ask("general", "!say "+longStory).Content, "Gladly")
	e.until(t, w.mynahID(), heard+8000)
	wants(t, "skip", ann.ask("general", "!skip").Content, "Skipped")
	wants(t, "volume", ann.ask("general", "!volume 50").Content, "50 %")
	wants(t, "volume", ann.ask("general", "!volume").Content, "50 %")
	wants(t, "bad volume", ann.ask("general", "!volume 900").Content, "200")
	wants(t, "health", ann.ask("general", "!voice").Content, "DAVE 1", "Privacy code", "packets")
	ann.slash("general", "queue", nil)
	wants(t, "/queue", ann.reply().Content, "Nothing is being said")

	// A move to another voice server is followed.
	if !w.local.MoveVoice(localdiscord.ID(w.server)) {
		t.Fatal("no call to move")
	}
	heard = e.heard(w.mynahID())
	wants(t, "say", ann.ask("general", "!say still here after the move of the server").Content, "Gladly")
	e.until(t, w.mynahID(), heard+8000)

	ann.slash("general", "leave", nil)
	wants(t, "/leave", ann.saying("left").Content, "left the voice channel")
	wants(t, "after leaving", ann.ask("general", "!voice").Content, "in no voice channel")
}

func TestMynahReturnsAfterARestart(t *testing.T) {
	w, _ := callWorld(t, Config{})
	ann := w.login("Ann")
	e := ann.sit("Talk")
	wants(t, "join", ann.ask("general", "!join").Content, "I'm in <#")
	w.stop()
	account, _ := w.line.Account("Mynah")
	if err := w.connect(Config{Token: account.Token}, nil); err != nil {
		t.Fatal(err)
	}
	limit := time.After(waitLimit)
	for {
		if k, ok := w.bot.Ongoing(w.server); ok && k.Health().Ready {
			break
		}
		select {
		case <-limit:
			t.Fatal("Mynah did not come back")
		case <-time.After(20 * time.Millisecond):
		}
	}
	heard := e.heard(w.mynahID())
	wants(t, "say", ann.ask("general", "!say I am back").Content, "Gladly")
	e.until(t, w.mynahID(), heard+4000)
}

// Moved to another channel, Mynah knows who sits there, tells that it listens, and stays.
func TestMovedToOthers(t *testing.T) {
	heard := &parrot{}
	places := localdiscord.DefaultWorld()
	places.Servers[0].Channels = append(places.Servers[0].Channels, localdiscord.WorldChannel{Name: "Hall", Type: "voice"})
	w, _ := callWorldIn(t, places, Config{AloneTime: 300 * time.Millisecond}, func(w *world, c *mynah) {
		c.Talking = &bot.Talking{
			Recognizer: heard.named, NewVAD: func() (spoken.VAD, error) { return loudness{}, nil }, Synthesizer: toneSynthesizer{}, Store: w.store,
		}
	})
	boris, chen := w.login("Boris"), w.login("Chen")
	boris.sit("Hall")
	e := chen.sit("Hall")
	ann := w.login("Ann")
	ann.sit("Talk")
	ann.ask("general", "!join")
	w.steer("voice", map[string]any{"account": w.mynahID().String(), "channel": w.channel("Hall").String()})
	wants(t, "the notice", ann.said(func(s seen) bool { return strings.Contains(s.Content, fmt.Sprintf("<#%d> now", w.channel("Hall"))) }).Content, "I listen")
	heard.say("Who are you?")
	boris.hums(900 * time.Millisecond)
	heard.say("Mynah, who are you?")
	boris.hums(900 * time.Millisecond)
	e.until(t, w.mynahID(), 12000)
	n := 0
	ann.saying("learns")
	for _, s := range ann.written() {
		if strings.Contains(s.Content, "learns") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d answers to two people, one of whose turns named Mynah:\n%s", n, ann.transcript())
	}
	wants(t, "still there", ann.ask("general", "!voice").Content, fmt.Sprintf("<#%d>", w.channel("Hall")))

	// Who may neither train nor sits with Mynah doesn't call it away from others.
	chen.stand()
	chen.sit("Talk")
	wants(t, "join from elsewhere", chen.ask("general", "!join").Content, "you have to be in <#")
}

// A server that wants nothing spoken is told so, and answers of a server's voice are spoken with it.
func TestVoiceOfTheServer(t *testing.T) {
	w, voices := callWorld(t, Config{})
	ann := w.login("Ann")
	e := ann.sit("Talk")
	ann.ask("general", "!join")
	for _, voice := range []string{"auto", "espeak-ng"} {
		wants(t, "voice "+voice, ann.ask("general", "!settings voice "+voice).Content, "is now "+voice)
		had := e.heard(w.mynahID())
		wants(t, "say", ann.ask("general", "!say hello").Content, "Gladly")
		e.until(t, w.mynahID(), had+2000)
	}
	voices.mu.Lock()
	if got := fmt.Sprint(voices.voices); got != "[ espeak-ng]" {
		t.Errorf("spoken with the voices %s", got)
	}
	voices.mu.Unlock()
	wants(t, "voice off", ann.ask("general", "!settings voice off").Content, "is now off")
	wants(t, "say", ann.ask("general", "!say hello").Content, "nothing spoken", "settings voice auto")
}

func TestMynahLeavesWhenAlone(t *testing.T) {
	w, _ := callWorld(t, Config{AloneTime: 100 * time.Millisecond})
	ann := w.login("Ann")
	ann.sit("Talk")
	wants(t, "join", ann.ask("general", "!join").Content, "I'm in <#")
	ann.stand()
	wants(t, "alone", ann.saying("Nobody was").Content, "left it")
}

// loudness is a voice activity detector for tones.
type loudness struct{}

func (loudness) Probability(frame []float32) (float32, error) {
	var sum float32
	for _, x := range frame {
		sum += x * x
	}
	if sum/float32(len(frame)) > 1e-3 {
		return 0.99, nil
	}
	return 0.01, nil
}

func (loudness) Reset() {}

// parrot recognizes the next of its sentences in whatever it is given.
type parrot struct {
	mu    sync.Mutex
	words string
	asked int
}

func (p *parrot) Utterance(context.Context, []float32, string) (spoken.Transcript, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	return spoken.Transcript{Text: p.words, Language: "en", Confidence: 1}, nil
}

func (p *parrot) Languages() []string { return []string{"en"} }

// named is the parrot under the name of every recognizer.
func (p *parrot) named(string) conversation.Recognizer { return p }

func (p *parrot) say(words string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.words = words
}

func (p *parrot) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// toneSynthesizer speaks in tones for a conversation.
type toneSynthesizer struct{}

func (toneSynthesizer) Split(text string) []spoken.Part {
	return []spoken.Part{{Text: text}}
}

func (toneSynthesizer) Synthesize(_ context.Context, s spoken.Speech, emit func([]float32) error) error {
	samples := make([]float32, spoken.SayRate)
	for i := range samples {
		samples[i] = float32(0.4 * math.Sin(2*math.Pi*700*float64(i)/spoken.SayRate))
	}
	return emit(samples)
}

// hum is a person's voice: a tone of 300 Hz.
type hum struct{ at, left int }

func (h *hum) Read(_ context.Context, dst []float32) (int, error) {
	if h.left == 0 {
		return 0, io.EOF
	}
	n := min(len(dst), h.left)
	for i := range n {
		dst[i] = float32(0.5 * math.Sin(2*math.Pi*300*float64(h.at+i)/audio.EncodeRate))
	}
	h.at, h.left = h.at+n, h.left-n
	return n, nil
}

func (p *person) hums(d time.Duration) {
	p.w.t.Helper()
	item, err := p.conn.Player().Play(context.Background(), "hum", &hum{left: int(d * audio.EncodeRate / time.Second)})
	if err != nil {
		p.w.t.Fatal(err)
	}
	<-item.Done()
}

// Somebody asks aloud, is answered aloud and in the chat, teaches by voice, and decides not to be heard any more.
func TestConversation(t *testing.T) {
	heard := &parrot{}
	w, _ := callWorldWith(t, Config{}, func(w *world, c *mynah) {
		c.Talking = &bot.Talking{
			Recognizer: heard.named, NewVAD: func() (spoken.VAD, error) { return loudness{}, nil }, Synthesizer: toneSynthesizer{}, Store: w.store,
		}
	})
	ann := w.login("Ann")
	e := ann.sit("Talk")
	ann.slash("general", "join", nil) // its answer is deferred, and has buttons all the same
	joined := ann.saying("I listen")
	wants(t, "join", joined.Content, "Mynah")

	heard.say("Who are you?")
	ann.hums(900 * time.Millisecond)
	e.until(t, w.mynahID(), 12000)
	wants(t, "the answer in the chat", ann.saying("learns").Content, "server")

	heard.say("That is wrong, the answer is a bird from the hills.")
	ann.hums(900 * time.Millisecond)
	limit := time.After(waitLimit)
	for {
		kept, err := w.store.Corrections(context.Background(), w.server, false)
		if err != nil {
			t.Fatal(err)
		}
		if len(kept) == 1 {
			wants(t, "the correction", kept[0].Right, "bird from the hills")
			break
		}
		select {
		case <-limit:
			t.Fatal("no correction was kept")
		case <-time.After(20 * time.Millisecond):
		}
	}
	wants(t, "asked again in writing", ann.ask("general", "!ask who are you?").Content, "bird from the hills")
	wants(t, "health", ann.ask("general", "!voice").Content, "medians", "endpoint")

	// Not to be heard is one press of a button, and holds at once.
	ann.press("general", joined, "run/privacy%20listen/heard/false")
	ann.saying("I don't hear you")
	before := heard.count()
	dropped := func() uint64 {
		call, _ := w.bot.Ongoing(w.server)
		for _, s := range call.Health().Speakers {
			if s.User == record.UserID(ann.id) {
				return s.Dropped
			}
		}
		return 0
	}
	had := dropped()
	ann.hums(900 * time.Millisecond)
	limit = time.After(waitLimit)
	for now := dropped(); now < had+30; now = dropped() { // the last packets may still be under way
		select {
		case <-limit:
			t.Fatalf("%d packets dropped before, %d after", had, now)
		case <-time.After(20 * time.Millisecond):
		}
	}
	if heard.count() != before {
		t.Error("somebody who does not want to be heard was recognized")
	}
}

// press presses a button.
func (p *person) press(channel string, on seen, id string) {
	p.w.t.Helper()
	body := p.interaction(channel, 3, map[string]any{"component_type": 2, "custom_id": id})
	body["message_id"] = on.ID.String()
	p.request(http.MethodPost, "/interactions", body)
}
