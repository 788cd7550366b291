package bot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// maxHeldOutBytes limits kept predictions that are read back.
const maxHeldOutBytes = 256 << 20

// maxTunedPinned is how many texts of the pinned test set a service's model is
// asked: each is a request.
const maxTunedPinned = 200

// earned compares a new model with the one in use, on what is taught here now:
// each text is predicted by a model that hadn't seen it, in cross-validation
// where it was among the examples. What was removed or disabled since doesn't
// count, and neither does the data of people who took theirs back: to forget it
// was wanted. Questions with replies are looked up, so there the comparison
// shows what the new model has forgotten of what the old one was taught.
//
// What the old model was taught already counts on its own too: a batch of wrong
// labels, which the new model has learned, doesn't outweigh it.
//
// The pinned test set counts too, but for texts that the old model was trained
// on before they were pinned. Without a model in use the new one is promoted.
func (t *trainingRun) earned(ctx context.Context, o *outcome) error {
	if err := t.measurePinned(ctx, o); err != nil {
		return err
	}
	active, found, err := t.bot.cfg.Models.ActiveModel(ctx, t.job.Server)
	if err != nil {
		return err
	}
	o.decision = learn.Decision{Promote: true}
	if !found {
		return nil
	}
	o.old = &active
	old, err := t.bot.think(ctx, active)
	if err != nil {
		// A model that can't be read answers nobody; any other is better.
		t.bot.log.Error("the model in use can't be read", "server", t.job.Server, "model", active.Number, "err", err)
		return nil
	}
	if old.missing != "" {
		return nil // it answers nobody either
	}
	before, err := t.bot.heldOut(ctx, active)
	if err != nil {
		return err
	}
	taught, err := t.bot.snapshot(ctx, active)
	if err != nil {
		return err
	}
	cleaned, _ := learn.Clean(t.material.examples)
	truths := contested(cleaned, t.material.standing, t.material.pinned, taught)
	score := func(m *mind, heldOut heldOutTexts) (learn.Evaluation, error) {
		return learn.EvaluateWith(m.model, func(text string) (learn.Prediction, error) { return m.unseen(ctx, text, heldOut) }, truths, nil)
	}
	oldScore, err := score(old, before)
	if err != nil {
		return err
	}
	newScore, err := score(o.next, heldOutOf(o.report))
	if err != nil {
		return err
	}
	change := learn.NewChange(&oldScore, &newScore)
	o.change = &change
	pinned := slices.Clone(t.material.pinned)
	for _, i := range slices.Backward(learn.Leaked(taught, pinned)) {
		pinned = slices.Delete(pinned, i, i+1)
	}
	oldPinned, err := t.bot.measure(ctx, old, pinned)
	if err != nil {
		return err
	}
	newPinned, err := t.bot.measure(ctx, o.next, pinned)
	if err != nil {
		return err
	}
	earlier := earlierTexts(truths, taught)
	o.decision = learn.Compare(learn.Comparison{
		Old: &oldScore, Next: &newScore, PinnedOld: &oldPinned, PinnedNext: &newPinned,
		Earlier: func(text string) bool { return earlier[learn.Normalize(text)] },
	})
	if o.decision.Ground == learn.GroundEarlier {
		o.batch = largestBatch(truths, earlier, &oldScore)
	}
	if o.tuned = o.next.tuned != "" || old.tuned != ""; o.tuned {
		o.decision.Promote = false // what a service made is compared on the pinned texts at most
	}
	return nil
}

// contested are the texts that models are compared on: what is taught now, the
// newest first to say what is right. A reply counts where the old model was
// taught the question.
func contested(examples, standing, pinned, taught []record.Example) []record.Example {
	known, seen := map[string]bool{}, map[string]bool{}
	for _, e := range taught {
		if e.Reply != "" {
			known[learn.Normalize(e.Text)] = true
		}
	}
	for _, e := range pinned {
		seen[learn.Normalize(e.Text)] = true
	}
	var truths []record.Example
	for _, e := range slices.Concat(examples, standing) {
		key := learn.Normalize(e.Text)
		if seen[key] {
			continue
		}
		seen[key] = true
		if !known[key] {
			e.Reply = ""
		}
		if e.Label != "" || e.Reply != "" {
			truths = append(truths, e)
		}
	}
	return truths
}

// earlierTexts are the texts, normalized, that were taught before with the label
// that they have now.
func earlierTexts(truths, taught []record.Example) map[string]bool {
	labels := make(map[string]string, len(taught))
	for _, e := range taught {
		labels[learn.Normalize(e.Text)] = e.Label
	}
	earlier := map[string]bool{}
	for _, e := range truths {
		key := learn.Normalize(e.Text)
		if label, ok := labels[key]; ok && label == e.Label {
			earlier[key] = true
		}
	}
	return earlier
}

// batch is what came together since the model in use was trained.
type batch struct {
	file            string // that it came in; "" = what was typed and said
	stored          bool   // the commands on examples reach it: it is no file of the workspace
	texts, disputed int    // texts with labels, and those that the model in use labels otherwise
}

// largestBatch is the batch with the most disputed texts.
func largestBatch(truths []record.Example, earlier map[string]bool, old *learn.Evaluation) batch {
	from := map[string]record.Example{}
	for _, e := range truths {
		from[e.Text] = e
	}
	batches := map[string]*batch{}
	var largest *batch
	for _, p := range old.Predictions {
		if earlier[learn.Normalize(p.Text)] {
			continue
		}
		e := from[p.Text]
		b := batches[e.Origin.File]
		if b == nil {
			b = &batch{file: e.Origin.File, stored: e.ID != 0 || e.Origin.Author != 0}
			batches[e.Origin.File] = b
		}
		b.texts++
		if p.Got != p.Want {
			b.disputed++
		}
		if largest == nil || b.disputed > largest.disputed {
			largest = b
		}
	}
	if largest == nil {
		return batch{}
	}
	return *largest
}

// unseen is what a model says of a text that it may have been trained on: its
// label as in cross-validation. A reply that it would not give is none.
func (m *mind) unseen(ctx context.Context, text string, heldOut heldOutTexts) (learn.Prediction, error) {
	label, ok := heldOut[learn.Normalize(text)]
	var p learn.Prediction
	if ok {
		p = m.model.Predict(text) // for its reply, which needs no encoder
		p.Label = label
	} else {
		var err error
		if p, err = m.local(ctx, text); err != nil {
			return p, err
		}
	}
	if !p.ReplyKnown {
		p.Reply = ""
	}
	return p, nil
}

// measurePinned measures the new model on the server's own test set.
func (t *trainingRun) measurePinned(ctx context.Context, o *outcome) error {
	if len(t.material.pinned) == 0 {
		return nil
	}
	ev, err := t.bot.measure(ctx, o.next, t.material.pinned)
	o.pinned = &ev
	return err
}

// measure measures a model on texts that it wasn't trained on.
func (b *Bot) measure(ctx context.Context, m *mind, examples []record.Example) (learn.Evaluation, error) {
	if m.tuned != "" {
		examples = examples[:min(len(examples), maxTunedPinned)]
	}
	return learn.EvaluateWith(m.model, func(text string) (learn.Prediction, error) { return m.predict(ctx, text) }, examples, nil)
}

// pinnedScore is the share of the pinned test set that the new model gets right.
func (o *outcome) pinnedScore() *float64 {
	if o.pinned == nil || o.pinned.Examples+o.pinned.Replies == 0 {
		return nil
	}
	score := o.pinned.Score()
	return &score
}

// heldOutTexts are the predictions of a training's cross-validation, kept beside
// the model, so that a later one can be compared on texts that neither had seen.
type heldOutTexts map[string]string // normalized text → predicted label

func heldOutOf(r *learn.Report) heldOutTexts {
	texts := heldOutTexts{}
	for _, o := range r.HeldOut.Predictions {
		texts[learn.Normalize(o.Text)] = o.Got
	}
	return texts
}

func heldOutKey(blob string) string { return blob + ".heldout.json" }

// snapshotKey names a server's own copy: another that learned the same keeps its
// own when this one's is deleted.
func snapshotKey(server record.ServerID, hash string) string {
	return fmt.Sprintf("servers/%s/snapshots/%s.jsonl", server, hash)
}

// heldOut reads a model's predictions of its cross-validation.
func (b *Bot) heldOut(ctx context.Context, m record.Model) (texts heldOutTexts, err error) {
	r, err := b.cfg.Blobs.OpenBlob(ctx, heldOutKey(m.Blob))
	if err != nil {
		return nil, fmt.Errorf("predictions of model %d: %w", m.Number, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := json.NewDecoder(io.LimitReader(r, maxHeldOutBytes)).Decode(&texts); err != nil {
		return nil, fmt.Errorf("predictions of model %d: %w", m.Number, err)
	}
	return texts, nil
}

// snapshot reads the examples that a model was trained on; none where they are
// no longer kept.
func (b *Bot) snapshot(ctx context.Context, m record.Model) (examples []record.Example, err error) {
	r, err := b.cfg.Blobs.OpenBlob(ctx, snapshotKey(m.Server, m.Snapshot))
	if errors.Is(err, fs.ErrNotExist) {
		b.log.Warn("the examples of the model in use are not kept, nothing is known of before", "server", m.Server, "model", m.Number)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("examples of model %d: %w", m.Number, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return learn.ReadSnapshot(ctx, r)
}
