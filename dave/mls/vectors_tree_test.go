package mls

import (
	"slices"
	"testing"
)

func TestVectorsTreeMath(t *testing.T) {
	type vector struct {
		NLeaves int    `json:"n_leaves"`
		NNodes  int    `json:"n_nodes"`
		Root    uint32 `json:"root"`
		Left    []*uint32
		Right   []*uint32
		Parent  []*uint32
		Sibling []*uint32
	}
	runVectors(t, "tree-math.json", noSuite[vector], func(t *testing.T, v vector) {
		r := root(v.NLeaves)
		if uint32(r) != v.Root || 2*v.NLeaves-1 != v.NNodes {
			t.Fatalf("root %d, want %d", r, v.Root)
		}
		check := func(what string, x nodeIndex, want *uint32, has bool, get func() nodeIndex) {
			if has != (want != nil) || has && uint32(get()) != *want {
				t.Errorf("%s of %d is wrong", what, x)
			}
		}
		for i := range v.NNodes {
			x := nodeIndex(i)
			check("left", x, v.Left[i], !x.isLeaf(), x.left)
			check("right", x, v.Right[i], !x.isLeaf(), x.right)
			check("parent", x, v.Parent[i], x != r, x.parent)
			check("sibling", x, v.Sibling[i], x != r, x.sibling)
		}
	})
}

func TestVectorsTreeOperations(t *testing.T) {
	type vector struct {
		Suite          CipherSuite `json:"cipher_suite"`
		TreeBefore     hexBytes    `json:"tree_before"`
		Proposal       hexBytes
		ProposalSender uint32   `json:"proposal_sender"`
		HashBefore     hexBytes `json:"tree_hash_before"`
		TreeAfter      hexBytes `json:"tree_after"`
		HashAfter      hexBytes `json:"tree_hash_after"`
	}
	runVectors(t, "tree-operations.json", func(v vector) CipherSuite { return v.Suite }, func(t *testing.T, v vector) {
		before, err := ParseRatchetTree(v.Suite, v.TreeBefore)
		noError(t, err)
		wantBytes(t, "tree hash before", before.treeHash(), v.HashBefore)
		p, err := decode(v.Proposal, readProposal)
		noError(t, err)
		tree := before.clone()
		switch p.Type {
		case ProposalAdd:
			_, err := tree.add(p.Add.LeafNode)
			noError(t, err)
		case ProposalUpdate:
			tree.update(LeafIndex(v.ProposalSender), p.Update)
		case ProposalRemove:
			tree.remove(p.Remove)
		default:
			t.Fatalf("proposal type %d", p.Type)
		}
		wantBytes(t, "tree after", tree.Marshal(), v.TreeAfter)
		wantBytes(t, "tree hash after", tree.treeHash(), v.HashAfter)
		wantBytes(t, "tree before, unchanged", before.Marshal(), v.TreeBefore)
		wantBytes(t, "tree hash before, unchanged", before.treeHash(), v.HashBefore)
	})
}

func TestVectorsTreeValidation(t *testing.T) {
	type vector struct {
		Suite       CipherSuite `json:"cipher_suite"`
		Tree        hexBytes
		GroupID     hexBytes   `json:"group_id"`
		TreeHashes  []hexBytes `json:"tree_hashes"`
		Resolutions [][]nodeIndex
	}
	runVectors(t, "tree-validation.json", func(v vector) CipherSuite { return v.Suite }, func(t *testing.T, v vector) {
		tree, err := ParseRatchetTree(v.Suite, v.Tree)
		noError(t, err)
		noError(t, tree.validate(v.GroupID, nil))
		for x := range tree.nodes {
			x := nodeIndex(x)
			wantBytes(t, "tree hash", tree.hash(x), v.TreeHashes[x])
			if got := tree.appendResolution(nil, x); !slices.Equal(got, v.Resolutions[x]) {
				t.Errorf("resolution of %d: %v, want %v", x, got, v.Resolutions[x])
			}
			if tree.occupied(x) != (len(v.Resolutions[x]) > 0) {
				t.Errorf("node %d: occupied %v", x, tree.occupied(x))
			}
		}
		wantBytes(t, "encoding", tree.Marshal(), v.Tree)
	})
}

func TestVectorsTreeKEM(t *testing.T) {
	type vector struct {
		Suite         CipherSuite `json:"cipher_suite"`
		GroupID       hexBytes    `json:"group_id"`
		Epoch         uint64
		Confirmed     hexBytes `json:"confirmed_transcript_hash"`
		Tree          hexBytes `json:"ratchet_tree"`
		LeavesPrivate []struct {
			Index          LeafIndex
			EncryptionPriv hexBytes `json:"encryption_priv"`
			SignaturePriv  hexBytes `json:"signature_priv"`
			PathSecrets    []struct {
				Node   nodeIndex
				Secret hexBytes `json:"path_secret"`
			} `json:"path_secrets"`
		} `json:"leaves_private"`
		UpdatePaths []struct {
			Sender        LeafIndex
			UpdatePath    hexBytes   `json:"update_path"`
			PathSecrets   []hexBytes `json:"path_secrets"`
			CommitSecret  hexBytes   `json:"commit_secret"`
			TreeHashAfter hexBytes   `json:"tree_hash_after"`
		} `json:"update_paths"`
	}
	runVectors(t, "treekem.json", func(v vector) CipherSuite { return v.Suite }, func(t *testing.T, v vector) {
		tree, err := ParseRatchetTree(v.Suite, v.Tree)
		noError(t, err)
		noError(t, tree.validate(v.GroupID, nil))
		members := map[LeafIndex]*privateTree{}
		signers := map[LeafIndex]*SignatureKey{}
		for _, l := range v.LeavesPrivate {
			p := &privateTree{own: l.Index, leaf: keyPair{private: l.EncryptionPriv}, path: map[nodeIndex]keyPair{}}
			for _, s := range l.PathSecrets {
				d, err := v.Suite.derivePath(s.Secret, 1)
				noError(t, err)
				wantBytes(t, "public key", d.keys[0].public, tree.nodes[s.Node].parent.encryptionKey)
				p.path[s.Node] = d.keys[0]
			}
			members[l.Index] = p
			signers[l.Index] = must(ParseSignatureKey(v.Suite, l.SignaturePriv))
		}
		context := GroupContext{Version: ProtocolVersion, Suite: v.Suite, GroupID: v.GroupID, Epoch: v.Epoch, ConfirmedTranscriptHash: v.Confirmed}
		for _, u := range v.UpdatePaths {
			path, err := decode(u.UpdatePath, readUpdatePath)
			noError(t, err)
			after := tree.clone()
			steps := after.filteredDirectPath(u.Sender)
			noError(t, after.checkPath(u.Sender, path, steps, nil, v.GroupID, nil))
			noError(t, after.merge(u.Sender, path, steps))
			wantBytes(t, "tree hash after", after.treeHash(), u.TreeHashAfter)
			context.TreeHash = u.TreeHashAfter
			for l, secret := range u.PathSecrets {
				if LeafIndex(l) == u.Sender || tree.leaf(LeafIndex(l)) == nil {
					continue
				}
				p := members[LeafIndex(l)].next(after)
				d, from, err := p.open(after, path, steps, nil, context.marshal())
				noError(t, err)
				wantBytes(t, "path secret", d.secrets[0], secret)
				wantBytes(t, "commit secret", d.commitSecret, u.CommitSecret)
				if len(from) != len(d.keys) || from[0].node != commonAncestor(LeafIndex(l), u.Sender) {
					t.Errorf("leaf %d: keys from node %d", l, from[0].node)
				}
			}

			// The same way with a path of our own.
			ours := tree.clone()
			own, err := ours.renew(u.Sender, signers[u.Sender], v.GroupID, detRand(t, uint64(u.Sender)))
			noError(t, err)
			context.TreeHash = ours.treeHash()
			sealed, err := own.seal(ours, nil, context.marshal())
			noError(t, err)
			received, err := decode(sealed.append(nil), readUpdatePath)
			noError(t, err)
			theirs := tree.clone()
			noError(t, theirs.checkPath(u.Sender, received, steps, nil, v.GroupID, nil))
			noError(t, theirs.merge(u.Sender, received, steps))
			wantBytes(t, "tree hash of ours", theirs.treeHash(), ours.treeHash())
			for l, m := range members {
				if l == u.Sender {
					continue
				}
				p := m.next(theirs)
				d, _, err := p.open(theirs, received, steps, nil, context.marshal())
				noError(t, err)
				wantBytes(t, "commit secret of ours", d.commitSecret, own.commitSecret)
			}
		}
	})
}

// commonAncestor is the lowest node above both leaves.
func commonAncestor(a, b LeafIndex) nodeIndex {
	x, y := a.node(), b.node()
	for x != y {
		if x.level() <= y.level() {
			x = x.parent()
		} else {
			y = y.parent()
		}
	}
	return x
}
