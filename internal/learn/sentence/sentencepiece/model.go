// Package sentencepiece splits texts into the pieces of a unigram model of SentencePiece.
//
// [Read] takes the model's file (a ModelProto of sentencepiece_model.proto, as a rule named sp.model or
// sentencepiece.bpe.model), [New] a list of pieces from elsewhere; [Model.Encode] gives the numbers of a text's pieces. Marks that frame a sentence are the
// caller's to add. A model is made once and then used by any number of goroutines.
package sentencepiece

import (
	"errors"
	"fmt"
	"io"
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// Limits on a model's file.
const (
	maxModelBytes = 32 << 20
	maxPieces     = 1 << 20
	maxPieceBytes = 512
)

// Numbers of fields in sentencepiece_model.proto.
const (
	fieldPieces     = 1 // ModelProto
	fieldNormalizer = 3
	fieldPiece      = 1 // ModelProto.SentencePiece
	fieldScore      = 2
	fieldType       = 3
	fieldCharsMap   = 2 // NormalizerSpec
)

// Values of ModelProto.SentencePiece.Type of the pieces that no text holds.
const (
	typeNormal  = 1
	typeUnknown = 2
	typeControl = 3
	typeByte    = 6
)

// unknownPenalty is what an unknown character scores below the least likely piece.
const unknownPenalty = 10

// ErrModel is wrapped by errors about a file that is no model of SentencePiece, or a damaged one.
var ErrModel = errors.New("this is no SentencePiece model")

// Model is a list of pieces with their scores. It doesn't change, and is safe for concurrent use.
type Model struct {
	scores  []float32 // logarithms of probabilities, by piece
	unknown float64   // score of a character that no piece is
	instead int32     // the piece that stands for such a character
	pieces  trie
	chars   replacer
}

// Piece is a piece of a model.
type Piece struct {
	Text  string  // with U+2581 for a space; empty for one that no text has
	Score float32 // the logarithm of its probability
}

// New makes a model of a list of pieces, whose numbers are their places, with the number of the one that stands for
// unknown characters, and with what is written instead of some characters.
func New(pieces []Piece, unknown int32, instead map[rune]string) (*Model, error) {
	if len(pieces) > maxPieces {
		return nil, fmt.Errorf("%w: it has over %d pieces", ErrModel, maxPieces)
	}
	if unknown < 0 || int(unknown) >= len(pieces) {
		return nil, fmt.Errorf("%w: piece %d, for what is unknown, isn't there", ErrModel, unknown)
	}
	m := &Model{instead: unknown, chars: runeMap(instead)}
	var list []entry
	for i, p := range pieces {
		if len(p.Text) > maxPieceBytes {
			return nil, fmt.Errorf("%w: piece %d has over %d bytes", ErrModel, i, maxPieceBytes)
		}
		if p.Text != "" {
			list = append(list, entry{p.Text, int32(i)})
		}
		m.scores = append(m.scores, p.Score)
	}
	return m, m.finish(list)
}

// finish makes the model of its scores and pieces ready.
func (m *Model) finish(list []entry) error {
	if len(list) == 0 {
		return fmt.Errorf("%w: it has no pieces", ErrModel)
	}
	least := float32(0)
	for i, s := range m.scores {
		if s := float64(s); math.IsNaN(s) || math.IsInf(s, 0) {
			return fmt.Errorf("%w: the score of piece %d is no number", ErrModel, i)
		}
		least = min(least, s)
	}
	m.unknown = float64(least) - unknownPenalty
	m.pieces = newTrie(list)
	return nil
}

// Read reads a model of at most 32 MB. Errors about its content wrap [ErrModel].
func Read(r io.Reader) (*Model, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxModelBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read a SentencePiece model: %w", err)
	}
	if len(b) > maxModelBytes {
		return nil, fmt.Errorf("%w: it has over %d MB", ErrModel, maxModelBytes>>20)
	}
	m := &Model{instead: Unknown, chars: charsMap{}}
	var list []entry
	err = fields(b, func(number protowire.Number, value []byte, _ uint64) error {
		switch number {
		case fieldPieces:
			if len(m.scores) == maxPieces {
				return fmt.Errorf("it has over %d pieces", maxPieces)
			}
			piece, score, kind, err := readPiece(value)
			if err != nil {
				return fmt.Errorf("piece %d: %w", len(m.scores), err)
			}
			if kind != typeUnknown && kind != typeControl && kind != typeByte && piece != "" {
				list = append(list, entry{piece, int32(len(m.scores))})
			}
			m.scores = append(m.scores, score)
		case fieldNormalizer:
			return fields(value, func(number protowire.Number, value []byte, _ uint64) (err error) {
				if number == fieldCharsMap {
					m.chars, err = readCharsMap(value)
				}
				return err
			})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrModel, err)
	}
	return m, m.finish(list)
}

// Pieces is the number of pieces; those of a text are numbered from 0 to one less.
func (m *Model) Pieces() int { return len(m.scores) }

func readPiece(b []byte) (piece string, score float32, kind uint64, err error) {
	kind = typeNormal
	err = fields(b, func(number protowire.Number, value []byte, n uint64) error {
		switch number {
		case fieldPiece:
			if len(value) > maxPieceBytes {
				return fmt.Errorf("it has over %d bytes", maxPieceBytes)
			}
			piece = string(value)
		case fieldScore:
			score = math.Float32frombits(uint32(n))
		case fieldType:
			kind = n
		}
		return nil
	})
	return piece, score, kind, err
}

// fields calls visit for every field of a message: with its bytes, or with its number.
func fields(b []byte, visit func(number protowire.Number, value []byte, n uint64) error) error {
	for len(b) > 0 {
		number, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		var value []byte
		var n uint64
		switch kind {
		case protowire.BytesType:
			value, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			n, size = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, size = protowire.ConsumeFixed32(b)
			n = uint64(v)
		default:
			size = protowire.ConsumeFieldValue(number, kind, b)
		}
		if size < 0 {
			return protowire.ParseError(size)
		}
		b = b[size:]
		if err := visit(number, value, n); err != nil {
			return err
		}
	}
	return nil
}
