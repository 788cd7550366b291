package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// patience bounds every wait; none is expected to take nearly as long.
const patience = 3 * time.Minute

// stopped is how soon Mynah ends that is told to. It takes less than 5 s where nothing else runs.
const stopped = 15 * time.Second

// running is a command that goes on until it is told to stop.
type running struct {
	t      *testing.T
	stop   context.CancelFunc
	lines  chan string // of standard output
	code   chan int
	stderr *safeBuffer
}

// safeBuffer collects what several goroutines write.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// start runs Main within the test, without the configuration and the models of the person who runs it.
func start(t *testing.T, args ...string) *running {
	t.Helper()
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	return launch(t, args...)
}

// launch is start for a test that runs beside others: its arguments name a configuration file and the models.
func launch(t *testing.T, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{t: t, stop: cancel, lines: make(chan string, 100), code: make(chan int, 1), stderr: &safeBuffer{}}
	out, in := io.Pipe()
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			r.lines <- s.Text()
		}
		close(r.lines)
	}()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.code <- Main(ctx, args, strings.NewReader(""), in, r.stderr)
		in.Close()
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done: // before its folders are removed
		case <-time.After(patience):
			t.Errorf("it doesn't end:\n%s", r.stderr)
		}
	})
	return r
}

// line reads the next line of standard output.
func (r *running) line() string {
	r.t.Helper()
	select {
	case line, ok := <-r.lines:
		if ok {
			return line
		}
		r.t.Fatalf("it ended:\n%s", r.stderr)
	case <-time.After(patience):
		r.t.Fatalf("nothing on standard output; standard error:\n%s", r.stderr)
	}
	return ""
}

// ready reads the local Discord's line.
func (r *running) ready() (l localdiscord.Line) {
	r.t.Helper()
	text := r.line()
	if err := json.Unmarshal([]byte(text), &l); err != nil {
		r.t.Fatalf("%v: %s", err, text)
	}
	return l
}

// end waits for the end, says within how long it must come, and returns the exit code.
func (r *running) end(within time.Duration) int {
	r.t.Helper()
	began := time.Now()
	select {
	case code := <-r.code:
		if took := time.Since(began); took > within {
			r.t.Errorf("it took %v to stop", took)
		}
		for line := range r.lines {
			r.t.Errorf("more on standard output: %s", line)
		}
		return code
	case <-time.After(patience):
		r.t.Fatalf("it doesn't end:\n%s", r.stderr)
	}
	return -1
}

// person talks to Mynah through the local Discord's REST, as a client does.
type person struct {
	t       *testing.T
	line    localdiscord.Line
	token   string
	channel string
}

func newPerson(t *testing.T, line localdiscord.Line, channel string) person {
	t.Helper()
	p := person{t: t, line: line}
	for _, a := range line.Accounts {
		if !a.Bot {
			p.token = a.Token
			break
		}
	}
	c, ok := line.Channel(channel)
	if !ok || p.token == "" {
		t.Fatalf("no channel %q or no person in %+v", channel, line)
	}
	p.channel = c.ID.String()
	return p
}

type message struct {
	ID      string `json:"id"`
	Content string `json:"content"`
	Author  struct {
		Bot bool `json:"bot"`
	} `json:"author"`
}

func (p person) do(method, path, contentType string, body io.Reader, into any) {
	p.t.Helper()
	request, err := http.NewRequestWithContext(p.t.Context(), method, p.line.REST+"/v10"+path, body)
	if err != nil {
		p.t.Fatal(err)
	}
	request.Header.Set("Authorization", p.token)
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode >= 300 {
		p.t.Fatalf("%s %s: %d %s %v", method, path, response.StatusCode, text, err)
	}
	if into != nil {
		if err := json.Unmarshal(text, into); err != nil {
			p.t.Fatalf("%s %s: %v", method, path, err)
		}
	}
}

// send writes a message, with a file where a name is given.
func (p person) send(content, fileName, file string) {
	p.t.Helper()
	payload, err := json.Marshal(map[string]string{"content": content})
	if err != nil {
		p.t.Fatal(err)
	}
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="payload_json"`}, "Content-Type": {"application/json"}})
	if err != nil {
		p.t.Fatal(err)
	}
	part.Write(payload)
	if fileName != "" {
		part, err := form.CreateFormFile("files[0]", fileName)
		if err != nil {
			p.t.Fatal(err)
		}
		io.WriteString(part, file)
	}
	form.Close()
	p.do("POST", "/channels/"+p.channel+"/messages", form.FormDataContentType(), &body, nil)
}

// await waits until one of Mynah's messages fits.
func (p person) await(what string, fits func(content string) bool) message {
	p.t.Helper()
	return p.poll(what, func(all []message) int {
		return slices.IndexFunc(all, func(m message) bool { return m.Author.Bot && fits(m.Content) })
	})
}

// poll reads the channel, as the test has no gateway, until pick chooses one of its messages, which are the newest first.
func (p person) poll(what string, pick func(all []message) int) message {
	p.t.Helper()
	m, ok := p.look(patience, pick)
	if !ok {
		p.t.Fatalf("no message: %s; there are %+v", what, p.messages())
	}
	return m
}

// look is poll for something that may not come.
func (p person) look(wait time.Duration, pick func(all []message) int) (message, bool) {
	p.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(wait)
	for {
		all := p.messages()
		if i := pick(all); i >= 0 {
			return all[i], true
		}
		select {
		case <-tick.C:
		case <-deadline:
			return message{}, false
		}
	}
}

// messages are the newest of the channel.
func (p person) messages() (all []message) {
	p.t.Helper()
	p.do("GET", "/channels/"+p.channel+"/messages?limit=50", "", nil, &all)
	return all
}

func has(part string) func(string) bool {
	return func(s string) bool { return strings.Contains(s, part) }
}

// TestRun starts Mynah as a newcomer does, without a token, and talks to it.
func TestRun(t *testing.T) {
	data := t.TempDir()
	r := start(t, "run", "--json", "--data", data, "--listen", "127.0.0.1:0")
	line := r.ready()
	p := newPerson(t, line, "general")
	p.send("!hi", "", "")
	p.await("a greeting", has("Ann"))
	p.send("!ask who feeds the parrots?", "", "")
	p.await("no answer yet", has("I don't know"))
	p.send("!correct The keeper does.", "", "")
	p.await("thanks", has("Noted"))

	response, err := http.Get(line.Page)
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(response.Body)
	response.Body.Close()
	if err != nil || response.StatusCode != 200 || !bytes.Contains(page, []byte("<html")) {
		t.Errorf("the page: %d, %v", response.StatusCode, err)
	}

	// A second one may not use the same folder.
	second := start(t, "run", "--data", data, "--listen", "127.0.0.1:0")
	if code := second.end(patience); code != exitFailure || !strings.Contains(second.stderr.String(), "another Mynah uses this data folder") && !strings.Contains(second.stderr.String(), "another Mynah is using this data folder") {
		t.Errorf("%d %s", code, second.stderr)
	}

	r.stop()
	if code := r.end(stopped); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
	for _, a := range line.Accounts {
		if strings.Contains(r.stderr.String(), a.Token) {
			t.Error("a token is in the log")
		}
	}

	// The second start is quick: nothing is to be installed any more.
	began := time.Now()
	r = start(t, "--json", "--data", data, "--listen", "127.0.0.1:0") // run is what mynah does without a command
	line = r.ready()
	t.Logf("the second start took %v", time.Since(began).Round(time.Millisecond))
	p = newPerson(t, line, "general")
	p.send("!ask who feeds the parrots?", "", "")
	p.await("what it was taught before", has("The keeper does."))
	r.stop()
	if code := r.end(stopped); code != exitOK {
		t.Errorf("exit code %d", code)
	}
}

func TestLocalDiscord(t *testing.T) {
	r := start(t, "localdiscord", "--json", "--listen", "127.0.0.1:0", "--data", t.TempDir())
	line := r.ready()
	if !strings.HasPrefix(line.REST, "http://127.0.0.1:") || !strings.HasSuffix(line.REST, "/api") || len(line.Servers) == 0 || len(line.Accounts) == 0 {
		t.Errorf("%+v", line)
	}
	r.stop()
	if code := r.end(stopped); code != exitOK {
		t.Errorf("exit code %d:\n%s", code, r.stderr)
	}
}

func TestWorldFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "world.yaml")
	if err := os.WriteFile(file, []byte("people: [{name: Zoe}]\nbots: [{name: Starling}]\nservers: [{name: Garden, members: [{name: Zoe}, {name: Starling}], channels: [{name: pond}]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := start(t, "run", "--json", "--listen", "127.0.0.1:0", "--data", t.TempDir(), "--world", file)
	p := newPerson(t, r.ready(), "pond")
	p.send("!hi", "", "")
	p.await("a greeting", has("Zoe"))
	r.stop()
	r.end(stopped)

	r = start(t, "run", "--data", t.TempDir(), "--world", filepath.Join(t.TempDir(), "none.yaml"))
	if code := r.end(patience); code != exitFailure || !strings.Contains(r.stderr.String(), "none.yaml") {
		t.Errorf("%d %s", code, r.stderr)
	}
}

// TestSetupMistakes makes the mistakes of somebody who sets up a bot. Each ends
// with one sentence that says where to click, and no token in it.
func TestSetupMistakes(t *testing.T) {
	off := false
	world := localdiscord.DefaultWorld()
	world.Bots[0].Intents.MessageContent = &off
	server, err := localdiscord.Start(t.Context(), localdiscord.Config{World: world})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	line := server.Ready()
	var token string
	for _, a := range line.Accounts {
		if a.Bot {
			token = a.Token
		}
	}
	at := []string{"run", "--json", "--data", t.TempDir(), "--discord.rest_url", line.REST, "--discord.gateway_url", line.Gateway}
	wrong := strings.Replace(token, ".", ".x", 1)
	for name, c := range map[string]struct {
		token string
		more  []string
		says  string
	}{
		"a wrong token":     {wrong, nil, "Reset Token"},
		"no token":          {"geheim", nil, "Reset Token"},
		"an intent is off":  {token, nil, "Message Content Intent"},
		"nobody listens":    {token, []string{"--discord.rest_url=http://127.0.0.1:1/api"}, "127.0.0.1:1"},
		"two tokens at all": {token, []string{"--discord.token_file=x"}, "discord.token_file"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("MYNAH_DISCORD_TOKEN", c.token)
			r := start(t, append(at, c.more...)...)
			if code := r.end(patience); code == exitOK {
				t.Error("it succeeded")
			}
			said := strings.TrimSpace(r.stderr.String())
			last := said[strings.LastIndexByte(said, '\n')+1:]
			if !strings.HasPrefix(last, "mynah: ") || !strings.Contains(last, c.says) || strings.Contains(said, c.token) {
				t.Errorf("it said %q", said)
			}
		})
	}
	t.Run("without the intent", func(t *testing.T) {
		t.Setenv("MYNAH_DISCORD_TOKEN", token)
		r := start(t, append(at, "--discord.message_content=false")...)
		var invite struct{ Invite string }
		if err := json.Unmarshal([]byte(r.line()), &invite); err != nil || !strings.Contains(invite.Invite, "permissions=") {
			t.Errorf("%+v, %v", invite, err)
		}
		r.stop()
		if code := r.end(stopped); code != exitOK {
			t.Errorf("exit code %d:\n%s", code, r.stderr)
		}
	})
}

// TestTrainingSurvivesKill kills Mynah in the middle of a training, starts it
// again, and sees the same message edited to the end.
func TestTrainingSurvivesKill(t *testing.T) {
	if testing.Short() {
		t.Skip("it trains for some seconds")
	}
	server, err := localdiscord.Start(t.Context(), localdiscord.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	line := server.Ready()
	p := newPerson(t, line, "general")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "mynah") // under this name the test program is mynah
	if err := os.Symlink(self, program); err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	launch := func() *exec.Cmd {
		t.Helper()
		cmd := exec.Command(program, "run", "--json", "--data", data, "--speech.recognizer=off", "--speech.voice=off",
			"--discord.rest_url", line.REST, "--discord.gateway_url", line.Gateway, "--discord.cdn_url", line.CDN)
		for _, a := range line.Accounts {
			if a.Bot {
				cmd.Env = append(os.Environ(), "MYNAH_DISCORD_TOKEN="+a.Token)
			}
		}
		cmd.Stderr = t.Output()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		return cmd
	}

	victim := launch()
	var csv strings.Builder
	csv.WriteString("text,label\n")
	words := strings.Fields("when where how much does the big small ticket game team prize cost start end open close online today")
	for i := range 3_000 {
		fmt.Fprintf(&csv, "%s %s %s number %d,label%d\n", words[i%len(words)], words[i/3%len(words)], words[i/7%len(words)], i, i%40)
	}
	p.send("!train", "big.csv", csv.String())
	seen := p.await("progress", func(s string) bool { return strings.Contains(s, "%") && strings.Contains(s, "░") })
	if err := victim.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	victim.Wait()

	heir := launch()
	defer heir.Wait()
	defer heir.Process.Signal(syscall.SIGTERM)
	done := p.await("the end of the training", has("labels: 40"))
	if done.ID != seen.ID {
		t.Errorf("the end is told in another message: %+v, the progress was in %+v", done, seen)
	}
	t.Log(done.Content)
}

func TestAddressInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	var stderr bytes.Buffer
	code := Main(t.Context(), []string{"localdiscord", "--data", t.TempDir(), "--listen", taken.Addr().String()}, nil, io.Discard, &stderr)
	if code != exitFailure || !strings.Contains(stderr.String(), "choose another address with --listen") {
		t.Errorf("exit code %d: %s", code, stderr.String())
	}
}
