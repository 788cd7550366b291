package sentencepiece

import (
	"math"
	"slices"
	"unicode/utf8"
)

// Unknown is the number of the piece that stands for a character that no piece has, in models that [Read] reads.
const Unknown = 0

// Encode gives the numbers of the most likely pieces that make up the text, which is normalized first. A text without
// anything to read has no pieces. Only the first 8 KB of a text are looked at. Any bytes are a text.
func (m *Model) Encode(text string) []int32 {
	line := m.normalize(text)
	// The best way to each place, by Viterbi's algorithm: its score, and the last piece on it with where that begins.
	type way struct {
		score float64
		from  int32
		piece int32
	}
	best := make([]way, len(line)+1)
	for i := range best {
		best[i].score = math.Inf(-1)
	}
	best[0].score = 0
	for at := 0; at < len(line); {
		_, size := utf8.DecodeRune(line[at:])
		score, single := best[at].score, false
		node := uint32(0)
		for i := at; i < len(line); i++ {
			if node = m.pieces.child(node, line[i]); node == 0 {
				break
			}
			id := m.pieces.id[node]
			if id < 0 {
				continue
			}
			single = single || i+1 == at+size
			if s := score + float64(m.scores[id]); s > best[i+1].score {
				best[i+1] = way{s, int32(at), id}
			}
		}
		if s := score + m.unknown; !single && s > best[at+size].score {
			best[at+size] = way{s, int32(at), m.instead}
		}
		at += size
	}
	var ids []int32
	for at := len(line); at > 0; at = int(best[at].from) {
		ids = append(ids, best[at].piece)
	}
	slices.Reverse(ids)
	return ids
}
