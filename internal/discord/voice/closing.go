package voice

import (
	"errors"
	"fmt"

	"github.com/coder/websocket"

	"github.com/mynahbot/mynah/internal/rtp"
)

// next is what follows the end of a voice gateway socket.
type next int

const (
	// nextResume: connect to the same server and resume the session there.
	nextResume next = iota
	// nextRejoin: the session is gone; ask the main gateway for a fresh one.
	nextRejoin
	// nextWait: Discord moves or ends the call; a new voice server or the end of our voice state follows.
	nextWait
	// nextStop: no attempt of ours would help.
	nextStop
)

// Close codes of the voice gateway that end in something else than a resume or a fresh session.
const (
	closeAuthenticationFailed = 4004
	closeDisconnected         = 4014
	closeServerCrashed        = 4015
	closeUnknownMode          = 4016
	closeDAVERequired         = 4017
	closeRateLimited          = 4021
	closeCallTerminated       = 4022
)

// StopError tells that a voice connection ended for good and why. Its text is a sentence for people.
type StopError struct {
	// Code is the close code of the voice gateway, 0 where no socket was closed.
	Code int
	// Reason names the cause for programs, so that a bot can say it in the language of its server: one of the Reason constants.
	Reason Reason
}

// Reason is why a voice connection ended or could not be made.
type Reason string

// The reasons of a StopError.
const (
	ReasonToken       Reason = "token"        // the voice token was refused
	ReasonMode        Reason = "mode"         // no common transport encryption
	ReasonDAVE        Reason = "dave"         // end-to-end encryption is required and was not agreed upon
	ReasonRateLimited Reason = "rate_limited" // too many attempts; a long pause is due
	ReasonRemoved     Reason = "removed"      // somebody disconnected us, or the channel is gone
	ReasonNoAnswer    Reason = "no_answer"    // Discord did not answer the wish to join: a full channel, or no permission
	ReasonUnreachable Reason = "unreachable"  // the voice server can't be reached any more
	ReasonClosed      Reason = "closed"       // Close was called
)

var reasonText = map[Reason]string{
	ReasonToken:       "the voice server refused the session's token; join again",
	ReasonMode:        "the voice server offers no transport encryption that Mynah knows; update Mynah",
	ReasonDAVE:        "the voice server requires end-to-end encryption (DAVE) and did not agree on it with this version; update Mynah",
	ReasonRateLimited: "the voice server asks to stop connecting for a while; try again in some minutes",
	ReasonRemoved:     "Mynah was disconnected from the voice channel",
	ReasonNoAnswer:    "Discord did not let Mynah into the voice channel: it is full, or the permission to connect is missing",
	ReasonUnreachable: "the voice server can't be reached; check that the firewall lets UDP and WebSockets out, then join again",
	ReasonClosed:      "the voice connection was closed",
}

func (e *StopError) Error() string {
	text := "voice: " + reasonText[e.Reason]
	if e.Code != 0 {
		return fmt.Sprintf("%s (close code %d)", text, e.Code)
	}
	return text
}

// afterClose decides what follows the end of a socket with err (nil when we closed it ourselves in order to resume).
func afterClose(err error) (next, *StopError) {
	switch {
	case errors.Is(err, rtp.ErrNoMode):
		return nextStop, &StopError{Reason: ReasonMode}
	case errors.Is(err, errNotLetIn):
		return nextRejoin, nil
	}
	var closed websocket.CloseError
	if !errors.As(err, &closed) {
		return nextResume, nil // 1006: cut off without a close frame
	}
	switch code := int(closed.Code); code {
	case closeAuthenticationFailed:
		return nextStop, &StopError{Code: code, Reason: ReasonToken}
	case closeUnknownMode:
		return nextStop, &StopError{Code: code, Reason: ReasonMode}
	case closeDAVERequired:
		return nextStop, &StopError{Code: code, Reason: ReasonDAVE}
	case closeRateLimited:
		return nextStop, &StopError{Code: code, Reason: ReasonRateLimited}
	case closeDisconnected, closeCallTerminated:
		return nextWait, nil
	case closeServerCrashed:
		return nextResume, nil
	default:
		if code < 4000 {
			return nextResume, nil
		}
		return nextRejoin, nil
	}
}
