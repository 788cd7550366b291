// Package voices chooses who speaks: a service when the configuration names one, else the Piper voice that is
// installed for the language, else RHVoice where that is installed and knows it, else espeak-ng. [Open] reads what is installed; voices are loaded when they are first
// needed, or by [Voices.Warm] before that, so that an answer's first words don't wait for it.
package voices

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/espeak"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/rhvoice"
	"github.com/mynahbot/mynah/internal/speech/sherpa"
	"github.com/mynahbot/mynah/internal/spoken"
)

// ESpeak is the name of the voice that is always there.
const ESpeak = "espeak-ng"

// RHVoice is what the names of RHVoice's voices begin with.
const RHVoice = "rhvoice:"

// ErrNoVoice is wrapped by errors about voices that nobody has.
var ErrNoVoice = errors.New("there is no such voice")

// Store is where installed models are found; [models.Store] is one.
type Store interface {
	Find(task models.Task, language string) (*speech.Model, error)
	Installed(name string) (*speech.Model, error)
	Usable(task models.Task) ([]*speech.Model, error)
}

// Service is a synthesizer somewhere else, such as gTTS or an OpenAI-compatible server.
type Service struct {
	Name string // under which a Speech asks for it
	speech.Synthesizer
}

// Config chooses among the voices.
type Config struct {
	// Service is asked first where it is set. When it fails before its first sound, the voices of this machine speak
	// instead, and Status tells why.
	Service *Service
	// Language that texts without a letter are read in; "en" by default.
	Language string
	// Cores are shared with others that keep processors busy; nil are one for each processor, of its own.
	Cores *speech.Cores
	// Load, where it isn't nil, is asked before a voice is loaded, and returns why it can't be.
	Load func(ctx context.Context, m *speech.Model) error
	// Steady voices say the same text the same way each time, to the sample, and sound monotonous.
	Steady bool
}

// Voices is a [speech.Synthesizer] that passes each text to the right one.
type Voices struct {
	config Config
	store  Store
	floor  espeak.Synthesizer
	rh     *rhvoice.Synthesizer // nil where it is not installed
	life   context.Context      // of what loads; ends with Close
	end    context.CancelFunc

	mu      sync.Mutex
	closed  bool
	library *sherpa.Library
	loaded  map[string]*loading // by the model's name
	service error               // what the service's last call ended with, but for the callers' own doing
}

// loading is a voice that is or was being loaded by its first user.
type loading struct {
	done  chan struct{}
	voice *sherpa.Voice
	err   error
}

// Open makes a router over the installed voices. Close it to free them.
func Open(config Config, store Store) *Voices {
	if config.Language == "" {
		config.Language = "en"
	}
	if config.Cores == nil {
		config.Cores = speech.NewCores(runtime.GOMAXPROCS(0))
	}
	v := &Voices{config: config, store: store, loaded: map[string]*loading{}}
	v.life, v.end = context.WithCancel(context.Background())
	if rh, err := rhvoice.Find(); err == nil {
		v.rh = rh
	}
	return v
}

// Synthesize speaks with the voice that s names, else with the usual one of its language. See [speech.Synthesizer].
func (v *Voices) Synthesize(ctx context.Context, s spoken.Speech, emit func(audio.PCM) error) error {
	if s.Language == "" {
		s.Language = spoken.DetectLanguage(s.Text)
	}
	if s.Language == "" {
		s.Language = v.config.Language
	}
	service := v.config.Service
	switch {
	case s.Voice == ESpeak:
		return v.floor.Synthesize(ctx, s, emit)
	case strings.HasPrefix(s.Voice, RHVoice):
		name := strings.TrimPrefix(s.Voice, RHVoice)
		if v.rh == nil || !slices.ContainsFunc(v.rh.Voices, func(r rhvoice.Voice) bool { return r.Name == name }) {
			return fmt.Errorf("voice %q: %w", s.Voice, ErrNoVoice)
		}
		s.Voice = name
		return v.rh.Synthesize(ctx, s, emit)
	case service != nil && (s.Voice == "" || s.Voice == service.Name || strings.HasPrefix(s.Voice, service.Name+":")):
		heard := false
		var listener error
		asked := s
		asked.Voice = strings.TrimPrefix(strings.TrimPrefix(s.Voice, service.Name), ":")
		err := service.Synthesize(ctx, asked, func(p audio.PCM) error {
			heard = true
			listener = emit(p)
			return listener
		})
		if ctx.Err() == nil && listener == nil {
			v.mu.Lock()
			v.service = err
			v.mu.Unlock()
		}
		if err == nil || heard || ctx.Err() != nil {
			return err
		}
		s.Voice = ""
	}
	m, err := v.choose(s)
	if err != nil {
		return err
	}
	if m == nil {
		return v.program(ctx, s, emit)
	}
	voice, err := v.load(ctx, m)
	if err != nil {
		if ctx.Err() != nil || s.Voice != "" {
			return err
		}
		return v.program(ctx, s, emit) // Status tells that it can't be loaded
	}
	return voice.Synthesize(ctx, s, emit)
}

// program has another program speak: RHVoice where it knows the language and doesn't fail at once, else espeak-ng.
func (v *Voices) program(ctx context.Context, s spoken.Speech, emit func(audio.PCM) error) error {
	s.Voice = ""
	if v.rh == nil {
		return v.floor.Synthesize(ctx, s, emit)
	}
	if _, ok := v.rh.Voice(s.Language); !ok {
		return v.floor.Synthesize(ctx, s, emit)
	}
	heard := false
	err := v.rh.Synthesize(ctx, s, func(p audio.PCM) error {
		heard = true
		return emit(p)
	})
	if err == nil || heard || ctx.Err() != nil {
		return err
	}
	return v.floor.Synthesize(ctx, s, emit)
}

// choose is the installed voice for s; nil where another program has to speak.
func (v *Voices) choose(s spoken.Speech) (*speech.Model, error) {
	if s.Voice != "" {
		m, err := v.store.Installed(s.Voice)
		if err != nil {
			return nil, fmt.Errorf("voice %q: %w: %w", s.Voice, ErrNoVoice, err)
		}
		if m.Kind != speech.KindPiper {
			return nil, fmt.Errorf("voice %q: %w: it is a model of kind %s", s.Voice, ErrNoVoice, m.Kind)
		}
		// A voice reads what its language's rules give it. For a text in another language it would be gibberish.
		if m.Covers(s.Language) {
			return m, nil
		}
	}
	m, err := v.store.Find(models.Voice, s.Language)
	if err != nil {
		return nil, nil // not installed or damaged: Status tells
	}
	return m, nil
}

// load gives the loaded voice, loading it where this is its first use.
func (v *Voices) load(ctx context.Context, m *speech.Model) (*sherpa.Voice, error) {
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return nil, sherpa.ErrClosed
	}
	l := v.loaded[m.Name]
	if l == nil {
		l = &loading{done: make(chan struct{})}
		v.loaded[m.Name] = l
		go func() {
			defer close(l.done)
			if v.config.Load != nil {
				l.err = v.config.Load(v.life, m)
			}
			if l.err == nil {
				l.voice, l.err = v.open(m)
			}
		}()
	}
	v.mu.Unlock()
	select {
	case <-l.done:
		return l.voice, l.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// open loads a voice and has it say a word, which makes its first sentence as quick as those that follow.
func (v *Voices) open(m *speech.Model) (*sherpa.Voice, error) {
	library, err := v.openLibrary()
	if err != nil {
		return nil, err
	}
	data := espeak.DataDir()
	if data == "" {
		data = m.File("data")
	}
	voice, err := library.NewVoice(m, v.config.Cores, data, v.config.Steady)
	if err != nil {
		return nil, err
	}
	for range 2 {
		err = voice.Synthesize(context.Background(), spoken.Speech{Text: "one, two"}, func(audio.PCM) error { return nil })
		if err != nil {
			return nil, errors.Join(err, voice.Close())
		}
	}
	return voice, nil
}

func (v *Voices) openLibrary() (*sherpa.Library, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.library != nil {
		return v.library, nil
	}
	m, err := v.store.Find(models.Library, "")
	if err != nil {
		return nil, err
	}
	v.library, err = sherpa.Open(m.Folder)
	return v.library, err
}

// Try loads a voice and has it say a word, and returns why that doesn't work.
func (v *Voices) Try(ctx context.Context, m *speech.Model) error {
	_, err := v.load(ctx, m)
	return err
}

// Warm loads the voices of the languages.
func (v *Voices) Warm(ctx context.Context, languages ...string) error {
	var failed []error
	for _, l := range languages {
		m, err := v.choose(spoken.Speech{Language: l})
		if err == nil && m != nil {
			_, err = v.load(ctx, m)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// Names lists the voices that a Speech can ask for, the usual ones first.
func (v *Voices) Names() []string {
	var names []string
	if s := v.config.Service; s != nil {
		names = append(names, s.Name)
	}
	all, _ := v.store.Usable(models.Voice) // what can't be read can't be chosen
	for _, m := range all {
		names = append(names, m.Name)
	}
	if v.rh != nil {
		for _, r := range v.rh.Voices {
			names = append(names, RHVoice+r.Name)
		}
	}
	return append(names, ESpeak)
}

// Status tells who speaks a language.
type Status struct {
	Language string
	Voice    string // name of the voice that would speak
	Problem  error  // why it is not a better one; nil where nothing is wrong
}

// Status says for each language who would speak it now, for people who want to know why it sounds as it does. It loads
// nothing.
func (v *Voices) Status(languages ...string) []Status {
	var all []Status
	for _, l := range languages {
		all = append(all, v.status(l))
	}
	return all
}

func (v *Voices) status(language string) Status {
	v.mu.Lock()
	failed := v.service
	v.mu.Unlock()
	if s := v.config.Service; s != nil && failed == nil {
		return Status{Language: language, Voice: s.Name}
	}
	st := Status{Language: language, Voice: ESpeak, Problem: failed}
	m, err := v.store.Find(models.Voice, language)
	if err == nil {
		if err = v.failure(m.Name); err == nil {
			st.Voice = m.Name
			return st
		}
	}
	if v.rh != nil {
		if r, ok := v.rh.Voice(language); ok {
			st.Voice = RHVoice + r.Name
			return st
		}
	}
	if v.rh == nil && rhvoice.Knows(language) && language != "en" {
		err = errors.Join(err, rhvoice.ErrMissing)
	}
	st.Problem = errors.Join(failed, err)
	if err := v.floor.Available(); err != nil {
		st.Voice, st.Problem = "", errors.Join(st.Problem, err)
	}
	return st
}

// failure is why a voice could not be loaded.
func (v *Voices) failure(name string) error {
	v.mu.Lock()
	l := v.loaded[name]
	v.mu.Unlock()
	if l == nil {
		if espeak.DataDir() == "" {
			if m, err := v.store.Installed(name); err != nil || m.File("data") == "" {
				return errors.New("a Piper voice needs espeak-ng's data: install Debian's package espeak-ng")
			}
		}
		_, err := v.store.Find(models.Library, "")
		return err
	}
	select {
	case <-l.done:
		return l.err
	default:
		return nil
	}
}

// Close frees the loaded voices, after what they are saying.
func (v *Voices) Close() error {
	v.mu.Lock()
	v.closed = true
	v.end()
	all := v.loaded
	v.loaded = map[string]*loading{}
	v.mu.Unlock()
	var failed []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		l := all[name]
		<-l.done
		if l.voice != nil {
			failed = append(failed, l.voice.Close())
		}
	}
	return errors.Join(failed...)
}
