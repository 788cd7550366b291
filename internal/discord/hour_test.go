package discord

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

const (
	// hourEnv says how long the test runs, such as 1h; hourShort is what it takes where nothing says so.
	hourEnv   = "MYNAH_GATEWAY_HOUR"
	hourShort = 30 * time.Second
	// askers people ask asksPerSecond questions in all, each in a channel of their own, so that Discord's limits let Mynah answer.
	askers        = 24
	asksPerSecond = 20
	// backWithin is how long Mynah may take to come back after a fault.
	backWithin = time.Minute
	// answerWithin is how long an answer may take once the connection stands.
	answerWithin = 30 * time.Second
)

// hour is what is counted while faults come.
type hour struct {
	mu      sync.Mutex
	asked   map[snowflake.ID]interval // from before a question is sent until Discord has it
	delays  []time.Duration
	twice   int
	seen    map[snowflake.ID]bool
	lost    []interval // while no session stood that could have taken a question
	recover []time.Duration
	faults  map[string]int
}

type interval struct{ from, to time.Time }

// TestAnHourOfFaults breaks the gateway in every way that a bot survives, at random, under 20 questions a second: no question is
// lost while the connection stands, Mynah is back within a minute, sessions stay in Discord's budget, and nothing is left behind.
func TestAnHourOfFaults(t *testing.T) {
	length := hourShort
	if text := os.Getenv(hourEnv); text != "" {
		var err error
		if length, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		t.Skip("-short")
	}
	world := strict()
	server := &world.Servers[0]
	for i := range askers {
		name := fmt.Sprintf("asker%d", i)
		world.People = append(world.People, localdiscord.WorldAccount{Name: name})
		server.Members = append(server.Members, localdiscord.WorldMember{Name: name})
		server.Channels = append(server.Channels, localdiscord.WorldChannel{Name: name})
	}
	w := newWorldIn(t, localdiscord.Config{World: world}, nil)
	w.registered()
	h := &hour{asked: map[snowflake.ID]interval{}, seen: map[snowflake.ID]bool{}, faults: map[string]int{}}
	var people []*person
	for i := range askers {
		people = append(people, w.login(fmt.Sprintf("asker%d", i)))
	}
	watcher := w.login("Ann") // sees every channel
	stopped := make(chan struct{})
	var work sync.WaitGroup
	for i, p := range people {
		work.Go(func() { h.ask(p, time.Duration(i)*time.Second/asksPerSecond, stopped) })
	}
	work.Go(func() { h.watch(w, watcher, stopped) })

	time.Sleep(5 * time.Second) // all that is there for good is there
	goroutines, heap := measure()
	random := rand.New(rand.NewPCG(7, 11))
	for end := time.Now().Add(length); time.Now().Before(end); {
		time.Sleep(time.Second + time.Duration(random.Int64N(int64(9*time.Second))))
		h.fault(w, random)
	}
	w.clear("gateway/faults")
	time.Sleep(answerWithin / 3)
	close(stopped)
	work.Wait()
	h.judge(t, w, length)
	afterGoroutines, afterHeap := measure()
	t.Logf("%d goroutines before, %d after; %.1f MB of heap before, %.1f after", goroutines, afterGoroutines, heap, afterHeap)
	if afterGoroutines > goroutines+20 {
		t.Errorf("%d goroutines became %d", goroutines, afterGoroutines)
	}
}

// measure returns how many goroutines there are, and how many megabytes are in use.
func measure() (goroutines int, heap float64) {
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return runtime.NumGoroutine(), float64(m.HeapInuse) / 1e6
}

// ask has a person ask at their pace.
func (h *hour) ask(p *person, first time.Duration, stopped <-chan struct{}) {
	tick := time.NewTicker(askers * time.Second / asksPerSecond)
	defer tick.Stop()
	select {
	case <-time.After(first):
	case <-stopped:
		return
	}
	for {
		select {
		case <-stopped:
			return
		case <-tick.C:
		}
		at := time.Now()
		id := p.say(p.name, "!hi")
		h.mu.Lock()
		h.asked[id] = interval{at, time.Now()}
		h.mu.Unlock()
		p.mu.Lock() // what everybody has seen is kept by nobody
		p.all, p.read = nil, 0
		p.mu.Unlock()
	}
}

// watch looks at the answers that come.
func (h *hour) watch(w *world, watcher *person, stopped <-chan struct{}) {
	look := func() {
		watcher.mu.Lock()
		list := watcher.all
		watcher.all, watcher.read = nil, 0
		watcher.mu.Unlock()
		w.log.trim()
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, s := range list {
			if s.Event != "MESSAGE_CREATE" || s.Author.ID != w.mynahID() || s.MessageReference == nil {
				continue
			}
			id := s.MessageReference.MessageID
			if h.seen[id] {
				h.twice++
			}
			h.seen[id] = true
			h.delays = append(h.delays, time.Since(id.Time()))
		}
	}
	for {
		select {
		case <-stopped:
			look()
			return
		case <-time.After(100 * time.Millisecond):
			look()
		}
	}
}

// fault breaks something and waits until Mynah is back.
func (h *hour) fault(w *world, random *rand.Rand) {
	codes := []int{1000, 1001, 4000, 4001, 4002, 4003, 4005, 4006, 4007, 4008, 4009, 4999}
	code := codes[random.IntN(len(codes))]
	drop := func(how map[string]any) { how["account"] = "Mynah"; w.steer("gateway/drop", how) }
	meets := func(f map[string]any) { w.steer("gateway/faults", f) }
	kinds := []struct {
		name string
		run  func()
	}{
		{fmt.Sprintf("close %d", code), func() { drop(map[string]any{"close": code}) }},
		{"cut", func() { drop(map[string]any{"abort": true}) }},
		{"op 7", func() { drop(map[string]any{"op": 7}) }},
		{"op 9 true", func() { drop(map[string]any{"op": 9, "resumable": true}) }},
		{"op 9 false", func() { drop(map[string]any{"op": 9, "resumable": false}) }},
		{"forgotten session", func() { drop(map[string]any{"close": 4000, "forget": true}) }},
		{fmt.Sprintf("resume closed with %d", code), func() {
			meets(map[string]any{"account": "Mynah", "on": "resume", "close": code, "times": 1 + random.IntN(3)})
			drop(map[string]any{"close": 4000})
		}},
		{"resume answered with op 7", func() {
			meets(map[string]any{"account": "Mynah", "on": "resume", "op": 7, "times": 1 + random.IntN(3)})
			drop(map[string]any{"abort": true})
		}},
		{"identify refused", func() {
			meets(map[string]any{"account": "Mynah", "on": "identify", "op": 9, "times": 1 + random.IntN(2)})
			drop(map[string]any{"close": 4009, "forget": true})
		}},
		{"connect refused", func() {
			meets(map[string]any{"on": "connect", "status": 503, "times": 1 + random.IntN(3)})
			drop(map[string]any{"abort": true})
		}},
		{"dead resume address", func() {
			w.steer("gateway/resume", map[string]any{"alive": false})
			drop(map[string]any{"close": 4000})
		}},
		{"outage", func() {
			w.steer("servers", map[string]any{"server": w.line.Servers[0].Name, "away": true})
			time.Sleep(time.Second)
			w.steer("servers", map[string]any{"server": w.line.Servers[0].Name, "away": false})
		}},
		{"undecodable events", func() {
			for name, data := range map[string]string{
				"MESSAGE_CREATE": `{"id":[],"channel_id":{}}`, "GUILD_CREATE": `[1]`, "NEWS": `{}`, "CHANNEL_CREATE": `{"id":"1","type":1234}`,
				"VOICE_STATE_UPDATE": `{"guild_id":7}`, "INTERACTION_CREATE": `{"type":77}`, "GUILD_ROLE_CREATE": `null`,
			} {
				w.steer("gateway/events", map[string]any{"account": "Mynah", "name": name, "data": json.RawMessage(data)})
			}
		}},
	}
	k := kinds[random.IntN(len(kinds))]
	began, starts := time.Now(), w.starts()
	k.run()
	ready := h.back(w, began)
	w.steer("gateway/resume", map[string]any{"alive": true})
	w.clear("gateway/faults")
	h.mu.Lock()
	defer h.mu.Unlock()
	h.faults[strings.Fields(k.name)[0]]++
	h.recover = append(h.recover, ready.Sub(began))
	if w.starts() > starts || k.name == "outage" {
		h.lost = append(h.lost, interval{began.Add(-2 * time.Second), ready.Add(time.Second)})
	}
}

// back waits until a session stands again, which is when a resume, or a new session, has come through after the fault.
func (h *hour) back(w *world, began time.Time) time.Time {
	w.t.Helper()
	time.Sleep(300 * time.Millisecond) // the fault has got there
	for w.mynah.wire.Status().String() != "Ready" {
		if time.Since(began) > 5*time.Minute {
			w.t.Fatalf("not back: %s", w.log)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Now()
}

// judge compares what was asked with what was answered.
func (h *hour) judge(t *testing.T, w *world, length time.Duration) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	due, missing, answered := 0, 0, 0
	end := time.Now().Add(-answerWithin / 3)
	for id, at := range h.asked {
		if h.seen[id] {
			answered++
		}
		away := slices.ContainsFunc(h.lost, func(i interval) bool { return at.to.After(i.from) && at.from.Before(i.to) })
		if away || at.to.After(end) {
			continue
		}
		due++
		if !h.seen[id] {
			missing++
			if missing < 10 {
				t.Errorf("asked at %s, and not answered", at.from.Format("15:04:05.000"))
			}
		}
	}
	slices.Sort(h.delays)
	slices.Sort(h.recover)
	worst := time.Duration(0)
	if len(h.recover) > 0 {
		worst = h.recover[len(h.recover)-1]
	}
	if len(h.delays) == 0 {
		t.Fatal("nothing was answered")
	}
	t.Logf("%v: %d questions, %d answered; %d while a session stood, of which %d were lost; %d twice; median %v, 99th percentile %v",
		length, len(h.asked), answered, due, missing, h.twice, h.delays[len(h.delays)/2].Round(time.Millisecond),
		h.delays[len(h.delays)*99/100].Round(time.Millisecond))
	t.Logf("%d faults %v: back after %v at most, %v in the median; %d sessions begun of 1000", len(h.recover), h.faults,
		worst.Round(time.Millisecond), h.recover[len(h.recover)/2].Round(time.Millisecond), w.starts())
	if missing > 0 || h.twice > 0 {
		t.Errorf("%d lost, %d answered twice", missing, h.twice)
	}
	if worst > backWithin {
		t.Errorf("back after %v", worst)
	}
	if n := w.starts(); n > 1000 {
		t.Errorf("%d sessions", n)
	}
}
