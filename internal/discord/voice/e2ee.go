package voice

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/dave"
)

// endToEnd is a connection's part in end-to-end encryption: a DAVE session whose messages travel over the link's socket.
type endToEnd struct {
	self    snowflake.ID
	session *dave.Session
	failed  error // why there is no session
	out     wire

	mu      sync.Mutex
	begun   bool
	version int
	others  map[snowflake.ID]bool
	news    chan struct{} // closed, and made anew, when something has changed
	// unanswered are the messages of which nothing shows yet that they have arrived. See repeat.
	unanswered []dave.Message
	tries      int         // key packages since a group has had us
	later      *time.Timer // sends the last one of these; nil while it needs none
}

// How often we ask to be let into the group. Where what we know of the call differs from what the others know, by a message that is late or
// lost, they let us in and we refuse the group, again and again, and all have new keys each time. So those who were refused pause.
const (
	quickTries = 3                      // that follow each other at once
	firstPause = 250 * time.Millisecond // before the next, twice as long before each further one
	maxTries   = 8                      // after them only a fresh session helps
)

// errNotLetIn ends a session that no group has us in.
var errNotLetIn = errors.New("voice: no end-to-end encrypted group that we can agree to")

// maxUnanswered bounds what is repeated: a key package, a commit, and the transitions that the gateway has under way at once.
const maxUnanswered = 16

// wire sends the session's messages.
type wire interface {
	sendJSON(ctx context.Context, op int, data any) error
	sendBinary(ctx context.Context, message []byte) error
}

func newEndToEnd(ctx context.Context, c Config, self, channel snowflake.ID, out wire) *endToEnd {
	e := &endToEnd{self: self, out: out, others: map[snowflake.ID]bool{}, news: make(chan struct{})}
	e.session, e.failed = dave.NewSession(dave.Config{
		Channel: dave.ChannelID(channel), User: dave.UserID(self), Rand: c.Rand, Now: c.Now,
		Send: func(m dave.Message) error {
			kept, postponed := e.keep(ctx, m)
			if postponed {
				return nil
			}
			err := e.send(ctx, m)
			if kept {
				return nil // what a broken socket loses is repeated on the next
			}
			return err
		},
	})
	return e
}

func (e *endToEnd) send(ctx context.Context, m dave.Message) error {
	if m.Binary() {
		b, err := m.AppendBinary(nil)
		if err != nil {
			return err
		}
		return e.out.sendBinary(ctx, b)
	}
	d, err := m.Data()
	if err != nil {
		return err
	}
	return e.out.sendJSON(ctx, int(m.Op), d)
}

// keep remembers a message of ours until something shows that it has arrived, and reports whether it is of that kind, and whether it is
// sent later.
func (e *endToEnd) keep(ctx context.Context, m dave.Message) (kept, postponed bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch m.Op {
	case dave.OpKeyPackage:
		e.unanswered = nil // who sends one starts over
		e.tries++
		if more := e.tries - quickTries; more > 0 && e.tries <= maxTries {
			postponed = true
			e.stopLater()
			e.later = time.AfterFunc(firstPause<<(more-1), func() { e.repeat(ctx) })
		}
	case dave.OpCommitWelcome:
		e.forget(dave.OpCommitWelcome) // it covers what the one before did
	case dave.OpTransitionReady:
	default:
		return false, false
	}
	if len(e.unanswered) == maxUnanswered {
		e.unanswered = slices.Delete(e.unanswered, 0, 1)
	}
	e.unanswered = append(e.unanswered, m)
	return true, postponed
}

// stopLater is called with mu held.
func (e *endToEnd) stopLater() {
	if e.later != nil {
		e.later.Stop()
		e.later = nil
	}
}

// forget drops messages of an opcode. Called with mu held.
func (e *endToEnd) forget(op dave.Opcode) {
	e.unanswered = slices.DeleteFunc(e.unanswered, func(m dave.Message) bool { return m.Op == op })
}

// answered looks at what has come, and drops what it answers.
func (e *endToEnd) answered(m dave.Message) {
	in := e.session.PrivacyCode() != ""
	e.mu.Lock()
	defer e.mu.Unlock()
	switch m.Op {
	case dave.OpAnnounceCommit, dave.OpWelcome:
		if in { // a group has taken us in, and is an epoch further
			e.tries = 0
			e.stopLater()
			e.forget(dave.OpKeyPackage)
			e.forget(dave.OpCommitWelcome)
		}
	case dave.OpExecuteTransition:
		e.unanswered = slices.DeleteFunc(e.unanswered, func(k dave.Message) bool {
			return k.Op == dave.OpTransitionReady && k.TransitionID == m.TransitionID
		})
	}
}

// repeat sends again what is unanswered. The gateway replays what it sent to a session that is resumed, but what we sent into the broken
// socket may be lost, and nobody would ask for it: without its key package nobody is let into the group, and where we alone can commit,
// the group waits for us. It is called once the replay is over. What had arrived after all is of no use any more, and gateways ignore it.
func (e *endToEnd) repeat(ctx context.Context) {
	e.mu.Lock()
	all := slices.Clone(e.unanswered)
	e.mu.Unlock()
	for _, m := range all {
		if e.send(ctx, m) != nil {
			return // the socket is broken again, and its successor repeats
		}
	}
}

// begin takes the version of op 4; 0 is a call in clear.
func (e *endToEnd) begin(version int) error {
	if e.failed != nil {
		return e.failed
	}
	if version < 0 || version > daveVersion {
		return fmt.Errorf("voice: DAVE version %d: %w", version, errMessage)
	}
	if err := e.session.SelectProtocolAck(uint16(version)); err != nil {
		return err
	}
	e.mu.Lock()
	e.begun, e.version = true, version
	e.mu.Unlock()
	e.check()
	return nil
}

// joined tells who is in the channel (op 11).
func (e *endToEnd) joined(users []snowflake.ID) error {
	ids := make([]dave.UserID, len(users))
	e.mu.Lock()
	for i, u := range users {
		e.others[u] = true
		ids[i] = dave.UserID(u)
	}
	e.mu.Unlock()
	if e.failed != nil {
		return e.failed
	}
	return e.session.AddUsers(ids...)
}

// left tells that a user has gone (op 13).
func (e *endToEnd) left(user snowflake.ID) {
	e.mu.Lock()
	delete(e.others, user)
	e.mu.Unlock()
	if e.failed == nil {
		e.session.RemoveUser(dave.UserID(user))
	}
	e.check()
}

// handle passes a message on. What does not concern the session's state is no error. After errNotLetIn nothing more is to be hoped for.
func (e *endToEnd) handle(m message) error {
	if e.failed != nil {
		return e.failed
	}
	var d dave.Message
	var err error
	if m.binary {
		d, err = dave.ParseBinary(m.body)
	} else {
		d, err = dave.ParseData(dave.Opcode(m.op), json.RawMessage(m.data))
	}
	if err != nil {
		return err
	}
	err = e.session.Handle(d)
	e.answered(d)
	e.check()
	e.mu.Lock()
	hopeless := e.tries > maxTries
	e.mu.Unlock()
	if hopeless {
		return errNotLetIn
	}
	if errors.Is(err, dave.ErrIgnored) {
		return nil
	}
	return err
}

// check wakes those who await keys.
func (e *endToEnd) check() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.news)
	e.news = make(chan struct{})
}

// await waits until sound can be heard by whoever is there: until there are keys, unless nobody who is alone, or in a call in
// clear, needs any.
func (e *endToEnd) await(ctx context.Context) error {
	for {
		e.mu.Lock()
		usable := e.begun && (e.version == 0 || len(e.others) == 0 || e.session.Ready())
		news := e.news
		e.mu.Unlock()
		if usable {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// AppendEncrypt encrypts an Opus frame; it fails while there is no key, and nothing may be sent then.
func (e *endToEnd) AppendEncrypt(dst, frame []byte) ([]byte, error) {
	if e.failed != nil {
		return dst, e.failed
	}
	return e.session.AppendEncrypt(dst, frame)
}

// AppendDecrypt opens a frame of user.
func (e *endToEnd) AppendDecrypt(dst []byte, user snowflake.ID, frame []byte) ([]byte, error) {
	if e.failed != nil {
		return dst, e.failed
	}
	return e.session.AppendDecrypt(dst, dave.UserID(user), frame)
}

// state tells what people may compare.
func (e *endToEnd) state() Encryption {
	if e.failed != nil {
		return Encryption{}
	}
	s := e.session.Stats()
	out := Encryption{Version: int(s.Version), Epoch: s.Epoch, PrivacyCode: grouped(s.PrivacyCode)}
	for _, u := range s.Users {
		if u.Member {
			out.Members = append(out.Members, snowflake.ID(u.User))
		}
	}
	return out
}

func (e *endToEnd) close() {
	e.mu.Lock()
	e.stopLater()
	e.mu.Unlock()
	if e.session != nil {
		e.session.Close()
	}
}

// grouped sets a code in groups of five digits, as clients show it.
func grouped(code string) string {
	var b strings.Builder
	for i, r := range code {
		if i > 0 && i%5 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
