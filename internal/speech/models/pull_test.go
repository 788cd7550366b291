package models

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/speech"
)

func TestMain(m *testing.M) {
	if address := os.Getenv("TEST_PULL_FROM"); address != "" {
		pullAndDie(address)
		return
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreTopFunction("net/http.(*persistConn).writeLoop"))
}

// mirror serves files and counts what it is asked for. Its zero value answers with 404.
type mirror struct {
	files map[string][]byte

	// cut is how many bytes of a file's first answer are sent before the connection is dropped; 0 for all.
	cut int
	// hold, where set, is closed by the test to let the first answer go on after cut bytes; held says it waits.
	hold, held chan struct{}
	// status answers the first requests.
	status []int

	mu     sync.Mutex
	ranges []string // Range header of each request
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	m.ranges = append(m.ranges, r.Header.Get("Range"))
	first := len(m.ranges) == 1
	status := 0
	if len(m.status) > 0 {
		status, m.status = m.status[0], m.status[1:]
	}
	m.mu.Unlock()
	content, ok := m.files[r.URL.Path]
	switch {
	case status != 0:
		w.WriteHeader(status)
		return
	case !ok:
		http.NotFound(w, r)
		return
	case !first || m.cut == 0:
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(content)))
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(content)))
	w.Write(content[:m.cut])
	w.(http.Flusher).Flush()
	if m.hold != nil {
		close(m.held)
		select {
		case <-m.hold:
		case <-r.Context().Done():
		}
	}
	panic(http.ErrAbortHandler)
}

func (m *mirror) requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]string(nil), m.ranges...)
}

func (m *mirror) start(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(m)
	t.Cleanup(s.Close)
	return s.URL
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func testdata(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// archives is a catalogue of one model per kind, whose mirrors are archives at the given addresses.
func archived(name string, kind speech.Kind, content []byte, addresses ...string) *Catalogue {
	e := Entry{Name: name, Kind: kind, Languages: []string{"ru"}, Licence: "MIT", Size: int64(len(content))}
	for _, a := range addresses {
		e.Mirrors = append(e.Mirrors, Mirror{Sources: []Source{{Archive: a, Size: e.Size, SHA256: digest(content)}}})
	}
	return &Catalogue{Models: []Entry{e}}
}

func open(t *testing.T, c *Catalogue, dir string) *Store {
	t.Helper()
	s, err := Open(c, dir)
	if err != nil {
		t.Fatal(err)
	}
	s.pauses = []time.Duration{0, 0}
	t.Cleanup(s.client.CloseIdleConnections)
	return s
}

func TestPullArchives(t *testing.T) {
	for _, test := range []struct {
		archive string
		kind    speech.Kind
		files   map[string]string
	}{
		{"transducer.tar.bz2", speech.KindNemoTransducer, map[string]string{"encoder": "encoder.int8.onnx", "decoder": "decoder.onnx", "joiner": "joiner.onnx", "tokens": "tokens.txt"}},
		{"whisper.tar.bz2", speech.KindWhisper, map[string]string{"encoder": "tiny-encoder.int8.onnx", "decoder": "tiny-decoder.int8.onnx", "tokens": "tiny-tokens.txt"}},
		{"piper.tar.bz2", speech.KindPiper, map[string]string{"model": "ru_RU-irina-medium.onnx", "tokens": "tokens.txt", "data": "espeak-ng-data"}},
	} {
		t.Run(test.archive, func(t *testing.T) {
			content := testdata(t, test.archive)
			m := &mirror{files: map[string][]byte{"/" + test.archive: content}}
			s := open(t, archived("m", test.kind, content, m.start(t)+"/"+test.archive), t.TempDir())
			var steps []Step
			got, err := s.Pull(t.Context(), "m", func(p Progress) {
				if len(steps) == 0 || steps[len(steps)-1] != p.Step {
					steps = append(steps, p.Step)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			want := &speech.Model{Name: "m", Kind: test.kind, Languages: []string{"ru"}, Files: test.files, Folder: filepath.Join(s.Dir(), "m")}
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if d := cmp.Diff([]Step{Downloading, Unpacking, Installed}, steps); d != "" {
				t.Error(d)
			}
			if err := s.Verify("m"); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(got.Folder, "test_wavs")); err == nil {
				t.Error("the recordings were installed")
			}
			leftovers(t, s.Dir(), "m")
			if _, err := s.Pull(t.Context(), "m", nil); err != nil || len(m.requests()) != 1 {
				t.Errorf("pulled again: %v, %d requests", err, len(m.requests()))
			}
		})
	}
}

// leftovers fails where the folder of models holds anything but the named models.
func leftovers(t *testing.T, dir string, models ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]bool{lockFile: true, partial: true}
	for _, m := range models {
		want[m] = true
	}
	for _, e := range entries {
		if !want[e.Name()] {
			t.Errorf("%s is left in the folder of models", e.Name())
		}
	}
	unfinished, _ := os.ReadDir(filepath.Join(dir, partial))
	for _, e := range unfinished {
		t.Errorf("the download %s is left", e.Name())
	}
}

func TestPullResumes(t *testing.T) {
	content := testdata(t, "transducer.tar.bz2")
	m := &mirror{files: map[string][]byte{"/m.tar.bz2": content}, cut: 100}
	s := open(t, archived("m", speech.KindNemoTransducer, content, m.start(t)+"/m.tar.bz2"), t.TempDir())
	if _, err := s.Pull(t.Context(), "m", nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"", "bytes=100-"}, m.requests()); d != "" {
		t.Error(d)
	}
}

func TestPullRetries(t *testing.T) {
	content := testdata(t, "transducer.tar.bz2")
	m := &mirror{files: map[string][]byte{"/m.tar.bz2": content}, status: []int{503, 429}}
	s := open(t, archived("m", speech.KindNemoTransducer, content, m.start(t)+"/m.tar.bz2"), t.TempDir())
	if _, err := s.Pull(t.Context(), "m", nil); err != nil {
		t.Fatal(err)
	}
	if n := len(m.requests()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

func TestPullGivesUpOnStalledMirror(t *testing.T) {
	content := testdata(t, "transducer.tar.bz2")
	slow := &mirror{files: map[string][]byte{"/m.tar.bz2": content}, cut: 10, hold: make(chan struct{}), held: make(chan struct{})}
	s := open(t, archived("m", speech.KindNemoTransducer, content, slow.start(t)+"/m.tar.bz2"), t.TempDir())
	s.stalled = time.Millisecond
	defer close(slow.hold)
	if _, err := s.Pull(t.Context(), "m", nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"", "bytes=10-"}, slow.requests()); d != "" {
		t.Error(d)
	}
}

func TestPullRefusesOtherBytes(t *testing.T) {
	content := testdata(t, "transducer.tar.bz2")
	other := append([]byte(nil), content...)
	other[len(other)/2] ^= 1
	bad := &mirror{files: map[string][]byte{"/m.tar.bz2": other, "/long.tar.bz2": append(content, 0)}}
	good := &mirror{files: map[string][]byte{"/m.tar.bz2": content}}
	badURL, goodURL := bad.start(t), good.start(t)

	s := open(t, archived("m", speech.KindNemoTransducer, content, badURL+"/m.tar.bz2", badURL+"/long.tar.bz2", badURL+"/none.tar.bz2"), t.TempDir())
	_, err := s.Pull(t.Context(), "m", nil)
	if !errors.Is(err, ErrMismatch) {
		t.Errorf("error %v, want %v", err, ErrMismatch)
	}
	for _, want := range []string{"SHA-256", "bytes instead of", "404"} {
		if !strings.Contains(fmt.Sprint(err), want) {
			t.Errorf("the error does not tell of %q: %v", want, err)
		}
	}
	if _, err := s.Installed("m"); !errors.Is(err, ErrNotInstalled) {
		t.Errorf("Installed: %v", err)
	}
	leftovers(t, s.Dir())

	s = open(t, archived("m", speech.KindNemoTransducer, content, badURL+"/m.tar.bz2", goodURL+"/m.tar.bz2"), t.TempDir())
	if _, err := s.Pull(t.Context(), "m", nil); err != nil {
		t.Errorf("with a good second mirror: %v", err)
	}
}

func TestPullSingleFiles(t *testing.T) {
	m := &mirror{files: map[string][]byte{"/a": []byte("encoder"), "/b": []byte("decoder"), "/c": []byte("tokens")}}
	u := m.start(t)
	e := Entry{Name: "m", Kind: speech.KindWhisper, Languages: []string{"en"}, Licence: "MIT", Mirrors: []Mirror{{Sources: []Source{
		{URL: u + "/a", To: "x-encoder.onnx", Size: 7, SHA256: digest([]byte("encoder"))},
		{URL: u + "/b", To: "x-decoder.onnx", SHA256: digest([]byte("decoder"))}, // of unknown size
		{URL: u + "/c", To: "x-tokens.txt", Size: 6, SHA256: digest([]byte("tokens"))},
	}}}}
	s := open(t, &Catalogue{Models: []Entry{e}}, t.TempDir())
	got, err := s.Pull(t.Context(), "m", nil)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(map[string]string{"encoder": "x-encoder.onnx", "decoder": "x-decoder.onnx", "tokens": "x-tokens.txt"}, got.Files); d != "" {
		t.Error(d)
	}
}

// The sentence encoders of the catalogue are pulled, but for the addresses and digests of their files, and found then.
func TestPullEncoders(t *testing.T) {
	c, err := BuiltIn()
	if err != nil {
		t.Fatal(err)
	}
	pulled := 0
	for _, e := range c.Models {
		if e.Kind != KindEncoder {
			continue
		}
		m := &mirror{files: map[string][]byte{"/model.onnx": []byte("network of " + e.Name), "/tokenizer.json": []byte("{}")}}
		u := m.start(t)
		e.Mirrors = []Mirror{{Sources: slices.Clone(e.Mirrors[0].Sources)}}
		for i := range e.Mirrors[0].Sources {
			s := &e.Mirrors[0].Sources[i]
			content := m.files["/"+s.To]
			s.URL, s.Size, s.SHA256 = u+"/"+s.To, int64(len(content)), digest(content)
		}
		s := open(t, &Catalogue{Models: []Entry{e}}, t.TempDir())
		got, err := s.Pull(t.Context(), e.Name, nil)
		if err != nil {
			t.Errorf("%s: %v", e.Name, err)
			continue
		}
		if d := cmp.Diff(map[string]string{"model": "model.onnx", "tokenizer": "tokenizer.json"}, got.Files); d != "" {
			t.Errorf("%s: %s", e.Name, d)
		}
		if found, err := s.Find(Encoder, ""); err != nil || found.Name != e.Name {
			t.Errorf("%s: found %v, %v", e.Name, found, err)
		}
		pulled++
	}
	if pulled == 0 {
		t.Error("there is no sentence encoder in the catalogue")
	}
}

func TestPullForAnotherPlatform(t *testing.T) {
	c := archived("m", speech.KindWhisper, nil, "http://127.0.0.1/m.tgz")
	c.Models[0].Mirrors[0].Platform = "plan9/mips"
	_, err := open(t, c, t.TempDir()).Pull(t.Context(), "m", nil)
	if err == nil || !strings.Contains(err.Error(), runtime.GOOS) {
		t.Errorf("error %v", err)
	}
}

func TestDamageIsSeenAndMended(t *testing.T) {
	content := testdata(t, "transducer.tar.bz2")
	m := &mirror{files: map[string][]byte{"/m.tar.bz2": content}}
	s := open(t, archived("m", speech.KindNemoTransducer, content, m.start(t)+"/m.tar.bz2"), t.TempDir())
	for _, damage := range []struct {
		name  string
		seen  bool // by Installed, without hashing everything
		apply func(folder string) error
	}{
		{"shorter", true, func(f string) error { return os.WriteFile(filepath.Join(f, "tokens.txt"), nil, 0o644) }},
		{"missing", true, func(f string) error { return os.Remove(filepath.Join(f, "joiner.onnx")) }},
		{"other bytes", true, func(f string) error { return os.WriteFile(filepath.Join(f, "joiner.onnx"), []byte("JOINER"), 0o644) }},
		{"other bytes, old time", false, func(f string) error {
			path := filepath.Join(f, "joiner.onnx")
			info, err := os.Stat(path)
			if err != nil {
				return err
			}
			if err := os.WriteFile(path, []byte("JOINER"), 0o644); err != nil {
				return err
			}
			return os.Chtimes(path, time.Time{}, info.ModTime())
		}},
		{"receipt", true, func(f string) error { return os.WriteFile(filepath.Join(f, receiptFile), []byte("{"), 0o644) }},
		{"description", true, func(f string) error { return os.WriteFile(filepath.Join(f, speech.ModelFile), []byte("{"), 0o644) }},
	} {
		t.Run(damage.name, func(t *testing.T) {
			installed, err := s.Pull(t.Context(), "m", nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage.apply(installed.Folder); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Installed("m"); (err != nil) != damage.seen {
				t.Errorf("Installed: %v", err)
			}
			if err := s.Verify("m"); err == nil {
				t.Error("Verify saw nothing")
			}
			if !damage.seen {
				if err := s.Remove(t.Context(), "m"); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := s.Pull(t.Context(), "m", nil); err != nil {
				t.Error(err)
			}
			if err := s.Verify("m"); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("a copy is no damage", func(t *testing.T) {
		path := filepath.Join(s.Dir(), "m", "joiner.onnx")
		if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Installed("m"); err != nil {
			t.Error(err)
		}
	})
}

func TestTwoStoresPullOnce(t *testing.T) {
	content := testdata(t, "whisper.tar.bz2")
	m := &mirror{files: map[string][]byte{"/m.tar.bz2": content}}
	c := archived("m", speech.KindWhisper, content, m.start(t)+"/m.tar.bz2")
	dir := t.TempDir()
	var all sync.WaitGroup
	for range 4 {
		s := open(t, c, dir)
		all.Go(func() {
			if _, err := s.Pull(t.Context(), "m", nil); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := len(m.requests()); n != 1 {
		t.Errorf("%d downloads, want 1", n)
	}
}

// pullAndDie is the process that TestPullAfterKill kills.
func pullAndDie(address string) {
	content, err := os.ReadFile(filepath.Join("testdata", "whisper.tar.bz2"))
	if err != nil {
		panic(err)
	}
	s, err := Open(archived("m", speech.KindWhisper, content, address), os.Getenv("TEST_PULL_TO"))
	if err != nil {
		panic(err)
	}
	_, err = s.Pull(context.Background(), "m", func(p Progress) { fmt.Println(p.Done) })
	panic(fmt.Sprint("the pull was not killed: ", err))
}

func TestPullAfterKill(t *testing.T) {
	content := testdata(t, "whisper.tar.bz2")
	m := &mirror{files: map[string][]byte{"/m.tar.bz2": content}, cut: 64, hold: make(chan struct{}), held: make(chan struct{})}
	address := m.start(t) + "/m.tar.bz2"
	defer close(m.hold)
	dir := t.TempDir()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), "TEST_PULL_FROM="+address, "TEST_PULL_TO="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var written int
	if _, err := fmt.Fscan(out, &written); err != nil || written != 64 { // it has written what was sent
		t.Fatal(written, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	child.Wait()

	s := open(t, archived("m", speech.KindWhisper, content, address), dir)
	if _, err := s.Installed("m"); !errors.Is(err, ErrNotInstalled) {
		t.Fatalf("after the kill: %v", err)
	}
	if _, err := s.Pull(t.Context(), "m", nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"", "bytes=64-"}, m.requests()); d != "" {
		t.Error(d)
	}
	leftovers(t, dir, "m")
}
