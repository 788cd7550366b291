package localdiscord

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// maxFaultDelay bounds how long a fault may hold a request back.
const maxFaultDelay = 5 * time.Minute

// fault is what happens to the next REST requests that match.
type fault struct {
	// Method and Path say which requests: Path is a pattern of path.Match below the API's version, such as
	// /channels/*/messages. Empty matches all.
	Method string `json:"method,omitempty"`
	Path   string `json:"path,omitempty"`
	// Times is how many requests are hit; 0 means all until the faults are cleared.
	Times int `json:"times,omitempty"`
	// DelayMS holds the request back for so many milliseconds before it is answered.
	DelayMS int `json:"delay_ms,omitempty"`
	// Status answers instead of the server: 429 or 4xx or 5xx. 0 lets the request through after the delay.
	Status int `json:"status,omitempty"`
	// RetryAfter in seconds and Global shape a 429.
	RetryAfter float64 `json:"retry_after,omitempty"`
	Global     bool    `json:"global,omitempty"`
	// Code and Message are Discord's own error in the answer; Body answers with this text instead, and Type is its Content-Type, as a
	// proxy's page.
	Code    int    `json:"code,omitempty"`
	Message string `json:"message,omitempty"`
	Body    string `json:"body,omitempty"`
	Type    string `json:"type,omitempty"`
	// NoRetryAfter leaves the header out of a 429; Scope is user (the default), global or shared.
	NoRetryAfter bool   `json:"no_retry_after,omitempty"`
	Scope        string `json:"scope,omitempty"`
	// After lets the request be carried out, at once, before Status hides its answer, as when a proxy fails.
	After bool `json:"after,omitempty"`
	// Hits counts what was hit.
	Hits int `json:"hits"`
}

func (f *fault) check() error {
	if _, err := path.Match(f.Path, "/"); err != nil {
		return fmt.Errorf("path: %w", err)
	}
	if f.Status != 0 && (f.Status < 400 || f.Status > 599) {
		return errors.New("status: must be 4xx or 5xx, or be left out")
	}
	if f.DelayMS < 0 || f.DelayMS > int(maxFaultDelay.Milliseconds()) || f.Times < 0 || f.RetryAfter < 0 {
		return errors.New("delay_ms, times and retry_after must not be negative, and delay_ms at most 300000")
	}
	if f.Status == 0 && f.DelayMS == 0 {
		return errors.New("status or delay_ms is needed")
	}
	return nil
}

// takeFault finds the fault for a request and counts it. The result is a copy.
func (s *Server) takeFault(r *http.Request) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.faults {
		match, _ := path.Match(f.Path, r.URL.Path) // check refused bad patterns
		if (f.Path != "" && !match) || (f.Method != "" && f.Method != r.Method) {
			continue
		}
		f.Hits++
		if f.Times > 0 && f.Hits >= f.Times {
			s.faults = append(s.faults[:i:i], s.faults[i+1:]...)
		}
		hit := *f
		return &hit
	}
	return nil
}

// serve carries the fault out; true when the request was answered.
func (f *fault) serve(s *Server, w http.ResponseWriter, r *http.Request) bool {
	if f.After {
		s.routes.ServeHTTP(discardResponse{http.Header{}}, r)
	}
	if f.DelayMS > 0 {
		t := time.NewTimer(time.Duration(f.DelayMS) * time.Millisecond)
		defer t.Stop()
		select {
		case <-t.C:
		case <-r.Context().Done():
			return true
		case <-s.ctx.Done():
			return true
		}
	}
	if f.Status == 0 {
		return false
	}
	if f.Body != "" {
		h := w.Header()
		h.Set("Content-Type", cmp.Or(f.Type, "text/html"))
		if f.Status == http.StatusTooManyRequests && !f.NoRetryAfter {
			h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter))))
		}
		w.WriteHeader(f.Status)
		io.WriteString(w, f.Body)
		return true
	}
	if f.Status == http.StatusTooManyRequests && f.Code == 0 {
		after := time.Duration(math.Max(f.RetryAfter, 0.001) * float64(time.Second))
		l := rateLimit{limit: 1, after: after, reset: s.cfg.Now().Add(after), bucket: "fault", global: f.Global, scope: f.Scope, silent: f.NoRetryAfter}
		l.headers(w.Header())
		l.write(w)
		return true
	}
	writeError(w, &apiError{Status: f.Status, Code: f.Code, RetryAfter: f.RetryAfter,
		Message: cmp.Or(f.Message, fmt.Sprintf("%d: %s", f.Status, http.StatusText(f.Status)))})
	return true
}

// discardResponse lets a request be carried out without an answer.
type discardResponse struct{ header http.Header }

func (d discardResponse) Header() http.Header         { return d.header }
func (d discardResponse) Write(b []byte) (int, error) { return len(b), nil }
func (d discardResponse) WriteHeader(int)             {}

// localHandler serves /_local/, with which tests and the page steer the server.
func (s *Server) localHandler() http.Handler {
	mux := http.NewServeMux()
	add := func(pattern string, run func(body []byte) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSONBody))
			var v any
			if err == nil {
				v, err = run(body)
			}
			if err != nil {
				var e *apiError
				if !errors.As(err, &e) {
					e = &apiError{Status: http.StatusBadRequest, Message: err.Error()}
				}
				writeError(w, e)
				return
			}
			if v == nil {
				w.WriteHeader(http.StatusNoContent)
				return
			}
			w.Header().Set("Cache-Control", "no-store")
			writeJSON(w, http.StatusOK, v)
		})
	}
	add("GET /_local/ready", func([]byte) (any, error) { return s.Ready(), nil })
	add("GET /_local/state", func([]byte) (any, error) { return s.localState(), nil })
	add("POST /_local/voice", s.localVoice)
	add("POST /_local/gateway/drop", s.localDrop)
	add("POST /_local/gateway/faults", s.localAddGatewayFault)
	add("DELETE /_local/gateway/faults", func([]byte) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.gatewayFaults = nil
		return nil, nil
	})
	add("POST /_local/gateway/resume", s.localResume)
	add("POST /_local/gateway/events", s.localEvent)
	add("POST /_local/servers", s.localServer)
	add("POST /_local/members", s.localMember)
	add("POST /_local/messages", s.localMessage)
	add("POST /_local/interactions", s.localInteraction)
	add("POST /_local/faults", s.localAddFault)
	add("DELETE /_local/faults", func([]byte) (any, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.faults = nil
		return nil, nil
	})
	return mux
}

// findAccount finds an account by its ID or name. Called with mu held.
func (s *Server) findAccount(ref string) (*account, error) {
	if id, err := ParseID(ref); err == nil && s.accounts[id] != nil {
		return s.accounts[id], nil
	}
	for _, a := range s.order {
		if a.name == ref || a.username == ref {
			return a, nil
		}
	}
	return nil, fmt.Errorf("account: nobody has the id or name %.60q", ref)
}

// findChannel finds a channel by its ID, or a guild's channel by its name. Called with mu held.
func (s *Server) findChannel(ref string) (*channel, error) {
	if id, err := ParseID(ref); err == nil && s.channels[id] != nil {
		return s.channels[id], nil
	}
	for _, g := range s.guildOrder {
		for _, ch := range slices.Concat(g.channels, g.threads) {
			if ch.name == ref {
				return ch, nil
			}
		}
	}
	return nil, fmt.Errorf("channel: none has the id or name %.60q", ref)
}

// localVoice moves an account into a voice channel, or out of voice when the channel is null, whatever its permissions.
func (s *Server) localVoice(body []byte) (any, error) {
	var q struct {
		Account  string  `json:"account"`
		Channel  *string `json:"channel"`
		Server   string  `json:"server"`
		SelfMute bool    `json:"self_mute"`
		SelfDeaf bool    `json:"self_deaf"`
		Mute     *bool   `json:"mute"`
		Deaf     *bool   `json:"deaf"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	a, err := s.findAccount(q.Account)
	if err != nil {
		return nil, err
	}
	if q.Channel == nil {
		for _, g := range s.guildOrder {
			if v := g.voice[a.id]; v != nil && (q.Server == "" || q.Server == g.name || q.Server == g.id.String()) {
				s.setVoice(v, nil)
			}
		}
		return nil, nil
	}
	ch, err := s.findChannel(*q.Channel)
	if err != nil {
		return nil, err
	}
	if !ch.hasVoice() || ch.guild.members[a.id] == nil {
		return nil, errors.New("channel: must be a voice channel of a server that the account belongs to")
	}
	v := ch.guild.voice[a.id]
	if v == nil {
		v = &voiceState{guild: ch.guild, account: a, session: randomHex(16)}
		if len(a.sessions) > 0 {
			v.session = a.sessions[len(a.sessions)-1].id
		}
	}
	v.selfMute, v.selfDeaf = q.SelfMute, q.SelfDeaf
	m := ch.guild.members[a.id]
	if q.Mute != nil {
		m.mute = *q.Mute
	}
	if q.Deaf != nil {
		m.deaf = *q.Deaf
	}
	s.setVoice(v, ch)
	return nil, nil
}

// localDrop breaks gateway connections: with a close code, with op 7 or 9, or by cutting them.
func (s *Server) localDrop(body []byte) (any, error) {
	var q struct {
		Account string `json:"account"` // empty: all
		// Close is a close code; Op is 7 or 9; Abort cuts the connection without a word. One of them.
		Close int  `json:"close"`
		Op    int  `json:"op"`
		Abort bool `json:"abort"`
		// Resumable is op 9's data, and whether the session is kept. Op 7 and close codes keep it unless Forget is set.
		Resumable bool `json:"resumable"`
		Forget    bool `json:"forget"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	given := 0
	for _, b := range []bool{q.Close != 0, q.Op != 0, q.Abort} {
		if b {
			given++
		}
	}
	if given != 1 || q.Op != 0 && q.Op != opReconnect && q.Op != opInvalidSession || q.Close != 0 && (q.Close < 1000 || q.Close > 4999) {
		return nil, errors.New("one of close (a code), op (7 or 9) and abort (true) is needed")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var only *account
	if q.Account != "" {
		var err error
		if only, err = s.findAccount(q.Account); err != nil {
			return nil, err
		}
	}
	dropped := 0
	for c := range s.conns {
		sess := c.session
		if sess == nil || sess.conn != c || only != nil && sess.account != only {
			continue
		}
		dropped++
		switch {
		case q.Close != 0:
			c.close(websocket.StatusCode(q.Close), "")
		case q.Abort:
			c.closing = &closeFrame{abort: true}
			c.signal()
		case q.Op == opReconnect:
			c.queue(opReconnect, nil)
		default:
			c.queue(opInvalidSession, q.Resumable)
		}
		s.detach(c) // what happens from now on waits for the resume
		if q.Forget || q.Op == opInvalidSession && !q.Resumable {
			s.dropSession(sess)
		}
	}
	return map[string]int{"dropped": dropped}, nil
}

func (s *Server) localAddFault(body []byte) (any, error) {
	f := &fault{}
	if err := json.Unmarshal(body, f); err != nil {
		return nil, err
	}
	f.Hits = 0
	f.Method = strings.ToUpper(f.Method)
	if err := f.check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.faults) >= 100 {
		return nil, errors.New("100 faults are set already")
	}
	s.faults = append(s.faults, f)
	return nil, nil
}

// localState shows what is going on: sessions, voice, faults, and how much is stored.
func (s *Server) localState() any {
	type sessionState struct {
		ID        string  `json:"id"`
		Account   ID      `json:"account"`
		Name      string  `json:"name"`
		Connected bool    `json:"connected"`
		Seq       uint64  `json:"seq"`
		Intents   Intents `json:"intents"`
		Shard     [2]int  `json:"shard"`
	}
	type startState struct {
		Account ID  `json:"account"`
		Used    int `json:"used"`    // identifies of this day
		Refused int `json:"refused"` // that came too fast
	}
	type channelState struct {
		ID       ID     `json:"id"`
		Name     string `json:"name"`
		Messages int    `json:"messages"`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sessions, starts := []sessionState{}, []startState{}
	for _, a := range s.order {
		for _, sess := range a.sessions {
			sessions = append(sessions, sessionState{sess.id, a.id, a.name, sess.conn != nil, sess.seq, sess.intents, sess.shard})
		}
		if a.bot {
			starts = append(starts, startState{a.id, a.starts.used, a.starts.refused})
		}
	}
	channels, voice := []channelState{}, []wireVoiceState{}
	for _, g := range s.guildOrder {
		for _, ch := range g.channels {
			channels = append(channels, channelState{ch.id, ch.name, len(ch.messages)})
		}
		for _, m := range g.order {
			if v := g.voice[m.account.id]; v != nil {
				voice = append(voice, v.wire(false))
			}
		}
	}
	faults := []fault{}
	for _, f := range s.faults {
		faults = append(faults, *f)
	}
	count, bytes := s.store.size()
	files := map[string]int64{"count": int64(count), "bytes": bytes}
	return map[string]any{"sessions": sessions, "starts": starts, "channels": channels, "voice_states": voice, "faults": faults, "files": files}
}
