// Package engine chooses who recognizes: a service when the configuration names one, else the model that is installed for the
// language. [Open] it over the installed models; models are loaded when they are first needed, or by [Engine.Warm]
// before that, and a model that is installed meanwhile is found by the next question.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/moonshine"
	"github.com/mynahbot/mynah/internal/speech/sherpa"
	"github.com/mynahbot/mynah/internal/speech/silero"
	"github.com/mynahbot/mynah/internal/speech/whisper"
	"github.com/mynahbot/mynah/internal/spoken"
)

// Store is where installed models are found; [models.Store] is one.
type Store interface {
	Find(task models.Task, language string) (*speech.Model, error)
	Usable(task models.Task) ([]*speech.Model, error)
	Catalogue() *models.Catalogue
}

// Config chooses among the recognizers.
type Config struct {
	// Service recognizes everything where it is set, such as Google's or an OpenAI-compatible one.
	Service spoken.Recognizer
	// ServiceLanguages are those that a Service is asked for which takes whatever it is given; it may
	// understand more.
	ServiceLanguages []string
	// Models are asked before those of the store: folders that the configuration names.
	Models []*speech.Model
	// Streams is how many utterances each model recognizes at once, with a thread each; 0 is one for each processor.
	Streams int
	// Cores are shared with others that keep processors busy; nil are so many as there are streams, of its own.
	Cores *speech.Cores
	// Load, where it isn't nil, is asked before a model is loaded, and returns why it can't be.
	Load func(ctx context.Context, m *speech.Model) error
	// Aside is told of a model that can't be loaded and isn't used any more; nil is allowed.
	Aside func(m *speech.Model, err error)
	// Limits of the files that are transcribed.
	Limits audio.Limits
}

var (
	// ErrClosed is returned by an engine that was closed.
	ErrClosed = errors.New("speech recognition is closed")
	// ErrAside is wrapped by errors about a model that could not be loaded, and is put aside.
	ErrAside = errors.New("the model is put aside, since it can't be loaded")
)

// Engine is a [spoken.Recognizer] that passes each utterance to the right one, and transcribes files with it. It is
// safe for concurrent use.
type Engine struct {
	config      Config
	store       Store
	transcriber speech.Transcriber
	life        context.Context // of what loads; ends with Close
	end         context.CancelFunc

	mu     sync.Mutex
	closed bool
	vad    *silero.Model
	loaded map[string]*loading // by the model's folder
	aside  map[string]error    // why a model isn't used any more, by its folder
}

// loading is a model that is or was being loaded by its first user.
type loading struct {
	done       chan struct{}
	recognizer closingRecognizer
	err        error
}

type closingRecognizer interface {
	spoken.Recognizer
	io.Closer
}

// Open makes an engine over the installed models. Close it to free them.
func Open(config Config, store Store) *Engine {
	if config.Streams == 0 {
		config.Streams = runtime.GOMAXPROCS(0)
	}
	if config.Cores == nil {
		config.Cores = speech.NewCores(config.Streams)
	}
	if config.Limits.Decoders == nil {
		config.Limits.Decoders = config.Cores.Decoders()
	}
	life, end := context.WithCancel(context.Background())
	e := &Engine{life: life, end: end, config: config, store: store, loaded: map[string]*loading{}, aside: map[string]error{}}
	e.transcriber = speech.Transcriber{Recognizer: e, NewVAD: e.NewVAD, Limits: config.Limits, Parallel: config.Streams}
	if config.Service == nil { // the confidence of a service is on a scale of its own, and it finds the language out by itself
		e.transcriber.Certain, e.transcriber.Detector = spoken.Certain, e
	}
	return e
}

// Transcribe makes text from a file. See [speech.Transcriber.Transcribe].
func (e *Engine) Transcribe(ctx context.Context, src io.Reader, languages []string, progress func(done, total time.Duration)) (spoken.Transcript, error) {
	if e.config.Service != nil {
		languages = languages[:min(1, len(languages))]
	}
	return e.transcriber.Transcribe(ctx, src, languages, progress)
}

// Detect says which of the languages is spoken, where a Whisper model is installed. See [speech.Detector].
func (e *Engine) Detect(ctx context.Context, samples []float32, among []string) (language string, sure float64, err error) {
	installed, err := e.store.Usable(models.Recognizer)
	if err != nil {
		return "", 0, fmt.Errorf("speech recognition: %w", err)
	}
	for _, m := range append(slices.Clone(e.config.Models), installed...) {
		if !whisper.Runs(m) {
			continue
		}
		r, err := e.load(ctx, m)
		if err != nil {
			return "", 0, err
		}
		if d, ok := r.(*whisper.Recognizer); ok {
			language, likely, err := d.Detect(ctx, samples, among)
			return language, likely[language], err
		}
	}
	return "", 0, nil
}

// Utterance makes text from speech that was cut out already, in a voice channel for example. See
// [speech.Transcriber.Utterance].
func (e *Engine) Utterance(ctx context.Context, samples []float32, language string) (spoken.Transcript, error) {
	return e.transcriber.Utterance(ctx, samples, language)
}

// Recognize is that of [spoken.Recognizer]; it takes the samples as they are.
func (e *Engine) Recognize(ctx context.Context, u spoken.Utterance) (spoken.Transcript, error) {
	if e.config.Service != nil {
		return e.config.Service.Recognize(ctx, u)
	}
	if len(u.Samples) == 0 {
		_, err := e.choose(u.Language)
		return spoken.Transcript{Language: u.Language, Confidence: 1}, err
	}
	r, err := e.loadFor(ctx, u.Language)
	if err != nil {
		return spoken.Transcript{}, err
	}
	return r.Recognize(ctx, u)
}

// loadFor is the model for a language, loaded; the next one where that is put aside.
func (e *Engine) loadFor(ctx context.Context, language string) (spoken.Recognizer, error) {
	for {
		m, err := e.choose(language)
		if err != nil {
			return nil, err
		}
		r, err := e.load(ctx, m)
		if err == nil || !errors.Is(err, ErrAside) {
			return r, err
		}
	}
}

// Languages are all that can be recognized now.
func (e *Engine) Languages() []string {
	if s := e.config.Service; s != nil {
		if all := s.Languages(); len(all) > 0 {
			return all
		}
		return e.config.ServiceLanguages
	}
	var all []string
	installed, _ := e.store.Usable(models.Recognizer) // without a folder of models there are none
	for _, m := range append(slices.Clone(e.config.Models), installed...) {
		for _, l := range m.Languages {
			if !slices.Contains(all, l) {
				all = append(all, l)
			}
		}
	}
	return all
}

// Warm loads what an utterance in that language needs, so that the first one doesn't wait for it.
func (e *Engine) Warm(ctx context.Context, language string) error {
	if _, err := e.NewVAD(); err != nil {
		return err
	}
	if e.config.Service != nil {
		return nil
	}
	_, err := e.loadFor(ctx, language)
	return err
}

// choose is the model for a language; "" is that of the first model.
func (e *Engine) choose(language string) (*speech.Model, error) {
	var failed error
	fits := func(m *speech.Model) bool {
		if language != "" && !m.Covers(language) {
			return false
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		if err := e.aside[m.Folder]; err != nil {
			failed = err
			return false
		}
		return true
	}
	for _, m := range e.config.Models {
		if fits(m) {
			return m, nil
		}
	}
	m, err := e.store.Find(models.Recognizer, language)
	if errors.Is(err, models.ErrNotInstalled) {
		none := &spoken.NoModelError{Language: language}
		if _, ok := e.store.Catalogue().Recommend(language); ok {
			none.Install = language // the best that can be had
		}
		return nil, none
	}
	if err != nil {
		return nil, fmt.Errorf("speech recognition: %w", err)
	}
	if fits(m) {
		return m, nil
	}
	others, err := e.store.Usable(models.Recognizer)
	if err != nil {
		return nil, fmt.Errorf("speech recognition: %w", err)
	}
	for _, m := range others {
		if fits(m) {
			return m, nil
		}
	}
	return nil, failed
}

// load loads a model once, whoever asks for it first.
func (e *Engine) load(ctx context.Context, m *speech.Model) (spoken.Recognizer, error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, ErrClosed
	}
	l, ok := e.loaded[m.Folder]
	if !ok {
		l = &loading{done: make(chan struct{})}
		e.loaded[m.Folder] = l
		go func() {
			defer close(l.done)
			if l.recognizer, l.err = e.open(e.life, m); l.err != nil {
				l.err = e.putAside(m, l.err)
			}
		}()
	}
	e.mu.Unlock()
	select {
	case <-l.done:
		return l.recognizer, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// putAside has a model be used no more that can't be loaded, until the engine is opened anew. Where only the library is missing, the
// next one tries again; an engine that is closed loads nothing.
func (e *Engine) putAside(m *speech.Model, err error) error {
	e.mu.Lock()
	delete(e.loaded, m.Folder)
	missing := errors.Is(err, models.ErrNotInstalled) || e.closed
	if !missing {
		err = fmt.Errorf("%w: %s: %w", ErrAside, m.Name, err)
		e.aside[m.Folder] = err
	}
	e.mu.Unlock()
	if !missing && e.config.Aside != nil {
		e.config.Aside(m, err)
	}
	return err
}

func (e *Engine) open(ctx context.Context, m *speech.Model) (closingRecognizer, error) {
	library, err := e.library()
	if err != nil {
		return nil, err
	}
	if e.config.Load != nil {
		if err := e.config.Load(ctx, m); err != nil {
			return nil, err
		}
	}
	if err := onnx.Load(library.ONNXRuntime()); err != nil {
		return nil, err
	}
	switch {
	case moonshine.Runs(m):
		return orNil(moonshine.Open(m, e.config.Cores, e.config.Streams))
	case whisper.Runs(m):
		r, err := whisper.Open(m, e.config.Cores, e.config.Streams)
		if err == nil || !errors.Is(err, whisper.ErrUnknown) {
			return orNil(r, err)
		}
	}
	return orNil(library.NewRecognizer(m, e.config.Cores, e.config.Streams))
}

// orNil keeps a nil of a type out of the interface.
func orNil[R closingRecognizer](r R, err error) (closingRecognizer, error) {
	if err != nil {
		return nil, err
	}
	return r, nil
}

func (e *Engine) library() (*sherpa.Library, error) {
	m, err := e.store.Find(models.Library, "")
	if err != nil {
		return nil, fmt.Errorf("speech recognition: %w", err)
	}
	return sherpa.Open(filepath.Dir(m.File("library")))
}

// NewVAD makes a voice activity detector for one stream of audio.
func (e *Engine) NewVAD() (spoken.VAD, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, ErrClosed
	}
	if e.vad == nil {
		library, err := e.library()
		if err != nil {
			return nil, err
		}
		if err := onnx.Load(library.ONNXRuntime()); err != nil {
			return nil, err
		}
		m, err := e.store.Find(models.VAD, "")
		if err != nil {
			return nil, fmt.Errorf("voice activity: %w", err)
		}
		if e.vad, err = silero.Open(m.File("model")); err != nil {
			return nil, err
		}
	}
	return e.vad.NewVAD(), nil
}

// Close waits for what runs and frees the models.
func (e *Engine) Close() error {
	e.mu.Lock()
	e.closed = true
	e.end()
	loaded, vad := e.loaded, e.vad
	e.loaded, e.vad = nil, nil
	e.mu.Unlock()
	var errs []error
	for _, l := range loaded {
		<-l.done
		if l.recognizer != nil {
			errs = append(errs, l.recognizer.Close())
		}
	}
	if vad != nil {
		errs = append(errs, vad.Close())
	}
	return errors.Join(errs...)
}

// Model is the installed model that recognizes a language.
func (e *Engine) Model(language string) (*speech.Model, error) { return e.choose(language) }
