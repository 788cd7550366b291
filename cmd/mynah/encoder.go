package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"sync"

	"github.com/mynahbot/mynah/internal/answer"
	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/learn/sentence"
	"github.com/mynahbot/mynah/internal/learn/sentence/e5"
	"github.com/mynahbot/mynah/internal/learn/sentence/muse"
	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/record"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/sherpa"
)

// installedEncoders are the sentence encoders that are installed, each loaded when it is first needed. One that is damaged
// is put aside: it is as if it weren't there, and a sentence says so.
type installedEncoders struct {
	store *models.Store
	say   func(sentence string)
	trial *trial // nil: what is loaded is not tried before

	mu     sync.Mutex
	found  []*speech.Model // that are not put aside, the one to be used first
	loaded map[string]loadedEncoder
	closed bool
}

// loadedEncoder is an encoder that can be closed.
type loadedEncoder interface {
	learn.Encoder
	Close() error
}

// openEncoders finds the sentence encoders that are installed. The one chosen by "mynah models use" comes first, else the
// catalogue's order decides. say says what is put aside.
func openEncoders(cfg *config.Config, data config.Folder, say func(sentence string)) (*installedEncoders, error) {
	store, err := openModels(cfg, data)
	if err != nil {
		return nil, err
	}
	tries, err := newTrial(cfg, data, store)
	if err != nil {
		return nil, err
	}
	e := &installedEncoders{store: store, say: say, trial: tries, loaded: map[string]loadedEncoder{}}
	damaged, err := store.Damaged(models.Encoder)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(damaged)) {
		e.say(putAside(name, damaged[name]))
	}
	if e.found, err = store.Usable(models.Encoder); err != nil {
		return nil, err
	}
	if first, err := store.Find(models.Encoder, ""); err == nil {
		e.found = slices.DeleteFunc(e.found, func(m *speech.Model) bool { return m.Name == first.Name })
		e.found = slices.Insert(e.found, 0, first)
	}
	return e, nil
}

// putAside is the sentence about an encoder that can't be used.
func putAside(name string, err error) string {
	return fmt.Sprintf("The sentence encoder %s is put aside, and everything works without it: %v.", name, err)
}

// first is the encoder to be used, loaded and with the others at hand; nil where none works.
func (e *installedEncoders) first() learn.Encoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.found) > 0 {
		if encoder := e.load(e.found[0]); encoder != nil {
			return firstEncoder{encoder, e}
		}
	}
	return nil
}

// firstEncoder is the encoder that is used where a model doesn't ask for another.
type firstEncoder struct {
	learn.Encoder
	all *installedEncoders
}

// Named implements [learn.Encoders].
func (f firstEncoder) Named(name string) learn.Encoder { return f.all.named(name) }

// named is the encoder of that name, loaded; nil where there is none that works.
func (e *installedEncoders) named(name string) learn.Encoder {
	e.mu.Lock()
	defer e.mu.Unlock()
	i := slices.IndexFunc(e.found, func(m *speech.Model) bool { return m.Name == name })
	if i < 0 {
		return nil
	}
	if encoder := e.load(e.found[i]); encoder != nil {
		return encoder
	}
	return nil
}

// load loads a model, once. One that can't be loaded is put aside.
func (e *installedEncoders) load(m *speech.Model) loadedEncoder {
	if e.closed {
		return nil
	}
	if encoder := e.loaded[m.Name]; encoder != nil {
		return encoder
	}
	encoder, err := e.tried(m)
	if err != nil {
		e.found = slices.DeleteFunc(e.found, func(other *speech.Model) bool { return other == m })
		e.say(putAside(m.Name, err))
		return nil
	}
	e.loaded[m.Name] = encoder
	return encoder
}

// tried loads a model that works in another process.
func (e *installedEncoders) tried(m *speech.Model) (loadedEncoder, error) {
	if e.trial != nil {
		if err := e.trial.Try(context.Background(), m); err != nil && !errors.Is(err, errNoLibrary) {
			return nil, err
		}
	}
	return e.open(m)
}

// open loads a model, and sees whether it works.
func (e *installedEncoders) open(m *speech.Model) (_ loadedEncoder, err error) {
	library, err := e.store.Find(models.Library, "")
	if err != nil {
		return nil, fmt.Errorf("it needs the speech pack's library: %w: run mynah models pull %s", err, models.SpeechPack)
	}
	runtime, err := sherpa.Open(filepath.Dir(library.File("library")))
	if err != nil {
		return nil, err
	}
	if err := onnx.Load(runtime.ONNXRuntime()); err != nil {
		return nil, err
	}
	var encoder loadedEncoder
	switch m.Kind {
	case models.KindMUSE:
		encoder, err = muse.Open(m.Name, muse.Files{Model: m.File("model"), Table: m.File("table"), Tokenizer: m.File("tokenizer")})
	case models.KindE5:
		encoder, err = e5.Open(m.Name, m.File("model"), m.File("weights"))
	default:
		encoder, err = sentence.Open(m.Name, m.File("model"), m.File("tokenizer"))
	}
	if err != nil {
		return nil, err
	}
	if err := learn.TryEncoder(encoder); err != nil {
		return nil, errors.Join(err, encoder.Close())
	}
	return encoder, nil
}

// Close frees the models. Nobody may encode any more.
func (e *installedEncoders) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	var all error
	for _, encoder := range e.loaded {
		all = errors.Join(all, encoder.Close())
	}
	clear(e.loaded)
	return all
}

// closeTo closes the encoders and joins what failed to err.
func (e *installedEncoders) closeTo(err *error) { *err = errors.Join(*err, e.Close()) }

// kept is the folder where what takes long to compute with an encoder is kept.
func (e *installedEncoders) kept() string { return filepath.Join(e.store.Dir(), "vectors") }

// install is the command by which an encoder that isn't here can be had.
func (e *installedEncoders) install(name string) string {
	if _, ok := e.store.Catalogue().Entry(name); ok {
		return "mynah models pull " + name
	}
	return "mynah models add, for a model of that name"
}

// encodedModel is a model with the sentence encoder that it was trained with, where that is here, and with its pairs.
type encodedModel struct {
	*learn.Model
	known *answer.Knowledge
}

// with finds the encoder that a model needs, and says so where it isn't here: the model does without then.
func (e *installedEncoders) with(ctx context.Context, m *learn.Model, path string) (encodedModel, error) {
	if want := m.Encoder(); want != "" && e.named(want) == nil {
		lacks := &learn.EncoderError{Want: want}
		e.say(fmt.Sprintf("%s: %v, so that it goes by the words alone: %s.", path, lacks, e.install(want)))
	}
	encoder := e.first()
	matcher, err := answer.NewMatcher(encoder, e.kept(), nil)
	if err != nil {
		return encodedModel{}, err
	}
	known, err := matcher.Know(ctx, m, encoder)
	if err != nil {
		return encodedModel{}, err
	}
	return encodedModel{m, known}, nil
}

func (m encodedModel) predict(ctx context.Context, text string, before answer.Before) (learn.Prediction, answer.Match, error) {
	return m.known.PredictAfter(ctx, text, before)
}

func (m encodedModel) evaluate(ctx context.Context, examples []record.Example, oos []string) (learn.Evaluation, error) {
	return learn.EvaluateWith(m.Model, func(text string) (learn.Prediction, error) { return m.known.PredictHere(ctx, text) }, examples, oos)
}
