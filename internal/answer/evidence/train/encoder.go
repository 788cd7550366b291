package main

import (
	"fmt"
	"path/filepath"

	"github.com/mynahbot/mynah/internal/answer/evidence"
	"github.com/mynahbot/mynah/internal/learn/sentence/muse"
	"github.com/mynahbot/mynah/internal/onnx"
)

// openEncoder loads an installed encoder; nil for no name.
func openEncoder(name, folder string) (evidence.Encoder, error) {
	if name == "" {
		return nil, nil
	}
	if err := onnx.Load(filepath.Join(folder, "sherpa-onnx", "libonnxruntime.so")); err != nil {
		return nil, err
	}
	dir := filepath.Join(folder, name)
	e, err := muse.Open(name, muse.Files{
		Model: filepath.Join(dir, "model.onnx"), Table: filepath.Join(dir, "embeddings.bin"), Tokenizer: filepath.Join(dir, "sp.model"),
	})
	if err != nil {
		return nil, fmt.Errorf("%w: install it with mynah models pull %s", err, name)
	}
	return e, nil
}
