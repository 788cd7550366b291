package discord

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/spoken"
)

// drive is one command in both of its forms. "{it}" stands for what ready returned.
type drive struct {
	command string
	// ready brings about what the command needs; it runs before each form.
	ready   func() string
	line    string         // behind the name in the prefix form
	options map[string]any // of the slash form
	files   []upload
	wants   []string // in the answer to either form
	typed   []string // in the answer to the prefix form, where it differs
	sends   bool     // the answer has a file
}

// Every command does its work when typed and when chosen as a slash command.
func TestEveryCommandInBothForms(t *testing.T) {
	w, _ := callWorldWith(t, Config{}, func(w *world, c *mynah) {
		c.teach.TrainBudget = time.Second
		c.SpeechModels = installedModels{}
		c.Talking = &bot.Talking{
			Recognizer: (&parrot{}).named, NewVAD: func() (spoken.VAD, error) { return loudness{}, nil }, Synthesizer: toneSynthesizer{}, Store: w.store,
			Voices: func() []string { return []string{"joe", "espeak-ng"} },
		}
	})
	ann := w.login("Ann")
	space, err := w.spaces.Workspace(w.server)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := space.Create("datasets/mood.csv", strings.NewReader(table(map[string][]string{"good": {"so nice", "what a joy"}, "bad": {"so sad", "what a pity"}}))); err != nil {
		t.Fatal(err)
	}
	sitting := false
	joined := func() string {
		if !sitting {
			sitting = true
			ann.sit("Talk")
		}
		if _, ok := w.bot.Ongoing(w.server); !ok {
			ann.ask("general", "!join")
		}
		return ""
	}
	talking := func() string {
		joined()
		ann.ask("general", "!say "+longStory)
		return ""
	}
	example := func(text string) string {
		t.Helper()
		found, err := w.store.FindExamples(t.Context(), w.server, text, 1)
		if err != nil || len(found) != 1 {
			t.Fatalf("%q: %v, %v", text, found, err)
		}
		return fmt.Sprint(int64(found[0].ID))
	}
	forgettable := []string{"do children pay", "is there a discount"}
	drives := []drive{
		{command: "hi", wants: []string{"Hi, Ann!"}},
		{command: "help", line: "train", options: map[string]any{"command": "train"}, wants: []string{"positive:true|false"}},
		{command: "ask", line: "who are you?", options: map[string]any{"question": "who are you?"}, wants: []string{"learns from the people"}},
		{command: "instruction", wants: []string{"# How to work with Mynah"}},
		{
			command: "correct", ready: func() string { return ann.ask("general", "!ask when does the tournament start").ID.String() },
			line: "{it} It starts at nine.", options: map[string]any{"message": "{it}", "correction": "It starts at nine."}, wants: []string{"Noted", "tournament"},
		},
		{command: "feedback", line: "well done", options: map[string]any{"text": "well done"}, wants: []string{"Thank you!"}},
		{command: "train", options: map[string]any{"file": 0}, files: []upload{{"faq.csv", []byte(table(faq))}}, wants: []string{"has ended", "labels: 3"}, sends: true},
		{command: "status", line: "1", options: map[string]any{"job": 1}, wants: []string{"**#1**", "done"}},
		{command: "models", wants: []string{"**1**", "**2**", "in use"}},
		{command: "test", line: `{"input": "how much is a ticket"}`, options: map[string]any{"json": `{"input": "how much is a ticket"}`}, wants: []string{"**price**"}},
		{
			command: "promote", ready: func() string {
				active, _, err := w.store.ActiveModel(t.Context(), w.server)
				w.check(err)
				return fmt.Sprint(3 - active.Number) // the other of two
			},
			line: "{it}", options: map[string]any{"model": "{it}"}, wants: []string{"Model {it} is in use now"},
		},
		{command: "rollback", ready: func() string { ann.ask("general", "!promote 2"); return "" }, wants: []string{"Model 1 is in use now"}},
		{command: "select_dataset", line: "datasets/mood.csv", options: map[string]any{"path": "datasets/mood.csv"}, wants: []string{"is selected", "examples: **4**"}},
		{command: "archive", line: "datasets", options: map[string]any{"folder": "datasets"}, wants: []string{": 1 file,"}, sends: true},
		{command: "getfile", line: "datasets/mood.csv", options: map[string]any{"path": "datasets/mood.csv"}, wants: []string{"mood.csv"}, sends: true},
		{command: "settings", line: "language en", options: map[string]any{"name": "language", "value": "en"}, wants: []string{"`language` is now en"}},
		{command: "dataset list", wants: []string{"datasets/mood.csv", "selected"}},
		{command: "dataset show", line: "mood.csv", options: map[string]any{"path": "mood.csv"}, wants: []string{"`good` 2"}},
		{command: "dataset find", line: "discount", options: map[string]any{"text": "discount"}, wants: []string{"is there a discount", "price"}},
		{
			command: "dataset edit", ready: func() string { return example("how expensive is") },
			line: `{it} label:price text:"how expensive is a seat"`, options: map[string]any{"example": "{it}", "text": "how expensive is a seat", "label": "price"}, wants: []string{"Changed", "how expensive is a seat"},
		},
		{command: "dataset disable", ready: func() string { return example("how expensive is") }, line: "example:{it}", options: map[string]any{"example": "{it}"}, wants: []string{"Disabled: "}},
		{command: "dataset enable", ready: func() string { return example("how expensive is") }, line: "example:{it}", options: map[string]any{"example": "{it}"}, wants: []string{"Taken in again: "}},
		{
			command: "testset pin", options: map[string]any{"file": 0}, files: []upload{{"pinned.csv", []byte("text,label\nwhat does a chair cost,price\n")}},
			wants: []string{"Pinned: ", "**1** text "},
		},
		{command: "testset list", wants: []string{"what does a chair cost", "pinned for testing"}},
		{command: "testset unpin", line: "all:true", options: map[string]any{"all": true}, wants: []string{"Taken out"}},
		{command: "response add", line: `price "Ten euros."`, options: map[string]any{"label": "price", "text": "Ten euros."}, wants: []string{"From now on", "price"}},
		{command: "response list", wants: []string{"Ten euros."}},
		{command: "response remove", line: "price", options: map[string]any{"label": "price"}, wants: []string{"removed"}},
		{
			command: "dataset remove", ready: func() string {
				text := forgettable[0]
				forgettable = forgettable[1:]
				return text
			},
			line: `text:"{it}"`, options: map[string]any{"text": "{it}"}, wants: []string{"Removed: 1"},
		},
		{command: "dataset export", wants: []string{"29 examples"}, sends: true},
		{
			command: "cancel", ready: func() string {
				ann.say("general", "!train", upload{"many.csv", []byte(manyExamples())})
				running := ann.saying("is running")
				_, number, _ := strings.Cut(running.Content, "**#")
				number, _, _ = strings.Cut(number, "**")
				return number
			},
			line: "{it}", options: map[string]any{"job": "{it}"}, wants: []string{"Job {it} is being cancelled"},
		},
		{
			command: "join", ready: func() string {
				joined()
				ann.ask("general", "!leave")
				return ""
			},
			wants: []string{"I'm in <#", "I listen"},
		},
		{command: "say", ready: joined, line: "hello", options: map[string]any{"text": "hello"}, wants: []string{"Gladly"}},
		{command: "queue", ready: talking, wants: []string{"a long story"}},
		{command: "skip", ready: talking, wants: []string{"Skipped"}},
		{command: "stop", ready: talking, wants: []string{"silent"}},
		{command: "volume", ready: joined, line: "50", options: map[string]any{"percent": 50}, wants: []string{"50 %"}},
		{command: "voice install", line: "ru", options: map[string]any{"language": "ru"}, wants: []string{"model for the language “ru”"}},
		{command: "voice health", ready: joined, wants: []string{"connected", "Privacy code", "turns"}},
		{command: "voice set", line: "joe speed:1.5", options: map[string]any{"voice": "joe", "speed": "1.5"}, wants: []string{"joe", "1.5 times"}},
		{command: "leave", ready: joined, wants: []string{"left the voice channel"}},
		{command: "privacy listen", line: "false", options: map[string]any{"heard": false}, wants: []string{"I don't hear you"}},
		{command: "privacy export", wants: []string{"kept about you"}, typed: []string{"everybody would read it"}},
		{command: "privacy delete", line: "confirm:true", options: map[string]any{"confirm": true}, wants: []string{"kept about you is deleted"}},
	}
	undriven := map[string]bool{}
	for _, c := range w.bot.Commands() {
		if !c.Menu && !c.Form {
			undriven[c.Name] = true
		}
	}
	for _, d := range drives {
		if !undriven[d.command] {
			t.Errorf("%q is no command, or driven twice", d.command)
			continue
		}
		delete(undriven, d.command)
		for _, slash := range []bool{false, true} {
			d.run(ann, slash)
		}
	}
	for name := range undriven {
		t.Errorf("%q is not driven", name)
	}
}

func (d drive) run(p *person, slash bool) {
	p.w.t.Helper()
	it := ""
	if d.ready != nil {
		it = d.ready()
	}
	fill := func(text string) string { return strings.ReplaceAll(text, "{it}", it) }
	wants, by := d.wants, func(seen) bool { return true }
	if slash {
		p.w.t.Logf("/%s", d.command)
		options := map[string]any{}
		for name, value := range d.options {
			if text, ok := value.(string); ok {
				value = fill(text)
				if n, err := strconv.Atoi(it); err == nil && text == "{it}" && d.command != "correct" {
					value = n
				}
			}
			options[name] = value
		}
		p.slash("general", d.command, options, d.files...)
	} else {
		p.w.t.Logf("!%s", d.command)
		id := p.say("general", strings.TrimSpace("!"+d.command+" "+fill(d.line)), d.files...)
		if d.typed != nil {
			wants = d.typed
		}
		by = func(s seen) bool { return s.MessageReference != nil && s.MessageReference.MessageID == id }
	}
	got := p.said(func(s seen) bool {
		for _, want := range wants {
			if !strings.Contains(s.Content, fill(want)) {
				return false
			}
		}
		return by(s)
	})
	if d.sends && len(got.Attachments) == 0 {
		p.w.t.Errorf("%s (slash %v): no file with %q", d.command, slash, got.Content)
	}
}

// table is a CSV file of examples, by label.
func table(examples map[string][]string) string {
	var file strings.Builder
	file.WriteString("text,label\n")
	for _, label := range slices.Sorted(maps.Keys(examples)) {
		for _, text := range examples[label] {
			fmt.Fprintf(&file, "%s,%s\n", text, label)
		}
	}
	return file.String()
}

// manyExamples is a file that takes a while to learn.
func manyExamples() string {
	var file strings.Builder
	file.WriteString("text,label\n")
	for i := range 600 {
		fmt.Fprintf(&file, "question %d about thing %d and word%d,label%d\n", i, i*7%977, i*13%7919, i%6)
	}
	return file.String()
}
