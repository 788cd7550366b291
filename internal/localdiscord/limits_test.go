package localdiscord_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

func TestRateLimits(t *testing.T) {
	now := &clock{}
	s := start(t, localdiscord.Config{Now: now.Now, World: world(func(w *localdiscord.World) {
		w.RateLimits = localdiscord.WorldRateLimits{Requests: 2, Seconds: 60, Global: 5}
	})})
	acct, _ := s.Ready().Account("Mynah")
	get := func(path string) *http.Response {
		t.Helper()
		rq, err := http.NewRequest("GET", s.Ready().REST+"/v10"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		rq.Header.Set("Authorization", "Bot "+acct.Token)
		rs, err := http.DefaultClient.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { rs.Body.Close() })
		return rs
	}
	general, help := "/channels/"+channel(t, s, "general"), "/channels/"+channel(t, s, "help")
	for i, want := range []string{"1", "0"} {
		rs := get(general)
		if rs.StatusCode != 200 || rs.Header.Get("X-RateLimit-Remaining") != want || rs.Header.Get("X-RateLimit-Limit") != "2" ||
			rs.Header.Get("X-RateLimit-Bucket") == "" || rs.Header.Get("X-RateLimit-Reset-After") == "" {
			t.Errorf("request %d: %d %v", i, rs.StatusCode, rs.Header)
		}
	}
	rs := get(general)
	body, _ := io.ReadAll(rs.Body)
	checkAnswer(t, "GET", general, rs, body)
	var limited struct {
		RetryAfter float64 `json:"retry_after"`
		Global     bool    `json:"global"`
	}
	if err := json.Unmarshal(body, &limited); err != nil || rs.StatusCode != 429 || limited.RetryAfter <= 0 || limited.RetryAfter > 60 || limited.Global ||
		rs.Header.Get("Retry-After") == "" || rs.Header.Get("X-RateLimit-Scope") != "user" {
		t.Errorf("third request: %d %s %v", rs.StatusCode, body, rs.Header)
	}
	if rs := get(help); rs.StatusCode != 200 {
		t.Errorf("another channel has another bucket: %d", rs.StatusCode)
	}
	if rs := get(help); rs.StatusCode != 200 {
		t.Errorf("fifth request: %d", rs.StatusCode)
	}
	if rs := get("/users/@me"); rs.StatusCode != 429 || rs.Header.Get("X-RateLimit-Global") != "true" || rs.Header.Get("X-RateLimit-Scope") != "global" {
		t.Errorf("over the global limit: %d %v", rs.StatusCode, rs.Header)
	}
	now.advance(61 * time.Second)
	if rs := get(general); rs.StatusCode != 200 {
		t.Errorf("after the window: %d", rs.StatusCode)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	s := start(t, localdiscord.Config{})
	acct, _ := s.Ready().Account("Ann")
	ann := &raw{t: t, s: s, acct: acct}
	path := "/channels/" + channel(t, s, "general") + "/messages"
	var first message
	ann.must("POST", path, m{"content": "first"}, &first, upload{"a.txt", "text/plain", "x"})
	for range 2000 {
		ann.must("POST", path, m{"content": "more"}, nil)
	}
	if status, _ := ann.do("GET", path+"/"+first.ID.String(), nil); status != 404 {
		t.Errorf("the oldest message is still there: %d", status)
	}
	var state struct {
		Channels []struct {
			Name     string `json:"name"`
			Messages int    `json:"messages"`
		} `json:"channels"`
		Files struct {
			Count int `json:"count"`
		} `json:"files"`
	}
	if err := json.Unmarshal(local(t, s, "GET", "state", ""), &state); err != nil {
		t.Fatal(err)
	}
	if state.Channels[0].Messages != 2000 || state.Files.Count != 0 {
		t.Errorf("kept: %+v", state)
	}
}

func TestUploadLimits(t *testing.T) {
	s := start(t, localdiscord.Config{World: world(func(w *localdiscord.World) { w.UploadLimit = 1000 })})
	acct, _ := s.Ready().Account("Ann")
	ann := &raw{t: t, s: s, acct: acct}
	path := "/channels/" + channel(t, s, "general") + "/messages"
	file := func(n int) upload { return upload{"a.txt", "text/plain", strings.Repeat("x", n)} }
	ann.must("POST", path, m{}, nil, file(1000))
	for name, c := range map[string]struct {
		files  []upload
		status int
	}{
		"one byte too many": {[]upload{file(1001)}, 413},
		"eleven files":      {[]upload{file(1), file(1), file(1), file(1), file(1), file(1), file(1), file(1), file(1), file(1), file(1)}, 400},
	} {
		if status, b := ann.do("POST", path, m{}, c.files...); status != c.status {
			t.Errorf("%s: %d %s, want %d", name, status, b, c.status)
		}
	}
	if status, _ := ann.do("POST", path, []byte(`{"content":"`+strings.Repeat("x", 2<<20)+`"}`)); status != 413 {
		t.Errorf("a body of 2 MiB: %d, want 413", status)
	}
	if b := local(t, s, "GET", "state", ""); !strings.Contains(string(b), `"files":{"bytes":1000,"count":1}`) {
		t.Errorf("files that belong to nothing are kept: %s", b)
	}
}

// TestForeignPages checks what a browser could send on behalf of somebody else's page.
func TestForeignPages(t *testing.T) {
	s := start(t, localdiscord.Config{Page: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "the page") })})
	base := strings.TrimSuffix(s.Ready().Page, "/")
	host := strings.TrimPrefix(base, "http://")
	_, port, _ := strings.Cut(host, ":")
	for name, c := range map[string]struct {
		path, host string
		header     map[string]string
		status     int
	}{
		"page":                    {"/", host, nil, 200},
		"ready":                   {"/_local/ready", host, map[string]string{"Origin": base, "Sec-Fetch-Site": "same-origin"}, 200},
		"ready from a program":    {"/_local/ready", host, nil, 200},
		"localhost":               {"/_local/ready", "localhost:" + port, nil, 200},
		"rebound name":            {"/_local/ready", "evil.example:" + port, nil, 421},
		"foreign origin":          {"/_local/ready", host, map[string]string{"Origin": "http://evil.example"}, 403},
		"null origin":             {"/_local/ready", host, map[string]string{"Origin": "null"}, 403},
		"another port's page":     {"/_local/ready", host, map[string]string{"Sec-Fetch-Site": "same-site"}, 403},
		"foreign link to ready":   {"/_local/ready", host, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 403},
		"foreign link to page":    {"/", host, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}, 200},
		"foreign gateway":         {"/gateway", host, map[string]string{"Origin": "http://evil.example"}, 403},
		"REST from another's tab": {"/api/v10/gateway", host, map[string]string{"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}, 403},
	} {
		rq, err := http.NewRequest("GET", base+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		rq.Host = c.host
		for k, v := range c.header {
			rq.Header.Set(k, v)
		}
		rs, err := http.DefaultClient.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		rs.Body.Close()
		if rs.StatusCode != c.status {
			t.Errorf("%s: %d, want %d", name, rs.StatusCode, c.status)
		}
	}
	if _, err := localdiscord.Start(t.Context(), localdiscord.Config{Listen: "0.0.0.0:0"}); err == nil {
		t.Error("listens to the whole network without being told to")
	}
}

// TestCDN checks that what was uploaded can't run in the page's origin, and that addresses can't be guessed.
func TestCDN(t *testing.T) {
	now := &clock{}
	s := start(t, localdiscord.Config{Now: now.Now})
	acct, _ := s.Ready().Account("Ann")
	ann := &raw{t: t, s: s, acct: acct}
	var sent message
	ann.must("POST", "/channels/"+channel(t, s, "general")+"/messages", m{}, &sent, upload{"../../evil page.html", "text/html", "<script>1</script>"})
	address := sent.Attachments[0].URL
	get := func(url string) *http.Response {
		t.Helper()
		rs, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		rs.Body.Close()
		return rs
	}
	rs := get(address)
	if rs.StatusCode != 200 || !strings.HasPrefix(rs.Header.Get("Content-Disposition"), "attachment") || !strings.Contains(rs.Header.Get("Content-Security-Policy"), "sandbox") ||
		sent.Attachments[0].Filename != "evil_page.html" {
		t.Errorf("%s: %d %v", address, rs.StatusCode, rs.Header)
	}
	before, query, _ := strings.Cut(address, "?")
	if rs := get(before); rs.StatusCode != 404 {
		t.Errorf("without a signature: %d", rs.StatusCode)
	}
	if rs := get(before + "?" + strings.Replace(query, "ex=", "ex=f", 1)); rs.StatusCode != 404 {
		t.Errorf("with another time: %d", rs.StatusCode)
	}
	now.advance(25 * time.Hour)
	if rs := get(address); rs.StatusCode != 404 {
		t.Errorf("a day later: %d", rs.StatusCode)
	}
	if rs := get(s.Ready().CDN + "/embed/avatars/3.png"); rs.StatusCode != 200 || rs.Header.Get("Content-Type") != "image/png" {
		t.Errorf("avatar: %d %v", rs.StatusCode, rs.Header)
	}
}
