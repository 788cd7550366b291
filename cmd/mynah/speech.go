package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/audio/wav"
	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/conversation"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/engine"
	"github.com/mynahbot/mynah/internal/speech/google"
	"github.com/mynahbot/mynah/internal/speech/gtts"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/openai"
	"github.com/mynahbot/mynah/internal/speech/voices"
	"github.com/mynahbot/mynah/internal/spoken"
)

// openEngines opens what recognizes, by the names of speech.recognizer: those
// that are usable as configured, and none when that is off. cores are shared
// with the voices; nil where there are none.
// A model that fails is put aside, which say tells; it is tried first where tries isn't nil.
func openEngines(cfg *config.Config, store *models.Store, cores *speech.Cores, tries *trial, say func(sentence string)) (engine.Set, error) {
	limits := audio.Limits{
		MaxBytes:    cfg.Limits.AttachmentBytes,
		MaxDuration: time.Duration(cfg.Limits.AudioMinutes) * time.Minute,
	}
	local := engine.Config{Limits: limits, Cores: cores, Load: tries.load(), Aside: func(m *speech.Model, err error) {
		say(fmt.Sprintf("The recognizer %s is put aside: %v. Install it again, or another one, and start Mynah anew.", m.Name, err))
	}}
	if cfg.Speech.Model != "" {
		m, err := namedModel(cfg, store)
		if err != nil {
			return engine.Set{}, err
		}
		local.Models = []*speech.Model{m}
	}
	set := engine.Set{Engines: map[string]*engine.Engine{}, Usual: cfg.Speech.Recognizer}
	if cfg.Speech.Recognizer == "off" {
		return set, nil
	}
	set.Engines["local"] = engine.Open(local, store)
	set.Engines["google"] = engine.Open(engine.Config{Limits: limits, ServiceLanguages: conversation.Languages(), Service: google.New(google.Config{
		Key: string(cfg.Google.Key), Endpoint: cfg.Google.Endpoint, Language: spoken.Primary(cfg.Bot.Language),
	})}, store)
	if cfg.OpenAI.BaseURL != "" || cfg.OpenAI.APIKey != "" {
		set.Engines["openai"] = engine.Open(engine.Config{Limits: limits, ServiceLanguages: conversation.Languages(), Service: openai.NewRecognizer(openai.RecognizerConfig{
			BaseURL: cfg.OpenAI.BaseURL, Key: string(cfg.OpenAI.APIKey), Model: cfg.OpenAI.TranscribeModel,
		})}, store)
	}
	return set, nil
}

// namedModel finds the model that speech.model names, by its folder or its name.
func namedModel(cfg *config.Config, store *models.Store) (m *speech.Model, err error) {
	if strings.ContainsRune(cfg.Speech.Model, filepath.Separator) {
		m, err = models.ReadFolder(cfg.Speech.Model, cfg.SpeechLanguages()...)
	} else {
		m, err = store.Installed(cfg.Speech.Model)
	}
	if err != nil {
		return nil, fmt.Errorf("speech.model: %w", err)
	}
	return m, nil
}

type transcribeCmd struct {
	config.Folder `embed:""`

	Language []string `help:"What is spoken, such as en or ru; of several, which of them (default: the recognizer's choice)." placeholder:"LANGUAGE"`
	Files    []string `arg:"" name:"file" help:"Audio or video files of any kind."`
}

type transcriptLine struct {
	File           string  `json:"file"`
	Text           string  `json:"text"`
	Guess          string  `json:"guess,omitempty"` // what may have been said, where some of it is not certain
	Language       string  `json:"language"`
	Confidence     float64 `json:"confidence,omitempty"` // 0..1, where the recognizer gives one
	Seconds        float64 `json:"seconds"`              // of audio
	RealTimeFactor float64 `json:"real_time_factor"`     // time taken over length
}

type errorLine struct {
	File  string `json:"file"`
	Error string `json:"error"`
}

// Run transcribes each file, and goes on where one can't be read.
func (c *transcribeCmd) Run(ctx contextBox, cfg *config.Config, o *output) (err error) {
	store, err := openModels(cfg, c.Folder)
	if err != nil {
		return err
	}
	here := *cfg
	here.Limits.AttachmentBytes = -1 // a file of this machine is no attachment
	tries, err := newTrial(cfg, c.Folder, store)
	if err != nil {
		return err
	}
	engines, err := openEngines(&here, store, nil, tries, func(sentence string) { o.say("%s", sentence) })
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engines.Close()) }()
	e := engines.Engine("")
	if e == nil {
		return errors.New("speech.recognizer: it is off")
	}
	// Load the models first, so that the first file's time is its own. What is
	// wrong with them is told for each file.
	for _, l := range append(c.Language, "")[:max(1, len(c.Language))] {
		_ = e.Warm(ctx, l)
	}
	failed := false
	for _, file := range c.Files {
		line, err := c.transcribe(ctx, e, file, o)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			failed = true
			if !o.json {
				o.say("mynah: %s: %v", file, err)
			} else if err := o.result(errorLine{file, err.Error()}, ""); err != nil {
				return err
			}
			continue
		}
		text := line.Text
		if text == "" && line.Guess != "" {
			o.say("mynah: %s: nothing certain was heard; perhaps: %s", file, line.Guess)
		}
		if len(c.Files) > 1 {
			text = file + ": " + text
		}
		if err := o.result(line, "%s", text); err != nil {
			return err
		}
	}
	if failed {
		return errReported
	}
	return nil
}

func (c *transcribeCmd) transcribe(ctx context.Context, e *engine.Engine, file string, o *output) (transcriptLine, error) {
	f, err := os.Open(file)
	if err != nil {
		return transcriptLine{}, errors.Unwrap(err) // the file's name stands before it
	}
	defer f.Close()
	t, err := e.Transcribe(ctx, f, c.Language, func(done, total time.Duration) {
		o.progress("", "%s: %s of %s", file, done.Round(time.Second), cmp.Or(total, done).Round(time.Second))
	})
	o.progressEnd()
	if err != nil {
		return transcriptLine{}, err
	}
	line := transcriptLine{File: file, Text: t.Text, Guess: t.Guess, Language: t.Language, Seconds: t.Audio.Seconds()}
	if t.Confidence < 1 { // 1 stands for none
		line.Confidence = t.Confidence
	}
	if t.Audio > 0 {
		line.RealTimeFactor = t.Took.Seconds() / t.Audio.Seconds()
	}
	return line, nil
}

// openVoices opens what speaks, and returns with it the name of the voice to be
// used where none is asked for; "" is the usual one of each language. cores
// are shared with what recognizes; nil where nothing does.
func openVoices(cfg *config.Config, store *models.Store, cores *speech.Cores, tries *trial) (v *voices.Voices, usual string) {
	c := voices.Config{Load: tries.load(), Language: spoken.Primary(cfg.Bot.Language), Cores: cores, Steady: cfg.Speech.Steady}
	switch cfg.Speech.Voice {
	case "espeak":
		usual = voices.ESpeak
	case "gtts":
		c.Service = &voices.Service{Name: "gtts", Synthesizer: gtts.New(gtts.Config{Decoders: cores.Decoders()})}
	case "openai":
		c.Service = &voices.Service{Name: "openai", Synthesizer: openai.NewSynthesizer(openai.SynthesizerConfig{
			BaseURL: cfg.OpenAI.BaseURL, Key: string(cfg.OpenAI.APIKey), Model: cfg.OpenAI.SpeechModel, Voice: cfg.OpenAI.Voice,
			Decoders: cores.Decoders(),
		})}
	}
	return voices.Open(c, store), usual
}

type sayCmd struct {
	config.Folder `embed:""`

	Text     string  `arg:"" help:"What to say."`
	Out      string  `required:"" help:"File to write: .wav, or .ogg for Ogg Opus." placeholder:"FILE"`
	Language string  `help:"Of the text (default: by its script)." placeholder:"LANGUAGE"`
	Voice    string  `help:"Name of an installed voice, or espeak-ng (default: the usual one of the language)." placeholder:"NAME"`
	Speed    float64 `help:"1 is the voice's own, 2 twice as fast." default:"1"`
}

type sayLine struct {
	File           string  `json:"file"`
	Seconds        float64 `json:"seconds"` // of speech
	RealTimeFactor float64 `json:"real_time_factor"`
}

// extension is the kind of file that is written.
func (c *sayCmd) extension() string { return strings.ToLower(filepath.Ext(c.Out)) }

// Validate checks the flags.
func (c *sayCmd) Validate() error {
	if c.Out == "" {
		return nil // told as a missing flag
	}
	if e := c.extension(); e != ".wav" && e != ".ogg" {
		return fmt.Errorf("--out: %s: the file's name must end in .wav or .ogg", c.Out)
	}
	if !(c.Speed > 0) {
		return fmt.Errorf("--speed: %v must be more than 0", c.Speed)
	}
	return nil
}

// Run speaks into a file.
func (c *sayCmd) Run(ctx contextBox, cfg *config.Config, o *output) (err error) {
	store, err := openModels(cfg, c.Folder)
	if err != nil {
		return err
	}
	tries, err := newTrial(cfg, c.Folder, store)
	if err != nil {
		return err
	}
	v, usual := openVoices(cfg, store, nil, tries)
	defer func() { err = errors.Join(err, v.Close()) }()
	began := time.Now()
	sound, err := voices.Whole(ctx, v, spoken.Speech{Text: c.Text, Language: c.Language, Voice: cmp.Or(c.Voice, usual), Speed: c.Speed})
	if err != nil {
		return err
	}
	if len(sound.Samples) == 0 {
		return voices.ErrNothingToSay
	}
	took := time.Since(began)
	if err := writeSound(ctx, c.Out, c.extension(), sound); err != nil {
		return err
	}
	line := sayLine{File: c.Out, Seconds: sound.Duration().Seconds(), RealTimeFactor: took.Seconds() / sound.Duration().Seconds()}
	return o.result(line, "%.1f s of speech in %s", line.Seconds, c.Out)
}

func writeSound(ctx context.Context, path, extension string, sound audio.PCM) error {
	return writeWhole(path, func(w io.Writer) error {
		if extension == ".wav" {
			_, err := w.Write(wav.Encode(sound.Rate, sound.Samples))
			return err
		}
		message, err := audio.EncodeVoiceMessage(ctx, sound)
		if err != nil {
			return err
		}
		_, err = io.Copy(w, bytes.NewReader(message.Ogg))
		return err
	})
}
