package dave

import "errors"

// Why a media frame was refused. Test with errors.Is.
var (
	// ErrNotReady: the session encrypts, but has no sender key yet (no group, or its first transition was
	// not executed). Drop the frame; it must not leave in clear.
	ErrNotReady = errors.New("dave: no sender key yet")
	// ErrUnknownUser: no key is held for the frame's sender: not a member of this epoch or a retained one.
	ErrUnknownUser = errors.New("dave: no key for this sender")
	// ErrNotEncrypted: the frame is in clear, and the call is encrypted (whitepaper, "Passthrough Mode").
	ErrNotEncrypted = errors.New("dave: frame is not encrypted")
	// ErrAuthentication: no key of the sender opens the frame.
	ErrAuthentication = errors.New("dave: frame does not authenticate")
	// ErrReplay: the frame's nonce was seen before, or is too far behind the newest to tell.
	ErrReplay = errors.New("dave: frame is a replay or too late")
	// ErrGeneration: the nonce asks for a key generation that is expired, or that no honest sender has reached.
	ErrGeneration = errors.New("dave: key generation out of range")
	// ErrFrameTooLarge: the frame exceeds MaxFrameSize.
	ErrFrameTooLarge = errors.New("dave: frame too large")
)
