package mls

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// tb is what helpers need of a test, which a rapid.T has too.
type tb interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// A world is a group's members with the delivery service between them.
type world struct {
	t       tb
	suite   CipherSuite
	rand    *deterministicReader
	service *SignatureKey
	members map[string]*Group
}

func newWorld(t tb, suite CipherSuite, seed uint64) *world {
	t.Helper()
	w := &world{t: t, suite: suite, rand: detRand(t, seed), members: map[string]*Group{}}
	w.service = must(GenerateSignatureKey(suite, w.rand))
	return w
}

func (w *world) bundle(name string) *KeyPackageBundle {
	key := must(GenerateSignatureKey(w.suite, w.rand))
	return must(NewKeyPackage(key, BasicCredential([]byte(name)), Forever, w.rand))
}

func (w *world) extensions() []Extension {
	return []Extension{ExternalSendersExtension(ExternalSender{SignatureKey: w.service.Public(), Credential: BasicCredential([]byte{0})})}
}

// found makes the group with its first member.
func (w *world) found(name string) *Group {
	g := must(NewGroup(w.bundle(name), []byte("group"), w.extensions(), w.rand))
	w.members[name] = g
	return g
}

// propose makes proposals of the service for the epoch of g.
func (w *world) propose(g *Group, ps ...*Proposal) [][]byte {
	var messages [][]byte
	for _, p := range ps {
		m, ref, err := SignExternalProposal(w.service, g.ID(), g.Epoch(), 0, p)
		if err != nil {
			w.t.Fatal(err)
		}
		parsed := must(ParseMessage(m))
		if err := parsed.Public.VerifyExternal(w.suite, g.ExternalSenders()[0]); err != nil {
			w.t.Fatal(err)
		}
		if !bytes.Equal(parsed.Public.ProposalRef(w.suite), ref) {
			w.t.Fatal("other reference after parsing")
		}
		messages = append(messages, m)
	}
	return messages
}

func cache(t tb, g *Group, messages [][]byte) []*CachedProposal {
	t.Helper()
	var cached []*CachedProposal
	for _, m := range messages {
		c, err := g.ProcessProposal(m)
		if err != nil {
			t.Fatal(err)
		}
		cached = append(cached, c)
	}
	return cached
}

// step lets committer commit proposals to add and to remove members, and
// everyone else follow.
func (w *world) step(committer string, add, remove []string, forcePath bool) {
	w.t.Helper()
	g := w.members[committer]
	var ps []*Proposal
	for _, name := range remove {
		ps = append(ps, RemoveProposal(w.members[name].OwnLeaf()))
	}
	bundles := map[string]*KeyPackageBundle{}
	for _, name := range add {
		bundles[name] = w.bundle(name)
		ps = append(ps, AddProposal(bundles[name].KeyPackage))
	}
	messages := w.propose(g, ps...)
	pending, err := g.Commit(CommitOptions{Proposals: cache(w.t, g, messages), ForcePath: forcePath, Rand: w.rand})
	if err != nil {
		w.t.Fatal(err)
	}
	old := w.members
	w.members = map[string]*Group{}
	for name, m := range old {
		if name == committer {
			w.members[name] = pending.Group
			continue
		}
		next, err := m.ProcessCommit(pending.Commit, cache(w.t, m, messages))
		removed := false
		for _, r := range remove {
			removed = removed || r == name
		}
		if removed {
			if !errors.Is(err, ErrRemoved) {
				w.t.Fatalf("%s, removed: %v", name, err)
			}
			continue
		}
		if err != nil {
			w.t.Fatalf("%s: %v", name, err)
		}
		w.members[name] = next
	}
	for _, m := range old {
		m.Erase()
	}
	for name, b := range bundles {
		one, err := must(ParseWelcome(pending.Welcome)).For(b.KeyPackage.Ref())
		if err != nil {
			w.t.Fatal(err)
		}
		joined, err := JoinWelcome(b, one.Marshal())
		if err != nil {
			w.t.Fatalf("%s joins: %v", name, err)
		}
		b.Erase()
		w.members[name] = joined
	}
	w.converged()
}

// converged checks that all members agree, and that the cached tree hash is
// that of a tree built afresh.
func (w *world) converged() {
	w.t.Helper()
	var first *Group
	for name, m := range w.members {
		if first == nil {
			first = m
			fresh := must(ParseRatchetTree(w.suite, m.tree.Marshal()))
			if err := fresh.validate(m.ID(), m.Extensions()); err != nil {
				w.t.Fatal(err)
			}
			if !bytes.Equal(fresh.treeHash(), m.TreeHash()) {
				w.t.Fatal("tree hash kept from epoch to epoch is wrong")
			}
		}
		if !bytes.Equal(must(m.EpochAuthenticator()), must(first.EpochAuthenticator())) {
			w.t.Fatalf("%s has diverged", name)
		}
		if !bytes.Equal(must(m.Export("x", []byte("y"), 48)), must(first.Export("x", []byte("y"), 48))) {
			w.t.Fatalf("%s exports another secret", name)
		}
		if own, ok := m.Member(m.OwnLeaf()); !ok || string(own.Credential.Identity) != name {
			w.t.Fatalf("%s isn't at its leaf", name)
		}
		// Every private key belongs to a public key of the tree.
		for x, k := range m.private.path {
			if !bytes.Equal(m.tree.publicKey(x), k.public) {
				w.t.Fatalf("%s keeps a stale key of node %d", name, x)
			}
		}
	}
	if got := len(first.Members()); got != len(w.members) {
		w.t.Fatalf("%d members in the tree, want %d", got, len(w.members))
	}
}

func TestGroupGrowsAndShrinks(t *testing.T) {
	for _, suite := range []CipherSuite{X25519Ed25519, P256} {
		t.Run(fmt.Sprint(suite), func(t *testing.T) {
			w := newWorld(t, suite, 1)
			w.found("a")
			w.step("a", []string{"b"}, nil, false)
			w.step("b", []string{"c", "d"}, nil, true)
			w.step("c", []string{"e"}, []string{"b"}, false)
			w.step("e", nil, nil, true)
			w.step("a", []string{"f", "g", "h"}, nil, false)
			w.step("h", []string{"b"}, []string{"a", "g"}, false)
			w.step("b", nil, []string{"c", "d", "e", "f", "h"}, false)
			if n := w.members["b"].tree.leaves(); n > 2 {
				t.Errorf("tree of %d leaves after everyone left", n)
			}
			w.step("b", nil, nil, true)
			w.step("b", []string{"z"}, nil, true)
		})
	}
}

// identity returns the 8 bytes of a user.
func identity(i int) string { return string(binary.BigEndian.AppendUint64(nil, uint64(i))) }

// detRand is a reader of reproducible bytes.
func detRand(t tb, seed uint64) *deterministicReader {
	t.Helper()
	return &deterministicReader{seed: seed}
}

type deterministicReader struct {
	seed, counter uint64
	rest          []byte
}

func (r *deterministicReader) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if len(r.rest) == 0 {
			b := binary.BigEndian.AppendUint64(nil, r.seed)
			r.rest = P256.hash(binary.BigEndian.AppendUint64(b, r.counter))
			r.counter++
		}
		k := copy(p[n:], r.rest)
		r.rest = r.rest[k:]
		n += k
	}
	return len(p), nil
}
