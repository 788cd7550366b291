package teach

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// maxHeldOutBytes limits kept predictions that are read back.
const maxHeldOutBytes = 256 << 20

// maxTunedPinned is how many texts of the pinned test set a service's model is
// asked: each is a request.
const maxTunedPinned = 200

// compare compares a new model with the one in use, on what is taught here now:
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
func (r *run) compare(ctx context.Context, o *Outcome) error {
	if err := r.measurePinned(ctx, o); err != nil {
		return err
	}
	active, found, err := r.cfg.Models.ActiveModel(ctx, r.job.Server)
	if err != nil {
		return err
	}
	o.Decision = learn.Decision{Promote: true}
	if o.Guesses = guesses(o); o.Guesses {
		o.Decision.Promote = false
	}
	if !found {
		o.Wordings, err = r.measureWordings(ctx, o.knowledge.Pairs(), nil)
		return err
	}
	o.Old = &active
	old, err := r.cfg.Answers.Load(ctx, active)
	if err != nil {
		// A model that can't be read answers nobody; any other is better.
		r.log.Error("the model in use can't be read", "server", r.job.Server, "model", active.Number, "err", err)
		return nil
	}
	before, err := r.heldOut(ctx, active)
	if err != nil {
		return err
	}
	taught, err := r.snapshot(ctx, active)
	if err != nil {
		return err
	}
	cleaned, _ := learn.Clean(r.material.Examples)
	truths := contested(cleaned, r.material.standing, r.material.pinned, taught)
	score := func(k *answer.Knowledge, heldOut heldOutTexts) (learn.Evaluation, error) {
		model, _ := k.Model()
		return learn.EvaluateWith(model, func(text string) (learn.Prediction, error) { return unseen(ctx, k, text, heldOut) }, truths, nil)
	}
	next := o.knowledge
	oldScore, err := score(old, before)
	if err != nil {
		return err
	}
	newScore, err := score(next, heldOutOf(o.Report))
	if err != nil {
		return err
	}
	change := learn.NewChange(&oldScore, &newScore)
	o.Change = &change
	pinned := slices.Clone(r.material.pinned)
	for _, i := range slices.Backward(learn.Leaked(taught, pinned)) {
		pinned = slices.Delete(pinned, i, i+1)
	}
	oldPinned, err := r.measure(ctx, old, pinned)
	if err != nil {
		return err
	}
	newPinned, err := r.measure(ctx, next, pinned)
	if err != nil {
		return err
	}
	earlier := earlierTexts(truths, taught)
	o.Decision = learn.Compare(learn.Comparison{
		Old: &oldScore, Next: &newScore, PinnedOld: &oldPinned, PinnedNext: &newPinned,
		Earlier: func(text string) bool { return earlier[learn.Normalize(text)] },
	})
	if o.Decision.Ground == learn.GroundEarlier {
		o.Batch = largestBatch(truths, earlier, &oldScore)
	}
	if o.Wordings, err = r.measureWordings(ctx, next.Pairs(), taught); err != nil {
		return err
	}
	if o.Wordings != nil {
		if o.Before, err = r.measureWordings(ctx, old.Pairs(), taught); err != nil {
			return err
		}
		if o.Decision.Promote && o.Wordings.earlier < o.Before.earlier {
			o.Decision.Promote, o.Decision.Ground = false, GroundWordings
		}
	}
	if o.Guesses {
		o.Decision.Promote = false
	}
	if o.Uncompared = next.Tuned() != "" || old.Tuned() != ""; o.Uncompared {
		o.Decision.Promote = false // what a service made is compared on the pinned texts at most
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

// Batch is what came together since the model in use was trained.
type Batch struct {
	File            string // that it came in; "" = what was typed and said
	Stored          bool   // the commands on examples reach it: it is no file of the workspace
	Texts, Disputed int    // texts with labels, and those that the model in use labels otherwise
}

// largestBatch is the batch with the most disputed texts.
func largestBatch(truths []record.Example, earlier map[string]bool, old *learn.Evaluation) Batch {
	from := map[string]record.Example{}
	for _, e := range truths {
		from[e.Text] = e
	}
	batches := map[string]*Batch{}
	var largest *Batch
	for _, p := range old.Predictions {
		if earlier[learn.Normalize(p.Text)] {
			continue
		}
		e := from[p.Text]
		b := batches[e.Origin.File]
		if b == nil {
			b = &Batch{File: e.Origin.File, Stored: e.ID != 0 || e.Origin.Author != 0}
			batches[e.Origin.File] = b
		}
		b.Texts++
		if p.Got != p.Want {
			b.Disputed++
		}
		if largest == nil || b.Disputed > largest.Disputed {
			largest = b
		}
	}
	if largest == nil {
		return Batch{}
	}
	return *largest
}

// unseen is what a model says of a text that it may have been trained on: its
// label as in cross-validation. A reply that it would not give is none.
func unseen(ctx context.Context, k *answer.Knowledge, text string, heldOut heldOutTexts) (learn.Prediction, error) {
	label, ok := heldOut[learn.Normalize(text)]
	var p learn.Prediction
	if ok {
		match, err := k.Pairs().Ask(ctx, text, answer.Before{})
		if err != nil {
			return p, err
		}
		if best, found := match.Best(); found {
			p.Reply, p.ReplyScore, p.ReplyKnown = best.Reply, best.Probability, match.Kind == answer.Answered
		}
		p.Label = label
	} else {
		var err error
		if p, err = k.PredictHere(ctx, text); err != nil {
			return p, err
		}
	}
	if !p.ReplyKnown {
		p.Reply = ""
	}
	return p, nil
}

// measurePinned measures the new model on the server's own test set.
func (r *run) measurePinned(ctx context.Context, o *Outcome) error {
	if len(r.material.pinned) == 0 {
		return nil
	}
	ev, err := r.measure(ctx, o.knowledge, r.material.pinned)
	o.Pinned = &ev
	return err
}

// measure measures a model on texts that it wasn't trained on.
func (t *Teacher) measure(ctx context.Context, k *answer.Knowledge, examples []record.Example) (learn.Evaluation, error) {
	if k.Tuned() != "" {
		examples = examples[:min(len(examples), maxTunedPinned)]
	}
	model, _ := k.Model()
	return learn.EvaluateWith(model, func(text string) (learn.Prediction, error) { return k.Predict(ctx, text) }, examples, nil)
}

// pinnedScore is the share of the pinned test set that the new model gets right.
func (o *Outcome) pinnedScore() *float64 {
	if o.Pinned == nil || o.Pinned.Examples+o.Pinned.Replies == 0 {
		return nil
	}
	score := o.Pinned.Score()
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
func (t *Teacher) heldOut(ctx context.Context, m record.Model) (texts heldOutTexts, err error) {
	r, err := t.cfg.Blobs.OpenBlob(ctx, heldOutKey(m.Blob))
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
func (t *Teacher) snapshot(ctx context.Context, m record.Model) (examples []record.Example, err error) {
	r, err := t.cfg.Blobs.OpenBlob(ctx, snapshotKey(m.Server, m.Snapshot))
	if errors.Is(err, fs.ErrNotExist) {
		t.log.Warn("the examples of the model in use are not kept, nothing is known of before", "server", m.Server, "model", m.Number)
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("examples of model %d: %w", m.Number, err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	return learn.ReadSnapshot(ctx, r)
}
