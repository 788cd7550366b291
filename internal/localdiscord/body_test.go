package localdiscord

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func clockOf(ms int64) func() time.Time {
	return func() time.Time { return time.UnixMilli(epochMillis + ms) }
}

// serve sends one request straight to the handler.
func serve(s *Server, method, path, token, contentType string, body []byte) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, bytes.NewReader(body))
	r.Header.Set("Authorization", token)
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	s.http.Handler.ServeHTTP(w, r)
	return w
}

func fuzzServer(f *testing.F) (s *Server, general string, ann, mynah LineAccount) {
	s, err := Start(f.Context(), Config{World: World{UploadLimit: 4096}, Data: f.TempDir()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	ch, _ := s.Ready().Channel("general")
	ann, _ = s.Ready().Account("Ann")
	mynah, _ = s.Ready().Account("Mynah")
	return s, ch.ID.String(), ann, mynah
}

// checkFuzzed checks that an answer is no 500 and that its body is JSON.
func checkFuzzed(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code >= 500 || w.Code != 204 && !json.Valid(w.Body.Bytes()) {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

// FuzzMessageJSON posts a message and, when it was taken, edits it with the same body and reads it back.
func FuzzMessageJSON(f *testing.F) {
	for _, seed := range []string{`{"content":"hi","nonce":5}`, `{"embeds":[{"title":"t","fields":[{"name":"a","value":"b"}]}]}`,
		`{"content":"<@1> @everyone","allowed_mentions":{"parse":["users"]},"message_reference":{"message_id":"1","fail_if_not_exists":false}}`,
		`{"components":[{"type":1,"components":[{"type":2,"style":1,"custom_id":"x"},{"type":2,"style":5,"url":"https://x/"}]}]}`,
		`{"flags":32768,"components":[{"type":17,"components":[{"type":10,"content":"x"}]}]}`, `{"attachments":[{"id":"0"}],"flags":8192}`, `[]`, `null`, `{"embeds":[null]}`} {
		f.Add([]byte(seed))
	}
	s, general, ann, _ := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		path := "http://" + s.host + "/api/v10/channels/" + general + "/messages"
		w := serve(s, "POST", path, ann.Token, "application/json", body)
		checkFuzzed(t, w)
		if w.Code != 200 {
			return
		}
		var made struct {
			ID ID `json:"id"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &made); err != nil {
			t.Fatal(err)
		}
		checkFuzzed(t, serve(s, "PATCH", path+"/"+made.ID.String(), ann.Token, "application/json", body))
		if w := serve(s, "GET", path+"/"+made.ID.String(), ann.Token, "", nil); w.Code != 200 {
			t.Fatalf("read back: %d %s", w.Code, w.Body)
		}
	})
}

// FuzzMessageForm posts forms with files.
func FuzzMessageForm(f *testing.F) {
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n{\"content\":\"x\"}\r\n--b\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nbody\r\n--b--\r\n"))
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"../../x\"\r\n\r\n" + strings.Repeat("x", 5000) + "\r\n--b--\r\n"))
	f.Add([]byte("--b\r\nContent-Disposition: form-data; name=\"files[99999999999999999999]\"; filename=\"a\"\r\n\r\n\r\n--b--\r\n"))
	f.Add([]byte("--b"))
	s, general, ann, _ := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		before, _ := s.store.size()
		w := serve(s, "POST", "http://"+s.host+"/api/v10/channels/"+general+"/messages", ann.Token, "multipart/form-data; boundary=b", body)
		checkFuzzed(t, w)
		if after, _ := s.store.size(); w.Code != 200 && after > before {
			t.Fatalf("%d, but files were kept", w.Code)
		}
	})
}

// FuzzCommands registers commands and, when they were taken, runs the first without options.
func FuzzCommands(f *testing.F) {
	for _, seed := range []string{`[{"name":"ask","description":"d","options":[{"type":3,"name":"q","description":"d","choices":[{"name":"a","value":"b"}]}]}]`,
		`[{"name":"s","description":"d","options":[{"type":2,"name":"g","description":"d","options":[{"type":1,"name":"c","description":"d"}]}]}]`,
		`[{"name":"Menu","type":3}]`, `[null]`, `{}`, `[{"name":"x","description":"d","default_member_permissions":"32","contexts":[0,1]}]`} {
		f.Add([]byte(seed))
	}
	s, general, ann, mynah := fuzzServer(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		w := serve(s, "PUT", "http://"+s.host+"/api/v10/applications/"+mynah.ID.String()+"/commands", "Bot "+mynah.Token, "application/json", body)
		checkFuzzed(t, w)
		var made []struct {
			ID ID `json:"id"`
		}
		if w.Code != http.StatusOK || json.Unmarshal(w.Body.Bytes(), &made) != nil || len(made) == 0 {
			return
		}
		run := mustJSON(map[string]any{"type": 2, "application_id": mynah.ID, "channel_id": general, "data": map[string]any{"id": made[0].ID}})
		checkFuzzed(t, serve(s, "POST", "http://"+s.host+"/api/v10/interactions", ann.Token, "application/json", run))
	})
}

// FuzzInteraction posts interactions as a person's client does.
func FuzzInteraction(f *testing.F) {
	s, general, ann, mynah := fuzzServer(f)
	commands := `[{"name":"ask","description":"d","options":[{"type":3,"name":"q","description":"d","autocomplete":true},{"type":6,"name":"who","description":"d"},{"type":11,"name":"file","description":"d"}]},{"name":"Menu","type":3}]`
	if w := serve(s, "PUT", "http://"+s.host+"/api/v10/applications/"+mynah.ID.String()+"/commands", "Bot "+mynah.Token, "application/json", []byte(commands)); w.Code != 200 {
		f.Fatal(w.Body)
	}
	for _, seed := range []string{`{"name":"ask","options":[{"name":"q","value":"x"},{"name":"who","value":"1"}]}`, `{"name":"Menu","type":3,"target_id":"1"}`,
		`{"custom_id":"x","components":[{"type":1,"components":[{"type":4,"custom_id":"y","value":"z"}]}]}`, `{"name":"ask","options":[{"name":"file","value":"0"}]}`, `null`} {
		for kind := range 6 {
			f.Add(kind, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		if !json.Valid(data) {
			return
		}
		body := mustJSON(map[string]any{"type": kind, "application_id": mynah.ID, "channel_id": general, "data": json.RawMessage(data)})
		checkFuzzed(t, serve(s, "POST", "http://"+s.host+"/api/v10/interactions", ann.Token, "application/json", body))
	})
}
