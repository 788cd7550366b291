package gtts

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode/utf8"

	"go.uber.org/goleak"

	"github.com/mynahbot/mynah/internal/audio"
	"github.com/mynahbot/mynah/internal/spoken"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// call is what a request asks the endpoint for.
type call struct {
	Text, Language string
	Slow           bool
}

// readForm checks a request's form against what the endpoint takes, and returns the call.
func readForm(body string) (call, error) {
	form, err := url.ParseQuery(strings.TrimSuffix(body, "&"))
	if err != nil {
		return call{}, err
	}
	if len(form) != 1 || len(form["f.req"]) != 1 {
		return call{}, fmt.Errorf("the form is %q", body)
	}
	var calls [][][]any
	if err := json.Unmarshal([]byte(form.Get("f.req")), &calls); err != nil {
		return call{}, err
	}
	if len(calls) != 1 || len(calls[0]) != 1 || len(calls[0][0]) != 4 {
		return call{}, fmt.Errorf("the call is %v", calls)
	}
	c := calls[0][0]
	arguments, ok := c[1].(string)
	if c[0] != "jQ1olc" || !ok || c[2] != nil || c[3] != "generic" {
		return call{}, fmt.Errorf("the call is %v", c)
	}
	var a []any
	if err := json.Unmarshal([]byte(arguments), &a); err != nil {
		return call{}, err
	}
	if len(a) != 4 || a[3] != "null" {
		return call{}, fmt.Errorf("the arguments are %v", a)
	}
	text, _ := a[0].(string)
	language, _ := a[1].(string)
	slow, _ := a[2].(bool)
	if a[2] != nil && !slow {
		return call{}, fmt.Errorf("the speed is %v", a[2])
	}
	if n := utf8.RuneCountInString(text); n == 0 || n > 100 {
		return call{}, fmt.Errorf("a text of %d characters", n)
	}
	return call{text, language, slow}, nil
}

// The requests in testdata are those that the Python package gTTS 2.5.4 makes for the same texts.
func TestRequestsAreThoseOfGTTS(t *testing.T) {
	f, err := os.Open("testdata/requests.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	n := 0
	for ; lines.Scan(); n++ {
		var recorded struct {
			Text   string
			Slow   bool
			Bodies []string
		}
		if err := json.Unmarshal(lines.Bytes(), &recorded); err != nil {
			t.Fatal(err)
		}
		var want, got []call
		for _, b := range recorded.Bodies {
			c, err := readForm(b)
			if err != nil {
				t.Fatalf("gTTS's own request: %v", err)
			}
			want = append(want, c)
		}
		for _, part := range split(recorded.Text) {
			b, err := request(part, "en", recorded.Slow)
			if err != nil {
				t.Fatal(err)
			}
			c, err := readForm(b)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, c)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%q:\n got %+v\nwant %+v", recorded.Text, got, want)
		}
	}
	if n < 20 {
		t.Fatalf("only %d recorded texts", n)
	}
}

// endpoint stands in for Google's. It checks each request and answers with the given MP3.
type endpoint struct {
	mp3    []byte
	status int                       // other than 200, where set
	answer func(http.ResponseWriter) // instead of the usual one

	mu     sync.Mutex
	calls  []call
	faults []error
}

func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.mu.Lock()
	defer e.mu.Unlock()
	fault := func(format string, a ...any) { e.faults = append(e.faults, fmt.Errorf(format, a...)) }
	if r.Method != http.MethodPost || r.URL.Path != "/_/TranslateWebserverUi/data/batchexecute" {
		fault("%s %s", r.Method, r.URL.Path)
	}
	if h := r.Header.Get("Content-Type"); h != "application/x-www-form-urlencoded;charset=utf-8" {
		fault("content type %q", h)
	}
	if r.Header.Get("Referer") != "http://translate.google.com/" || !strings.HasPrefix(r.Header.Get("User-Agent"), "Mozilla/5.0") {
		fault("header %v", r.Header)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		fault("%w", err)
	}
	c, err := readForm(string(body))
	if err != nil {
		fault("%w", err)
	}
	e.calls = append(e.calls, c)
	switch {
	case e.answer != nil:
		e.answer(w)
	case e.status != 0:
		w.WriteHeader(e.status)
	default:
		io.WriteString(w, answer(base64.StdEncoding.EncodeToString(e.mp3)))
	}
}

// answer has the form of the endpoint's answers.
func answer(encoded string) string {
	return ")]}'\n\n123\n" + `[["wrb.fr","jQ1olc","[\"` + encoded + `\"]",null,null,null,"generic"],["di",79],["af.httprm",78,"123",5]]` + "\n25\n[[\"e\",4,null,null,123]]\n"
}

// tone is a second of sound as MP3, at the rate that the endpoint gives.
func tone(t *testing.T) []byte {
	t.Helper()
	ffmpeg, err := exec.LookPath("ffmpeg")
	if err != nil {
		t.Skip("needs ffmpeg")
	}
	mp3, err := exec.Command(ffmpeg, "-v", "error", "-f", "lavfi", "-i", "sine=440:duration=1:sample_rate=24000", "-f", "mp3", "-").Output()
	if err != nil {
		t.Fatal(err)
	}
	return mp3
}

func start(t *testing.T, e *endpoint) *Synthesizer {
	t.Helper()
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	client := server.Client()
	t.Cleanup(client.CloseIdleConnections)
	return New(Config{BaseURL: server.URL, Client: client})
}

func TestSynthesize(t *testing.T) {
	e := &endpoint{mp3: tone(t)}
	s := start(t, e)
	var samples int
	emit := func(p audio.PCM) error {
		if p.Rate != audio.DecodeRate {
			t.Errorf("rate %d", p.Rate)
		}
		samples += len(p.Samples)
		return nil
	}
	text := "Привет, я Майна, и я умею отвечать на вопросы. " + strings.Repeat("Это длинное предложение. ", 5)
	if err := s.Synthesize(t.Context(), spoken.Speech{Text: text}, emit); err != nil {
		t.Fatal(err)
	}
	if seconds := samples / audio.DecodeRate; seconds < len(e.calls)-1 || seconds > len(e.calls) || len(e.calls) < 2 {
		t.Errorf("%d samples for %d parts", samples, len(e.calls))
	}
	for _, what := range []spoken.Speech{{Text: "Shalom", Language: "he", Speed: 0.5}, {Text: "42"}, {Text: " ... "}} {
		if err := s.Synthesize(t.Context(), what, emit); err != nil {
			t.Fatal(err)
		}
	}
	n := len(e.calls)
	if want := []call{{"Shalom", "iw", true}, {"42", "en", false}}; !slices.Equal(e.calls[n-2:], want) {
		t.Errorf("calls %v, want %v", e.calls[n-2:], want)
	}
	if e.calls[0].Language != "ru" {
		t.Errorf("the language is %q", e.calls[0].Language)
	}
	if len(e.faults) > 0 {
		t.Error(errors.Join(e.faults...))
	}
}

func TestSynthesizeFails(t *testing.T) {
	for name, test := range map[string]struct {
		e    *endpoint
		want string
	}{
		"status":            {&endpoint{status: 429}, "429"},
		"no audio":          {&endpoint{answer: func(w http.ResponseWriter) { io.WriteString(w, `[["wrb.fr","jQ1olc",null,null]]`) }}, ErrNoAudio.Error()},
		"empty audio":       {&endpoint{answer: func(w http.ResponseWriter) { io.WriteString(w, answer("")) }}, ErrNoAudio.Error()},
		"no base64":         {&endpoint{answer: func(w http.ResponseWriter) { io.WriteString(w, answer("A")) }}, "base64"},
		"a page":            {&endpoint{answer: func(w http.ResponseWriter) { io.WriteString(w, "<html>consent</html>") }}, ErrNoAudio.Error()},
		"no MP3":            {&endpoint{mp3: []byte("this is no sound at all, it is a text")}, "audio"},
		"an endless answer": {&endpoint{answer: func(w http.ResponseWriter) { w.Write(bytes.Repeat([]byte("a"), maxAnswer+1)) }}, "over"},
		"a dropped one":     {&endpoint{answer: func(http.ResponseWriter) { panic(http.ErrAbortHandler) }}, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			if test.e.mp3 != nil {
				tone(t) // skips where ffmpeg is missing
			}
			err := start(t, test.e).Synthesize(t.Context(), spoken.Speech{Text: "Hello"}, func(audio.PCM) error { return nil })
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestListenerAndContextStopIt(t *testing.T) {
	e := &endpoint{mp3: tone(t)}
	s := start(t, e)
	enough := errors.New("enough")
	text := strings.Repeat("This is a sentence that is not short. ", 10)
	if err := s.Synthesize(t.Context(), spoken.Speech{Text: text}, func(audio.PCM) error { return enough }); !errors.Is(err, enough) {
		t.Errorf("error %v", err)
	}
	if len(e.calls) != 1 {
		t.Errorf("%d calls", len(e.calls))
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := s.Synthesize(ctx, spoken.Speech{Text: text}, func(audio.PCM) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func FuzzSplitText(f *testing.F) {
	f.Add("Mr. Smith? Yes! 10:30, " + strings.Repeat("word ", 50))
	f.Add(strings.Repeat("你好。", 80))
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		for _, part := range split(text) {
			if n := utf8.RuneCountInString(part); n == 0 || n > maxPart {
				t.Errorf("a part of %d characters: %q", n, part)
			}
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(answer("SUQz")))
	f.Add([]byte(answer("")))
	f.Fuzz(func(t *testing.T, b []byte) {
		if mp3, err := parse(b); err == nil && (len(mp3) == 0 || len(mp3) > len(b)) {
			t.Errorf("%d bytes out of %d", len(mp3), len(b))
		}
	})
}
