package discord

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/disgoorg/snowflake/v2"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/mynahbot/mynah/internal/localdiscord"
)

// starts returns how many sessions Mynah has begun, as the local Discord counts them.
func (w *world) starts() int {
	w.t.Helper()
	rs, err := w.http.Get(w.line.Page + "_local/state")
	if err != nil {
		w.t.Fatal(err)
	}
	defer rs.Body.Close()
	var state struct {
		Starts []struct {
			Used int `json:"used"`
		} `json:"starts"`
	}
	if err := json.NewDecoder(rs.Body).Decode(&state); err != nil {
		w.t.Fatal(err)
	}
	return state.Starts[0].Used
}

// clear ends faults of the gateway or of REST.
func (w *world) clear(path string) {
	w.t.Helper()
	rq, err := http.NewRequest(http.MethodDelete, w.line.Page+"_local/"+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	rs, err := w.http.Do(rq)
	if err != nil {
		w.t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, rs.Body)
	w.check(rs.Body.Close())
}

func TestSessionsThatCantBeResumedBeginAnew(t *testing.T) {
	resume := func(fault map[string]any) []map[string]any {
		fault["account"], fault["on"] = "Mynah", "resume"
		return []map[string]any{fault}
	}
	for name, tc := range map[string]struct {
		faults []map[string]any
		dead   bool // the address for resuming
		starts int  // sessions in all
	}{
		"resumed":                 {starts: 1},
		"4003 on the resume":      {faults: resume(map[string]any{"close": 4003}), starts: 2},
		"4006 on the resume":      {faults: resume(map[string]any{"close": 4006}), starts: 2},
		"4007 on the resume":      {faults: resume(map[string]any{"close": 4007}), starts: 2},
		"4009 on the resume":      {faults: resume(map[string]any{"close": 4009}), starts: 2},
		"op 9 false":              {faults: resume(map[string]any{"op": 9}), starts: 2},
		"op 9 true, three times":  {faults: resume(map[string]any{"op": 9, "resumable": true}), starts: 2},
		"op 7, three times":       {faults: resume(map[string]any{"op": 7}), starts: 2},
		"4000, three times":       {faults: resume(map[string]any{"close": 4000}), starts: 2},
		"a dead resume address":   {dead: true, starts: 2},
		"closed before the hello": {faults: []map[string]any{{"on": "connect", "close": 4000, "times": 2}}, starts: 1},
		"a network that is away":  {faults: []map[string]any{{"on": "connect", "status": 503, "times": 3}}, starts: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			ann := w.login("Ann")
			wants(t, "before", ann.ask("general", "!hi").Content, "Hi")
			if tc.dead {
				w.steer("gateway/resume", map[string]any{"alive": false})
			}
			for _, f := range tc.faults {
				w.steer("gateway/faults", f)
			}
			began := time.Now()
			w.steer("gateway/drop", map[string]any{"account": "Mynah", "close": 4000})
			if tc.starts > 1 {
				for w.starts() < tc.starts {
					if time.Since(began) > waitLimit {
						t.Fatalf("no new session: %s", w.log)
					}
					time.Sleep(50 * time.Millisecond)
				}
				// What was asked while no session stood is lost; what is asked afterwards isn't.
				for w.mynah.wire.Status().String() != "Ready" {
					time.Sleep(10 * time.Millisecond)
				}
			}
			wants(t, "after", ann.ask("general", "!hi").Content, "Hi")
			if took := time.Since(began); took > time.Minute {
				t.Errorf("back after %v", took)
			}
			if n := w.starts(); n != tc.starts {
				t.Errorf("%d sessions, want %d", n, tc.starts)
			}
		})
	}
}

func TestALastingInvalidSessionSparesTheBudget(t *testing.T) {
	w := newWorld(t, nil)
	w.steer("gateway/faults", map[string]any{"account": "Mynah", "on": "identify", "op": 9})
	w.steer("gateway/drop", map[string]any{"account": "Mynah", "op": 9, "resumable": false})
	began := time.Now()
	for w.mynah.wire.budget.pause(time.Now()) < 2*identifyEvery { // a backoff beyond Discord's own pace
		if time.Since(began) > waitLimit {
			t.Fatal("it doesn't slow down")
		}
		time.Sleep(100 * time.Millisecond)
	}
	w.clear("gateway/faults")
	if err := w.mynah.Err(); err != nil {
		t.Error(err)
	}
}

func TestTheNewSessionsPeopleAreThoseThatCount(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	guild := w.line.Servers[0].Name
	w.steer("voice", map[string]any{"account": "Ann", "channel": "Talk"})
	w.steer("voice", map[string]any{"account": "Boris", "channel": "Talk"})
	wants(t, "before", ann.ask("general", "!hi").Content, "Hi")
	talk := w.channel("Talk")
	people := func() string {
		var names []string
		for _, id := range w.mynah.calls.present(talkGuild(w), talk) {
			w.mynah.calls.mu.Lock()
			names = append(names, w.mynah.calls.people[member{talkGuild(w), id}].Name)
			w.mynah.calls.mu.Unlock()
		}
		return strings.Join(names, " ")
	}
	if got := people(); !strings.Contains(got, "Ann") || !strings.Contains(got, "Boris") {
		t.Fatalf("before: %q", got)
	}
	// While Mynah is away Boris goes, Chen comes, and the session ends.
	w.steer("gateway/faults", map[string]any{"on": "connect", "status": 503, "times": 1})
	w.steer("gateway/drop", map[string]any{"account": "Mynah", "close": 4000, "forget": true})
	w.steer("voice", map[string]any{"account": "Boris", "channel": nil})
	w.steer("voice", map[string]any{"account": "Chen", "channel": "Talk"})
	for w.starts() < 2 || w.mynah.wire.Status().String() != "Ready" {
		time.Sleep(50 * time.Millisecond)
	}
	wants(t, "after", ann.ask("general", "!hi").Content, "Hi")
	if got := people(); strings.Contains(got, "Boris") || !strings.Contains(got, "Ann") || !strings.Contains(got, "Chen") {
		t.Errorf("after: %q", got)
	}
	// A server that Mynah was taken off while away is gone.
	w.steer("gateway/faults", map[string]any{"on": "connect", "status": 503, "times": 1})
	w.steer("gateway/drop", map[string]any{"account": "Mynah", "close": 4000, "forget": true})
	w.steer("members", map[string]any{"server": guild, "account": "Mynah", "present": false})
	for w.starts() < 3 || w.mynah.wire.Status().String() != "Ready" {
		time.Sleep(50 * time.Millisecond)
	}
	for began := time.Now(); w.mynah.present(talkGuild(w)); time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > waitLimit {
			t.Fatal("the server is still known")
		}
	}
}

func TestAnEventThatCantBeDecodedCostsItselfOnly(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.login("Ann")
	event := func(name, data string) {
		t.Helper()
		w.steer("gateway/events", map[string]any{"account": "Mynah", "name": name, "data": json.RawMessage(data)})
	}
	event("MESSAGE_CREATE", `{"id":{"not":"an id"}}`)
	event("GUILD_ROLE_UPDATE", `[]`)
	event("CHANNEL_CREATE", `{"id":"1","type":99}`)
	event("SOMETHING_NEW", `{"a":1}`)
	event("MESSAGE_CREATE", `null`)
	// A server with a channel of a new type, and a role that can't be read, is a server all the same.
	server := w.guildCreate()
	server["channels"] = append(server["channels"].([]any), map[string]any{"id": "1", "type": 99}, map[string]any{"id": "2", "type": 99})
	server["roles"] = append(server["roles"].([]any), map[string]any{"id": 5, "permissions": map[string]any{}})
	server["name"] = "renamed"
	raw, err := json.Marshal(server)
	if err != nil {
		t.Fatal(err)
	}
	event("GUILD_CREATE", string(raw))
	// A message with components and parts that nobody knows is read without them.
	w.steer("messages", map[string]any{"account": "Ann", "channel": "general", "content": "!hi", "over": map[string]any{
		"components": []any{map[string]any{"type": 77, "x": 1}, map[string]any{"type": 1, "components": []any{map[string]any{"type": 10, "content": "x"}}}},
		"poll":       map[string]any{"question": 5}, "embeds": []any{map[string]any{"fields": 7}}, "sticker_items": 3,
	}})
	ann.saying("Hi, Ann!")
	wants(t, "after", ann.ask("general", "!hi").Content, "Hi, Ann!")
	if g, ok := w.mynah.disgo.Caches.Guild(talkGuild(w)); !ok || g.Name != "renamed" {
		t.Errorf("the server: %+v %v", g, ok)
	}
	for _, line := range []string{"kind=channels type=99", "kind=event type=SOMETHING_NEW", "kind=event type=CHANNEL_CREATE"} {
		if n := strings.Count(w.log.all(), line); n != 1 {
			t.Errorf("%q stands %d times in the log", line, n)
		}
	}
}

// guildCreate is the server as Discord tells of it, from a session of its own.
func (w *world) guildCreate() map[string]any {
	w.t.Helper()
	account, _ := w.line.Account("Mynah")
	rq, err := http.NewRequest(http.MethodGet, w.line.REST+"/v10/guilds/"+w.line.Servers[0].ID.String(), nil)
	if err != nil {
		w.t.Fatal(err)
	}
	rq.Header.Set("Authorization", "Bot "+account.Token)
	rs, err := w.http.Do(rq)
	if err != nil {
		w.t.Fatal(err)
	}
	defer rs.Body.Close()
	var g map[string]any
	if err := json.NewDecoder(rs.Body).Decode(&g); err != nil {
		w.t.Fatal(err)
	}
	for _, list := range []string{"channels", "threads", "members", "voice_states", "presences", "stage_instances", "guild_scheduled_events"} {
		g[list] = []any{}
	}
	g["joined_at"], g["large"], g["unavailable"], g["member_count"] = "2020-01-01T00:00:00+00:00", false, false, 4
	return g
}

func TestCommandsAreRegisteredWhenTheyDiffer(t *testing.T) {
	world := localdiscord.DefaultWorld()
	world.Bots[0].EntryPoint = true
	w := newWorldIn(t, localdiscord.Config{World: world}, nil)
	commands := func() (names, versions string) {
		t.Helper()
		account, _ := w.line.Account("Mynah")
		rq, _ := http.NewRequest(http.MethodGet, w.line.REST+"/v10/applications/"+account.ID.String()+"/commands", nil)
		rq.Header.Set("Authorization", "Bot "+account.Token)
		rs, err := w.http.Do(rq)
		if err != nil {
			t.Fatal(err)
		}
		defer rs.Body.Close()
		var list []struct{ Name, Version string }
		if err := json.NewDecoder(rs.Body).Decode(&list); err != nil {
			t.Fatal(err)
		}
		for _, cmd := range list {
			names, versions = names+cmd.Name+" ", versions+cmd.Version+" "
		}
		return names, versions
	}
	w.registered()
	names, before := commands()
	if !strings.Contains(names, "launch ") || !strings.Contains(names, "hi ") {
		t.Errorf("registered: %s", names)
	}
	w.stop()
	w.start(nil)
	w.registered()
	if _, after := commands(); after != before {
		t.Error("the same commands were registered again")
	}
	// Discord fails for a while: starting doesn't wait for it.
	w.stop()
	account, _ := w.line.Account("Mynah")
	rq, _ := http.NewRequest(http.MethodPut, w.line.REST+"/v10/applications/"+account.ID.String()+"/commands",
		strings.NewReader(`[{"type":4,"name":"launch","description":"Launch","handler":2}]`))
	rq.Header.Set("Authorization", "Bot "+account.Token)
	rs, err := w.http.Do(rq)
	if err != nil || rs.StatusCode != 200 {
		t.Fatal(rs, err)
	}
	rs.Body.Close()
	w.steer("faults", map[string]any{"method": "PUT", "path": "/applications/*/commands", "status": 400, "code": 50035, "times": 1})
	began := time.Now()
	w.start(nil)
	w.registered()
	if names, _ := commands(); !strings.Contains(names, "hi ") {
		t.Errorf("after %v: %s", time.Since(began), names)
	}
}

// registered waits until Mynah's commands are.
func (w *world) registered() {
	w.t.Helper()
	for began := time.Now(); gauge(w.mynah.metrics.commands) == 0; time.Sleep(20 * time.Millisecond) {
		if time.Since(began) > waitLimit {
			w.t.Fatalf("the commands are not registered: %s", w.log)
		}
	}
}

// gauge reads a metric.
func gauge(m prometheus.Metric) float64 {
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		return -1
	}
	return out.GetGauge().GetValue()
}

// talkGuild is the ready world's server.
func talkGuild(w *world) snowflake.ID { return snowflake.ID(w.server) }
