package bot

import (
	"context"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/spoken"
)

// audio answers recordings: what was said as text, then the answer to it, and
// the answer spoken too where the author sits in a voice channel.
func (c *Call) audio(ctx context.Context, text string, recordings []Attachment) error {
	stop := c.working(ctx)
	defer stop()
	var failures []error
	for _, a := range recordings {
		if err := c.recording(ctx, a); err != nil {
			failures = append(failures, err)
			if len(recordings) > 1 && ctx.Err() == nil {
				// One unreadable file doesn't take the others with it.
				c.bot.guard(ctx, c, func(context.Context) error { return err })
				failures = failures[:len(failures)-1]
			}
		}
	}
	if len(failures) > 0 {
		return failures[0]
	}
	if strings.TrimSpace(text) != "" {
		return c.question(ctx, text)
	}
	return nil
}

// maxGuess is how much is shown of what may have been said, in characters.
const maxGuess = 1500

// recording transcribes and answers one.
func (c *Call) recording(ctx context.Context, a Attachment) error {
	transcript, err := c.transcribe(ctx, a)
	if e, ok := errors.AsType[*spoken.HearingError](err); ok {
		if offered, offerErr := c.offerModel(ctx, a, e); offered {
			return offerErr
		}
	}
	if err != nil {
		return err
	}
	said := strings.TrimSpace(transcript.Text)
	if guess := strings.TrimSpace(transcript.Guess); said == "" && guess != "" {
		// What nobody may have said is neither answered nor kept; who wants to, opens it.
		_, err := c.Send(ctx, Reply{Text: c.T("audio.uncertain", "guess", shorten(strings.ReplaceAll(guess, "|", " "), maxGuess))})
		return err
	}
	if said == "" {
		return c.fail("audio.silence")
	}
	quoted := "> " + strings.ReplaceAll(said, "\n", "\n> ")
	reply := Reply{Text: quoted}
	if utf8.RuneCountInString(quoted) > MaxMessageRunes {
		reply.Files = []File{textFile("transcript.txt", said+"\n")}
	}
	if _, err := c.Send(ctx, reply); err != nil {
		return err
	}
	answered, err := c.answer(ctx, said)
	if err != nil {
		return err
	}
	voice, aloud := spokenVoice(c.settings)
	if answered.aloud || c.Author.Voice == 0 || c.bot.cfg.Voice == nil || !aloud {
		return nil
	}
	message, err := c.bot.cfg.Voice.Speak(ctx, spoken.Speech{Text: answered.text, Voice: voice})
	if err != nil {
		// The answer is there in writing; only its sound is missing.
		c.bot.log.Error("an answer could not be spoken", "server", c.Server, "err", err)
		return nil
	}
	_, err = c.Send(ctx, Reply{Voice: &message})
	return err
}

// transcribe fetches an attachment and turns it into text.
func (c *Call) transcribe(ctx context.Context, a Attachment) (t spoken.Transcript, err error) {
	if c.bot.cfg.Hearing == nil || c.settings.Recognizer == off {
		return spoken.Transcript{}, &spoken.HearingError{Fault: spoken.HearingNoRecognizer}
	}
	link, err := c.bot.connection(ctx)
	if err != nil {
		return spoken.Transcript{}, err
	}
	r, err := link.fetcher.Fetch(ctx, a, c.bot.cfg.AttachmentBytes)
	if err != nil {
		return spoken.Transcript{}, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	language := c.settings.RecognizerLanguage
	if language == "" {
		language = c.Language
	}
	recording := spoken.Recording{Name: a.Name, Language: language, Recognizer: c.settings.Recognizer}
	if c.settings.RecognizerLanguage == "" { // who writes in one language may speak another of those that Mynah speaks
		recording.Others = c.bot.cfg.Languages.Tags()
	}
	return c.bot.cfg.Hearing.Transcribe(ctx, r, recording)
}

// textFile is a file made of a text.
func textFile(name, content string) File {
	return File{Name: name, Size: int64(len(content)), Open: func() (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(content)), nil
	}}
}
