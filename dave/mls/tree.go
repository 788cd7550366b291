package mls

import (
	"fmt"
	"slices"
)

// A parentNode mirrors ParentNode of section 7.1. One that is part of a tree
// is never changed.
type parentNode struct {
	encryptionKey  []byte
	parentHash     []byte
	unmergedLeaves []LeafIndex // ascending
}

func (p *parentNode) append(b []byte) []byte {
	b = appendOpaque(b, p.encryptionKey)
	b = appendOpaque(b, p.parentHash)
	b = appendVarint(b, 4*len(p.unmergedLeaves))
	for _, l := range p.unmergedLeaves {
		b = appendUint32(b, uint32(l))
	}
	return b
}

func readParentNode(d *decoder) *parentNode {
	p := &parentNode{encryptionKey: d.opaque(), parentHash: d.opaque()}
	in := decoder{b: d.opaque()}
	if len(in.b)%4 != 0 {
		d.fail(ErrMalformed, "unmerged_leaves of %d bytes", len(in.b))
		return p
	}
	p.unmergedLeaves = make([]LeafIndex, 0, len(in.b)/4)
	for len(in.b) > 0 {
		l := LeafIndex(in.uint32())
		if n := len(p.unmergedLeaves); n > 0 && p.unmergedLeaves[n-1] >= l {
			d.fail(ErrMalformed, "unmerged_leaves not ascending")
		}
		p.unmergedLeaves = append(p.unmergedLeaves, l)
	}
	return p
}

// A treeNode is blank, or holds a leaf or a parent by the parity of its index.
type treeNode struct {
	leaf   *LeafNode
	parent *parentNode
}

func (n treeNode) blank() bool { return n.leaf == nil && n.parent == nil }

// A RatchetTree is the public half of a group's ratchet tree: RFC 9420
// sections 4 and 7. Groups share its nodes, which never change.
type RatchetTree struct {
	suite  CipherSuite
	nodes  []treeNode // 2^(d+1)-1
	hashes [][]byte   // tree hash per node; nil where a node below changed
}

// newRatchetTree makes the tree of one member.
func newRatchetTree(suite CipherSuite, leaf *LeafNode) *RatchetTree {
	return &RatchetTree{suite: suite, nodes: []treeNode{{leaf: leaf}}, hashes: make([][]byte, 1)}
}

// ParseRatchetTree reads the content of a ratchet_tree extension (RFC 9420
// section 12.4.3.3). It checks the form only; [JoinWelcome] checks the rest.
func ParseRatchetTree(suite CipherSuite, b []byte) (*RatchetTree, error) {
	if err := suite.check(); err != nil {
		return nil, err
	}
	nodes, err := decode(b, readTreeNodes)
	if err != nil {
		return nil, fmt.Errorf("ratchet tree: %w", err)
	}
	width := 1
	for width < len(nodes) {
		width = 2*width + 1
	}
	nodes = append(nodes, make([]treeNode, width-len(nodes))...)
	return &RatchetTree{suite: suite, nodes: nodes, hashes: make([][]byte, width)}, nil
}

// readTreeNodes reads optional<Node> ratchet_tree<V>: section 12.4.3.3.
func readTreeNodes(d *decoder) []treeNode {
	index := nodeIndex(0)
	nodes := vector(d, 2*MaxLeaves-1, func(d *decoder) (n treeNode) {
		if d.optional() {
			switch kind := d.uint8(); {
			case kind == 1 && index.isLeaf():
				n.leaf = readLeafNode(d)
			case kind == 2 && !index.isLeaf():
				n.parent = readParentNode(d)
			default:
				d.fail(ErrMalformed, "node %d of type %d", index, kind)
			}
		}
		index++
		return n
	})
	if len(nodes) == 0 || nodes[len(nodes)-1].blank() {
		d.fail(ErrMalformed, "tree ends in a blank node")
	}
	return nodes
}

// Marshal encodes the tree as the content of a ratchet_tree extension.
func (t *RatchetTree) Marshal() []byte {
	end := len(t.nodes)
	for end > 0 && t.nodes[end-1].blank() {
		end--
	}
	b := make([]byte, 0, 64+192*end)
	return appendVector(b, t.nodes[:end], func(b []byte, n treeNode) []byte {
		switch {
		case n.leaf != nil:
			return n.leaf.append(append(b, 1, 1))
		case n.parent != nil:
			return n.parent.append(append(b, 1, 2))
		}
		return append(b, 0)
	})
}

// clone returns a tree that can be changed while t stays as it is.
func (t *RatchetTree) clone() *RatchetTree {
	return &RatchetTree{suite: t.suite, nodes: slices.Clone(t.nodes), hashes: slices.Clone(t.hashes)}
}

func (t *RatchetTree) leaves() int     { return (len(t.nodes) + 1) / 2 }
func (t *RatchetTree) root() nodeIndex { return root(t.leaves()) }

// leaf returns the leaf of a member, or nil.
func (t *RatchetTree) leaf(l LeafIndex) *LeafNode {
	if int(l) >= t.leaves() {
		return nil
	}
	return t.nodes[l.node()].leaf
}

// set replaces a node and forgets the hashes that cover it.
func (t *RatchetTree) set(x nodeIndex, n treeNode) {
	t.nodes[x] = n
	for r := t.root(); ; x = x.parent() {
		t.hashes[x] = nil
		if x == r {
			return
		}
	}
}

// directPath lists the nodes above a leaf up to the root: section 4.1.
func (t *RatchetTree) directPath(l LeafIndex) []nodeIndex {
	path := make([]nodeIndex, 0, 16)
	for x, r := l.node(), t.root(); x != r; {
		x = x.parent()
		path = append(path, x)
	}
	return path
}

// A pathStep is a node of a filtered direct path and the child of it that is
// on the leaf's copath: section 4.1.
type pathStep struct {
	node, copath nodeIndex
}

// filteredDirectPath is the direct path without nodes that have nobody below
// their copath child: section 4.1.2.
func (t *RatchetTree) filteredDirectPath(l LeafIndex) []pathStep {
	path := make([]pathStep, 0, 16)
	for x, r := l.node(), t.root(); x != r; x = x.parent() {
		if s := x.sibling(); t.occupied(s) {
			path = append(path, pathStep{node: x.parent(), copath: s})
		}
	}
	return path
}

// occupied reports whether the resolution of x has any node.
func (t *RatchetTree) occupied(x nodeIndex) bool {
	for l := x.first(); l <= x.last(); l++ {
		if t.nodes[l.node()].leaf != nil {
			return true
		}
	}
	return false
}

// appendResolution appends the resolution of x, ascending from the left:
// section 4.1.1.
func (t *RatchetTree) appendResolution(to []nodeIndex, x nodeIndex) []nodeIndex {
	n := t.nodes[x]
	switch {
	case n.leaf != nil:
		return append(to, x)
	case n.parent != nil:
		to = append(to, x)
		for _, l := range n.parent.unmergedLeaves {
			to = append(to, l.node())
		}
		return to
	case x.isLeaf():
		return to
	}
	return t.appendResolution(t.appendResolution(to, x.left()), x.right())
}

// publicKey returns the encryption key of a node that isn't blank.
func (t *RatchetTree) publicKey(x nodeIndex) []byte {
	n := t.nodes[x]
	if n.leaf != nil {
		return n.leaf.EncryptionKey
	}
	return n.parent.encryptionKey
}

// add puts a leaf into the leftmost blank place: sections 7.7 and 12.1.1.
func (t *RatchetTree) add(leaf *LeafNode) (LeafIndex, error) {
	l := LeafIndex(0)
	for int(l) < t.leaves() && t.leaf(l) != nil {
		l++
	}
	if int(l) == t.leaves() {
		if 2*t.leaves() > MaxLeaves {
			return 0, fmt.Errorf("%w: more than %d leaves", ErrTooLarge, MaxLeaves)
		}
		// The new root and its right half, all blank.
		t.nodes = append(t.nodes, make([]treeNode, len(t.nodes)+1)...)
		t.hashes = append(t.hashes, make([][]byte, len(t.hashes)+1)...)
	}
	t.set(l.node(), treeNode{leaf: leaf})
	for _, x := range t.directPath(l) {
		if p := t.nodes[x].parent; p != nil {
			q := *p
			i, _ := slices.BinarySearch(q.unmergedLeaves, l)
			q.unmergedLeaves = slices.Insert(slices.Clone(q.unmergedLeaves), i, l)
			t.nodes[x].parent = &q
		}
	}
	return l, nil
}

// blankPath blanks the direct path of a leaf: sections 7.5, 12.1.2 and 12.1.3.
func (t *RatchetTree) blankPath(l LeafIndex) {
	for _, x := range t.directPath(l) {
		t.nodes[x] = treeNode{}
		t.hashes[x] = nil
	}
}

// update replaces a member's leaf: section 12.1.2.
func (t *RatchetTree) update(l LeafIndex, leaf *LeafNode) {
	t.set(l.node(), treeNode{leaf: leaf})
	t.blankPath(l)
}

// remove blanks a member's leaf and shrinks the tree: sections 7.7 and 12.1.3.
func (t *RatchetTree) remove(l LeafIndex) {
	t.set(l.node(), treeNode{})
	t.blankPath(l)
	for len(t.nodes) > 1 && !t.occupied(t.root().right()) {
		t.nodes = t.nodes[:len(t.nodes)/2]
		t.hashes = t.hashes[:len(t.nodes)]
	}
}

// hash returns the tree hash of node x: section 7.8.
func (t *RatchetTree) hash(x nodeIndex) []byte {
	if t.hashes[x] == nil {
		t.hashes[x] = t.hashWithout(x, nil)
	}
	return t.hashes[x]
}

// treeHash returns the tree hash of the root.
func (t *RatchetTree) treeHash() []byte { return t.hash(t.root()) }

// hashWithout returns the tree hash of node x as it would be if the leaves
// in out, ascending, had never been added: sections 7.8 and 7.9.
func (t *RatchetTree) hashWithout(x nodeIndex, out []LeafIndex) []byte {
	out = below(x, out)
	if len(out) == 0 && t.hashes[x] != nil {
		return t.hashes[x]
	}
	n := t.nodes[x]
	b := make([]byte, 0, 320)
	if x.isLeaf() {
		// LeafNodeHashInput
		b = appendUint32(append(b, 1), uint32(x.leaf()))
		present := n.leaf != nil && len(out) == 0
		b = appendOptional(b, present)
		if present {
			b = n.leaf.append(b)
		}
		return t.suite.hash(b)
	}
	// ParentNodeHashInput
	b = appendOptional(append(b, 2), n.parent != nil)
	if p := n.parent; p != nil {
		if len(out) > 0 {
			q := *p
			q.unmergedLeaves = slices.DeleteFunc(slices.Clone(p.unmergedLeaves), func(l LeafIndex) bool {
				_, gone := slices.BinarySearch(out, l)
				return gone
			})
			p = &q
		}
		b = p.append(b)
	}
	for _, c := range [2]nodeIndex{x.left(), x.right()} {
		if len(out) == 0 {
			b = appendOpaque(b, t.hash(c))
		} else {
			b = appendOpaque(b, t.hashWithout(c, out))
		}
	}
	return t.suite.hash(b)
}

// below returns those of the ascending leaves that are x or below it.
func below(x nodeIndex, leaves []LeafIndex) []LeafIndex {
	if len(leaves) == 0 {
		return nil
	}
	i, _ := slices.BinarySearch(leaves, x.first())
	j, _ := slices.BinarySearch(leaves, x.last()+1)
	return leaves[i:j]
}

// parentHash returns the parent hash of node x with copath child s: section 7.9.
func (t *RatchetTree) parentHash(x, s nodeIndex) []byte {
	p := t.nodes[x].parent
	b := make([]byte, 0, 192)
	b = appendOpaque(b, p.encryptionKey)
	b = appendOpaque(b, p.parentHash)
	if len(below(s, p.unmergedLeaves)) == 0 {
		b = appendOpaque(b, t.hash(s))
	} else {
		b = appendOpaque(b, t.hashWithout(s, p.unmergedLeaves))
	}
	return t.suite.hash(b)
}
