package mls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// TestModel lets random members join, leave, compete and get messages twice,
// late and out of order, in groups of up to twelve. After every epoch all
// members must share its secrets, and whoever was removed must be refused.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		suite := rapid.SampledFrom([]CipherSuite{X25519Ed25519, P256}).Draw(t, "suite")
		m := &model{t: t, world: newWorld(t, suite, rapid.Uint64().Draw(t, "seed"))}
		m.found("0")
		m.names = 1
		for range rapid.IntRange(1, 8).Draw(t, "epochs") {
			m.epoch()
		}
	})
}

type model struct {
	*world
	t     *rapid.T
	names int
	past  [][]byte // messages of epochs that are over
}

func (m *model) sorted() []string {
	var names []string
	for name := range m.members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// epoch draws proposals, delivers them, draws competing commits, and lets one win.
func (m *model) epoch() {
	t, names := m.t, m.sorted()
	winner := rapid.SampledFrom(names).Draw(t, "winner")
	bundles, removed, messages := m.drawProposals(names, winner)

	// Everyone gets the proposals, some of them twice, and old messages.
	cached := map[string][]*CachedProposal{}
	for _, name := range names {
		g := m.members[name]
		for _, b := range rapid.SliceOfN(rapid.SampledFrom(append([][]byte{nil}, m.past...)), 0, 2).Draw(t, "late") {
			m.refusesLate(g, b)
		}
		for _, b := range rapid.Permutation(messages).Draw(t, "order of arrival") {
			c, err := g.ProcessProposal(b)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			cached[name] = append(cached[name], c)
			if rapid.Bool().Draw(t, "twice") {
				cached[name] = append(cached[name], c)
			}
		}
	}

	// A loser's commit changes nothing.
	loser := rapid.SampledFrom(names).Draw(t, "loser")
	if !slices.Contains(removed, loser) {
		lost, err := m.members[loser].Commit(CommitOptions{Rand: m.rand})
		if err != nil {
			t.Fatal(err)
		}
		lost.Group.Erase()
		m.past = append(m.past, lost.Commit)
	}
	pending, err := m.members[winner].Commit(CommitOptions{
		Proposals: distinct(cached[winner]), ForcePath: rapid.Bool().Draw(t, "path"), Rand: m.rand,
	})
	if err != nil {
		t.Fatalf("%s commits: %v", winner, err)
	}
	m.past = append(append(m.past, messages...), pending.Commit)
	m.deliver(pending, winner, removed, cached)
	for name, b := range bundles {
		g, err := JoinWelcome(b, pending.Welcome)
		if err != nil {
			t.Fatalf("%s joins: %v", name, err)
		}
		m.members[name] = g
	}
	m.converged()
	for _, g := range m.members {
		m.refusesLate(g, pending.Commit)
	}
}

// drawProposals draws who joins and who leaves, and proposals for that by the
// service or by a member.
func (m *model) drawProposals(names []string, winner string) (bundles map[string]*KeyPackageBundle, removed []string, messages [][]byte) {
	t, g := m.t, m.members[winner]
	bundles = map[string]*KeyPackageBundle{}
	var ps []*Proposal
	for _, name := range names {
		if name != winner && rapid.IntRange(0, 3).Draw(t, "leaves") == 0 {
			removed = append(removed, name)
			ps = append(ps, RemoveProposal(m.members[name].OwnLeaf()))
		}
	}
	for range rapid.IntRange(0, max(0, min(4, 12-len(names)))).Draw(t, "joining") {
		name := fmt.Sprint(m.names)
		if len(removed) > 0 && rapid.Bool().Draw(t, "rejoins") && bundles[removed[0]] == nil {
			name = removed[0]
		}
		m.names++
		bundles[name] = m.bundle(name)
		ps = append(ps, AddProposal(bundles[name].KeyPackage))
	}
	for _, p := range ps {
		if rapid.Bool().Draw(t, "by the service") {
			messages = append(messages, m.propose(g, p)...)
			continue
		}
		b, c, err := m.members[rapid.SampledFrom(names).Draw(t, "proposer")].Propose(p)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(c.Ref, must(ParseMessage(b)).Public.ProposalRef(m.suite)) {
			t.Fatal("other reference after parsing")
		}
		messages = append(messages, b)
	}
	return bundles, removed, messages
}

// deliver lets everyone but the author process the winning commit.
func (m *model) deliver(pending *PendingCommit, winner string, removed []string, cached map[string][]*CachedProposal) {
	old := m.members
	m.members = map[string]*Group{winner: pending.Group}
	for name, g := range old {
		if name == winner {
			continue
		}
		next, err := g.ProcessCommit(pending.Commit, cached[name])
		switch {
		case slices.Contains(removed, name):
			if !errors.Is(err, ErrRemoved) {
				m.t.Fatalf("%s is removed: %v", name, err)
			}
		case err != nil:
			m.t.Fatalf("%s: %v", name, err)
		default:
			m.members[name] = next
		}
	}
	for _, g := range old {
		g.Erase()
	}
}

// refusesLate checks that a message of an epoch that is over is refused.
func (m *model) refusesLate(g *Group, b []byte) {
	if b == nil {
		return
	}
	if _, err := g.ProcessProposal(b); !errors.Is(err, ErrWrongEpoch) && !errors.Is(err, ErrContentType) {
		m.t.Fatalf("late message as a proposal: %v", err)
	}
	if _, err := g.ProcessCommit(b, nil); !errors.Is(err, ErrWrongEpoch) && !errors.Is(err, ErrContentType) {
		m.t.Fatalf("late message as a commit: %v", err)
	}
}

func distinct(ps []*CachedProposal) []*CachedProposal {
	var out []*CachedProposal
	for _, p := range ps {
		if !slices.ContainsFunc(out, func(q *CachedProposal) bool { return bytes.Equal(p.Ref, q.Ref) }) {
			out = append(out, p)
		}
	}
	return out
}

// TestGroupIsImmutable uses one epoch from several goroutines: the race
// detector watches.
func TestGroupIsImmutable(t *testing.T) {
	r := newTrio(t)
	messages := r.propose(r.a, RemoveProposal(2), AddProposal(r.bundle("x").KeyPackage))
	pending := must(r.a.Commit(CommitOptions{Proposals: cache(t, r.a, messages), Rand: r.rand}))
	before := must(r.b.Export("x", nil, 32))
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			var cached []*CachedProposal
			for _, b := range messages {
				c, err := r.b.ProcessProposal(b)
				if err != nil {
					t.Error(err)
					return
				}
				cached = append(cached, c)
			}
			next, err := r.b.ProcessCommit(pending.Commit, cached)
			if err != nil {
				t.Error(err)
				return
			}
			if !bytes.Equal(must(next.EpochAuthenticator()), must(pending.Group.EpochAuthenticator())) {
				t.Error("diverged")
			}
			next.Erase()
			if _, err := r.b.Commit(CommitOptions{Proposals: cached, Rand: detRand(t, uint64(i))}); err != nil {
				t.Error(err)
			}
			if len(r.b.Members()) != 3 || !bytes.Equal(must(r.b.Export("x", nil, 32)), before) {
				t.Error("the old epoch has changed")
			}
		})
	}
	wg.Wait()
}
