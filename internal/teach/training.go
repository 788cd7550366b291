package teach

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// ProgressEvery is how often a training reports at most, where its stage stays the same.
const ProgressEvery = time.Second

// The learning curve of a report may take twice as long as the training, within these.
const (
	minCurveTime = time.Second
	maxCurveTime = 5 * time.Second
)

// Outcome is what a training ended in.
type Outcome struct {
	Kept record.Model // the new model, as it is kept
	// Resumed says that an earlier run of the job had kept the model before it was killed. Nothing
	// below is known then.
	Resumed bool

	Report   *learn.Report
	Material Material
	Model    *learn.Model
	Tuned    string // the service's model that answers for it; "" = none

	Added, Duplicates, Skipped int
	FirstSkip                  *dataset.Skip // nil for none

	Decision learn.Decision
	Batch    Batch         // that made it worse on what was taught earlier, where that is why it is held back
	Old      *record.Model // the model in use until now; nil for none
	// Uncompared says that it is held back since one of the two was fine-tuned elsewhere.
	Uncompared bool
	// Wordings is how the new model answers questions in wordings that it wasn't taught, and Before how
	// the old one answers the same; nil where there is nothing to measure on.
	Wordings, Before *Wordings
	// Guesses says that it is held back since its labels are no better than guessing.
	Guesses bool
	Change  *learn.Change // from the old to the new; nil without an old one
	Pinned  *learn.Evaluation
	Curve   []learn.CurvePoint

	knowledge *answer.Knowledge // the new model as it would answer
}

// Threshold is how likely right an answer of the new model must be to be given.
func (o *Outcome) Threshold() float64 { return o.knowledge.Pairs().Threshold() }

// Report gets how far a training is, and what is known so far of what it learns, from one goroutine
// at a time.
type Report func(Progress, *Material)

// Run does a training job. It may be begun again after a crash: what it writes before its end is
// written again. The error is a *[ReadError], *[TooManyError], *[ServiceError], one of learn's, or
// something that broke.
func (t *Teacher) Run(ctx context.Context, job record.Job, report Report) (Outcome, error) {
	request, err := ReadRequest(job)
	if err != nil {
		return Outcome{}, err
	}
	if job.By == 0 { // who asked for it had deleted what is kept about them: that is theirs too
		t.RemoveUploads(job.Server, request.Uploads)
		request.Uploads = nil
	}
	settings, err := t.cfg.Settings.Settings(ctx, job.Server)
	if err != nil {
		return Outcome{}, err
	}
	r := &run{Teacher: t, settings: settings, job: job, request: request, tell: report}
	if before, ok := ReadProgress(job); ok {
		r.remote = before.Remote
	}
	o, err := r.do(ctx)
	for errors.Is(err, record.ErrForgotten) {
		t.log.Info("a training begins again, since what it learned was deleted", "job", job.ID, "server", job.Server)
		job = r.job
		job.Attempt++ // what was attached is kept already, or gone
		r = &run{Teacher: t, settings: settings, job: job, request: request, tell: report, added: r.added, duplicates: r.duplicates}
		o, err = r.do(ctx)
	}
	return o, err
}

// run is one run of a training job.
type run struct {
	*Teacher
	settings record.Settings
	job      record.Job
	request  Request
	tell     Report

	began                      time.Time // to gather what it learns
	added, duplicates, skipped int
	firstSkip                  *dataset.Skip
	material                   Material
	remote                     string // the service's job that fine-tunes; "" = none was started
}

func (r *run) report(p Progress) {
	p.Remote = r.remote
	r.tell(p, &r.material)
}

// do does the whole of it.
func (r *run) do(ctx context.Context) (o Outcome, err error) {
	r.report(Progress{Stage: "reading"})
	w, err := r.cfg.Workspaces.Workspace(r.job.Server)
	if err != nil {
		return o, err
	}
	r.began = r.cfg.Now()
	if err := r.take(ctx, w); err != nil {
		return o, err
	}
	r.report(Progress{Stage: "reading", Done: 0.01})
	blob := fmt.Sprintf("servers/%s/models/job-%s.model", r.job.Server, r.job.ID)
	if done, ok, err := r.alreadyTrained(ctx, blob); err != nil || ok {
		return done, err
	}
	options := learn.Options{
		Seed:          1,
		Budget:        r.cfg.TrainBudget,
		TargetRefusal: cmp.Or(r.settings.RefusalTarget, r.cfg.RefusalTarget),
		Encoder:       r.cfg.Encoder,
	}
	last := time.Time{}
	options.Progress = func(p learn.Progress) {
		if now := time.Now(); now.Sub(last) >= ProgressEvery || p.Done == 1 {
			last = now
			r.report(Progress{Stage: p.Stage, Done: p.Done, Left: p.Left})
		}
	}
	model, report, err := learn.Train(ctx, r.material.Examples, options)
	if err != nil {
		return o, err
	}
	if len(r.material.responses) > 0 {
		model = model.WithResponses(r.material.responses)
	}
	if model, err = r.cfg.Answers.Matcher().Keep(ctx, model); err != nil {
		return o, err
	}
	o = Outcome{
		Report: report, Material: r.material, Model: model,
		Added: r.added + r.request.Added, Duplicates: r.duplicates + r.request.Duplicates, Skipped: r.skipped, FirstSkip: r.firstSkip,
	}
	if r.request.Provider != "" {
		if o.Tuned, err = r.fineTune(ctx); err != nil {
			return o, err
		}
	}
	if o.knowledge, err = r.cfg.Answers.Of(ctx, o.Model, o.Tuned); err != nil {
		return o, err
	}
	if err := r.compare(ctx, &o); err != nil {
		return o, err
	}
	r.report(Progress{Stage: "report", Done: 0.99})
	o.Curve, err = learn.LearningCurve(ctx, r.material.Examples, options, min(max(minCurveTime, 2*report.Duration), maxCurveTime))
	if err != nil && !errors.Is(err, learn.ErrTooFew) {
		return o, err
	}
	o.Kept, err = r.keep(ctx, blob, &o)
	return o, err
}

// alreadyTrained finds the model of a run that was killed after it had kept it.
func (r *run) alreadyTrained(ctx context.Context, blob string) (Outcome, bool, error) {
	if r.job.Attempt <= 1 {
		return Outcome{}, false, nil
	}
	all, err := r.cfg.Models.Models(ctx, r.job.Server)
	if err != nil {
		return Outcome{}, false, err
	}
	for _, m := range all {
		if m.Blob == blob {
			r.cfg.Answers.Forget(r.job.Server)
			return Outcome{Kept: m, Resumed: true}, true, nil
		}
	}
	return Outcome{}, false, nil
}

// keep writes the model, its snapshot and its predictions, and records it.
func (r *run) keep(ctx context.Context, blob string, o *Outcome) (record.Model, error) {
	var packed, snapshot bytes.Buffer
	model, report := o.Model, o.Report
	if err := model.Save(&packed); err != nil {
		return record.Model{}, err
	}
	cleaned, _ := learn.Clean(r.material.Examples)
	if err := learn.WriteSnapshot(&snapshot, cleaned); err != nil {
		return record.Model{}, err
	}
	predictions, err := json.Marshal(heldOutOf(report))
	if err != nil {
		return record.Model{}, err
	}
	for _, b := range []struct {
		key  string
		data []byte
	}{{snapshotKey(r.job.Server, report.Hash), snapshot.Bytes()}, {heldOutKey(blob), predictions}, {blob, packed.Bytes()}} {
		if err := r.cfg.Blobs.PutBlob(ctx, b.key, bytes.NewReader(b.data)); err != nil {
			return record.Model{}, err
		}
	}
	summary, err := json.Marshal(record.Training{
		Job: r.job.ID, Examples: report.Examples, Labels: len(model.Labels()), Questions: report.Questions,
		ECE: report.HeldOut.ECE, Took: report.Duration,
		LabelThreshold: model.Threshold(), ReplyThreshold: o.knowledge.Pairs().Threshold(), Encoder: model.Encoder(), Tuned: o.Tuned, Pinned: o.pinnedScore(),
	})
	if err != nil {
		return record.Model{}, err
	}
	state := record.ModelCandidate
	if o.Decision.Promote {
		state = record.ModelActive
	}
	kept, err := r.cfg.Models.SaveModel(ctx, record.Model{
		Server: r.job.Server, Blob: blob, Snapshot: report.Hash, State: state,
		Accuracy: report.HeldOut.Accuracy, MacroF1: report.HeldOut.MacroF1, Summary: summary, Began: r.began, At: r.cfg.Now(),
	})
	if errors.Is(err, record.ErrForgotten) {
		return kept, errors.Join(err, r.removeModel(ctx, record.Model{Server: r.job.Server, Blob: blob, Snapshot: report.Hash, Summary: summary}))
	}
	if err != nil {
		return kept, err
	}
	if o.Decision.Promote && r.material.last != 0 {
		if err := r.cfg.Corrections.MarkAbsorbed(ctx, r.job.Server, kept.ID, r.material.last); err != nil {
			return kept, err
		}
	}
	r.cfg.Answers.Forget(r.job.Server)
	return kept, nil
}
