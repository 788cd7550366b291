package answer

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
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

// Config is what an Answerer reads. The stores are required.
type Config struct {
	Settings    SettingsStore
	Corrections CorrectionStore
	Examples    ExampleStore
	Models      ModelStore
	Blobs       BlobStore

	Matcher *Matcher      // compares questions with what was taught; nil: one that goes by words alone
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
	cfg     Config
	log     *slog.Logger
	matcher *Matcher
	cache   cache

	mu    sync.Mutex
	about about // what Mynah knows about itself; nil until it is needed first
}

// New checks the configuration and returns an Answerer.
func New(cfg Config) (*Answerer, error) {
	if cfg.Settings == nil || cfg.Corrections == nil || cfg.Examples == nil || cfg.Models == nil || cfg.Blobs == nil {
		return nil, errors.New("answer: a store is missing in the configuration")
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Matcher == nil {
		var err error
		if cfg.Matcher, err = NewMatcher(nil, "", cfg.Log); err != nil {
			return nil, err
		}
	}
	return &Answerer{cfg: cfg, log: cfg.Log, matcher: cfg.Matcher, cache: newCache()}, nil
}

// Warm computes what the first question would wait for, some seconds where nothing is kept of it.
func (a *Answerer) Warm(ctx context.Context) error {
	_, err := a.itself(ctx)
	return err
}

// itself is what Mynah knows about itself.
func (a *Answerer) itself(ctx context.Context) (about, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.about != nil {
		return a.about, nil
	}
	known, err := learnAbout(ctx, a.matcher)
	if err == nil {
		a.about = known
	}
	return known, err
}

// Matcher compares questions with what was taught.
func (a *Answerer) Matcher() *Matcher { return a.matcher }

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

// Asked is a question.
type Asked struct {
	Server   record.ServerID
	Language string // of the replies, two letters
	Text     string // which [Question] has trimmed
	Before   Before // what the same person asked there last
}

// Decide says what a server's Mynah answers to a question. It never makes anything up.
func (a *Answerer) Decide(ctx context.Context, q Asked) (Decision, error) {
	k, err := a.Knowledge(ctx, q.Server)
	if err != nil {
		return Decision{}, err
	}
	match, err := k.pairs.Ask(ctx, q.Text, q.Before)
	if err != nil {
		return Decision{}, err
	}
	best, _ := match.Best()
	p, err := k.prediction(ctx, q.Text, match)
	if err != nil {
		return Decision{}, err
	}
	if match.Kind != Answered || !match.Exact { // what was taught word for word is answered as it was taught
		if p, err = k.serve(ctx, q.Text, p); err != nil {
			a.log.Warn("the fine-tuned model gave no answer", "err", err)
		}
	}
	if match.Kind == Answered && p.ReplyKnown {
		return Decision{
			Kind: Answered, Source: record.SourceModel, Text: p.Reply, Taught: best.Question, Label: p.Label, Probability: best.Probability,
		}, nil
	}
	if p.ReplyKnown {
		return Decision{Kind: Answered, Source: record.SourceModel, Text: p.Reply, Label: p.Label, Probability: p.Probability}, nil
	}
	known, err := a.itself(ctx)
	if err != nil {
		return Decision{}, err
	}
	itself, ok, err := known.ask(ctx, q.Language, q.Text, match.vector)
	switch {
	case err != nil:
		return Decision{}, err
	case ok && !(match.Exact && match.Kind == Unknown):
		// "Who are you?" is no question about the server's subject, whatever label is nearest.
		return Decision{Kind: Answered, Source: record.SourceBuiltin, Text: itself.Reply, Taught: itself.Question, Probability: itself.Probability}, nil
	case p.LabelKnown && k.showLabels:
		return Decision{Kind: Labelled, Source: record.SourceModel, Label: p.Label, Probability: p.Probability}, nil
	}
	d := Decision{Kind: match.Kind, Source: record.SourceUnknown, Label: p.Label, Probability: best.Probability}
	switch {
	case d.Kind == Suggested:
		d.Suggestions = match.Suggestions()
		if len(d.Suggestions) == 0 {
			d.Kind = Unknown
		}
	case k.stale:
		d.Why = Stale
	case q.Server == 0:
		d.Why = Nowhere
	case k.model == nil && k.pairs.Len() == 0:
		d.Why = Untaught
	}
	return d, nil
}
