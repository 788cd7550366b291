package bot

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/record"
)

// board is a job's message, edited at most once in progressEvery.
type board struct {
	bot *Bot
	job record.Job

	mu      sync.Mutex
	text    string // to be shown next; "" = nothing new
	news    chan struct{}
	edited  time.Time
	message record.MessageID

	cancel context.CancelFunc
	done   chan struct{}
}

func newBoard(ctx context.Context, b *Bot, job record.Job) *board {
	ctx, cancel := context.WithCancel(ctx)
	d := &board{bot: b, job: job, news: make(chan struct{}, 1), message: job.Message, cancel: cancel, done: make(chan struct{})}
	go d.run(ctx)
	return d
}

// set shows a text soon.
func (d *board) set(text string) {
	d.mu.Lock()
	d.text = text
	d.mu.Unlock()
	select {
	case d.news <- struct{}{}:
	default:
	}
}

func (d *board) run(ctx context.Context) {
	defer close(d.done)
	for {
		select {
		case <-d.news:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(time.Until(d.edited.Add(progressEvery))):
		case <-ctx.Done():
			return
		}
		d.mu.Lock()
		text := d.text
		d.text = ""
		d.mu.Unlock()
		if text == "" {
			continue
		}
		link, err := d.bot.connection(ctx)
		if err != nil {
			return
		}
		if id := d.where(ctx); id != 0 {
			err = link.messenger.Edit(ctx, d.job.Channel, id, Reply{Text: text})
		}
		d.edited = time.Now() // and not before: one that came late would be followed too soon
		if err != nil && ctx.Err() == nil {
			d.bot.log.Warn("a job's message could not be edited", "job", d.job.ID, "err", err)
		}
	}
}

// where is the job's message, which may have been sent after the job began.
func (d *board) where(ctx context.Context) record.MessageID {
	if d.message == 0 {
		job, found, err := d.bot.cfg.Jobs.Job(ctx, d.job.Server, d.job.ID)
		if err == nil && found {
			d.message = job.Message
		}
	}
	return d.message
}

// stop ends the editing.
func (d *board) stop() {
	d.cancel()
	<-d.done
}

// finish shows the end: in the job's message, or in a new one where that is gone.
func (d *board) finish(ctx context.Context, r Reply) {
	d.stop()
	select {
	case <-time.After(time.Until(d.edited.Add(progressEvery))):
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishTime)
	defer cancel()
	link, err := d.bot.connection(ctx)
	if err != nil {
		d.bot.log.Error("a job's end could not be told", "job", d.job.ID, "err", err)
		return
	}
	id := d.where(ctx)
	if id != 0 {
		if err = link.messenger.Edit(ctx, d.job.Channel, id, r); err == nil {
			return
		}
	}
	if _, postErr := link.messenger.Post(ctx, d.job.Channel, r); postErr != nil {
		d.bot.log.Error("a job's end could not be told", "job", d.job.ID, "err", errors.Join(err, postErr))
	}
}

// finishTime is how long telling of a job's end may take, rate limits included.
const finishTime = 2 * time.Minute
