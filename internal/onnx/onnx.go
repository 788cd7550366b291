// Package onnx runs ONNX models on the CPU through the ONNX Runtime library that the speech pack carries.
//
// Call [Load] with the library's path, then [NewSession] for each model. The library is loaded once and stays for the life of
// the process; sherpa-onnx uses the same copy.
package onnx

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"

	ort "github.com/yalue/onnxruntime_go"
)

// The binding keeps one library for the whole process, so this package does too.
var loaded struct {
	sync.Mutex
	path string
}

// Load loads ONNX Runtime from the library at path. A second call with the same path does nothing; with another
// path it is an error.
func Load(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("onnx: %w", err)
	}
	loaded.Lock()
	defer loaded.Unlock()
	if loaded.path == path {
		return nil
	}
	if loaded.path != "" {
		return fmt.Errorf("onnx: the runtime is already loaded from %s, not %s", loaded.path, path)
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		return fmt.Errorf("onnx: load %s: %w", path, err)
	}
	loaded.path = path
	return nil
}

// Tensor is an array, the last dimension varying fastest. Exactly one of Float32, Int64 and Bool is set, and
// has as many elements as Shape says. An empty shape is a single number.
type Tensor struct {
	Shape   []int64
	Float32 []float32
	Int64   []int64
	Bool    []bool
}

// Session runs one model, with one thread. It is safe for concurrent use until Close.
type Session struct {
	session *ort.DynamicAdvancedSession
	outputs int
	running sync.WaitGroup
	mu      sync.Mutex
	closed  bool
}

// ErrClosed is returned by a session that was closed.
var ErrClosed = errors.New("onnx: the session is closed")

// NewSession loads the model at path. The names are those of the model's inputs and outputs, in the order in which
// Run takes and gives them; an output that isn't named is not computed.
func NewSession(path string, inputs, outputs []string) (*Session, error) {
	options, err := ort.NewSessionOptions()
	if err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	defer options.Destroy()
	if err := errors.Join(options.SetIntraOpNumThreads(1), options.SetInterOpNumThreads(1)); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	session, err := ort.NewDynamicAdvancedSession(path, inputs, outputs, options)
	if err != nil {
		return nil, fmt.Errorf("onnx: load %s: %w", path, err)
	}
	return &Session{session: session, outputs: len(outputs)}, nil
}

// Run computes the outputs of the model. Outputs must be tensors of float32 or int64.
func (s *Session) Run(inputs ...Tensor) ([]Tensor, error) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrClosed
	}
	s.running.Add(1)
	s.mu.Unlock()
	defer s.running.Done()

	// The runtime keeps the address of the numbers from one call to the next, so they must be pinned, and in an
	// allocation of their own: C may be given no memory that holds Go pointers.
	var pinner runtime.Pinner
	defer pinner.Unpin()
	in := make([]ort.Value, 0, len(inputs))
	defer func() { destroy(in) }()
	for i, t := range inputs {
		v, err := t.value(&pinner)
		if err != nil {
			return nil, fmt.Errorf("onnx: input %d: %w", i, err)
		}
		in = append(in, v)
	}
	out := make([]ort.Value, s.outputs)
	defer func() { destroy(out) }()
	if err := s.session.Run(in, out); err != nil {
		return nil, fmt.Errorf("onnx: %w", err)
	}
	results := make([]Tensor, len(out))
	for i, v := range out {
		switch v := v.(type) {
		case *ort.Tensor[float32]:
			results[i] = Tensor{Shape: v.GetShape().Clone(), Float32: append([]float32(nil), v.GetData()...)}
		case *ort.Tensor[int64]:
			results[i] = Tensor{Shape: v.GetShape().Clone(), Int64: append([]int64(nil), v.GetData()...)}
		default:
			return nil, fmt.Errorf("onnx: output %d is a %T, not a tensor of float32 or int64", i, v)
		}
	}
	return results, nil
}

// Close waits for what runs and frees the model's memory.
func (s *Session) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	s.mu.Unlock()
	s.running.Wait()
	return s.session.Destroy()
}

func (t Tensor) value(pinner *runtime.Pinner) (ort.Value, error) {
	kinds := 0
	for _, set := range []bool{t.Float32 != nil, t.Int64 != nil, t.Bool != nil} {
		if set {
			kinds++
		}
	}
	if kinds != 1 {
		return nil, errors.New("a tensor has either float32, int64 or bool elements")
	}
	n := int64(1)
	for _, d := range t.Shape {
		n *= d
	}
	if elements := len(t.Float32) + len(t.Int64) + len(t.Bool); n != int64(elements) {
		return nil, fmt.Errorf("shape %v does not fit %d elements", t.Shape, elements)
	}
	switch {
	case len(t.Shape) == 0 && t.Bool != nil:
		return ort.NewScalar(t.Bool[0])
	case len(t.Shape) == 0 && t.Int64 != nil:
		return ort.NewScalar(t.Int64[0])
	case len(t.Shape) == 0:
		return ort.NewScalar(t.Float32[0])
	case t.Int64 != nil:
		return tensor(t.Shape, t.Int64, pinner)
	case t.Bool != nil:
		return tensor(t.Shape, t.Bool, pinner)
	default:
		return tensor(t.Shape, t.Float32, pinner)
	}
}

func tensor[T int64 | float32 | bool](shape []int64, numbers []T, pinner *runtime.Pinner) (ort.Value, error) {
	numbers = slices.Clone(numbers)
	if len(numbers) > 0 {
		pinner.Pin(&numbers[0])
	}
	return ort.NewTensor(ort.NewShape(shape...), numbers)
}

func destroy(values []ort.Value) {
	for _, v := range values {
		if v != nil {
			v.Destroy()
		}
	}
}
