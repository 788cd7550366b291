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
	if same, err := filepath.EvalSymlinks(path); err == nil {
		path = same // the same library by another name
	}
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

// Value is what a session gave. As an input of the next call it isn't copied. One that isn't closed is freed by the collector, but late.
type Value struct {
	value   ort.Value
	cleanup runtime.Cleanup
}

// Close frees the value, whose numbers must not be used any more. A nil value needs none.
func (v *Value) Close() {
	if v != nil && v.value != nil {
		v.cleanup.Stop()
		v.value.Destroy()
		v.value = nil
	}
}

// Shape is the value's shape.
func (v *Value) Shape() []int64 { return v.value.GetShape() }

// Float32 are the value's numbers, nil where they are of another type. They may only be read.
func (v *Value) Float32() []float32 {
	if t, ok := v.value.(*ort.Tensor[float32]); ok {
		return t.GetData()
	}
	return nil
}

// Int64 are the value's numbers, nil where they are of another type. They may only be read.
func (v *Value) Int64() []int64 {
	if t, ok := v.value.(*ort.Tensor[int64]); ok {
		return t.GetData()
	}
	return nil
}

// Input is a [Tensor] or a [*Value].
type Input interface {
	// native is the runtime's value, which is to be destroyed after the call where it is not kept.
	native(pinner *runtime.Pinner) (value ort.Value, kept bool, err error)
}

func (v *Value) native(*runtime.Pinner) (ort.Value, bool, error) { return v.value, true, nil }

func (t Tensor) native(pinner *runtime.Pinner) (ort.Value, bool, error) {
	v, err := t.value(pinner)
	return v, false, err
}

// Run computes the outputs of the model. Outputs must be tensors of float32 or int64.
func (s *Session) Run(inputs ...Tensor) ([]Tensor, error) {
	all := make([]Input, len(inputs))
	for i, t := range inputs {
		all[i] = t
	}
	values, err := s.Compute(all...)
	if err != nil {
		return nil, err
	}
	results := make([]Tensor, len(values))
	for i, v := range values {
		defer v.Close()
		results[i] = Tensor{Shape: slices.Clone(v.Shape()), Float32: slices.Clone(v.Float32()), Int64: slices.Clone(v.Int64())}
	}
	return results, nil
}

// Compute is Run for outputs that will be inputs again.
func (s *Session) Compute(inputs ...Input) ([]*Value, error) {
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
	in, own := make([]ort.Value, 0, len(inputs)), make([]ort.Value, 0, len(inputs))
	defer func() { destroy(own) }()
	for i, t := range inputs {
		v, kept, err := t.native(&pinner)
		if err != nil {
			return nil, fmt.Errorf("onnx: input %d: %w", i, err)
		}
		if !kept {
			own = append(own, v)
		}
		in = append(in, v)
	}
	out := make([]ort.Value, s.outputs)
	if err := s.session.Run(in, out); err != nil {
		destroy(out)
		return nil, fmt.Errorf("onnx: %w", err)
	}
	runtime.KeepAlive(inputs)
	results := make([]*Value, len(out))
	for i, v := range out {
		switch v.(type) {
		case *ort.Tensor[float32], *ort.Tensor[int64]:
		default:
			destroy(out[i:])
			return nil, fmt.Errorf("onnx: output %d is a %T, not a tensor of float32 or int64", i, v)
		}
		results[i] = &Value{value: v}
		// Its numbers are in memory that the collector knows; what is to be freed is the little that the runtime keeps about it.
		results[i].cleanup = runtime.AddCleanup(results[i], func(v ort.Value) { v.Destroy() }, v)
	}
	return results, nil
}

// Port is an input or output of a model. A dimension that may have any size is below 1.
type Port struct {
	Name  string
	Shape []int64
}

// Inputs lists the inputs of the model at path. It loads the model for that.
func Inputs(path string) ([]Port, error) {
	in, _, err := ort.GetInputOutputInfo(path)
	if err != nil {
		return nil, fmt.Errorf("onnx: load %s: %w", path, err)
	}
	var ports []Port
	for _, i := range in {
		ports = append(ports, Port{i.Name, i.Dimensions})
	}
	return ports, nil
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
