package mls

import (
	"bytes"
	"fmt"
	"slices"
)

// validate checks a tree that came from outside: sections 7.3, 7.9.2 and
// 12.4.3.1. Afterwards every hash is known.
func (t *RatchetTree) validate(groupID []byte, groupExtensions []Extension) error {
	t.treeHash()
	if err := t.validateKeys(); err != nil {
		return err
	}
	for x := range t.nodes {
		if x := nodeIndex(x); t.nodes[x].parent != nil {
			if err := t.validateUnmerged(x); err != nil {
				return err
			}
			if !t.parentHashValid(x) {
				return fmt.Errorf("%w: node %d", ErrParentHash, x)
			}
		}
	}
	return t.validateLeaves(groupID, groupExtensions)
}

// validateKeys checks that no key occurs twice: sections 7.3 and 12.4.3.1.
func (t *RatchetTree) validateKeys() error {
	encryption := make(map[string]struct{}, len(t.nodes))
	signature := make(map[string]struct{}, t.leaves())
	for x, n := range t.nodes {
		if n.blank() {
			continue
		}
		key := t.publicKey(nodeIndex(x))
		if n.parent != nil {
			if err := t.suite.checkPublicKey(key); err != nil {
				return err
			}
		} else {
			if _, again := signature[string(n.leaf.SignatureKey)]; again {
				return fmt.Errorf("%w: signature key of leaf %d", ErrDuplicateKey, x/2)
			}
			signature[string(n.leaf.SignatureKey)] = struct{}{}
		}
		if _, again := encryption[string(key)]; again {
			return fmt.Errorf("%w: encryption key of node %d", ErrDuplicateKey, x)
		}
		encryption[string(key)] = struct{}{}
	}
	return nil
}

// validateUnmerged checks the unmerged leaves of x: section 12.4.3.1.
func (t *RatchetTree) validateUnmerged(x nodeIndex) error {
	for _, l := range t.nodes[x].parent.unmergedLeaves {
		if !x.covers(l) || t.leaf(l) == nil {
			return fmt.Errorf("%w: unmerged leaf %d is not below node %d", ErrTree, l, x)
		}
		for y := l.node().parent(); y != x; y = y.parent() {
			if p := t.nodes[y].parent; p != nil {
				if _, ok := slices.BinarySearch(p.unmergedLeaves, l); !ok {
					return fmt.Errorf("%w: node %d lacks unmerged leaf %d", ErrTree, y, l)
				}
			}
		}
	}
	return nil
}

// parentHashValid reports whether one node below x was set together with x:
// section 7.9.2.
func (t *RatchetTree) parentHashValid(x nodeIndex) bool {
	unmerged := t.nodes[x].parent.unmergedLeaves
	var resolution []nodeIndex
	for _, c := range [2]nodeIndex{x.left(), x.right()} {
		want := below(c, unmerged)
		resolution = t.appendResolution(resolution[:0], c)
		if len(resolution) != len(want)+1 {
			continue
		}
		// All but one node of the resolution must be the unmerged leaves.
		others := slices.DeleteFunc(resolution, func(d nodeIndex) bool {
			_, ok := slices.BinarySearch(want, d.leaf())
			return ok && d.isLeaf()
		})
		if len(others) == 1 && bytes.Equal(t.parentHashOf(others[0]), t.parentHash(x, c.sibling())) {
			return true
		}
	}
	return false
}

// parentHashOf returns the parent_hash that node d carries, nil if none.
func (t *RatchetTree) parentHashOf(d nodeIndex) []byte {
	switch n := t.nodes[d]; {
	case n.parent != nil:
		return n.parent.parentHash
	case n.leaf != nil && n.leaf.Source == SourceCommit:
		return n.leaf.ParentHash
	}
	return nil
}

// validateLeaves checks every leaf and its signature, on all processors.
func (t *RatchetTree) validateLeaves(groupID []byte, groupExtensions []Extension) error {
	return parallel(t.leaves(), func(i int) error {
		l := LeafIndex(i)
		leaf := t.leaf(l)
		if leaf == nil {
			return nil
		}
		err := leaf.validate(t.suite, groupExtensions)
		if err == nil {
			err = leaf.verifySignature(t.suite, groupID, l)
		}
		if err != nil {
			return fmt.Errorf("leaf %d: %w", l, err)
		}
		return nil
	})
}

// checkNewLeaf refuses keys that another leaf or a parent already uses: section 7.3.
func (t *RatchetTree) checkNewLeaf(leaf *LeafNode, at LeafIndex) error {
	for x, n := range t.nodes {
		if n.blank() || nodeIndex(x) == at.node() {
			continue
		}
		if bytes.Equal(t.publicKey(nodeIndex(x)), leaf.EncryptionKey) {
			return fmt.Errorf("%w: encryption key of node %d", ErrDuplicateKey, x)
		}
		if n.leaf != nil && bytes.Equal(n.leaf.SignatureKey, leaf.SignatureKey) {
			return fmt.Errorf("%w: signature key of leaf %d", ErrDuplicateKey, x/2)
		}
	}
	return nil
}
