package voice

import (
	"bytes"
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/dave"
	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
	"github.com/mynahbot/mynah/internal/rtp"
)

// foul is a member that takes part in end-to-end encryption, but for its commits: spoil says what it sends instead of one.
type foul struct {
	t       *testing.T
	socket  *socket
	session *dave.Session
	spoil   func(commit []byte) [][]byte
	spoiled atomic.Int64
}

// joinFoul has user join channel 77 until the test ends.
func (k *talk) joinFoul(user snowflake.ID, spoil func(commit []byte) [][]byte) *foul {
	k.t.Helper()
	place := localdiscord.VoiceSession{GuildID: testGuild, ChannelID: 77, UserID: localdiscord.ID(user), SessionID: "foul", CanSpeak: true}
	endpoint, token, err := k.g.server.Connect(context.Background(), place)
	if err != nil {
		k.t.Fatal(err)
	}
	f := &foul{t: k.t, spoil: spoil}
	ctx, cancel := context.WithCancel(context.Background())
	if f.socket, err = dialSocket(ctx, nil, endpoint, new(atomic.Int64)); err != nil {
		k.t.Fatal(err)
	}
	f.session, err = dave.NewSession(dave.Config{Channel: 77, User: dave.UserID(user), Send: func(m dave.Message) error { return f.send(ctx, m) }})
	if err != nil {
		k.t.Fatal(err)
	}
	err = f.socket.send(ctx, opIdentify, identify{ServerID: testGuild, UserID: snowflakeJSON(user), SessionID: "foul", Token: token, MaxDAVEVersion: daveVersion})
	if err != nil {
		k.t.Fatal(err)
	}
	done, member := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		f.serve(ctx, member)
	}()
	k.t.Cleanup(func() {
		cancel()
		f.socket.ws.CloseNow()
		<-done
		f.session.Close()
	})
	select {
	case <-member:
	case <-time.After(patience):
		k.t.Fatal("the foul member is not let in")
	}
	return f
}

// serve answers the gateway until the socket ends. member is closed once it is in the group.
func (f *foul) serve(ctx context.Context, member chan struct{}) {
	for in := false; ; {
		m, err := f.socket.read(ctx)
		if err != nil {
			return
		}
		switch m.op {
		case opReady:
			_ = f.socket.send(ctx, opSelectProtocol, selectProtocol{Protocol: "udp", Data: selectProtocolData{Address: "127.0.0.1", Port: 9, Mode: rtp.ModeAES256GCM}})
		case opSessionDescription:
			_ = f.session.SelectProtocolAck(daveVersion)
		case opClientsConnect:
			var d clientsConnect
			if m.decode(&d) == nil {
				for _, u := range d.UserIDs {
					_ = f.session.AddUsers(dave.UserID(u))
				}
			}
		case opPrepareTransition, opExecuteTransition, opPrepareEpoch:
			if d, err := dave.ParseData(dave.Opcode(m.op), m.data); err == nil {
				_ = f.session.Handle(d)
			}
		case opExternalSender, opProposals, opAnnounceCommit, opWelcome:
			if d, err := dave.ParseBinary(m.body); err == nil {
				_ = f.session.Handle(d)
			}
		}
		if !in && f.session.Ready() {
			in = true
			close(member)
		}
	}
}

func (f *foul) send(ctx context.Context, m dave.Message) error {
	if !m.Binary() {
		d, err := m.Data()
		if err != nil {
			return err
		}
		return f.socket.send(ctx, int(m.Op), d)
	}
	b, err := m.AppendBinary(nil)
	if err != nil {
		return err
	}
	if m.Op != dave.OpCommitWelcome {
		return f.socket.write(ctx, websocket.MessageBinary, b)
	}
	for _, b := range f.spoil(b) {
		f.spoiled.Add(1)
		if err := f.socket.write(ctx, websocket.MessageBinary, b); err != nil {
			return err
		}
	}
	return nil
}

// flipped is b with one bit changed.
func flipped(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}

// A member who sends invalid commits, before the others have sent theirs, keeps nobody from joining, leaving and talking.
func TestInvalidCommits(t *testing.T) {
	t.Parallel()
	var last atomic.Pointer[[]byte]
	for name, spoil := range map[string]func([]byte) [][]byte{
		"noise": func([]byte) [][]byte {
			b := make([]byte, 300)
			rand.Read(b)
			b[0] = byte(dave.OpCommitWelcome)
			return [][]byte{b}
		},
		"nothing":           func(b []byte) [][]byte { return [][]byte{b[:1]} },
		"half":              func(b []byte) [][]byte { return [][]byte{b[:len(b)/2]} },
		"more":              func(b []byte) [][]byte { return [][]byte{append(bytes.Clone(b), 0)} },
		"another group":     func(b []byte) [][]byte { return [][]byte{flipped(b, 1+2+2+1+7)} },
		"another epoch":     func(b []byte) [][]byte { return [][]byte{flipped(b, 1+2+2+1+8+7)} },
		"another sender":    func(b []byte) [][]byte { return [][]byte{flipped(b, 1+2+2+1+8+8+1+3)} },
		"no such proposal":  func(b []byte) [][]byte { return [][]byte{flipped(b, 1+2+2+1+8+8+1+4+1+1+2+10)} },
		"spoilt every byte": func(b []byte) [][]byte { return spoilEach(b, 7) },
		"the last one again": func(b []byte) [][]byte {
			old := last.Swap(&b)
			if old == nil {
				return nil
			}
			return [][]byte{*old}
		},
		"twice": func(b []byte) [][]byte { return [][]byte{b, b} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newTalk(t, localvoice.Config{}, 1, 2)
			f := k.joinFoul(9, spoil)
			k.g.server.Hold(1, opProposals, 100*time.Millisecond)
			k.g.server.Hold(2, opProposals, 100*time.Millisecond)
			for range 2 {
				k.join(3)
				k.agree(1, 2, 3)
				k.flows(1, 2)
				k.leave(3)
				k.flows(1, 2)
			}
			k.agree(1, 2)
			if f.spoiled.Load() == 0 {
				t.Error("no commit was spoilt")
			}
		})
	}
}

// spoilEach is b with one bit changed in every step-th byte, the opcode apart, once for each.
func spoilEach(b []byte, step int) [][]byte {
	var all [][]byte
	for at := 1; at < len(b); at += step {
		all = append(all, flipped(b, at))
	}
	return all
}
