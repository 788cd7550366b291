package mls

import "math/bits"

// The tree of RFC 9420 section 4.1 and appendix C: its leaves, always a power
// of two, are the even nodes of an array, their parents the odd ones.

// A LeafIndex is the position of a member in the ratchet tree, from 0:
// RFC 9420 section 4.1.
type LeafIndex uint32

// A nodeIndex is a position in the array representation: appendix C.
type nodeIndex uint32

func (l LeafIndex) node() nodeIndex { return nodeIndex(2 * l) }

func (x nodeIndex) isLeaf() bool    { return x&1 == 0 }
func (x nodeIndex) leaf() LeafIndex { return LeafIndex(x / 2) }
func (x nodeIndex) level() int      { return bits.TrailingZeros32(^uint32(x)) }

func (x nodeIndex) left() nodeIndex  { return x ^ 1<<(x.level()-1) }
func (x nodeIndex) right() nodeIndex { return x ^ 3<<(x.level()-1) }

// parent doesn't know where the tree ends: see root.
func (x nodeIndex) parent() nodeIndex {
	k := x.level()
	return (x | 1<<k) &^ (1 << (k + 1))
}

func (x nodeIndex) sibling() nodeIndex {
	p := x.parent()
	if x < p {
		return p.right()
	}
	return p.left()
}

// first and last are the outermost leaves below x.
func (x nodeIndex) first() LeafIndex { return (x - (1<<x.level() - 1)).leaf() }
func (x nodeIndex) last() LeafIndex  { return (x + (1<<x.level() - 1)).leaf() }

// covers reports whether leaf l is x or below it.
func (x nodeIndex) covers(l LeafIndex) bool { return x.first() <= l && l <= x.last() }

// root is the root of a tree of 2^d leaves.
func root(leaves int) nodeIndex { return nodeIndex(leaves - 1) }
