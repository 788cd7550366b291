package bot

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/store"
)

// progressEvery is how often a job's message is edited at most.
const progressEvery = time.Second

// trainProgress is what a training job reports.
type trainProgress struct {
	Stage string        `json:"stage"` // "reading", "training", "replies", "evaluating", "report", "service"
	Done  float64       `json:"done"`  // 0 to 1
	Left  time.Duration `json:"left,omitempty"`

	// Of the stage "service": the job at the service that fine-tunes, which is
	// followed again after a crash, and how far the service says that it is.
	Remote string `json:"remote,omitempty"`
	Status string `json:"status,omitempty"`
}

// readProgress reads what a job reported; ok is false where it is nothing yet.
func readProgress(raw json.RawMessage) (p trainProgress, ok bool) {
	return p, len(raw) > 0 && json.Unmarshal(raw, &p) == nil && p.Stage != ""
}

func (p trainProgress) text(c *Call) string {
	if p.Stage == "service" {
		return c.T("train.stage_service", "status", plain(p.Status), "remote", plain(p.Remote))
	}
	const width = 20
	full := min(max(int(p.Done*width), 0), width)
	text := "`" + strings.Repeat("█", full) + strings.Repeat("░", width-full) + "` " + percent(p.Done) + ", " + c.T("train.stage_"+p.Stage)
	if p.Left > 0 {
		text += ", " + c.T("train.left", "time", seconds(p.Left))
	}
	return text
}

// trainSummary is kept with a model.
type trainSummary struct {
	Job       record.JobID  `json:"job"`
	Examples  int           `json:"examples"`
	Labels    int           `json:"labels"`
	Questions int           `json:"questions"`
	ECE       float64       `json:"ece"`
	Took      time.Duration `json:"took"`

	LabelThreshold float64  `json:"label_threshold,omitempty"`
	ReplyThreshold float64  `json:"reply_threshold,omitempty"`
	Encoder        string   `json:"encoder,omitempty"` // the sentence encoder that it was trained with
	Pinned         *float64 `json:"pinned,omitempty"`  // share of the pinned test set that it gets right
	Tuned          string   `json:"tuned,omitempty"`   // the fine-tuned model that answers for it, as its service calls it
}

// Train is the handler of jobs of the kind [record.JobTrain]. It may be begun
// again after a crash: what it writes before its end is written again.
func (b *Bot) Train(ctx context.Context, job record.Job, progress func(any) error) error {
	var args trainArgs
	if err := json.Unmarshal(job.Args, &args); err != nil {
		return fmt.Errorf("arguments of job %d: %w", job.ID, err)
	}
	if job.By == 0 { // who asked for it had deleted what is kept about them: that is theirs too
		b.removeUploads(job.Server, args.Uploads)
		args.Uploads = nil
	}
	settings, err := b.cfg.Settings.Settings(ctx, job.Server)
	if err != nil {
		return err
	}
	settings.Server = job.Server
	c := &Call{bot: b, Server: job.Server, Channel: job.Channel, settings: settings, Language: b.texts.match(args.Language)}
	t := &trainingRun{bot: b, c: c, job: job, args: args, progress: progress}
	if before, ok := readProgress(job.Progress); ok {
		t.remote = before.Remote
	}
	t.board = newBoard(ctx, b, job, c)
	result, err := t.run(ctx)
	for errors.Is(err, store.ErrForgotten) {
		b.log.Info("a training begins again, since what it learned was deleted", "job", job.ID, "server", job.Server)
		job = t.job
		job.Attempt++ // what was attached is kept already, or gone
		t = &trainingRun{bot: b, c: c, job: job, args: args, progress: progress, board: t.board, added: t.added, duplicates: t.duplicates}
		result, err = t.run(ctx)
	}
	if ctx.Err() != nil {
		t.board.stop()
		return ctx.Err() // cancelled, or the program stops: JobEnded tells of the first
	}
	if err != nil {
		sentence, known := c.sentence(err)
		if !known {
			b.log.Error("a training failed", "job", job.ID, "server", job.Server, "err", err)
		}
		result = Reply{Text: c.T("train.failed", "job", job.ID, "why", sentence)}
		err = &toldError{sentence, err}
	}
	t.board.finish(ctx, result)
	b.told.Store(job.ID, true)
	return err
}

// toldError is an error in the words that a person was told, which are kept with
// the job.
type toldError struct {
	sentence string
	err      error
}

func (e *toldError) Error() string { return e.sentence }
func (e *toldError) Unwrap() error { return e.err }

// LogValue is the error itself, not its translation.
func (e *toldError) LogValue() slog.Value { return slog.StringValue(e.err.Error()) }

// JobEnded is told of every job that ended here, and edits the message of one
// whose handler couldn't: it was cancelled, or given up after crashes.
func (b *Bot) JobEnded(ctx context.Context, job record.Job) {
	if _, told := b.told.LoadAndDelete(job.ID); told {
		return
	}
	var args trainArgs
	if err := json.Unmarshal(job.Args, &args); err != nil {
		b.log.Error("arguments of a job", "job", job.ID, "err", err)
	}
	c := &Call{bot: b, Server: job.Server, Channel: job.Channel, Language: b.texts.match(args.Language)}
	text := c.T("train.cancelled", "job", job.ID)
	if job.State == record.JobFailed {
		text = c.T("train.failed", "job", job.ID, "why", c.T("error.broken"))
	}
	b.removeUploads(job.Server, args.Uploads)
	if p, ok := readProgress(job.Progress); ok && p.Remote != "" && job.State == record.JobCancelled {
		text += "\n" + b.cancelRemote(ctx, c, p.Remote)
		var cancel context.CancelFunc // the service may have taken all of the time that there was
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), farewellTime)
		defer cancel()
	}
	link, err := b.connection(ctx)
	if err != nil {
		return // nobody can be told while there is no connection; `status` shows it
	}
	if job.Message != 0 {
		err = link.messenger.Edit(ctx, job.Channel, job.Message, Reply{Text: text})
	} else {
		_, err = link.messenger.Post(ctx, job.Channel, Reply{Text: text})
	}
	if err != nil {
		b.log.Error("a job's end could not be told", "job", job.ID, "err", err)
	}
}

// removeUploads takes away attachments that were kept for a job.
func (b *Bot) removeUploads(server record.ServerID, names []string) {
	if len(names) == 0 {
		return
	}
	w, err := b.cfg.Workspaces.Workspace(server)
	for _, name := range names {
		if err == nil {
			err = w.Remove(name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		b.log.Error("uploads of a job could not be removed", "server", server, "err", err)
	}
}

// trainingRun is one run of a training job.
type trainingRun struct {
	bot      *Bot
	c        *Call
	job      record.Job
	args     trainArgs
	progress func(any) error
	board    *board

	began                      time.Time // to gather what it learns
	added, duplicates, skipped int
	firstSkip                  *dataset.Skip
	material                   material
	remote                     string // the service's job that fine-tunes; "" = none was started
}

// run does the whole of it and returns what the message says at the end.
func (t *trainingRun) run(ctx context.Context) (Reply, error) {
	t.report(trainProgress{Stage: "reading"})
	w, err := t.bot.cfg.Workspaces.Workspace(t.job.Server)
	if err != nil {
		return Reply{}, err
	}
	t.began = t.bot.cfg.Now()
	if err := t.take(ctx, w); err != nil {
		return Reply{}, err
	}
	t.report(trainProgress{Stage: "reading", Done: 0.01})
	blob := fmt.Sprintf("servers/%s/models/job-%s.model", t.job.Server, t.job.ID)
	if done, ok, err := t.alreadyTrained(ctx, blob); err != nil || ok {
		return done, err
	}
	options := learn.Options{
		Seed:          1,
		Budget:        t.bot.cfg.TrainBudget,
		TargetRefusal: cmp.Or(t.c.settings.RefusalTarget, t.bot.cfg.RefusalTarget),
		Encoder:       t.bot.cfg.Encoder,
	}
	last := time.Time{}
	options.Progress = func(p learn.Progress) {
		if now := time.Now(); now.Sub(last) >= progressEvery || p.Done == 1 {
			last = now
			t.report(trainProgress{Stage: p.Stage, Done: p.Done, Left: p.Left})
		}
	}
	model, report, err := learn.Train(ctx, t.material.examples, options)
	if err != nil {
		return Reply{}, t.c.learnError(err)
	}
	if len(t.material.responses) > 0 {
		model = model.WithResponses(t.material.responses)
	}
	o := outcome{report: report, next: &mind{model: model, encoder: t.bot.cfg.Encoder, log: t.bot.log}}
	if t.args.Provider != "" {
		if err := t.fineTune(ctx, o.next); err != nil {
			return Reply{}, err
		}
	}
	if err := t.earned(ctx, &o); err != nil {
		return Reply{}, err
	}
	t.report(trainProgress{Stage: "report", Done: 0.99})
	if o.curve, err = learn.LearningCurve(ctx, t.material.examples, options, min(max(minCurveTime, 2*report.Duration), maxCurveTime)); err != nil && !errors.Is(err, learn.ErrTooFew) {
		return Reply{}, err
	}
	if o.kept, err = t.keep(ctx, blob, &o); err != nil {
		return Reply{}, err
	}
	return t.result(&o)
}

// The learning curve of a report may take twice as long as the training, within these.
const (
	minCurveTime = time.Second
	maxCurveTime = 5 * time.Second
)

// outcome is what a training ended in.
type outcome struct {
	report *learn.Report
	next   *mind // the new model

	decision learn.Decision
	batch    batch         // that made it worse on what was taught earlier, where that is why it is held back
	old      *record.Model // the model in use until now; nil for none
	tuned    bool          // it is held back, since one of the two was fine-tuned elsewhere and nothing compared them
	change   *learn.Change // from the old to the new; nil without an old one
	pinned   *learn.Evaluation
	kept     record.Model
	curve    []learn.CurvePoint
}

// report says how far it is, in the job and in its message.
func (t *trainingRun) report(p trainProgress) {
	p.Remote = t.remote
	if err := t.progress(p); err != nil {
		t.bot.log.Warn("progress is not kept", "job", t.job.ID, "err", err)
	}
	text := t.c.T("train.running", "job", t.job.ID) + "\n" + p.text(t.c) + "\n" + t.material.text(t.c)
	if t.job.Attempt > 1 {
		text += t.c.T("train.again")
	}
	t.board.set(text)
}

// take gathers what is to be learned, and keeps what was attached. An upload with
// which there would be more examples than a training takes is refused as a whole.
func (t *trainingRun) take(ctx context.Context, w *store.Workspace) error {
	u, err := t.readUploads(ctx, w)
	readable := err == nil
	if readable {
		t.material, err = t.gather(ctx, w, u.examples)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the next run reads it again
	case !readable || errors.Is(err, learn.ErrTooManyExamples):
		t.bot.removeUploads(t.job.Server, t.args.Uploads)
		return err
	}
	now, found, gone := t.bot.cfg.Jobs.Job(ctx, t.job.Server, t.job.ID)
	if gone != nil {
		return gone
	}
	if found && now.By != t.job.By { // who attached it has just had deleted what is kept about them
		t.bot.removeUploads(t.job.Server, t.args.Uploads)
		t.job.By = now.By
		return store.ErrForgotten
	}
	if kept := t.keepUploads(ctx, w, u); kept != nil {
		return kept
	}
	return err
}

// upload is what was attached and isn't kept yet.
type upload struct {
	files               []string // in the workspace, to be taken away once the rest is kept
	examples, responses []record.Example
}

// readUploads reads what was attached to the server's examples.
func (t *trainingRun) readUploads(ctx context.Context, w *store.Workspace) (u upload, err error) {
	for _, name := range t.args.Uploads {
		f, err := w.Open(name)
		if errors.Is(err, fs.ErrNotExist) && t.job.Attempt > 1 {
			continue // taken over by the run before
		}
		if err != nil {
			return u, err
		}
		shown := uploadName(name)
		examples, report, err := dataset.ReadUpload(ctx, shown, f, dataset.ReadOptions{
			Label: t.args.Label,
			Origin: record.Origin{
				Message: t.args.Message, Author: t.job.By, At: t.job.CreatedAt,
			},
		})
		if err := errors.Join(err, f.Close()); err != nil {
			return u, t.c.readError(shown, report, err)
		}
		t.skip(report)
		origin := record.Origin{Kind: record.OriginFile, File: shown, Message: t.args.Message, Author: t.job.By, At: t.job.CreatedAt}
		u.responses = append(u.responses, responseExamples(report.Responses, origin)...)
		for _, e := range examples {
			origin.File, origin.Line = e.Origin.File, e.Origin.Line
			u.examples = append(u.examples, record.Example{Server: t.job.Server, Text: e.Text, Label: e.Label, Reply: e.Reply, Origin: origin})
		}
		u.files = append(u.files, name)
	}
	return u, nil
}

// keepUploads adds an upload to what is taught. A run that is killed on the way
// is followed by one that does the rest.
func (t *trainingRun) keepUploads(ctx context.Context, w *store.Workspace, u upload) error {
	ctx = context.WithoutCancel(ctx) // a cancelled training keeps what it was to learn, and not half of it
	if len(u.responses) > 0 {
		if _, _, err := t.bot.cfg.Examples.AddExamples(ctx, t.job.Server, u.responses); err != nil {
			return err
		}
		t.bot.minds.forget(t.job.Server)
	}
	for part := range slices.Chunk(u.examples, examplesAtOnce) {
		added, duplicates, err := t.bot.cfg.Examples.AddExamples(ctx, t.job.Server, part)
		if err != nil {
			return err
		}
		t.added += added
		t.duplicates += duplicates
	}
	for _, name := range u.files {
		if err := w.Remove(name); err != nil {
			return err
		}
	}
	return nil
}

// examplesAtOnce is how many examples are added in one transaction: a longer one
// would make everybody else who writes wait for seconds.
const examplesAtOnce = 5000

// uploadName is the name that a kept attachment came with.
func uploadName(kept string) string {
	parts := strings.SplitN(path.Base(kept), "-", 3)
	return parts[len(parts)-1]
}

func (t *trainingRun) skip(r dataset.ReadReport) {
	t.skipped += r.SkipCount
	if t.firstSkip == nil && len(r.Skipped) > 0 {
		t.firstSkip = &r.Skipped[0]
	}
}

// alreadyTrained finds the model of a run that was killed after it had kept it.
func (t *trainingRun) alreadyTrained(ctx context.Context, blob string) (Reply, bool, error) {
	if t.job.Attempt <= 1 {
		return Reply{}, false, nil
	}
	all, err := t.bot.cfg.Models.Models(ctx, t.job.Server)
	if err != nil {
		return Reply{}, false, err
	}
	for _, m := range all {
		if m.Blob == blob {
			t.bot.minds.forget(t.job.Server)
			return Reply{Text: t.c.T("train.done", "job", t.job.ID) + "\n" + t.c.modelLine(m)}, true, nil
		}
	}
	return Reply{}, false, nil
}

// keep writes the model, its snapshot and its predictions, and records it.
func (t *trainingRun) keep(ctx context.Context, blob string, o *outcome) (record.Model, error) {
	var packed, snapshot bytes.Buffer
	model, report := o.next.model, o.report
	if err := model.Save(&packed); err != nil {
		return record.Model{}, err
	}
	cleaned, _ := learn.Clean(t.material.examples)
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
	}{{snapshotKey(t.job.Server, report.Hash), snapshot.Bytes()}, {heldOutKey(blob), predictions}, {blob, packed.Bytes()}} {
		if err := t.bot.cfg.Blobs.PutBlob(ctx, b.key, bytes.NewReader(b.data)); err != nil {
			return record.Model{}, err
		}
	}
	summary, err := json.Marshal(trainSummary{
		Job: t.job.ID, Examples: report.Examples, Labels: len(model.Labels()), Questions: report.Questions,
		ECE: report.HeldOut.ECE, Took: report.Duration,
		LabelThreshold: model.Threshold(), ReplyThreshold: model.ReplyThreshold(), Encoder: model.Encoder(), Tuned: o.next.tuned, Pinned: o.pinnedScore(),
	})
	if err != nil {
		return record.Model{}, err
	}
	state := record.ModelCandidate
	if o.decision.Promote {
		state = record.ModelActive
	}
	kept, err := t.bot.cfg.Models.SaveModel(ctx, record.Model{
		Server: t.job.Server, Blob: blob, Snapshot: report.Hash, State: state,
		Accuracy: report.HeldOut.Accuracy, MacroF1: report.HeldOut.MacroF1, Summary: summary, Began: t.began, At: t.bot.cfg.Now(),
	})
	if errors.Is(err, store.ErrForgotten) {
		return kept, errors.Join(err, t.bot.removeModel(ctx, record.Model{Server: t.job.Server, Blob: blob, Snapshot: report.Hash, Summary: summary}))
	}
	if err != nil {
		return kept, err
	}
	if o.decision.Promote && t.material.last != 0 {
		if err := t.bot.cfg.Corrections.MarkAbsorbed(ctx, t.job.Server, kept.ID, t.material.last); err != nil {
			return kept, err
		}
	}
	t.bot.minds.forget(t.job.Server)
	return kept, nil
}
