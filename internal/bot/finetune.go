package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/learn/openai"
	"github.com/mynahbot/mynah/internal/record"
)

// Who trains: this machine, or a service with OpenAI's API beside it.
const (
	providerLocal  = "local"
	providerOpenAI = "openai"
)

// TuningService fine-tunes models elsewhere, and answers with them; [openai.Client] is one.
type TuningService interface {
	ChatServer
	// FineTune starts a job, or finds the one that was started under the tag.
	FineTune(ctx context.Context, tag string, examples []record.Example) (openai.Job, error)
	// Follow asks every interval until the job has ended.
	Follow(ctx context.Context, id string, interval time.Duration, update func(openai.Job)) (openai.Job, error)
	Cancel(ctx context.Context, id string) (openai.Job, error)
	// Delete deletes a model that FineTune made.
	Delete(ctx context.Context, model string) error
}

// fineTune has the service train a model on what next was trained on, and makes next answer with it. A job that was
// started before a crash is followed again.
func (t *trainingRun) fineTune(ctx context.Context, next *mind) error {
	service := t.bot.cfg.Tuning
	if service == nil {
		return t.c.fail("train.no_service")
	}
	tag := fmt.Sprintf("server %s, training %s of %d", t.job.Server, t.job.ID, t.job.CreatedAt.UnixMicro())
	if t.remote == "" {
		job, err := service.FineTune(ctx, tag, t.material.examples)
		if errors.Is(err, learn.ErrTooFew) {
			return t.c.failed(err, "train.too_few_to_tune", "min", openai.MinFineTuning)
		}
		if err != nil {
			return t.c.failed(err, "train.service_failed", "why", plain(err.Error()))
		}
		t.remote = job.ID
		t.report(trainProgress{Stage: "service", Status: job.Status})
	}
	job, err := service.Follow(ctx, t.remote, cmp.Or(t.bot.cfg.TuningPoll, tuningPoll), func(j openai.Job) {
		t.report(trainProgress{Stage: "service", Status: j.Status})
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return t.c.failed(err, "train.service_failed", "why", plain(err.Error()))
	case job.Model == "":
		return t.c.fail("train.service_failed", "why", "-")
	}
	next.tuned, next.service = job.Model, service
	return nil
}

// tuningPoll is how often a service is asked how far it is.
const tuningPoll = 10 * time.Second

// remoteCancelTime is how long cancelling a service's job may take.
const remoteCancelTime = 20 * time.Second

// cancelRemote cancels a service's job, and says how that went.
func (b *Bot) cancelRemote(ctx context.Context, c *Call, id string) string {
	if b.cfg.Tuning == nil {
		return c.T("train.service_not_cancelled", "remote", plain(id))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), remoteCancelTime)
	defer cancel()
	if _, err := b.cfg.Tuning.Cancel(ctx, id); err != nil {
		b.log.Error("a service's job could not be cancelled", "job", id, "err", err)
		return c.T("train.service_not_cancelled", "remote", plain(id))
	}
	return c.T("train.service_cancelled", "remote", plain(id))
}

// forgetTuned deletes the fine-tuned model behind one that may answer no more.
func (b *Bot) forgetTuned(ctx context.Context, m record.Model) {
	name := b.summary(m).Tuned
	if name == "" {
		return
	}
	if b.cfg.Tuning == nil {
		b.log.Error("a fine-tuned model stays at its service, which isn't configured any more", "server", m.Server, "model", name)
		return
	}
	if err := b.cfg.Tuning.Delete(ctx, name); err != nil {
		b.log.Error("a fine-tuned model stays at its service", "server", m.Server, "model", name, "err", err)
	}
}
