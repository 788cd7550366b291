package discord

import (
	"fmt"
	"strings"
	"testing"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/dataset/document"
	"github.com/mynahbot/mynah/internal/dataset/sheet"
	"github.com/mynahbot/mynah/internal/record"
)

// shortAnswers has no names of columns: what they are is guessed.
const shortAnswers = "What is the capital of France?,Paris\nWhat is the capital of Spain?,Madrid\nWho runs the server?,Olga\nWhich game do we play?,Chess\nWhen is the match?,Friday\n"

// knownAnswers says for sure what its columns are.
const knownAnswers = "Timestamp,What is your question?,Your answer\n2026/11/01 10:00:00,When is the cup?,On Friday.\n2026/11/01 10:01:00,Who runs it?,Olga does.\n" +
	"2026/11/01 10:02:00,Where are the rules?,In the pinned message.\n"

// pressed is the id of the button of a message that says label.
func pressed(t *testing.T, s seen, label string) string {
	t.Helper()
	for _, row := range s.Components {
		for _, b := range row.Components {
			if b.Label == label {
				return b.CustomID
			}
		}
	}
	t.Fatalf("no button %q below %q", label, s.Content)
	return ""
}

// What was read is shown with examples before it is used; what was guessed waits for somebody's yes.
func TestFilesAreShownBeforeTheyAreUsed(t *testing.T) {
	w := newWorld(t, func(c *mynah) {
		c.teach.Datasets = dataset.Reader{Tables: sheet.Opener{}, Documents: document.Opener{}}
	})
	ann, boris := w.login("Ann"), w.login("Boris")
	kept := func() int {
		t.Helper()
		all, err := w.store.FindExamples(t.Context(), w.server, "", 100)
		w.check(err)
		return len(all)
	}
	left := func() int {
		t.Helper()
		space, err := w.spaces.Workspace(w.server)
		w.check(err)
		n := 0
		for _, folder := range []string{"files/uploads", "files/held"} {
			if files, err := space.List(folder); err == nil {
				n += len(files)
			}
		}
		return n
	}

	ann.say("general", "!train", upload{"forms.csv", []byte(knownAnswers)})
	wants(t, "known for sure", ann.saying("has ended").Content, "text = 2 (What is your question?)", "When is the cup? → On Friday.", "Model 1 is in use now")
	wants(t, "its answer", ann.ask("general", "!ask who runs it?").Content, "Olga does.")

	before := kept()
	ann.say("general", "!train", upload{"short.csv", []byte(shortAnswers)})
	asked := ann.saying("Shall I use it")
	wants(t, "guessed", asked.Content, "“short.csv”: examples: **5**, labels: 0, questions with replies: 5", "What is the capital of France? → Paris", "not sure", "no names of columns")
	if kept() != before {
		t.Errorf("%d examples were kept before anybody said yes", kept()-before)
	}
	// Who may not train can't say yes.
	boris.press("general", asked, pressed(t, asked, "Use"))
	wants(t, "not Boris", boris.said(func(s seen) bool { return s.Flags&64 != 0 }).Content, "нельзя")
	ann.press("general", asked, pressed(t, asked, "Use"))
	wants(t, "used", ann.saying("has ended").Content, "New: 5")
	ann.press("general", asked, pressed(t, asked, "Cancel"))
	wants(t, "twice", ann.said(func(s seen) bool { return s.Flags&64 != 0 }).Content, "decided already")

	before = kept()
	more := strings.NewReplacer("capital", "biggest town", "runs", "pays").Replace(shortAnswers)
	ann.say("general", "!train", upload{"more.csv", []byte(more)})
	asked = ann.saying("Shall I use it")
	ann.press("general", asked, pressed(t, asked, "Cancel"))
	ann.saying("Nothing was learned")
	if kept() != before || left() != 0 {
		t.Errorf("%d examples and %d files are left of what was cancelled", kept()-before, left())
	}
	ann.say("general", "!train sure:true", upload{"more.csv", []byte(more)})
	wants(t, "sure", ann.saying("has ended").Content, "New: 3")

	// A file without a command is offered to those who may train.
	ann.say("general", w.mention()+" look at this", upload{"dropped.md", []byte("# FAQ\n\n## May I swear?\n\nNo.\n\n## May I shout?\n\nNever.\n")})
	asked = ann.saying("Train?")
	wants(t, "dropped", asked.Content, "**2** questions found. Train?", "May I swear? → No.")
	ann.press("general", asked, pressed(t, asked, "Train"))
	wants(t, "dropped and trained", ann.saying("has ended").Content, "New: 2")
	wants(t, "its answer", ann.ask("general", "!ask May I shout?").Content, "Never.")
	boris.say("general", w.mention(), upload{"his.csv", []byte("question,answer\nWhat is it?,A cup.\nWhy?,For fun.\n")})
	wants(t, "by Boris", boris.saying("his.csv").Content, "Those who may train")
	// What waits goes with who sent it.
	boris.slash("general", "privacy delete", map[string]any{"confirm": true})
	boris.said(func(s seen) bool { return s.Flags&64 != 0 })
	if n := left(); n != 0 {
		t.Errorf("%d files are left of what Boris had sent", n)
	}
	boris.say("general", w.mention(), upload{"chat.csv", []byte("AuthorID,Author,Date,Content,Attachments,Reactions\n\"1\",\"a\",\"2026-11-01T10:00:00\",\"hi\",\"\",\"\"\n")})
	wants(t, "a chat", boris.saying("a chat export").Content, "Discord", "question and answer")

	// What is pinned is looked at, and of a dataset with a test part only that is pinned.
	ann.say("general", "!testset pin", upload{"short.csv", []byte(shortAnswers)})
	wants(t, "not pinned", ann.saying("sure:true").Content, "capital of France? → Paris", "no names of columns")
	ann.say("general", "!testset pin", upload{"parts.zip", archived(t, upload{"train.csv", []byte("text,label\none,x\ntwo,y\n")}, upload{"test.csv", []byte("text,label\nthree,x\n")})})
	ann.saying("**1** text now")

	// A selected dataset is looked at, too.
	ann.say("general", "!select_dataset", upload{"short.csv", []byte(shortAnswers)})
	asked = ann.saying("Shall I use it")
	if s, err := w.store.Settings(t.Context(), w.server); err != nil || s.Dataset.Path != "" {
		t.Errorf("selected before anybody said yes: %v, %v", s.Dataset, err)
	}
	ann.press("general", asked, pressed(t, asked, "Use"))
	wants(t, "selected", ann.saying("is selected").Content, "datasets/short.csv")
}

// The original's form teaches as it did, and one example is no failure.
func TestTrainAsTheOriginal(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	ann.say("general", `!train "what a lovely day" positive=True`)
	wants(t, "one example", ann.saying("without a model").Content, "Examples so far: 1", "at least")
	ann.say("general", `!train "so nice of you"`)
	wants(t, "positive by default", ann.saying("without a model").Content, "Examples so far: 2")
	ann.say("general", `!train "that was awful" positive=False`)
	ann.saying("Examples so far: 3")
	wants(t, "no failed job", ann.ask("general", "!status 1").Content, "done")
	all, err := w.store.FindExamples(t.Context(), w.server, "", 10)
	w.check(err)
	got := map[string]string{}
	for _, e := range all {
		got[e.Text] = e.Label
	}
	want := map[string]string{"what a lovely day": dataset.LabelPositive, "so nice of you": dataset.LabelPositive, "that was awful": dataset.LabelNegative}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v", got)
	}
	ann.say("general", "!train positive:false", upload{"bad.txt", []byte("so dull\nso sad\n")})
	ann.saying("has ended")
	found, err := w.store.FindExamples(t.Context(), w.server, "so dull", 10)
	w.check(err)
	if len(found) != 1 || found[0].Label != dataset.LabelNegative || found[0].Origin.Kind != record.OriginFile {
		t.Errorf("%+v", found)
	}
}
