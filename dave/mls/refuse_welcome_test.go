package mls

import (
	"testing"
)

// TestWelcomeRefusals changes what a valid Welcome holds, signs it again
// where the signer could, and encrypts it again.
func TestWelcomeRefusals(t *testing.T) {
	r := newTrio(t)
	x, y := r.bundle("x"), r.bundle("y")
	messages := r.propose(r.a, AddProposal(x.KeyPackage), AddProposal(y.KeyPackage))
	pending := must(r.a.Commit(CommitOptions{Proposals: cache(t, r.a, messages), ForcePath: true, Rand: r.rand}))
	welcome := must(ParseWelcome(pending.Welcome))
	if _, err := JoinWelcome(x, pending.Welcome); err != nil {
		t.Fatal(err)
	}
	setTree := func(i *GroupInfo, change func(*RatchetTree)) {
		tree := must(ParseRatchetTree(P256, i.Extensions[0].Data))
		change(tree)
		for x := range tree.hashes {
			tree.hashes[x] = nil
		}
		i.Extensions[0].Data = tree.Marshal()
		i.Context.TreeHash = tree.treeHash()
	}
	for _, c := range []struct {
		name   string
		change func(i *GroupInfo, s *groupSecrets)
		sign   bool
		want   error
	}{
		{"nothing", func(i *GroupInfo, s *groupSecrets) {}, true, nil},
		{"signature", func(i *GroupInfo, s *groupSecrets) { i.Signature[9] ^= 1 }, false, ErrSignature},
		{"epoch", func(i *GroupInfo, s *groupSecrets) { i.Context.Epoch++ }, true, ErrConfirmationTag},
		{"version", func(i *GroupInfo, s *groupSecrets) { i.Context.Version = 2 }, true, ErrGroupInfo},
		{"confirmation tag", func(i *GroupInfo, s *groupSecrets) { i.ConfirmationTag[0] ^= 1 }, true, ErrConfirmationTag},
		{"group extension we lack", func(i *GroupInfo, s *groupSecrets) { i.Context.Extensions = []Extension{{Type: 99}} }, true, ErrLeafNode},
		{"no tree", func(i *GroupInfo, s *groupSecrets) { i.Extensions = nil }, true, ErrGroupInfo},
		{"blank signer", func(i *GroupInfo, s *groupSecrets) { i.Signer = 7 }, true, ErrGroupInfo},
		{"signer outside of the tree", func(i *GroupInfo, s *groupSecrets) { i.Signer = 1 << 31 }, true, ErrGroupInfo},
		{"another signer", func(i *GroupInfo, s *groupSecrets) { i.Signer = 1 }, true, ErrSignature},
		{"tree hash", func(i *GroupInfo, s *groupSecrets) { i.Context.TreeHash[0] ^= 1 }, true, ErrTreeHash},
		{"without us", func(i *GroupInfo, s *groupSecrets) { setTree(i, func(t *RatchetTree) { t.remove(3) }) }, true, ErrGroupInfo},
		{"parent hash", func(i *GroupInfo, s *groupSecrets) {
			setTree(i, func(t *RatchetTree) { t.nodes[t.root()].parent.parentHash = []byte{1} })
		}, true, ErrParentHash},
		{"unmerged leaf not below", func(i *GroupInfo, s *groupSecrets) {
			setTree(i, func(t *RatchetTree) { t.nodes[1].parent.unmergedLeaves = []LeafIndex{4} })
		}, true, ErrTree},
		{"unmerged leaf missing in between", func(i *GroupInfo, s *groupSecrets) {
			setTree(i, func(t *RatchetTree) { t.nodes[t.root()].parent.unmergedLeaves = []LeafIndex{1} })
		}, true, ErrTree},
		{"a parent key twice", func(i *GroupInfo, s *groupSecrets) {
			setTree(i, func(t *RatchetTree) { t.nodes[1].parent.encryptionKey = t.nodes[2].leaf.EncryptionKey })
		}, true, ErrDuplicateKey},
		{"a signature key twice", func(i *GroupInfo, s *groupSecrets) {
			setTree(i, func(t *RatchetTree) { t.nodes[2].leaf.SignatureKey = t.nodes[4].leaf.SignatureKey })
		}, true, ErrDuplicateKey},
		{"a leaf signature", func(i *GroupInfo, s *groupSecrets) {
			setTree(i, func(t *RatchetTree) {
				for x := range t.nodes {
					t.nodes[x].parent = nil // else a parent hash fails first
				}
				t.nodes[4].leaf.Signature[9] ^= 1
			})
		}, true, ErrSignature},
		{"path secret", func(i *GroupInfo, s *groupSecrets) { s.pathSecret[0] ^= 1 }, true, ErrPath},
		{"short path secret", func(i *GroupInfo, s *groupSecrets) { s.pathSecret = s.pathSecret[:8] }, true, ErrPath},
	} {
		t.Run(c.name, func(t *testing.T) {
			secrets := must(welcome.openSecrets(x))
			member := P256.memberSecret(secrets.joinerSecret, zeros[:])
			info := must(welcome.openGroupInfo(member))
			c.change(info, secrets)
			if c.sign {
				noError(t, info.sign(r.a.signer))
			}
			again := must(sealWelcome(info, secrets.joinerSecret, member, nil, []newMember{{keyPackage: x.KeyPackage, pathSecret: secrets.pathSecret}}))
			_, err := JoinWelcome(x, again.Marshal())
			wantRefusal(t, err, c.want)
		})
	}
	t.Run("for somebody else", func(t *testing.T) {
		_, err := JoinWelcome(r.bundle("z"), pending.Welcome)
		wantRefusal(t, err, ErrNotAddressed)
		_, err = welcome.For(zeros[:])
		wantRefusal(t, err, ErrNotAddressed)
	})
	t.Run("entry of another", func(t *testing.T) {
		w := must(ParseWelcome(pending.Welcome))
		w.Secrets[0].secrets, w.Secrets[1].secrets = w.Secrets[1].secrets, w.Secrets[0].secrets
		_, err := JoinWelcome(x, w.Marshal())
		wantRefusal(t, err, ErrDecrypt)
	})
	t.Run("group info", func(t *testing.T) {
		w := must(ParseWelcome(pending.Welcome))
		w.encryptedGroupInfo[0] ^= 1
		_, err := JoinWelcome(x, w.Marshal())
		wantRefusal(t, err, ErrDecrypt)
	})
	t.Run("pre-shared key", func(t *testing.T) {
		secrets := must(welcome.openSecrets(x))
		member := P256.memberSecret(secrets.joinerSecret, zeros[:])
		info := must(welcome.openGroupInfo(member))
		psks := []PreSharedKeyID{{Type: pskExternal, ID: []byte("id"), Nonce: zeros[:]}}
		w := must(sealWelcome(info, secrets.joinerSecret, member, psks, []newMember{{keyPackage: x.KeyPackage}}))
		_, err := JoinWelcome(x, w.Marshal())
		wantRefusal(t, err, ErrUnsupported)
	})
}
