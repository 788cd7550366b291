package bot

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/spoken"
)

// SpeechModels installs what understands speech.
type SpeechModels interface {
	// Size is how much is downloaded at most to understand a language, in bytes; false where nothing that does is known.
	Size(language string) (bytes int64, ok bool)
	// Pull installs the best that can be had, and returns at once where that is there. report is called from one goroutine.
	Pull(ctx context.Context, language string, report func(SpeechPull)) error
}

// SpeechPull is how far an installation has come.
type SpeechPull struct {
	Model string
	Share float64       // of its download, 0 to 1; 0 where that isn't known
	Took  time.Duration // so far, where the share isn't known
}

const (
	// maxWaitingRecordings is how many recordings of a server wait for a model. Further ones have to be sent again.
	maxWaitingRecordings = 5
	// recordingWaits is how long one does.
	recordingWaits = time.Hour
)

// installs are the models that are being installed, and the recordings that wait for one.
type installs struct {
	mu      sync.Mutex
	running map[string]bool // by language
	waiting []waitingRecording
}

type waitingRecording struct {
	call      *Call
	recording Attachment
	language  string
	since     time.Time
}

// wait keeps a recording until there is a model for a language; kept is false where too many wait already. running tells whether
// one is being installed.
func (i *installs) wait(c *Call, a Attachment, language string, now time.Time) (kept, running bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting = slices.DeleteFunc(i.waiting, func(w waitingRecording) bool { return now.Sub(w.since) > recordingWaits })
	same := 0
	for _, w := range i.waiting {
		if w.call.Server == c.Server {
			same++
		}
	}
	if same >= maxWaitingRecordings {
		return false, false
	}
	i.waiting = append(i.waiting, waitingRecording{c, a, language, now})
	return true, i.running[language]
}

// begin reports whether nobody is installing that language yet; then the caller does, and tells by end.
func (i *installs) begin(language string) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.running[language] {
		return false
	}
	if i.running == nil {
		i.running = map[string]bool{}
	}
	i.running[language] = true
	return true
}

// end returns, behind an installation that went well, the recordings that waited for it.
func (i *installs) end(language string, installed bool, now time.Time) (ready []waitingRecording) {
	i.mu.Lock()
	defer i.mu.Unlock()
	delete(i.running, language)
	if !installed {
		return nil
	}
	i.waiting = slices.DeleteFunc(i.waiting, func(w waitingRecording) bool {
		if w.language != language {
			return false
		}
		if now.Sub(w.since) <= recordingWaits {
			ready = append(ready, w)
		}
		return true
	})
	return ready
}

// forget drops a person's recordings.
func (i *installs) forget(user record.UserID) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.waiting = slices.DeleteFunc(i.waiting, func(w waitingRecording) bool { return w.call.Author.ID == user })
}

// offerModel answers a recording whose language nothing installed understands with a button that installs what does; the
// recording waits for it. It reports false where nothing can be offered.
func (c *Call) offerModel(ctx context.Context, a Attachment, e *spoken.HearingError) (bool, error) {
	models := c.bot.cfg.SpeechModels
	if models == nil || e.Fault != spoken.HearingNoModel || !c.bot.texts.languages.Has(e.Install) {
		return false, nil
	}
	bytes, ok := models.Size(e.Install)
	if !ok {
		return false, nil
	}
	switch kept, running := c.bot.installs.wait(c, a, e.Install, c.bot.cfg.Now()); {
	case !kept:
		return false, nil
	case running:
		return true, c.Say(ctx, c.T("audio.waits", "language", e.Install))
	}
	_, err := c.Send(ctx, Reply{
		Text: c.T("audio.offer", "language", e.Install, "size", size(bytes)),
		Buttons: []Button{{
			Label: c.T("audio.button_install", "language", e.Install), Command: "voice install", Option: "language", Value: e.Install, Primary: true,
		}},
	})
	return true, err
}

// voiceInstall installs what understands a language, and transcribes the recordings that waited for it.
func (b *Bot) voiceInstall() *Command {
	return &Command{
		Name: "voice install", Trusted: true, ServerOnly: true, Slow: true,
		Options: []Option{{Name: "language", Choices: b.texts.languages.Tags()}},
		Run: func(ctx context.Context, c *Call) error {
			language := c.Arg("language")
			if language == "" {
				language = c.Language
			}
			if c.bot.cfg.SpeechModels == nil {
				return c.fail("audio.no_recognizer")
			}
			if !b.installs.begin(language) {
				return c.Say(ctx, c.T("audio.install_running", "language", language))
			}
			message, err := c.Send(ctx, Reply{Text: c.T("audio.installing", "language", language, "how", "…")})
			if err == nil {
				err = b.work.add(lane{own: b.ownLane.Add(1)}, func() { b.install(c, language, message) })
			}
			if err != nil {
				b.installs.end(language, false, b.cfg.Now())
			}
			return err
		},
	}
}

// install installs what understands a language, shows in a message how far it has come, and answers what waited for it.
func (b *Bot) install(c *Call, language string, message record.MessageID) {
	ctx := b.ctx
	shown := newBoard(ctx, b, record.Job{Server: c.Server, Channel: c.Channel, Message: message})
	err := b.cfg.SpeechModels.Pull(ctx, language, func(p SpeechPull) {
		how := plain(p.Model) + ", "
		if p.Share > 0 {
			how += percent(p.Share)
		} else {
			how += seconds(p.Took)
		}
		shown.set(c.T("audio.installing", "language", language, "how", how))
	})
	ready := b.installs.end(language, err == nil, b.cfg.Now())
	switch {
	case ctx.Err() != nil:
		shown.stop() // what is downloaded so far is kept for the next time
		return
	case err != nil:
		b.log.Error("what understands a language could not be installed", "language", language, "server", c.Server, "err", err)
		shown.finish(ctx, Reply{Text: c.T("audio.install_failed", "language", language)})
		return
	}
	shown.finish(ctx, Reply{Text: c.T("audio.installed", "language", language)})
	for _, w := range ready {
		// In the recording's own channel, behind what is being done there.
		err := b.work.add(lane{channel: w.call.Channel, slow: true}, func() {
			b.guard(b.ctx, w.call, func(ctx context.Context) error {
				stop := w.call.working(ctx)
				defer stop()
				return w.call.recording(ctx, w.recording)
			})
		})
		if err != nil && !errors.Is(err, context.Canceled) {
			b.log.Warn("a recording that waited is not transcribed", "server", w.call.Server, "err", err)
		}
	}
}
