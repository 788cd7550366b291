package dave

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// A sequence is a random life of a call. It is the same for the same seed and number of kinds.
type sequence struct {
	*testCall
	*rand.Rand
	kinds []func(*testClient) testMember
	gone  []testMember
	next  UserID
	seed  uint64
}

const maxSequenceUsers = 20

// runSequence returns how often what happened.
func runSequence(t testTB, seed uint64, kinds ...func(*testClient) testMember) map[string]int {
	return runSequenceOf(t, seed, func(c *testCall) []func(*testClient) testMember {
		return append([]func(*testClient) testMember{c.own(seed)}, kinds...)
	})
}

// runSequenceOf leaves it to the caller which kinds of members there are.
func runSequenceOf(t testTB, seed uint64, kinds func(*testCall) []func(*testClient) testMember) map[string]int {
	s := &sequence{testCall: newTestCall(t, seed), Rand: rand.New(testRand(seed)), next: 1, seed: seed}
	s.kinds = kinds(s.testCall)
	defer func() {
		for _, m := range s.gone {
			m.close()
		}
	}()
	size := 2 + s.IntN(4)
	if s.IntN(10) == 0 {
		size = maxSequenceUsers
	}
	for range size {
		s.arrive()
	}
	s.settleAndCheck("the first members")
	for range 3 + s.IntN(5) {
		s.settleAndCheck(s.act())
	}
	return s.seen
}

// addSeen sums up what happened, and checkSeen demands that everything did that the sequences are for.
func addSeen(sum, seen map[string]int) {
	for what, n := range seen {
		sum[what] += n
	}
}

func checkSeen(t testing.TB, seen map[string]int) {
	for _, what := range []string{
		"commits", "commits that lost", "revoked proposals", "resets of a sole member", "recoveries",
		"removals and additions of one user in a commit",
	} {
		t.Logf("%s: %d", what, seen[what])
		if seen[what] == 0 {
			t.Errorf("the sequences had no %s", what)
		}
	}
}

func (s *sequence) settleAndCheck(step string) {
	s.t.Helper()
	if *interopVerbose {
		s.t.Logf("seed %d: %s: %d members", s.seed, step, len(s.clients))
	}
	s.settle(s.IntN)
	s.check(s.gone[max(0, len(s.gone)-3):]...)
}

func (s *sequence) arrive() {
	if len(s.clients) < maxSequenceUsers {
		s.join(s.next, 1, s.kinds[s.IntN(len(s.kinds))])
		s.next++
	}
}

func (s *sequence) depart(user UserID) { s.gone = append(s.gone, s.leave(user)) }

func (s *sequence) anyone() UserID { return s.users()[s.IntN(len(s.clients))] }

// rejoin replaces a user's connection: removed and added again, in one commit if the timing is so.
func (s *sequence) rejoin(user UserID) {
	s.depart(user)
	s.pause()
	s.join(user, 1, s.kinds[s.IntN(len(s.kinds))])
}

// pause lets some messages through.
func (s *sequence) pause() {
	for range s.IntN(2*len(s.clients) + 2) {
		s.step(s.IntN)
	}
}

// act does something to the call, and says what.
func (s *sequence) act() string {
	switch s.IntN(8) {
	case 0:
		s.arrive()
		return "a join"
	case 1:
		if len(s.clients) > 1 {
			s.depart(s.anyone())
		}
		return "a leave"
	case 2:
		s.rejoin(s.anyone())
		return "a rejoin"
	case 3:
		for range 2 + s.IntN(3) {
			s.arrive()
		}
		for range s.IntN(3) {
			if len(s.clients) > 2 {
				s.depart(s.anyone())
			}
		}
		return "joins and leaves at once"
	case 4:
		user := s.next
		s.arrive()
		s.pause()
		if s.clients[user] != nil && len(s.clients) > 1 {
			s.depart(user) // its Add is revoked, if it is not committed yet
		}
		return "a join taken back"
	case 5:
		for len(s.clients) > 1 {
			s.depart(s.anyone())
			if s.IntN(2) == 0 {
				s.pause()
			}
		}
		s.settle(s.IntN)
		s.arrive()
		return "a reset of the sole member, and a join"
	case 6:
		s.arrive()
		return s.corrupt()
	default:
		s.rejoin(s.anyone())
		s.arrive()
		s.rejoin(s.anyone())
		return "rejoins and a join at once"
	}
}

// corrupt damages a commit or a welcome on its way to a client, which must recover.
func (s *sequence) corrupt() string {
	for range 10_000 {
		for _, u := range s.users() {
			for i, e := range s.clients[u].inbox {
				if e.Op != OpAnnounceCommit && e.Op != OpWelcome {
					continue
				}
				bad := append([]byte(nil), e.Payload...)
				bad[len(bad)-1-s.IntN(len(bad)/2)] ^= 0x40
				s.clients[u].inbox[i].Payload = bad
				return fmt.Sprintf("op %d to %v damaged", e.Op, u)
			}
		}
		if !s.step(s.IntN) {
			break
		}
	}
	return "a join"
}

// enoughSequences have everything in them.
const enoughSequences = 40

// The same sequences with our members only need nothing installed.
func TestSequences(t *testing.T) {
	seen := make(map[string]int)
	for seed := range uint64(enoughSequences) {
		addSeen(seen, runSequence(t, seed))
	}
	checkSeen(t, seen)
}
