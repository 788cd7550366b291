package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/mynahbot/mynah/internal/config"
	"github.com/mynahbot/mynah/internal/learn"
	"github.com/mynahbot/mynah/internal/learn/sentence"
	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/speech"
	"github.com/mynahbot/mynah/internal/speech/models"
	"github.com/mynahbot/mynah/internal/speech/sherpa"
)

// installedEncoder is the sentence encoder that is installed, loaded when it is first needed.
type installedEncoder struct {
	model   *speech.Model
	library *speech.Model // with the ONNX runtime

	mu     sync.Mutex
	loaded *sentence.Encoder // nil until it is needed
	closed bool
}

// openEncoder finds the sentence encoder that is installed, chosen by "mynah models use" where there are several; nil
// where there is none.
func openEncoder(cfg *config.Config, data config.Folder) (*installedEncoder, error) {
	store, err := openModels(cfg, data)
	if err != nil {
		return nil, err
	}
	model, err := store.Find(models.Encoder, "")
	if errors.Is(err, models.ErrNotInstalled) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	library, err := store.Find(models.Library, "")
	if err != nil {
		return nil, fmt.Errorf("the sentence encoder %s needs the speech pack's library: %w: run mynah models pull %s", model.Name, err, models.SpeechPack)
	}
	return &installedEncoder{model: model, library: library}, nil
}

// open loads the model, once.
func (e *installedEncoder) open() (*sentence.Encoder, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return nil, errors.New("it is closed")
	}
	if e.loaded != nil {
		return e.loaded, nil
	}
	library, err := sherpa.Open(filepath.Dir(e.library.File("library")))
	if err != nil {
		return nil, err
	}
	if err := onnx.Load(library.ONNXRuntime()); err != nil {
		return nil, err
	}
	e.loaded, err = sentence.Open(e.model.Name, e.model.File("model"), e.model.File("tokenizer"))
	return e.loaded, err
}

// Name is that of the installed model.
func (e *installedEncoder) Name() string { return e.model.Name }

// Encode implements [learn.Encoder].
func (e *installedEncoder) Encode(ctx context.Context, texts []string) ([][]float32, error) {
	encoder, err := e.open()
	if err != nil {
		return nil, fmt.Errorf("sentence encoder %s: %w", e.model.Name, err)
	}
	return encoder.Encode(ctx, texts)
}

// Close frees the model. Nobody may encode any more.
func (e *installedEncoder) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	if e.loaded == nil {
		return nil
	}
	return e.loaded.Close()
}

// closeTo closes the encoder, if there is one, and joins what failed to err.
func (e *installedEncoder) closeTo(err *error) {
	if e != nil {
		*err = errors.Join(*err, e.Close())
	}
}

// orNone is the encoder as the learning engine takes it.
func (e *installedEncoder) orNone() learn.Encoder {
	if e == nil {
		return nil
	}
	return e
}
