package localdiscord

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/coder/websocket"
)

// What this file holds is how a test breaks the gateway: what meets the next connections, and the address for resuming.

// gatewayFault is what happens to the next attempts to connect, identify or resume.
type gatewayFault struct {
	// Account is whose attempts are hit, by ID or name; empty: everybody's. A connect belongs to nobody yet.
	Account string `json:"account,omitempty"`
	// On is connect, identify or resume.
	On string `json:"on"`
	// Status answers the handshake of a connect instead of an upgrade; Close closes with a code; Op is 7 or 9, with Resumable; Hang
	// says nothing. One of them.
	Status    int  `json:"status,omitempty"`
	Close     int  `json:"close,omitempty"`
	Op        int  `json:"op,omitempty"`
	Resumable bool `json:"resumable,omitempty"`
	Hang      bool `json:"hang,omitempty"`
	// Times is how many attempts are hit; 0 means all until the faults are cleared.
	Times int `json:"times,omitempty"`
	Hits  int `json:"hits"`

	account *account
}

func (f *gatewayFault) check() error {
	given := 0
	for _, b := range []bool{f.Status != 0, f.Close != 0, f.Op != 0, f.Hang} {
		if b {
			given++
		}
	}
	switch {
	case f.On != "connect" && f.On != "identify" && f.On != "resume":
		return errors.New("on: must be connect, identify or resume")
	case given != 1:
		return errors.New("one of status, close, op and hang is needed")
	case f.Status != 0 && (f.On != "connect" || f.Status < 400 || f.Status > 599):
		return errors.New("status: 4xx or 5xx, of a connect")
	case f.Close != 0 && (f.Close < 1000 || f.Close > 4999):
		return errors.New("close: must be a close code")
	case f.Op != 0 && f.Op != opReconnect && f.Op != opInvalidSession:
		return errors.New("op: must be 7 or 9")
	case f.Times < 0:
		return errors.New("times: must not be negative")
	}
	return nil
}

// takeGatewayFault finds the fault for an attempt and counts it. Called with mu held.
func (s *Server) takeGatewayFault(on string, a *account) *gatewayFault {
	for i, f := range s.gatewayFaults {
		if f.On != on || f.account != nil && f.account != a {
			continue
		}
		f.Hits++
		if f.Times > 0 && f.Hits >= f.Times {
			s.gatewayFaults = append(s.gatewayFaults[:i:i], s.gatewayFaults[i+1:]...)
		}
		return f
	}
	return nil
}

// struck carries out a fault of identifying or resuming; true when there was one. Called with mu held.
func (s *Server) struck(c *conn, on string, a *account) bool {
	f := s.takeGatewayFault(on, a)
	switch {
	case f == nil:
		return false
	case f.Close != 0:
		c.close(websocket.StatusCode(f.Close), "")
	case f.Op == opReconnect:
		c.queue(opReconnect, nil)
	case f.Op == opInvalidSession:
		c.queue(opInvalidSession, f.Resumable)
	}
	return true
}

// refuseConnect carries out a fault of connecting; true when the request was answered.
func (s *Server) refuseConnect(w http.ResponseWriter, r *http.Request) bool {
	s.mu.Lock()
	f := s.takeGatewayFault("connect", nil)
	s.mu.Unlock()
	switch {
	case f == nil:
		return false
	case f.Hang:
		select {
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
	case f.Status != 0:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		fmt.Fprintf(w, "<html><head><title>%d</title></head><body>error code: %d</body></html>", f.Status, f.Status)
	default:
		if ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true}); err == nil {
			ws.Close(websocket.StatusCode(f.Close), "")
		}
	}
	return true
}

func (s *Server) localAddGatewayFault(body []byte) (any, error) {
	f := &gatewayFault{}
	if err := json.Unmarshal(body, f); err != nil {
		return nil, err
	}
	f.Hits = 0
	if err := f.check(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.Account != "" {
		var err error
		if f.account, err = s.findAccount(f.Account); err != nil {
			return nil, err
		}
	}
	if len(s.gatewayFaults) >= 100 {
		return nil, errors.New("100 faults are set already")
	}
	s.gatewayFaults = append(s.gatewayFaults, f)
	return nil, nil
}

// resumeGateway is the address for resuming, which Discord gives each session beside the main one. It can be taken away.
type resumeGateway struct {
	addr string // host:port; stays the same when it comes back
	http *http.Server
}

// openResume begins to serve the address for resuming.
func (s *Server) openResume() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.resumes.http != nil {
		return nil
	}
	addr := s.resumes.addr
	if addr == "" {
		host, _, err := net.SplitHostPort(s.host)
		if err != nil {
			return err
		}
		addr = net.JoinHostPort(host, "0")
	}
	var lc net.ListenConfig
	l, err := lc.Listen(s.ctx, "tcp", addr)
	if err != nil {
		return err
	}
	s.resumes.addr = l.Addr().String()
	h := &http.Server{Handler: s.guard(http.HandlerFunc(s.serveGateway)), ReadHeaderTimeout: 10 * time.Second}
	s.resumes.http = h
	s.work.Go(func() {
		if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			s.log.Error("the address for resuming is not served any more", "err", err)
		}
	})
	return nil
}

// closeResume takes the address for resuming away; who is connected there stays so.
func (s *Server) closeResume() {
	s.mu.Lock()
	h := s.resumes.http
	s.resumes.http = nil
	s.mu.Unlock()
	if h != nil {
		h.Close()
	}
}

// localResume opens or closes the address for resuming.
func (s *Server) localResume(body []byte) (any, error) {
	var q struct {
		Alive bool `json:"alive"`
	}
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, err
	}
	if q.Alive {
		return nil, s.openResume()
	}
	s.closeResume()
	return nil, nil
}
