package teach

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// Models are compared on what is taught now: not on what was removed, not on
// pinned texts, and on replies that both were taught.
func TestContested(t *testing.T) {
	label := func(text, label string) record.Example { return record.Example{Text: text, Label: label} }
	reply := func(text, reply string) record.Example { return record.Example{Text: text, Reply: reply} }
	taught := []record.Example{label("kept", "a"), label("removed", "a"), label("other set", "c"), reply("old question", "Yes."), reply("forgotten question", "No.")}
	examples := []record.Example{label("Kept!", "b"), label("new", "a"), reply("old question", "Yes."), reply("new question", "Perhaps."), label("pinned", "a")}
	standing := []record.Example{label("other set", "c"), label("kept", "a")}
	var got []string
	for _, e := range contested(examples, standing, []record.Example{label("Pinned?", "a")}, taught) {
		got = append(got, e.Text+" "+e.Label+e.Reply)
	}
	if want := []string{"Kept! b", "new a", "old question Yes.", "other set c"}; !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestPinnedTextsAreNotLearned(t *testing.T) {
	m := Material{
		pinned: []record.Example{{Text: "How much is it?", Label: "price"}},
		Examples: []record.Example{
			{Text: "how much is it", Label: "price"}, {Text: "where is it", Label: "place"}, {Text: "HOW MUCH IS IT", Label: "place"},
		},
	}
	m.keepTestTextsOut()
	if len(m.Examples) != 1 || m.Examples[0].Text != "where is it" || len(m.Leaked) != 2 {
		t.Errorf("kept %+v, left out %+v", m.Examples, m.Leaked)
	}
}

// Two servers learned the same, and one of them deletes it: the other's trainings are still compared with it, and its own
// know nothing of before.
func TestSnapshotsBelongToOneServer(t *testing.T) {
	ctx := t.Context()
	teacher := newTeacher(t)
	taught := []record.Example{{Text: "how much is it", Label: "price"}}
	hash := learn.Hash(taught)
	for server, state := range map[record.ServerID]record.ModelState{1: record.ModelStale, 2: record.ModelActive} {
		var snapshot bytes.Buffer
		if err := learn.WriteSnapshot(&snapshot, taught); err != nil {
			t.Fatal(err)
		}
		if err := teacher.cfg.Blobs.PutBlob(ctx, snapshotKey(server, hash), &snapshot); err != nil {
			t.Fatal(err)
		}
		if _, err := teacher.cfg.Models.SaveModel(ctx, record.Model{Server: server, Blob: "model-of-" + server.String(), Snapshot: hash, State: state, At: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := teacher.RemoveStale(ctx, 1); err != nil {
		t.Fatal(err)
	}
	for server, want := range map[record.ServerID]int{1: 0, 2: 1} {
		got, err := teacher.snapshot(ctx, record.Model{Server: server, Snapshot: hash})
		if err != nil || len(got) != want {
			t.Errorf("server %s: %v, %v", server, got, err)
		}
	}
}
