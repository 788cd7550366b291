package muse

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
)

// blocks is how many kinds of rows the table has: row i is of block i modulo blocks, and the rows of a block were rounded
// to bytes in one way.
const blocks = 17

// tableHeader is the length of what stands before the rows, in bytes: scale and least value of each block, as
// little-endian float32.
const tableHeader = 2 * 4 * blocks

// table holds the embeddings of tokens in a file, a byte a number: value = byte · scale + least. They are read when they
// are needed, since the system keeps in memory what is needed often.
type table struct {
	file         *os.File
	rows         int
	scale, least [blocks]float32
}

func openTable(path string) (*table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	t := &table{file: f}
	if err := t.read(); err != nil {
		f.Close()
		return nil, fmt.Errorf("the embeddings %s: %w", path, err)
	}
	return t, nil
}

func (t *table) read() error {
	info, err := t.file.Stat()
	if err != nil {
		return err
	}
	size := info.Size() - tableHeader
	if size <= 0 || size%dimension != 0 {
		return fmt.Errorf("%d bytes are no number of rows", info.Size())
	}
	t.rows = int(size / dimension)
	var header [tableHeader]byte
	if _, err := io.ReadFull(t.file, header[:]); err != nil {
		return err
	}
	for c := range blocks {
		t.scale[c] = math.Float32frombits(binary.LittleEndian.Uint32(header[4*c:]))
		t.least[c] = math.Float32frombits(binary.LittleEndian.Uint32(header[4*(blocks+c):]))
		if sum := float64(t.scale[c] + t.least[c]); math.IsNaN(sum) || math.IsInf(sum, 0) {
			return errors.New("the scales are no numbers")
		}
	}
	return nil
}

// row sets out to the embedding of a token. scratch has room for dimension bytes.
func (t *table) row(id int32, out []float32, scratch []byte) error {
	if id < 0 || int(id) >= t.rows {
		return fmt.Errorf("token %d has no embedding", id)
	}
	if _, err := t.file.ReadAt(scratch[:dimension], tableHeader+int64(id)*dimension); err != nil {
		return fmt.Errorf("read the embedding of token %d: %w", id, err)
	}
	scale, least := t.scale[id%blocks], t.least[id%blocks]
	out = out[:dimension]
	for i, v := range scratch[:dimension] {
		out[i] = float32(v)*scale + least
	}
	return nil
}

// writeTable writes the table of the weights.
func writeTable(out io.Writer, w *weights) error {
	const rows = 7530 // of a block
	var header []byte
	for _, name := range []string{"scale", "lo"} {
		for _, v := range w.floats(name, blocks) {
			header = binary.LittleEndian.AppendUint32(header, math.Float32bits(v))
		}
	}
	table := make([]byte, blocks*rows*dimension)
	for c := range blocks {
		block := w.bytes(fmt.Sprintf("q%d", c+1), rows, dimension)
		for i := range rows {
			copy(table[(i*blocks+c)*dimension:][:dimension], block[i*dimension:])
		}
	}
	if w.err != nil {
		return w.err
	}
	if _, err := out.Write(header); err != nil {
		return err
	}
	_, err := out.Write(table)
	return err
}
