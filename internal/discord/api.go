package discord

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/disgoorg/disgo/rest"
)

// Discord's codes of errors that are handled
// (https://docs.discord.com/developers/topics/opcodes-and-status-codes).
const (
	codeUnknownChannel      rest.JSONErrorCode = 10003
	codeUnknownServer       rest.JSONErrorCode = 10004
	codeUnknownMember       rest.JSONErrorCode = 10007
	codeUnknownMessage      rest.JSONErrorCode = 10008
	codeUnknownUser         rest.JSONErrorCode = 10013
	codeUnknownWebhook      rest.JSONErrorCode = 10015 // an interaction's token, past its time
	codeUnknownInteraction  rest.JSONErrorCode = 10062
	codeReplyHistory        rest.JSONErrorCode = 160002
	codeThreadLocked        rest.JSONErrorCode = 160005
	codeArchived            rest.JSONErrorCode = 50083
	codeTooLarge            rest.JSONErrorCode = 40005
	codeFileTooLarge        rest.JSONErrorCode = 50045
	codeNonText             rest.JSONErrorCode = 50008
	codeMissingPermissions  rest.JSONErrorCode = 50013
	codeAlreadyAcknowledged rest.JSONErrorCode = 40060
	codeMissingAccess       rest.JSONErrorCode = 50001
	codeInvalidWebhookToken rest.JSONErrorCode = 50027
	codeInvalidForm         rest.JSONErrorCode = 50035
)

const (
	// maxErrorText is how much of one thing that Discord says of an error is repeated, maxErrorLine of all of them, characters.
	maxErrorText = 200
	maxErrorLine = 300
)

// cleanClient is disgo's REST client whose errors can be logged and shown: they hold no address, since that of an
// interaction holds its token, and nothing of an answer that isn't Discord's own, such as a proxy's page.
type cleanClient struct{ rest.Client }

// Do makes the request. Its error is an *[apiError] where Discord answered.
func (c cleanClient) Do(endpoint *rest.CompiledEndpoint, rqBody, rsBody any, opts ...rest.RequestOpt) error {
	err := c.Client.Do(endpoint, rqBody, rsBody, opts...)
	if err == nil {
		return nil
	}
	if refused, ok := errors.AsType[*rest.Error](err); ok {
		return &apiError{status: refused.Response.StatusCode, code: refused.Code, message: line(refused.Message), details: line(string(refused.Errors)),
			retryAfter: retryAfter(refused.RsBody)}
	}
	if inURL, ok := errors.AsType[*url.Error](err); ok {
		err = inURL.Err
	}
	return &requestError{route: endpoint.Endpoint.Method + " " + endpoint.Endpoint.Route, err: err}
}

// requestError is why a request got no answer, or none that can be read.
type requestError struct {
	route string // without ids and tokens
	err   error
}

func (e *requestError) Error() string { return clip(e.route+": "+line(e.err.Error()), maxErrorLine) }
func (e *requestError) Unwrap() error { return e.err }

// apiError is a refusal of Discord's, or of a proxy before it.
type apiError struct {
	status  int                // of HTTP
	code    rest.JSONErrorCode // Discord's; 0 where the answer isn't its own
	message string             // Discord's
	details string             // of an invalid form: which field, and why
	// retryAfter is when a slow mode lets Mynah write again; 0 where nothing says so.
	retryAfter time.Duration
}

func (e *apiError) Error() string {
	if e.message == "" {
		return fmt.Sprintf("Discord answered %d %s", e.status, http.StatusText(e.status))
	}
	text := fmt.Sprintf("Discord answered %d (code %d: %s)", e.status, e.code, e.message)
	if e.details != "" {
		text += ": " + e.details
	}
	return clip(text, maxErrorLine)
}

// errorCode is Discord's code of an error, 0 where it is another.
func errorCode(err error) rest.JSONErrorCode {
	if refused, ok := errors.AsType[*apiError](err); ok {
		return refused.code
	}
	return 0
}

// line is a text of somebody else's as one line of at most maxErrorText characters.
func line(text string) string {
	return clip(strings.Join(strings.Fields(text), " "), maxErrorText)
}

func retryAfter(body []byte) time.Duration {
	var said struct {
		RetryAfter float64 `json:"retry_after"`
	}
	if json.Unmarshal(body, &said) != nil {
		return 0
	}
	return time.Duration(said.RetryAfter * float64(time.Second))
}
