package evidence

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// savedHeader stands before the vectors of a background in a file. Numbers are little-endian.
type savedHeader struct {
	Magic                  [8]byte
	Lines                  [sha256.Size]byte // digest of the texts
	Chat, General, Columns uint32
}

var savedMagic = [8]byte{'m', 'y', 'n', 'a', 'h', 'b', 'g', '1'}

// maxColumns is the longest vector that is believed.
const maxColumns = 4096

// ErrOtherBackground says that saved vectors are of other texts, or damaged.
var ErrOtherBackground = errors.New("the vectors are of another background")

// digest tells backgrounds of different texts apart.
func (b *Background) digest() (sum [sha256.Size]byte) {
	h := sha256.New()
	for _, l := range b.lines {
		fmt.Fprintf(h, "%v %q\n", l.General, l.Text)
	}
	h.Sum(sum[:0])
	return sum
}

// Save writes the vectors of the lines, and their checksum.
func (b *Background) Save(w io.Writer) error {
	h := sha256.New()
	out := bufio.NewWriter(io.MultiWriter(w, h))
	head := savedHeader{savedMagic, b.digest(), uint32(b.chat.rows), uint32(b.general.rows), uint32(b.chat.columns)}
	if err := binary.Write(out, binary.LittleEndian, head); err != nil {
		return err
	}
	for _, m := range []matrix{b.chat, b.general} {
		if err := binary.Write(out, binary.LittleEndian, m.data); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err := w.Write(h.Sum(nil))
	return err
}

// Load reads what Save wrote for the same lines. The error wraps [ErrOtherBackground] where it is for
// others, and nothing has changed then.
func (b *Background) Load(r io.Reader) error {
	h := sha256.New()
	in := io.TeeReader(bufio.NewReader(r), h)
	var head savedHeader
	if err := binary.Read(in, binary.LittleEndian, &head); err != nil {
		return fmt.Errorf("%w: %w", ErrOtherBackground, err)
	}
	chat, general := 0, 0
	for _, l := range b.lines {
		if l.General {
			general++
		} else {
			chat++
		}
	}
	if head.Magic != savedMagic || head.Lines != b.digest() || int(head.Chat) != chat || int(head.General) != general ||
		head.Columns == 0 || head.Columns > maxColumns {
		return ErrOtherBackground
	}
	read := func(rows int) (matrix, error) {
		m := matrix{rows: rows, columns: int(head.Columns), data: make([]float32, rows*int(head.Columns))}
		return m, binary.Read(in, binary.LittleEndian, m.data)
	}
	of, err := read(chat)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOtherBackground, err)
	}
	ofGeneral, err := read(general)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrOtherBackground, err)
	}
	want, have := make([]byte, sha256.Size), h.Sum(nil)
	if _, err := io.ReadFull(in, want); err != nil || string(want) != string(have) {
		return fmt.Errorf("%w: its checksum is wrong", ErrOtherBackground)
	}
	b.chat, b.general = of, ofGeneral
	b.sample = b.chat.some(b.general, maxSample)
	return nil
}
