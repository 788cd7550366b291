package mls

import (
	"fmt"
	"testing"
)

var benchmarkSizes = []int{2, 10, 100, 1000}

// groupOf makes a group of n members by one commit and returns the views of
// the first, who made it, and of the last, who joined it.
func groupOf(b testing.TB, n int) (w *world, first, last *Group) {
	b.Helper()
	w = newWorld(b, P256, uint64(n))
	g := w.found(identity(0))
	var ps []*Proposal
	var bundle *KeyPackageBundle
	for i := 1; i < n; i++ {
		bundle = w.bundle(identity(i))
		ps = append(ps, AddProposal(bundle.KeyPackage))
	}
	pending := must(g.Commit(CommitOptions{Proposals: cache(b, g, w.propose(g, ps...)), Rand: w.rand}))
	if n == 1 {
		return w, g, g
	}
	last, err := JoinWelcome(bundle, pending.Welcome)
	if err != nil {
		b.Fatal(err)
	}
	return w, pending.Group, last
}

// BenchmarkProcessAddCommit measures a member that follows another member's
// commit of one Add, in a group of so many.
func BenchmarkProcessAddCommit(b *testing.B) {
	for _, n := range benchmarkSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, first, last := groupOf(b, n)
			messages := w.propose(first, AddProposal(w.bundle("new").KeyPackage))
			pending := must(first.Commit(CommitOptions{Proposals: cache(b, first, messages), Rand: w.rand}))
			cached := cache(b, last, messages)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := last.ProcessCommit(pending.Commit, cached); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkProcessRemoveCommit measures a member that follows another
// member's commit, with its path, of one Remove.
func BenchmarkProcessRemoveCommit(b *testing.B) {
	for _, n := range benchmarkSizes[1:] {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, first, last := groupOf(b, n)
			messages := w.propose(first, RemoveProposal(1))
			pending := must(first.Commit(CommitOptions{Proposals: cache(b, first, messages), Rand: w.rand}))
			cached := cache(b, last, messages)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := last.ProcessCommit(pending.Commit, cached); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkProcessProposal measures a member that checks an external sender's
// Add.
func BenchmarkProcessProposal(b *testing.B) {
	w, first, last := groupOf(b, 100)
	message := w.propose(first, AddProposal(w.bundle("new").KeyPackage))[0]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := last.ProcessProposal(message); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCommitAdd measures the author of a commit of one Add.
func BenchmarkCommitAdd(b *testing.B) {
	for _, n := range benchmarkSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, first, _ := groupOf(b, n)
			cached := cache(b, first, w.propose(first, AddProposal(w.bundle("new").KeyPackage)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := first.Commit(CommitOptions{Proposals: cached, Rand: w.rand}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkCommitRemove measures the author of a commit of one Remove, whose
// path is encrypted for everyone in a tree without parents: the worst case.
func BenchmarkCommitRemove(b *testing.B) {
	for _, n := range benchmarkSizes[1:] {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, first, _ := groupOf(b, n)
			cached := cache(b, first, w.propose(first, RemoveProposal(1)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := first.Commit(CommitOptions{Proposals: cached, Rand: w.rand}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkJoin measures a new member that makes the group from a Welcome, as
// the last of so many.
func BenchmarkJoin(b *testing.B) {
	for _, n := range benchmarkSizes {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			w, first, _ := groupOf(b, max(n-1, 1))
			bundle := w.bundle("new")
			cached := cache(b, first, w.propose(first, AddProposal(bundle.KeyPackage)))
			pending := must(first.Commit(CommitOptions{Proposals: cached, Rand: w.rand}))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := JoinWelcome(bundle, pending.Welcome); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
