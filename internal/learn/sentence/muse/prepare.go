package muse

import (
	"errors"
	"fmt"
	"os"

	"github.com/mynahbot/mynah/internal/learn/sentence/sentencepiece"
)

// Names of the files of an installed model.
const (
	ModelFile     = "model.onnx"
	TableFile     = "embeddings.bin"
	TokenizerFile = "sp.model"
)

// weightsFile is what the first two are made of.
const weightsFile = "weights.npz"

// Prepare makes a model's folder ready for [Open]: of weights.npz, which it then removes, it writes the network and the
// table of embeddings. sp.model must lie there too, and is only looked at.
func Prepare(root *os.Root) error {
	in, err := root.Open(weightsFile)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	w, err := openWeights(in, info.Size())
	if err != nil {
		return fmt.Errorf("%s: %w", weightsFile, err)
	}
	model, err := network(w)
	if err != nil {
		return fmt.Errorf("%s: %w", weightsFile, err)
	}
	if err := root.WriteFile(ModelFile, model, 0o644); err != nil {
		return err
	}
	out, err := root.OpenFile(TableFile, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	if err := errors.Join(writeTable(out, w), out.Close()); err != nil {
		return fmt.Errorf("%s: %w", weightsFile, err)
	}
	pieces, err := root.Open(TokenizerFile)
	if err != nil {
		return err
	}
	defer pieces.Close()
	if _, err := sentencepiece.Read(pieces); err != nil {
		return fmt.Errorf("%s: %w", TokenizerFile, err)
	}
	return root.Remove(weightsFile)
}
