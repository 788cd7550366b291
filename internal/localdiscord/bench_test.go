package localdiscord_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// BenchmarkMessage measures what the server adds to a message: from the POST of one client to MESSAGE_CREATE at another, and from
// the POST to its own answer. Both ends are in this process.
func BenchmarkMessage(b *testing.B) {
	s := start(b, localdiscord.Config{})
	mynah := withIntents(b, s, "Mynah", localdiscord.IntentsAll)
	ann, _ := s.Ready().Account("Ann")
	url := s.Ready().REST + "/v10/channels/" + channel(b, s, "general") + "/messages"
	var event, answer []time.Duration
	b.ReportAllocs()
	for b.Loop() {
		begun := time.Now()
		arrived := make(chan time.Duration)
		go func() {
			for {
				d, err := mynah.read()
				if err != nil || d.Name == "MESSAGE_CREATE" {
					arrived <- time.Since(begun)
					return
				}
			}
		}()
		rq, err := http.NewRequest("POST", url, bytes.NewReader([]byte(`{"content":"how much is the fish?"}`)))
		if err != nil {
			b.Fatal(err)
		}
		rq.Header.Set("Authorization", ann.Token)
		rq.Header.Set("Content-Type", "application/json")
		rs, err := http.DefaultClient.Do(rq)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, rs.Body); err != nil || rs.StatusCode != 200 {
			b.Fatal(rs.StatusCode, err)
		}
		rs.Body.Close()
		answer = append(answer, time.Since(begun))
		event = append(event, <-arrived)
	}
	for name, d := range map[string][]time.Duration{"event": event, "answer": answer} {
		slices.Sort(d)
		b.ReportMetric(float64(d[len(d)/2].Microseconds()), name+"-p50-µs")
		b.ReportMetric(float64(d[len(d)*99/100].Microseconds()), name+"-p99-µs")
	}
}

// BenchmarkFanOut measures a message that 50 logged-in people see.
func BenchmarkFanOut(b *testing.B) {
	w := localdiscord.DefaultWorld()
	for i := range 50 {
		w.People = append(w.People, localdiscord.WorldAccount{Name: "P" + string(rune('A'+i/26)) + string(rune('a'+i%26))})
	}
	w.Servers[0].Members = nil
	s := start(b, localdiscord.Config{World: w})
	for _, p := range w.People[3:] {
		r := person(b, s, p.Name)
		go func() {
			for {
				if _, err := r.read(); err != nil {
					return
				}
			}
		}()
	}
	ann, _ := s.Ready().Account("Ann")
	sender := &raw{t: b, s: s, acct: ann}
	path := "/channels/" + channel(b, s, "general") + "/messages"
	body, err := json.Marshal(m{"content": "to everyone"})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		sender.must("POST", path, body, nil)
	}
}

// BenchmarkSustained posts 200 messages a second with a reply to each, and reports how much the heap grew after the history was full:
// run it with -benchtime 60000x for five minutes.
func BenchmarkSustained(b *testing.B) {
	const warm = 2500 // messages: more than a channel keeps, replies included
	s := start(b, localdiscord.Config{})
	mynah, ann := withIntents(b, s, "Mynah", localdiscord.IntentsAll), person(b, s, "Ann")
	path := "/channels/" + channel(b, s, "general") + "/messages"
	for _, r := range []*raw{mynah, ann} {
		go func() {
			for {
				if _, err := r.read(); err != nil {
					return
				}
			}
		}()
	}
	heap := func() float64 {
		runtime.GC()
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		return float64(ms.HeapAlloc) / (1 << 20)
	}
	body := []byte(`{"content":"how much is the fish?"}`)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	var first float64
	n := 0
	for b.Loop() {
		<-tick.C
		ann.must("POST", path, body, nil)
		mynah.must("POST", path, body, nil)
		if n++; n == warm {
			first = heap()
		}
	}
	if n > warm {
		last := heap()
		b.ReportMetric(first, "warm-MiB")
		b.ReportMetric(last, "end-MiB")
	}
}
