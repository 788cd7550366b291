package whisper

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Limits of a file of weights. Whisper's largest has 1.5 billion weights in 1,300 tensors.
const (
	maxVariables = 4096
	maxNameBytes = 512
	maxRank      = 4
	maxElements  = 1 << 28 // of one tensor
)

// Types of elements in a file of CTranslate2 (its DataType).
const (
	elementFloat32 = 0
	elementFloat16 = 4
)

// tensor is an array of weights, the last dimension varying fastest. Its numbers are kept as they are in the file.
type tensor struct {
	shape []int
	kind  byte
	raw   []byte
}

// weights are a network's tensors by their names.
type weights map[string]tensor

// readWeights reads a model.bin of CTranslate2, version 6 and before: little-endian, the version, the name of the
// specification, its revision, the variables, and further names for some of them.
func readWeights(r io.Reader) (weights, error) {
	d := &reader{r: bufio.NewReaderSize(r, 1<<20)}
	if version := d.number(4); d.err == nil && (version < 2 || version > 6) {
		return nil, fmt.Errorf("whisper: weights of version %d are not known", version)
	}
	if specification := d.text(); d.err == nil && specification != "WhisperSpec" {
		return nil, fmt.Errorf("whisper: these are weights of a %q", specification)
	}
	d.number(4) // revision
	all := weights{}
	n := d.number(4)
	for i := uint32(0); i < n && i < maxVariables && d.err == nil; i++ {
		name := d.text()
		all[name] = d.tensor()
	}
	if n > maxVariables {
		return nil, fmt.Errorf("whisper: %d tensors are over %d", n, maxVariables)
	}
	aliases := d.number(4)
	if errors.Is(d.err, io.EOF) { // older files have none
		return all, nil
	}
	for i := uint32(0); i < aliases && i < maxVariables && d.err == nil; i++ {
		name, of := d.text(), d.text()
		if t, ok := all[of]; ok {
			all[name] = t
		}
	}
	if d.err != nil {
		return nil, fmt.Errorf("whisper: read the weights: %w", d.err)
	}
	return all, nil
}

// reader reads until its first error.
type reader struct {
	r   io.Reader
	err error
}

func (d *reader) read(n int) []byte {
	if d.err != nil {
		return nil
	}
	b := make([]byte, n)
	if _, d.err = io.ReadFull(d.r, b); d.err != nil {
		return nil
	}
	return b
}

func (d *reader) number(n int) uint32 {
	b := append(d.read(n), 0, 0, 0, 0)
	return binary.LittleEndian.Uint32(b)
}

// text is a length with the string's NUL, and the string.
func (d *reader) text() string {
	n := int(d.number(2))
	if d.err == nil && (n == 0 || n > maxNameBytes) {
		d.err = fmt.Errorf("a name of %d bytes", n)
	}
	b := d.read(n)
	if d.err != nil {
		return ""
	}
	return string(b[:n-1])
}

func (d *reader) tensor() (t tensor) {
	rank := int(d.number(1))
	if rank > maxRank {
		d.err = errors.Join(d.err, fmt.Errorf("a tensor of %d dimensions", rank))
		return t
	}
	elements := 1
	for range rank {
		size := int(d.number(4))
		if d.err == nil && (size > maxElements || elements*size > maxElements) {
			d.err = fmt.Errorf("a tensor of over %d elements", maxElements)
		}
		if d.err != nil {
			return t
		}
		t.shape = append(t.shape, size)
		elements *= size
	}
	t.kind = byte(d.number(1))
	bytes := int(d.number(4))
	if d.err == nil && bytes > 8*elements {
		d.err = fmt.Errorf("%d bytes for %d elements", bytes, elements)
	}
	t.raw = d.readSlowly(bytes)
	return t
}

// readSlowly reads as much as is there before it takes memory for more.
func (d *reader) readSlowly(n int) []byte {
	const step = 16 << 20
	var all []byte
	for n > 0 && d.err == nil {
		part := d.read(min(n, step))
		all = append(all, part...)
		n -= len(part)
	}
	return all
}

// floats are the numbers of a tensor, which must have that shape.
func (w weights) floats(name string, shape ...int) ([]float32, error) {
	t, ok := w[name]
	if !ok {
		return nil, fmt.Errorf("whisper: the weights have no %s", name)
	}
	elements := 1
	for i, d := range shape {
		if len(t.shape) != len(shape) || t.shape[i] != d {
			return nil, fmt.Errorf("whisper: %s has the shape %v instead of %v", name, t.shape, shape)
		}
		elements *= d
	}
	out := make([]float32, elements)
	switch {
	case t.kind == elementFloat32 && len(t.raw) == 4*elements:
		for i := range out {
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(t.raw[4*i:]))
		}
	case t.kind == elementFloat16 && len(t.raw) == 2*elements:
		for i := range out {
			out[i] = half(binary.LittleEndian.Uint16(t.raw[2*i:]))
		}
	default:
		return nil, fmt.Errorf("whisper: %s is neither of floats nor of half floats", name)
	}
	return out, nil
}

// half is a number of IEEE 754's binary16.
func half(b uint16) float32 {
	sign, exponent, fraction := uint32(b>>15)<<31, uint32(b>>10)&31, uint32(b)&1023
	switch exponent {
	case 0:
		f := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(f) | sign)
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}
