package localdiscord_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// dispatch is an event as it comes over the wire.
type dispatch struct {
	Op   int             `json:"op"`
	Seq  uint64          `json:"s"`
	Name string          `json:"t"`
	Data json.RawMessage `json:"d"`
}

func (d dispatch) into(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal(d.Data, v); err != nil {
		t.Fatalf("%s: %v in %s", d.Name, err, d.Data)
	}
}

// raw is a gateway client without any library, for what libraries hide, and for tests with -race.
type raw struct {
	t    testing.TB
	s    *localdiscord.Server
	acct localdiscord.LineAccount
	ws   *websocket.Conn
	seq  uint64
	sess string
}

// dial opens a connection and reads hello.
func dial(t testing.TB, s *localdiscord.Server, name string) *raw {
	t.Helper()
	acct, ok := s.Ready().Account(name)
	if !ok {
		t.Fatalf("no account %q", name)
	}
	r := &raw{t: t, s: s, acct: acct}
	r.connect()
	return r
}

func (r *raw) connect() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	ws, _, err := websocket.Dial(ctx, r.s.Ready().Gateway+"/?v=10&encoding=json", nil)
	if err != nil {
		r.t.Fatal(err)
	}
	ws.SetReadLimit(8 << 20)
	r.ws = ws
	r.t.Cleanup(func() { ws.CloseNow() })
	if d := r.next(); d.Op != 10 {
		r.t.Fatalf("first op is %d, not hello", d.Op)
	}
}

func (r *raw) send(op int, d any) {
	r.t.Helper()
	b, err := json.Marshal(map[string]any{"op": op, "d": d})
	if err != nil {
		r.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	if err := r.ws.Write(ctx, websocket.MessageText, b); err != nil {
		r.t.Fatal(err)
	}
}

// read reads one frame.
func (r *raw) read() (dispatch, error) {
	ctx, cancel := context.WithTimeout(context.Background(), waitLimit)
	defer cancel()
	_, b, err := r.ws.Read(ctx)
	if err != nil {
		return dispatch{}, err
	}
	var d dispatch
	if err := json.Unmarshal(b, &d); err != nil {
		r.t.Fatalf("%v in %s", err, b)
	}
	if d.Op == 0 {
		if r.seq = d.Seq; d.Name == "READY" {
			var ready struct {
				SessionID string `json:"session_id"`
			}
			d.into(r.t, &ready)
			r.sess = ready.SessionID
		}
	}
	return d, nil
}

func (r *raw) next() dispatch {
	r.t.Helper()
	d, err := r.read()
	if err != nil {
		r.t.Fatalf("read: %v", err)
	}
	return d
}

// await skips frames until an event of that name.
func (r *raw) await(name string) dispatch {
	r.t.Helper()
	for {
		if d := r.next(); d.Name == name {
			return d
		}
	}
}

// awaitOp skips frames until that opcode.
func (r *raw) awaitOp(op int) dispatch {
	r.t.Helper()
	for {
		if d := r.next(); d.Op == op {
			return d
		}
	}
}

// awaitClose reads until the connection ends and returns the close code, -1 when there was none.
func (r *raw) awaitClose() websocket.StatusCode {
	r.t.Helper()
	for {
		if _, err := r.read(); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func (r *raw) identify(intents *localdiscord.Intents) *raw {
	r.t.Helper()
	d := map[string]any{"token": r.acct.Token, "properties": map[string]string{"os": "test", "browser": "test", "device": "test"}}
	if intents != nil {
		d["intents"] = *intents
	}
	r.send(2, d)
	return r
}

// person logs a person in as the page does: with all events.
func person(t testing.TB, s *localdiscord.Server, name string) *raw {
	t.Helper()
	r := dial(t, s, name).identify(nil)
	r.await("GUILD_CREATE")
	return r
}

// withIntents logs in with intents.
func withIntents(t testing.TB, s *localdiscord.Server, name string, intents localdiscord.Intents) *raw {
	t.Helper()
	r := dial(t, s, name).identify(&intents)
	r.await("GUILD_CREATE")
	return r
}

// upload is a file of a request.
type upload struct {
	name, contentType, body string
}

// do sends a REST request as the account, checks the answer against Discord's OpenAPI file, and returns its status and
// body. body is encoded as JSON; with files it becomes payload_json.
func (r *raw) do(method, path string, body any, files ...upload) (int, []byte) {
	r.t.Helper()
	return request(r.t, r.s, "Bot "+r.acct.Token, method, path, body, files...)
}

// must is do for what has to succeed; v, when not nil, gets the body.
func (r *raw) must(method, path string, body, v any, files ...upload) {
	r.t.Helper()
	status, b := r.do(method, path, body, files...)
	if status/100 != 2 {
		r.t.Fatalf("%s %s: %d %s", method, path, status, b)
	}
	if v != nil {
		if err := json.Unmarshal(b, v); err != nil {
			r.t.Fatalf("%s %s: %v in %s", method, path, err, b)
		}
	}
}

func request(t testing.TB, s *localdiscord.Server, authorization, method, path string, body any, files ...upload) (int, []byte) {
	t.Helper()
	var rd io.Reader
	contentType := ""
	if body != nil {
		b, ok := body.([]byte)
		if !ok {
			var err error
			if b, err = json.Marshal(body); err != nil {
				t.Fatal(err)
			}
		}
		rd, contentType = bytes.NewReader(b), "application/json"
		if len(files) > 0 {
			var form bytes.Buffer
			w := multipart.NewWriter(&form)
			w.WriteField("payload_json", string(b))
			for i, f := range files {
				h := textproto.MIMEHeader{}
				h.Set("Content-Disposition", fmt.Sprintf(`form-data; name="files[%d]"; filename=%q`, i, f.name))
				h.Set("Content-Type", f.contentType)
				p, err := w.CreatePart(h)
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(p, f.body)
			}
			w.Close()
			rd, contentType = &form, w.FormDataContentType()
		}
	}
	rq, err := http.NewRequestWithContext(t.Context(), method, s.Ready().REST+"/v10"+path, rd)
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		rq.Header.Set("Content-Type", contentType)
	}
	if authorization != "" {
		rq.Header.Set("Authorization", authorization)
	}
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, err := io.ReadAll(rs.Body)
	if err != nil {
		t.Fatal(err)
	}
	checkAnswer(t, method, path, rs, b)
	return rs.StatusCode, b
}

// local calls an endpoint below /_local/.
func local(t testing.TB, s *localdiscord.Server, method, path, body string) []byte {
	t.Helper()
	base := strings.TrimSuffix(s.Ready().REST, "/api")
	rq, err := http.NewRequestWithContext(t.Context(), method, base+"/_local/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	rs, err := http.DefaultClient.Do(rq)
	if err != nil {
		t.Fatal(err)
	}
	defer rs.Body.Close()
	b, _ := io.ReadAll(rs.Body)
	if rs.StatusCode/100 != 2 {
		t.Fatalf("%s %s %s: %d %s", method, path, body, rs.StatusCode, b)
	}
	return b
}
