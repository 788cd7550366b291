package sherpa

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/sentence"
	"github.com/mynahbot/mynah/internal/spoken"
)

// How much a Piper voice varies from its most likely sound and rhythm. Less than the 0.667 and 0.8 of its training
// makes it easier to understand; much less makes it monotonous.
const (
	noiseScale       = 0.5
	noiseScaleRhythm = 0.6
	noiseScaleSteady = 1e-30 // of both: too little to be heard, but not 0, which stands for the scales of the training
)

// Voice speaks with a Piper voice. It is safe for concurrent use; what several callers say is made one piece at a time.
type Voice struct {
	model  *speech.Model
	calls  *pool
	c      voiceFunctions
	native unsafe.Pointer
	rate   int
}

type voiceFunctions struct {
	create   func(config *voiceConfig) unsafe.Pointer
	destroy  func(voice unsafe.Pointer)
	rate     func(voice unsafe.Pointer) int32
	generate func(voice unsafe.Pointer, text *byte, config *generationConfig, callback, argument unsafe.Pointer) *generatedAudio
	free     func(sound *generatedAudio)
}

// NewVoice loads a Piper voice that the package piper prepared. data is the folder espeak-ng-data, which holds the
// rules of pronunciation; sherpa-onnx keeps to the one of the first voice that a process loads. cores are what its
// calls share with others. A steady voice says the same text the same way each time, to the sample, and sounds monotonous.
// Close it to free the voice's memory.
func (l *Library) NewVoice(m *speech.Model, cores *speech.Cores, data string, steady bool) (*Voice, error) {
	if m.Kind != speech.KindPiper {
		return nil, fmt.Errorf("model %s is of kind %s, which is no voice", m.Name, m.Kind)
	}
	for _, role := range []string{"model", "tokens"} {
		if m.File(role) == "" {
			return nil, fmt.Errorf("model %s has no file for its %s", m.Name, role)
		}
	}
	if err := checkData(data); err != nil {
		return nil, fmt.Errorf("model %s: %w", m.Name, err)
	}
	v := &Voice{model: m}
	if err := l.bindAll(map[string]any{
		"SherpaOnnxCreateOfflineTts":                &v.c.create,
		"SherpaOnnxDestroyOfflineTts":               &v.c.destroy,
		"SherpaOnnxOfflineTtsSampleRate":            &v.c.rate,
		"SherpaOnnxOfflineTtsGenerateWithConfig":    &v.c.generate,
		"SherpaOnnxDestroyOfflineTtsGeneratedAudio": &v.c.free,
	}); err != nil {
		return nil, err
	}
	c := &voiceConfig{threads: 1, provider: cstring("cpu"), maxSentences: 1, silenceScale: 1}
	c.vits.model, c.vits.tokens, c.vits.dataDir = cstring(m.File("model")), cstring(m.File("tokens")), cstring(data)
	c.vits.noiseScale, c.vits.noiseScaleW, c.vits.lengthScale = noiseScale, noiseScaleRhythm, 1
	if steady {
		c.vits.noiseScale, c.vits.noiseScaleW = noiseScaleSteady, noiseScaleSteady
	}
	v.native = v.c.create(c)
	runtime.KeepAlive(c)
	if v.native == nil {
		return nil, fmt.Errorf("model %s can't be loaded: sherpa-onnx refuses its files", m.Name)
	}
	v.rate = int(v.c.rate(v.native))
	v.calls = newPool(cores.Seats(1), callLimit)
	return v, nil
}

// checkData looks for the files without which espeak-ng's library, inside sherpa-onnx, ends the process.
func checkData(dir string) error {
	for _, name := range []string{"phontab", "phonindex", "phondata", "intonations"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("espeak-ng's data is not installed: %w", err)
		}
	}
	return nil
}

// Languages are those that the voice speaks.
func (v *Voice) Languages() []string { return slices.Clone(v.model.Languages) }

// Synthesize speaks a text piece by piece. See [speech.Synthesizer].
func (v *Voice) Synthesize(ctx context.Context, s spoken.Speech, emit func(audio.PCM) error) error {
	for _, piece := range sentence.Split(sentence.Clean(s.Text)) {
		sound, err := v.say(ctx, piece.Text, s.Pace())
		if err != nil {
			return fmt.Errorf("voice %s: %w", v.model.Name, err)
		}
		sound = trim(sound, v.rate)
		if len(sound) == 0 {
			continue
		}
		sound = append(sound, make([]float32, int(piece.Pause.Seconds()*float64(v.rate)))...)
		if err := emit(audio.PCM{Rate: v.rate, Samples: sound}); err != nil {
			return err
		}
	}
	return nil
}

// say makes the samples of one piece.
func (v *Voice) say(ctx context.Context, text string, speed float64) ([]float32, error) {
	var samples []float32
	err := v.calls.do(ctx, func() error {
		config := &generationConfig{silenceScale: 1, speed: float32(speed)}
		words := cstring(text)
		sound := v.c.generate(v.native, words, config, nil, nil)
		runtime.KeepAlive(config)
		runtime.KeepAlive(words)
		if sound == nil {
			return errors.New("sherpa-onnx gives no sound")
		}
		defer v.c.free(sound)
		if sound.samples != nil && sound.n > 0 {
			samples = slices.Clone(unsafe.Slice(sound.samples, sound.n))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return samples, nil
}

const (
	quiet = 0.01                  // amplitude below which a sample counts as silence
	edge  = 25 * time.Millisecond // of silence that is left at both ends
)

// trim cuts the silence at both ends of a piece, whose length a voice leaves to chance; the pauses come from the text.
func trim(samples []float32, rate int) []float32 {
	loud := func(x float32) bool { return x > quiet || x < -quiet }
	first := slices.IndexFunc(samples, loud)
	if first < 0 {
		return nil
	}
	last := len(samples) - 1
	for !loud(samples[last]) {
		last--
	}
	margin := int(edge.Seconds() * float64(rate))
	return samples[max(0, first-margin):min(len(samples), last+1+margin)]
}

// Close waits for what is being said and frees the voice. Where a call hangs, the memory is left to the process's end
// and an error says so.
func (v *Voice) Close() error {
	if !v.calls.close() {
		return fmt.Errorf("voice %s: a call still runs, so its memory is not freed", v.model.Name)
	}
	if v.native != nil {
		v.c.destroy(v.native)
		v.native = nil
	}
	return nil
}
