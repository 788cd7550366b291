package piper

import (
	"fmt"
	"io"
	"os"
)

// TokensFile is the name of the table that [Prepare] writes.
const TokensFile = "tokens.txt"

// Prepare makes the voice whose network has the file name model, inside folder, loadable by sherpa-onnx: it adds the
// metadata to the network's end and writes [TokensFile]. A network that has the metadata already is left as it is.
// It returns the voice's configuration.
func Prepare(folder *os.Root, model string) (*Config, error) {
	c, err := ReadConfig(folder, model)
	if err != nil {
		return nil, err
	}
	tokens, err := c.Tokens()
	if err != nil {
		return nil, err
	}
	f, err := folder.OpenFile(model, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("piper voice: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("piper voice: %w", err)
	}
	there, err := Metadata(f, info.Size())
	if err != nil {
		return nil, fmt.Errorf("piper voice %s: %w", model, err)
	}
	if there["comment"] == "" {
		if _, err := f.WriteAt(appendEntries(nil, c.metadata()), info.Size()); err != nil {
			return nil, fmt.Errorf("piper voice: %w", err)
		}
	}
	if err := folder.WriteFile(TokensFile, tokens, 0o644); err != nil {
		return nil, fmt.Errorf("piper voice: %w", err)
	}
	return c, f.Close()
}

// ReadConfig reads the configuration that lies beside a network.
func ReadConfig(folder *os.Root, model string) (*Config, error) {
	f, err := folder.Open(model + Suffix)
	if err != nil {
		return nil, fmt.Errorf("piper voice: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err != nil {
		return nil, fmt.Errorf("piper voice: %w", err)
	}
	return ParseConfig(b)
}
