package answer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/record"
)

// SettingsStore reads what servers chose.
type SettingsStore interface {
	Settings(ctx context.Context, server record.ServerID) (record.Settings, error)
}

// CorrectionStore reads what people corrected.
type CorrectionStore interface {
	Corrections(ctx context.Context, server record.ServerID, onlyUnabsorbed bool) ([]record.Correction, error)
}

// ExampleStore reads what was taught.
type ExampleStore interface {
	Examples(ctx context.Context, server record.ServerID, dataset string) ([]record.Example, error)
}

// ModelStore knows the trained models of a server.
type ModelStore interface {
	Models(ctx context.Context, server record.ServerID) ([]record.Model, error)
	ActiveModel(ctx context.Context, server record.ServerID) (record.Model, bool, error)
}

// BlobStore reads the models themselves.
type BlobStore interface {
	OpenBlob(ctx context.Context, key string) (io.ReadCloser, error)
}

// Config is what an Answerer reads. All but Encoder, Chat and Tuned is required.
type Config struct {
	Settings    SettingsStore
	Corrections CorrectionStore
	Examples    ExampleStore
	Models      ModelStore
	Blobs       BlobStore

	Encoder learn.Encoder // gives sentences' vectors to models that need them; nil: none is there
	// Chat answers what nothing that was taught answers; nil: nobody does. ChatGrounded: only from
	// examples, where a server chose nothing.
	Chat         ChatServer
	ChatGrounded bool
	// Tuned answers with models that a service has fine-tuned; nil: none is configured.
	Tuned ChatServer

	Log *slog.Logger // nil = slog.Default()
}

// Answerer decides what is answered. Safe for concurrent use.
type Answerer struct {
	cfg   Config
	log   *slog.Logger
	about []about // what Mynah knows about itself
	cache cache
}

// New checks the configuration and returns an Answerer. ctx bounds the making of what Mynah knows
// about itself, some milliseconds a language.
func New(ctx context.Context, cfg Config) (*Answerer, error) {
	if cfg.Settings == nil || cfg.Corrections == nil || cfg.Examples == nil || cfg.Models == nil || cfg.Blobs == nil {
		return nil, errors.New("answer: a store is missing in the configuration")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	a := &Answerer{cfg: cfg, log: cfg.Log, cache: newCache()}
	return a, a.learnAbout(ctx)
}

// maxQuestionRunes is how much of a question is looked at. Longer ones are documents, and their
// beginning says what they are about.
const maxQuestionRunes = 4000

// Question trims a text that was asked to what is looked at and kept of it.
func Question(text string) string {
	text = strings.TrimSpace(text)
	if utf8.RuneCountInString(text) > maxQuestionRunes {
		return string([]rune(text)[:maxQuestionRunes])
	}
	return text
}

// Decide says what a server's Mynah answers to a question, which [Question] has trimmed. language is
// that of the replies. It never makes anything up.
func (a *Answerer) Decide(ctx context.Context, server record.ServerID, language, question string) (Decision, error) {
	k, err := a.Knowledge(ctx, server)
	if err != nil {
		return Decision{}, err
	}
	if e, ok := k.corrections.Answer(question); ok {
		return Decision{Source: record.SourceCorrection, Text: e.Reply, Label: e.Label, Probability: 1}, nil
	}
	var p learn.Prediction
	if k.Usable() {
		if p, err = k.answer(ctx, question); err != nil {
			return Decision{}, err
		}
	}
	about, isAbout := a.aboutItself(language, question)
	switch {
	case p.ReplyKnown:
		return Decision{Source: record.SourceModel, Text: p.Reply, Label: p.Label, Probability: p.ReplyScore}, nil
	case isAbout:
		// "Who are you?" is no question about the server's subject, whatever
		// label a classifier finds nearest.
		return Decision{Source: record.SourceBuiltin, Text: about.Reply, Probability: about.ReplyScore}, nil
	case p.LabelKnown:
		return Decision{Source: record.SourceModel, Label: p.Label, Probability: p.Probability}, nil
	}
	d := Decision{Source: record.SourceUnknown, Label: p.Label, Probability: max(p.Probability, p.ReplyScore)}
	switch {
	case k.missing != "":
		d.Why, d.Encoder = NoEncoder, k.missing
	case k.stale:
		d.Why = Stale
	case server == 0:
		d.Why = Nowhere
	case k.model == nil && k.corrections.Len() == 0:
		d.Why = Untaught
	}
	return d, nil
}

// Correct lets what is right answer a question from now on. It is kept by package teach.
func (a *Answerer) Correct(ctx context.Context, server record.ServerID, question, right string) error {
	k, err := a.Knowledge(ctx, server)
	if err != nil {
		return err
	}
	k.corrections.Add(record.Example{Text: question, Reply: right})
	return nil
}
