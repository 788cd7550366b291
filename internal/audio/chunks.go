package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// chunked is a family of formats whose files are a list of chunks, each with its kind and its size in front, of which one holds
// the sound.
type chunked struct {
	magic     string // at the start of the file; a dot is any byte
	first     int64  // where the list begins
	id, size  int    // width of the kind and of the size, in bytes
	sizeFirst bool   // the size stands before the kind
	inclusive bool   // the size counts the header too
	order     binary.ByteOrder
	align     int64
	sound     string   // start of the kind that holds the sound
	others    []string // the usual kinds of the others
}

// families are those that were seen with too small a size: recorders write it when they begin, and correct it in the end if they
// get that far. Other formats have no such size, or ffmpeg doesn't believe it.
var families = []chunked{
	{magic: "RIFF....WAVE", first: 12, id: 4, size: 4, order: binary.LittleEndian, align: 2, sound: "data", others: riffKinds},
	{magic: "RF64....WAVE", first: 12, id: 4, size: 4, order: binary.LittleEndian, align: 2, sound: "data", others: riffKinds},
	{magic: "FORM....AIF.", first: 12, id: 4, size: 4, order: binary.BigEndian, align: 2, sound: "SSND",
		others: []string{"COMM", "MARK", "INST", "COMT", "NAME", "AUTH", "(c) ", "ANNO", "FVER", "CHAN", "ID3 ", "APPL", "AESD", "MIDI"}},
	{magic: "riff", first: 40, id: 16, size: 8, inclusive: true, order: binary.LittleEndian, align: 8, sound: "data"},
	{magic: "caff", first: 8, id: 4, size: 8, order: binary.BigEndian, align: 1, sound: "data",
		others: []string{"pakt", "info", "free", "kuki", "chan", "strg", "mark", "regn", "uuid", "peak", "umid", "midi", "ovvw", "edct"}},
	{magic: "....ftyp", id: 4, size: 4, sizeFirst: true, inclusive: true, order: binary.BigEndian, align: 1, sound: "mdat",
		others: []string{"moov", "free", "skip", "moof", "mfra", "mdat", "meta", "uuid", "wide", "udta", "sidx"}},
}

var riffKinds = []string{"LIST", "id3 ", "ID3 ", "cue ", "bext", "fact", "JUNK", "smpl", "inst", "plst", "iXML", "axml", "_PMX", "PEAK", "cart", "acid"}

const (
	// maxChunks limits how many chunks are walked over: a fragmented video has two a second.
	maxChunks = 100_000
	// maxHits limits how often a kind's name in the sound is looked at.
	maxHits = 1000
)

// correction is what has to be written where, so that a header tells the true size.
type correction struct {
	at    int64
	bytes []byte
}

// wrongSize looks for a sound whose chunk does not end where the sound does: where its size says it ends there is no other
// chunk, or the file ends before that and the chunks that follow on the sound are inside. It returns nil for every other file.
func wrongSize(f io.ReaderAt, length int64) (*correction, error) {
	for _, family := range families {
		l := &chunkList{family, f, length, 0, 0, nil}
		if l.begins() {
			c := l.wrong()
			if l.err != nil {
				return nil, fmt.Errorf("read the audio file: %w", l.err)
			}
			return c, nil
		}
	}
	return nil, nil
}

// chunkList is one file.
type chunkList struct {
	chunked
	f      io.ReaderAt
	length int64
	long   int64 // RF64: the size of the sound, and where it is written (EBU Tech 3306, ds64)
	longAt int64
	err    error // of reading
}

// chunk is one of the list.
type chunk struct {
	kind       string
	body, end  int64 // end is before the padding
	sizeAt     int64
	sizeWidth  int
	unknowable bool // has no size: it goes to the end of the file
}

// read is what stands at a place of the file, less at its end.
func (l *chunkList) read(at int64, n int) []byte {
	b := make([]byte, n)
	n, err := l.f.ReadAt(b, at)
	if err != nil && !errors.Is(err, io.EOF) && l.err == nil {
		l.err = err
	}
	return b[:n]
}

func (l *chunkList) begins() bool {
	start := l.read(0, len(l.magic))
	if len(start) < len(l.magic) {
		return false
	}
	for i, b := range []byte(l.magic) {
		if b != '.' && start[i] != b {
			return false
		}
	}
	return true
}

// at is the chunk that begins there; ok is false where none can.
func (l *chunkList) at(at int64) (c chunk, ok bool) {
	head := l.read(at, l.id+l.size)
	if len(head) < l.id+l.size {
		return c, false
	}
	c.sizeAt, c.sizeWidth, c.body = at+int64(l.id), l.size, at+int64(l.id+l.size)
	kind, number := head[:l.id], head[l.id:]
	if l.sizeFirst {
		c.sizeAt, number, kind = at, head[:l.size], head[l.size:]
	}
	for _, b := range kind[:4] {
		if b < ' ' || b > '~' {
			return c, false
		}
	}
	c.kind = string(kind)
	size := l.number(number)
	switch {
	case l.sizeFirst && size == 1: // a longer size follows (ISO/IEC 14496-12, 4.2)
		long := l.read(c.body, 8)
		if len(long) < 8 {
			return c, false
		}
		c.sizeAt, c.sizeWidth, size = c.body, 8, l.number(long)
		c.body += 8
	case l.sizeFirst && size == 0, l.magic == "caff" && size == -1, l.size == 4 && !l.sizeFirst && size == 0xffffffff && l.longAt == 0:
		c.unknowable, c.end = true, l.length
		return c, true
	case size == 0xffffffff && l.longAt > 0:
		c.sizeAt, c.sizeWidth, size = l.longAt, 8, l.long
	}
	c.end = c.body + size
	if l.inclusive {
		c.end = at + size
	}
	return c, c.end >= c.body
}

func (l *chunkList) number(b []byte) int64 {
	if len(b) == 8 {
		return int64(l.order.Uint64(b))
	}
	return int64(l.order.Uint32(b))
}

// aligned is where the chunk after one that ends there begins.
func (l *chunkList) aligned(end int64) int64 { return (end + l.align - 1) / l.align * l.align }

// wrong walks to the sound and judges its size.
func (l *chunkList) wrong() *correction {
	at := l.first
	for range maxChunks {
		c, ok := l.at(at)
		if !ok || c.unknowable {
			return nil
		}
		if strings.HasPrefix(c.kind, l.sound) {
			if c.end == l.length || c.end < l.length && l.follows(l.aligned(c.end)) {
				return nil
			}
			end := l.soundEnd(c)
			if c.end > l.length && end == l.length {
				return nil // cut off
			}
			return l.correct(c, end)
		}
		if c.kind == "ds64" && l.magic[:4] == "RF64" {
			if b := l.read(c.body+8, 8); len(b) == 8 {
				l.long, l.longAt = l.number(b), c.body+8
			}
		}
		at = l.aligned(c.end)
	}
	return nil
}

// follows reports whether from there on there are chunks only, up to the end of the file, the last of which may be cut off.
func (l *chunkList) follows(at int64) bool {
	for range maxChunks {
		if l.length-at < int64(l.id+l.size) {
			return at <= l.length
		}
		c, ok := l.at(at)
		if !ok {
			return false
		}
		if next := l.aligned(c.end); next < l.length {
			at = next
			continue
		}
		return c.end == l.length || l.aligned(c.end) == l.length || slices.Contains(l.others, c.kind)
	}
	return false
}

// soundEnd is where the sound ends really: where chunks of the usual kinds follow, else at the end of the file.
func (l *chunkList) soundEnd(c chunk) int64 {
	from, end := c.end, l.length
	if from > end {
		from = c.body
	}
	offset := int64(0)
	if l.sizeFirst {
		offset = int64(l.size)
	}
	for _, kind := range l.others {
		hits := 0
		for at := range l.find(kind, from, end) {
			if hits++; hits > maxHits {
				break
			}
			if at -= offset; at >= from && at < end && at == l.aligned(at) && l.follows(at) {
				end = at
				break
			}
		}
	}
	return end
}

// find yields where a text stands between two places of the file.
func (l *chunkList) find(text string, from, to int64) func(yield func(int64) bool) {
	const window = 1 << 20
	return func(yield func(int64) bool) {
		for at := from; at < to; at += window {
			b := l.read(at, int(min(window, to-at))+len(text)-1)
			for skipped := 0; ; {
				i := bytes.Index(b[skipped:], []byte(text))
				if i < 0 {
					break
				}
				if !yield(at + int64(skipped+i)) {
					return
				}
				skipped += i + 1
			}
		}
	}
}

// correct writes the size of a chunk that ends there.
func (l *chunkList) correct(c chunk, end int64) *correction {
	size := end - c.body
	if l.inclusive {
		size = end - c.start(l.chunked)
	}
	b := make([]byte, c.sizeWidth)
	switch {
	case c.sizeWidth == 8:
		l.order.PutUint64(b, uint64(size))
	case size > 0xfffffffe:
		return nil
	default:
		l.order.PutUint32(b, uint32(size))
	}
	return &correction{c.sizeAt, b}
}

// start is where the chunk's header begins.
func (c chunk) start(f chunked) int64 {
	if f.sizeFirst && c.sizeWidth == 8 {
		return c.body - int64(f.id+f.size) - 8
	}
	return c.body - int64(f.id+f.size)
}
