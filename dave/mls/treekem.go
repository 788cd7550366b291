package mls

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"slices"
	"sync"
)

// A derivedPath is the chain of path secrets of section 7.4, from some node
// of a filtered direct path up to the root, and what follows them.
type derivedPath struct {
	secrets      [][]byte
	keys         []keyPair
	commitSecret []byte
}

// derivePath derives n nodes from the path secret of the first.
func (s CipherSuite) derivePath(first []byte, n int) (derivedPath, error) {
	p := derivedPath{commitSecret: bytes.Clone(first)}
	for range n {
		secret := p.commitSecret
		nodeSecret := s.deriveSecret(secret, "node")
		key, err := s.deriveKeyPair(nodeSecret)
		clear(nodeSecret)
		if err != nil {
			return derivedPath{}, err
		}
		p.secrets = append(p.secrets, secret)
		p.keys = append(p.keys, key)
		p.commitSecret = s.deriveSecret(secret, "path")
	}
	return p, nil
}

// eraseSecrets overwrites the path secrets, not the keys.
func (p *derivedPath) eraseSecrets() {
	for _, s := range p.secrets {
		clear(s)
	}
	clear(p.commitSecret)
}

// setPath puts new keys on the filtered direct path of l, blanks the rest of
// its direct path, and returns the parent hash for its leaf: sections 7.5 and 7.9.
func (t *RatchetTree) setPath(l LeafIndex, steps []pathStep, key func(i int) []byte) []byte {
	t.blankPath(l)
	t.hashes[l.node()] = nil
	parentHash := []byte{}
	for i := len(steps) - 1; i >= 0; i-- {
		t.nodes[steps[i].node].parent = &parentNode{encryptionKey: key(i), parentHash: parentHash}
		parentHash = t.parentHash(steps[i].node, steps[i].copath)
	}
	return parentHash
}

// An ownPath is an UpdatePath in the making, with its secrets.
type ownPath struct {
	derivedPath
	steps []pathStep
	leaf  *LeafNode
	key   keyPair // of the leaf
}

// renew gives leaf l and the nodes above it new keys: section 7.5.
func (t *RatchetTree) renew(l LeafIndex, signer *SignatureKey, groupID []byte, rand io.Reader) (*ownPath, error) {
	p := &ownPath{steps: t.filteredDirectPath(l)}
	first, err := randomBytes(rand, hashSize)
	if err != nil {
		return nil, err
	}
	defer clear(first)
	if p.derivedPath, err = t.suite.derivePath(first, len(p.steps)); err != nil {
		return nil, err
	}
	if p.key, err = t.suite.generateKey(rand); err != nil {
		return nil, err
	}
	leaf := *t.leaf(l)
	leaf.EncryptionKey = p.key.public
	leaf.Source = SourceCommit
	leaf.Lifetime = Lifetime{}
	leaf.ParentHash = t.setPath(l, p.steps, func(i int) []byte { return p.keys[i].public })
	if err := leaf.sign(signer, groupID, l); err != nil {
		return nil, err
	}
	p.leaf = &leaf
	t.set(l.node(), treeNode{leaf: p.leaf})
	return p, nil
}

// recipients is the resolution of a copath child without the leaves that the
// same commit adds: section 7.5.
func (t *RatchetTree) recipients(copath nodeIndex, added []LeafIndex) []nodeIndex {
	all := t.appendResolution(nil, copath)
	to := all[:0]
	for _, x := range all {
		if !x.isLeaf() || !slices.Contains(added, x.leaf()) {
			to = append(to, x)
		}
	}
	return to
}

// seal encrypts the path secrets for everyone below the copath, under the
// context of the next epoch: section 7.6.
func (p *ownPath) seal(t *RatchetTree, added []LeafIndex, groupContext []byte) (*UpdatePath, error) {
	path := &UpdatePath{LeafNode: p.leaf, nodes: make([]updatePathNode, len(p.steps))}
	for i, step := range p.steps {
		to := t.recipients(step.copath, added)
		n := updatePathNode{encryptionKey: p.keys[i].public, secrets: make([]hpkeCiphertext, len(to))}
		err := parallel(len(to), func(j int) (err error) {
			n.secrets[j], err = t.suite.encryptWithLabel(t.publicKey(to[j]), "UpdatePathNode", groupContext, p.secrets[i])
			return err
		})
		if err != nil {
			return nil, err
		}
		path.nodes[i] = n
	}
	return path, nil
}

// secretFor returns the path secret that a new member needs: the one of the
// lowest node above both it and the committer (section 12.4.3.1).
func (p *ownPath) secretFor(l LeafIndex) []byte {
	for i, step := range p.steps {
		if step.copath.covers(l) {
			return p.secrets[i]
		}
	}
	return nil
}

// parallel calls f for 0..n-1 on all processors and returns an error of one.
func parallel(n int, f func(int) error) error {
	workers := min(runtime.GOMAXPROCS(0), n)
	if workers <= 1 {
		for i := range n {
			if err := f(i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < n && errs[w] == nil; i += workers {
				errs[w] = f(i)
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// checkPath checks an UpdatePath from leaf l before it is merged: sections
// 7.3, 7.5 and 12.4.2.
func (t *RatchetTree) checkPath(l LeafIndex, path *UpdatePath, steps []pathStep, added []LeafIndex, groupID []byte, groupExtensions []Extension) error {
	leaf := path.LeafNode
	switch {
	case leaf.Source != SourceCommit:
		return fmt.Errorf("%w: path with a leaf node of source %d", ErrLeafNode, leaf.Source)
	case bytes.Equal(leaf.EncryptionKey, t.leaf(l).EncryptionKey):
		return fmt.Errorf("%w: leaf keeps its encryption key", ErrPath)
	case len(path.nodes) != len(steps):
		return fmt.Errorf("%w: %d nodes for a path of %d", ErrPath, len(path.nodes), len(steps))
	}
	keys := map[string]struct{}{string(leaf.EncryptionKey): {}}
	for i, n := range path.nodes {
		if want := len(t.recipients(steps[i].copath, added)); len(n.secrets) != want {
			return fmt.Errorf("%w: %d ciphertexts for %d recipients", ErrPath, len(n.secrets), want)
		}
		if err := t.suite.checkPublicKey(n.encryptionKey); err != nil {
			return err
		}
		keys[string(n.encryptionKey)] = struct{}{}
	}
	if len(keys) != 1+len(path.nodes) {
		return fmt.Errorf("%w: twice in one path", ErrDuplicateKey)
	}
	for x, n := range t.nodes {
		if n.blank() {
			continue
		}
		// Nodes that the path replaces count too: a new key is new.
		if _, again := keys[string(t.publicKey(nodeIndex(x)))]; again {
			return fmt.Errorf("%w: path repeats the key of node %d", ErrDuplicateKey, x)
		}
		if n.leaf != nil && nodeIndex(x) != l.node() && bytes.Equal(n.leaf.SignatureKey, leaf.SignatureKey) {
			return fmt.Errorf("%w: signature key of leaf %d", ErrDuplicateKey, x/2)
		}
	}
	if err := leaf.validate(t.suite, groupExtensions); err != nil {
		return err
	}
	return leaf.verifySignature(t.suite, groupID, l)
}

// merge puts a checked UpdatePath of leaf l into the tree: section 7.5.
func (t *RatchetTree) merge(l LeafIndex, path *UpdatePath, steps []pathStep) error {
	parentHash := t.setPath(l, steps, func(i int) []byte { return path.nodes[i].encryptionKey })
	if !bytes.Equal(parentHash, path.LeafNode.ParentHash) {
		return fmt.Errorf("%w: leaf of the path", ErrParentHash)
	}
	t.set(l.node(), treeNode{leaf: path.LeafNode})
	return nil
}

// privateTree is one member's private keys in the ratchet tree: section 4.2.
type privateTree struct {
	own  LeafIndex
	leaf keyPair
	path map[nodeIndex]keyPair
}

// next copies the keys that are still those of the tree t.
func (p *privateTree) next(t *RatchetTree) privateTree {
	q := privateTree{own: p.own, leaf: p.leaf.clone(), path: make(map[nodeIndex]keyPair, len(p.path))}
	for x, k := range p.path {
		if int(x) < len(t.nodes) && t.nodes[x].parent != nil && bytes.Equal(t.nodes[x].parent.encryptionKey, k.public) {
			q.path[x] = k.clone()
		}
	}
	return q
}

func (p *privateTree) erase() {
	p.leaf.erase()
	for _, k := range p.path {
		k.erase()
	}
}

// adopt keeps the keys of the steps, whose secrets start at the first.
func (p *privateTree) adopt(steps []pathStep, keys []keyPair) {
	for i, s := range steps {
		p.path[s.node] = keys[i]
	}
}

// open decrypts the path secret that an UpdatePath holds for this member and
// derives the keys above, under the context of the next epoch: sections 7.5
// and 12.4.2. It also returns the steps whose keys it derived.
func (p *privateTree) open(t *RatchetTree, path *UpdatePath, steps []pathStep, added []LeafIndex, groupContext []byte) (derivedPath, []pathStep, error) {
	for i, step := range steps {
		if !step.copath.covers(p.own) {
			continue
		}
		for j, x := range t.recipients(step.copath, added) {
			key, ok := p.path[x]
			if x == p.own.node() {
				key, ok = p.leaf, true
			}
			if !ok {
				continue
			}
			secret, err := t.suite.decryptWithLabel(key.private, "UpdatePathNode", groupContext, path.nodes[i].secrets[j])
			if err != nil {
				return derivedPath{}, nil, err
			}
			defer clear(secret)
			d, err := t.checkDerived(secret, steps[i:])
			if err != nil {
				return derivedPath{}, nil, err
			}
			return d, steps[i:], nil
		}
	}
	return derivedPath{}, nil, fmt.Errorf("%w: no ciphertext for leaf %d", ErrPath, p.own)
}

// checkDerived derives the keys of the steps from the first's path secret and
// compares them with the tree: sections 12.4.2 and 12.4.3.1.
func (t *RatchetTree) checkDerived(secret []byte, steps []pathStep) (derivedPath, error) {
	if len(secret) != hashSize {
		return derivedPath{}, fmt.Errorf("%w: path secret of %d bytes", ErrPath, len(secret))
	}
	d, err := t.suite.derivePath(secret, len(steps))
	if err != nil {
		return derivedPath{}, err
	}
	for i, s := range steps {
		if n := t.nodes[s.node].parent; n == nil || !bytes.Equal(n.encryptionKey, d.keys[i].public) {
			return derivedPath{}, fmt.Errorf("%w: secret and public key of node %d differ", ErrPath, s.node)
		}
	}
	return d, nil
}
