package dave

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mynahbot/mynah/dave/mls"
)

// Benchmarks report davey's and libdave's figures of the same run as davey-ns/op and libdave-ns/op, where those are
// installed. davey is called from Node.js and libdave from Python, as bots do.

const benchFrames = 20_000

// benchPair are two members of another implementation's.
type benchPair struct {
	name     string
	one, two *foreignMember
}

// report has a pair encrypt some frames, or decrypt each other's.
func (p benchPair) report(b *testing.B, media []byte, decrypt bool) {
	r := foreignRequest{Do: "bench", Payload: media, Count: benchFrames}
	if decrypt {
		r.Other = p.two.id
	}
	reply, err := p.one.ask(r)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(reply.Each, p.name+"-ns/op")
}

// benchCall is a call of two of ours, and of two of each other implementation's that is installed.
func benchCall(b *testing.B) (own, other *Session, foreign []benchPair) {
	c := newTestCall(b, 1)
	c.join(1, 1, c.own(1))
	c.join(2, 1, c.own(2))
	member := func(p *foreignProcess, user UserID) *foreignMember {
		c.join(user, 1, p.member)
		return c.clients[user].member.(*foreignMember)
	}
	if daveyInstalled() {
		p := startDavey(b)
		foreign = append(foreign, benchPair{"davey", member(p, 3), member(p, 4)})
	}
	if libdaveInstalled() {
		p := startLibdave(b)
		foreign = append(foreign, benchPair{"libdave", member(p, 5), member(p, 6)})
	}
	c.settle(inOrder)
	c.check()
	return c.clients[1].member.(ownMember).Session, c.clients[2].member.(ownMember).Session, foreign
}

func BenchmarkEncrypt160(b *testing.B) {
	own, _, foreign := benchCall(b)
	media := make([]byte, 160)
	buffer := make([]byte, 0, len(media)+Overhead)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := own.AppendEncrypt(buffer[:0], media); err != nil {
			b.Fatal(err)
		}
	}
	for _, p := range foreign {
		p.report(b, media, false)
	}
}

func BenchmarkDecrypt160(b *testing.B) {
	own, other, foreign := benchCall(b)
	media := make([]byte, 160)
	frames := make([][]byte, benchFrames)
	for i := range frames {
		var err error
		if frames[i], err = own.AppendEncrypt(nil, media); err != nil {
			b.Fatal(err)
		}
	}
	window := &(*other.media.receivers.Load())[1].epochs[0].seen
	buffer := make([]byte, 0, len(media))
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i == len(frames) { // the same ones again, as if they were new
			i, *window = 0, replayWindow{}
		}
		if _, err := other.AppendDecrypt(buffer[:0], 1, frames[i]); err != nil {
			b.Fatal(err)
		}
		i++
	}
	for _, p := range foreign {
		p.report(b, media, true)
	}
}

// benchSizes are the members of a call, the newest included.
var benchSizes = []int{2, 5, 10, 20, 50, 100, 200, 500, 1000}

// daveySize is that at which davey is measured beside ours.
const daveySize = 100

// A benchGroup is a call that one of our members made by a commit that adds all others. Most of those have a key
// package and nothing else. Member 2 is ours and is told what it needs to join, as often as wanted: its
// randomness is always the same.
type benchGroup struct {
	*testCall
	size    int
	foreign []*testClient // davey's
	joining []event       // what member 2 was told up to its welcome
	welcome event
}

const (
	benchAuthor UserID = 1
	benchOwn    UserID = 2
	benchDaveys        = 9
)

func newBenchGroup(b *testing.B, size int) *benchGroup {
	g := &benchGroup{testCall: newTestCall(b, 1), size: size}
	g.join(benchAuthor, 1, g.own(1))
	g.join(benchOwn, 1, g.own(2))
	actors := benchOwn
	if size == daveySize && daveyInstalled() {
		p := startDavey(b)
		for range benchDaveys {
			actors++
			g.join(actors, 1, p.member)
			g.foreign = append(g.foreign, g.clients[actors])
		}
	}
	for u := benchAuthor; u <= actors; u++ {
		for _, op := range []Opcode{opClientsConnect, opSelectProtocolAck, OpExternalSender} {
			g.tell(u, op)
		}
	}
	// The others are there at once, so that everybody is proposed in one message.
	var users []UserID
	for u := benchAuthor; u <= UserID(size); u++ {
		users = append(users, u)
		if u > actors {
			g.service.peers[u] = &peer{user: u, maxVersion: 1, externalSent: true, keyPackage: benchKeyPackage(b, u)}
		}
	}
	everybody := event{Message: Message{Op: opClientsConnect}, users: users}
	for u := benchAuthor; u <= actors; u++ {
		if err := g.clients[u].member.handle(everybody); err != nil {
			b.Fatal(err)
		}
		if u != benchAuthor {
			g.answer(u)
		}
	}
	g.answer(benchAuthor)
	g.tell(benchAuthor, OpProposals)
	for _, m := range g.clients[benchAuthor].outbox[len(g.clients[benchAuthor].outbox)-1:] {
		if err := g.service.Handle(benchAuthor, m); err != nil {
			b.Fatal(err)
		}
	}
	g.clients[benchAuthor].outbox = nil
	g.tell(benchAuthor, OpAnnounceCommit)
	if g.service.Epoch() != 1 {
		b.Fatal("no group")
	}
	g.joining = []event{
		everybody, {Message: Message{Op: opSelectProtocolAck, Version: 1}},
		{Message: Message{Op: OpExternalSender, Payload: g.service.external.Marshal()}},
	}
	g.welcome = g.find(benchOwn, OpWelcome)
	return g
}

func benchKeyPackage(b *testing.B, user UserID) *mls.KeyPackage {
	key, err := mls.GenerateSignatureKey(mls.P256, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	identity := binary.BigEndian.AppendUint64(nil, uint64(user))
	k, err := mls.NewKeyPackage(key, mls.BasicCredential(identity), mls.Forever, rand.Reader)
	if err != nil {
		b.Fatal(err)
	}
	return k.KeyPackage
}

// find returns the newest event of an opcode in a client's inbox.
func (g *benchGroup) find(user UserID, op Opcode) event {
	inbox := g.clients[user].inbox
	for i := len(inbox) - 1; i >= 0; i-- {
		if inbox[i].Op == op {
			return inbox[i]
		}
	}
	g.t.Fatalf("%v was not sent op %d", user, op)
	return event{}
}

// tell delivers all events of an opcode to a client, others stay.
func (g *benchGroup) tell(user UserID, op Opcode) {
	client := g.clients[user]
	client.inbox = slices.DeleteFunc(client.inbox, func(e event) bool {
		if e.Op != op {
			return false
		}
		if err := client.member.handle(e); err != nil {
			g.t.Fatalf("op %d to %v: %v", op, user, err)
		}
		return true
	})
}

// answer passes on what a client has sent.
func (g *benchGroup) answer(user UserID) {
	client := g.clients[user]
	for _, m := range client.outbox {
		if err := g.service.Handle(user, m); err != nil {
			g.t.Fatalf("op %d from %v: %v", m.Op, user, err)
		}
	}
	client.outbox = nil
}

// newcomer is member 2, as often as wanted, before its welcome.
func (g *benchGroup) newcomer() ownMember {
	m := g.own(2)(&testClient{user: benchOwn}).(ownMember)
	for _, e := range g.joining {
		if err := m.handle(e); err != nil {
			g.t.Fatal(err)
		}
	}
	return m
}

// medianSpent delivers the newest event of an opcode to davey's members, and returns the median of their times
// in nanoseconds.
func (g *benchGroup) medianSpent(op Opcode) float64 {
	var spent []time.Duration
	for _, client := range g.foreign {
		if err := client.member.handle(g.find(client.user, op)); err != nil {
			g.t.Fatal(err)
		}
		spent = append(spent, time.Duration(client.member.(*foreignMember).spent))
	}
	return median(spent)
}

// median is in nanoseconds. Other work on the machine disturbs it less than a mean.
func median(spent []time.Duration) float64 {
	slices.Sort(spent)
	return float64(spent[len(spent)/2])
}

// BenchmarkJoin is op 30: from the welcome to keys for all members.
func BenchmarkJoin(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("members=%d", size), func(b *testing.B) {
			g := newBenchGroup(b, size)
			var spent []time.Duration
			for range b.N {
				m := g.newcomer()
				began := time.Now()
				err := m.handle(g.welcome)
				spent = append(spent, time.Since(began))
				if err != nil {
					b.Fatal(err)
				}
				m.close()
			}
			b.ReportMetric(median(spent), "ns/op")
			if g.foreign != nil {
				b.ReportMetric(g.medianSpent(OpWelcome), "davey-ns/op")
			}
		})
	}
}

// BenchmarkCommit is op 29: another member's commit that adds somebody.
func BenchmarkCommit(b *testing.B) {
	for _, size := range benchSizes {
		b.Run(fmt.Sprintf("members=%d", size), func(b *testing.B) {
			g := newBenchGroup(b, size)
			if g.foreign != nil {
				g.medianSpent(OpWelcome)
			}
			newest := UserID(size + 1)
			g.join(newest, 1, g.own(4))
			for _, op := range []Opcode{opClientsConnect, opSelectProtocolAck, OpExternalSender} {
				g.tell(newest, op)
			}
			g.answer(newest)
			g.tell(benchAuthor, opClientsConnect)
			g.tell(benchAuthor, OpProposals)
			g.answer(benchAuthor)
			if g.service.Epoch() != 2 {
				b.Fatal("no second epoch")
			}
			proposals, commit := g.find(benchOwn, OpProposals), g.find(benchOwn, OpAnnounceCommit)
			var spent []time.Duration
			for range b.N {
				m := g.newcomer()
				for _, e := range []event{g.welcome, {Message: Message{Op: opClientsConnect}, users: []UserID{newest}}, proposals} {
					if err := m.handle(e); err != nil {
						b.Fatal(err)
					}
				}
				began := time.Now()
				err := m.handle(commit)
				spent = append(spent, time.Since(began))
				if err != nil {
					b.Fatal(err)
				}
				m.close()
			}
			b.ReportMetric(median(spent), "ns/op")
			if g.foreign != nil {
				for _, client := range g.foreign {
					g.tell(client.user, opClientsConnect)
				}
				g.medianSpent(OpProposals)
				b.ReportMetric(g.medianSpent(OpAnnounceCommit), "davey-ns/op")
			}
		})
	}
}
