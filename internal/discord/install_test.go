package discord

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/bot"
	"github.com/mynahbot/mynah/internal/spoken"
)

// learningEars understand Russian once that is installed, which goes on when the test lets it.
type learningEars struct {
	mu        sync.Mutex
	installed bool
	pulls     int
	next      chan error // one for each installation: how it ends
}

func (e *learningEars) Transcribe(_ context.Context, r io.Reader, q spoken.Recording) (spoken.Transcript, error) {
	if _, err := io.Copy(io.Discard, r); err != nil {
		return spoken.Transcript{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.installed {
		return spoken.Transcript{}, &spoken.HearingError{Fault: spoken.HearingNoModel, Language: q.Language, Install: q.Language}
	}
	return spoken.Transcript{Text: "Кто ты?", Language: "ru", Audio: time.Second}, nil
}

func (*learningEars) Size(language string) (int64, bool) { return 133_000_000, language == "ru" }

func (e *learningEars) Pull(ctx context.Context, _ string, report func(bot.SpeechPull)) error {
	e.mu.Lock()
	e.pulls++
	e.mu.Unlock()
	report(bot.SpeechPull{Model: "whisper-base", Share: 0.4})
	select {
	case err := <-e.next:
		e.mu.Lock()
		defer e.mu.Unlock()
		e.installed = err == nil
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// installedModels are all there already.
type installedModels struct{}

func (installedModels) Size(string) (int64, bool)                                { return 1, true }
func (installedModels) Pull(context.Context, string, func(bot.SpeechPull)) error { return nil }

// A Russian server without a model for Russian is offered one at its first voice message, by a button for whoever may change
// settings. How far it has come is shown, and the messages that wait for it are transcribed and answered then.
func TestModelIsOfferedAtTheFirstVoiceMessage(t *testing.T) {
	ears := &learningEars{next: make(chan error)}
	w := newWorld(t, func(c *mynah) { c.Hearing, c.SpeechModels = ears, ears })
	ann, boris := w.login("Ann"), w.login("Boris")
	ann.ask("general", "!settings language ru")
	sound := upload{"voice-message.ogg", []byte("OggS not read by these ears")}

	offer := boris.ask("general", "", sound)
	wants(t, "the offer", offer.Content, "ru", "133", "mynah models pull ru")
	const button = "run/voice%20install/language/ru"
	boris.press("general", offer, button)
	boris.saying("Управлять сервером")
	ann.press("general", offer, button)
	ann.saying("Устанавливаю модель для языка «ru»: whisper-base, 40")
	ann.press("general", offer, button)
	ann.saying("уже устанавливается")
	wants(t, "a second message", boris.ask("general", "", sound).Content, "сейчас устанавливается")
	ears.next <- errors.New("PyPI is away")
	ann.saying("не удалось")

	ann.press("general", offer, button)
	ears.next <- nil
	ann.saying("Теперь я понимаю")
	for range 2 { // both waited
		boris.saying("> Кто ты?")
		boris.saying("Mynah")
	}
	wants(t, "from now on", boris.ask("general", "", sound).Content, "> Кто ты?")
	ears.mu.Lock()
	defer ears.mu.Unlock()
	if ears.pulls != 2 {
		t.Errorf("installed %d times", ears.pulls)
	}
}
