package dave

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mynahbot/mynah/dave/mls"
)

var record = flag.Bool("record", false, "record calls with davey's members into testdata, and write the known answers anew, instead of only replaying them")

const recordedFolder = "testdata/recorded"

// recordedSeeds are the sequences that are recorded: few, but with everything in them.
var recordedSeeds = []uint64{3, 4, 5, 7, 8, 9, 10, 11, 12, 13}

// A recordedStep is a line of a recording: what one of our members was told, and what came of it. Members are
// told apart by number.
type recordedStep struct {
	Member int       `json:"member"`
	Time   time.Time `json:"time"`
	Do     string    `json:"do"` // new, event, decrypt, code

	User UserID `json:"user,omitempty"` // new: whose; decrypt: from whom
	Seed uint64 `json:"seed,omitempty"` // new: of its randomness

	Op         Opcode   `json:"op,omitempty"` // event
	Transition uint16   `json:"transition,omitempty"`
	Version    uint16   `json:"version,omitempty"`
	Epoch      uint64   `json:"epoch,omitempty"`
	Users      []UserID `json:"users,omitempty"`
	Payload    []byte   `json:"payload,omitempty"` // of the event, or the frame

	Refused bool           `json:"refused,omitempty"`
	Out     []recordedSend `json:"out,omitempty"`
	Media   []byte         `json:"media,omitempty"`
	Code    string         `json:"code,omitempty"`
}

type recordedSend struct {
	Op         Opcode `json:"op"`
	Transition uint16 `json:"transition,omitempty"`
	Payload    []byte `json:"payload,omitempty"` // what is the same each time: see repeatable
}

// repeatable cuts a sent message down to what randomness of the system's has no part in: HPKE's ephemeral keys
// are in a commit's path and in a welcome.
func repeatable(t testTB, m Message) recordedSend {
	s := recordedSend{Op: m.Op, Transition: m.TransitionID, Payload: m.Payload}
	if m.Op == OpCommitWelcome {
		commit, welcome, err := mls.ReadMessage(m.Payload)
		if err != nil {
			t.Fatal(err)
		}
		s.Payload = m.Payload[:len(m.Payload)-len(welcome)]
		if commit.Public.Content.Commit.Path != nil {
			s.Payload = nil
		}
	}
	return s
}

// A recordingMember writes down what happens to one of our members.
type recordingMember struct {
	testMember
	call   *testCall
	client *testClient
	number int
	write  func(recordedStep)
}

func (m *recordingMember) handle(e event) error {
	before := len(m.client.outbox)
	err := m.testMember.handle(e)
	s := recordedStep{
		Member: m.number, Time: m.call.now, Do: "event", Op: e.Op, Transition: e.TransitionID, Version: e.Version, Epoch: e.Epoch,
		Users: e.users, Payload: e.Payload, Refused: err != nil,
	}
	for _, sent := range m.client.outbox[before:] {
		s.Out = append(s.Out, repeatable(m.call.t, sent))
	}
	// A commit with a path can't be made again, so that it must not win.
	m.client.outbox = slices.DeleteFunc(m.client.outbox, func(sent Message) bool {
		return sent.Op == OpCommitWelcome && repeatable(m.call.t, sent).Payload == nil
	})
	m.write(s)
	return err
}

func (m *recordingMember) decrypt(from UserID, frame []byte) ([]byte, error) {
	media, err := m.testMember.decrypt(from, frame)
	m.write(recordedStep{
		Member: m.number, Time: m.call.now, Do: "decrypt", User: from, Payload: frame, Media: media, Refused: err != nil,
	})
	return media, err
}

func (m *recordingMember) privacyCode() string {
	code := m.testMember.privacyCode()
	m.write(recordedStep{Member: m.number, Time: m.call.now, Do: "code", Code: code})
	return code
}

// recordSequence runs a sequence with our members recorded.
func recordSequence(t *testing.T, p *foreignProcess, seed uint64) map[string]int {
	f, err := os.Create(filepath.Join(recordedFolder, fmt.Sprintf("davey-%d.jsonl", seed)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := json.NewEncoder(f)
	write := func(s recordedStep) {
		if err := lines.Encode(s); err != nil {
			t.Fatal(err)
		}
	}
	members := 0
	return runSequenceOf(t, seed, func(c *testCall) []func(*testClient) testMember {
		return []func(*testClient) testMember{func(client *testClient) testMember {
			members++
			own := seed<<16 | uint64(members)
			write(recordedStep{Member: members, Time: c.now, Do: "new", User: client.user, Seed: own})
			return &recordingMember{c.own(own)(client), c, client, members, write}
		}, p.member, p.member}
	})
}

// Calls with davey's members go the same way without them.
func TestRecordings(t *testing.T) {
	if *record {
		p := startDavey(t)
		if err := os.MkdirAll(recordedFolder, 0o755); err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]int)
		for _, seed := range recordedSeeds {
			addSeen(seen, recordSequence(t, p, seed))
		}
		checkSeen(t, seen)
		writeKnown(t)
	}
	files, err := filepath.Glob(filepath.Join(recordedFolder, "*.jsonl"))
	if err != nil || len(files) != len(recordedSeeds) {
		t.Fatalf("%d recordings of %d, %v", len(files), len(recordedSeeds), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { replay(t, file) })
	}
}

func replay(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := replayer{t: t, members: make(map[int]*replayedMember)}
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, MaxMessageSize)
	number := 0
	for ; lines.Scan(); number++ {
		var s recordedStep
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			t.Fatal(err)
		}
		if !r.step(s) {
			t.Fatalf("%s:%d: member %d, %s, op %d", file, number+1, s.Member, s.Do, s.Op)
		}
	}
	if err := lines.Err(); err != nil || number == 0 || r.heard == 0 {
		t.Fatalf("%d lines, %d frames, %v", number, r.heard, err)
	}
}

type replayer struct {
	t       *testing.T
	now     time.Time
	members map[int]*replayedMember
	heard   int
}

type replayedMember struct {
	session ownMember
	out     []recordedSend
}

// step reports whether the same came of it.
func (r *replayer) step(s recordedStep) bool {
	r.now = s.Time
	if s.Do == "new" {
		m := &replayedMember{}
		session, err := NewSession(Config{
			Channel: testChannel, User: s.User, Rand: testRand(s.Seed ^ uint64(s.User)<<32),
			Now: func() time.Time { return r.now },
			Send: func(sent Message) error {
				m.out = append(m.out, repeatable(r.t, sent))
				return nil
			},
		})
		if err != nil {
			r.t.Fatal(err)
		}
		r.t.Cleanup(session.Close)
		m.session = ownMember{session}
		r.members[s.Member] = m
		return true
	}
	m := r.members[s.Member]
	switch s.Do {
	case "event":
		m.out = nil
		err := m.session.handle(event{users: s.Users, Message: Message{
			Op: s.Op, TransitionID: s.Transition, Version: s.Version, Epoch: s.Epoch, Payload: s.Payload,
		}})
		same := slices.EqualFunc(m.out, s.Out, func(a, b recordedSend) bool {
			return a.Op == b.Op && a.Transition == b.Transition && bytes.Equal(a.Payload, b.Payload)
		})
		return r.expect(err, s.Refused) && same
	case "decrypt":
		media, err := m.session.decrypt(s.User, s.Payload)
		r.heard++
		return r.expect(err, s.Refused) && bytes.Equal(media, s.Media)
	case "code":
		return m.session.privacyCode() == s.Code
	}
	return false
}

func (r *replayer) expect(err error, refused bool) bool {
	if (err != nil) != refused {
		r.t.Errorf("refused: %v, recorded: %v", err, refused)
	}
	return (err != nil) == refused
}
