package engine

import (
	"cmp"
	"context"
	"errors"
	"io"
	"maps"
	"math"
	"slices"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Set is the engines that a server may choose from, by their names. Its zero value recognizes nothing.
type Set struct {
	Engines map[string]*Engine
	Usual   string // name of the configured one
}

// Engine returns the engine of a name, "" for the usual one; nil where there is none such.
func (s Set) Engine(name string) *Engine { return s.Engines[cmp.Or(name, s.Usual)] }

// Names are those that a server may choose from, the usual one first.
func (s Set) Names() []string {
	names := slices.DeleteFunc(slices.Sorted(maps.Keys(s.Engines)), func(name string) bool { return name == s.Usual })
	if s.Engines[s.Usual] != nil {
		names = slices.Insert(names, 0, s.Usual)
	}
	return names
}

// Transcribe makes text from a recording of any container and length. The error is a
// *[spoken.HearingError] where the recording is at fault or no recognizer is there; the text is empty
// where nobody spoke.
func (s Set) Transcribe(ctx context.Context, r io.Reader, q spoken.Recording) (spoken.Transcript, error) {
	e := s.Engine(q.Recognizer)
	if e == nil {
		return spoken.Transcript{}, &spoken.HearingError{Fault: spoken.HearingNoRecognizer}
	}
	var languages []string
	for _, tag := range append([]string{q.Language}, q.Others...) {
		if l := spoken.Primary(tag); l != "" {
			languages = append(languages, l)
		}
	}
	t, err := e.Transcribe(ctx, r, languages, nil)
	return t, e.explain(err)
}

// explain makes an error for people of what is at fault with a recording.
func (e *Engine) explain(err error) error {
	var noModel *spoken.NoModelError
	switch {
	case errors.As(err, &noModel):
		return &spoken.HearingError{Fault: spoken.HearingNoModel, Language: noModel.Language, Install: noModel.Install, Err: err}
	case errors.Is(err, models.ErrNotInstalled), errors.Is(err, ErrAside):
		return &spoken.HearingError{Fault: spoken.HearingNoRecognizer, Install: models.SpeechPack, Err: err}
	case errors.Is(err, audio.ErrTooLong):
		minutes := int(math.Round(e.config.Limits.MaxDuration.Minutes()))
		return &spoken.HearingError{Fault: spoken.HearingTooLong, Minutes: minutes, Err: err}
	case errors.Is(err, audio.ErrEmpty), errors.Is(err, audio.ErrNoAudio), errors.Is(err, audio.ErrUndecodable), errors.Is(err, audio.ErrRate):
		return &spoken.HearingError{Fault: spoken.HearingNoAudio, Err: err}
	}
	return err
}

// Close closes all engines.
func (s Set) Close() error {
	var errs []error
	for _, e := range s.Engines {
		errs = append(errs, e.Close())
	}
	return errors.Join(errs...)
}
