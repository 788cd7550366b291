package dave

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// The tests in this file have DAVE members by others beside ours, behind our delivery service. They need
// what `make interop-dave` installs, and are skipped without.

var (
	interopSequences = flag.Int("interop.sequences", 40, "random sequences of joins, leaves and failures to run with foreign members")
	interopSeed      = flag.Uint64("interop.seed", 1, "seed of the first sequence; the others follow it")
	interopVerbose   = flag.Bool("interop.verbose", false, "print every step and message of the sequences")
)

const interopFolder = "../interop/dave"

// A foreignProcess hosts members by another implementation: one request and one reply at a time, each a line of
// JSON.
type foreignProcess struct {
	t     testing.TB
	in    io.Writer
	out   *bufio.Reader
	count int
	ended bool
}

type foreignRequest struct {
	Member     int      `json:"member"`
	Do         string   `json:"do"`
	User       string   `json:"user,omitempty"`
	Channel    string   `json:"channel,omitempty"`
	From       string   `json:"from,omitempty"`
	Op         Opcode   `json:"op,omitempty"`
	Transition uint16   `json:"transition"`
	Version    uint16   `json:"version"`
	Epoch      uint64   `json:"epoch"`
	Users      []string `json:"users,omitempty"`
	Payload    []byte   `json:"payload,omitempty"`
	Count      int      `json:"count,omitempty"` // bench: frames
	Other      int      `json:"other,omitempty"` // bench: decrypt this member's frames
}

type foreignReply struct {
	Out []struct {
		Op         Opcode `json:"op"`
		Transition uint16 `json:"transition"`
		Payload    []byte `json:"payload"`
	} `json:"out"`
	Frame       []byte  `json:"frame"`
	Code        string  `json:"code"`
	Error       string  `json:"error"`
	Nanoseconds int64   `json:"nanoseconds"` // that the request took, in the process
	Each        float64 `json:"each"`        // bench: nanoseconds for a frame
}

// startDavey starts @snazzah/davey, or skips the test.
func startDavey(t testing.TB) *foreignProcess {
	t.Helper()
	if !daveyInstalled() {
		t.Skip("node or @snazzah/davey is not installed: run `make interop-dave`")
	}
	return startForeign(t, "node", "davey.mjs")
}

func daveyInstalled() bool {
	_, nodeErr := exec.LookPath("node")
	_, daveyErr := os.Stat(filepath.Join(interopFolder, "node_modules", "@snazzah", "davey"))
	return nodeErr == nil && daveyErr == nil
}

// startLibdave starts Discord's libdave by its Python binding, or skips the test.
func startLibdave(t testing.TB) *foreignProcess {
	t.Helper()
	if !libdaveInstalled() {
		t.Skip("dave-py is not installed: run `make interop-dave`")
	}
	python, err := filepath.Abs(filepath.Join(interopFolder, ".venv", "bin", "python"))
	if err != nil {
		t.Fatal(err)
	}
	return startForeign(t, python, "libdave.py")
}

func libdaveInstalled() bool {
	_, err := os.Stat(filepath.Join(interopFolder, ".venv", "installed"))
	return err == nil
}

func startForeign(t testing.TB, program, script string) *foreignProcess {
	cmd := exec.Command(program, script)
	cmd.Dir, cmd.Stderr = interopFolder, os.Stderr
	if !*interopVerbose {
		cmd.Stderr = nil
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &foreignProcess{t: t, in: in, out: bufio.NewReaderSize(out, 1<<20)}
	t.Cleanup(func() {
		p.ended = true
		in.Close()
		cmd.Wait() // they end with their input
	})
	return p
}

func (p *foreignProcess) ask(r foreignRequest) (reply foreignReply) {
	p.t.Helper()
	line, err := json.Marshal(r)
	if err != nil {
		p.t.Fatal(err)
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		p.t.Fatalf("foreign members: %v", err)
	}
	if line, err = p.out.ReadBytes('\n'); err != nil {
		p.t.Fatalf("foreign members ended: %v", err)
	}
	if err := json.Unmarshal(line, &reply); err != nil {
		p.t.Fatalf("foreign members: %v in %s", err, line)
	}
	return reply
}

// foreignMember is one of a process's as a testMember.
type foreignMember struct {
	process *foreignProcess
	id      int
	send    func(Message)
	spent   int64 // nanoseconds that the last request took, in the process
}

// member makes a foreign member.
func (p *foreignProcess) member(client *testClient) testMember {
	p.count++
	m := &foreignMember{process: p, id: p.count, send: func(m Message) { client.outbox = append(client.outbox, m) }}
	p.ask(foreignRequest{Member: m.id, Do: "new", User: client.user.String(), Channel: testChannel.String()})
	return m
}

func (m *foreignMember) ask(r foreignRequest) (foreignReply, error) {
	r.Member = m.id
	reply := m.process.ask(r)
	m.spent = reply.Nanoseconds
	for _, out := range reply.Out {
		m.send(Message{Op: out.Op, TransitionID: out.Transition, Payload: out.Payload})
	}
	if reply.Error != "" {
		return reply, errors.New(reply.Error)
	}
	return reply, nil
}

func (m *foreignMember) handle(e event) error {
	users := make([]string, len(e.users))
	for i, u := range e.users {
		users[i] = u.String()
	}
	_, err := m.ask(foreignRequest{
		Do: "event", Op: e.Op, Transition: e.TransitionID, Version: e.Version, Epoch: e.Epoch, Users: users, Payload: e.Payload,
	})
	return err
}

func (m *foreignMember) encrypt(frame []byte) ([]byte, error) {
	reply, err := m.ask(foreignRequest{Do: "encrypt", Payload: frame})
	return reply.Frame, err
}

func (m *foreignMember) decrypt(from UserID, frame []byte) ([]byte, error) {
	reply, err := m.ask(foreignRequest{Do: "decrypt", From: from.String(), Payload: frame})
	return reply.Frame, err
}

func (m *foreignMember) privacyCode() string {
	reply, _ := m.ask(foreignRequest{Do: "code"})
	return reply.Code
}

func (m *foreignMember) close() {
	if !m.process.ended {
		m.ask(foreignRequest{Do: "close"})
	}
}

var foreignKinds = []struct {
	name  string
	start func(testing.TB) *foreignProcess
}{{"davey", startDavey}, {"libdave", startLibdave}}

func TestInteropSequences(t *testing.T) {
	for _, kind := range foreignKinds {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			p := kind.start(t)
			seen := make(map[string]int)
			for i := range uint64(*interopSequences) {
				seed := *interopSeed + i
				if !t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
					p.t = t
					addSeen(seen, runSequence(t, seed, p.member, p.member))
				}) {
					t.Fatalf("replay with -run 'TestInteropSequences/%s' -interop.seed=%d -interop.sequences=1", kind.name, seed)
				}
			}
			if *interopSequences >= enoughSequences {
				checkSeen(t, seen)
			}
		})
	}
}

// A client without DAVE comes and goes: all others fall back to frames in clear, and make a new group afterwards.
func TestInteropVersions(t *testing.T) {
	for _, kind := range foreignKinds {
		t.Run(kind.name, func(t *testing.T) {
			p := kind.start(t)
			c := newTestCall(t, 1)
			c.join(1, 1, c.own(1))
			c.join(2, 1, p.member)
			c.join(3, 1, p.member)
			c.settle(inOrder)
			c.check()
			for user := UserID(4); user < 7; user++ {
				c.join(user, 0, c.own(4))
				c.settle(inOrder)
				c.checkClear()
				c.leave(user)
				c.settle(inOrder)
				c.check()
			}
		})
	}
}
