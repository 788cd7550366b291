package puredave_test

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/disgoorg/godave"

	"github.com/mynahbot/mynah/dave"
	"github.com/mynahbot/mynah/dave/puredave"
)

// A call is a voice channel with its gateway and the sessions in it.
type call struct {
	t        *testing.T
	channel  dave.ChannelID
	gateway  *dave.DeliveryService
	later    []func()
	sessions map[dave.UserID]*puredave.Session
}

func newCall(t *testing.T, channel dave.ChannelID) *call {
	c := &call{t: t, channel: channel, sessions: map[dave.UserID]*puredave.Session{}}
	var err error
	c.gateway, err = dave.NewDeliveryService(dave.DeliveryConfig{
		Channel: channel,
		Send: func(to dave.UserID, m dave.Message) {
			c.later = append(c.later, func() {
				if s := c.sessions[to]; s != nil {
					deliver(s, m)
				}
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// newSession makes the session of a user, who sends to whichever call enters it last, and the log that it writes.
func newSession(t *testing.T, user dave.UserID) (*puredave.Session, *redirected, *strings.Builder) {
	out, logged := &redirected{}, &strings.Builder{}
	log := slog.New(slog.NewTextHandler(logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s := puredave.NewSession(log, godave.UserID(user.String()), out).(*puredave.Session)
	t.Cleanup(func() { s.Close() })
	return s, out, logged
}

type redirected struct{ godave.Callbacks }

// enter connects a session to the call, as a library does.
func (c *call) enter(user dave.UserID, s *puredave.Session, out *redirected) {
	out.Callbacks = wire{user, c.gateway, &c.later}
	s.SetChannelID(godave.ChannelID(c.channel))
	s.AddUser(godave.UserID(user.String()))
	for other, o := range c.sessions {
		o.AddUser(godave.UserID(user.String()))
		s.AddUser(godave.UserID(other.String()))
	}
	c.sessions[user] = s
	s.OnSelectProtocolAck(c.gateway.Version(dave.MaxProtocolVersion))
	c.gateway.Connect(user, dave.MaxProtocolVersion)
	c.settle()
}

func (c *call) leave(user dave.UserID) {
	delete(c.sessions, user)
	for _, o := range c.sessions {
		o.RemoveUser(godave.UserID(user.String()))
	}
	c.gateway.Disconnect(user)
	c.settle()
}

func (c *call) settle() {
	for len(c.later) > 0 {
		next := c.later[0]
		c.later = c.later[1:]
		next()
	}
}

func encrypt(t *testing.T, s *puredave.Session, frame []byte) []byte {
	t.Helper()
	out := make([]byte, s.MaxEncryptedFrameSize(len(frame)))
	n, err := s.Encrypt(1, frame, out)
	if err != nil {
		t.Fatal(err)
	}
	return out[:n]
}

func decrypt(s *puredave.Session, from godave.UserID, frame []byte) ([]byte, error) {
	out := make([]byte, s.MaxDecryptedFrameSize(from, len(frame)))
	n, err := s.Decrypt(from, frame, out)
	return out[:n], err
}

func TestCallThatMoves(t *testing.T) {
	media := []byte("20 ms of Opus")
	one, oneOut, oneLog := newSession(t, 1)
	two, twoOut, _ := newSession(t, 2)

	if got := encrypt(t, one, media); !bytes.Equal(got, dave.SilenceFrame()) || one.Ready() {
		t.Errorf("before any channel: %x", got)
	}
	first := newCall(t, 100)
	first.enter(1, one, oneOut)
	if got := encrypt(t, one, media); !bytes.Equal(got, dave.SilenceFrame()) || one.Ready() {
		t.Errorf("alone: %x", got)
	}
	first.enter(2, two, twoOut)
	if code := one.PrivacyCode(); len(code) != 30 || code != two.PrivacyCode() || !one.Ready() || !two.Ready() {
		t.Fatalf("codes %q and %q", code, two.PrivacyCode())
	}
	sealed := encrypt(t, one, media)
	if bytes.Contains(sealed, media) {
		t.Error("a frame in clear")
	}
	if got, err := decrypt(two, "1", sealed); err != nil || !bytes.Equal(got, media) {
		t.Errorf("heard %q, %v", got, err)
	}
	if _, err := decrypt(two, "1", sealed); !errors.Is(err, dave.ErrReplay) {
		t.Errorf("heard twice: %v", err)
	}
	if _, err := decrypt(two, "1", media); !errors.Is(err, dave.ErrNotEncrypted) {
		t.Errorf("a frame in clear: %v", err)
	}
	for _, padding := range [][]byte{{1}, {0, 0, 3}, append(make([]byte, 254), 255)} {
		if got, err := decrypt(two, "1", append(encrypt(t, one, media), padding...)); err != nil || !bytes.Equal(got, media) {
			t.Errorf("heard with %d bytes of RTP padding: %q, %v", len(padding), got, err)
		}
	}
	for _, padding := range [][]byte{{0}, {9}, {255}} {
		if got, err := decrypt(two, "1", append(encrypt(t, one, media), padding...)); err == nil {
			t.Errorf("heard with %x at the end: %q", padding, got)
		}
	}
	if got, err := decrypt(two, "0", dave.SilenceFrame()); err != nil || !bytes.Equal(got, dave.SilenceFrame()) {
		t.Errorf("silence of somebody unknown: %x, %v", got, err)
	}

	// A reconnect to the same channel keeps the keys.
	two.SetChannelID(100)
	if got, err := decrypt(two, "1", encrypt(t, one, media)); err != nil || !bytes.Equal(got, media) {
		t.Errorf("heard after a reconnect: %q, %v", got, err)
	}

	// Both move, one after the other.
	second, before := newCall(t, 200), one.PrivacyCode()
	kept := encrypt(t, one, media)
	first.leave(2)
	second.enter(2, two, twoOut)
	if _, err := decrypt(two, "1", kept); !errors.Is(err, dave.ErrUnknownUser) {
		t.Errorf("a frame of the channel that was left: %v", err)
	}
	first.leave(1)
	second.enter(1, one, oneOut)
	if code := one.PrivacyCode(); code == before || code == "" || code != two.PrivacyCode() {
		t.Fatalf("codes after the move: %q and %q", code, two.PrivacyCode())
	}
	if got, err := decrypt(one, "2", encrypt(t, two, media)); err != nil || !bytes.Equal(got, media) {
		t.Errorf("heard after the move: %q, %v", got, err)
	}
	if strings.Contains(oneLog.String(), "level=WARN") {
		t.Error(oneLog)
	}
}

// disgo grows the capacity of its buffers and leaves their length alone.
func TestBuffers(t *testing.T) {
	one, oneOut, _ := newSession(t, 1)
	two, twoOut, _ := newSession(t, 2)
	c := newCall(t, 100)
	c.enter(1, one, oneOut)
	c.enter(2, two, twoOut)
	media := bytes.Repeat([]byte{7}, 1000)
	size := one.MaxEncryptedFrameSize(len(media))
	for _, b := range []struct {
		name  string
		out   []byte
		short bool
	}{
		{"long", make([]byte, 2*size), false},
		{"exact", make([]byte, size), false},
		{"by its capacity", make([]byte, 5, size), false},
		{"too short", make([]byte, size-1), true},
		{"none", nil, true},
	} {
		n, err := one.Encrypt(1, media, b.out)
		if errors.Is(err, io.ErrShortBuffer) != b.short || b.short && n != 0 {
			t.Errorf("%s: %d, %v", b.name, n, err)
		}
		if err != nil {
			continue
		}
		sealed := b.out[:n]
		if n, err := two.Decrypt("1", sealed, make([]byte, len(sealed)-1)); n != 0 || !errors.Is(err, io.ErrShortBuffer) {
			t.Errorf("%s: decrypted into too short a buffer: %d, %v", b.name, n, err)
		}
		opened := make([]byte, 0, two.MaxDecryptedFrameSize("1", len(sealed)))
		if n, err = two.Decrypt("1", sealed, opened); err != nil || !bytes.Equal(opened[:n], media) {
			t.Errorf("%s: heard %d bytes, %v", b.name, n, err)
		}
	}
	if _, err := one.Encrypt(1, make([]byte, dave.MaxFrameSize), make([]byte, 2*dave.MaxFrameSize)); !errors.Is(err, dave.ErrFrameTooLarge) {
		t.Errorf("too large a frame: %v", err)
	}
}

func TestRefusalsAreLogged(t *testing.T) {
	for _, tc := range []struct {
		name, user string
		channel    godave.ChannelID
		do         func(godave.Session)
		want       string
	}{
		{"no channel", "1", 0, func(s godave.Session) { s.OnSelectProtocolAck(1) }, `level=WARN msg="DAVE: message of the voice gateway refused" op="op 4" err="puredave: no channel yet"`},
		{"no number", "ann", 5, func(s godave.Session) { s.OnSelectProtocolAck(1) }, `level=WARN msg="DAVE: message of the voice gateway refused" op="op 4" err="puredave: user id:`},
		{"a user without a number", "1", 5, func(s godave.Session) { s.AddUser("bob") }, `op="op 11" err="puredave: user id:`},
		{"one who leaves without a number", "1", 5, func(s godave.Session) { s.RemoveUser("bob") }, `op="op 13" err="puredave: user id:`},
		{"a version that is too new", "1", 5, func(s godave.Session) { s.OnSelectProtocolAck(99) }, `op="op 4" err="dave: unsupported protocol version: 99"`},
		{"unknown transition", "1", 5, func(s godave.Session) { s.OnDaveExecuteTransition(7) }, `level=DEBUG msg="DAVE: message of the voice gateway ignored" op="op 22"`},
		{"an epoch below all", "1", 5, func(s godave.Session) { s.OnDavePrepareEpoch(-1, 99) }, `op="op 24" err="dave: unsupported protocol version: 99"`},
		{"nonsense", "1", 5, func(s godave.Session) { s.OnDaveMLSWelcome(3, []byte{1, 2, 3}) }, `op="op 30"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var logged strings.Builder
			log := slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			s := puredave.NewSession(log, godave.UserID(tc.user), wire{})
			s.SetChannelID(tc.channel)
			tc.do(s)
			if !strings.Contains(logged.String(), tc.want) {
				t.Errorf("logged %s", logged.String())
			}
		})
	}
}

func TestClose(t *testing.T) {
	one, oneOut, log := newSession(t, 1)
	two, twoOut, _ := newSession(t, 2)
	c := newCall(t, 100)
	c.enter(1, one, oneOut)
	c.enter(2, two, twoOut)
	media := []byte("20 ms of Opus")
	sealed := encrypt(t, two, media)
	for range 2 {
		if err := one.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if got := encrypt(t, one, media); !bytes.Equal(got, dave.SilenceFrame()) {
		t.Errorf("sends %x", got)
	}
	if _, err := decrypt(one, "2", sealed); !errors.Is(err, dave.ErrUnknownUser) {
		t.Errorf("hears: %v", err)
	}
	if one.SetChannelID(300); one.PrivacyCode() != "" {
		t.Error("a privacy code")
	}
	if one.AddUser("3"); !strings.Contains(log.String(), dave.ErrClosed.Error()) {
		t.Error(log)
	}
}

// Frames go their way while the connection moves.
func TestFramesDuringAMove(t *testing.T) {
	one, oneOut, _ := newSession(t, 1)
	two, twoOut, _ := newSession(t, 2)
	var frames sync.WaitGroup
	end := make(chan struct{})
	frames.Go(func() {
		media, out := []byte("20 ms of Opus"), make([]byte, 200)
		for {
			select {
			case <-end:
				return
			default:
			}
			n, err := one.Encrypt(1, media, out)
			if err != nil || bytes.Contains(out[:n], media) {
				t.Errorf("%q, %v", out[:n], err)
				return
			}
			two.Decrypt("1", out[:n], make([]byte, n))
		}
	})
	var c *call
	for channel := dave.ChannelID(1); channel <= 20; channel++ {
		if c != nil {
			c.leave(1)
			c.leave(2)
		}
		c = newCall(t, channel)
		c.enter(1, one, oneOut)
		c.enter(2, two, twoOut)
		if !one.Ready() || one.PrivacyCode() != two.PrivacyCode() {
			t.Fatalf("channel %d: not in one group", channel)
		}
	}
	close(end)
	frames.Wait()
}
