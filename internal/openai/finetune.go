package openai

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	api "github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/shared"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/teach"
)

// Errors of a fine-tuning job that ended without a model.
var (
	ErrJobFailed    = errors.New("the fine-tuning failed")
	ErrJobCancelled = errors.New("the fine-tuning was cancelled")
)

// done reports whether a job has ended.
func done(j teach.TuningJob) bool {
	switch api.FineTuningJobStatus(j.Status) {
	case api.FineTuningJobStatusSucceeded, api.FineTuningJobStatusFailed, api.FineTuningJobStatusCancelled:
		return true
	}
	return false
}

// ChatLines encodes examples as the JSON lines that fine-tuning takes: a chat each, with the reply, or else the label, as
// the assistant's message.
func ChatLines(examples []record.Example) ([]byte, error) {
	type message struct {
		Role    string `json:"role"`
		Content string `json:"content"`
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, e := range examples {
		answer := e.Reply
		if answer == "" {
			answer = e.Label
		}
		line := struct {
			Messages []message `json:"messages"`
		}{[]message{{"user", e.Text}, {"assistant", answer}}}
		if err := enc.Encode(line); err != nil {
			return nil, err
		}
	}
	return b.Bytes(), nil
}

// tagKey is under which a job keeps the tag that it was started with, in its metadata.
const tagKey = "mynah"

// FineTune uploads the examples and starts a job that trains Config.Model on them. The tag, of at most 512 bytes, is the
// caller's own name of the job: where the service keeps one that was started under it and didn't fail, that is returned
// and nothing is started, so that a caller who was killed can call again.
func (c *Client) FineTune(ctx context.Context, tag string, examples []record.Example) (teach.TuningJob, error) {
	cleaned, _ := learn.Clean(examples)
	if len(cleaned) < teach.MinFineTuning {
		return teach.TuningJob{}, fmt.Errorf("%w: fine-tuning needs %d, there are %d", learn.ErrTooFew, teach.MinFineTuning, len(cleaned))
	}
	lines, err := ChatLines(cleaned)
	if err != nil {
		return teach.TuningJob{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	if job, ok := c.started(ctx, tag); ok {
		return job, nil
	}
	file, err := c.api.Files.New(ctx, api.FileNewParams{
		File:    api.File(bytes.NewReader(lines), "mynah.jsonl", "application/jsonl"),
		Purpose: api.FilePurposeFineTune,
	})
	if err != nil {
		return teach.TuningJob{}, c.explain(ctx, "the examples couldn't be uploaded", err)
	}
	job, err := c.api.FineTuning.Jobs.New(ctx, api.FineTuningJobNewParams{
		Model:        api.FineTuningJobNewParamsModel(c.cfg.Model),
		TrainingFile: file.ID,
		Metadata:     shared.Metadata{tagKey: tag},
	})
	if err != nil {
		return teach.TuningJob{}, c.explain(ctx, "the fine-tuning couldn't be started", err)
	}
	return jobOf(job), nil
}

// maxListed is how many of the service's jobs are looked through for a tag.
const maxListed = 50

// started finds the job with a tag among the newest. A service that can't list them has none.
func (c *Client) started(ctx context.Context, tag string) (teach.TuningJob, bool) {
	page, err := c.api.FineTuning.Jobs.List(ctx, api.FineTuningJobListParams{Limit: api.Int(maxListed)})
	if err != nil {
		return teach.TuningJob{}, false
	}
	for _, job := range page.Data {
		failed := job.Status == api.FineTuningJobStatusFailed || job.Status == api.FineTuningJobStatusCancelled
		if tag != "" && job.Metadata[tagKey] == tag && !failed {
			return jobOf(&job), true
		}
	}
	return teach.TuningJob{}, false
}

// Job asks how far a job is.
func (c *Client) Job(ctx context.Context, id string) (teach.TuningJob, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	job, err := c.api.FineTuning.Jobs.Get(ctx, id)
	if err != nil {
		return teach.TuningJob{}, c.explain(ctx, "the fine-tuning couldn't be followed", err)
	}
	return jobOf(job), nil
}

// Cancel stops a job, and deletes the examples that were uploaded for it.
func (c *Client) Cancel(ctx context.Context, id string) (teach.TuningJob, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	job, err := c.api.FineTuning.Jobs.Cancel(ctx, id)
	if err != nil {
		return teach.TuningJob{}, c.explain(ctx, "the fine-tuning couldn't be cancelled", err)
	}
	c.discard(ctx, jobOf(job))
	return jobOf(job), nil
}

// FollowPatience is how long a service may be out of reach while a job is followed.
const FollowPatience = time.Hour

// Follow asks every interval until the job has ended and calls update on each new status. It returns the job of a
// success, and ErrJobFailed or ErrJobCancelled otherwise; the examples that were uploaded for it are deleted then. A
// question without an answer is asked again, for up to FollowPatience. When ctx is done it returns; the job goes on.
func (c *Client) Follow(ctx context.Context, id string, interval time.Duration, update func(teach.TuningJob)) (teach.TuningJob, error) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	last, heard := "", time.Now()
	for {
		job, err := c.Job(ctx, id)
		_, refused := errors.AsType[refusedError](err)
		switch {
		case err != nil && (ctx.Err() != nil || refused || time.Since(heard) > FollowPatience):
			return teach.TuningJob{}, err
		case err == nil:
			heard = time.Now()
			if job.Status != last && update != nil {
				update(job)
			}
			last = job.Status
			if done(job) {
				c.discard(ctx, job)
				return job, outcome(job)
			}
		}
		select {
		case <-ctx.Done():
			return job, context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// outcome is why a job that is done has no model, or nil.
func outcome(j teach.TuningJob) error {
	switch api.FineTuningJobStatus(j.Status) {
	case api.FineTuningJobStatusFailed:
		return fmt.Errorf("%w: %s", ErrJobFailed, j.Error)
	case api.FineTuningJobStatusCancelled:
		return ErrJobCancelled
	}
	return nil
}

// discard deletes the examples that were uploaded for a job: a courtesy, whose failure changes nothing.
func (c *Client) discard(ctx context.Context, job teach.TuningJob) {
	if job.File != "" {
		ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
		defer cancel()
		_, _ = c.api.Files.Delete(ctx, job.File)
	}
}

// Delete deletes a fine-tuned model from the service. That it isn't there is no error.
func (c *Client) Delete(ctx context.Context, model string) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	_, err := c.api.Models.Delete(ctx, model)
	if e, ok := errors.AsType[*api.Error](err); ok && e.StatusCode == 404 {
		return nil
	}
	if err != nil {
		return c.explain(ctx, "the fine-tuned model couldn't be deleted", err)
	}
	return nil
}

func jobOf(j *api.FineTuningJob) teach.TuningJob {
	return teach.TuningJob{ID: j.ID, Status: string(j.Status), Model: j.FineTunedModel, Error: j.Error.Message, File: j.TrainingFile}
}
