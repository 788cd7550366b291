// Package script runs the bots on other libraries that the tests beside it drive. [NPM] installs what a library needs, [Start]
// starts its bot as an account of the local Discord, and then both speak in lines of JSON.
package script

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

const (
	installTime = 3 * time.Minute
	// endTime is how long a bot may take to end after its standard input has.
	endTime = 5 * time.Second
	// maxComplaint is how much of a bot's standard error a failed test shows, in bytes.
	maxComplaint = 4000
)

// NPM returns Node.js's program, and makes node_modules of the test's folder from its lock file where library is not in there. It
// skips the test where that can't be done, except when make interop asked for it.
func NPM(t testing.TB, library string) (node string) {
	t.Helper()
	give := t.Skipf
	if os.Getenv("MYNAH_INTEROP") != "" {
		give = t.Fatalf
	}
	node, err := exec.LookPath("node")
	if err != nil {
		give("Node.js is not installed: %s is not tested", library)
	}
	if _, err := os.Stat(filepath.Join("node_modules", filepath.FromSlash(library), "package.json")); err == nil {
		return node
	}
	ctx, cancel := context.WithTimeout(t.Context(), installTime)
	defer cancel()
	out, err := exec.CommandContext(ctx, "npm", "install", "--no-save", "--ignore-scripts", "--no-audit", "--no-fund").CombinedOutput()
	if err != nil {
		give("npm could not install %s (%v): %.400s", library, err, out)
	}
	return node
}

// Script is a running bot.
type Script struct {
	t       testing.TB
	library string
	stdin   io.Writer
	lines   chan map[string]any
}

// Start runs a program as an account of the local Discord, which it finds in LOCAL_DISCORD: a JSON object with rest, gateway, cdn
// and token. It ends with its standard input, at the end of the test.
func Start(t testing.TB, library string, line localdiscord.Line, account string, env []string, program ...string) *Script {
	t.Helper()
	a, ok := line.Account(account)
	if !ok {
		t.Fatalf("no account %q", account)
	}
	where, err := json.Marshal(map[string]string{"rest": line.REST, "gateway": line.Gateway, "cdn": line.CDN, "token": a.Token})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program[0], program[1:]...)
	cmd.Env = append(append(os.Environ(), "LOCAL_DISCORD="+string(where)), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := &Script{t: t, library: library, stdin: stdin, lines: make(chan map[string]any, 100)}
	go func() {
		defer close(s.lines)
		sc := bufio.NewScanner(stdout)
		for sc.Scan() {
			var v map[string]any
			if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
				v = map[string]any{"error": sc.Text()}
			}
			s.lines <- v
		}
	}()
	t.Cleanup(func() {
		stdin.Close()
		timer := time.AfterFunc(endTime, func() { cmd.Process.Kill() })
		defer timer.Stop()
		for range s.lines { // until it has ended
		}
		cmd.Wait()
		if t.Failed() {
			b := stderr.Bytes()
			t.Logf("standard error of the script: %s", b[max(0, len(b)-maxComplaint):])
		}
	})
	return s
}

// Tell gives the bot one line.
func (s *Script) Tell(v any) {
	s.t.Helper()
	if err := json.NewEncoder(s.stdin).Encode(v); err != nil {
		s.t.Fatal(err)
	}
}

// Next waits for the bot's next line. One with an error in it fails the test, as does the bot's end.
func (s *Script) Next(wait time.Duration) map[string]any {
	s.t.Helper()
	select {
	case v, ok := <-s.lines:
		if !ok {
			s.t.Fatal("the script has ended")
		}
		if v["error"] != nil {
			s.t.Fatalf("%s: %v", s.library, v["error"])
		}
		return v
	case <-time.After(wait):
		s.t.Fatalf("the script says nothing within %v", wait)
		return nil
	}
}
