package main

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
	localvoice "github.com/mynahbot/mynah/internal/localdiscord/voice"
	"github.com/mynahbot/mynah/internal/speech/speechtest"
)

// speakerLine is what the voice command says of one person.
var speakerLine = regexp.MustCompile(`(?m)^<@(\d+)>: (\d+) packets, (\d+) lost, (\d+) late, jitter ([0-9.]+[µm]?s), (\d+) not decrypted, (\d+) dropped unheard$`)

// TestTalkHealth has two people speak at once over a bad network, and looks at what operators and people are told of it meanwhile: by
// Prometheus metrics and by the voice command.
func TestTalkHealth(t *testing.T) {
	var clips [][]float32
	for _, c := range speechtest.Clips(t)[:6] {
		clips = append(clips, speechtest.WAV(t, c.Path))
	}
	g := gather(t, "--metrics.listen", "127.0.0.1:0", "--metrics.names")
	served := regexp.MustCompile(`metrics are served.*?(127\.0\.0\.1:\d+)`).FindStringSubmatch(g.program.stderr.String())
	if served == nil {
		t.Fatalf("where metrics are served is not told:\n%s", g.program.stderr)
	}
	scrape := func() string {
		t.Helper()
		r, err := http.Get("http://" + served[1] + "/metrics")
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		b, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s, %v", r.Status, err)
		}
		return string(b)
	}
	server := g.line.Servers[0].ID.String()
	// sample is a metric's value in a scrape, and whether it is there.
	sample := func(text, name, labels string) (float64, bool) {
		t.Helper()
		_, rest, found := strings.Cut(text, fmt.Sprintf("\nmynah_voice_%s{server=%q%s} ", name, server, labels))
		if !found {
			return 0, false
		}
		number, _, _ := strings.Cut(rest, "\n")
		v, err := strconv.ParseFloat(number, 64)
		if err != nil {
			t.Fatal(err)
		}
		return v, true
	}
	if _, there := sample(scrape(), "ready", ""); there {
		t.Error("a connection before there is one")
	}

	ann, boris := g.guest("Ann"), g.guest("Boris")
	ann.asks("!join", "I listen")
	g.voice.SetFaults(localdiscord.ID(g.mynah), false, localvoice.Faults{Drop: 0.1, Jitter: 250 * time.Millisecond})
	both := map[string]*guest{ann.user.String(): ann, boris.user.String(): boris}
	enough := make(chan struct{})
	var speaking sync.WaitGroup
	for _, p := range both {
		speaking.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-enough:
					return
				default:
					p.speaks(clips[i%len(clips)])
				}
			}
		})
	}
	var text string
	ann.until("both are heard, with packets lost and late", func() bool {
		text = scrape()
		for user := range both {
			for name, least := range map[string]float64{"received_packets_total": 100, "lost_packets_total": 3, "late_packets_total": 1, "jitter_seconds": 0.001} {
				if v, _ := sample(text, name, fmt.Sprintf(",user=%q", user)); v < least {
					return false
				}
			}
		}
		return true
	})
	told := ann.asks("!voice", "Privacy code")
	after := scrape()
	close(enough)
	speaking.Wait()

	// What the command says lies between the two scrapes.
	seen := map[string]bool{}
	for _, m := range speakerLine.FindAllStringSubmatch(told, -1) {
		user := m[1]
		if both[user] == nil || seen[user] {
			t.Errorf("a line of %s", user)
		}
		seen[user] = true
		for i, name := range map[int]string{2: "received_packets_total", 3: "lost_packets_total", 4: "late_packets_total", 6: "decrypt_failures_total", 7: "unwanted_packets_total"} {
			v, err := strconv.ParseFloat(m[i], 64)
			if err != nil {
				t.Fatal(err)
			}
			low, there := sample(text, name, fmt.Sprintf(",user=%q", user))
			high, _ := sample(after, name, fmt.Sprintf(",user=%q", user))
			if !there || v < low || v > high {
				t.Errorf("%s of %s: the command says %v, scrapes before and after %v and %v", name, user, v, low, high)
			}
		}
		if jitter, err := time.ParseDuration(m[5]); err != nil || jitter < time.Millisecond {
			t.Errorf("jitter of %s: %v, %v", user, jitter, err)
		}
	}
	if len(seen) != 2 {
		t.Errorf("%d people in:\n%s", len(seen), told)
	}
	for _, p := range both {
		e := p.conn.Health().Encryption
		if e.PrivacyCode == "" || !strings.Contains(told, "`"+e.PrivacyCode+"`") {
			t.Errorf("%s's privacy code %q is not in:\n%s", p.name, e.PrivacyCode, told)
		}
		if v, _ := sample(after, "dave_epoch", ""); v != float64(e.Epoch) || v == 0 {
			t.Errorf("epoch %v, %s has %d", v, p.name, e.Epoch)
		}
	}
	if v, _ := sample(after, "dave_version", ""); v != 1 {
		t.Errorf("DAVE version %v", v)
	}
	ann.asks("!leave", "left")
	if _, there := sample(scrape(), "ready", ""); there {
		t.Error("a connection after its end")
	}
	g.stop()
}
