package teach

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/mynahbot/mynah/internal/dataset"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/workspace"
)

// take gathers what is to be learned, and keeps what was attached. An upload with
// which there would be more examples than a training takes is refused as a whole.
func (r *run) take(ctx context.Context, w *workspace.Workspace) error {
	u, err := r.readUploads(ctx, w)
	readable := err == nil
	if readable {
		r.material, err = r.gather(ctx, w, u.examples)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // the next run reads it again
	case !readable || errors.Is(err, learn.ErrTooManyExamples):
		r.RemoveUploads(r.job.Server, r.request.Uploads)
		return err
	}
	now, found, gone := r.cfg.Jobs.Job(ctx, r.job.Server, r.job.ID)
	if gone != nil {
		return gone
	}
	if found && now.By != r.job.By { // who attached it has just had deleted what is kept about them
		r.RemoveUploads(r.job.Server, r.request.Uploads)
		r.job.By = now.By
		return record.ErrForgotten
	}
	if kept := r.keepUploads(ctx, w, u); kept != nil {
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
func (r *run) readUploads(ctx context.Context, w *workspace.Workspace) (u upload, err error) {
	for _, name := range r.request.Uploads {
		f, err := w.Open(name)
		if errors.Is(err, fs.ErrNotExist) && r.job.Attempt > 1 {
			continue // taken over by the run before
		}
		if err != nil {
			return u, err
		}
		shown := uploadName(name)
		examples, report, err := r.cfg.Datasets.ReadUpload(ctx, shown, f, dataset.ReadOptions{
			Label:  r.request.Label,
			Origin: record.Origin{Message: r.request.Message, Author: r.job.By, At: r.job.CreatedAt},
		})
		if err := errors.Join(err, f.Close()); err != nil {
			return u, &ReadError{shown, report, err}
		}
		r.skip(report)
		origin := record.Origin{Kind: record.OriginFile, File: shown, Message: r.request.Message, Author: r.job.By, At: r.job.CreatedAt}
		u.responses = append(u.responses, responseExamples(report.Responses, origin)...)
		for _, e := range examples {
			e.Server = r.job.Server
			u.examples = append(u.examples, e)
		}
		u.files = append(u.files, name)
	}
	return u, nil
}

// keepUploads adds an upload to what is taught. A run that is killed on the way
// is followed by one that does the rest.
func (r *run) keepUploads(ctx context.Context, w *workspace.Workspace, u upload) error {
	ctx = context.WithoutCancel(ctx) // a cancelled training keeps what it was to learn, and not half of it
	if len(u.responses) > 0 {
		if _, _, err := r.cfg.Examples.AddExamples(ctx, r.job.Server, u.responses); err != nil {
			return err
		}
		r.cfg.Answers.Forget(r.job.Server)
	}
	for part := range slices.Chunk(u.examples, examplesAtOnce) {
		added, duplicates, err := r.cfg.Examples.AddExamples(ctx, r.job.Server, part)
		if err != nil {
			return err
		}
		r.added += added
		r.duplicates += duplicates
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

func (r *run) skip(found dataset.ReadReport) {
	r.skipped += found.SkipCount
	if r.firstSkip == nil && len(found.Skipped) > 0 {
		r.firstSkip = &found.Skipped[0]
	}
}

// RemoveUploads takes away attachments that were kept for a job.
func (t *Teacher) RemoveUploads(server record.ServerID, names []string) {
	if len(names) == 0 {
		return
	}
	w, err := t.cfg.Workspaces.Workspace(server)
	for _, name := range names {
		if err == nil {
			err = w.Remove(name)
		}
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
	}
	if err != nil {
		t.log.Error("uploads of a job could not be removed", "server", server, "err", err)
	}
}
