package mls

import (
	"bytes"
	"errors"
	"testing"
)

func TestMalformed(t *testing.T) {
	leaf := newWorld(t, P256, 1).bundle("x").KeyPackage.LeafNode
	leafWith := func(change func(*LeafNode)) []byte {
		l := *leaf
		change(&l)
		return l.append(nil)
	}
	hexes := func(b ...byte) []byte { return b }
	for _, c := range []struct {
		name string
		in   []byte
		read func([]byte) error
		want error
	}{
		{"varint of 2 bytes for 63", hexes(0x40, 63), refusal(func(d *decoder) int { return d.varint() }), ErrMalformed},
		{"varint of 4 bytes for 16383", hexes(0x80, 0, 0x3f, 0xff), refusal(func(d *decoder) int { return d.varint() }), ErrMalformed},
		{"varint prefix 3", hexes(0xc0, 0, 0, 0, 0, 0, 0, 0), refusal(func(d *decoder) int { return d.varint() }), ErrMalformed},
		{"varint cut off", hexes(0x80, 0), refusal(func(d *decoder) int { return d.varint() }), ErrMalformed},
		{"opaque longer than the input", hexes(0xbf, 0xff, 0xff, 0xff), refusal((*decoder).opaque), ErrMalformed},
		{"presence 2", hexes(2), refusal((*decoder).optional), ErrMalformed},
		{"nothing", nil, refusal(readKeyPackage), ErrMalformed},
		{"odd capabilities", hexes(1, 0), refusal(readUint16s[uint16]), ErrMalformed},
		{"X.509 credential", hexes(0, 2, 0), refusal(readCredential), ErrUnsupported},
		{"leaf node source 4", leafWith(func(l *LeafNode) { l.Source = 4 }), refusal(readLeafNode), ErrMalformed},
		{"sender type 5", hexes(5), refusal(readSender), ErrMalformed},
		{"proposal type 8", hexes(0, 8), refusal(readProposal), ErrUnsupported},
		{"ProposalOrRef type 3", hexes(3, 0), refusal(readProposalOrRef), ErrMalformed},
		{"PSK type 3", hexes(3, 0), refusal(readPreSharedKeyID), ErrMalformed},
		{"PSK usage 4", hexes(2, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), refusal(readPreSharedKeyID), ErrMalformed},
		{"protocol version 2", hexes(0, 2, 0, 1), refusal(readMessage), ErrUnsupported},
		{"wire format 6", hexes(0, 1, 0, 6), refusal(readMessage), ErrUnsupported},
		{"unmerged leaves not ascending", hexes(0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 1), refusal(readParentNode), ErrMalformed},
		{"unmerged leaves of 3 bytes", hexes(0, 0, 3, 0, 0, 0), refusal(readParentNode), ErrMalformed},
		{"tree without a node", hexes(0), refusal(readTreeNodes), ErrMalformed},
		{"tree that ends blank", hexes(1, 0), refusal(readTreeNodes), ErrMalformed},
		{"parent in a leaf's place", hexes(5, 1, 2, 0, 0, 0), refusal(readTreeNodes), ErrMalformed},
		{"too many nodes", appendOpaque(nil, make([]byte, 2*MaxLeaves)), refusal(readTreeNodes), ErrTooLarge},
		{"too many proposals", appendOpaque(nil, bytes.Repeat([]byte{2, 0}, maxProposals+1)), refusal(readCommit), ErrTooLarge},
	} {
		t.Run(c.name, func(t *testing.T) {
			wantRefusal(t, c.read(c.in), c.want)
		})
	}
}

func refusal[T any](read func(*decoder) T) func([]byte) error {
	return func(b []byte) error {
		_, err := decode(b, read)
		return err
	}
}

func TestVarintRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 16383, 16384, 1<<30 - 1} {
		d := decoder{b: appendVarint(nil, n)}
		if got := d.varint(); got != n || d.err != nil || len(d.b) > 0 {
			t.Errorf("%d became %d, %v", n, got, d.err)
		}
	}
}

func TestTreeLimit(t *testing.T) {
	tree := &RatchetTree{suite: P256, nodes: make([]treeNode, 2*MaxLeaves-1), hashes: make([][]byte, 2*MaxLeaves-1)}
	for l := range LeafIndex(MaxLeaves) {
		tree.nodes[l.node()].leaf = new(LeafNode)
	}
	if _, err := tree.add(new(LeafNode)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("one leaf too many: %v", err)
	}
}
