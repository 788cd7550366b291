package sentencepiece

import (
	"bytes"
	"cmp"
	"slices"
)

// entry is a piece with its number.
type entry struct {
	piece string
	id    int32
}

// trie finds the pieces that a text begins with, byte by byte. Nodes are numbered level by level, so that the children
// of node i, sorted by their bytes, are those from first[i] to first[i+1]-1.
type trie struct {
	first []uint32
	label []byte  // that leads to the node
	id    []int32 // of the piece that ends at the node; -1 where none does
}

// newTrie sorts the list and builds the trie. Of equal pieces the first in the model counts.
func newTrie(list []entry) trie {
	slices.SortFunc(list, func(a, b entry) int { return cmp.Or(cmp.Compare(a.piece, b.piece), cmp.Compare(a.id, b.id)) })
	type span struct{ from, to, depth int } // of the list: what begins with the node's bytes
	t := trie{label: []byte{0}, id: []int32{-1}}
	for level := []span{{0, len(list), 0}}; len(level) > 0; {
		var next []span
		for _, s := range level {
			t.first = append(t.first, uint32(len(t.label)))
			from := s.from
			for from < s.to && len(list[from].piece) == s.depth { // ends here
				from++
			}
			for from < s.to {
				c, to := list[from].piece[s.depth], from+1
				for to < s.to && list[to].piece[s.depth] == c {
					to++
				}
				id := int32(-1)
				if len(list[from].piece) == s.depth+1 {
					id = list[from].id
				}
				t.label, t.id = append(t.label, c), append(t.id, id)
				next = append(next, span{from, to, s.depth + 1})
				from = to
			}
		}
		level = next
	}
	t.first = append(t.first, uint32(len(t.label)))
	return t
}

// child is the node that byte c leads to from a node; 0, the root, where none does.
func (t *trie) child(node uint32, c byte) uint32 {
	first := t.first[node]
	if i := bytes.IndexByte(t.label[first:t.first[node+1]], c); i >= 0 {
		return first + uint32(i)
	}
	return 0
}
