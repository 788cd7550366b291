package bot

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// progressEvery is how often a job's message is edited at most.
const progressEvery = teach.ProgressEvery

// progress says how far a training is.
func (t translation) progress(p teach.Progress) string {
	if p.Stage == "service" {
		return t.T("train.stage_service", "status", plain(p.Status), "remote", plain(p.Remote))
	}
	const width = 20
	full := min(max(int(p.Done*width), 0), width)
	text := "`" + strings.Repeat("█", full) + strings.Repeat("░", width-full) + "` " + percent(p.Done) + ", " + t.T("train.stage_"+p.Stage)
	if p.Left > 0 {
		text += ", " + t.T("train.left", "time", seconds(p.Left))
	}
	return text
}

// Train is the handler of jobs of the kind [record.JobTrain]. It may be begun
// again after a crash.
func (b *Bot) Train(ctx context.Context, job record.Job, progress func(any) error) error {
	request, err := teach.ReadRequest(job)
	if err != nil {
		return err
	}
	settings, err := b.settings(ctx, job.Server)
	if err != nil {
		return err
	}
	words := b.in(b.cfg.Languages.Match(request.Language), settings)
	board := newBoard(ctx, b, job)
	taught := 0
	outcome, err := b.teacher.Run(ctx, job, func(p teach.Progress, m *teach.Material) {
		taught = len(m.Examples)
		if err := progress(p); err != nil {
			b.log.Warn("progress is not kept", "job", job.ID, "err", err)
		}
		text := request.Shown + words.T("train.running", "job", job.ID) + "\n" + words.progress(p) + "\n" + words.material(m)
		if job.Attempt > 1 {
			text += words.T("train.again")
		}
		board.set(text)
	})
	b.forgetUploads(ctx, job.Server, request.Uploads)
	if ctx.Err() != nil {
		board.stop()
		return ctx.Err() // cancelled, or the program stops: JobEnded tells of the first
	}
	result := Reply{}
	if err == nil {
		result.Text = words.trained(job, &outcome)
		result.Files, err = b.trainingFiles(job, &outcome)
	}
	if taught > 0 && (errors.Is(err, learn.ErrTooFew) || errors.Is(err, learn.ErrOneLabel)) && request.Provider == "" {
		// It is kept, and a model comes with what is still missing.
		sentence, _ := words.sentence(words.teachError(err))
		result, err = Reply{Text: words.T("train.waits", "job", job.ID, "examples", taught, "why", sentence)}, nil
	}
	if err != nil {
		sentence, known := words.sentence(words.teachError(err))
		if !known {
			b.log.Error("a training failed", "job", job.ID, "server", job.Server, "err", err)
		}
		result = Reply{Text: words.T("train.failed", "job", job.ID, "why", sentence)}
		err = &toldError{sentence, err}
	}
	if request.Shown != "" {
		result.Text = request.Shown + result.Text
	}
	board.finish(ctx, result)
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
	args, err := teach.ReadRequest(job)
	if err != nil {
		b.log.Error("a job that ended can't be read", "job", job.ID, "err", err)
	}
	words := b.in(b.cfg.Languages.Match(args.Language), record.Settings{})
	text := words.T("train.cancelled", "job", job.ID)
	if job.State == record.JobFailed {
		text = words.T("train.failed", "job", job.ID, "why", words.T("error.broken"))
	}
	b.teacher.RemoveUploads(job.Server, args.Uploads)
	b.forgetUploads(ctx, job.Server, args.Uploads)
	if p, ok := teach.ReadProgress(job); ok && p.Remote != "" && job.State == record.JobCancelled {
		text += "\n" + b.cancelRemote(ctx, words, p.Remote)
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
	}
	if job.Message == 0 || err != nil { // the message may be gone, or too old to be edited once more
		_, err = link.messenger.Post(ctx, job.Channel, Reply{Text: text})
	}
	if err != nil {
		b.log.Error("a job's end could not be told", "job", job.ID, "err", err)
	}
}

// cancelRemote cancels a service's job, and says how that went.
func (b *Bot) cancelRemote(ctx context.Context, t translation, id string) string {
	if err := b.teacher.CancelRemote(ctx, id); err != nil {
		b.log.Error("a service's job could not be cancelled", "job", id, "err", err)
		return t.T("train.service_not_cancelled", "remote", plain(id))
	}
	return t.T("train.service_cancelled", "remote", plain(id))
}
