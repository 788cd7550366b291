package localdiscord

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// maxJSONBody is the largest body that is not an upload.
const maxJSONBody = 1 << 20

// apiError is an error as Discord answers it.
type apiError struct {
	Status  int    `json:"-"`
	Message string `json:"message"`
	Code    int    `json:"code"`
	// RetryAfter in seconds goes with 20016.
	RetryAfter float64 `json:"retry_after,omitempty"`
	Global     *bool   `json:"global,omitempty"`
	// Errors names fields of the request, for code 50035.
	Errors any `json:"errors,omitempty"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d %s (%d)", e.Status, e.Message, e.Code) }

// The errors that Discord documents and this server answers with.
var (
	errUnauthorized       = &apiError{Status: 401, Message: "401: Unauthorized"}
	errNotFound           = &apiError{Status: 404, Message: "404: Not Found"}
	errMethod             = &apiError{Status: 405, Message: "405: Method Not Allowed"}
	errUnknownChannel     = &apiError{Status: 404, Message: "Unknown Channel", Code: 10003}
	errUnknownGuild       = &apiError{Status: 404, Message: "Unknown Guild", Code: 10004}
	errUnknownMember      = &apiError{Status: 404, Message: "Unknown Member", Code: 10007}
	errUnknownMessage     = &apiError{Status: 404, Message: "Unknown Message", Code: 10008}
	errUnknownRole        = &apiError{Status: 404, Message: "Unknown Role", Code: 10011}
	errUnknownUser        = &apiError{Status: 404, Message: "Unknown User", Code: 10013}
	errUnknownEmoji       = &apiError{Status: 400, Message: "Unknown Emoji", Code: 10014}
	errUnknownWebhook     = &apiError{Status: 404, Message: "Unknown Webhook", Code: 10015}
	errUnknownInteraction = &apiError{Status: 404, Message: "Unknown interaction", Code: 10062}
	errUnknownCommand     = &apiError{Status: 404, Message: "Unknown application command", Code: 10063}
	errUnknownVoiceState  = &apiError{Status: 404, Message: "Unknown Voice State", Code: 10065}
	errTooLargeEntity     = &apiError{Status: 413, Message: "Request entity too large", Code: 40005}
	errAcknowledged       = &apiError{Status: 400, Message: "Interaction has already been acknowledged.", Code: 40060}
	errMissingAccess      = &apiError{Status: 403, Message: "Missing Access", Code: 50001}
	errEditOther          = &apiError{Status: 403, Message: "Cannot edit a message authored by another user", Code: 50005}
	errEmptyMessage       = &apiError{Status: 400, Message: "Cannot send an empty message", Code: 50006}
	errCannotDM           = &apiError{Status: 403, Message: "Cannot send messages to this user", Code: 50007}
	errNonText            = &apiError{Status: 400, Message: "Cannot send messages in a non-text channel", Code: 50008}
	errMissingPermissions = &apiError{Status: 403, Message: "Missing Permissions", Code: 50013}
	errWebhookToken       = &apiError{Status: 401, Message: "Invalid Webhook Token", Code: 50027}
	errBadBody            = &apiError{Status: 400, Message: "The request body contains invalid JSON.", Code: 50109}
	errOnlyBots           = &apiError{Status: 403, Message: "Only bots can use this endpoint", Code: 20002}
	errForumMessage       = &apiError{Status: 400, Message: "Cannot send a message in a forum channel", Code: 40058}
	errEntryPoint         = &apiError{Status: 400, Message: "You cannot remove this app's Entry Point command in a bulk update operation. Please include the Entry Point command in your update request or delete it separately.", Code: 50240}
	errWrongChannel       = &apiError{Status: 400, Message: "Cannot execute action on this channel type", Code: 50024}
	errArchived           = &apiError{Status: 400, Message: "Thread is archived", Code: 50083}
	errThreadLocked       = &apiError{Status: 400, Message: "Thread is locked", Code: 160005}
	errReplyHistory       = &apiError{Status: 400, Message: "Cannot reply without permission to read message history", Code: 160002}
	errVoiceContent       = &apiError{Status: 400, Message: "Voice messages do not support additional content.", Code: 50159}
	errVoiceFile          = &apiError{Status: 400, Message: "Voice messages must have a single audio attachment.", Code: 50160}
	errVoiceMetadata      = &apiError{Status: 400, Message: "Voice messages must have supporting metadata.", Code: 50161}
	errVoiceEdit          = &apiError{Status: 400, Message: "Voice messages cannot be edited.", Code: 50162}
)

// formError is a 50035 that names a field, such as "content" or "embeds.0.title". Discord sends the reason, such as
// BASE_TYPE_REQUIRED, as the inner code, against its own OpenAPI file, which wants a number there; here it follows the message.
func formError(field, reason, message string) *apiError {
	leaf := map[string]any{"_errors": []map[string]any{{"code": 50035, "message": message + " (" + reason + ")"}}}
	parts := strings.Split(field, ".")
	for i := len(parts) - 1; i >= 0; i-- {
		leaf = map[string]any{parts[i]: leaf}
	}
	return &apiError{Status: 400, Message: "Invalid Form Body", Code: 50035, Errors: leaf}
}

// call is one REST request.
type call struct {
	s       *Server
	r       *http.Request
	w       http.ResponseWriter
	account *account // whose token was sent
	body    []byte   // read whole, but for forms with files
}

// endpoint answers a call: with a value that becomes the JSON body (200), created{value} (201), or nil (204). It runs without mu
// (see subject.go), and the value must not change after it returns.
type endpoint func(c *call) (any, error)

type created struct{ value any }

// id reads a snowflake from the path.
func (c *call) id(name string) (ID, error) {
	id, err := ParseID(c.r.PathValue(name))
	if err != nil {
		return 0, formError(name+"_id", "NUMBER_TYPE_COERCE", fmt.Sprintf("Value %q is not snowflake.", c.r.PathValue(name)))
	}
	return id, nil
}

// readBody reads what is no form with files: those are read as they come.
func (c *call) readBody() (err error) {
	if c.isMultipart() {
		return nil
	}
	if c.body, err = io.ReadAll(http.MaxBytesReader(c.w, c.r.Body, maxJSONBody)); err != nil {
		return bodyError(err)
	}
	return nil
}

// decode reads a JSON body.
func (c *call) decode(v any) error {
	return decodeJSON(c.body, v)
}

func decodeJSON(b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		var kind *json.UnmarshalTypeError
		var e *apiError
		switch {
		case errors.As(err, &e):
			return e
		case errors.As(err, &kind) && kind.Field != "":
			return formError(kind.Field, "BASE_TYPE_BAD", "Must be "+kind.Type.String()+", not "+kind.Value)
		default:
			return errBadBody
		}
	}
	return nil
}

func bodyError(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) || errors.Is(err, errTooLarge) {
		return errTooLargeEntity
	}
	return &apiError{Status: 400, Message: "The request body could not be read.", Code: 50109}
}

// queryBool reads a boolean; discord.py writes True and 1.
func (c *call) queryBool(name string) bool {
	v, err := strconv.ParseBool(strings.ToLower(c.r.URL.Query().Get(name)))
	return err == nil && v
}

// isMultipart tells whether the body is a form with files.
func (c *call) isMultipart() bool {
	t, _, err := mime.ParseMediaType(c.r.Header.Get("Content-Type"))
	return err == nil && t == "multipart/form-data"
}

// What an endpoint asks of the caller.
type authKind int

const (
	authToken authKind = iota // an account's token
	authNone                  // nothing: the path holds a secret, or there is nothing to protect
)

func (s *Server) restRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	add := func(pattern string, auth authKind, run endpoint) {
		mux.Handle(pattern, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.runEndpoint(w, r, pattern, auth, run) }))
	}
	s.userRoutes(add)
	s.guildRoutes(add)
	s.channelRoutes(add)
	s.threadRoutes(add)
	s.messageRoutes(add)
	s.commandRoutes(add)
	s.interactionRoutes(add)
	return mux
}

type addRoute func(pattern string, auth authKind, run endpoint)

// serveREST answers what is asked below /api/v10.
func (s *Server) serveREST(w http.ResponseWriter, r *http.Request) {
	if f := s.takeFault(r); f != nil && f.serve(s, w, r) {
		return
	}
	if _, pattern := s.routes.Handler(r); pattern == "" {
		err := errNotFound
		for _, m := range []string{"GET", "POST", "PUT", "PATCH", "DELETE"} {
			other := r.Clone(r.Context())
			other.Method = m
			if _, p := s.routes.Handler(other); p != "" {
				err = errMethod
			}
		}
		writeError(w, err)
		return
	}
	s.routes.ServeHTTP(w, r)
}

func (s *Server) runEndpoint(w http.ResponseWriter, r *http.Request, pattern string, auth authKind, run endpoint) {
	c := &call{s: s, r: r, w: w}
	authorization := r.Header.Get("Authorization")
	s.mu.Lock()
	if authorization != "" {
		c.account = s.byToken[bareToken(authorization)]
	}
	limit := s.takeRequest(c, pattern, r)
	s.mu.Unlock()
	if c.account == nil && auth == authToken {
		writeError(w, errUnauthorized)
		return
	}
	limit.headers(w.Header())
	if limit.refused {
		limit.write(w)
		return
	}
	var v any
	err := c.readBody()
	if err == nil {
		v, err = run(c)
	}
	if err != nil {
		var e *apiError
		if !errors.As(err, &e) {
			s.log.Error("local Discord: a request failed", "route", pattern, "err", err)
			e = &apiError{Status: 500, Message: "Internal Server Error"}
		}
		writeError(w, e)
		return
	}
	status := http.StatusOK
	if cr, ok := v.(created); ok {
		status, v = http.StatusCreated, cr.value
	}
	if v == nil {
		// No Content-Type: discord.js and discord.py would parse the empty body as JSON.
		w.WriteHeader(http.StatusNoContent)
		return
	}
	writeJSON(w, status, v)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	b := mustJSON(v)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b) // an error means that the client has gone
}

func writeError(w http.ResponseWriter, e *apiError) { writeJSON(w, e.Status, e) }
