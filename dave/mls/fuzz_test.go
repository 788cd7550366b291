package mls

import (
	"bytes"
	"runtime"
	"testing"
)

// Parsers may allocate this many bytes for each byte of their input, in all,
// and fuzzMemory besides.
const (
	fuzzMemoryFactor = 128
	fuzzMemory       = 64 << 10
)

// fuzzSeeds are encodings of every kind that a small session of ours makes.
type fuzzSeeds struct {
	messages, keyPackages, welcomes, commits, trees, groupInfos, proposals, groupSecrets, senders [][]byte
}

func makeFuzzSeeds(t testing.TB) (fuzzSeeds, *Group) {
	t.Helper()
	var s fuzzSeeds
	w := newWorld(t, P256, 7)
	g := w.found("a")
	bundles := map[string]*KeyPackageBundle{}
	commit := func(force bool, ps ...*Proposal) {
		for _, p := range ps {
			s.proposals = append(s.proposals, p.append(nil))
		}
		messages := w.propose(g, ps...)
		pending := must(g.Commit(CommitOptions{Proposals: cache(t, g, messages), ForcePath: force, Rand: w.rand}))
		s.messages = append(append(s.messages, messages...), pending.Commit)
		s.commits = append(s.commits, must(ParseMessage(pending.Commit)).Public.Content.Commit.append(nil))
		g = pending.Group
		s.trees = append(s.trees, g.tree.Marshal())
		if pending.Welcome == nil {
			return
		}
		welcome := must(ParseWelcome(pending.Welcome))
		s.welcomes = append(s.welcomes, pending.Welcome)
		s.messages = append(s.messages, (&Message{WireFormat: WireWelcome, Welcome: welcome}).Marshal())
		for _, b := range bundles {
			secrets, err := welcome.openSecrets(b)
			if err != nil {
				continue
			}
			s.groupSecrets = append(s.groupSecrets, secrets.append(nil))
			info := must(welcome.openGroupInfo(P256.memberSecret(secrets.joinerSecret, zeros[:])))
			s.groupInfos = append(s.groupInfos, info.append(nil))
			s.messages = append(s.messages, (&Message{WireFormat: WireGroupInfo, GroupInfo: info}).Marshal())
		}
	}
	add := func(name string) *Proposal {
		b := w.bundle(name)
		bundles[name] = b
		s.keyPackages = append(s.keyPackages, b.KeyPackage.Marshal())
		s.messages = append(s.messages, (&Message{WireFormat: WireKeyPackage, KeyPackage: b.KeyPackage}).Marshal())
		return AddProposal(b.KeyPackage)
	}
	commit(false, add("b"), add("c"))
	commit(true, add("d"), add("e"))
	commit(false, RemoveProposal(2), add("f"))
	commit(false, RemoveProposal(4))
	message, _, err := g.Propose(RemoveProposal(1))
	if err != nil {
		t.Fatal(err)
	}
	private := &privateMessage{groupID: []byte("group"), epoch: 1, contentType: ContentCommit, ciphertext: []byte{1, 2, 3}}
	s.messages = append(s.messages, message, (&Message{WireFormat: WirePrivateMessage, private: private}).Marshal())
	for _, p := range []*Proposal{
		{Type: ProposalUpdate, Update: g.tree.leaf(0)},
		{Type: ProposalPreSharedKey, PreSharedKey: &PreSharedKeyID{Type: pskExternal, ID: []byte("id"), Nonce: zeros[:]}},
		{Type: ProposalPreSharedKey, PreSharedKey: &PreSharedKeyID{Type: pskResumption, Usage: 1, Group: []byte("g"), Epoch: 2, Nonce: zeros[:]}},
		{Type: ProposalReInit, ReInit: &ReInit{GroupID: []byte("g"), Version: 1, Suite: P256}},
		{Type: ProposalExternalInit, ExternalInit: []byte("kem output")},
		{Type: ProposalGroupContextExtensions, Extensions: w.extensions()},
	} {
		s.proposals = append(s.proposals, p.append(nil))
		inline := Commit{Proposals: []ProposalOrRef{{Proposal: p}}}
		s.commits = append(s.commits, inline.append(nil))
	}
	s.senders = append(s.senders, ExternalSender{SignatureKey: w.service.Public(), Credential: BasicCredential([]byte{0})}.Marshal())
	return s, g
}

// fuzz adds the seeds, and checks a parser: it doesn't panic, its memory is
// bounded, and what it accepts encodes to the same bytes.
func fuzz[T any](f *testing.F, seeds [][]byte, parse func([]byte) (T, error), marshal func(T) []byte, use func(T)) {
	f.Helper()
	if len(seeds) == 0 {
		f.Fatal("no seeds")
	}
	for i, s := range seeds {
		v, err := parse(s)
		if err != nil {
			f.Fatalf("seed %d is refused: %v", i, err)
		}
		if !bytes.Equal(marshal(v), s) {
			f.Fatalf("seed %d encodes to other bytes", i)
		}
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		input := bytes.Clone(b)
		var m0, m1 runtime.MemStats
		runtime.ReadMemStats(&m0)
		v, err := parse(input)
		runtime.ReadMemStats(&m1)
		if used := m1.TotalAlloc - m0.TotalAlloc; used > uint64(fuzzMemory+fuzzMemoryFactor*len(b)) {
			t.Errorf("%d bytes of memory for %d bytes", used, len(b))
		}
		if !bytes.Equal(input, b) {
			t.Fatal("input was changed")
		}
		if err != nil {
			return
		}
		clear(input) // the result must not alias the input
		if got := marshal(v); !bytes.Equal(got, b) {
			t.Fatalf("encodes to\n%x from\n%x", got, b)
		}
		if use != nil {
			use(v)
		}
	})
}

func decoderOf[T any](read func(*decoder) T) func([]byte) (T, error) {
	return func(b []byte) (T, error) { return decode(b, read) }
}

func FuzzMessage(f *testing.F) {
	s, g := makeFuzzSeeds(f)
	fuzz(f, s.messages, ParseMessage, (*Message).Marshal, func(m *Message) {
		b := m.Marshal()
		again, rest, err := ReadMessage(append(b, "rest"...))
		if err != nil || string(rest) != "rest" || again.WireFormat != m.WireFormat {
			panic("a message followed by something is read in another way")
		}
		if m.Public != nil {
			m.Public.ProposalRef(P256)
		}
		if c, err := g.ProcessProposal(b); err == nil && c.Proposal.Type != ProposalRemove {
			panic("forged proposal accepted")
		}
		if _, err := g.ProcessCommit(b, nil); err == nil {
			panic("forged commit accepted")
		}
	})
}

func FuzzKeyPackage(f *testing.F) {
	s, _ := makeFuzzSeeds(f)
	fuzz(f, s.keyPackages, ParseKeyPackage, (*KeyPackage).Marshal, func(k *KeyPackage) {
		k.Validate(P256)
		k.Ref()
	})
}

func FuzzWelcome(f *testing.F) {
	s, _ := makeFuzzSeeds(f)
	bundle := newWorld(f, P256, 8).bundle("x")
	fuzz(f, s.welcomes, ParseWelcome, (*Welcome).Marshal, func(w *Welcome) {
		// Address every entry to us, so that decryption is tried.
		for i := range w.Secrets {
			w.Secrets[i].NewMember = bundle.KeyPackage.Ref()
		}
		if _, err := JoinWelcome(bundle, w.Marshal()); err == nil {
			panic("forged welcome accepted")
		}
	})
}

func FuzzCommit(f *testing.F) {
	s, g := makeFuzzSeeds(f)
	fuzz(f, s.commits, decoderOf(readCommit), func(c *Commit) []byte { return c.append(nil) }, func(c *Commit) {
		// As if an honest tag and signature covered it.
		sender := Sender{Type: SenderMember, Index: 1}
		proposals, err := g.resolve(c, sender, nil)
		if err != nil {
			return
		}
		n, err := g.apply(proposals, 1)
		if err != nil {
			return
		}
		m := &PublicMessage{Content: FramedContent{Sender: sender, Commit: c}}
		m.auth.content = m.Content
		if _, err := g.follow(m, n); err == nil {
			panic("forged commit accepted")
		}
	})
}

func FuzzRatchetTree(f *testing.F) {
	s, _ := makeFuzzSeeds(f)
	parse := func(b []byte) (*RatchetTree, error) { return ParseRatchetTree(P256, b) }
	fuzz(f, s.trees, parse, (*RatchetTree).Marshal, func(t *RatchetTree) {
		if t.leaves() > 1<<10 {
			return // slow, and nothing new
		}
		t.treeHash()
		for x, n := range t.nodes {
			t.appendResolution(nil, nodeIndex(x))
			if n.parent != nil {
				t.validateUnmerged(nodeIndex(x))
				t.parentHashValid(nodeIndex(x))
			}
		}
		t.validate([]byte("group"), nil)
	})
}

func FuzzGroupInfo(f *testing.F) {
	s, _ := makeFuzzSeeds(f)
	bundle := newWorld(f, P256, 8).bundle("x")
	fuzz(f, s.groupInfos, decoderOf(readGroupInfo), func(g *GroupInfo) []byte { return g.append(nil) }, func(g *GroupInfo) {
		if _, err := newGroupFromInfo(bundle, g, nil); err == nil {
			panic("group info without our leaf accepted")
		}
	})
}

func FuzzProposal(f *testing.F) {
	s, g := makeFuzzSeeds(f)
	fuzz(f, s.proposals, decoderOf(readProposal), func(p *Proposal) []byte { return p.append(nil) }, func(p *Proposal) {
		g.checkProposal(p, Sender{Type: SenderMember, Index: 1})
		g.checkProposal(p, Sender{Type: SenderExternal})
	})
}

func FuzzGroupSecrets(f *testing.F) {
	s, _ := makeFuzzSeeds(f)
	fuzz(f, s.groupSecrets, decoderOf(readGroupSecrets), func(g *groupSecrets) []byte { return g.append(nil) }, nil)
}

func FuzzExternalSender(f *testing.F) {
	s, _ := makeFuzzSeeds(f)
	fuzz(f, s.senders, ParseExternalSender, ExternalSender.Marshal, nil)
}
