// Package puredave makes package dave the end-to-end encryption of programs that take one through the interface of
// github.com/disgoorg/godave, as disgo does. It needs no C library and no cgo. [NewSession] stands where golibdave's
// would:
//
//	disgo.New(token, bot.WithVoiceManagerConfigOpts(voice.WithDaveSessionCreateFunc(puredave.NewSession)))
//
// # What differs from libdave
//
// While the session has no key to send with (before the first group, and while the bot is alone in the channel),
// [Session.Encrypt] returns a frame of silence instead of the one that it got: nothing leaves in clear, and a player
// that doesn't wait for keys writes no error for each frame. Who wants the first words to be heard waits until
// [Session.Ready]. Frames that are neither encrypted nor silence are refused unless the call is in clear.
//
// Messages of the voice gateway that were refused are logged: what comes late or twice at debug level, the rest as a
// warning. The session recovers by itself; no error and no log line holds a secret.
package puredave

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/disgoorg/godave"

	"github.com/mynahbot/mynah/dave"
)

var (
	_ godave.SessionCreateFunc = NewSession
	_ godave.Session           = (*Session)(nil)
)

// errNoChannel: the voice gateway spoke before [Session.SetChannelID] said for which channel.
var errNoChannel = errors.New("puredave: no channel yet")

// A Session is a godave.Session: one user's part in the calls of one voice connection, one after the other. Its methods
// may be called from several goroutines.
type Session struct {
	log       *slog.Logger
	user      godave.UserID
	callbacks godave.Callbacks

	// frames is the session of the channel whose messages came last; nil before there are any.
	frames atomic.Pointer[dave.Session]

	mu      sync.Mutex
	channel dave.ChannelID // where the connection is going
	current dave.ChannelID // that frames is for
	closed  bool
}

// NewSession returns a *Session for a user, whose id must be a snowflake in decimal. It sends through callbacks while one
// of its On… methods or AddUser runs. It is a godave.SessionCreateFunc. A nil logger is slog.Default.
func NewSession(logger *slog.Logger, user godave.UserID, callbacks godave.Callbacks) godave.Session {
	if logger == nil {
		logger = slog.Default()
	}
	return &Session{log: logger, user: user, callbacks: callbacks}
}

// MaxSupportedProtocolVersion returns dave.MaxProtocolVersion, for op 0.
func (s *Session) MaxSupportedProtocolVersion() int { return dave.MaxProtocolVersion }

// SetChannelID says which channel the connection goes to. A channel other than the last begins a new call, with new keys,
// at the first message from its voice gateway; the same one again, after a reconnect, changes nothing.
func (s *Session) SetChannelID(channel godave.ChannelID) {
	// Nothing is closed here: disgo holds the lock that sending needs.
	s.mu.Lock()
	defer s.mu.Unlock()
	s.channel = dave.ChannelID(channel)
}

// AssignSsrcToCodec does nothing: Opus is the only codec of godave's.
func (s *Session) AssignSsrcToCodec(uint32, godave.Codec) {}

// Close erases all keys. Nothing can be encrypted, decrypted or handled afterwards. godave has no such call; without it
// keys go with the garbage collector.
func (s *Session) Close() error {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	if old := s.frames.Swap(nil); old != nil {
		old.Close()
	}
	return nil
}

// Ready reports whether Encrypt would return the frame itself, encrypted or, in a call without encryption, in clear.
func (s *Session) Ready() bool {
	f := s.frames.Load()
	return f != nil && f.Ready()
}

// PrivacyCode returns the 30 digits that are equal for all members of the call, or "" without a group.
func (s *Session) PrivacyCode() string {
	if f := s.frames.Load(); f != nil {
		return f.PrivacyCode()
	}
	return ""
}

// MaxEncryptedFrameSize returns how many bytes Encrypt may need for a frame of frameSize bytes.
func (s *Session) MaxEncryptedFrameSize(frameSize int) int { return frameSize + dave.Overhead }

// Encrypt writes the protocol frame of an Opus frame to out and returns its size in bytes; without a key, that of a frame
// of silence. The capacity of out counts, not its length: disgo grows only that. The error is io.ErrShortBuffer where it
// is less than MaxEncryptedFrameSize, or dave.ErrFrameTooLarge.
func (s *Session) Encrypt(_ uint32, frame, out []byte) (int, error) {
	if cap(out) < s.MaxEncryptedFrameSize(len(frame)) {
		return 0, io.ErrShortBuffer
	}
	err := dave.ErrNotReady
	if f := s.frames.Load(); f != nil {
		var sealed []byte
		if sealed, err = f.AppendEncrypt(out[:0], frame); err == nil {
			return len(sealed), nil
		}
	}
	if errors.Is(err, dave.ErrNotReady) {
		return copy(out[:cap(out)], dave.SilenceFrame()), nil
	}
	return 0, err
}

// MaxDecryptedFrameSize returns how many bytes Decrypt may need for a frame of frameSize bytes.
func (s *Session) MaxDecryptedFrameSize(_ godave.UserID, frameSize int) int { return frameSize }

// Decrypt writes the Opus frame in a frame of a user's to out and returns its size in bytes. The capacity of out counts, not
// its length. RTP padding that the library left at the frame's end is cut off. The error is io.ErrShortBuffer where the
// capacity is less than MaxDecryptedFrameSize, or one of dave.Session.AppendDecrypt: drop the frame.
func (s *Session) Decrypt(user godave.UserID, frame, out []byte) (int, error) {
	if cap(out) < len(frame) {
		return 0, io.ErrShortBuffer
	}
	f := s.frames.Load()
	if f == nil {
		return 0, dave.ErrUnknownUser
	}
	from, err := parseUser(user)
	if err != nil {
		return 0, err
	}
	opened, err := f.AppendDecrypt(out[:0], from, frame)
	if errors.Is(err, dave.ErrNotEncrypted) {
		// The voice server pads some packets, and disgo 0.19.6 leaves the padding on (its issue 593): the marker at the frame's
		// end is not at its end. The padding's last byte is its size. What is left is authenticated as any frame is.
		if n := len(frame); n > 0 && int(frame[n-1]) < n && frame[n-1] > 0 {
			opened, err = f.AppendDecrypt(out[:0], from, frame[:n-int(frame[n-1])])
		}
	}
	if err != nil {
		return 0, err
	}
	return len(opened), nil
}

// AddUser handles one user of op 11: it is in the call, and may be in its group.
func (s *Session) AddUser(user godave.UserID) {
	s.do("op 11", func(f *dave.Session) error {
		id, err := parseUser(user)
		if err != nil {
			return err
		}
		return f.AddUsers(id)
	})
}

// RemoveUser handles op 13: the user has left.
func (s *Session) RemoveUser(user godave.UserID) {
	s.do("op 13", func(f *dave.Session) error {
		id, err := parseUser(user)
		if err == nil {
			f.RemoveUser(id)
		}
		return err
	})
}

// OnSelectProtocolAck handles op 4.
func (s *Session) OnSelectProtocolAck(version uint16) {
	s.do("op 4", func(f *dave.Session) error { return f.SelectProtocolAck(version) })
}

// OnDavePrepareTransition handles op 21.
func (s *Session) OnDavePrepareTransition(id, version uint16) {
	s.handle(dave.Message{Op: dave.OpPrepareTransition, TransitionID: id, Version: version})
}

// OnDaveExecuteTransition handles op 22. Its argument is the transition's id, although godave calls it a version.
func (s *Session) OnDaveExecuteTransition(id uint16) {
	s.handle(dave.Message{Op: dave.OpExecuteTransition, TransitionID: id})
}

// OnDavePrepareEpoch handles op 24.
func (s *Session) OnDavePrepareEpoch(epoch int, version uint16) {
	s.handle(dave.Message{Op: dave.OpPrepareEpoch, Epoch: uint64(max(epoch, 0)), Version: version})
}

// OnDaveMLSExternalSenderPackage handles op 25.
func (s *Session) OnDaveMLSExternalSenderPackage(payload []byte) {
	s.handle(dave.Message{Op: dave.OpExternalSender, Payload: payload})
}

// OnDaveMLSProposals handles op 27.
func (s *Session) OnDaveMLSProposals(payload []byte) {
	s.handle(dave.Message{Op: dave.OpProposals, Payload: payload})
}

// OnDaveMLSPrepareCommitTransition handles op 29.
func (s *Session) OnDaveMLSPrepareCommitTransition(id uint16, commit []byte) {
	s.handle(dave.Message{Op: dave.OpAnnounceCommit, TransitionID: id, Payload: commit})
}

// OnDaveMLSWelcome handles op 30.
func (s *Session) OnDaveMLSWelcome(id uint16, welcome []byte) {
	s.handle(dave.Message{Op: dave.OpWelcome, TransitionID: id, Payload: welcome})
}

func (s *Session) handle(m dave.Message) {
	s.do(fmt.Sprintf("op %d", m.Op), func(f *dave.Session) error { return f.Handle(m) })
}

// do has the channel's session handle a message, and logs what comes of it.
func (s *Session) do(op string, handle func(*dave.Session) error) {
	f, err := s.session()
	if err == nil {
		err = handle(f)
	}
	switch {
	case err == nil:
	case errors.Is(err, dave.ErrIgnored):
		s.log.Debug("DAVE: message of the voice gateway ignored", slog.String("op", op), slog.Any("err", err))
	default:
		s.log.Warn("DAVE: message of the voice gateway refused", slog.String("op", op), slog.Any("err", err))
	}
}

// session returns the session of the channel that the connection is in, and makes it where there is none yet.
func (s *Session) session() (*dave.Session, error) {
	f, old, err := s.change()
	if old != nil {
		old.Close() // without the lock: it waits for what the old channel's session is sending
	}
	return f, err
}

// change returns the session as it should be and, where that is a new one, the one before it.
func (s *Session) change() (f, old *dave.Session, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return nil, nil, dave.ErrClosed
	case s.channel == 0:
		return nil, nil, errNoChannel
	case s.channel == s.current:
		return s.frames.Load(), nil, nil
	}
	user, err := parseUser(s.user)
	if err != nil {
		return nil, nil, err
	}
	if f, err = dave.NewSession(dave.Config{Channel: s.channel, User: user, Send: s.send}); err != nil {
		return nil, nil, err
	}
	s.current = s.channel
	return f, s.frames.Swap(f), nil
}

// send is dave.Config.Send.
func (s *Session) send(m dave.Message) error {
	switch m.Op {
	case dave.OpTransitionReady:
		return s.callbacks.SendReadyForTransition(m.TransitionID)
	case dave.OpKeyPackage:
		return s.callbacks.SendMLSKeyPackage(m.Payload)
	case dave.OpCommitWelcome:
		return s.callbacks.SendMLSCommitWelcome(m.Payload)
	case dave.OpInvalidCommitWelcome:
		return s.callbacks.SendInvalidCommitWelcome(m.TransitionID)
	}
	return fmt.Errorf("puredave: nothing sends opcode %d", m.Op)
}

func parseUser(user godave.UserID) (dave.UserID, error) {
	id, err := strconv.ParseUint(string(user), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("puredave: user id: %w", err)
	}
	return dave.UserID(id), nil
}
