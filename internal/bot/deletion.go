package bot

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

const (
	// deletionEvery is how often deletions are tried again that could not be finished.
	deletionEvery = time.Minute
	// archiveFolder holds copies of a server's files.
	archiveFolder = "archives"
)

// deletions has one deletion work at a time.
type deletions struct{ one sync.Mutex }

// deleteOn finishes the deletions that people asked for, also those of an earlier process, until the bot stops.
func (b *Bot) deleteOn() {
	tick := time.NewTicker(deletionEvery)
	defer tick.Stop()
	for {
		if err := b.FinishDeletions(b.ctx); err != nil && b.ctx.Err() == nil {
			b.log.Error("a deletion isn't finished; it is tried again", "err", err)
		}
		select {
		case <-tick.C:
		case <-b.ctx.Done():
			return
		}
	}
}

// FinishDeletions does what is left of the deletions that people asked for. A running bot does it again and again.
func (b *Bot) FinishDeletions(ctx context.Context) error {
	pending, err := b.cfg.Privacy.Deletions(ctx)
	var errs []error
	for _, user := range pending {
		_, e := b.finishDeletion(ctx, user)
		errs = append(errs, e)
	}
	return errors.Join(append(errs, err)...)
}

// finishDeletion does all steps of a deletion that was noted, each of which may have been done before, and returns the servers that
// need a training now. After an error the rest is done by [Bot.FinishDeletions].
func (b *Bot) finishDeletion(ctx context.Context, user record.UserID) (stale []record.ServerID, err error) {
	b.deletions.one.Lock()
	defer b.deletions.one.Unlock()
	b.talks.forget(user) // first, so that nothing is kept while the rest is deleted
	if err := b.memory.flush(ctx); err != nil {
		return nil, err
	}
	stale, err = b.cfg.Privacy.DeleteUser(ctx, user)
	// The rows may be gone though the file with them could not be cleaned.
	b.memory.forget(func(e record.Exchange) bool { return e.Asker == user })
	b.forgetSounds()
	b.expireNow()
	b.answers.ForgetAll() // corrections of theirs may answer anywhere
	if err != nil {
		return stale, err
	}
	servers, err := b.cfg.Privacy.DeletionServers(ctx, user)
	if err != nil {
		return stale, err
	}
	var errs []error
	for _, server := range servers {
		if err := b.deleteOnServer(ctx, user, server); err != nil {
			errs = append(errs, err) // the other servers can be done
		}
	}
	if err := errors.Join(errs...); err != nil {
		return stale, err
	}
	return stale, b.cfg.Privacy.EndDeletion(ctx, user)
}

// deleteOnServer removes what a server's models and files hold of somebody: models that learned it, files that they brought, and the
// copies of what was taught, all of which may have it.
func (b *Bot) deleteOnServer(ctx context.Context, user record.UserID, server record.ServerID) error {
	if err := b.teacher.RemoveStale(ctx, server); err != nil {
		return err
	}
	w, err := b.cfg.Workspaces.Workspace(server)
	if err != nil {
		return err
	}
	remove := func(name string) error {
		if err := w.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	files, err := b.cfg.Privacy.Files(ctx, server, user)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := errors.Join(remove(f.Path), b.cfg.Privacy.ForgetFile(ctx, server, f.Path)); err != nil {
			return err
		}
	}
	for _, folder := range []string{archiveFolder, exportFolder} {
		entries, err := w.List(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.IsDir() {
				continue
			}
			if err := remove(path.Join(folder, e.Name())); err != nil {
				return err
			}
		}
	}
	return b.cfg.Privacy.DeletionDone(ctx, user, server)
}

// forgetUploads forgets who brought the files of a job, as far as they are there no more.
func (b *Bot) forgetUploads(ctx context.Context, server record.ServerID, names []string) {
	if len(names) == 0 {
		return
	}
	ctx = context.WithoutCancel(ctx)
	w, err := b.cfg.Workspaces.Workspace(server)
	for _, name := range names {
		if err != nil {
			break
		}
		if _, there := w.Stat(name); errors.Is(there, fs.ErrNotExist) {
			err = b.cfg.Privacy.ForgetFile(ctx, server, name)
		}
	}
	if err != nil {
		b.log.Error("uploads of a job can't be forgotten", "server", server, "err", err)
	}
}

// brought notes that the author brought a file, so that it goes with them.
func (c *Call) brought(ctx context.Context, name string) error {
	return c.bot.cfg.Privacy.SaveFile(ctx, record.File{Server: c.Server, Path: name, By: c.Author.ID, At: c.bot.cfg.Now()})
}
