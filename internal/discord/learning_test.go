package discord

import (
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// A server that knows nothing is taught in every way, refuses to get worse, goes forth and back between its models, and
// forgets what people take back.
func TestAServerLearnsFromNothing(t *testing.T) {
	w := newWorld(t, func(c *mynah) { c.teach.TrainBudget = time.Second })
	ann, boris := w.login("Ann"), w.login("Boris")
	ask := func(question string) string { return ann.ask("general", "!ask "+question).Content }
	train := func(end, line string, files ...upload) seen {
		t.Helper()
		ann.say("general", strings.TrimSpace("!train "+line), files...)
		return ann.saying(end)
	}
	const price, final, dog = "how much does a ticket cost", "when is the final", "who may bring a dog"
	wants(t, "before", ask(price), "nobody has taught me")
	wants(t, "by file", train("has ended", "", upload{"faq.csv", []byte(table(faq))}).Content, "labels: 3", "Model 1 is in use now")
	if got := ask(price); strings.Contains(got, "**price**") {
		t.Errorf("a label is no answer: %s", got)
	}
	wants(t, "labels are shown", ann.ask("general", "!settings show_labels on").Content, "now on")
	wants(t, "a label", ask(price), "**price**")
	wants(t, "by text", train("has ended", `"`+dog+`" reply:"Everybody may."`).Content, "Model 2 is in use now", "rollback")
	wants(t, "a reply", ask(dog), "Everybody may.")
	wants(t, "the example", ann.ask("general", "!dataset find "+dog).Content, "`"+dog+"` → Everybody may. (")

	wrong := boris.ask("general", "!ask "+final)
	if strings.Contains(wrong.Content, "Sunday") {
		t.Fatal(wrong.Content)
	}
	boris.answer("general", wrong.ID, "!correct On Sunday at noon.")
	boris.said(func(s seen) bool { return s.MessageReference != nil && strings.Contains(s.Content, final) })
	wants(t, "by correction, at once", ask(final), "On Sunday at noon.")
	opinion := ann.ask("general", "!ask "+price)
	ann.react(http.MethodPut, "general", opinion.ID, "%F0%9F%91%8E")
	wants(t, "by feedback", ann.ask("general", "!feedback prices change").Content, "Thank you!")
	sum, err := w.store.FeedbackSummary(t.Context(), w.server)
	if err != nil || sum.Down != 1 || sum.Texts != 1 {
		t.Errorf("feedback: %+v %v", sum, err)
	}

	// A file whose labels slipped by one doesn't outweigh what was taught before, though the new model is right on it.
	slipped := map[string][]string{}
	for right, wrong := range map[string]string{"price": "place", "place": "schedule", "schedule": "price"} {
		for _, text := range faq[right] {
			slipped[wrong] = append(slipped[wrong], "please tell me "+text, "hello "+text)
		}
	}
	wants(t, "slipped labels", train("has ended", "", upload{"slipped.csv", []byte(table(slipped))}).Content,
		"Model 3 waits as a candidate, since it got worse on what was taught before", "Of the 60 new texts of “slipped.csv”", "!dataset disable file:slipped.csv", "!promote 3")
	wants(t, "the model in use stays", ask(price), "**price**")
	wants(t, "remove them", ann.ask("general", "!dataset remove file:slipped.csv").Content, "Removed: 60")

	// A training that got worse on the server's own test set is held back, and says why.
	ann.say("general", "!testset pin", upload{"pinned.csv", []byte(table(map[string][]string{
		"price": {"how much does one ticket cost", "what is the price of a ticket", "how much do we have to pay for it", "is there a discount for students"},
	}))})
	ann.saying("**4** texts now")
	var wrongly []string
	for _, who := range []string{"a child", "a student", "a member", "two people", "my friend", "a group"} {
		wrongly = append(wrongly, "how much does a ticket cost for "+who, "what is the price for "+who, "how much does "+who+" have to pay", "is there a discount for "+who)
	}
	wants(t, "a worse one", train("has ended", "", upload{"worse.csv", []byte(table(map[string][]string{"place": wrongly}))}).Content,
		"Model 4 waits as a candidate, since it is worse on the pinned test set", "of 4", "!promote 4")
	wants(t, "candidate", ann.ask("general", "!models").Content, "**4** candidate", "**3** candidate", "**2** in use")
	wants(t, "nothing got worse", ask(price), "**price**")
	wants(t, "promote", ann.ask("general", "!promote 4").Content, "Model 4 is in use now")
	wants(t, "the promoted model", ask(price), "**place**")
	wants(t, "rollback", ann.ask("general", "!rollback").Content, "Model 2 is in use now")
	wants(t, "the old model", ask(price), "**price**")
	wants(t, "an older one", ann.ask("general", "!promote 1").Content, "Model 1 is in use now")
	wants(t, "back from it", ann.ask("general", "!rollback").Content, "Model 2 is in use now")
	wants(t, "all of them", ann.ask("general", "!models").Content, "**3** candidate", "**2** in use", "**1** candidate")
	wants(t, "the correction", ask(final), "On Sunday at noon.")

	// What is removed or disabled on purpose doesn't count against the next training.
	wants(t, "remove", ann.ask("general", "!dataset remove file:worse.csv").Content, fmt.Sprintf("Removed: %d", len(wrongly)))
	wants(t, "disable", ann.ask("general", "!dataset disable label:place").Content, "Disabled: 10")
	wants(t, "without a topic", train("has ended", "").Content, "labels: 2", "Model 5 is in use now")
	if got := ask("where is it"); strings.Contains(got, "place") {
		t.Errorf("a disabled label is known: %s", got)
	}
	wants(t, "enable", ann.ask("general", "!dataset enable label:place").Content, "Taken in again: 10")
	wants(t, "a response", ann.ask("general", `!response add price "Ten euros."`).Content, "From now on")
	wants(t, "answers at once", ask(price), "Ten euros.")

	export := ann.ask("general", "!dataset export")
	wants(t, "export", export.Content, "32 examples")
	if len(export.Attachments) != 1 {
		t.Fatalf("export: %+v", export)
	}
	exported := w.download(export.Attachments[0].URL)
	wants(t, "exported", exported, dog, "faq.csv", final, "discount")
	if strings.Contains(exported, "two people") {
		t.Error("what was removed is exported")
	}

	// What Boris taught goes with him, from the candidates that had learned it too.
	boris.slash("general", "privacy delete", map[string]any{"confirm": true})
	boris.said(func(s seen) bool { return s.Flags&64 != 0 })
	if got := ask(final); strings.Contains(got, "Sunday") {
		t.Errorf("after the deletion: %s", got)
	}
	wants(t, "a model that knows it", ann.ask("general", "!promote 4").Content, "data that has been deleted")
	wants(t, "the model in use knew it", ask(price), "somebody's data was deleted")
	wants(t, "another model", ann.ask("general", "!promote 2").Content, "Model 2 is in use now")
	wants(t, "its label", ask(price), "Ten euros.")

	wants(t, "delete", ann.ask("general", "!privacy delete confirm:true").Content, "must be trained again")
	wants(t, "after", ask(price), "somebody's data was deleted")
	models, err := w.store.Models(t.Context(), w.server)
	if err != nil || len(models) != 5 {
		t.Fatalf("%d models: %v", len(models), err)
	}
	for _, m := range models {
		r, err := w.store.OpenBlob(t.Context(), m.Blob)
		if err == nil {
			w.check(r.Close())
		}
		if m.State != record.ModelStale || err == nil {
			t.Errorf("model %d: %s, %v", m.Number, m.State, err)
		}
	}
	wants(t, "nothing left", ann.ask("general", "!dataset show").Content, "Nothing was taught")
}

// heldModels has the next model that is saved wait.
type heldModels struct {
	teach.ModelStore
	saving  chan struct{} // closed when one is to be saved
	release chan struct{}
	once    sync.Once
}

func (m *heldModels) SaveModel(ctx context.Context, model record.Model) (record.Model, error) {
	m.once.Do(func() {
		close(m.saving)
		<-m.release
	})
	return m.ModelStore.SaveModel(ctx, model)
}

// What somebody has deleted while a training learns it is in no model: the training begins again without it.
func TestADeletionDuringATraining(t *testing.T) {
	models := &heldModels{saving: make(chan struct{}), release: make(chan struct{})}
	w := newWorld(t, func(c *mynah) {
		models.ModelStore = c.teach.Models
		c.teach.Models, c.teach.TrainBudget = models, time.Second
	})
	ann, boris := w.login("Ann"), w.login("Boris")
	const final = "when is the final"
	wrong := boris.ask("general", "!ask "+final)
	boris.answer("general", wrong.ID, "!correct On Sunday at noon.")
	boris.saying("Noted")
	ann.say("general", "!train", upload{"faq.csv", []byte(table(faq))})
	select {
	case <-models.saving:
	case <-time.After(waitLimit):
		t.Fatal("no model is saved")
	}
	boris.slash("general", "privacy delete", map[string]any{"confirm": true})
	boris.said(func(s seen) bool { return s.Flags&64 != 0 })
	close(models.release)
	wants(t, "the end", ann.saying("has ended").Content, "Model 1 is in use now", "questions with replies: 0")
	if got := ann.ask("general", "!ask "+final).Content; strings.Contains(got, "Sunday") {
		t.Errorf("after the deletion: %s", got)
	}
	blobs := 0
	err := filepath.WalkDir(filepath.Join(w.dir, "blobs"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		blobs++
		raw, err := os.ReadFile(path)
		if strings.Contains(string(raw), "Sunday at noon") || strings.Contains(string(raw), boris.id.String()) {
			t.Errorf("%s has what was deleted", path)
		}
		return err
	})
	if err != nil || blobs == 0 {
		t.Errorf("%d blobs: %v", blobs, err)
	}
}

// heldExamples has the next reading of what was taught wait.
type heldExamples struct {
	teach.ExampleStore
	reading chan struct{} // closed when it is to be read
	release chan struct{}
	once    sync.Once
}

func (e *heldExamples) Examples(ctx context.Context, server record.ServerID, dataset string) ([]record.Example, error) {
	e.once.Do(func() {
		close(e.reading)
		<-e.release
	})
	return e.ExampleStore.Examples(ctx, server, dataset)
}

// What somebody attached to a training isn't kept once they had all deleted that is kept about them.
func TestADeletionWhileAFileIsRead(t *testing.T) {
	examples := &heldExamples{reading: make(chan struct{}), release: make(chan struct{})}
	w := newWorld(t, func(c *mynah) {
		examples.ExampleStore = c.teach.Examples
		c.teach.Examples = examples
	})
	ann := w.login("Ann")
	ann.say("general", "!train", upload{"faq.csv", []byte(table(faq))})
	select {
	case <-examples.reading:
	case <-time.After(waitLimit):
		t.Fatal("nothing is read")
	}
	ann.slash("general", "privacy delete", map[string]any{"confirm": true})
	ann.said(func(s seen) bool { return s.Flags&64 != 0 })
	close(examples.release)
	wants(t, "the end", ann.saying("failed").Content, "too few examples")
	if kept, err := w.store.FindExamples(t.Context(), w.server, "", 10); err != nil || len(kept) > 0 {
		t.Errorf("kept: %v, %v", kept, err)
	}
	space, err := w.spaces.Workspace(w.server)
	if err != nil {
		t.Fatal(err)
	}
	if left, err := space.List("files/uploads"); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v %v", left, err)
	}
}
