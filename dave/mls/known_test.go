package mls

import (
	"bytes"
	"encoding/json"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

var update = flag.Bool("update", false, "write the known answers anew, after the working group's vectors have passed")

// knownAnswers are this package's own answers, in the form of the working
// group's files, so that its tests prove something where those are not at hand.
// They are written by
//
//	go test ./mls -run TestKnownAnswers -update
//
// which demands that every vector of the working group's passes.
var knownAnswers = map[string]func(*testing.T) any{
	"crypto-basics.json":                  func(t *testing.T) any { return bothSuites(t, knownCryptoBasics) },
	"key-schedule.json":                   func(t *testing.T) any { return bothSuites(t, knownKeySchedule) },
	"passive-client-handling-commit.json": func(t *testing.T) any { return bothSuites(t, knownCall) },
}

func TestKnownAnswers(t *testing.T) {
	if *update {
		for _, vectors := range []func(*testing.T){
			TestVectorsDeserialization, TestVectorsTreeMath, TestVectorsCryptoBasics, TestVectorsKeySchedule, TestVectorsPSKSecret,
			TestVectorsTranscriptHashes, TestVectorsMessages, TestVectorsMessageProtection, TestVectorsTreeOperations,
			TestVectorsTreeValidation, TestVectorsTreeKEM, TestVectorsWelcome, TestVectorsPassiveClient,
		} {
			vectors(t)
		}
		if t.Failed() {
			t.Fatal("the working group's vectors don't pass: no answer is written")
		}
		noError(t, os.MkdirAll(knownDir, 0o755))
		for file, answers := range knownAnswers {
			b := must(json.MarshalIndent(answers(t), "", " "))
			noError(t, os.WriteFile(filepath.Join(knownDir, file), append(b, '\n'), 0o644))
		}
	}
	for file := range knownAnswers {
		if _, err := os.Stat(filepath.Join(knownDir, file)); err != nil {
			t.Error(err)
		}
	}
}

func bothSuites[T any](t *testing.T, answer func(*testing.T, CipherSuite, *rand.ChaCha8) T) []T {
	return []T{
		answer(t, X25519Ed25519, rand.NewChaCha8([32]byte{1})), answer(t, P256, rand.NewChaCha8([32]byte{2})),
	}
}

func draw(r *rand.ChaCha8, n int) hexBytes {
	b := make([]byte, n)
	r.Read(b)
	return b
}

func knownCryptoBasics(t *testing.T, s CipherSuite, r *rand.ChaCha8) (v cryptoBasicsVector) {
	v.Suite = s
	v.RefHash.Label, v.RefHash.Value = "MLS 1.0 Proposal Reference", draw(r, 100)
	v.RefHash.Out = s.refHash(v.RefHash.Label, v.RefHash.Value)
	e := &v.Expand
	e.Secret, e.Context, e.Label, e.Length = draw(r, 32), draw(r, 50), "exported", 16
	e.Out = s.ExpandWithLabel(e.Secret, e.Label, e.Context, e.Length)
	v.Derive.Secret, v.Derive.Label = draw(r, 32), "confirm"
	v.Derive.Out = s.deriveSecret(v.Derive.Secret, v.Derive.Label)
	d := &v.DeriveTree
	d.Secret, d.Label, d.Generation, d.Length = draw(r, 32), "key", 1<<24+7, 16
	d.Out = s.DeriveTreeSecret(d.Secret, d.Label, d.Generation, d.Length)

	key := must(GenerateSignatureKey(s, r))
	v.Sign.Priv, v.Sign.Pub, v.Sign.Label, v.Sign.Content = key.Bytes(), key.Public(), "LeafNodeTBS", draw(r, 80)
	v.Sign.Signature = must(key.signWithLabel(v.Sign.Label, v.Sign.Content))

	pair := must(s.generateKey(r))
	c := &v.Encrypt
	c.Priv, c.Pub, c.Label, c.Context, c.Plaintext = pair.private, pair.public, "UpdatePathNode", draw(r, 90), draw(r, 32)
	sealed := must(s.encryptWithLabel(c.Pub, c.Label, c.Context, c.Plaintext))
	c.KEMOutput, c.Ciphertext = sealed.kemOutput, sealed.ciphertext
	return v
}

func knownKeySchedule(t *testing.T, s CipherSuite, r *rand.ChaCha8) (v keyScheduleVector) {
	v.Suite, v.GroupID, v.InitialInit = s, draw(r, 8), draw(r, 32)
	init := []byte(v.InitialInit)
	for i := range 4 {
		v.Epochs = append(v.Epochs, keyScheduleEpoch{
			TreeHash: draw(r, 32), CommitSecret: draw(r, 32), PSKSecret: zeros[:], Confirmed: draw(r, 32),
		})
		e := &v.Epochs[i]
		context := GroupContext{
			Version: ProtocolVersion, Suite: s, GroupID: v.GroupID, Epoch: uint64(i),
			TreeHash: e.TreeHash, ConfirmedTranscriptHash: e.Confirmed,
		}
		e.GroupContext = context.marshal()
		e.Joiner = s.joinerSecret(init, e.CommitSecret, e.GroupContext)
		member := s.memberSecret(e.Joiner, e.PSKSecret)
		e.Welcome = s.welcomeSecret(member)
		epoch := s.epochSecret(member, e.GroupContext)
		secrets := s.deriveEpochSecrets(epoch)
		e.Init, e.Exporter, e.Authenticator = secrets.init, secrets.exporter, secrets.authenticator
		e.Confirmation, e.Membership, e.Resumption = secrets.confirmation, secrets.membership, secrets.resumption
		e.SenderData, e.Encryption = s.deriveSecret(epoch, "sender data"), s.deriveSecret(epoch, "encryption")
		e.External = s.deriveSecret(epoch, "external")
		e.ExternalPub = must(s.deriveKeyPair(e.External)).public
		e.Export.Label, e.Export.Context, e.Export.Length = "Discord Secure Frames v0", draw(r, 8), 16
		e.Export.Secret = s.export(secrets.exporter, e.Export.Label, e.Export.Context, e.Export.Length)
		init = secrets.init
	}
	return v
}

// knownCall is a call that one client is welcomed to, and in which others then
// come, go and commit, as an external sender proposes.
func knownCall(t *testing.T, s CipherSuite, r *rand.ChaCha8) (v passiveVector) {
	v.Suite = s
	gateway := must(GenerateSignatureKey(s, r))
	sender := ExternalSender{SignatureKey: gateway.Public(), Credential: BasicCredential([]byte{0})}
	bundle := func(name string) *KeyPackageBundle {
		return must(NewKeyPackage(must(GenerateSignatureKey(s, r)), BasicCredential([]byte(name)), Forever, r))
	}
	passive := bundle("passive")
	v.KeyPackage = (&Message{WireFormat: WireKeyPackage, KeyPackage: passive.KeyPackage}).Marshal()
	v.SignaturePriv, v.InitPriv, v.EncryptionPriv = passive.signer.Bytes(), bytes.Clone(passive.init.private), bytes.Clone(passive.leaf.private)

	// groups are those of the members who commit, by name.
	groups := map[string]*Group{"first": must(NewGroup(bundle("first"), draw(r, 8), []Extension{ExternalSendersExtension(sender)}, r))}
	leafOf := func(name string) LeafIndex {
		for _, m := range groups["first"].Members() {
			if string(m.Credential.Identity) == name {
				return m.Leaf
			}
		}
		t.Fatalf("no member %q", name)
		return 0
	}
	change := func(committer string, adds []*KeyPackageBundle, removes ...string) (proposals []hexBytes, commit []byte, welcome []byte) {
		propose := func(p *Proposal) {
			message, _, err := SignExternalProposal(gateway, groups["first"].ID(), groups["first"].Epoch(), 0, p)
			noError(t, err)
			proposals = append(proposals, message)
		}
		for _, name := range removes {
			propose(RemoveProposal(leafOf(name)))
			delete(groups, name)
		}
		for _, b := range adds {
			propose(AddProposal(b.KeyPackage))
		}
		cached := func(g *Group) (all []*CachedProposal) {
			for _, p := range proposals {
				all = append(all, must(g.ProcessProposal(p)))
			}
			return all
		}
		pending := must(groups[committer].Commit(CommitOptions{Proposals: cached(groups[committer]), Rand: r}))
		for name, g := range groups {
			if name == committer {
				groups[name] = pending.Group
			} else {
				groups[name] = must(g.ProcessCommit(pending.Commit, cached(g)))
			}
		}
		for _, b := range adds {
			name := string(b.KeyPackage.LeafNode.Credential.Identity)
			groups[name] = must(JoinWelcome(b, pending.Welcome))
		}
		return proposals, pending.Commit, pending.Welcome
	}

	_, _, welcome := change("first", []*KeyPackageBundle{bundle("second"), passive, bundle("third")})
	v.Welcome = (&Message{WireFormat: WireWelcome, Welcome: must(ParseWelcome(welcome))}).Marshal()
	v.Authenticator = must(groups["passive"].EpochAuthenticator())
	for _, c := range []struct {
		committer string
		adds      []string
		removes   []string
	}{
		{committer: "second", adds: []string{"fourth", "fifth"}},                        // no path
		{committer: "third", removes: []string{"second"}},                               // a path, a blank leaf
		{committer: "fourth", adds: []string{"sixth"}, removes: []string{"third"}},      // both, into the blank leaf
		{committer: "sixth", adds: []string{"seventh", "eighth", "ninth"}},              // the tree grows
		{committer: "ninth", removes: []string{"fourth", "fifth", "seventh", "eighth"}}, // many at once
		{committer: "sixth", adds: []string{"tenth"}},                                   // over what is left
		{committer: "tenth", adds: []string{"eleventh", "twelfth"}, removes: []string{"sixth"}},
	} {
		var adds []*KeyPackageBundle
		for _, name := range c.adds {
			adds = append(adds, bundle(name))
		}
		proposals, commit, _ := change(c.committer, adds, c.removes...)
		v.Epochs = append(v.Epochs, passiveEpoch{proposals, commit, must(groups["passive"].EpochAuthenticator())})
	}
	return v
}
