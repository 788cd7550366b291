package conversation

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/espeak"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/moonshine"
	"github.com/mynahbot/mynah/internal/speech/silero"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/spoken"
)

var commandFigures = flag.Bool("commands.figures", false, "measure every spoken command, and sentences that are none, in full")

// reader is a voice that says commands.
type reader struct {
	name, voice, language string
	speed                 float64
}

var readers = []reader{
	{"Piper joe", "piper-en_US-joe-medium", "en", 0.85}, {"Piper joe", "piper-en_US-joe-medium", "en", 1}, {"Piper joe", "piper-en_US-joe-medium", "en", 1.2},
	{"espeak-ng en-us", voices.ESpeak, "en-us", 0.85}, {"espeak-ng en-us", voices.ESpeak, "en-us", 1.1},
	{"espeak-ng en-gb", voices.ESpeak, "en-gb", 0.85}, {"espeak-ng en-gb", voices.ESpeak, "en-gb", 1.1},
	{"espeak-ng en-gb-scotland", voices.ESpeak, "en-gb-scotland", 0.85}, {"espeak-ng en-gb-scotland", voices.ESpeak, "en-gb-scotland", 1.1},
}

// hearsay recognizes as a conversation does, from the voice to the words.
type hearsay struct {
	t          testing.TB
	voices     *voices.Voices
	recognizer *moonshine.Recognizer
	vad        *silero.Model
	listening  listening
}

func newHearsay(t testing.TB) *hearsay {
	t.Helper()
	catalogue, err := models.BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	installed, err := models.Open(catalogue, speechtest.Models(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := onnx.Load(speechtest.Model(t, speech.KindLibrary, "").File("onnxruntime")); err != nil {
		t.Fatal(err)
	}
	h := &hearsay{t: t, voices: voices.Open(voices.Config{Steady: !*commandFigures}, installed)}
	speechtest.Model(t, speech.KindPiper, "en")
	if h.recognizer, err = moonshine.Open(speechtest.Model(t, speech.KindMoonshine, "en"), speech.NewCores(1), 1); err != nil {
		t.Fatal(err)
	}
	if h.vad, err = silero.Open(speechtest.Model(t, speech.KindVAD, "").File("model")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range []interface{ Close() error }{h.voices, h.recognizer, h.vad} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	all, err := loadPhrases()
	if err != nil {
		t.Fatal(err)
	}
	h.listening = listening{all["en"], newAddress("", nil, all), newVocabulary(nil), false}
	return h
}

// says is a voice in a quiet room as it comes through Opus, at 16 kHz.
func (h *hearsay) says(r reader, text string) []float32 {
	h.t.Helper()
	var pcm audio.PCM
	emit := func(p audio.PCM) error {
		pcm.Rate, pcm.Samples = p.Rate, append(pcm.Samples, p.Samples...)
		return nil
	}
	what := spoken.Speech{Text: text, Language: r.language, Voice: r.voice, Speed: r.speed}
	var synthesizer speech.Synthesizer = h.voices
	if r.voice == voices.ESpeak {
		synthesizer = espeak.Synthesizer{}
	}
	if err := synthesizer.Synthesize(h.t.Context(), what, emit); err != nil {
		h.t.Fatal(err)
	}
	said, err := audio.Resample(pcm, audio.EncodeRate)
	if err != nil {
		h.t.Fatal(err)
	}
	room := rand.New(rand.NewPCG(1, 2))
	silence := func(d time.Duration) []float32 {
		s := make([]float32, int(d.Seconds()*audio.EncodeRate))
		for i := range s {
			s[i] = float32(room.NormFloat64()) * 0.0004
		}
		return s
	}
	all := slices.Concat(silence(400*time.Millisecond), said.Samples, silence(600*time.Millisecond))
	encoder, err := audio.NewEncoder(audio.EncoderConfig{Rate: audio.EncodeRate})
	if err != nil {
		h.t.Fatal(err)
	}
	decoder, err := audio.NewDecoder(spoken.Rate, 1)
	if err != nil {
		h.t.Fatal(err)
	}
	var heard []float32
	for frame := range slices.Chunk(all, audio.EncodeRate/50) {
		if len(frame) < audio.EncodeRate/50 {
			break
		}
		packet, err := encoder.Encode(nil, frame)
		if err != nil {
			h.t.Fatal(err)
		}
		samples, err := decoder.Decode(packet)
		if err != nil {
			h.t.Fatal(err)
		}
		heard = append(heard, samples...)
	}
	return heard
}

// hears is what is recognized of a turn, before and after it is reconsidered, and how long each takes.
func (h *hearsay) hears(samples []float32) (before, after spoken.Transcript, took, more time.Duration) {
	h.t.Helper()
	timing := Timing{}.WithDefaults()
	e := &ear{vad: h.vad.NewVAD(), timing: &timing}
	if _, err := e.listen(samples, time.Now()); err != nil {
		h.t.Fatal(err)
	}
	if e.turn == nil {
		return before, after, 0, 0
	}
	transcriber := speech.Transcriber{Recognizer: h.recognizer}
	audio := e.turn.audio()
	began := time.Now()
	t, err := transcriber.Utterance(h.t.Context(), audio[:min(len(audio), int(spoken.MaxUtterance.Seconds())*spoken.Rate)], "en")
	if err != nil {
		h.t.Fatal(err)
	}
	took = time.Since(began)
	before = spoken.Transcript{Text: t.Text, Language: t.Language, Confidence: t.Confidence, Scorer: t.Scorer}
	began = time.Now()
	if after, err = h.listening.reconsider(h.t.Context(), before); err != nil {
		h.t.Fatal(err)
	}
	return before, after, took, time.Since(began)
}

// command is what a text commands, where it names Mynah if it has to.
func (h *hearsay) command(text string, named bool) string {
	rest, is := h.listening.address.find(text, h.listening.phrases)
	if named && !is {
		return ""
	}
	c, _ := h.listening.phrases.command(rest)
	return c.name
}

// spokenCommands are all English phrases of the commands, by command.
func (h *hearsay) spokenCommands() []pattern {
	var all []pattern
	fill := strings.NewReplacer("{language}", "Russian", "{answer}", "eight o'clock", "{phrase}", "high five", "{meaning}", "hello")
	for _, p := range h.listening.phrases.patterns {
		text := strings.ReplaceAll(" "+fill.Replace(strings.Join(p.words, " ")), " i ", " I ")
		all = append(all, pattern{p.command, []string{strings.TrimSpace(text)}})
	}
	return all
}

// TestSpokenCommands has commands spoken and recognized. In full it says all of them, and sentences that are none, in several voices and
// prints how many were understood.
func TestSpokenCommands(t *testing.T) {
	h := newHearsay(t)
	if !*commandFigures {
		right := 0
		texts := map[string]string{
			"Stop.": CommandStop, "Mynah, stop.": CommandStop, "Mynah, skip.": CommandSkip, "Mynah, louder.": CommandLouder, "Mynah, repeat.": CommandRepeat,
			"Mynah, leave.": CommandLeave, "Mynah, speak Russian.": CommandLanguage, "Mynah, what can you do?": CommandHelp, "Mynah, go on.": CommandContinue,
		}
		for text, want := range texts {
			before, after, _, _ := h.hears(h.says(readers[1], text))
			got := h.command(after.Text, strings.HasPrefix(text, "Mynah"))
			if got == want {
				right++
				continue
			}
			t.Logf("%q was heard as %q and understood as %q", text, before.Text, after.Text)
			if got != "" {
				t.Errorf("%q was taken for the command %q", text, got)
			}
		}
		if right < len(texts)-3 {
			t.Errorf("%d of %d commands understood", right, len(texts))
		}
		return
	}

	type row struct{ said, before, after, wrong int }
	rows := map[string]*row{}
	var order []string
	var recognition, reconsidering []time.Duration
	for i, p := range h.spokenCommands() {
		for n, r := range readers {
			if n%3 != i%3 && n >= 3 { // all speeds of Piper, and one of each espeak voice or none
				continue
			}
			for _, named := range []bool{true, false} {
				text, key := capital(p.words[0])+".", r.name+", bare"
				if named {
					text, key = "Mynah, "+p.words[0]+".", r.name+", named"
				}
				if rows[key] == nil {
					rows[key], order = &row{}, append(order, key)
				}
				before, after, took, more := h.hears(h.says(r, text))
				recognition = append(recognition, took)
				reconsidering = append(reconsidering, more)
				c := rows[key]
				c.said++
				if h.command(before.Text, named) == p.command {
					c.before++
				}
				switch h.command(after.Text, named) {
				case p.command:
					c.after++
				case "":
				default:
					c.wrong++
					fmt.Printf("wrong command: %q, heard %q, taken for %q\n", text, before.Text, after.Text)
				}
			}
		}
	}
	slices.Sort(order)
	var all row
	fmt.Printf("\n%-34s %6s %12s %12s %8s\n", "commands", "said", "recognized", "reconsidered", "wrong")
	show := func(name string, r row) {
		fmt.Printf("%-34s %6d %10.1f %% %10.1f %% %8d\n", name, r.said, 100*float64(r.before)/float64(r.said), 100*float64(r.after)/float64(r.said), r.wrong)
	}
	for _, key := range order {
		r := *rows[key]
		show(key, r)
		all = row{all.said + r.said, all.before + r.before, all.after + r.after, all.wrong + r.wrong}
	}
	show("all", all)
	slices.Sort(recognition)
	slices.Sort(reconsidering)
	ms := func(d time.Duration) time.Duration { return d.Round(time.Millisecond) }
	fmt.Printf("recognition takes %v (95 %%: %v), reconsidering %v (95 %%: %v)\n", ms(recognition[len(recognition)/2]), ms(recognition[len(recognition)*95/100]),
		ms(reconsidering[len(reconsidering)/2]), ms(reconsidering[len(reconsidering)*95/100]))
	h.sentences()
}

// sentences prints how many turns that are no commands are taken for one, or for a call of the name.
func (h *hearsay) sentences() {
	commands, names, n := 0, 0, 0
	check := func(said string, samples []float32) {
		before, after, _, _ := h.hears(samples)
		n++
		if h.command(before.Text, false) == "" && h.command(after.Text, false) != "" {
			commands++
			fmt.Printf("taken for a command: %q, heard %q, taken for %q\n", said, before.Text, after.Text)
		}
		_, was := h.listening.address.find(before.Text, h.listening.phrases)
		if _, is := h.listening.address.find(after.Text, h.listening.phrases); is && !was && !strings.HasPrefix(said, "Mynah") {
			names++
			fmt.Printf("taken for the name: %q, heard %q, taken for %q\n", said, before.Text, after.Text)
		}
	}
	for _, c := range speechtest.Clips(h.t) {
		if s := c.Subset(); s == "en" || s == "noise" || s == "ru" {
			check(c.Text, speechtest.WAV(h.t, c.Path))
		}
	}
	fmt.Printf("recorded clips: %d, taken for a command %d, for the name %d\n", n, commands, names)
	commands, names, n = 0, 0, 0
	for i, text := range h.shortSentences() {
		check(text, h.says(readers[i%len(readers)], text))
		if i%2 == 0 {
			check("Mynah, "+text, h.says(readers[(i+1)%len(readers)], "Mynah, "+text))
		}
	}
	fmt.Printf("spoken sentences: %d, taken for a command %d, for the name %d\n", n, commands, names)
	commands, names, n = 0, 0, 0
	for i, name := range strings.Fields("Anna Maya Diana Marina Ryan Mike Milo Minnie Manny Maria Mona Myra Lina Mandy Monica Winona Ivana Brian Nina Tina") {
		for k, rest := range []string{"when does the tournament start?", "stop.", "what time is it?"} {
			check(name+", "+rest, h.says(readers[(i+k)%len(readers)], name+", "+rest))
		}
	}
	fmt.Printf("calls of other names: %d, taken for a command %d, for the name %d\n", n, commands, names)
}

// shortSentences are the shortest of ../shared/data/nlu that ask for nothing that Mynah has a command for.
func (h *hearsay) shortSentences() []string {
	var all []string
	for _, set := range []string{"clinc150", "banking77", "snips", "sentiment3k", "hint3_curekart"} {
		f, err := os.Open(filepath.Join("..", "..", "..", "..", "shared", "data", "nlu", set, "test.jsonl"))
		if err != nil {
			h.t.Skip("needs ../shared/data/nlu beside the repository")
		}
		defer f.Close()
		var some []string
		for lines := bufio.NewScanner(f); lines.Scan(); {
			var line struct{ Text, Label string }
			if err := json.Unmarshal(lines.Bytes(), &line); err != nil || line.Text == "" {
				continue
			}
			switch line.Label {
			case "repeat", "cancel", "next_song", "change_volume", "change_language", "change_speed", "goodbye", "what_can_i_ask_you", "yes", "no", "maybe":
				continue
			}
			if h.command(line.Text, false) == "" {
				some = append(some, line.Text)
			}
		}
		slices.SortStableFunc(some, func(a, b string) int { return len(a) - len(b) })
		all = append(all, some[:min(len(some), 60)]...)
	}
	return all
}
