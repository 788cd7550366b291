package main

import (
	"bufio"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mynahbot/mynah/internal/speech"
)

//go:embed bare.cjs
var bareScript string

// bareEngine is sherpa-onnx's package for Node in a process of its own. It recognizes clip by clip in turn with Mynah, so that
// whatever else the machine does slows both alike.
type bareEngine struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

type bareAnswer struct {
	Seconds float64 `json:"seconds"`
	CPU     float64 `json:"cpu"` // seconds of processor time
	Text    string  `json:"text"`
}

func startBare(node string, m *speech.Model) (*bareEngine, error) {
	script := filepath.Join(node, "bare.cjs")
	if err := os.WriteFile(script, []byte(bareScript), 0o644); err != nil {
		return nil, err
	}
	libraries, err := filepath.Abs(filepath.Join(node, "node_modules", "sherpa-onnx-linux-x64"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("node", script)
	cmd.Env = append(os.Environ(), "LD_LIBRARY_PATH="+libraries)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("sherpa-onnx-node: %w", err)
	}
	b := &bareEngine{cmd: cmd, in: in, out: json.NewDecoder(bufio.NewReader(out))}
	model, err := json.Marshal(map[string]string{
		"encoder": m.File("encoder"), "mergedDecoder": m.File("merged_decoder"), "tokens": m.File("tokens"),
	})
	if err != nil {
		return nil, err
	}
	if _, err := b.ask(string(model)); err != nil {
		return nil, err
	}
	return b, nil
}

func (b *bareEngine) ask(line string) (a bareAnswer, err error) {
	if _, err := io.WriteString(b.in, line+"\n"); err != nil {
		return a, fmt.Errorf("sherpa-onnx-node: %w", err)
	}
	if err := b.out.Decode(&a); err != nil {
		return a, fmt.Errorf("sherpa-onnx-node: %w", err)
	}
	return a, nil
}

func (b *bareEngine) stop() error {
	b.in.Close()
	return b.cmd.Wait()
}
