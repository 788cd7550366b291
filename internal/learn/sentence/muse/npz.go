package muse

import (
	"archive/zip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Limits on a file of weights.
const (
	maxArchive = 256 << 20 // bytes, packed
	maxHeader  = 4 << 10   // bytes that describe an array
)

// weights reads arrays by their names from an archive of NumPy (.npz): a zip of .npy files.
type weights struct {
	files map[string]*zip.File
	err   error // the first that occurred
}

func openWeights(r io.ReaderAt, size int64) (*weights, error) {
	if size > maxArchive {
		return nil, fmt.Errorf("the weights have over %d MB", maxArchive>>20)
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, fmt.Errorf("the weights are no zip: %w", err)
	}
	w := &weights{files: map[string]*zip.File{}}
	for _, f := range z.File {
		w.files[strings.TrimSuffix(f.Name, ".npy")] = f
	}
	return w, nil
}

// floats is the array of that name, which must have that shape. After an error it is zeros.
func (w *weights) floats(name string, shape ...int) []float32 {
	b := w.array(name, "<f4", 4, shape)
	out := make([]float32, product(shape))
	for i := range len(b) / 4 {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		if v := float64(out[i]); math.IsNaN(v) || math.IsInf(v, 0) {
			w.fail(name, errors.New("it holds what is no number"))
			break
		}
	}
	return out
}

// bytes is an array of small numbers.
func (w *weights) bytes(name string, shape ...int) []byte {
	b := w.array(name, "|u1", 1, shape)
	if b == nil {
		return make([]byte, product(shape))
	}
	return b
}

func (w *weights) fail(name string, err error) {
	if w.err == nil {
		w.err = fmt.Errorf("array %s of the weights: %w", name, err)
	}
}

// array is the content of an array, or nil after an error.
func (w *weights) array(name, kind string, width int, shape []int) []byte {
	if w.err != nil {
		return nil
	}
	b, err := w.read(name, kind, int64(width*product(shape)), shape)
	if err != nil {
		w.fail(name, err)
		return nil
	}
	return b
}

func (w *weights) read(name, kind string, size int64, shape []int) ([]byte, error) {
	f := w.files[name]
	if f == nil {
		return nil, errors.New("it is not there")
	}
	if f.UncompressedSize64 > uint64(size+maxHeader) {
		return nil, fmt.Errorf("it has %d bytes, over %d", f.UncompressedSize64, size+maxHeader)
	}
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, size+maxHeader+1)) // the archive may lie about sizes
	if err != nil {
		return nil, err
	}
	b, err = content(b, kind, shape)
	if err == nil && int64(len(b)) != size {
		err = fmt.Errorf("it has %d bytes of numbers instead of %d", len(b), size)
	}
	return b, err
}

// What the header of a .npy file says, a dictionary in Python's notation.
var (
	npyKind  = regexp.MustCompile(`'descr': *'([^']*)'`)
	npyOrder = regexp.MustCompile(`'fortran_order': *False`)
	npyShape = regexp.MustCompile(`'shape': *\(([0-9, ]*)\)`)
)

// content is what follows on the header of a .npy file (format 1.0), which must describe numbers of that kind and shape.
func content(b []byte, kind string, shape []int) ([]byte, error) {
	const magic, start = "\x93NUMPY\x01", 10
	if len(b) < start || string(b[:len(magic)]) != magic {
		return nil, errors.New("it is no array of NumPy's format 1.0")
	}
	end := start + int(binary.LittleEndian.Uint16(b[8:]))
	if end > len(b) || end > start+maxHeader {
		return nil, errors.New("its header is cut short")
	}
	header := b[start:end]
	if m := npyKind.FindSubmatch(header); m == nil || string(m[1]) != kind {
		return nil, fmt.Errorf("its numbers are not of the kind %s", kind)
	}
	if !npyOrder.Match(header) {
		return nil, errors.New("its numbers are in another order than C's")
	}
	m := npyShape.FindSubmatch(header)
	if m == nil {
		return nil, errors.New("its header gives no shape")
	}
	var got []string
	for s := range strings.SplitSeq(string(m[1]), ",") {
		if s = strings.TrimSpace(s); s != "" {
			got = append(got, s)
		}
	}
	var want []string
	for _, n := range shape {
		want = append(want, strconv.Itoa(n))
	}
	if g, w := strings.Join(got, " × "), strings.Join(want, " × "); g != w {
		return nil, fmt.Errorf("its shape is %s instead of %s", g, w)
	}
	return b[end:], nil
}

func product(shape []int) int {
	n := 1
	for _, d := range shape {
		n *= d
	}
	return n
}
