// Package silero detects voice activity with the Silero models, version 5 or 6.
package silero

import (
	"fmt"

	"github.com/mynahbot/mynah/internal/onnx"
	"github.com/mynahbot/mynah/internal/spoken"
)

const (
	// context is how many samples of the audio before it the model wants in front of each frame. Left out, the
	// model still answers, but worse.
	context   = 64
	stateSize = 2 * 1 * 128
)

// Model is a loaded model; it detects in any number of streams at once.
type Model struct{ session *onnx.Session }

// Open loads the model at path. ONNX Runtime must have been loaded.
func Open(path string) (*Model, error) {
	session, err := onnx.NewSession(path, []string{"input", "state", "sr"}, []string{"output", "stateN"})
	if err != nil {
		return nil, fmt.Errorf("voice activity: %w", err)
	}
	return &Model{session: session}, nil
}

// Close frees the model.
func (m *Model) Close() error { return m.session.Close() }

// NewVAD makes a detector for one stream.
func (m *Model) NewVAD() spoken.VAD {
	d := &detector{session: m.session}
	d.Reset()
	return d
}

type detector struct {
	session *onnx.Session
	input   [context + spoken.FrameSize]float32
	state   []float32
}

func (d *detector) Reset() {
	clear(d.input[:])
	d.state = make([]float32, stateSize)
}

func (d *detector) Probability(frame []float32) (float32, error) {
	if len(frame) != spoken.FrameSize {
		return 0, fmt.Errorf("voice activity: a frame of %d samples, not %d", len(frame), spoken.FrameSize)
	}
	copy(d.input[:context], d.input[spoken.FrameSize:])
	copy(d.input[context:], frame)
	out, err := d.session.Run(
		onnx.Tensor{Shape: []int64{1, int64(len(d.input))}, Float32: d.input[:]},
		onnx.Tensor{Shape: []int64{2, 1, 128}, Float32: d.state},
		onnx.Tensor{Int64: []int64{spoken.Rate}},
	)
	if err != nil {
		return 0, fmt.Errorf("voice activity: %w", err)
	}
	if len(out[0].Float32) != 1 || len(out[1].Float32) != stateSize {
		return 0, fmt.Errorf("voice activity: the model gave %v and %v, so it is no Silero model of version 5 or 6", out[0].Shape, out[1].Shape)
	}
	d.state = out[1].Float32
	return out[0].Float32[0], nil
}
