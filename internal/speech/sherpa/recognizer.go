package sherpa

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strings"
	"structs"
	"sync"
	"time"
	"unsafe"

	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/spoken"
)

// callLimit is how long one utterance may take before it is taken for hung: over 100 times what the slowest known
// model needs for 15 s.
const callLimit = 2 * time.Minute

// Recognizer recognizes with one model. It is safe for concurrent use.
type Recognizer struct {
	model *speech.Model
	calls *pool
	c     recognizerFunctions

	mu       sync.Mutex // for models that are told the language: held while the native recognizer is used
	language string
	native   unsafe.Pointer
}

type recognizerFunctions struct {
	create        func(config *recognizerConfig) unsafe.Pointer
	setConfig     func(recognizer unsafe.Pointer, config *recognizerConfig)
	destroy       func(recognizer unsafe.Pointer)
	createStream  func(recognizer unsafe.Pointer) unsafe.Pointer
	destroyStream func(stream unsafe.Pointer)
	accept        func(stream unsafe.Pointer, rate int32, samples *float32, n int32)
	decode        func(recognizer, stream unsafe.Pointer)
	result        func(stream unsafe.Pointer) *recognizerResult
	destroyResult func(result *recognizerResult)
}

// recognizerResult mirrors the first fields of SherpaOnnxOfflineRecognizerResult.
type recognizerResult struct {
	_ structs.HostLayout

	text        *byte
	timestamps  *float32
	count       int32
	tokens      *byte
	tokensArray **byte
	json        *byte
	lang        *byte
	emotion     *byte
	event       *byte
	durations   *float32
	logProbs    *float32 // one of each token, where the model gives them
}

// NewRecognizer loads a model. streams is how many utterances are recognized at once, each with one thread; models that
// are told the language (Whisper, Canary) take one at a time. cores are what its calls share with others. Close it to free the
// model's memory.
func (l *Library) NewRecognizer(m *speech.Model, cores *speech.Cores, streams int) (*Recognizer, error) {
	if err := checkLanguages(m); err != nil {
		return nil, err
	}
	r := &Recognizer{model: m, language: m.Languages[0]}
	config, err := configure(m, r.language)
	if err != nil {
		return nil, err
	}
	if err := l.bindAll(map[string]any{
		"SherpaOnnxCreateOfflineRecognizer":        &r.c.create,
		"SherpaOnnxOfflineRecognizerSetConfig":     &r.c.setConfig,
		"SherpaOnnxDestroyOfflineRecognizer":       &r.c.destroy,
		"SherpaOnnxCreateOfflineStream":            &r.c.createStream,
		"SherpaOnnxDestroyOfflineStream":           &r.c.destroyStream,
		"SherpaOnnxAcceptWaveformOffline":          &r.c.accept,
		"SherpaOnnxDecodeOfflineStream":            &r.c.decode,
		"SherpaOnnxGetOfflineStreamResult":         &r.c.result,
		"SherpaOnnxDestroyOfflineRecognizerResult": &r.c.destroyResult,
	}); err != nil {
		return nil, err
	}
	if told(m.Kind) {
		streams = 1
	}
	r.native = r.c.create(config)
	runtime.KeepAlive(config)
	if r.native == nil {
		return nil, fmt.Errorf("model %s can't be loaded: sherpa-onnx refuses its files", m.Name)
	}
	r.calls = newPool(cores.Seats(streams), callLimit)
	return r, nil
}

// Languages are those of the model.
func (r *Recognizer) Languages() []string { return slices.Clone(r.model.Languages) }

// Recognize makes text of one utterance. See [spoken.Recognizer].
func (r *Recognizer) Recognize(ctx context.Context, u spoken.Utterance) (spoken.Transcript, error) {
	t, err := r.model.Begin(u)
	if err != nil || len(u.Samples) < spoken.MinSamples {
		return t, err
	}
	samples := slices.Clone(u.Samples) // the call may outlive this one
	started := time.Now()
	var text string
	var confidence float64
	err = r.calls.do(ctx, func() (err error) {
		text, confidence, err = r.call(samples, t.Language)
		return err
	})
	if err != nil {
		return spoken.Transcript{}, fmt.Errorf("model %s: %w", r.model.Name, err)
	}
	t.Text, t.Confidence, t.Took = text, confidence, time.Since(started)
	return t, nil
}

func (r *Recognizer) call(samples []float32, language string) (text string, confidence float64, err error) {
	if told(r.model.Kind) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if language != r.language {
			config, err := configure(r.model, language)
			if err != nil {
				return "", 0, err
			}
			r.c.setConfig(r.native, config)
			runtime.KeepAlive(config)
			r.language = language
		}
	}
	stream := r.c.createStream(r.native)
	if stream == nil {
		return "", 0, errors.New("sherpa-onnx gives no stream")
	}
	defer r.c.destroyStream(stream)
	r.c.accept(stream, spoken.Rate, &samples[0], int32(len(samples)))
	r.c.decode(r.native, stream)
	result := r.c.result(stream)
	if result == nil {
		return "", 0, errors.New("sherpa-onnx gives no result")
	}
	defer r.c.destroyResult(result)
	text = strings.ToValidUTF8(gostring(result.text), "")
	return strings.TrimSpace(text), result.confidence(), nil
}

// confidence is the geometric mean of the tokens' probabilities, 1 where the model gives none.
func (r *recognizerResult) confidence() float64 {
	if r.logProbs == nil || r.count <= 0 {
		return 1
	}
	sum := 0.0
	for _, p := range unsafe.Slice(r.logProbs, r.count) {
		sum += float64(p)
	}
	return min(1, math.Exp(sum/float64(r.count)))
}

// Close waits for what runs and frees the model. Where a call hangs, the memory is left to the process's end and an
// error says so.
func (r *Recognizer) Close() error {
	if !r.calls.close() {
		return fmt.Errorf("model %s: a call still runs, so its memory is not freed", r.model.Name)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.native != nil {
		r.c.destroy(r.native)
		r.native = nil
	}
	return nil
}

// gostring copies a NUL-terminated string out of C memory.
func gostring(s *byte) string {
	if s == nil {
		return ""
	}
	n := 0
	for *(*byte)(unsafe.Add(unsafe.Pointer(s), n)) != 0 {
		n++
	}
	return string(unsafe.Slice(s, n))
}
