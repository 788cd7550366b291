package bot

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// jobsShown is how many jobs `status` lists.
const jobsShown = 10

// status shows the server's jobs.
func (b *Bot) status() *Command {
	return &Command{
		Name:       "status",
		ServerOnly: true,
		Options:    []Option{{Name: "job", Kind: Integer, Complete: completeJobs(false)}},
		Run: func(ctx context.Context, c *Call) error {
			if id := c.Int("job"); id != 0 {
				job, found, err := c.bot.cfg.Jobs.Job(ctx, c.Server, record.JobID(id))
				if err != nil {
					return err
				}
				if !found {
					return c.fail("job.none_such", "job", id)
				}
				return c.Say(ctx, c.jobLine(job))
			}
			all, err := c.bot.cfg.Jobs.Jobs(ctx, c.Server, jobsShown)
			if err != nil {
				return err
			}
			var b strings.Builder
			pending, err := c.pendingDeletion(ctx)
			if err != nil {
				return err
			}
			if pending != "" {
				b.WriteString(pending + "\n")
			}
			if len(all) == 0 {
				return c.Say(ctx, b.String()+c.T("job.none"))
			}
			b.WriteString(c.T("job.list") + "\n")
			for _, job := range all {
				b.WriteString("• " + c.jobLine(job) + "\n")
			}
			return c.Say(ctx, b.String())
		},
	}
}

// cancel ends a job.
func (b *Bot) cancelJob() *Command {
	return &Command{
		Name:       "cancel",
		Trusted:    true,
		ServerOnly: true,
		Options:    []Option{{Name: "job", Kind: Integer, Required: true, Complete: completeJobs(true)}},
		Run: func(ctx context.Context, c *Call) error {
			id := record.JobID(c.Int("job"))
			err := c.bot.cfg.Jobs.Cancel(ctx, c.Server, id)
			switch {
			case errors.Is(err, record.ErrNoJob):
				return c.failed(err, "job.none_such", "job", id)
			case errors.Is(err, record.ErrJobEnded):
				return c.failed(err, "job.ended_already", "job", id)
			case err != nil:
				return err
			}
			return c.Say(ctx, c.T("job.cancelling", "job", id))
		},
	}
}

// jobLine says in one line what a job is and how far it is.
func (c *Call) jobLine(job record.Job) string {
	text := c.T("job.line", "job", job.ID, "kind", c.T("job.kind_train"), "state", c.T("job.state_"+string(job.State)), "by", "<@"+job.By.String()+">")
	switch {
	case job.State == record.JobRunning:
		if p, ok := teach.ReadProgress(job); ok {
			text += " " + c.progress(p)
		}
	case job.State.Ended() && !job.StartedAt.IsZero():
		text += " " + c.T("job.took", "time", seconds(job.FinishedAt.Sub(job.StartedAt)))
	}
	if job.State == record.JobFailed && job.Error != "" {
		text += " — " + plain(job.Error)
	}
	return text
}

// completeJobs offers the server's jobs, only those that haven't ended where open is true.
func completeJobs(open bool) func(context.Context, *Call, string) ([]Choice, error) {
	return func(ctx context.Context, c *Call, typed string) ([]Choice, error) {
		all, err := c.bot.cfg.Jobs.Jobs(ctx, c.Server, maxChoices)
		if err != nil {
			return nil, err
		}
		var choices []Choice
		for _, job := range all {
			if open && job.State.Ended() {
				continue
			}
			id := strconv.FormatInt(int64(job.ID), 10)
			choices = append(choices, Choice{"#" + id + " " + c.T("job.kind_train") + ": " + c.T("job.state_"+string(job.State)), id})
		}
		return matching(choices, typed), nil
	}
}
