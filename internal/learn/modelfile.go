package learn

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/klauspost/compress/zstd"
)

// A model file is: magic (8 bytes), format version (u32), length of the compressed body (u64), SHA-256 of the
// compressed body (32 bytes), the body compressed by zstd. The body is: the length of the JSON part (u32) and the JSON
// part; then the arrays, each with its number of elements (u32) first. All numbers are little-endian.
const (
	modelMagic   = "MYNAHLRN"
	modelVersion = 2
)

// Limits bounds what Load accepts. The zero value means the defaults.
type Limits struct {
	FileBytes int64 // of the file; default 256 MB
	BodyBytes int64 // unpacked; default 1 GB: a small file can unpack to any size
}

func (l Limits) withDefaults() Limits {
	if l.FileBytes <= 0 {
		l.FileBytes = 256 << 20
	}
	if l.BodyBytes <= 0 {
		l.BodyBytes = 1 << 30
	}
	return l
}

// ErrModelFile is wrapped by every error about the content of a model file.
var ErrModelFile = errors.New("not a usable model file")

// Save writes the model. The same model gives the same bytes.
func (m *Model) Save(w io.Writer) error {
	body, err := m.body()
	if err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault))
	if err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	defer enc.Close()
	packed := enc.EncodeAll(body, nil)
	head := append([]byte(modelMagic), binary.LittleEndian.AppendUint32(nil, modelVersion)...)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(packed)))
	sum := sha256.Sum256(packed)
	head = append(head, sum[:]...)
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	if _, err := w.Write(packed); err != nil {
		return fmt.Errorf("save model: %w", err)
	}
	return nil
}

// body returns the uncompressed content of the model's file.
func (m *Model) body() ([]byte, error) {
	meta, err := json.Marshal(m.meta)
	if err != nil {
		return nil, err
	}
	body := binary.LittleEndian.AppendUint32(nil, uint32(len(meta)))
	body = append(body, meta...)
	keys := make([]uint64, m.vocab.n)
	for i, k := range m.vocab.keys {
		if k != 0 {
			keys[m.vocab.ids[i]] = k
		}
	}
	for _, a := range m.sections(keys) {
		body = binary.LittleEndian.AppendUint32(body, uint32(binary.Size(a)))
		if body, err = binary.Append(body, binary.LittleEndian, a); err != nil {
			return nil, err
		}
	}
	return body, nil
}

// unused is how many arrays of the format held what found replies before package evidence did. They are
// empty now, and read over in older files.
const unused = 9

// sections lists the arrays of the body in order.
func (m *Model) sections(keys []uint64) []any {
	l := &m.labels
	all := []any{keys, m.weight, l.start, l.class, l.q, l.scale, l.bias}
	for range unused {
		all = append(all, []uint32(nil))
	}
	if d := m.meta.Dense; d != nil {
		all = append(all, d.linear.start, d.linear.class, d.linear.q, d.linear.scale, d.linear.bias)
		if d.Length > 0 {
			all = append(all, d.linear.vector, d.mean)
		}
	}
	if v := m.meta.Vectors; v != nil {
		all = append(all, v.numbers, v.scale)
	}
	return all
}

// Load reads a model that Save wrote. The bytes may come from anywhere: they are checked before they are used, and
// every error wraps ErrModelFile unless reading itself failed.
func Load(r io.Reader, limits Limits) (*Model, error) {
	limits = limits.withDefaults()
	head := make([]byte, len(modelMagic)+4+8+sha256.Size)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, fmt.Errorf("%w: it is too short (%v)", ErrModelFile, err)
	}
	if string(head[:8]) != modelMagic {
		return nil, fmt.Errorf("%w: it doesn't begin like one", ErrModelFile)
	}
	if v := binary.LittleEndian.Uint32(head[8:]); v != modelVersion {
		return nil, fmt.Errorf("%w: its format is version %d, this program reads version %d; train again", ErrModelFile, v, modelVersion)
	}
	size := binary.LittleEndian.Uint64(head[12:])
	if size > uint64(limits.FileBytes) {
		return nil, fmt.Errorf("%w: it has %d bytes, more than %d are not read", ErrModelFile, size, limits.FileBytes)
	}
	var packed bytes.Buffer // grows with what is there, not with what the head claims
	if n, err := io.Copy(&packed, io.LimitReader(r, int64(size))); err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	} else if n != int64(size) {
		return nil, fmt.Errorf("%w: it ends after %d of %d bytes", ErrModelFile, n, size)
	}
	if sha256.Sum256(packed.Bytes()) != [sha256.Size]byte(head[20:]) {
		return nil, fmt.Errorf("%w: its checksum doesn't match", ErrModelFile)
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(uint64(limits.BodyBytes)))
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	defer dec.Close()
	body, err := dec.DecodeAll(packed.Bytes(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrModelFile, err)
	}
	m, err := parseModel(body)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrModelFile, err)
	}
	m.ready()
	return m, nil
}

func parseModel(body []byte) (*Model, error) {
	p := parser{b: body}
	m := &Model{}
	if err := json.Unmarshal(p.bytes(), &m.meta); err != nil {
		return nil, err
	}
	keys := section[uint64](&p, 8)
	m.weight = section[float32](&p, 4)
	m.labels = p.linear()
	for range unused {
		p.bytes()
	}
	if d := m.meta.Dense; d != nil {
		if d.linear = p.linear(); d.Length > 0 {
			d.linear.vector, d.mean = section[float32](&p, 4), section[float32](&p, 4)
		}
	}
	if v := m.meta.Vectors; v != nil {
		v.numbers, v.scale = section[int8](&p, 1), section[float32](&p, 4)
	}
	if p.err != nil {
		return nil, p.err
	}
	if len(p.b) != 0 {
		return nil, fmt.Errorf("%d bytes follow its end", len(p.b))
	}
	m.vocab = newVocabulary(len(keys))
	for _, k := range keys {
		n := m.vocab.n
		if m.vocab.add(k); k == 0 || m.vocab.n == n {
			return nil, errors.New("a feature occurs twice")
		}
	}
	return m, m.validate()
}

// validate checks everything that predicting relies on.
func (m *Model) validate() error {
	meta, features, labels := &m.meta, m.vocab.n, len(m.meta.Labels)
	switch c := meta.Features; {
	case c.PairWindow < 0 || c.PairWindow > 32 || c.CharMin < 1 || c.CharMax < c.CharMin || c.CharMax > 16 || c.CrossMin < 0:
		return errors.New("impossible feature settings")
	case labels > MaxLabels || labels == 1:
		return fmt.Errorf("%d labels", labels)
	}
	for _, v := range []float64{meta.Temperature, meta.Threshold} {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return errors.New("a setting is not a number")
		}
	}
	if labels > 0 {
		if len(m.weight) != features {
			return errors.New("the features have no weights")
		}
		if err := m.labels.check(features, labels); err != nil {
			return err
		}
	}
	if d := meta.Dense; d != nil {
		switch {
		case d.Dimension < 1 || d.Dimension > maxDimension || labels == 0:
			return errors.New("an impossible dimension of vectors")
		case math.IsNaN(d.Temperature) || math.IsInf(d.Temperature, 0) || math.IsNaN(d.Threshold) || !finite(d.linear.scale, d.linear.bias, d.linear.vector, d.mean):
			return errors.New("a setting is not a number")
		case d.Length < 0 || d.Length > maxVectorLength:
			return errors.New("an impossible length of vectors")
		case d.Length > 0 && (len(d.linear.vector) != labels*d.Dimension || len(d.mean) != d.Dimension):
			return errors.New("the weights of vectors are incomplete")
		}
		columns := features
		if d.Length == 0 {
			columns += d.Dimension
		}
		if err := d.linear.check(columns, labels); err != nil {
			return err
		}
	}
	questions := len(meta.Questions)
	if len(meta.QuestionReply) != questions || questions > MaxExamples {
		return errors.New("the replies don't belong to the questions")
	}
	for _, r := range meta.QuestionReply {
		if r < 0 || r >= len(meta.Replies) {
			return errors.New("a question has no reply")
		}
	}
	if n := len(meta.QuestionFile); n != 0 && n != questions {
		return errors.New("the files don't belong to the questions")
	}
	for _, f := range meta.QuestionFile {
		if f < 0 || f > len(meta.Files) {
			return errors.New("a question is of no file")
		}
	}
	if v := meta.Vectors; v != nil {
		if err := v.check(len(m.Texts())); err != nil {
			return err
		}
	}
	if !finite(m.weight, m.labels.scale, m.labels.bias) {
		return errors.New("a weight is not a number")
	}
	if labels == 0 && questions == 0 {
		return errors.New("it knows neither labels nor replies")
	}
	return nil
}

func checkStarts(start []uint32, n, total int) error {
	if len(start) != n+1 || start[0] != 0 || int(start[n]) != total {
		return errors.New("an index of rows is incomplete")
	}
	for i := range n {
		if start[i] > start[i+1] {
			return errors.New("an index of rows goes back")
		}
	}
	return nil
}

// finite reports whether all values are numbers.
func finite(lists ...[]float32) bool {
	for _, l := range lists {
		for _, v := range l {
			if v != v || v > math.MaxFloat32 || v < -math.MaxFloat32 {
				return false
			}
		}
	}
	return true
}

// check reports whether the machines tell n classes apart over the features.
func (m *linear) check(features, n int) error {
	if err := checkStarts(m.start, features, len(m.class)); err != nil {
		return err
	}
	if len(m.q) != len(m.class) || len(m.scale) != n || len(m.bias) != n {
		return errors.New("the weights don't belong to the classes")
	}
	for _, c := range m.class {
		if int(c) >= n {
			return errors.New("a weight belongs to no class")
		}
	}
	return nil
}

func (p *parser) linear() linear {
	return linear{
		start: section[uint32](p, 4),
		class: section[uint16](p, 2),
		q:     section[int8](p, 1),
		scale: section[float32](p, 4),
		bias:  section[float32](p, 4),
	}
}

// parser cuts sections off b; the first error stays.
type parser struct {
	b   []byte
	err error
}

func (p *parser) bytes() []byte {
	if p.err != nil {
		return nil
	}
	if len(p.b) < 4 {
		p.err = io.ErrUnexpectedEOF
		return nil
	}
	n := binary.LittleEndian.Uint32(p.b)
	if uint64(n) > uint64(len(p.b)-4) {
		p.err = io.ErrUnexpectedEOF
		return nil
	}
	out := p.b[4 : 4+n]
	p.b = p.b[4+n:]
	return out
}

func section[T uint64 | uint32 | uint16 | int8 | float32](p *parser, size int) []T {
	raw := p.bytes()
	if p.err == nil && len(raw)%size != 0 {
		p.err = errors.New("a section has a broken length")
	}
	if p.err != nil || len(raw) == 0 {
		return nil
	}
	out := make([]T, len(raw)/size)
	if _, err := binary.Decode(raw, binary.LittleEndian, out); err != nil {
		p.err = err
	}
	return out
}
